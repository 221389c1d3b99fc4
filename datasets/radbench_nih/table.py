"""The tables of ChestX-ray14: a line for each image, the boxes, the official lists; in every form they come in."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from radbench.contracts.errors import DatasetError
from radbench.imaging.collection import Columns, Line, read_list, read_table
from radbench.imaging.radiographs import Box, box_fault
from radbench_nih.findings import BOX_FINDINGS, FINDINGS, NO_FINDING

SIDE = 1024
"""Pixels of the distributed images, which the boxes are drawn in."""

TABLES = ("Data_Entry_2017.csv", "Data_Entry_2017_v2020.csv")
BOXES = "BBox_List_2017.csv"
TRAIN, TEST = "train_val_list.txt", "test_list.txt"
_GET = "ChestX-ray14 is distributed with it: get it from the NIH Clinical Center's page and put it there"
_NAME = re.compile(r"(\d{8})_(\d{3})\.png")
_VIEWS = ("PA", "AP")


@dataclass(frozen=True)
class Entry:
    """A line of the table.

    Attributes:
        name: of the image, ``00000001_000.png``.
        patient: ``00000001``.
        view: "PA" or "AP".
        findings: all fourteen, 0 or 1.
        extent_mm: (height, width) of the original film, None where the table does not state it.
        facts: age, sex and follow-up as the table has them.
        line: its number.
        fault: why it cannot be used, or "".
    """

    name: str
    patient: str
    view: str
    findings: Mapping[str, float]
    extent_mm: tuple[float, float] | None
    facts: Mapping[str, str]
    line: int
    fault: str = ""


def table_of(root: Path, chosen: Path | None) -> Path:
    """Return where the table lies.

    Raises:
        DatasetError: it is in neither of its names there, or in both.
    """
    if chosen is not None:
        return Path(chosen).expanduser()
    there = [root / name for name in TABLES if (root / name).exists()]
    if len(there) > 1:
        raise DatasetError(
            f"'{root}' holds both {' and '.join(repr(path.name) for path in there)}, whose labels may differ: choose "
            "one with table=PATH"
        )
    if not there:
        raise DatasetError(f"'{root / TABLES[0]}' does not exist; {_GET}, or give table=PATH")
    return there[0]


def read_entries(path: Path) -> list[Entry]:
    """Return the lines of the table. What is wrong with a single one is its fault, told when its case is loaded.

    The header's fields ``OriginalImage[Width,Height]`` and ``OriginalImagePixelSpacing[x,y]`` are two columns each;
    the sample of the collection calls them ``OriginalImageWidth`` and ``OriginalImagePixelSpacing_x``.

    Raises:
        DatasetError: the table is missing or damaged, lacks a column, or has a line whose image cannot be told.
    """
    header, *lines = read_table(path, _GET)
    columns = Columns(path, header)
    needed = {name: columns.place(name) for name in ("Image Index", "Finding Labels", "Patient ID", "View Position")}
    film = [
        columns.maybe("OriginalImage[Width", "OriginalImageWidth"),
        columns.maybe("Height]", "OriginalImageHeight"),
        columns.maybe("OriginalImagePixelSpacing[x", "OriginalImagePixelSpacing_x"),
        columns.maybe("y]", "OriginalImagePixelSpacing_y"),
    ]
    told = {
        "age": columns.maybe("Patient Age"),
        "sex": columns.maybe("Patient Gender", "Patient Sex"),
        "follow_up": columns.maybe("Follow-up #"),
    }
    if not lines:
        raise DatasetError(f"table '{path}' has no images: get it again")
    return [_entry(path, columns, line, needed, film, told) for line in lines]


def _entry(
    path: Path,
    columns: Columns,
    line: Line,
    needed: Mapping[str, int],
    film: list[int | None],
    told: Mapping[str, int | None],
) -> Entry:
    where = f"'{path.name}', line {line.number}"
    place = needed["Image Index"]
    name = line.cells[place] if place < len(line.cells) else ""
    match = _NAME.fullmatch(name)
    if match is None:
        raise DatasetError(
            f"table '{path}', line {line.number}: Image Index '{name}' is not of the form 00000001_000.png"
        )
    base = Entry(name, match[1], "", {}, None, {}, line.number)
    try:
        if fault := columns.fault(line):
            raise ValueError(fault)
        patient = line.cells[needed["Patient ID"]]
        if not patient.isdecimal() or int(patient) != int(match[1]):
            raise ValueError(f"Patient ID '{patient}' is not that of '{name}'")
        view = line.cells[needed["View Position"]]
        if view not in _VIEWS:
            raise ValueError(f"View Position '{view}' is not PA or AP")
        facts = {key: line.cells[at] for key, at in told.items() if at is not None}
        labels = _labels(line.cells[needed["Finding Labels"]])
        return Entry(name, match[1], view, labels, _extent(line, film), facts, line.number)
    except ValueError as error:
        return Entry(**{**vars(base), "fault": f"{where}: {error}"})


def _labels(text: str) -> dict[str, float]:
    names = [name.strip() for name in text.split("|")]
    if names == [NO_FINDING]:
        return dict.fromkeys(FINDINGS.values(), 0.0)
    for name in names:
        if name not in FINDINGS:
            raise ValueError(f"Finding Labels '{text}' names '{name}', which is none of the fourteen findings")
    return {ours: float(theirs in names) for theirs, ours in FINDINGS.items()}


def _extent(line: Line, film: list[int | None]) -> tuple[float, float] | None:
    cells = [line.cells[place] for place in film if place is not None]
    if len(cells) < len(film):
        return None
    try:
        width, height, x, y = (float(cell) for cell in cells)
    except ValueError:
        width = height = x = y = math.nan
    extent = height * y, width * x
    if not all(math.isfinite(v) and v > 0 for v in (width, height, x, y)):
        raise ValueError(f"size and pixel spacing of the original image, {', '.join(cells)}, must be positive numbers")
    return extent


def read_boxes(path: Path) -> tuple[dict[str, dict[str, tuple[Box, ...]]], dict[str, str]]:
    """Return the boxes by image and finding, x,y,x,y pixels of 1024; and what is wrong with lines, by image.

    The list's ``Bbox [x,y,w,h]`` are four columns: the left upper corner, width and height. That its numbers are
    continuous, with pixel centres at whole numbers, is assumed.

    Raises:
        DatasetError: the list is damaged or lacks a column.
    """
    header, *lines = read_table(path, _GET)
    columns = Columns(path, header)
    image, finding = columns.place("Image Index"), columns.place("Finding Label")
    places = [columns.place("Bbox [x", "Bbox[x"), columns.place("y"), columns.place("w"), columns.place("h]")]
    boxes: dict[str, dict[str, tuple[Box, ...]]] = {}
    faults: dict[str, str] = {}
    for line in lines:
        name = line.cells[image] if image < len(line.cells) else ""
        try:
            if fault := columns.fault(line):
                raise ValueError(fault)
            if line.cells[finding] not in BOX_FINDINGS:
                raise ValueError(f"Finding Label '{line.cells[finding]}' is none of the collection's")
            box = _box([line.cells[place] for place in places])
        except ValueError as error:
            faults.setdefault(name, f"'{path.name}', line {line.number}: {error}")
            continue
        of = boxes.setdefault(name, {})
        of[BOX_FINDINGS[line.cells[finding]]] = (*of.get(BOX_FINDINGS[line.cells[finding]], ()), box)
    return boxes, faults


def _box(cells: list[str]) -> Box:
    try:
        x, y, width, height = (float(cell) for cell in cells)
    except ValueError:
        raise ValueError(f"Bbox '{','.join(cells)}' must be four numbers") from None
    box = x, y, x + width, y + height
    if fault := box_fault(box, (SIDE, SIDE)):
        raise ValueError(fault)
    return box


def read_splits(root: Path) -> dict[str, list[Line]]:
    """Return the official lists by their names.

    Raises:
        DatasetError: one is missing, empty, or holds what is no image's name.
    """
    lists = {name: read_list(root / name, _GET) for name in (TRAIN, TEST)}
    for name, lines in lists.items():
        for line in lines:
            if not _NAME.fullmatch(line.cells[0]):
                raise DatasetError(
                    f"list '{root / name}', line {line.number}: '{line.cells[0]}' is not of the form 00000001_000.png"
                )
    return lists
