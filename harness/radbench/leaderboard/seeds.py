"""Seeds: a table's rows that say what several seeds of an enhancer come to; a description, nothing is inferred."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from radbench.leaderboard.table import Cell

if TYPE_CHECKING:
    from pandas import DataFrame

NOTE = "Rows of several seeds: the mean of the seeds' values, and from the least to the largest of them; not ranked."


def several(rows: DataFrame) -> dict[str, list[str]]:
    """Return by the name of its row the entries of each enhancer that a table holds with several seeds.

    Args:
        rows: of a table, with its names of entries under ``entry``.
    """
    found: dict[str, dict[str, None]] = {}
    for enhancer, entry, missing in zip(rows["enhancer"], rows["entry"], rows["seed"].isna(), strict=True):
        if not missing:
            found.setdefault(str(enhancer), {})[str(entry)] = None
    return {f"{e} ({len(entries)} seeds)": [*entries] for e, entries in found.items() if len(entries) > 1}


def joined(
    column: DataFrame, seeds: Mapping[str, Sequence[str]], digits: int, cells: Mapping[str, Cell]
) -> dict[str, Cell]:
    """Return the cells of the rows of several seeds.

    Args:
        column: the rows of one metric, group and facet.
        seeds: as :func:`several` gives them.
        digits: decimals of the column.
        cells: of its single seeds: where one of them has no value or lacks cases, there is no mean of all.
    """
    found = {}
    for name, entries in seeds.items():
        values = [float(v) for e in entries for v in column.loc[column["entry"] == e, "value"] if not math.isnan(v)]
        whole = len(values) == len(entries) and not any(cells[e].failed or cells[e].incomplete for e in entries)
        if not whole:
            found[name] = Cell("–", failed=True)
            continue
        mean, low, high = (_text(v, digits) for v in (math.fsum(values) / len(values), min(values), max(values)))
        found[name] = Cell(mean, spread=f"{low} to {high}")
    return found


def _text(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    # A rounded zero has no side.
    return f"{0:.{digits}f}" if float(text) == 0.0 else text
