"""The table beside a folder of images: patient, group, split, mask and findings of each case."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts.errors import DatasetError, did_you_mean
from radbench.contracts.printable import from_cell
from radbench.imaging import case_id_of
from radbench.imaging.limits import limit, variable_of

if TYPE_CHECKING:
    from radbench_folder.config import FolderConfig

BESIDE = "data.csv"
"""The table that is read without being named, in the folder of the images."""

_FINDING = "finding:"
_LABELS = {"": math.nan, "0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0}


@dataclass(frozen=True)
class Row:
    """What the table says of a case; "" or nothing where it has no such column."""

    patient_id: str = ""
    group: str = ""
    split: str = ""
    mask: str = ""
    findings: Mapping[str, str] = field(default_factory=dict)

    def labels(self) -> dict[str, float]:
        """Return 0, 1 or NaN (not stated) per finding."""
        return {name: _LABELS[text] for name, text in self.findings.items()}


@dataclass(frozen=True)
class Table:
    """A table that was read.

    Attributes:
        path: where it lies, None where there is none.
        rows: by case id, for the cases that were asked for.
        has_masks: whether it has a column of mask files.
        findings: the names of its findings.
    """

    path: Path | None = None
    rows: Mapping[str, Row] = field(default_factory=dict)
    has_masks: bool = False
    findings: Sequence[str] = ()


@dataclass(frozen=True)
class _Columns:
    """Which column holds what; None where there is none."""

    case: str
    patient: str | None
    group: str | None
    split: str | None
    mask: str | None
    findings: Mapping[str, str]


def table_of(config: FolderConfig) -> Path | None:
    """Return where the table lies: as configured, else beside the images, else None."""
    if config.table is not None:
        return Path(config.table).expanduser()
    beside = Path(config.root).expanduser() / BESIDE
    return beside if config.data_csv and beside.exists() else None


def masks_of(config: FolderConfig) -> set[str]:
    """Return where the mask files really lie that the table names: they are no images of their own.

    Raises:
        DatasetError: as :func:`read_table`.
    """
    path = table_of(config)
    if path is None:
        return set()
    columns, rows = _read(path, config)
    return {os.path.realpath(mask_path(path, row.mask)) for row in rows.values() if row.mask} if columns.mask else set()


def mask_path(table: Path, name: str) -> Path:
    """Return where a mask lies that a table names."""
    return table.parent / name


def read_table(config: FolderConfig, case_ids: Iterable[str]) -> Table:
    """Return what the table says of some cases.

    Raises:
        DatasetError: the table is missing or no CSV, lacks a column, lacks a case or its patient, says two things of
            one case, or has a finding that is neither 0 nor 1.
    """
    path = table_of(config)
    wanted = list(case_ids)
    if path is None:
        for name in ("group_column", "split_column", "mask_column", "finding_columns"):
            if getattr(config, name):
                raise DatasetError(
                    f"{name} names a column of a table, and there is none: give table, or {BESIDE} in root"
                )
        return Table()
    columns, rows = _read(path, config)
    missing = [c for c in wanted if c not in rows]
    if missing:
        raise DatasetError(
            f"table '{path}' has no line for {len(missing)} of {len(wanted)} cases, the first of them '{missing[0]}' "
            f"(column '{config.case_column}'); add them, or choose another case_column"
        )
    if columns.patient is not None:
        nameless = [c for c in wanted if not rows[c].patient_id]
        if nameless:
            raise DatasetError(f"table '{path}' has no patient for case '{nameless[0]}' ({columns.patient})")
    for c in wanted:
        for name, text in rows[c].findings.items():
            if text not in _LABELS:
                raise DatasetError(
                    f"table '{path}' says '{text}' of finding '{name}' in case '{c}'; 1 is present, 0 absent, empty "
                    "not stated"
                )
    return Table(path, {c: rows[c] for c in wanted}, columns.mask is not None, tuple(columns.findings))


def _read(path: Path, config: FolderConfig) -> tuple[_Columns, dict[str, Row]]:
    rows: dict[str, Row] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            columns = _columns(path, list(reader.fieldnames or []), config)
            for number, line in enumerate(_limited(path, reader), 2):
                row = _row(path, number, line, columns)
                # A name may begin or end with blanks; blanks about a name are a table's, too.
                raw = from_cell(str(line[columns.case]))
                for case_id in {_bare(raw), _bare(raw.strip())} - {""}:
                    if rows.setdefault(case_id, row) != row:
                        raise DatasetError(
                            f"table '{path}', line {number}: it says other things of case '{case_id}' than a line "
                            "before"
                        )
    except UnicodeDecodeError as error:
        raise DatasetError(f"table '{path}' is no UTF-8 text ({error.reason}): save it as CSV in UTF-8") from error
    except (OSError, csv.Error) as error:
        raise DatasetError(f"table '{path}' cannot be read ({error})") from error
    return columns, rows


def _limited(path: Path, lines: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    most = limit("lines")
    for number, line in enumerate(lines):
        if number >= most:
            raise DatasetError(
                f"table '{path}' has more than the {most:,} lines that are read: set {variable_of('lines')}"
            )
        yield line


def _columns(path: Path, names: list[str], config: FolderConfig) -> _Columns:
    if twice := [name for name in names if names.count(name) > 1]:
        raise DatasetError(f"table '{path}' names the column '{twice[0]}' twice: rename or remove one")
    patient = config.patient_column if config.patient_pattern is None else None
    asked = (patient, config.group_column, config.split_column, config.mask_column)
    for name in (config.case_column, *asked, *(config.finding_columns or ())):
        if name is not None and name not in names:
            if len(names) == 1 and ";" in names[0]:
                raise DatasetError(f"table '{path}' has its fields apart by semicolons: save it with commas")
            none = f"; data_csv=false leaves '{path.name}' out" if config.table is None else ""
            none += "; patient_column=none makes every case a patient" if name == patient else ""
            raise DatasetError(f"table '{path}' has no column '{name}'{did_you_mean(name, names)}{none}")

    def usual(asked: str | None, name: str) -> str | None:
        return asked or (name if name in names else None)

    findings = {name: name for name in config.finding_columns or ()}
    if config.finding_columns is None:
        named = [(n.removeprefix(_FINDING).strip(), n) for n in names if n.startswith(_FINDING)]
        findings = {finding: name for finding, name in named if finding}
        if twice := [finding for finding, _ in named if [f for f, _ in named].count(finding) > 1]:
            raise DatasetError(f"table '{path}' names the finding '{twice[0]}' twice: rename or remove one")
    return _Columns(
        config.case_column,
        patient,
        usual(config.group_column, "group"),
        usual(config.split_column, "split"),
        usual(config.mask_column, "mask"),
        findings,
    )


def _row(path: Path, number: int, line: Mapping[str, Any], columns: _Columns) -> Row:
    if None in line or None in line.values():
        raise DatasetError(f"table '{path}', line {number}: it has not as many fields as the first line names")
    findings = {name: _text(line, column) for name, column in columns.findings.items()}
    patient, group, split, mask = (
        _text(line, name) for name in (columns.patient, columns.group, columns.split, columns.mask)
    )
    if "\0" in mask:
        raise DatasetError(f"table '{path}', line {number}: the mask's name has a character that no file's name has")
    return Row(patient, group, split, mask, findings)


def _text(line: Mapping[str, Any], column: str | None) -> str:
    # A table may come from 'bench data make', whose cells no spreadsheet takes for formulas.
    return "" if column is None else from_cell(str(line[column])).strip()


def _bare(name: str) -> str:
    # What begins at the root of all folders is below none, so that it names no case.
    return case_id_of(Path(name), Path()) if name and not Path(name).is_absolute() else ""
