"""CheXpert: its radiographs, as the collection is distributed, whole or in its small version."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from radbench.contracts.case import Case
from radbench.contracts.dataset import CaseEntry
from radbench.contracts.errors import DatasetError
from radbench.imaging.collection import check_disjoint, collection_root, find_files, held_out
from radbench.imaging.radiograph_set import Film, RadiographSet, distinct
from radbench.imaging.radiographs import Reading
from radbench_chexpert.config import CheXpertConfig
from radbench_chexpert.findings import TARGETS
from radbench_chexpert.table import Entry, read_entries

_EXPECTED = "train.csv, valid.csv and the images of CheXpert"
_GET = "get the archive that holds it"
_FOLDERS = ("train", "valid", "test")
_TEST_TABLES = ("test_labels.csv", "test.csv")
_UNCERTAIN = {"ignore": math.nan, "zeros": 0.0, "ones": 1.0}
_BLANK = {"negative": 0.0, "not-stated": math.nan}


class CheXpert:
    """The radiographs of CheXpert as Stanford distributes them.

    Raises (by its methods):
        DatasetError: the folder or a table is missing or damaged, a patient is in two of the tables, or no image is
            there.
        CaseError: an image cannot be used: its line, its file.

    Attributes:
        modality: "cxr".
        collection: "CheXpert".
        config: the configuration it was built from.
    """

    Config = CheXpertConfig
    modality = "cxr"
    collection = "CheXpert"
    targets = frozenset(TARGETS)

    def __init__(self, config: CheXpertConfig) -> None:
        self.config = config

    def manifest(self) -> Sequence[CaseEntry]:
        """List the cases in the tables' order: train.csv, then the others."""
        return self._set.manifest()

    def load(self, case_id: str) -> Case:
        """Load one case.

        Returns:
            A case whose ``findings`` are the fourteen observations, uncertain and blank ones as configured.
        """
        return self._set.load(case_id)

    def noticed(self) -> Sequence[str]:
        """Tell what in the collection is more or less than its tables say, for ``bench data check``."""
        files: dict[str, Path] = {}
        for prefix, folder in self._places:
            found = find_files([folder], (".jpg", ".jpeg"), by="path")
            files |= {prefix + below: path for below, path in found.paths.items()}
        wanted = {f"{name}/" for name in self._tables}
        files = {name: path for name, path in files.items() if name[: name.index("/") + 1] in wanted}
        return list(self._set.noticed(files, [e.name for entries in self._tables.values() for e in entries]))

    @cached_property
    def _root(self) -> Path:
        return collection_root(self.config.root, _EXPECTED)

    @cached_property
    def _bases(self) -> list[Path]:
        below = sorted(p for p in self._root.iterdir() if p.is_dir() and p.name.startswith("CheXpert-v1.0"))
        return [self._root, *below]

    @cached_property
    def _places(self) -> list[tuple[str, Path]]:
        """Which folders hold the images of ``train/`` and so on; batches of the whole collection hold patients."""
        places = [(f"{name}/", base / name) for base in self._bases for name in _FOLDERS if (base / name).is_dir()]
        return [*places, *(("train/", base) for base in self._bases if "(train" in base.name)]

    @cached_property
    def _tables(self) -> dict[str, list[Entry]]:
        """The lines of the tables that count, by the official split."""
        names: dict[str, tuple[str, ...]] = {"train": ("train.csv",), "valid": ("valid.csv",)}
        if self.config.test == "test":
            names["test"] = _TEST_TABLES
        uncertain, blank = _UNCERTAIN[self.config.uncertain], _BLANK[self.config.blank]
        tables = {
            of: read_entries(self._table(called), uncertain=uncertain, blank=blank) for of, called in names.items()
        }
        check_disjoint({of: {entry.patient for entry in entries} for of, entries in tables.items()})
        return tables

    def _table(self, called: tuple[str, ...]) -> Path:
        there = [base / name for base in self._bases for name in called if (base / name).is_file()]
        if len(there) > 1:
            one, other = there[:2]
            apart = one.parent != other.parent
            advice = (
                f"give the folder of one version, chexpert[root={other.parent}]" if apart else "take one of them away"
            )
            raise DatasetError(f"'{one}' and '{other}' are two tables of one split: {advice}")
        return there[0] if there else self._root / called[0]

    @cached_property
    def _set(self) -> RadiographSet:
        config = self.config
        views = ("frontal", "lateral") if config.view == "both" else (config.view,)
        films = [
            self._film(entry, of) for of, entries in self._tables.items() for entry in entries if entry.view in views
        ]
        reading = Reading(config.size, config.side)
        return RadiographSet(self._root, distinct(films), reading, self.targets, config.absent, _GET)

    def _film(self, entry: Entry, of: str) -> Film:
        paths = [p for p in self._paths(entry.name) if p.is_file()]
        view = entry.view if entry.view == "lateral" else entry.projection
        return Film(
            case_id=entry.case_id,
            patient_id=entry.patient,
            split=self._split(entry, of),
            name=entry.name,
            path=paths[0] if paths else None,
            copies=tuple(paths[1:]),
            groups={"view": view} if view else {},
            findings=entry.findings,
            facts={**entry.facts, "view": entry.view},
            fault=entry.fault,
        )

    def _paths(self, name: str) -> list[Path]:
        return [folder / name.removeprefix(prefix) for prefix, folder in self._places if name.startswith(prefix)]

    def _split(self, entry: Entry, of: str) -> str:
        if self.config.test == "test":
            return {"train": "train", "valid": "validation", "test": "test"}[of]
        if of == "valid":
            return "test"
        return "validation" if held_out(entry.patient, self.config.validation, self.config.split_seed) else "train"
