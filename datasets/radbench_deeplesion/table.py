"""DL_info.csv: a line for each lesion, read and checked."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from radbench.contracts.dataset import SPLITS
from radbench.contracts.errors import DatasetError, did_you_mean
from radbench.imaging.limits import limit, variable_of
from radbench_deeplesion.targets import LESION_TYPES

_COLUMNS = (
    "File_name",
    "Patient_index",
    "Measurement_coordinates",
    "Bounding_boxes",
    "Coarse_lesion_type",
    "Possibly_noisy",
    "Slice_range",
    "Spacing_mm_px_",
    "Image_size",
    "DICOM_windows",
    "Train_Val_Test",
)
_SAME = 1e-3
_MOST_SLICES = 10_000
"""More than a series of CT has; a damaged number must not be counted through."""


@dataclass(frozen=True)
class Lesion:
    """A line of the table.

    Attributes:
        case_id: the key slice's name and the lesion's number among its lesions, ``000089_05_01_036-1``.
        number: that number, from 1, in the table's order; lesions that are left out count.
        of: how many lesions the slice has.
        series: its folder, ``000089_05_01``.
        key: number of the key slice.
        patient_id: ``000089``.
        split: "train", "validation" or "test".
        lesion_type: one of the eight, or "" where none is stated.
        noisy: whether the table calls it possibly noisy.
        recist: eight numbers, x,y pixels: the long axis, then the short one.
        swapped: whether the table has the shorter axis first.
        box: x,y,x,y pixels.
        slices: first and last slice of the series that the collection has round this lesion.
        spacing_mm: of columns, rows and slices.
        size: of the slice, (columns, rows).
        window: HU, low and high.
        fault: why it cannot be used, or "".
    """

    case_id: str
    number: int
    of: int
    series: str
    key: int
    patient_id: str
    split: str
    lesion_type: str = ""
    noisy: bool = False
    recist: tuple[float, ...] = ()
    swapped: bool = False
    box: tuple[float, ...] = ()
    slices: tuple[int, int] = (0, 0)
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    size: tuple[int, int] = (0, 0)
    window: tuple[float, float] = (0.0, 0.0)
    fault: str = ""

    @property
    def slice_name(self) -> str:
        """The key slice's name, as masks are called: ``000089_05_01_036``."""
        return self.case_id.rpartition("-")[0]


def read_table(path: Path) -> list[Lesion]:
    """Return the lesions of DL_info.csv in its order.

    What is wrong with a single lesion's marks, window or sizes is its fault, told when it is loaded.

    Raises:
        DatasetError: the table is missing, is no CSV, lacks a column, or has a line whose slice, patient or split
            cannot be told.
    """
    lines: list[tuple[int, Mapping[str, str]]] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            _check_columns(path, list(reader.fieldnames or []))
            for line in reader:
                if len(lines) >= limit("lines"):
                    raise DatasetError(
                        f"table '{path}' has more than the {limit('lines'):,} lines that are read: set "
                        f"{variable_of('lines')}"
                    )
                if None in line or None in line.values():
                    raise DatasetError(
                        f"table '{path}', line {reader.line_num}: it has not as many fields as the first line names"
                    )
                lines.append((reader.line_num, line))
    except FileNotFoundError:
        raise DatasetError(
            f"table '{path}' does not exist; DeepLesion is distributed with DL_info.csv: put it there, or give table"
        ) from None
    except UnicodeDecodeError as error:
        raise DatasetError(f"table '{path}' is no UTF-8 text ({error.reason}): get it again") from error
    except (OSError, csv.Error) as error:
        raise DatasetError(f"table '{path}' cannot be read ({error}): get it again") from error
    if not lines:
        raise DatasetError(f"table '{path}' has no lesions: get it again")
    per_slice: dict[str, int] = {}
    for _, cells in lines:
        name = cells["File_name"].strip()
        per_slice[name] = per_slice.get(name, 0) + 1
    seen: dict[str, int] = {}
    lesions = []
    for number, cells in lines:
        name = cells["File_name"].strip()
        seen[name] = seen.get(name, 0) + 1
        lesions.append(_lesion(path, number, cells, seen[name], per_slice[name]))
    return lesions


def _check_columns(path: Path, names: list[str]) -> None:
    for column in _COLUMNS:
        if column not in names:
            raise DatasetError(
                f"table '{path}' has no column '{column}'{did_you_mean(column, names)}; DL_info.csv is needed as it is "
                "distributed"
            )


