"""Results of a study: which row of the leaderboards stands behind each cell, and whether the paper's order holds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts import Status
from radbench.contracts.errors import PluginError, UsageError
from radbench.engine.keep.texts import counted
from radbench.engine.plan.resolver import Resolver
from radbench.engine.plan.seeds import seeds_of
from radbench.leaderboard.columns import COMPARABLE_KEY, seed_of
from radbench.leaderboard.ranking import rankable
from radbench.leaderboard.schema import FILE_NAME
from radbench.leaderboard.sources import compared_sets, read_together
from radbench.leaderboard.verdicts import LEVEL
from radbench.registry.registry import Registry
from radbench.studies.planning import PlannedRun
from radbench.studies.study import Cell, Column, Row, Table

if TYPE_CHECKING:
    from pandas import DataFrame

    from radbench.engine.plan.request import Request
    from radbench.leaderboard.pairs import PairResult


@dataclass(frozen=True)
class Shown:
    """A cell with what stands behind it here.

    Attributes:
        cell: it, with what the paper prints.
        row: of the leaderboard; None where there is none.
        reason: why there is none, a sentence; "" where none is looked for.
        unranked: why the row cannot be set beside the others, as the leaderboard's tables mark with †; "" where it can.
        ranked: how many rows its rank is among.
    """

    cell: Cell
    row: Mapping[str, Any] | None
    reason: str = ""
    unranked: str = ""
    ranked: int = 0


@dataclass(frozen=True)
class Results:
    """What there is of a study's runs.

    Attributes:
        runs: by name, as they are planned here.
        frames: by run, its rows.
        reasons: by run, why there are none, or not all.
        pairs: by run, what of its rows has per-case scores.
        folders: by run, where it was run; none of leaderboards.
    """

    runs: Mapping[str, PlannedRun]
    frames: Mapping[str, DataFrame]
    reasons: Mapping[str, str]
    pairs: Mapping[str, Sequence[PairResult]] = field(default_factory=dict)
    folders: Mapping[str, Path] = field(default_factory=dict)

    def of(self, cell: Cell) -> Shown:
        """Return what stands behind a cell."""
        if cell.only_printed:
            return Shown(cell, None)
        run = self.runs.get(cell.run)
        if run is None:
            return Shown(cell, None, "it was not asked for")
        for name, parts in ((cell.enhancer, run.enhancers), (cell.task, run.tasks)):
            if name not in parts:
                return Shown(cell, None, run.missing.get(name, f"'{name}' is not there"))
        if cell.run not in self.frames:
            return Shown(cell, None, self.reasons.get(cell.run, "it was not run yet"))
        return _found(cell, run, self.frames[cell.run], self.reasons.get(cell.run, "it was not run yet"))


def _found(cell: Cell, run: PlannedRun, frame: DataFrame, lacking: str) -> Shown:
    task, enhancer = run.tasks[cell.task].label, run.enhancers[cell.enhancer].label
    own = frame[(frame["task"] == task) & (frame["enhancer"] == enhancer)]
    if own.empty:
        return Shown(cell, None, lacking)
    failed = own[own["status"] != Status.OK]
    rows = own[own["metric"].isin(cell.metrics) & (own["group"] == cell.group) & (own["facet"] == cell.facet)]
    rows = rows[rows["status"] == Status.OK].sort_values("created_utc", kind="stable")
    pooled = rows[rows["n_seeds"] > 1]
    rows = pooled if len(pooled) else rows
    if len(rows):
        beside = _beside(rows.iloc[-1], frame)
        unranked = _unranked(rows.iloc[-1], beside)
        return Shown(cell, rows.iloc[-1].to_dict(), unranked=unranked, ranked=int(beside["rank"].notna().sum()))
    if len(failed):
        return Shown(cell, None, f"{failed['status'].iloc[0]}: {failed['error'].iloc[0]}")
    where = ", ".join(filter(None, (cell.metric, cell.facet, "" if cell.group == "all" else cell.group)))
    return Shown(cell, None, f"there is no {where} of it")


def _beside(row: Any, frame: DataFrame) -> DataFrame:
    """Return the rows that a row is ranked with, its own among them."""
    beside = frame[frame["status"] == Status.OK]
    for name in (*COMPARABLE_KEY, "group", "facet", "metric"):
        beside = beside[beside[name].map(str) == str(row[name])]
    return beside


def _unranked(row: Any, beside: DataFrame) -> str:
    """Say why a row is not ranked with those that it stands beside; "" where it is."""
    if rankable(beside).loc[row.name]:
        return ""
    if row["error"]:
        return " ".join(str(row["error"]).split())
    if not math.isnan(row["rank"]):
        return "others count more cases"
    if row["n_seeds"] == 1 and (beside.loc[beside["enhancer"] == row["enhancer"], "n_seeds"] > 1).any():
        return "what stands for several seeds is ranked in its place"
    return "the leaderboard gives it no rank"


def results_in_runs(runs: Sequence[PlannedRun], folders: Mapping[str, Path], reasons: Mapping[str, str]) -> Results:
    """Return what the folders of a study's runs hold.

    Args:
        runs: as they are planned.
        folders: by run, where it was run.
        reasons: by run, why it was not.

    Raises:
        SchemaError: a leaderboard there is not valid.
    """
    there = {name: path for name, path in folders.items() if (path / FILE_NAME).exists()}
    found = {name: _together([path]) for name, path in there.items()}
    frames, pairs = ({name: one[k] for name, one in found.items()} for k in (0, 1))
    return Results({run.name: run for run in runs}, frames, reasons, pairs, there)


def _together(paths: Sequence[Path]) -> tuple[DataFrame, list[PairResult]]:
    """Read leaderboards as one; return their rows, and the pairs whose per-case scores are known."""
    import pandas as pd

    sets = [*compared_sets(paths)]
    if not sets:
        return read_together(paths)[0], []
    return pd.concat([one.rows for one in sets], ignore_index=True), [pair for one in sets for pair in one.pairs]


def results_in_leaderboards(
    registry: Registry, runs: Sequence[PlannedRun], paths: Sequence[Path], seeds: Sequence[int] = ()
) -> Results:
    """Return what leaderboards hold of a study's runs, by the labels of tasks, data sets and enhancers.

    Rows of another limit of cases than the runs are asked for are none of theirs, nor are rows of another precision
    where it is not the default that is asked for.

    Args:
        registry: of the plugins that there are.
        runs: as they are planned.
        paths: runs, leaderboards or folders of these.
        seeds: of these alone, pooled where they are several; none for whatever seeds there are.

    Raises:
        UsageError, SchemaError: they cannot be read.
    """
    frame, known = _together(paths)
    frames, reasons, pairs = {}, {}, {}
    for run in runs:
        datasets = _dataset_labels(registry, run)
        own = frame[frame["task"].isin([part.label for part in run.tasks.values()])]
        own = own[
            own["dataset"].isin({*datasets, *datasets.values()})
            & (own["profile"] == (run.request.profile if run.request else ""))
        ]
        under, where = ", ".join(part.label for part in run.tasks.values()), " or ".join(sorted(set(datasets.values())))
        reasons[run.name] = f"these leaderboards have no row of it under {under} on {where}"
        if own.empty or run.request is None:
            continue
        found = own[[_is_asked_for(row, run.request, set(seeds)) for row in own.to_dict("records")]]
        if len(found) < len(own):
            asked = [f"limit {run.request.limit}" if run.request.limit else "all cases"]
            asked += [f"precision {run.request.precision}"] if run.request.precision != _DEFAULT else []
            asked += [f"seeds {', '.join(map(str, sorted(set(seeds))))}"] if seeds else []
            reasons[run.name] = f"these leaderboards have it otherwise than it is asked for ({', '.join(asked)})"
        if len(found):
            frames[run.name], pairs[run.name] = found, known
    return Results({run.name: run for run in runs}, frames, reasons, pairs)


_DEFAULT = "float32"

_NONE = ("<NA>", "None", "nan")
"""How frames and their records write an integer that is not there."""


def _is_asked_for(row: Mapping[str, Any], request: Request, seeds: Set[int]) -> bool:
    # The default asks for nothing: what others published in another precision is shown, and said.
    precision = "" if request.precision == _DEFAULT else request.precision
    # What schema version 1 does not say, or what nothing depends on, fits whatever is asked.
    if str(row["limit"]) not in (*_NONE, str(request.limit)) or precision not in ("", row["precision"]):
        return False
    if not seeds:
        return True
    if row["n_seeds"] > 1:
        return set(seeds_of(str(row["seeds"]))) == seeds
    return seed_of(row) is None or {seed_of(row)} == seeds


def _dataset_labels(registry: Registry, run: PlannedRun) -> dict[str, str]:
    """Return the data sets that a run is scored on, by how the study writes them: the label that rows have."""
    profile = run.request.profile if run.request else "quick"
    wanted = {run.dataset} if run.dataset else {part.spec.default_dataset for part in run.tasks.values()}
    found = {}
    for label in wanted:
        try:
            found[label] = Resolver(registry, profile).part("dataset", label).label
        except (UsageError, PluginError):
            found[label] = label
    return found


@dataclass(frozen=True)
class Order:
    """Whether the paper's order of the rows of a column holds here.

    Attributes:
        column: it.
        rows: the rows that are ordered, the paper's best first.
        pairs: of two rows that the paper tells apart, how many could be looked at.
        alike: of these, how many stand in the same order here.
        alike_shown: of these, how many are shown: their rank intervals, which hold together, do not meet, or the
            adjusted p of the one against the other, the reference, is at most 0.05.
        contrary: how many stand the other way round.
        contrary_shown: of these, how many are shown.
        best: what the paper has best, and its rank here with its interval, as text.
    """

    column: Column
    rows: tuple[Row, ...]
    pairs: int
    alike: int
    alike_shown: int
    contrary: int
    contrary_shown: int
    best: str = ""

    @property
    def said(self) -> str:
        """What is to be said of it, without the column's name."""
        if self.pairs == 1:
            if not (self.alike or self.contrary):
                return "the paper's two rows are a tie here"
            word, shown = ("holds", self.alike_shown) if self.alike else ("is reversed", self.contrary_shown)
            sure = "and that is shown" if shown else "but that is not shown"
            return f"the paper's order of the two rows {word} here, {sure}"
        ties = self.pairs - self.alike - self.contrary
        stand = "stands" if self.alike == 1 else "stand"
        told = [f"{self.alike} {stand} in the same order here ({self.alike_shown} of these shown)"]
        told.append(f"{self.contrary} the other way round ({self.contrary_shown} shown)")
        told += [f"{counted(ties, 'tie')}"] if ties else []
        best = f"; {self.best}" if self.best else ""
        return f"of {self.pairs} pairs of rows that the paper tells apart, {', '.join(told)}{best}"


