"""Leaderboard schema: what a valid row is, and the CSV file that reads back equal."""

from __future__ import annotations

import csv
import io
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from radbench.contracts import SchemaError, Status, UsageError
from radbench.contracts.atomic import replace_file
from radbench.contracts.printable import from_cell, to_cell
from radbench.leaderboard.columns import (
    ALL,
    COLUMNS,
    COMPARABLE_KEY,
    READABLE,
    ROW_KEY,
    SCHEMA_VERSION,
    STATISTICS,
    TABLE_KEY,
    Column,
)
from radbench.leaderboard.upgrades import LAYOUTS, UPGRADES, completed

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = [
    "COLUMNS",
    "COMPARABLE_KEY",
    "FILE_NAME",
    "ROW_KEY",
    "SCHEMA_VERSION",
    "STATISTICS",
    "TABLE_KEY",
    "Column",
    "read_leaderboard",
    "row_keys",
    "to_csv",
    "validate",
    "write_csv",
]

FILE_NAME = "leaderboard.csv"
"""The leaderboard's name inside a run's folder."""


def validate(frame: DataFrame, source: str = "leaderboard") -> DataFrame:
    """Return a copy with the schema's types, rows numbered from 0.

    Args:
        frame: rows in the schema's columns and order; numbers may still be texts.
        source: how errors name it: a file, or "leaderboard".

    Raises:
        SchemaError: the first fault, by row, key and column, and how many more there are.
    """
    import pandas as pd

    if list(frame.columns) != list(COLUMNS):
        raise SchemaError(f"{source}: {_column_fault(list(frame.columns), list(COLUMNS))}")
    raw = frame.reset_index(drop=True)

    def fault(row: int, column: str, what: str, more: int = 0) -> NoReturn:
        key = "/".join(str(raw[name].iloc[row]) for name in ROW_KEY)
        rest = f" (and {more} more faults)" if more else ""
        raise SchemaError(f"{source}, row {row + 1} ({key}), column '{column}': {what}{rest}")

    rows = pd.DataFrame({name: _typed(raw[name], column, fault) for name, column in COLUMNS.items()})
    _check_columns(rows, fault)
    faults = [(row, column, what) for column, what, bad in _broken_rules(rows) for row in bad[bad].index]
    if faults:
        row, column, what = min(faults, key=lambda f: f[0])
        fault(row, column, what, len(faults) - 1)
    return rows


def write_csv(frame: DataFrame, path: Path | str) -> None:
    """Validate and write; the file is replaced in one step and reads back equal.

    Raises:
        SchemaError: the frame breaks the schema; the file is untouched.
        UsageError: the disk is full or the folder cannot be written; the file is untouched.
    """
    text = to_csv(validate(frame, str(path)))
    file = Path(path)
    try:
        replace_file(file, text.encode(), durable=True)
    except OSError as error:
        there = "the file that was there is untouched" if file.is_file() else "nothing was written"
        raise UsageError(f"cannot write {path}: {error.strerror or error}; {there}") from error


def to_csv(frame: DataFrame) -> str:
    """Return valid rows as CSV: UTF-8 text, "\\n" line ends, shortest floats that read back equal, NaN empty.

    Texts read back equal, too; no spreadsheet takes one for a formula, no terminal for a command.
    """
    columns = [[_cell(value, COLUMNS[name].kind) for value in frame[name]] for name in COLUMNS]
    lines = [",".join(COLUMNS), *(",".join(cells) for cells in zip(*columns, strict=True))]
    return "\n".join(lines) + "\n"


def read_leaderboard(path: Path | str) -> DataFrame:
    """Read and validate a leaderboard CSV, or the one inside a run's folder; older versions are brought up to date.

    Of another folder, such as that of the published leaderboards, all are read.

    Raises:
        UsageError: there is no such file, or it cannot be read.
        SchemaError: it is no valid leaderboard, or newer than this radbench knows.
    """
    import pandas as pd

    file = Path(path)
    if file.is_dir() and not (file / FILE_NAME).exists():
        return _read_folder(file)
    if file.is_dir():
        file = file / FILE_NAME
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise UsageError(f"there is no leaderboard '{file}': make one with 'bench run'") from error
    except UnicodeDecodeError as error:
        raise SchemaError(f"{file} is not UTF-8 text ({error.reason} at byte {error.start})") from error
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror or error}") from error
    header, *records = ([from_cell(cell) for cell in record] for record in _records(text, str(file)))
    frame = pd.DataFrame(records, columns=header, dtype=object)
    return validate(_upgraded(frame, str(file)), str(file))


def _read_folder(folder: Path) -> DataFrame:
    """Read the leaderboards that lie in a folder side by side; other tables there are nothing to it."""
    import pandas as pd

    # Not as one: files that were kept apart may hold rows of the same labels.
    return pd.concat([read_leaderboard(file) for file in leaderboards_in(folder)], ignore_index=True)


