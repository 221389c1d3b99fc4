"""The cases of a collection of radiographs: manifest, digests, loading, and what is missing, extra or twice there."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from radbench.contracts.case import Case
from radbench.contracts.config import param
from radbench.contracts.dataset import CaseEntry
from radbench.contracts.errors import CaseError, DatasetError, did_you_mean
from radbench.imaging.collection import counted, shown
from radbench.imaging.digests import file_digests
from radbench.imaging.radiographs import Box, Reading, disc_mask, read_masks, read_radiograph, scaled_boxes
from radbench.imaging.stored import MAPPING_VERSION

if TYPE_CHECKING:
    from radbench.contracts.specs import DatasetSpec

Absent = Literal["refuse", "leave-out"]
Side = Literal["longer", "shorter"]


def size_field() -> Any:
    """Declare the field ``size`` of a collection's configuration."""
    return param(
        None,
        "Pixels that a side of every image is reduced to by area averaging, with its masks and boxes; none: as the "
        "files are. Reduced images are made once, side by side, and kept. Nothing is enlarged.",
        source="assumed",
        ge=16,
        le=4096,
    )


def side_field() -> Any:
    """Declare the field ``side`` of a collection's configuration."""
    return param("longer", "Which side size is of; the other one keeps the proportions.", source="assumed")


def absent_field() -> Any:
    """Declare the field ``absent`` of a collection's configuration."""
    return param(
        "refuse",
        "Cases whose image is listed and not there. refuse: a fault when loaded; leave-out: no case, for a part of the "
        "collection.",
        source="assumed",
    )


def validation_field(default: float = 0.2, source: str = "assumed") -> Any:
    """Declare the field ``validation`` of a collection's configuration."""
    return param(
        default,
        "Share of the patients of the official train list that are held out as validation, with all of their images.",
        source=source,
        ge=0.0,
        lt=1.0,
    )


def seed_field() -> Any:
    """Declare the field ``split_seed`` of a collection's configuration."""
    return param(0, "Another one holds out other patients.", source="assumed", ge=0)


def spec_by_size(spec: DatasetSpec, config: Any, parts: Mapping[str, Any]) -> DatasetSpec:
    """Return a collection's spec: with ``size``, its cases are made side by side and kept."""
    return replace(spec, slow=config.size is not None)


@dataclass(frozen=True)
class Film:
    """A case as a collection's tables tell it.

    Attributes:
        case_id, patient_id, split, groups: as in :class:`radbench.contracts.CaseEntry`.
        name: what the tables call its file.
        path: where that lies, None where it is not there.
        copies: other files of its name; they must have the same bytes.
        findings: finding -> 0, 1 or NaN (not stated).
        boxes: finding -> boxes in the frame's pixels; None where the collection has no boxes here.
        discs: (x, y, diameter) of ``nodule_mask`` in the frame's pixels; None where there is none.
        frame: (rows, columns) that boxes and discs are told in; None: those of the file.
        extent_mm: (height, width) of all that the image shows; None where nothing states it.
        masks: mask target -> the files whose union it is.
        facts: more that the tables say, for the provenance.
        fault: why it cannot be used, or "".
    """

    case_id: str
    patient_id: str
    split: str
    name: str
    path: Path | None = None
    copies: tuple[Path, ...] = ()
    groups: Mapping[str, str] = field(default_factory=dict, hash=False)
    findings: Mapping[str, float] = field(default_factory=dict, hash=False)
    boxes: Mapping[str, tuple[Box, ...]] | None = field(default=None, hash=False)
    discs: tuple[tuple[float, float, float], ...] | None = None
    frame: tuple[int, int] | None = None
    extent_mm: tuple[float, float] | None = None
    masks: Mapping[str, tuple[Path, ...]] = field(default_factory=dict, hash=False)
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)
    fault: str = ""

    @property
    def files(self) -> list[Path]:
        """All files that the case is made from."""
        own = [] if self.path is None else [self.path]
        return [*own, *self.copies, *(p for paths in self.masks.values() for p in paths)]


