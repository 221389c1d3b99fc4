"""NihChestXray14: the radiographs of ChestX-ray14, as the collection is distributed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from radbench.contracts.case import Case
from radbench.contracts.dataset import CaseEntry
from radbench.contracts.errors import DatasetError
from radbench.imaging.collection import (
    Found,
    Line,
    check_disjoint,
    collection_root,
    counted,
    find_files,
    held_out,
    repeated,
    shown,
)
from radbench.imaging.radiograph_set import Film, RadiographSet, distinct
from radbench.imaging.radiographs import Box, Reading
from radbench_nih.config import NihConfig
from radbench_nih.table import BOXES, SIDE, TEST, TRAIN, Entry, read_boxes, read_entries, read_splits, table_of

_EXPECTED = "Data_Entry_2017.csv, train_val_list.txt, test_list.txt and the images of ChestX-ray14"
_GET = "get the archive that holds it"


class NihChestXray14:
    """The radiographs of ChestX-ray14 as the NIH Clinical Center distributes them.

    The test split is the official list; validation is drawn from the patients of the official train and validation
    list by a hash of their number. Images that are in neither list are no cases.

    Raises (by its methods):
        DatasetError: the folder, a table or a list is missing or damaged, a patient is in both lists, or no image is
            there.
        CaseError: an image cannot be used: its line, its file, its box.

    Attributes:
        modality: "cxr".
        collection: "ChestX-ray14".
        config: the configuration it was built from.
    """

    Config = NihConfig
    modality = "cxr"
    collection = "ChestX-ray14"

    def __init__(self, config: NihConfig) -> None:
        self.config = config

    @property
    def targets(self) -> frozenset[str]:
        """``findings``; ``boxes`` where their list is there."""
        return frozenset({"findings", "boxes"} if BOXES in self._names else {"findings"})

    def manifest(self) -> Sequence[CaseEntry]:
        """List the cases in the lists' order, train and validation before test."""
        return self._set.manifest()

    def load(self, case_id: str) -> Case:
        """Load one case.

        Returns:
            A case whose ``findings`` are fourteen, 0 or 1 (No Finding: all 0), and whose ``boxes`` are those of the
            list: a finding without a key there has no box drawn, present or not. The spacing is that of the original
            film, all of which the image is taken to show.
        """
        return self._set.load(case_id)

    def noticed(self) -> Sequence[str]:
        """Tell what in the collection is more or less than its tables say, for ``bench data check``."""
        told = list(self._set.noticed(self._files.paths, [entry.name for entry in self._table]))
        lines = [(entry.name, Line(entry.line, ())) for entry in self._table]
        told += [
            f"'{name}' is in lines {first.number} and {second.number} of the table"
            for name, first, second in repeated(lines)
        ]
        listed = [(line.cells[0], line) for lines in self._lists.values() for line in lines]
        told += [f"'{name}' is listed twice" for name, _, _ in repeated(listed)]
        if unlisted := sorted({entry.name for entry in self._table} - {name for name, _ in listed}):
            told.append(
                f"{counted(len(unlisted), 'image')} of the table in neither list, so no cases: {shown(unlisted)}"
            )
        if BOXES not in self._names:
            return [*told, f"there is no {BOXES} in '{self._root}', so no boxes"]
        boxes, faults = self._boxes
        names = {name for name, _ in listed}
        if strange := sorted((set(boxes) | set(faults)) - names):
            told.append(f"{BOXES} has boxes of {counted(len(strange), 'image')} in neither list: {shown(strange)}")
        return told

    @cached_property
    def _root(self) -> Path:
        return collection_root(self.config.root, _EXPECTED)

    @cached_property
    def _names(self) -> set[str]:
        return {path.name for path in self._root.iterdir()}

    @cached_property
    def _files(self) -> Found:
        if self.config.images is not None:
            return find_files([collection_root(self.config.images, "the images")], (".png",))
        parts = sorted(p for p in self._root.iterdir() if p.is_dir() and _holds_images(p.name))
        if parts:
            return find_files(parts, (".png",))
        plain = {p.name: p for p in sorted(self._root.iterdir()) if p.suffix.lower() == ".png"}
        if not plain:
            raise DatasetError(
                f"folder '{self._root}' holds no images: unpack the archives there (images, or images_001/images and "
                "so on), or give images=PATH"
            )
        return Found(plain)

    @cached_property
    def _table(self) -> list[Entry]:
        return read_entries(table_of(self._root, self.config.table))

    @cached_property
    def _lists(self) -> dict[str, list[Line]]:
        lists = read_splits(self._root)
        check_disjoint({name: {line.cells[0][:8] for line in lines} for name, lines in lists.items()})
        return lists

    @cached_property
    def _boxes(self) -> tuple[dict[str, dict[str, tuple[Box, ...]]], dict[str, str]]:
        return read_boxes(self._root / BOXES) if BOXES in self._names else ({}, {})

    @cached_property
    def _set(self) -> RadiographSet:
        config = self.config
        entries: dict[str, list[Entry]] = {}
        for entry in self._table:
            entries.setdefault(entry.name, []).append(entry)
        views = ("PA", "AP") if config.views == "both" else (config.views,)
        films = []
        for of, lines in self._lists.items():
            for line in lines:
                told = entries.get(line.cells[0]) or [_unknown(line, of)]
                films += [self._film(entry, of) for entry in told if entry.fault or entry.view in views]
        reading = Reading(config.size, config.side, None if config.pixels is None else (config.pixels, config.pixels))
        return RadiographSet(self._root, distinct(films), reading, self.targets, config.absent, _GET)

    def _film(self, entry: Entry, of: str) -> Film:
        held = of == TRAIN and held_out(entry.patient, self.config.validation, self.config.split_seed)
        boxes, faults = self._boxes
        film = Film(
            case_id=entry.name.removesuffix(".png"),
            patient_id=entry.patient,
            split="test" if of == TEST else "validation" if held else "train",
            name=entry.name,
            path=self._files.paths.get(entry.name),
            copies=self._files.copies.get(entry.name, ()),
            findings=entry.findings,
            boxes=boxes.get(entry.name, {}),
            frame=(SIDE, SIDE),
            extent_mm=entry.extent_mm,
            facts={**entry.facts, "view": entry.view},
            fault=entry.fault or faults.get(entry.name, ""),
        )
        return replace(film, groups={"view": entry.view}) if self.config.views == "both" and entry.view else film


def _unknown(line: Line, of: str) -> Entry:
    name = line.cells[0]
    fault = f"'{of}', line {line.number} names '{name}', of which the table says nothing"
    return Entry(name, name[:8], "", {}, None, {}, line.number, fault)


def _holds_images(name: str) -> bool:
    return name == "images" or (name.startswith("images_") and name[7:].isdecimal())
