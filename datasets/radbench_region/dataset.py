"""The data set region: the cases of another data set, cut to a box."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import field_validator, model_validator

from radbench.contracts.case import IMAGE_TARGETS, MASK_TARGETS, Case
from radbench.contracts.config import Config, PartName, param, part
from radbench.contracts.dataset import CaseEntry
from radbench.contracts.errors import CaseError
from radbench.contracts.specs import DatasetSpec
from radbench.imaging.regions import Region as Box
from radbench.imaging.regions import crop

if TYPE_CHECKING:
    from torch import Tensor

_KEPT = MASK_TARGETS | IMAGE_TARGETS | {"hu", "recist", "findings", "boxes"}
"""Targets that a region has where the whole image has them; poses and volumes are those of the whole."""

_WHOLE = (0.0, 0.0, 1.0, 1.0)
_ROUNDING = 1e-6
_Span = tuple[int, int]


class RegionConfig(Config):
    """What is cut, and round what."""

    of: PartName = part("dataset", needs=lambda config: config.needed, description="The data set whose images are cut.")
    around: str = param(
        "image",
        "What the box lies round: image, a mask target (heart_mask), boxes:FINDING, all boxes of a finding, or spine, "
        "which is looked for in a frontal chest radiograph.",
        source="assumed",
    )
    spine: Literal["wide", "narrow"] = param(
        "narrow",
        "around=spine: narrow: 512 high and 260 wide in a radiograph of 1024, as the guided U-Net is judged on; wide: "
        "512 x 512, as it learns from. Others are in proportion, by their shorter side; in the middle of the rows.",
        source="paper guided U-Net §IV-B; assumed: the rows",
    )
    box: tuple[float, float, float, float] = param(
        _WHOLE, "around=image: top, left, height and width, as shares of the image's sides.", source="assumed"
    )
    margin: float = param(
        0.1,
        "Added on each side, as a share of the height and width of what the box lies round.",
        source="assumed",
        ge=0,
    )
    margin_mm: float | None = param(None, "Added on each side in place of margin, in mm.", source="assumed", ge=0)
    shape: Literal["any", "square"] = param(
        "any", "square: the shorter side becomes as long as the longer, where the image is as large.", source="assumed"
    )
    least: int = param(16, "Least side in pixels, where the image is as large.", source="assumed", ge=1)

    @field_validator("around")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in ("image", "spine") and value not in MASK_TARGETS and not value.partition("boxes:")[2]:
            raise ValueError(f"around must be image, spine, boxes:FINDING or one of {', '.join(sorted(MASK_TARGETS))}")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        top, left, height, width = self.box
        if min(top, left) < 0 or min(height, width) <= 0 or max(top + height, left + width) > 1 + _ROUNDING:
            raise ValueError(
                f"box={list(self.box)} must be top, left, height and width of a part of the image, each a share of it"
            )
        if self.around != "image" and self.box != _WHOLE:
            raise ValueError(f"box says where to cut, and so does around={self.around}: give one of them")
        if self.around != "spine" and self.spine != "narrow":
            raise ValueError(f"spine={self.spine} belongs to around=spine, which is {self.around}")
        return self

    @property
    def finding(self) -> str:
        """The finding whose boxes it lies round, "" for none."""
        return self.around.partition("boxes:")[2]

    @property
    def needed(self) -> tuple[str, ...]:
        """The targets without which nothing can be cut."""
        return () if self.around in ("image", "spine") else ("boxes",) if self.finding else (self.around,)


class Region:
    """The cases of another data set, each cut to a box: a fixed one, or round a mask, the boxes of a finding or the
    spine.

    Case ids, patients, splits, groups, twins and pixel spacing are the other data set's. A case and its twin are cut
    alike, round what is in the twin: several cases may share one.

    Args:
        config: what is cut.
        parts: ``of``, the other data set, open.

    Attributes:
        modality: the other data set's.
        targets: the other data set's masks, images, ``hu``, ``recist``, ``findings`` and ``boxes``.
        collection: the other data set's, where it names one.
        config: the configuration it was built from.
    """

    Config = RegionConfig

    def __init__(self, config: RegionConfig, parts: Any) -> None:
        self.config, self.of = config, parts.of
        self.modality: str = self.of.modality
        self.targets = frozenset(self.of.targets) & _KEPT
        if hasattr(self.of, "collection"):
            self.collection: str = self.of.collection

    def manifest(self) -> list[CaseEntry]:
        """List the other data set's cases; a digest covers that case's own, its twin's and the options."""
        return [replace(entry, digest=self._digest(entry)) for entry in self._entries.values()]

    def load(self, case_id: str) -> Case:
        """Load one case and cut it.

        Returns:
            The case within the box: image, masks, images and ``hu`` cut, points and boxes moved, boxes cut off at the
            outermost pixels; boxes that lie outside are left out, findings stay as they are. Its provenance tells the
            box as ``region``.

        Raises:
            CaseError: there is nothing to cut round, no spine is found, or the twin's box reaches beyond the image.
        """
        whole = self.of.load(case_id)
        twin = self._entries[case_id].twin
        box = self._box(
            self.of.load(twin) if twin else whole, f"case '{case_id}'" + (f": its twin '{twin}'" * bool(twin))
        )
        rows, columns = whole.image.shape[-2:]
        if box.top + box.height > rows or box.left + box.width > columns:
            raise CaseError(
                f"case '{case_id}': the box of its twin '{twin}' reaches beyond its own {rows} x {columns} pixels; "
                "twins are cut alike and must be of one size"
            )
        where = {"top": box.top, "left": box.left, "height": box.height, "width": box.width}
        return replace(
            whole,
            image=crop(whole.image, box),
            targets={name: _within(box, name, whole.targets[name]) for name in whole.targets if name in _KEPT},
            provenance={**whole.provenance, "region": {**where, "around": self.config.around}},
        )

    @cached_property
    def _entries(self) -> Mapping[str, CaseEntry]:
        return {entry.case_id: entry for entry in self.of.manifest()}

    def _digest(self, entry: CaseEntry) -> str:
        twin = self._entries[entry.twin].digest if entry.twin else ""
        # What spine says belongs to around=spine alone: other regions' digests are what they were without it.
        left_out = {"of"} if self.config.around == "spine" else {"of", "spine"}
        made_of = [entry.digest, twin, self.config.model_dump(mode="json", exclude=left_out)]
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()

    def _box(self, case: Case, who: str) -> Box:
        if self.config.around == "spine":
            from radbench.imaging.spine_axis import JUDGED, LEARNT, spine_region

            return spine_region(case.image, LEARNT if self.config.spine == "wide" else JUDGED, who)
        rows, columns = int(case.image.shape[-2]), int(case.image.shape[-1])
        if self.config.around == "image":
            top, left, height, width = self.config.box
            down, across = _pixels(top * rows, (top + height) * rows), _pixels(left * columns, (left + width) * columns)
        else:
            down, across = self._grown(case, *self._extent(case, who))
            down, across = _inside(down, rows), _inside(across, columns)
        return Box(down[0], across[0], down[1] - down[0], across[1] - across[0])

    def _extent(self, case: Case, who: str) -> tuple[_Span, _Span]:
        """Return the first pixel and the one after the last, downwards and across, of what the box lies round."""
        if self.config.finding:
            boxes = case.targets.get("boxes", {}).get(self.config.finding)
            if boxes is None or not len(boxes):
                raise CaseError(f"{who} has no box of '{self.config.finding}' to cut round")
            # Points lie at pixel centres: a pixel reaches half of its side further.
            (left, top), (right, bottom) = boxes[:, :2].amin(0) + 0.5, boxes[:, 2:].amax(0) + 0.5
            down, across = _pixels(float(top), float(bottom)), _pixels(float(left), float(right))
            rows, columns = case.image.shape[-2:]
            if down[1] <= 0 or across[1] <= 0 or down[0] >= rows or across[0] >= columns:
                raise CaseError(f"{who} has its boxes of '{self.config.finding}' outside the image")
            return down, across
        mask = case.targets.get(self.config.around)
        if mask is None or not bool(mask.any()):
            raise CaseError(f"{who} has no {self.config.around} to cut round")
        places = mask[0].nonzero()
        (top, left), (bottom, right) = places.amin(0).tolist(), places.amax(0).tolist()
        return (top, bottom + 1), (left, right + 1)

    def _grown(self, case: Case, down: _Span, across: _Span) -> tuple[_Span, _Span]:
        """Return the extent with its margins, at the least side and, so configured, square."""
        margins = self._margins(case, down[1] - down[0], across[1] - across[0])
        height, width = (
            max(math.ceil(last - first + 2 * margin - _ROUNDING), self.config.least)
            for (first, last), margin in zip((down, across), margins, strict=True)
        )
        if self.config.shape == "square":
            height = width = max(height, width)
        return _centred(down, height), _centred(across, width)

    def _margins(self, case: Case, height: int, width: int) -> tuple[float, float]:
        if self.config.margin_mm is None:
            return self.config.margin * height, self.config.margin * width
        if case.spacing_mm is None:
            raise CaseError(f"case '{case.case_id}' states no pixel spacing: give margin in place of margin_mm")
        return self.config.margin_mm / case.spacing_mm[0], self.config.margin_mm / case.spacing_mm[1]


