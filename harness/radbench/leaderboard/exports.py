"""Exports: a leaderboard as a table on the terminal, Markdown, LaTeX, CSV or JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from radbench.contracts import UnknownNameError
from radbench.leaderboard.schema import COLUMNS, SCHEMA_VERSION, to_csv

if TYPE_CHECKING:
    from pandas import DataFrame
    from rich.console import Group

FORMATS = ("table", "csv", "markdown", "latex", "json")
"""``table``, ``markdown`` and ``latex`` are what a paper prints; ``csv`` and ``json`` are the rows themselves."""


def render(
    frame: DataFrame,
    format: str = "table",
    metric: str | None = None,
    task: str | None = None,
    uses_at_test: Mapping[str, Sequence[str]] | None = None,
    width: int | None = None,
) -> str:
    """Return a leaderboard as text.

    Rows are put into one table only where they compare: same task, data set, split, profile, seed, data fingerprint
    and task digest.

    Args:
        frame: rows in the schema's columns, of one or several leaderboards.
        format: one of :data:`FORMATS`.
        metric: this metric alone.
        task: this task alone: a label, or a name that stands for all its variants.
        uses_at_test: by task label, the truth that the task is given at test time; captions say so.
        width: columns of text that ``table`` keeps to; None as wide as it needs.

    Raises:
        UsageError: an unknown format, metric or task.
    """
    if format not in FORMATS:
        raise UnknownNameError("format", format, FORMATS)
    rows = select(frame, metric, task)
    if format == "csv":
        return to_csv(rows)
    if format == "json":
        return _json(rows)
    from radbench.leaderboard.table import tables

    found = list(tables(rows, uses_at_test))
    if format == "markdown":
        from radbench.leaderboard.markdown import markdown

        return markdown(found)
    if format == "latex":
        from radbench.leaderboard.latex import latex

        return latex(found)
    from radbench.leaderboard.console import plain_text

    return plain_text(found, width)


def renderable(
    frame: DataFrame,
    metric: str | None = None,
    task: str | None = None,
    uses_at_test: Mapping[str, Sequence[str]] | None = None,
) -> Group:
    """Return what ``rich`` prints as tables, fitted to the console's width.

    Raises:
        UsageError: an unknown metric or task.
    """
    from rich.console import Group
    from rich.text import Text

    from radbench.leaderboard.console import TableView
    from radbench.leaderboard.table import tables

    parts: list[Any] = []
    for table in tables(select(frame, metric, task), uses_at_test):
        parts += [TableView(table), Text("")]
    return Group(*parts[:-1])


def select(frame: DataFrame, metric: str | None = None, task: str | None = None) -> DataFrame:
    """Return the rows of a task and a metric; failed rows that name no metric stay.

    Raises:
        UsageError: there is no such task or metric in the leaderboard.
    """
    rows = frame
    if task is not None:
        labels = [str(label) for label in dict.fromkeys(rows["task"])]
        wanted = [label for label in labels if task in (label, label.partition("[")[0])]
        if not wanted:
            raise UnknownNameError("task", task, labels)
        rows = rows[rows["task"].isin(wanted)]
    if metric is not None:
        known = [str(name) for name in dict.fromkeys(rows["metric"]) if name]
        if metric not in known:
            raise UnknownNameError("metric", metric, known)
        rows = rows[rows["metric"].isin([metric, ""])]
    return rows.reset_index(drop=True)


def _json(rows: DataFrame) -> str:
    records = [{name: _plain(row[name], name) for name in COLUMNS} for row in rows.to_dict("records")]
    return json.dumps({"schema_version": SCHEMA_VERSION, "rows": records}, indent=2, ensure_ascii=False) + "\n"


def _plain(value: Any, name: str) -> str | int | float | None:
    kind = COLUMNS[name].kind
    if kind == "text":
        return str(value)
    if kind == "integer":
        return int(value)
    return None if math.isnan(value) else float(value)