def leaderboards_in(folder: Path) -> list[Path]:
    """Return the leaderboards that lie in a folder side by side, by name.

    Raises:
        UsageError: there is none, or the folder cannot be read.
    """
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix == ".csv" and _is_leaderboard(file))
    except OSError as error:
        raise UsageError(f"cannot read {folder}: {error.strerror or error}") from error
    if not files:
        raise UsageError(
            f"there is no leaderboard in {folder}, neither {FILE_NAME} of a run nor published ones: "
            "make one with 'bench run', or name a CSV"
        )
    return files


def _is_leaderboard(file: Path) -> bool:
    try:
        with file.open("rb") as lines:
            return lines.readline(1 << 16).removeprefix(b"\xef\xbb\xbf").startswith(b"schema_version,")
    except OSError:
        return True  # read as one, it says what is wrong


def row_keys(frame: DataFrame) -> list[tuple[str, ...]]:
    """Return what tells each row from all others, as texts; an empty seed is a text of its own."""
    return list(zip(*(frame[name].map(str) for name in ROW_KEY), strict=True))


def _records(text: str, source: str) -> Iterator[list[str]]:
    limit = csv.field_size_limit(sys.maxsize)  # an error text may be longer than the default limit of 128 KiB
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise SchemaError(f"{source} is not a CSV file: {error}") from error
    finally:
        csv.field_size_limit(limit)
    if not records:
        raise SchemaError(f"{source} is empty: a leaderboard has at least its header")
    for number, record in enumerate(records):
        if len(record) != len(records[0]):
            raise SchemaError(f"{source}, row {number}: {len(record)} fields where the header has {len(records[0])}")
    yield from records


class NoLeaderboardError(SchemaError, UsageError):
    """A file is no leaderboard at all: whoever named it meant another."""


def _upgraded(frame: DataFrame, source: str) -> DataFrame:
    if "schema_version" not in frame.columns:
        raise NoLeaderboardError(f"{source} is no radbench leaderboard: it has no column 'schema_version'")
    versions = sorted(set(frame["schema_version"]))
    if not versions:
        return frame
    if not all(str(v).isdecimal() for v in versions):
        raise SchemaError(f"{source}, column 'schema_version': a whole number expected, got {', '.join(versions)}")
    if versions[-1] == str(SCHEMA_VERSION):
        frame = completed(frame)
    if list(frame.columns) == list(COLUMNS):
        # Rows keep the version that they were made for when they are written again.
        return frame
    if len(versions) > 1:
        raise SchemaError(f"{source}, column 'schema_version': one whole number expected, got {', '.join(versions)}")
    version = int(versions[0])
    if version > SCHEMA_VERSION:
        raise SchemaError(
            f"{source} has schema version {version}, this radbench knows up to {SCHEMA_VERSION}: "
            "upgrade with 'pip install --upgrade radbench'"
        )
    for old in range(version, SCHEMA_VERSION):
        if old not in UPGRADES:
            raise SchemaError(f"{source} has schema version {version}, which this radbench cannot bring up to date")
        if old in LAYOUTS and list(frame.columns) != list(LAYOUTS[old]):
            raise SchemaError(f"{source}: {_column_fault(list(frame.columns), LAYOUTS[old])}")
        frame = UPGRADES[old](frame)
    return frame


def _cell(value: Any, kind: str) -> str:
    if kind != "text" and _is_empty(value):
        return ""
    if kind == "integer":
        return str(int(value))
    if kind == "number":
        number = float(value)
        # repr is the shortest text that reads back equal; whole numbers lose their ".0".
        return repr(number).removesuffix(".0")
    text = to_cell(str(value))
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\r\n') else text


def _column_fault(names: list[str], expected: Sequence[str]) -> str:
    missing = [name for name in expected if name not in names]
    unknown = [str(name) for name in names if name not in expected]
    if missing:
        return f"missing columns: {', '.join(missing)}"
    if unknown:
        return f"unknown columns: {', '.join(unknown)}"
    if len(names) != len(expected):
        return f"columns occur twice: {', '.join(n for n in expected if names.count(n) > 1)}"
    wrong = next(i for i, (a, b) in enumerate(zip(names, expected, strict=True)) if a != b)
    return f"columns are out of order: column {wrong + 1} is '{names[wrong]}', expected '{expected[wrong]}'"


def _typed(series: Series, column: Column, fault: Callable[..., NoReturn]) -> Series:
    import pandas as pd

    if column.kind == "text":
        for row, value in enumerate(series):
            if not isinstance(value, str):
                fault(row, column.name, f"{value!r} is not text")
            try:
                value.encode()
            except UnicodeEncodeError:
                fault(row, column.name, f"{value!r} cannot be written as UTF-8")
        return series.astype(str)
    whole = column.kind == "integer"
    convert: Callable[[Any], float | int] = _as_integer if whole else _as_number if column.infinite else _as_finite
    values: list[Any] = []
    for row, value in enumerate(series):
        if whole and column.nullable and _is_empty(value):
            values.append(None)
            continue
        try:
            values.append(convert(value))
        except (TypeError, ValueError, OverflowError):
            expected = "a whole number" if whole else "a finite number"
            fault(row, column.name, f"{value!r} is not {expected}{' or empty' if column.nullable else ''}")
    return pd.Series(values, dtype=("Int64" if column.nullable else "int64") if whole else "float64")