def spec_of_region(spec: DatasetSpec, config: RegionConfig, parts: Mapping[str, Any]) -> DatasetSpec:
    """Return the spec of a region: modality, targets, licence and citation are those of the data set that is cut."""
    of = parts["of"]
    targets = tuple(name for name in of.targets if name in _KEPT)
    return replace(spec, modality=of.modality, targets=targets, slow=of.slow, licence=of.licence, citation=of.citation)


def _pixels(first: float, last: float) -> _Span:
    """Return the fewest whole pixels, one or more, that hold a stretch of edges; rounding adds none."""
    start = math.floor(first + _ROUNDING)
    return start, max(start + 1, math.ceil(last - _ROUNDING))


def _centred(span: _Span, side: int) -> _Span:
    start = (span[0] + span[1] - side + 1) // 2
    return start, start + side


def _inside(span: _Span, length: int) -> _Span:
    """Return a span moved into the image; where it is longer, all of the image."""
    side = min(span[1] - span[0], length)
    start = max(0, min(span[0], length - side))
    return start, start + side


def _within(box: Box, name: str, value: Any) -> Any:
    """Return a target as it is within a box."""
    if name == "findings":
        return value
    if name == "recist":
        return box.points_to_region(value)
    if name == "boxes":
        return {finding: _cut_off(boxes, box) for finding, boxes in value.items()}
    return crop(value, box)


def _cut_off(boxes: Tensor, box: Box) -> Tensor:
    """Return boxes ``[N,4]`` in the region's pixels, cut off at its outermost ones; those outside are left out."""
    corners = box.points_to_region(boxes.reshape(-1, 2)).reshape(-1, 4)
    last = corners.new_tensor([box.width, box.height] * 2) - 1
    met = ((corners[:, 2:] >= 0) & (corners[:, :2] <= last[:2])).all(1)
    return corners[met].clamp_min(0).minimum(last)
