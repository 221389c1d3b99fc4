"""Exports: a leaderboard as a table on the terminal, Markdown, LaTeX, CSV or JSON."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from radbench.contracts import Status, UnknownNameError
from radbench.leaderboard.columns import ALL, COLUMNS, SCHEMA_VERSION
from radbench.leaderboard.privacy import publishable
from radbench.leaderboard.schema import to_csv

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
    group: str | None = None,
    facet: str | None = None,
    width: int | None = None,
    clear: bool = False,
    each_seed: bool = False,
) -> str:
    """Return a leaderboard as text.

    What leaves its user's hands names no case, path or patient: every format but ``table`` has messages as they may be
    published (:mod:`radbench.leaderboard.privacy`).

    Rows are put into one table only where they compare: same task and identity of it, same cases of the same data, same
    profile, and the same truth, given or compared with.

    Args:
        frame: rows in the schema's columns, of one or several leaderboards.
        format: one of :data:`FORMATS`.
        metric: this metric alone.
        task: this task alone: a label, or a name that stands for all its variants.
        group: this group alone: ``all``, ``name=value``, or a name for all its values beside the whole.
        facet: this facet alone.
        width: columns of text that ``table`` keeps to; None as wide as it needs.
        clear: leave messages as they are.
        each_seed: print the seeds of an enhancer below the row that stands for all of them.

    Raises:
        UsageError: an unknown format, metric, task, group or facet.
    """
    if format not in FORMATS:
        raise UnknownNameError("format", format, FORMATS)
    rows = select(frame, metric, task, group, facet)
    if format != "table" and not clear:
        rows = publishable(rows)
    if format == "csv":
        return to_csv(rows)
    if format == "json":
        return _json(rows)
    from radbench.leaderboard.tabulate import tables

    found = list(tables(rows, each_seed))
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
    group: str | None = None,
    facet: str | None = None,
    each_seed: bool = False,
) -> Group:
    """Return what ``rich`` prints as tables, fitted to the console's width; see :func:`render`.

    Raises:
        UsageError: an unknown metric, task, group or facet.
    """
    from rich.console import Group
    from rich.text import Text

    from radbench.leaderboard.console import TableView
    from radbench.leaderboard.tabulate import tables

    parts: list[Any] = []
    for table in tables(select(frame, metric, task, group, facet), each_seed):
        parts += [TableView(table), Text("")]
    return Group(*parts[:-1])


def select(
    frame: DataFrame,
    metric: str | None = None,
    task: str | None = None,
    group: str | None = None,
    facet: str | None = None,
) -> DataFrame:
    """Return the rows of a task, a metric, a group and a facet; failed rows stay where they could stand for them.

    Raises:
        UsageError: there is no such task, metric, group or facet in the leaderboard.
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
    failed = rows["status"] != Status.OK
    if group is not None:
        strata = [str(name) for name in dict.fromkeys(rows["group"])]
        names = [name.partition("=")[0] for name in strata if name != ALL]
        if group in strata:
            rows = rows[failed | (rows["group"] == group)]
        elif group in names:
            rows = rows[failed | (rows["group"] == ALL) | rows["group"].str.startswith(f"{group}=")]
        else:
            raise UnknownNameError("group", group, {*strata, *names})
    if facet is not None:
        facets = [str(name) for name in dict.fromkeys(rows["facet"]) if name]
        if facet not in facets:
            raise UnknownNameError("facet", facet, facets)
        rows = rows[(rows["status"] != Status.OK) | (rows["facet"] == facet)]
    return rows.reset_index(drop=True)


def on_dataset(frame: DataFrame, dataset: str) -> DataFrame:
    """Return the rows on a data set: a label, or a name that stands for all its variants.

    Raises:
        UsageError: there is no such data set in the leaderboard.
    """
    labels = [str(label) for label in dict.fromkeys(frame["dataset"])]
    wanted = [label for label in labels if dataset in (label, label.partition("[")[0])]
    if not wanted:
        raise UnknownNameError("data set", dataset, labels)
    return frame[frame["dataset"].isin(wanted)].reset_index(drop=True)


def _json(rows: DataFrame) -> str:
    records = [{name: _plain(row[name], name) for name in COLUMNS} for row in rows.to_dict("records")]
    text = json.dumps({"schema_version": SCHEMA_VERSION, "rows": records}, indent=2, ensure_ascii=False) + "\n"
    # JSON itself escapes only a part of what drives a terminal or turns the direction of writing.
    return "".join(c if c == "\n" or c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _plain(value: Any, name: str) -> str | int | float | None:
    kind = COLUMNS[name].kind
    if kind == "text":
        return str(value)
    if value is None or type(value).__name__ == "NAType" or math.isnan(value):
        return None
    if math.isinf(value):
        return str(value)  # JSON has no number for it
    return int(value) if kind == "integer" else float(value)
