"""The tables of CheXpert: a line for each image, with its observations as 1, 0, -1 (uncertain) or blank."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from radbench.contracts.errors import DatasetError
from radbench.imaging.collection import Columns, Line, read_table
from radbench_chexpert.findings import FINDINGS

_GET = "CheXpert is distributed with it: get it from Stanford's page and put it there"
_PATH = re.compile(r"(?:.*/)?((train|valid|test)/(patient\d+)/(study\d+)/(view\d+_(frontal|lateral)))\.jpe?g", re.I)
_NOT_IN_TEST = "No Finding"
"""The one observation that tables of the test set may lack."""

BLANK, UNCERTAIN = ("", "nan"), ("-1", "-1.0")
_LABELS = {"0": 0.0, "0.0": 0.0, "1": 1.0, "1.0": 1.0}
_PROJECTIONS = ("AP", "PA")


@dataclass(frozen=True)
class Entry:
    """A line of a table.

    Attributes:
        name: of the file from the split's folder on, ``train/patient00001/study1/view1_frontal.jpg``.
        case_id: ``patient00001/study1/view1_frontal``.
        patient: ``patient00001``.
        view: "frontal" or "lateral".
        projection: "AP", "PA" or "" (others, or not stated).
        findings: observation -> 0, 1 or NaN.
        facts: age and sex as the table has them.
        fault: why it cannot be used, or "".
    """

    name: str
    case_id: str
    patient: str
    view: str
    projection: str
    findings: Mapping[str, float]
    facts: Mapping[str, str]
    fault: str = ""


def read_entries(path: Path, *, uncertain: float, blank: float) -> list[Entry]:
    """Return the lines of a table. What is wrong with a single one is its fault, told when its case is loaded.

    Paths begin with ``CheXpert-v1.0/``, ``CheXpert-v1.0-small/``, or the split's folder.

    Args:
        path: the table.
        uncertain: what -1 becomes: 0, 1 or NaN.
        blank: what an empty cell becomes: 0 or NaN.

    Raises:
        DatasetError: the table is missing or damaged, lacks a column, or has a line whose image cannot be told.
    """
    header, *lines = read_table(path, _GET)
    columns = Columns(path, header)
    place = columns.place("Path")
    labels = {
        ours: columns.maybe(theirs) if theirs == _NOT_IN_TEST else columns.place(theirs)
        for theirs, ours in FINDINGS.items()
    }
    told = {"age": columns.maybe("Age"), "sex": columns.maybe("Sex")}
    projection = columns.maybe("AP/PA")
    values = {**_LABELS, **dict.fromkeys(BLANK, blank), **dict.fromkeys(UNCERTAIN, uncertain)}
    if not lines:
        raise DatasetError(f"table '{path}' has no images: get it again")
    return [_entry(path, columns, line, place, labels, told, projection, values) for line in lines]


def _entry(
    path: Path,
    columns: Columns,
    line: Line,
    place: int,
    labels: Mapping[str, int | None],
    told: Mapping[str, int | None],
    projection: int | None,
    values: Mapping[str, float],
) -> Entry:
    cell = line.cells[place] if place < len(line.cells) else ""
    match = _PATH.fullmatch(cell)
    if match is None or ".." in cell:
        raise DatasetError(
            f"table '{path}', line {line.number}: Path '{cell}' does not end like "
            "train/patient00001/study1/view1_frontal.jpg"
        )
    case_id = f"{match[3]}/{match[4]}/{match[5]}"
    base = Entry(cell[match.start(1) :], case_id, match[3], match[6].lower(), "", {}, {})
    if fault := columns.fault(line):
        return Entry(**{**vars(base), "fault": f"'{path.name}', line {line.number}: {fault}"})
    findings: dict[str, float] = {}
    for ours, at in labels.items():
        text = "" if at is None else line.cells[at].lower()
        if text not in values:
            fault = f"'{path.name}', line {line.number}: label '{text}' of {ours} is not 1, 0, -1 or blank"
            return Entry(**{**vars(base), "fault": fault})
        findings[ours] = math.nan if at is None else values[text]
    shown = "" if projection is None else line.cells[projection]
    facts = {key: line.cells[at] for key, at in told.items() if at is not None}
    more = {"findings": findings, "facts": facts, "projection": shown if shown in _PROJECTIONS else ""}
    return Entry(**{**vars(base), **more})