def _as_integer(value: Any) -> int:
    number = int(value)
    if (not isinstance(value, str) and number != value) or not -(2**63) <= number < 2**63:
        raise ValueError
    return number


def _as_number(value: Any) -> float:
    return math.nan if _is_empty(value) else float(value)


def _as_finite(value: Any) -> float:
    number = _as_number(value)
    if math.isinf(number):
        raise ValueError
    return number


def _is_empty(value: Any) -> bool:
    if isinstance(value, str):
        return value == ""
    return value is None or type(value).__name__ == "NAType" or (isinstance(value, float) and math.isnan(value))


def _check_columns(rows: DataFrame, fault: Callable[..., NoReturn]) -> None:
    faults = [(int(row), column, what) for column, what, bad in _broken_bounds(rows) for row in bad[bad].index]
    if faults:
        row, column, what = min(faults, key=lambda found: found[0])
        value = rows[column].iloc[row]
        shown = repr(value) if isinstance(value, str) else f"{float(value):.17g}"
        fault(row, column, f"{shown} {what}", len(faults) - 1)


def _broken_bounds(rows: DataFrame) -> Iterator[tuple[str, str, Series]]:
    """Yield (column, what is wrong, mask of the rows that break it) for what a single column may hold."""
    for name, column in COLUMNS.items():
        values = rows[name]
        if column.values:
            allowed = ", ".join(f"'{v}'" for v in column.values)
            yield name, f"is not one of {allowed}", ~values.isin(column.values)
        elif column.kind == "text" and not column.nullable:
            yield name, "must not be empty", values == ""
        if column.low is not None:
            yield name, f"is below {column.low:g}", (values < column.low).fillna(False).astype(bool)
        if column.high is not None:
            yield name, f"is above {column.high:g}", (values > column.high).fillna(False).astype(bool)


def _broken_rules(rows: DataFrame) -> Iterator[tuple[str, str, Series]]:
    """Yield (column, sentence, mask of the rows that break it) for the rules that tie columns together."""
    failed, unnamed = rows["status"] != Status.OK, rows["metric"] == ""
    known = " or ".join(map(str, READABLE))
    yield "schema_version", f"must be {known}", ~rows["schema_version"].isin(READABLE)
    yield "metric", "only a failed row may name no metric", unnamed & ~failed
    yield "direction", "must be 'higher' or 'lower' where a metric is named", (rows["direction"] == "") & ~unnamed
    yield "primary", "must be 'true' or 'false' where a metric is named", (rows["primary"] == "") != unnamed
    strata = rows["group"].str.contains("=", regex=False)
    yield "group", "must be 'all' or name=value", (rows["group"] != ALL) & ~strata
    yield (
        "n_seeds",
        "a row has a seed where n_seeds is 1, and none elsewhere",
        rows["seed"].isna() == (rows["n_seeds"] == 1),
    )
    more = (rows["n_positive"] > rows["n_cases"]).fillna(False).astype(bool)
    yield "n_positive", "more positive cases than cases", more
    yield "reference", "must name what delta is taken to", rows["delta"].notna() & (rows["reference"] == "")
    yield "error", "a failed row must say why", failed & (rows["error"] == "")
    yield "error", "a row without a value must say why", rows["value"].isna() & (rows["error"] == "")
    yield "value", "a failed row has no value", failed & rows["value"].notna()
    yield "n_patients", "more patients than cases", rows["n_patients"] > rows["n_cases"]
    yield "rank", "a row without a value has no rank", rows["rank"].notna() & rows["value"].isna()
    for middle, low, high in (
        ("value", "ci_low", "ci_high"),
        ("delta", "delta_ci_low", "delta_ci_high"),
        ("rank", "rank_low", "rank_high"),
    ):
        slack = 1e-9 * rows[middle].abs().clip(lower=1)
        half = rows[low].isna() != rows[high].isna()
        yield low, f"an interval needs both {low} and {high}", half
        yield low, f"an interval without {middle}", rows[low].notna() & rows[middle].isna()
        yield low, f"is above {middle}", rows[low] > rows[middle] + slack
        yield high, f"is below {middle}", rows[high] < rows[middle] - slack
    yield "p_adjusted", "is below p_value", rows["p_adjusted"] < rows["p_value"] - 1e-12
    yield "created_utc", "is not an ISO 8601 time in UTC", rows["created_utc"].map(_is_utc).astype(bool).eq(False)
    yield "metric", "the row occurs twice", rows.duplicated(list(ROW_KEY))


def _is_utc(text: str) -> bool:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text == ""
    return moment.utcoffset() is not None and not moment.utcoffset()
