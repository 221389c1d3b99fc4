"""Tbx11k: the radiographs of TBX11K, as the collection is distributed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from radbench.contracts.case import Case
from radbench.contracts.dataset import CaseEntry
from radbench.contracts.errors import DatasetError
from radbench.imaging.collection import (
    Found,
    Line,
    collection_root,
    counted,
    find_files,
    held_out,
    read_list,
    repeated,
    shown,
)
from radbench.imaging.radiograph_set import Film, RadiographSet, distinct
from radbench.imaging.radiographs import Reading
from radbench_tbx11k.annotations import Annotation, read_json, read_xml
from radbench_tbx11k.config import Tbx11kConfig
from radbench_tbx11k.findings import BOXES, CLASSES

_EXPECTED = "imgs, lists and annotations of TBX11K"
_GET = "get the archive again and unpack all of it"
TRAIN, VALIDATION = "TBX11K_train.txt", "TBX11K_val.txt"
_NAME = re.compile(r"(?:imgs/)?((health|sick|tb)/([\w-]+)\.png)")


class Tbx11k:
    """The labelled radiographs of TBX11K: its official train and validation lists.

    The official validation list is the test split here, since the official test list has no labels; validation is
    drawn from the train list. The collection names no patients: each image counts as a patient's own. What lies in
    ``imgs/test`` and ``imgs/extra`` is no case.

    Raises (by its methods):
        DatasetError: the folder, a list or an annotation file is missing or damaged, an image is in both lists, or no
            image is there.
        CaseError: an image cannot be used: its file, its boxes.

    Attributes:
        modality: "cxr".
        collection: "TBX11K".
        config: the configuration it was built from.
    """

    Config = Tbx11kConfig
    modality = "cxr"
    collection = "TBX11K"

    def __init__(self, config: Tbx11kConfig) -> None:
        self.config = config

    @property
    def targets(self) -> frozenset[str]:
        """``findings``; ``boxes`` where the annotations are there."""
        return frozenset({"findings", "boxes"} if self._annotations else {"findings"})

    def manifest(self) -> Sequence[CaseEntry]:
        """List the cases in the lists' order, train and validation before test."""
        return self._set.manifest()

    def load(self, case_id: str) -> Case:
        """Load one case.

        Returns:
            A case with ``findings`` ``tb`` and ``sick`` (ill, without tuberculosis); ``boxes`` of ``active-tb``,
            ``latent-tb`` and ``uncertain-tb``, empty ones where there is none. An image of tuberculosis without any
            box is of the uncertain kind: what it has is not stated, and its mapping is empty.
        """
        return self._set.load(case_id)

    def noticed(self) -> Sequence[str]:
        """Tell what in the collection is more or less than its lists say, for ``bench data check``."""
        told = list(self._set.noticed(self._files.paths))
        lines = [(line.cells[0], line) for of in self._lists.values() for line in of]
        told += [f"'{name}' is listed twice" for name, _, _ in repeated(lines)]
        if not self._annotations:
            told.append(f"there are no boxes in '{self._root / 'annotations' / self.config.annotations}'")
            return told
        stems = {Path(line.cells[0]).stem for of in self._lists.values() for line in of}
        if strange := sorted(set(self._annotations) - stems):
            told.append(f"the annotations have {counted(len(strange), 'image')} in neither list: {shown(strange)}")
        bare = sorted(f.name for f in self._set.listed if f.findings.get("tb") and not f.fault and not f.boxes)
        if bare:
            told.append(f"{counted(len(bare), 'image')} of tuberculosis without a box: {shown(bare)}")
        return told

    @cached_property
    def _root(self) -> Path:
        return collection_root(self.config.root, _EXPECTED)

    @cached_property
    def _files(self) -> Found:
        images = self._root / "imgs"
        folders = [images / name for name in CLASSES if (images / name).is_dir()]
        if not folders:
            raise DatasetError(
                f"folder '{images}' holds none of {', '.join(CLASSES)}: give the folder with {_EXPECTED}"
            )
        found = [(folder.name, find_files([folder], (".png",), by="path")) for folder in folders]
        return Found({f"{name}/{below}": path for name, of in found for below, path in of.paths.items()})

    @cached_property
    def _lists(self) -> dict[str, list[Line]]:
        lists: dict[str, list[Line]] = {}
        for name in (TRAIN, VALIDATION):
            path = self._root / "lists" / name
            lists[name] = [_line(path, line) for line in read_list(path, f"TBX11K is distributed with it: {_GET}")]
        both = {line.cells[0] for line in lists[TRAIN]} & {line.cells[0] for line in lists[VALIDATION]}
        if both:
            raise DatasetError(f"'{min(both)}' is in both {TRAIN} and {VALIDATION}: get the lists again")
        return lists

    @cached_property
    def _annotations(self) -> Mapping[str, Annotation]:
        folder = self._root / "annotations" / self.config.annotations
        return read_json(folder) if self.config.annotations == "json" else read_xml(folder)

    @cached_property
    def _set(self) -> RadiographSet:
        config = self.config
        films = [self._film(line.cells[0], of) for of, lines in self._lists.items() for line in lines]
        reading = Reading(config.size, config.side)
        return RadiographSet(self._root, distinct(films), reading, self.targets, config.absent, _GET)

    def _film(self, name: str, of: str) -> Film:
        folder, _, file = name.partition("/")
        stem = file.removesuffix(".png")
        held = held_out(stem, self.config.validation, self.config.split_seed)
        drawn = self._annotations.get(stem)
        boxes = dict(drawn.boxes) if drawn is not None else {}
        fault = "" if drawn is None else drawn.fault
        if folder != "tb":
            if any(boxes.values()):
                fault = fault or f"the annotations have boxes of tuberculosis on '{name}', which lies in imgs/{folder}"
            boxes = dict.fromkeys(BOXES.values(), ())
        elif not any(boxes.values()):
            boxes = {}
        return Film(
            case_id=stem,
            patient_id=stem,
            split="test" if of == VALIDATION else "validation" if held else "train",
            name=name,
            path=self._files.paths.get(name),
            groups={"class": CLASSES[folder]},
            findings={"tb": float(folder == "tb"), "sick": float(folder == "sick")},
            boxes=boxes,
            frame=None if drawn is None else drawn.frame,
            fault=fault,
        )


def _line(path: Path, line: Line) -> Line:
    match = _NAME.fullmatch(line.cells[0])
    if match is None:
        raise DatasetError(f"list '{path}', line {line.number}: '{line.cells[0]}' is not of the form tb/tb0003.png")
    return Line(line.number, (match[1],))
