"""Tabulation: the rows of leaderboards become tables, those that compare together, with what is to be said of them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from radbench.contracts import Status
from radbench.leaderboard import seeds
from radbench.leaderboard.columns import ALL, BASELINE, BOOTSTRAP, OVER_FACETS, TABLE_KEY, WILCOXON
from radbench.leaderboard.comparing import entry_names, tables_of
from radbench.leaderboard.ranking import places, rankable
from radbench.leaderboard.table import Cell, Heading, Table, harmless

if TYPE_CHECKING:
    from pandas import DataFrame, Series

_PRINTED = {"ap": "AP", "auroc": "AUROC"}
_CURVE = re.compile(r"(?:^|[-_ ])(?:ap|auroc)(?:[-_ ]|$)", re.IGNORECASE)
SIGNIFICANCE = ((0.001, "***"), (0.01, "**"), (0.05, "*"))


def tables(frame: DataFrame) -> Iterator[Table]:
    """Yield the tables of a long frame.

    Per comparable set: one over the metrics; one over the groups of each name, by the metric that decides; and one over
    the facets of each metric that has them.

    Args:
        frame: rows in the schema's columns, of one or several leaderboards.
    """
    found = tables_of(frame.reset_index(drop=True))
    for rows in found:
        own = _SetOfTables(rows, any(_look_alike(rows, other) for other in found if other is not rows))
        yield from map(harmless, own.all())


def _look_alike(rows: DataFrame, other: DataFrame) -> bool:
    """Tell whether two tables that do not compare have the same labels."""
    ours, theirs = rows.iloc[0], other.iloc[0]
    # Version 1 compared each seed apart; their labels differ by it.
    by_seed = ours["schema_version"] == theirs["schema_version"] == 1 and ours["seed"] != theirs["seed"]
    return all(ours[name] == theirs[name] for name in TABLE_KEY) and not by_seed


def decimals(values: Sequence[float]) -> int:
    """Return how many decimals a metric is printed with: 3 for scores in [0,1], 2 above, more for tiny ones."""
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    if largest > 1.0:
        return 2 if largest < 10_000 else 0
    if largest == 0.0 or largest >= 0.1:
        return 3
    return min(8, 2 - math.floor(math.log10(largest)))


class _SetOfTables:
    """The tables of one comparable set.

    Args:
        rows: of the set.
        clashes: whether there is another set of the same labels.
    """

    def __init__(self, rows: DataFrame, clashes: bool) -> None:
        newest = rows.sort_values("created_utc", kind="stable").drop_duplicates(
            ["enhancer", "seed", "group", "facet", "metric"], keep="last"
        )
        self.superseded, self.clashes = len(rows) > len(newest), clashes
        rows = rows.loc[newest.index.sort_values()]
        self.rows = rows.assign(entry=entry_names(rows))
        ended_well = self.rows["status"] == Status.OK
        self.good, self.failed = self.rows[ended_well], self.rows[~ended_well]
        # What was chosen alone is the whole of what is printed.
        self.group = _leading(self.good["group"], ALL)
        self.in_group = self.good[self.good["group"] == self.group]
        self.facet = _leading(self.in_group["facet"], "")
        main = self.in_group[self.in_group["facet"] == self.facet]
        self.has_main = not main.empty or self.good.empty
        self.whole = self.rows.loc[main.index.union(self.failed.index)]
        # A failed pair names all its metrics, those too that others have by facet alone.
        self.metrics = [m for m in dict.fromkeys((self.whole if main.empty else main)["metric"]) if m]
        decide = set(self.whole.loc[self.whole["primary"] == "true", "metric"])
        self.leading = next((m for m in self.metrics if m in decide), self.metrics[0] if self.metrics else "")
        self.order = _order(self.whole if self.has_main else self.rows, self.leading)
        self.seeds = seeds.several(self.rows)
        self.listed = [*self.order, *self.seeds]

    def all(self) -> Iterator[Table]:
        """Yield them."""
        if self.has_main:
            yield self._over_metrics()
            strata = [g for g in dict.fromkeys(self.good["group"]) if g not in (ALL, self.group)]
            for name in dict.fromkeys(g.partition("=")[0] for g in strata):
                yield from self._over_groups(name, [g for g in strata if g.partition("=")[0] == name])
        for metric in dict.fromkeys(self.in_group["metric"]):
            own = self.in_group[self.in_group["metric"] == metric]
            facets = [f for f in dict.fromkeys(own["facet"]) if f not in ("", self.facet)]
            if facets:
                yield self._over_facets(own, metric, facets)

    def _over_metrics(self) -> Table:
        columns = {m: self.whole[self.whole["metric"] == m] for m in self.metrics}
        ranks = _ranks(columns[self.leading], self.listed) if self.metrics else ()
        reading = ["Ranks with their 95 % intervals, which hold for all together."] if "[" in "".join(ranks) else []
        grid = {name: self._column(column, self.whole) for name, column in columns.items()}
        if not self.metrics:
            grid = {"": self._column(self.whole[self.whole["metric"] == ""], self.whole)}
        return Table(
            title=self._title(),
            headings=tuple(Heading(m or "status", _direction(columns[m]) if m else "") for m in grid),
            rows=_rows(self.listed, list(grid.values())),
            ranks=ranks,
            ranked_by=self.leading,
            notes=(*self._notes(), *_how_to_read(grid, "the table", self.whole), *reading),
            remarks=_remarks(self.whole, self.order),
            slug=self._slug(),
        )

    def _over_groups(self, name: str, strata: list[str]) -> Iterator[Table]:
        own = self.good[(self.good["metric"] == self.leading) & (self.good["facet"] == self.facet)]
        own = own[own["group"].isin([self.group, *strata])]
        columns = {g if g == ALL else g.partition("=")[2]: own[own["group"] == g] for g in (self.group, *strata)}
        columns = {heading: column for heading, column in columns.items() if not column.empty}
        about, family = f"{self.leading} by {name}", "all enhancers and metrics of each group"
        # Groups may have the metric by facets alone.
        if columns:
            yield self._over_strata(about, own, columns, family, own["group"].isin(strata))

    def _over_facets(self, own: DataFrame, metric: str, facets: list[str]) -> Table:
        columns = {f or "whole": own[own["facet"] == f] for f in ("", *facets)}
        columns = {heading: column for heading, column in columns.items() if not column.empty}
        family = "all enhancers and metrics of each facet"
        return self._over_strata(f"{metric} by facet", own, columns, family, own["facet"].isin(facets))

    def _over_strata(
        self, about: str, own: DataFrame, columns: Mapping[str, DataFrame], family: str, of_strata: Series
    ) -> Table:
        grid, headings = {}, []
        for heading, column in columns.items():
            cells = self._column(column, self.failed, own["value"].tolist())
            # Strata make many columns: their intervals stay in the file.
            grid[heading] = {e: replace(cell, interval="", delta_interval="") for e, cell in cells.items()}
            headings.append(Heading(heading, _direction(own), f"n = {int(column['n_cases'].max())}"))
        return Table(
            title=f"{about}: {self._title()}",
            headings=tuple(headings),
            rows=_rows(self.order if self.has_main else self.listed, list(grid.values())),
            ranks=(),
            ranked_by="",
            notes=(*self._notes(), *_how_to_read(grid, family, own)),
            remarks=_remarks(own[of_strata], self.order),
            slug=f"{self._slug()}-{_slug(about)}",
        )

    def _column(self, column: DataFrame, whole: DataFrame, scale: Sequence[float] | None = None) -> dict[str, Cell]:
        digits = decimals(column["value"].tolist() if scale is None else scale)
        cells = _column(column, self.order, whole, digits)
        return cells | seeds.joined(column, self.seeds, digits, cells)

    def _title(self) -> str:
        first = self.rows.iloc[0]
        of = self.whole if self.has_main else self.in_group
        size = f"{_count(int(of['n_cases'].max()), 'case')} of {_count(int(of['n_patients'].max()), 'patient')}"
        chosen = "".join(f", {what}" for what in (self.facet, "" if self.group == ALL else self.group) if what)
        return f"{first['task']} on {first['dataset']}, {first['split']} split{chosen} ({size})"

    def _notes(self) -> list[str]:
        first = self.rows.iloc[0]
        notes = [_made_of(first, _seeds(self.rows))]
        if first["given"]:
            notes.append(f"At test time the task is given: {first['given']}.")
        if self.clashes:
            notes.append(
                "Other tables of this task and data set were scored on other data or metrics: do not compare them."
            )
        if self.superseded:
            notes.append("Where an enhancer was scored several times, its newest rows stand.")
        return notes

    def _slug(self) -> str:
        first = self.rows.iloc[0]
        parts = [_slug(f"{first['task']} {first['dataset']}")]
        if self.clashes:
            parts += [str(first[name])[:8] for name in ("dataset_fingerprint", "task_digest", "cases_digest")]
            parts += [f"limit{first['limit']}" if str(first["limit"]) not in ("0", "<NA>") else ""]
            parts += [_slug(str(first[name])) for name in ("given", "truth")]
            parts += [f"v{first['schema_version']}"]
        chosen = [_slug(what) for what in (self.facet, "" if self.group == ALL else self.group)]
        return "-".join(filter(None, (*parts, first["profile"], *_seeds(self.rows), *chosen)))


def _leading(names: Series, whole: str) -> str:
    """Return which of the groups or facets a table is of: the whole, or the only one there is."""
    found = list(dict.fromkeys(names))
    return str(found[0]) if len(found) == 1 else whole


def _seeds(rows: DataFrame) -> list[str]:
    return [str(seed) for seed in sorted(set(rows["seed"].dropna()))]


def _slug(text: str) -> str:
    return "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in text).split())


def _rows(order: list[str], columns: Sequence[Mapping[str, Cell]]) -> tuple[tuple[str, tuple[Cell, ...]], ...]:
    return tuple((entry, tuple(column[entry] for column in columns)) for entry in order)


def _order(whole: DataFrame, metric: str) -> list[str]:
    """The reference first, then from best to worst by the metric, then what is not ranked, then what failed."""
    first = whole[whole["metric"] == metric]
    sign = 1.0 if _direction(first) == "lower" else -1.0
    ranked = rankable(first)

    baseline = set(whole.loc[whole["enhancer"].isin([BASELINE, *whole["reference"]]), "entry"])

    def place(entry: str) -> tuple[bool, int, float, str]:
        own = first[first["entry"] == entry]
        if own.empty or math.isnan(own["value"].iloc[0]):
            return entry not in baseline, 2, 0.0, entry
        return entry not in baseline, 0 if ranked[own.index[0]] else 1, sign * own["value"].iloc[0], entry

    return sorted(dict.fromkeys(whole["entry"]), key=place)


def _column(column: DataFrame, order: list[str], whole: DataFrame, digits: int) -> dict[str, Cell]:
    ranked = rankable(column)
    cells: dict[str, Cell] = {}
    printed: list[str | None] = []
    for entry in order:
        own = column[column["entry"] == entry]
        failed = whole[(whole["entry"] == entry) & (whole["status"] != Status.OK)]
        if not own.empty and not math.isnan(own["value"].iloc[0]):
            cells[entry] = _cell(own.iloc[0], digits, bool(ranked[own.index[0]]))
            printed.append(cells[entry].value if ranked[own.index[0]] else None)
        else:
            cells[entry] = Cell("–" if failed.empty else str(failed["status"].iloc[0]), failed=True)
            printed.append(None)
    marks = places(printed, lower=_direction(column) == "lower")
    return {e: replace(cell, place=mark) for (e, cell), mark in zip(cells.items(), marks, strict=True)}


def _cell(row: Any, digits: int, ranked: bool) -> Cell:
    def number(name: str, sign: str = "-") -> str:
        value = float(row[name])
        if math.isnan(value):
            return ""
        text = f"{value:{sign}.{digits}f}"
        # A rounded zero has no side.
        return f"{0:.{digits}f}" if float(text) == 0.0 else text

    stars = next((mark for limit, mark in SIGNIFICANCE if row["p_adjusted"] < limit), "")
    return Cell(
        value=number("value"),
        std=number("std"),
        interval=f"{number('ci_low')}, {number('ci_high')}" if number("ci_low") else "",
        delta=number("delta", "+"),
        delta_interval=f"{number('delta_ci_low')}, {number('delta_ci_high')}" if number("delta_ci_low") else "",
        stars=stars,
        incomplete=not ranked,
    )


def _ranks(column: DataFrame, order: list[str]) -> tuple[str, ...]:
    texts = []
    for entry in order:
        own = column[column["entry"] == entry]
        if own.empty or math.isnan(own["rank"].iloc[0]):
            texts.append("–")
            continue
        row = own.iloc[0]
        text = f"{row['rank']:.0f}"
        if not math.isnan(row["rank_low"]):
            text += f" [{row['rank_low']:.0f}–{row['rank_high']:.0f}]"
        texts.append(text)
    return tuple(texts)


def _remarks(rows: DataFrame, order: list[str]) -> tuple[str, ...]:
    """One sentence per entry and reason; a reason that holds for several rows is said once."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for entry in order:
        for row in rows[(rows["entry"] == entry) & (rows["error"] != "")].to_dict("records"):
            where = ", ".join(str(row[name]) for name in ("group", "facet") if row[name] not in (ALL, ""))
            status = "" if row["status"] == Status.OK else f"{row['status']}: "
            sentence = f"{status}{' '.join(str(row['error']).split())}"
            found.setdefault((entry, sentence), {})[where] = None
    return tuple(
        f"{entry}{''.join(f', {where}' for where in places if where)}: {sentence}"
        for (entry, sentence), places in found.items()
    )