def sentences(found: Iterable[Order]) -> list[str]:
    """Return what is to be said of the orders of a table, once where the same holds for several columns."""
    told: dict[str, list[str]] = {}
    for order in found:
        if order.pairs:
            told.setdefault(order.said, []).append(order.column.heading)
    return [f"{'; '.join(headings)}: {said}." for said, headings in told.items()]


SHOWN_MEANS = (
    "Shown: their rank intervals, which hold for all ranks of a table together (95 %), do not meet, or the adjusted p "
    f"of the one against the other, the reference, is at most {LEVEL:g}. What is not shown may be chance."
)


def orders(table: Table, results: Results) -> Iterator[Order]:
    """Yield whether the paper's order holds, for each column and each set of rows that compare.

    Args:
        table: of scores.
        results: of its runs.
    """
    for column in table.columns:
        if not column.ordered:
            continue
        blocks: dict[tuple[str, str, str, str, str], list[tuple[Row, Shown]]] = {}
        for row, own, cell in table.cells():
            if own is column and cell.printed and not cell.only_printed:
                block = (cell.run, cell.task, cell.metric, cell.group, cell.facet)
                blocks.setdefault(block, []).append((row, results.of(cell)))
        for rows in blocks.values():
            if len(rows) > 1:
                yield _order(column, rows)


