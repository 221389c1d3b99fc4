"""Jsrt: the radiographs of JSRT's database, with their nodules and SCR's outlines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from radbench.contracts.case import Case
from radbench.contracts.dataset import CaseEntry
from radbench.contracts.errors import DatasetError
from radbench.imaging.collection import Found, collection_root, find_files, held_out, shown
from radbench.imaging.jsrt import SIDE, SPACING_MM
from radbench.imaging.radiograph_set import Film, RadiographSet
from radbench.imaging.radiographs import Box, Reading
from radbench_jsrt.config import JsrtConfig
from radbench_jsrt.outlines import HEART, LUNGS, Outlines, find_outlines, fold_of
from radbench_jsrt.table import CASES, Record, find_tables, read_records

_EXPECTED = "the images of JSRT's database, JPCLN001 and so on"
_GET = "get the archive that holds it"
_RAW, _CONVERTED = (".img",), (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm")
_NO_IMAGES = ("masks", "landmarks", "points", "fold1", "fold2")
"""Folders of SCR, whose files have the names of images."""


class Jsrt:
    """The 247 radiographs of the Japanese Society of Radiological Technology's database.

    Each is a patient's. Images, tables and SCR's outlines are found below ``root``, in whatever folders.

    Raises (by its methods):
        DatasetError: a folder is missing, a table is damaged, or no image is there.
        CaseError: a case cannot be used: its file, its line, its masks.

    Attributes:
        modality: "cxr".
        collection: "JSRT".
        config: the configuration it was built from.
    """

    Config = JsrtConfig
    modality = "cxr"
    collection = "JSRT"

    def __init__(self, config: JsrtConfig) -> None:
        self.config = config

    @property
    def targets(self) -> frozenset[str]:
        """``findings``; ``nodule_mask`` and ``boxes`` with the clinical tables; lungs and heart with SCR."""
        names = {"findings"}
        if self._tables:
            names |= {"nodule_mask", "boxes"}
        if self._outlines.has(LUNGS):
            names.add("aerated_lung_mask")
        if self._outlines.has(HEART):
            names.add("heart_mask")
        return frozenset(names)

    def manifest(self) -> Sequence[CaseEntry]:
        """List the cases, those with a nodule first."""
        return self._set.manifest()

    def load(self, case_id: str) -> Case:
        """Load one case.

        Returns:
            A case whose ``findings`` tell of the nodule; ``nodule_mask`` is the disc of the table's position and size,
            and ``boxes`` the square round it; SCR's lungs end at the heart's border and are ``aerated_lung_mask``.
        """
        return self._set.load(case_id)

    def noticed(self) -> Sequence[str]:
        """Tell what in the database is more or less than there should be, for ``bench data check``."""
        told = list(self._set.noticed(self._files.paths))
        if not self._tables:
            told.append(
                f"there is no CLNDAT_EN.txt in '{self._root}' or a folder of it, so no nodule_mask and no boxes"
            )
        if strange := sorted(set(self._records) - set(CASES)):
            told.append(f"the tables name {shown(strange)}, which the database does not have")
        if not self._outlines.masks:
            told.append(f"there are no outlines of SCR below '{self.config.scr or self._root}', so no masks of lungs")
        elif strange := sorted(set(self._outlines.masks) - set(CASES)):
            told.append(f"SCR's folders hold masks of {shown(strange)}, which the database does not have")
        return told

    @cached_property
    def _root(self) -> Path:
        return collection_root(self.config.root, _EXPECTED)

    @cached_property
    def _files(self) -> Found:
        raw, converted = (
            find_files([self._root], kinds, by="stem", without=_NO_IMAGES) for kinds in (_RAW, _CONVERTED)
        )
        found = {kind: _upper(of) for kind, of in (("raw", raw), ("converted", converted))}
        other = "converted" if self.config.files == "raw" else "raw"
        if not found[self.config.files].paths and set(found[other].paths) & set(CASES):
            raise DatasetError(
                f"folder '{self._root}' holds no {self.config.files} images of the database, but {other} ones: take "
                f"them by files={other}"
            )
        if not found[self.config.files].paths:
            raise DatasetError(f"folder '{self._root}' holds no images; give the folder with {_EXPECTED}")
        return found[self.config.files]

    @cached_property
    def _tables(self) -> list[Path]:
        if self.config.tables is None:
            return find_tables([self._root, *sorted(p for p in self._root.iterdir() if p.is_dir())])
        folder = collection_root(self.config.tables, "CLNDAT_EN.txt and CNNDAT_EN.txt")
        tables = find_tables([folder])
        if not tables:
            raise DatasetError(f"folder '{folder}' holds neither CLNDAT_EN.txt nor jsrt_metadata.csv")
        return tables

    @cached_property
    def _records(self) -> Mapping[str, Record]:
        return read_records(self._tables)

    @cached_property
    def _outlines(self) -> Outlines:
        if self.config.scr is None:
            return find_outlines(self._root)
        found = find_outlines(collection_root(self.config.scr, "SCR's fold1 and fold2"))
        if not found.masks:
            raise DatasetError(f"folder '{self.config.scr}' holds no masks such as fold1/masks/left lung/JPCLN001.gif")
        return found

    @cached_property
    def _set(self) -> RadiographSet:
        config = self.config
        reading = Reading(config.size, config.side)
        if config.files == "converted":
            reading = Reading(config.size, config.side, polarity=config.polarity, bits=config.bits)
        films = [self._film(name) for name in CASES]
        return RadiographSet(self._root, films, reading, self.targets, config.absent, _GET)

    def _film(self, name: str) -> Film:
        ill = name.startswith("JPCL")
        record = self._records.get(name)
        fault = "" if record is None else record.fault
        if record is None and ill and self._tables and name in self._files.paths:
            fault = f"'{self._tables[0].name}' has no line for '{name}'"
        nodule = None if record is None else record.nodule
        lungs, heart = self._outlines.of(name, LUNGS), self._outlines.of(name, HEART)
        masks = {"aerated_lung_mask": lungs, "heart_mask": heart}
        return Film(
            case_id=name,
            patient_id=name,
            split=self._split(name),
            name=name,
            path=self._files.paths.get(name),
            copies=self._files.copies.get(name, ()),
            groups={} if nodule is None else {"subtlety": nodule.subtlety, "diagnosis": nodule.state},
            findings={"nodule": float(ill)},
            boxes={"nodule": () if nodule is None else (_square(*nodule.disc),)},
            discs=() if nodule is None else (nodule.disc,),
            frame=(SIDE, SIDE),
            extent_mm=(SIDE * SPACING_MM[0], SIDE * SPACING_MM[1]),
            masks={target: paths for target, paths in masks.items() if paths},
            facts={} if record is None else record.facts,
            fault=fault,
        )

    def _split(self, name: str) -> str:
        config = self.config
        if config.split == "scr":
            held = fold_of(name, self._outlines) == config.test_fold
        else:
            held = held_out(f"test/{name}", config.test_share, config.split_seed)
        if held:
            return "test"
        return "validation" if held_out(name, config.validation, config.split_seed) else "train"


def _upper(found: Found) -> Found:
    """Return files by their upper-case stems; those that differ in letters alone are copies of the first."""
    paths: dict[str, Path] = {}
    copies: dict[str, tuple[Path, ...]] = {}
    for stem, path in sorted(found.paths.items()):
        name, more = stem.upper(), found.copies.get(stem, ())
        first = paths.setdefault(name, path)
        more = more if first == path else (path, *more)
        if more:
            copies[name] = (*copies.get(name, ()), *more)
    return Found(paths, copies)


def _square(x: float, y: float, diameter: float) -> Box:
    return x - diameter / 2, y - diameter / 2, x + diameter / 2, y + diameter / 2
