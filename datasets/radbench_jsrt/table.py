"""The clinical tables of JSRT's database: whose radiograph it is, and where its nodule lies."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from radbench.contracts.errors import DatasetError, ImageReadError
from radbench.imaging.collection import Columns, read_table
from radbench.imaging.jsrt import SIDE, SPACING_MM
from radbench.imaging.read import read_bytes

NODULES, OTHERS = 154, 93
CASES = (*(f"JPCLN{n + 1:03d}" for n in range(NODULES)), *(f"JPCNN{n + 1:03d}" for n in range(OTHERS)))
"""All radiographs: with a nodule (JPCLN) and without one (JPCNN)."""

_RECORD = re.compile(r"(JPC[LN]N\d{3})(?:\.\w{3})?", re.IGNORECASE)
_WITH = ("subtlety", "size_mm", "age", "sex", "x", "y", "state", "location", "diagnosis")
_WITHOUT = ("age", "sex", "state")
_STATES = ("malignant", "benign")
_CONVERTED = {"size": "size_mm", "gender": "sex", "position": "location"}


@dataclass(frozen=True)
class Nodule:
    """A nodule as the table tells it.

    Attributes:
        x, y: its centre, in pixels of 2048.
        size_mm: its diameter.
        subtlety: "1" (extremely subtle) to "5" (obvious).
        state: "malignant" or "benign".
    """

    x: float
    y: float
    size_mm: float
    subtlety: str
    state: str

    @property
    def disc(self) -> tuple[float, float, float]:
        """x, y and diameter in pixels of 2048."""
        return self.x, self.y, self.size_mm / SPACING_MM[0]


@dataclass(frozen=True)
class Record:
    """What the tables say of a radiograph.

    Attributes:
        nodule: its nodule, None where it has none.
        facts: age, sex, location and diagnosis as the table has them.
        fault: why it cannot be used, or "".
    """

    nodule: Nodule | None = None
    facts: Mapping[str, str] = field(default_factory=dict, hash=False)
    fault: str = ""


def find_tables(folders: list[Path]) -> list[Path]:
    """Return the tables in the first folder that has any: those of the database, else ``jsrt_metadata.csv``."""
    for folder in folders:
        names = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_file()}
        found = [names[name] for name in ("clndat_en.txt", "cnndat_en.txt") if name in names]
        if found:
            return found
        if "jsrt_metadata.csv" in names:
            return [names["jsrt_metadata.csv"]]
    return []


def read_records(tables: list[Path]) -> dict[str, Record]:
    """Return what the tables say, by the radiograph's name; what is wrong with a line is its record's fault.

    CLNDAT_EN.txt has, parted by tabs and without a header: file, subtlety, size in mm, age, sex, x, y, malignant or
    benign, location, diagnosis; CNNDAT_EN.txt: file, age, sex. (The user's guide names other columns.)

    Raises:
        DatasetError: a table is damaged or lacks a column.
    """
    records: dict[str, Record] = {}
    for path in tables:
        lines = _of_csv(path) if path.suffix.lower() == ".csv" else _of_text(path)
        for name, number, cells in lines:
            record = _record(name, cells, f"'{path.name}', line {number}")
            before = records.setdefault(name, record)
            if before != record and not before.fault:
                fault = f"'{path.name}', line {number} says other things of '{name}' than a line before"
                records[name] = Record(fault=fault)
    return records


def _of_text(path: Path) -> Iterator[tuple[str, int, dict[str, str]]]:
    try:
        # Only ASCII matters: a diagnosis that has a strange letter is still one.
        text = read_bytes(path).decode("utf-8-sig", errors="replace")
    except ImageReadError as error:
        raise DatasetError(f"table: {error}") from error
    # Some copies have lost line ends, so that a record begins where a name does.
    starts = [*_RECORD.finditer(text)]
    if not starts:
        raise DatasetError(f"table '{path}' names no radiograph such as JPCLN001.IMG: get it again")
    ends = [*(match.start() for match in starts[1:]), len(text)]
    for match, end in zip(starts, ends, strict=True):
        number = len(re.findall(r"\r\n|\r|\n", text[: match.start()])) + 1
        rest = text[match.end() : end].strip()
        cells = [cell.strip() for cell in re.split(r"\t+|\s{2,}", rest)] if rest else []
        names = _WITH if match[1].upper().startswith("JPCL") else _WITHOUT
        yield match[1].upper(), number, dict(zip(names, cells, strict=False))


def _of_csv(path: Path) -> Iterator[tuple[str, int, dict[str, str]]]:
    header, *lines = read_table(path, "it is the table of a converted copy")
    columns = Columns(path, header)
    place = columns.place("study_id", "filename", "image")
    for line in lines:
        match = _RECORD.match(line.cells[place] if place < len(line.cells) else "")
        if match is None:
            raise DatasetError(f"table '{path}', line {line.number}: it names no radiograph such as JPCLN001.png")
        # A diagnosis may hold a comma: what follows the last column belongs to it.
        cells = dict(zip(columns.names, line.cells, strict=False))
        yield match[1].upper(), line.number, {_CONVERTED.get(name, name): cell for name, cell in cells.items()}


def _record(name: str, cells: Mapping[str, str], where: str) -> Record:
    facts = {key: cells[key] for key in ("age", "sex", "location", "diagnosis") if cells.get(key)}
    if not name.startswith("JPCL"):
        return Record(None, facts)
    try:
        return Record(_nodule(cells), facts)
    except ValueError as error:
        return Record(fault=f"{where}: {error}")


def _nodule(cells: Mapping[str, str]) -> Nodule:
    missing = [key for key in ("subtlety", "size_mm", "x", "y", "state") if not cells.get(key)]
    if missing:
        raise ValueError(f"it has no {missing[0]}")
    numbers = []
    for key in ("x", "y", "size_mm", "subtlety"):
        try:
            numbers.append(float(cells[key]))
        except ValueError:
            raise ValueError(f"{key} '{cells[key]}' is no number") from None
    x, y, size, subtlety = numbers
    if not (0 <= x < SIDE and 0 <= y < SIDE):
        raise ValueError(f"the nodule at ({x:g}, {y:g}) lies outside the {SIDE} x {SIDE} radiograph")
    if not (math.isfinite(size) and 0 < size < SIDE * SPACING_MM[0]):
        raise ValueError(f"size '{cells['size_mm']}' is no diameter in mm")
    if subtlety not in (1, 2, 3, 4, 5):
        raise ValueError(f"subtlety '{cells['subtlety']}' is not 1 to 5")
    state = cells["state"].lower()
    if state not in _STATES:
        raise ValueError(f"'{cells['state']}' is not malignant or benign")
    return Nodule(x, y, size, str(int(subtlety)), state)