def _order(column: Column, rows: Sequence[tuple[Row, Shown]]) -> Order:
    directions = {str(shown.row["direction"]) for _, shown in rows if shown.row is not None}
    lower = directions == {"lower"}
    sign = 1.0 if lower else -1.0
    ordered = sorted(rows, key=lambda one: sign * one[1].cell.figure)
    known = [
        (row, shown)
        for row, shown in ordered
        if shown.row is not None and not shown.unranked and not math.isnan(shown.row["value"])
    ]
    counts = {"pairs": 0, "alike": 0, "alike_shown": 0, "contrary": 0, "contrary_shown": 0}
    for (_, better), (_, worse) in combinations(known, 2):
        if better.cell.figure == worse.cell.figure:
            continue
        counts["pairs"] += 1
        a, b = better.row, worse.row
        assert a is not None
        assert b is not None
        if a["value"] == b["value"]:
            continue
        alike = (a["value"] < b["value"]) == lower
        counts["alike" if alike else "contrary"] += 1
        if _is_shown(a, b) or _is_shown(b, a):
            counts["alike_shown" if alike else "contrary_shown"] += 1
    return Order(column, tuple(row for row, _ in ordered), **counts, best=_best(known, ordered))


def _is_shown(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if one["rank_high"] < other["rank_low"]:
        return True
    return bool(one["reference"] == other["enhancer"] and one["p_adjusted"] <= LEVEL)


def _best(known: Sequence[tuple[Row, Shown]], ordered: Sequence[tuple[Row, Shown]]) -> str:
    if len(known) < 3 or ordered[0][1].row is None:
        return ""
    row, first = ordered[0][0], ordered[0][1].row
    if math.isnan(first["rank"]):
        return ""
    interval = f" [{first['rank_low']:.0f}-{first['rank_high']:.0f}]" if not math.isnan(first["rank_low"]) else ""
    # More than the paper's rows may be ranked together: its nulls, or what somebody else published.
    among = f" of the {ordered[0][1].ranked} that the leaderboard ranks"
    return f"the paper's best, {row.name}, has rank {first['rank']:.0f}{interval}{among}"