def _made_of(row: Any, seeds: Sequence[str]) -> str:
    data, task = str(row["dataset_fingerprint"])[:8], str(row["task_digest"])[:8]
    seed = f"seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds)}" if seeds else ""
    marks = [seed, f"data {data}" if data else "", f"task {task}" if task else ""]
    return ", ".join([f"Profile {row['profile']}", *filter(None, marks)]) + "."


def _how_to_read(grid: Mapping[str, Mapping[str, Cell]], family: str, rows: DataFrame) -> list[str]:
    cells = [cell for column in grid.values() for cell in column.values()]
    notes = []
    rows = rows[rows["status"] == Status.OK]
    # Version 1 did not say how a metric is aggregated; the two that are not means go by their names.
    by_name = any(_CURVE.search(metric) for metric in rows.loc[rows["aggregation"] == "", "metric"])
    curves = "AP and AUROC" if by_name else ""
    if any(cell.std for cell in cells):
        interval = " [95 % interval, patients as clusters]" if any(cell.interval for cell in cells) else ""
        drawn = _names(a for a in rows["aggregation"] if a.removesuffix(OVER_FACETS) not in ("mean", "")) or curves
        over = f" ({drawn}: over bootstrap replicates)" if drawn else ""
        notes.append(f"Mean ± standard deviation over cases{over}{interval}.")
    if any(cell.delta for cell in cells):
        bootstrapped = _names(rows.loc[rows["p_test"] == BOOTSTRAP, "aggregation"]) or curves
        by_rank = (rows["p_test"] == WILCOXON) | (rows["schema_version"] == 1)
        tests = ["Wilcoxon signed-rank test over patients"] if by_rank.any() else []
        tests += [f"paired bootstrap for {bootstrapped}"] if bootstrapped else []
        tests += [test for test in dict.fromkeys(rows["p_test"]) if test not in ("", WILCOXON, BOOTSTRAP)]
        to = " or ".join(sorted(set(rows["reference"]) - {""}))
        interval = " [95 % interval]" if any(cell.delta_interval for cell in cells) else ""
        stars = f"*, **, ***: p < 0.05, 0.01, 0.001 after Holm over {family} ({'; '.join(tests)})"
        untested = "not tested: few patients, missing cases, or nothing that varies"
        notes.append(f"Δ: paired difference to {to}{interval}; {stars if tests else untested}.")
    if any(cell.spread for cell in cells):
        notes.append(seeds.NOTE)
    if any(cell.incomplete for cell in cells):
        of_cases = r"\d of \d+ cases? (?:failed|has no|have no)"
        cases_alone = rows.loc[rows["rank"].isna(), "error"].str.contains(of_cases).all()
        why = "cases that others scored are missing" if cases_alone else "something is missing, as said below"
        notes.append(f"†: not ranked, because {why}.")
    return notes


def _names(aggregations: Iterable[str]) -> str:
    """Return aggregations as text: "AP and AUROC"."""
    plain = (a.removesuffix(OVER_FACETS) for a in aggregations)
    names = list(dict.fromkeys(_PRINTED.get(a, a) for a in plain))
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _direction(rows: DataFrame) -> str:
    return next((str(d) for d in rows["direction"] if d), "")


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