class RadiographSet:
    """The cases of a collection, from what its tables tell.

    Args:
        root: the collection's folder.
        films: its cases.
        reading: how images are read.
        targets: that its cases carry: ``findings``, ``boxes``, ``nodule_mask`` and masks.
        absent: what becomes of films whose file is not there.
        get: how a missing file is come by, for the sentence.

    Raises (by its methods):
        DatasetError: there is no film, or none of the files is there.
        CaseError: a case cannot be used.
    """

    def __init__(
        self,
        root: Path,
        films: Iterable[Film],
        reading: Reading,
        targets: frozenset[str],
        absent: Absent,
        get: str,
    ) -> None:
        self.root, self.reading, self.targets, self.absent, self.get = root, reading, targets, absent, get
        self.listed = tuple(films)

    def manifest(self) -> tuple[CaseEntry, ...]:
        """List the cases in the tables' order.

        A case's digest covers the bytes of its files, what the tables say of it and every option that changes what is
        made of them.
        """
        return tuple(self._entries.values())

    def load(self, case_id: str) -> Case:
        """Load one case.

        Returns:
            A case whose image is float32 ``[1,H,W]``, dense bright; its targets at the image's size.
        """
        film = self._films.get(case_id)
        if film is None:
            raise CaseError(f"'{self.root}' has no case '{case_id}'{did_you_mean(case_id, self._films)}")
        try:
            return self._load(film)
        except CaseError as error:
            raise type(error)(f"case '{case_id}': {error}") from error

    def noticed(self, files: Mapping[str, Path], known: Iterable[str] = ()) -> Iterator[str]:
        """Tell which files are missing, extra, or there several times.

        Args:
            files: all image files of the collection that were found, by the name that its tables would have.
            known: names of the tables that are no cases under this configuration.
        """
        gone = [film.name for film in self.listed if film.path is None]
        if gone:
            kept = "left out" if self.absent == "leave-out" else "faults (absent=leave-out: no cases)"
            of = counted(len(self.listed), "listed image")
            yield f"{len(gone):,} of {of} not there, {kept}: {shown(gone)}; {self.get}"
        listed = {film.name for film in self.listed} | set(known)
        if extra := sorted(set(files) - listed):
            yield f"{counted(len(extra), 'image')} in no line of the tables: {shown(extra)}"
        twice = [film.name for film in self.listed if film.copies]
        if twice:
            yield f"{counted(len(twice), 'image')} in several folders: {shown(twice)}"

    def _load(self, film: Film) -> Case:
        if film.fault:
            raise CaseError(film.fault)
        if film.path is None:
            raise CaseError(
                f"'{film.name}' is listed and not there: {self.get}, or take what is there by absent=leave-out"
            )
        own = self._digests[film.path]
        for copy in film.copies:
            if self._digests[copy] != own:
                raise CaseError(
                    f"'{film.name}' lies in '{film.path.parent}' and in '{copy.parent}', and the two differ: remove one"
                )
        read = read_radiograph(film.path, self.reading, self._digests)
        frame = film.frame or read.native
        targets: dict[str, Any] = {}
        sources: dict[str, Any] = {}
        if "findings" in self.targets:
            targets["findings"] = dict(film.findings)
        if "boxes" in self.targets:
            targets["boxes"] = scaled_boxes(film.boxes or {}, frame, read.size)
        if "nodule_mask" in self.targets:
            targets["nodule_mask"] = disc_mask(film.discs or (), frame, read.size)
        for target in sorted(self.targets - {"findings", "boxes", "nodule_mask"}):
            if target not in film.masks:
                raise CaseError(f"it has no {target}, which others of the collection have: get it, too")
            targets[target], sources[target] = read_masks(film.masks[target], read.size, self._digests)
        spacing = read.spacing_mm
        if film.extent_mm is not None:
            spacing = film.extent_mm[0] / read.size[0], film.extent_mm[1] / read.size[1]
        return Case(
            case_id=film.case_id,
            patient_id=film.patient_id,
            image=read.image,
            spacing_mm=spacing,
            groups=film.groups,
            provenance={**read.provenance, **film.facts, **({"masks": sources} if sources else {})},
            targets=targets,
        )

    @cached_property
    def _films(self) -> dict[str, Film]:
        if not self.listed:
            raise DatasetError(f"no case of '{self.root}' is left by the configuration")
        there = [film for film in self.listed if film.path is not None]
        if not there:
            raise DatasetError(
                f"none of the {len(self.listed):,} images that the tables in '{self.root}' list is there, the first "
                f"'{self.listed[0].name}': {self.get}"
            )
        return {film.case_id: film for film in (there if self.absent == "leave-out" else self.listed)}

    @cached_property
    def _digests(self) -> Mapping[Path, str]:
        return file_digests(self.root, {path: None for film in self._films.values() for path in film.files})

    @cached_property
    def _entries(self) -> dict[str, CaseEntry]:
        how = json.dumps([vars(self.reading), sorted(self.targets), MAPPING_VERSION], sort_keys=True)
        return {
            film.case_id: CaseEntry(film.case_id, film.patient_id, film.split, self._digest(film, how), film.groups)
            for film in self._films.values()
        }

    def _digest(self, film: Film, how: str) -> str:
        what = {
            "files": [[path.name, self._digests[path]] for path in film.files],
            "masks": {target: [path.name for path in paths] for target, paths in film.masks.items()},
            # NaN is no JSON.
            "findings": {n: None if math.isnan(v) else v for n, v in film.findings.items()},
            "boxes": film.boxes and dict(film.boxes),
            "discs": film.discs,
            "frame": film.frame,
            "extent": film.extent_mm,
            "facts": dict(film.facts),
            "fault": film.fault,
        }
        return hashlib.sha256((how + json.dumps(what, sort_keys=True)).encode()).hexdigest()


def distinct(films: Sequence[Film]) -> list[Film]:
    """Return films without repetition: lines that say the same count once, others make their case a fault."""
    seen: dict[str, Film] = {}
    for film in films:
        before = seen.setdefault(film.case_id, film)
        if before is not film and before != film and not before.fault:
            seen[film.case_id] = replace(before, fault=f"two lines of the table say different things of '{film.name}'")
    return list(seen.values())
