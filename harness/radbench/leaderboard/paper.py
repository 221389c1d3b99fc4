"""Tables for papers: chosen columns of several tasks side by side, with the numbers that are asked for."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from radbench.contracts import Status
from radbench.contracts.errors import UnknownNameError, UsageError, did_you_mean
from radbench.contracts.printable import to_cell
from radbench.contracts.variants import split_list
from radbench.leaderboard.columns import ALL, BASELINE
from radbench.leaderboard.comparing import tables_of
from radbench.leaderboard.ranking import places, rankable
from radbench.leaderboard.table import ONE_SEED, Cell, Heading, Table, harmless
from radbench.leaderboard.tabulate import cell_of, decimals
from radbench.leaderboard.wording import sentences

if TYPE_CHECKING:
    from pandas import DataFrame, Series

SHOWN = ("value", "std", "interval", "delta", "delta-interval", "p", "stars", "rank")
"""What a cell may show."""

USUAL = ("value", "interval", "delta", "delta-interval", "stars")
"""What it shows where nothing else is asked for."""

EVERY = "*"
"""Stands for all facets of a metric."""


@dataclass(frozen=True)
class Column:
    """A column that is asked for.

    Attributes:
        task: a label, or a name that one label of the leaderboard has.
        metric: of it; "" for the one that decides.
        stratum: a group (``lesion-type=liver``), a name of groups for all its values, a facet, ``*`` for all facets; ""
            for the whole.
    """

    task: str
    metric: str = ""
    stratum: str = ""

    @staticmethod
    def parse(text: str) -> Column:
        """Read "TASK", "TASK:METRIC" or "TASK:METRIC:GROUP-OR-FACET"; colons within brackets belong to the label.

        Raises:
            UsageError: it reads otherwise.
        """
        parts, depth = [""], 0
        for character in text:
            depth += (character in "[{") - (character in "]}")
            if character == ":" and not depth and len(parts) < 3:
                parts.append("")
            else:
                parts[-1] += character
        task, metric, stratum = (*(part.strip() for part in parts), "", "")[:3]
        if not task:
            raise UsageError(f"column '{text}' must read TASK, TASK:METRIC or TASK:METRIC:GROUP (or a facet)")
        return Column(task, metric, stratum)


@dataclass(frozen=True)
class _Filled:
    """A column with its rows: by entry, one each."""

    heading: Heading
    task: str
    rows: DataFrame
    of: str


def shown(text: str) -> tuple[str, ...]:
    """Return what cells show, from "value,interval,p".

    Raises:
        UsageError: something else is named, or nothing.
    """
    found = tuple(split_list(text))
    for name in found:
        if name not in SHOWN:
            raise UnknownNameError("number to show", name, SHOWN)
    if "value" not in found:
        raise UsageError("--show must name 'value', and what is to stand beside it")
    return found


def paper_tables(
    frame: DataFrame, columns: Sequence[str], show: Collection[str] = USUAL, enhancers: Sequence[str] = ()
) -> list[Table]:
    """Return the parts of one table, a part for each task, all with the same rows.

    Several seeds stand as their pooled row. The reference stands first, the others by the first column, from best to
    worst.

    Args:
        frame: rows of leaderboards.
        columns: as :meth:`Column.parse` reads them.
        show: of :data:`SHOWN`.
        enhancers: these rows alone, in this order; none for all.

    Raises:
        UsageError: there is no such task, metric, group, facet or enhancer, or what has its labels does not compare.
    """
    filled = [one for text in columns for one in _filled(frame, Column.parse(text))]
    order = _order(filled)
    for name in enhancers:
        if name not in order:
            raise UnknownNameError("enhancer", name, order)
    order = [*dict.fromkeys(enhancers)] or order
    cells = {id(one): _cells(one, order, show) for one in filled}
    once = _trained_once(filled)
    parts = []
    for task in dict.fromkeys(one.task for one in filled):
        own = [one for one in filled if one.task == task]
        first = own[0].rows.iloc[0]
        remarks = tuple(remark for one in own for remark in _remarks(one))
        parts.append(
            Table(
                title=f"{first['task']} on {first['dataset']}, {first['split']} split, profile {first['profile']}",
                headings=tuple(one.heading for one in own),
                rows=tuple(
                    (f"{entry} {ONE_SEED}" if entry in once else entry, tuple(cells[id(one)][entry] for one in own))
                    for entry in order
                ),
                ranks=(),
                ranked_by="",
                notes=tuple(sentences([one.rows for one in own], show, bool(once))),
                remarks=tuple(dict.fromkeys(remarks)),
                slug="-".join(filter(None, ("paper", *("".join(c if c.isalnum() else " " for c in task).split())))),
            )
        )
    return [harmless(part) for part in parts]


def side_by_side(parts: Sequence[Table]) -> Table:
    """Return the parts as one table, for what prints no heading above several columns."""
    if len(parts) == 1:
        return parts[0]
    headings = [
        replace(h, name=f"{part.title.partition(' on ')[0]}: {h.name}") for part in parts for h in part.headings
    ]
    rows = [
        (name, tuple(cell for part in parts for cell in part.rows[k][1])) for k, (name, _) in enumerate(parts[0].rows)
    ]
    return Table(
        title="; ".join(part.title for part in parts),
        headings=tuple(headings),
        rows=tuple(rows),
        ranks=(),
        ranked_by="",
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        remarks=tuple(dict.fromkeys(remark for part in parts for remark in part.remarks)),
        slug="--".join(part.slug for part in parts),
    )


def _filled(frame: DataFrame, column: Column) -> Iterator[_Filled]:
    labels = [str(label) for label in dict.fromkeys(frame["task"])]
    wanted = [label for label in labels if label == column.task]
    wanted = wanted or [label for label in labels if label.partition("[")[0] == column.task]
    if not wanted:
        raise UnknownNameError("task", column.task, labels)
    sets = [table for table in tables_of(frame) if table["task"].iloc[0] in wanted and _scored(table)]
    if len(sets) != 1:
        what = "nothing was scored" if not sets else "several tables do not compare with each other"
        told = "; ".join(dict.fromkeys(f"{t['task'].iloc[0]} on {t['dataset'].iloc[0]}" for t in sets))
        raise UsageError(
            f"column '{column.task}': {what}{f' ({told}): name one by --task or --dataset' if told else ''}"
        )
    rows = sets[0]
    metrics = [str(name) for name in dict.fromkeys(rows["metric"]) if name]
    deciding = [str(name) for name in dict.fromkeys(rows.loc[rows["primary"] == "true", "metric"])]
    metric = column.metric or (deciding or metrics)[0]
    if metric not in metrics:
        raise UsageError(f"task '{column.task}' has no metric '{metric}'{did_you_mean(metric, metrics)}")
    own = rows[(rows["metric"] == metric) & (rows["status"] == Status.OK)]
    for group, facet in _strata(own, column.stratum):
        found = own[(own["group"] == group) & (own["facet"] == facet)]
        if len(found):
            yield _column(rows, found, metric, facet or ("" if group == ALL else group.partition("=")[2]))


def _scored(table: DataFrame) -> bool:
    return bool((table["status"] == Status.OK).any())


def _strata(own: DataFrame, wanted: str) -> list[tuple[str, str]]:
    groups = [str(group) for group in dict.fromkeys(own["group"])]
    facets = [str(facet) for facet in dict.fromkeys(own["facet"]) if facet]
    if not wanted:
        return [(ALL, "")]
    if wanted == EVERY:
        return [(ALL, facet) for facet in facets]
    if wanted in groups:
        return [(wanted, "")]
    if wanted in facets:
        return [(ALL, wanted)]
    values = [group for group in groups if group.partition("=")[0] == wanted and group != ALL]
    if not values:
        raise UnknownNameError("group or facet", wanted, {*groups, *(g.partition("=")[0] for g in groups), *facets})
    return [(group, "") for group in values]


def _column(table: DataFrame, found: DataFrame, metric: str, of: str) -> _Filled:
    rows = found.sort_values("created_utc", kind="stable").drop_duplicates(["enhancer", "seed"], keep="last")
    pooled = set(rows.loc[rows["n_seeds"] > 1, "enhancer"])
    single = rows["n_seeds"] < 2
    several = rows[single].groupby("enhancer")["seed"].transform("nunique").reindex(rows.index) > 1
    if (several & ~rows["enhancer"].isin(pooled)).any():
        name = rows.loc[several & ~rows["enhancer"].isin(pooled), "enhancer"].iloc[0]
        raise UsageError(f"'{name}' has several seeds and no row that stands for them: a seed failed, or lacks cases")
    rows = rows[~(single & rows["enhancer"].isin(pooled))]
    direction = next((str(d) for d in rows["direction"] if d), "")
    n = f"n = {int(rows['n_cases'].max())}"
    return _Filled(Heading(metric, direction, f"{of}, {n}" if of else n), str(table["task"].iloc[0]), rows, of)


def _order(filled: Sequence[_Filled]) -> list[str]:
    first = filled[0].rows
    references = {BASELINE, *(name for one in filled for name in one.rows["reference"])}
    sign = 1.0 if filled[0].heading.direction == "lower" else -1.0
    values = dict(zip(first["enhancer"], first["value"], strict=True))
    entries = dict.fromkeys(str(name) for one in filled for name in one.rows["enhancer"])

    def place(name: str) -> tuple[bool, bool, float, str]:
        value = values.get(name, math.nan)
        return name not in references, math.isnan(value), 0.0 if math.isnan(value) else sign * value, name

    return sorted(entries, key=place)


def _trained_once(filled: Sequence[_Filled]) -> set[str]:
    single = {str(name) for one in filled for name in one.rows.loc[one.rows["n_seeds"] == 1, "enhancer"]}
    return single - {str(name) for one in filled for name in one.rows.loc[one.rows["n_seeds"] > 1, "enhancer"]}


def _cells(one: _Filled, order: Sequence[str], show: Collection[str]) -> dict[str, Cell]:
    rows = {str(row["enhancer"]): row for row in one.rows.to_dict("records")}
    ranked: Series = rankable(one.rows)
    full = {str(name): bool(mask) for name, mask in zip(one.rows["enhancer"], ranked, strict=True)}
    digits = decimals(one.rows["value"].tolist())
    cells = {}
    for entry in order:
        row = rows.get(entry)
        if row is None or math.isnan(row["value"]):
            cells[entry] = Cell("–", failed=True)
            continue
        cells[entry] = _only(cell_of(row, digits, full[entry]), row, show)
    printed = [cells[e].value if full.get(e) else None for e in order]
    marks = places(printed, one.heading.direction == "lower")
    return {entry: replace(cells[entry], place=mark) for entry, mark in zip(order, marks, strict=True)}


def _only(cell: Cell, row: Mapping[str, Any], show: Collection[str]) -> Cell:
    """Return a cell with what is asked for."""
    p, rank = float(row["p_adjusted"]), float(row["rank"])
    ends = "" if math.isnan(row["rank_low"]) else f" [{row['rank_low']:.0f}–{row['rank_high']:.0f}]"
    return replace(
        cell,
        std=cell.std if "std" in show else "",
        interval=cell.interval if "interval" in show else "",
        delta=cell.delta if "delta" in show else "",
        delta_interval=cell.delta_interval if "delta-interval" in show else "",
        stars=cell.stars if "stars" in show else "",
        p="" if "p" not in show or math.isnan(p) else p_text(p),
        rank="" if "rank" not in show or math.isnan(rank) else f"rank {rank:.0f}{ends}",
    )


def p_text(p: float) -> str:
    """Return a p-value as papers print it: two significant digits, and never 0."""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def _remarks(one: _Filled) -> Iterator[str]:
    for row in one.rows.to_dict("records"):
        if row["error"]:
            yield f"{row['enhancer']}: {' '.join(str(row['error']).split())}"


def as_csv(parts: Sequence[Table]) -> str:
    """Return a line for each enhancer, a column for each number that is shown."""
    header, rows = ["enhancer"], [[name] for name, _ in parts[0].rows]
    for part in parts:
        task = part.title.partition(" on ")[0]
        for k, heading in enumerate(part.headings):
            of = heading.remark.partition(", n = ")[0] if ", n = " in heading.remark else ""
            for name in (f.name for f in fields(Cell) if f.name not in ("place", "incomplete", "failed", "spread")):
                texts = [getattr(cells[k], name) for _, cells in part.rows]
                if name == "value" or any(texts):
                    header.append(" ".join(filter(None, (task, heading.name, of, name))))
                    for row, text in zip(rows, texts, strict=True):
                        row.append("" if text == "–" else text)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([[to_cell(cell) for cell in line] for line in (header, *rows)])
    return text.getvalue()


def as_json(parts: Sequence[Table]) -> str:
    """Return the parts with their headings, cells and captions."""
    found = [
        {
            "title": part.title,
            "caption": list(part.notes),
            "remarks": list(part.remarks),
            "columns": [{"metric": h.name, "direction": h.direction, "of": h.remark} for h in part.headings],
            "rows": [
                {"enhancer": name, "cells": [{f.name: getattr(cell, f.name) for f in fields(Cell)} for cell in cells]}
                for name, cells in part.rows
            ],
        }
        for part in parts
    ]
    return json.dumps(found, indent=1) + "\n"
