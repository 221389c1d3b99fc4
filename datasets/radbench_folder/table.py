"""The table beside a folder of images: patient, group and split of each case."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from radbench.contracts.errors import DatasetError, did_you_mean
from radbench.imaging import case_id_of

if TYPE_CHECKING:
    from radbench_folder.config import FolderConfig


@dataclass(frozen=True)
class Row:
    """What the table says of a case; "" where it has no such column."""

    patient_id: str = ""
    group: str = ""
    split: str = ""


def read_table(config: FolderConfig, case_ids: Iterable[str]) -> Mapping[str, Row]:
    """Return a row per case id.

    Raises:
        DatasetError: the table is missing or no CSV, lacks a column, lacks a case or its patient, or says two things
            of one case.
    """
    if config.table is None:
        return {}
    path = Path(config.table).expanduser()
    rows = _rows(path, config)
    wanted = list(case_ids)
    missing = [c for c in wanted if c not in rows]
    if missing:
        raise DatasetError(
            f"table '{path}' has no line for {len(missing)} of {len(wanted)} cases, the first of them '{missing[0]}' "
            f"(column '{config.case_column}'); add them, or choose another case_column"
        )
    if config.patient_column is not None:
        nameless = [c for c in wanted if not rows[c].patient_id]
        if nameless:
            raise DatasetError(f"table '{path}' has no patient for case '{nameless[0]}' ({config.patient_column})")
    return {c: rows[c] for c in wanted}


def _rows(path: Path, config: FolderConfig) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            if twice := [name for name in columns if columns.count(name) > 1]:
                raise DatasetError(f"table '{path}' names the column '{twice[0]}' twice: rename or remove one")
            for name in (config.case_column, config.patient_column, config.group_column, config.split_column):
                if name is not None and name not in columns:
                    raise DatasetError(f"table '{path}' has no column '{name}'{did_you_mean(name, columns)}")
            for line in reader:
                row = Row(
                    *(
                        (line[name] or "").strip() if name is not None else ""
                        for name in (config.patient_column, config.group_column, config.split_column)
                    )
                )
                case_id = _bare((line[config.case_column] or "").strip())
                if rows.setdefault(case_id, row) != row:
                    raise DatasetError(f"table '{path}' says two things of case '{case_id}': {rows[case_id]} and {row}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"table '{path}' cannot be read ({error})") from error
    return rows


def _bare(name: str) -> str:
    return case_id_of(Path(name), Path()) if name else ""