def _lesion(path: Path, line_number: int, line: Mapping[str, str], number: int, of: int) -> Lesion:
    where = f"table '{path}', line {line_number}"
    name = line["File_name"].strip()
    series, _, last = name.removesuffix(".png").rpartition("_")
    plain = series.replace("_", "").isalnum()  # nothing that leads to another folder
    if not name.endswith(".png") or not plain or not last.isdecimal():
        raise DatasetError(f"{where}: File_name '{name}' is not of the form 000089_05_01_036.png")
    patient = line["Patient_index"].strip()
    if not patient.isdecimal():
        raise DatasetError(f"{where}: Patient_index '{patient}' is no whole number")
    split = line["Train_Val_Test"].strip()
    if split not in ("1", "2", "3"):
        raise DatasetError(f"{where}: Train_Val_Test '{split}' is not 1 (train), 2 (validation) or 3 (test)")
    base = Lesion(
        case_id=f"{series}_{last}-{number}",
        number=number,
        of=of,
        series=series,
        key=int(last),
        patient_id=f"{int(patient):06d}",
        split=SPLITS[int(split) - 1],
    )
    try:
        return Lesion(**{**vars(base), **_facts(line, base.key)})
    except ValueError as error:
        return Lesion(**{**vars(base), "fault": f"DL_info.csv, line {line_number}: {error}"})


def _facts(line: Mapping[str, str], key: int) -> dict[str, object]:
    recist = _numbers(line, "Measurement_coordinates", 8)
    box = _numbers(line, "Bounding_boxes", 4)
    spacing = _numbers(line, "Spacing_mm_px_", 3)
    size = _whole(line, "Image_size", 2)
    first, last = _whole(line, "Slice_range", 2)
    window = _numbers(line, "DICOM_windows", None)[:2]
    kind, noisy = line["Coarse_lesion_type"].strip(), line["Possibly_noisy"].strip()
    if min(spacing) <= 0:
        raise ValueError(f"Spacing_mm_px_ '{line['Spacing_mm_px_']}' must be positive")
    if min(size) <= 0:
        raise ValueError(f"Image_size '{line['Image_size']}' must be positive")
    if not last - first < _MOST_SLICES:
        raise ValueError(f"Slice_range '{line['Slice_range']}' has more than {_MOST_SLICES} slices")
    if not first <= key <= last:
        raise ValueError(f"the key slice {key} lies outside Slice_range '{line['Slice_range']}'")
    if len(window) != 2 or not window[0] < window[1]:
        raise ValueError(f"DICOM_windows '{line['DICOM_windows']}' must begin with two numbers, low < high")
    if kind not in ("-1", *(str(n + 1) for n in range(len(LESION_TYPES)))):
        raise ValueError(f"Coarse_lesion_type '{kind}' is not -1 or 1 to {len(LESION_TYPES)}")
    if noisy not in ("0", "1"):
        raise ValueError(f"Possibly_noisy '{noisy}' is not 0 or 1")
    xs, ys = recist[::2], recist[1::2]
    if min(xs) < -0.5 or min(ys) < -0.5 or max(xs) > size[0] - 0.5 or max(ys) > size[1] - 0.5:
        raise ValueError(
            f"Measurement_coordinates '{line['Measurement_coordinates']}' leave the {size[0]} x {size[1]} slice"
        )
    swapped = math.dist(recist[0:2], recist[2:4]) < math.dist(recist[4:6], recist[6:8]) - _SAME
    return {
        "lesion_type": "" if kind == "-1" else LESION_TYPES[int(kind) - 1],
        "noisy": noisy == "1",
        "recist": (*recist[4:], *recist[:4]) if swapped else recist,
        "swapped": swapped,
        "box": box,
        "slices": (first, last),
        "spacing_mm": spacing,
        "size": size,
        "window": window,
    }


def _numbers(line: Mapping[str, str], column: str, count: int | None) -> tuple[float, ...]:
    try:
        values = tuple(float(text) for text in line[column].split(","))
    except ValueError:
        values = ()
    if not values or (count is not None and len(values) != count) or not all(map(math.isfinite, values)):
        wanted = "numbers" if count is None else f"{count} numbers"
        raise ValueError(f"{column} '{line[column]}' must be {wanted} with commas between them")
    return values


def _whole(line: Mapping[str, str], column: str, count: int) -> tuple[int, ...]:
    values = _numbers(line, column, count)
    if any(v != int(v) for v in values):
        raise ValueError(f"{column} '{line[column]}' must be whole numbers")
    return tuple(int(v) for v in values)
