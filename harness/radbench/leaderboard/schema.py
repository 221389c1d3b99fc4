"""Leaderboard schema, version 1: its columns, what a valid row is, and the CSV file that reads back equal."""

from __future__ import annotations

import csv
import functools
import io
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from radbench.contracts import SchemaError, Status, UsageError
from radbench.contracts.atomic import replace_file

if TYPE_CHECKING:
    from pandas import DataFrame, Series

SCHEMA_VERSION = 1

FILE_NAME = "leaderboard.csv"
"""The leaderboard's name inside a run's folder."""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: as the header has it.
        kind: "text", "integer" or "number" (finite; a float64 in the frame).
        meaning: what it holds, with its unit.
        nullable: whether it may be empty: "" for text, NaN for a number. Integers never are.
        low: the least value allowed.
        high: the greatest value allowed.
        values: the only texts allowed, where they are fixed.
    """

    name: str
    kind: Literal["text", "integer", "number"]
    meaning: str
    nullable: bool = True
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()


def _text(name: str, meaning: str, nullable: bool = True, values: tuple[str, ...] = ()) -> Column:
    return Column(name, "text", meaning, nullable, values=values)


def _integer(name: str, meaning: str, low: float | None = 0) -> Column:
    return Column(name, "integer", meaning, nullable=False, low=low)


def _number(name: str, meaning: str, low: float | None = None, high: float | None = None) -> Column:
    return Column(name, "number", meaning, low=low, high=high)


_COLUMNS = (
    _integer("schema_version", "version of this table's layout", low=1),
    _text("task", "task label, with its variant: grabcut[input=stacked]", nullable=False),
    _text("dataset", "data-set label, with its variant", nullable=False),
    _text("split", "split that was scored", nullable=False),
    _text("enhancer", "enhancer label, with its variant; 'original' is the identity", nullable=False),
    _text("profile", "preset: quick, paper, ...", nullable=False),
    _integer("seed", "the run's seed", low=None),
    _text("group", "'all', or one group of the cases (a lesion type)", nullable=False),
    _text("metric", "metric as the task names it; empty only in a failed row whose metrics are unknown"),
    _text("direction", "which way is better; empty where metric is", values=("", "higher", "lower")),
    _number("value", "mean over the cases with a finite score, or the data-set-level score (AP, AUROC)"),
    _number("std", "standard deviation over the cases (n-1), or over bootstrap replicates (AP, AUROC)", low=0),
    _number("ci_low", "lower end of the 95 % patient-clustered bootstrap interval of value"),
    _number("ci_high", "upper end of it"),
    _integer("n_cases", "cases behind value"),
    _integer("n_patients", "patients behind value"),
    _number("delta", "mean paired difference to 'original' on common cases; empty for 'original'"),
    _number("delta_ci_low", "lower end of its 95 % patient-clustered bootstrap interval"),
    _number("delta_ci_high", "upper end of it"),
    _number("p_value", "two-sided paired test of delta (see radbench.leaderboard.aggregate)", low=0, high=1),
    _number("p_adjusted", "p_value after Holm over all enhancers and metrics of the table", low=0, high=1),
    _number("rank", "place among comparable complete rows, 1 is best, ties share it; empty: not ranked", low=1),
    _number("rank_low", "best place within the 95 % bootstrap interval", low=1),
    _number("rank_high", "worst place within it", low=1),
    _text("status", "how the pair ended", nullable=False, values=tuple(Status)),
    _text("error", "one sentence: why it failed, or which cases are missing from value"),
    _number("fit_seconds", "time to train the enhancer, s", low=0),
    _number("enhance_ms_per_case", "median time to enhance one case, ms", low=0),
    _number("peak_memory_mb", "greatest memory of the worker, MiB", low=0),
    _number("parameters", "learnt parameters of the enhancer", low=0),
    _text("device", "where it ran"),
    _text("precision", "float32, mixed, ..."),
    _text("pretrained", "pretrained weights used: their name, 'false' for none, empty where there is no such choice"),
    _text("dataset_fingerprint", "SHA-256 over the data set's manifest"),
    _text("enhancer_digest", "digest of enhancer, version and configuration"),
    _text("task_digest", "digest of task, version, configuration and metric versions"),
    _text("enhancer_plugin", "distribution and version that offered the enhancer"),
    _text("task_plugin", "distribution and version that offered the task"),
    _text("radbench_version", "version of the harness"),
    _text("git_commit", "commit of the working tree, where there is one"),
    _text("created_utc", "when the row was scored, ISO 8601, UTC"),
)

COLUMNS: Mapping[str, Column] = {column.name: column for column in _COLUMNS}
"""The columns of schema version 1 by name, in file order."""

STATISTICS = tuple(n for n in list(COLUMNS)[10:24] if n not in ("n_cases", "n_patients"))
"""``value`` to ``rank_high``, the columns that a failed row leaves empty."""

ROW_KEY = ("task", "dataset", "split", "enhancer", "profile", "seed", "group", "metric")
"""What tells one row of a file from all others."""

TABLE_KEY = ("task", "dataset", "split", "profile", "seed")
"""What one printed table has in common."""

COMPARABLE_KEY = (*TABLE_KEY, "dataset_fingerprint", "task_digest")
"""Rows that share it were scored on the same data by the same metrics; only such rows are ranked together."""

UPGRADES: dict[int, Callable[[DataFrame], DataFrame]] = {}
"""By version: takes a frame of raw texts of that version and returns one of the next version."""


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
        raise SchemaError(f"{source}: {_column_fault(list(frame.columns))}")
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
    """Return valid rows as CSV: UTF-8 text, "\\n" line ends, shortest floats that read back equal, NaN empty."""
    columns = [[_cell(value, COLUMNS[name].kind) for value in frame[name]] for name in COLUMNS]
    lines = [",".join(COLUMNS), *(",".join(cells) for cells in zip(*columns, strict=True))]
    return "\n".join(lines) + "\n"


def read_leaderboard(path: Path | str) -> DataFrame:
    """Read and validate a leaderboard CSV, or the one inside a run's folder; older versions are brought up to date.

    Raises:
        UsageError: there is no such file, or it cannot be read.
        SchemaError: it is no valid leaderboard, or newer than this radbench knows.
    """
    import pandas as pd

    file = Path(path)
    if file.is_dir():
        file = file / FILE_NAME
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise UsageError(f"there is no leaderboard {file}: make one with 'bench run'") from error
    except UnicodeDecodeError as error:
        raise SchemaError(f"{file} is not UTF-8 text ({error.reason} at byte {error.start})") from error
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror or error}") from error
    header, *records = _records(text, str(file))
    frame = pd.DataFrame(records, columns=header, dtype=object)
    return validate(_upgraded(frame, str(file)), str(file))


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


def _upgraded(frame: DataFrame, source: str) -> DataFrame:
    if "schema_version" not in frame.columns:
        raise SchemaError(f"{source} is no radbench leaderboard: it has no column 'schema_version'")
    versions = sorted(set(frame["schema_version"]))
    if not versions:
        return frame
    if len(versions) > 1 or not str(versions[0]).isdecimal():
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
        frame = UPGRADES[old](frame)
    return frame


def _cell(value: Any, kind: str) -> str:
    if kind == "integer":
        return str(int(value))
    if kind == "number":
        number = float(value)
        if math.isnan(number):
            return ""
        # repr is the shortest text that reads back equal; whole numbers lose their ".0".
        return repr(number).removesuffix(".0")
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if set(text) & set(',"\r\n') else text


def _column_fault(names: list[str]) -> str:
    missing = [name for name in COLUMNS if name not in names]
    unknown = [str(name) for name in names if name not in COLUMNS]
    if missing:
        return f"missing columns: {', '.join(missing)}"
    if unknown:
        return f"unknown columns: {', '.join(unknown)}"
    if len(names) != len(COLUMNS):
        return f"columns occur twice: {', '.join(n for n in COLUMNS if names.count(n) > 1)}"
    wrong = next(i for i, (a, b) in enumerate(zip(names, COLUMNS, strict=True)) if a != b)
    return f"columns are out of order: column {wrong + 1} is '{names[wrong]}', expected '{list(COLUMNS)[wrong]}'"


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
    convert: Callable[[Any], float | int] = _as_integer if column.kind == "integer" else _as_number
    values = []
    for row, value in enumerate(series):
        try:
            values.append(convert(value))
        except (TypeError, ValueError, OverflowError):
            expected = "a whole number" if column.kind == "integer" else "a finite number or empty"
            fault(row, column.name, f"{value!r} is not {expected}")
    return pd.Series(values, dtype="int64" if column.kind == "integer" else "float64")


def _as_integer(value: Any) -> int:
    number = int(value)
    if (not isinstance(value, str) and number != value) or not -(2**63) <= number < 2**63:
        raise ValueError
    return number


def _as_number(value: Any) -> float:
    number = math.nan if value is None or (isinstance(value, str) and not value) or _is_na(value) else float(value)
    if math.isinf(number):
        raise ValueError
    return number


def _is_na(value: Any) -> bool:
    return type(value).__name__ == "NAType"


def _check_columns(rows: DataFrame, fault: Callable[..., NoReturn]) -> None:
    from pandera.errors import SchemaErrors

    try:
        _pandera_schema().validate(rows, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases
        first = cases.loc[cases["index"].astype(int).idxmin()]
        bad = first["failure_case"]
        what = f"{bad!r} {first['check']}" if isinstance(bad, str) else f"{float(bad):.17g} {first['check']}"
        fault(int(first["index"]), str(first["column"]), what, len(cases) - 1)


@functools.cache
def _pandera_schema() -> Any:
    import pandera.pandas as pa

    def checks(column: Column) -> list[Any]:
        found = []
        if column.values:
            allowed = ", ".join(f"'{v}'" for v in column.values)
            found.append(pa.Check.isin(column.values, error=f"is not one of {allowed}"))
        elif column.kind == "text" and not column.nullable:
            found.append(pa.Check.str_length(min_value=1, error="must not be empty"))
        if column.low is not None:
            found.append(pa.Check.ge(column.low, error=f"is below {column.low:g}"))
        if column.high is not None:
            found.append(pa.Check.le(column.high, error=f"is above {column.high:g}"))
        return found

    return pa.DataFrameSchema({c.name: pa.Column(None, checks(c), nullable=True) for c in COLUMNS.values()})


def _broken_rules(rows: DataFrame) -> Iterator[tuple[str, str, Series]]:
    """Yield (column, sentence, mask of the rows that break it) for the rules that tie columns together."""
    failed, unnamed = rows["status"] != Status.OK, rows["metric"] == ""
    yield "schema_version", f"must be {SCHEMA_VERSION}", rows["schema_version"] != SCHEMA_VERSION
    yield "metric", "only a failed row may name no metric", unnamed & ~failed
    yield "direction", "must be 'higher' or 'lower' where a metric is named", (rows["direction"] == "") & ~unnamed
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
