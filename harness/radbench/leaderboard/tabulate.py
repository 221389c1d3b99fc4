"""Tabulation: the rows of leaderboards become tables, those that compare together, with what is to be said of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from radbench.contracts import Status
from radbench.leaderboard.aggregate import NOTHING
from radbench.leaderboard.columns import ALL, BASELINE, NULL, TABLE_KEY
from radbench.leaderboard.comparing import entry_names, tables_of
from radbench.leaderboard.notes import how_to_read
from radbench.leaderboard.ranking import places, rankable
from radbench.leaderboard.table import ONE_SEED, Cell, Heading, Table, harmless
from radbench.leaderboard.verdicts import reading, verdict
from radbench.stats.seeds import ADVISED_SEEDS, FEWEST_SEEDS_FOR_P

if TYPE_CHECKING:
    from pandas import DataFrame, Series

SIGNIFICANCE = ((0.001, "***"), (0.01, "**"), (0.05, "*"))


def tables(frame: DataFrame, each_seed: bool = False) -> Iterator[Table]:
    """Yield the tables of a long frame.

    Per comparable set: one over the metrics; one over the groups of each name, by the metric that decides; and one over
    the facets of each metric that has them.

    Args:
        frame: rows in the schema's columns, of one or several leaderboards.
        each_seed: print the seeds of an enhancer below the row that stands for all of them.
    """
    found = tables_of(frame.reset_index(drop=True))
    for rows in found:
        own = _SetOfTables(rows, any(_look_alike(rows, other) for other in found if other is not rows), each_seed)
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
        each_seed: whether to print the seeds of which a row stands for all.
    """

    def __init__(self, rows: DataFrame, clashes: bool, each_seed: bool) -> None:
        newest = rows.sort_values("created_utc", kind="stable").drop_duplicates(
            ["enhancer", "seed", "group", "facet", "metric"], keep="last"
        )
        self.superseded, self.clashes = len(rows) > len(newest), clashes
        rows = rows.loc[newest.index.sort_values()]
        rows = rows.assign(entry=entry_names(rows))
        pooled = set(rows.loc[(rows["n_seeds"] > 1) & rows["value"].notna(), "enhancer"])
        of_several = (rows["n_seeds"] == 1) & rows["enhancer"].isin(pooled)
        self.single = rows[of_several & (rows["status"] == Status.OK)]
        self.all_seeds = [str(seed) for seed in sorted(set(rows["seed"].dropna()))]
        self.rows = rows if each_seed else rows.drop(self.single.index)
        self.parts = set(self.single["entry"])
        several = rows[rows["seed"].notna()].groupby("enhancer")["seed"].nunique()
        trained_often = rows["enhancer"].isin(several[several > 1].index)
        self.once = set(
            rows.loc[
                (rows["n_seeds"] == 1) & ~trained_often & (rows["status"] == Status.OK) & (rows["schema_version"] > 1),
                "entry",
            ]
        )
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
        ranks = _ranks(columns[self.leading], self.order) if self.metrics else ()
        notes = reading(columns[self.leading]) if self.metrics else []
        grid = {name: self._column(column, self.whole) for name, column in columns.items()}
        if not self.metrics:
            grid = {"": self._column(self.whole[self.whole["metric"] == ""], self.whole)}
        cells = how_to_read(grid, self.whole)
        # Where nothing was tested, that is said of the differences already.
        notes = [note for note in notes if not any(note in told for told in cells)]
        return Table(
            title=self._title(),
            headings=tuple(Heading(m or "status", _direction(columns[m]) if m else "") for m in grid),
            rows=self._lines(list(grid.values())),
            ranks=ranks,
            ranked_by=self.leading,
            notes=(*self._notes(), *cells, *notes, *self._of_seeds()),
            remarks=_remarks(self.whole, self.order),
            slug=self._slug(),
        )

    def _over_groups(self, name: str, strata: list[str]) -> Iterator[Table]:
        own = self.good[(self.good["metric"] == self.leading) & (self.good["facet"] == self.facet)]
        own = own[own["group"].isin([self.group, *strata])]
        columns = {g if g == ALL else g.partition("=")[2]: own[own["group"] == g] for g in (self.group, *strata)}
        columns = {heading: column for heading, column in columns.items() if not column.empty}
        about = f"{self.leading} by {name}"
        # Groups may have the metric by facets alone.
        if columns:
            yield self._over_strata(about, own, columns, own["group"].isin(strata))

    def _over_facets(self, own: DataFrame, metric: str, facets: list[str]) -> Table:
        columns = {f or "whole": own[own["facet"] == f] for f in ("", *facets)}
        columns = {heading: column for heading, column in columns.items() if not column.empty}
        return self._over_strata(f"{metric} by facet", own, columns, own["facet"].isin(facets))

    def _over_strata(self, about: str, own: DataFrame, columns: Mapping[str, DataFrame], of_strata: Series) -> Table:
        grid, headings = {}, []
        for heading, column in columns.items():
            cells = self._column(column, self.failed, own["value"].tolist())
            # Strata make many columns: their intervals stay in the file.
            bare = {e: replace(cell, interval="", delta_interval="", spread="") for e, cell in cells.items()}
            grid[heading] = bare
            headings.append(Heading(heading, _direction(own), f"n = {int(column['n_cases'].max())}"))
        return Table(
            title=f"{about}: {self._title()}",
            headings=tuple(headings),
            rows=self._lines(list(grid.values())),
            ranks=(),
            ranked_by="",
            notes=(
                *self._notes(),
                *how_to_read(grid, own, within=f"each {about.rpartition(' by ')[2]}"),
                *self._of_seeds(),
            ),
            remarks=_remarks(own[of_strata], self.order),
            slug=f"{self._slug()}-{_slug(about)}",
        )

    def _column(self, column: DataFrame, whole: DataFrame, scale: Sequence[float] | None = None) -> dict[str, Cell]:
        digits = decimals(column["value"].tolist() if scale is None else scale)
        cells = _column(column, self.order, whole, digits)
        for entry in self.parts & cells.keys():
            # What stands for all seeds is ranked in its place.
            cells[entry] = replace(cells[entry], incomplete=False)
        pooled = column[column["n_seeds"] > 1]
        for entry, enhancer in zip(pooled["entry"], pooled["enhancer"], strict=True):
            spread = self._spread(column, enhancer, digits)
            cells[entry] = replace(cells[entry], spread="" if cells[entry].failed else spread)
        return cells

    def _spread(self, column: DataFrame, enhancer: str, digits: int) -> str:
        """Return the least and the largest value of an enhancer's seeds in a column."""
        first = column.iloc[0]
        own = self.single[self.single["enhancer"] == enhancer]
        for name in ("group", "facet", "metric"):
            own = own[own[name] == first[name]]
        return (
            "" if own.empty else f"{number_of(own['value'].min(), digits)} to {number_of(own['value'].max(), digits)}"
        )

    def _lines(self, columns: Sequence[Mapping[str, Cell]]) -> tuple[tuple[str, tuple[Cell, ...]], ...]:
        """Return the rows: what was trained but once has a mark behind its name."""
        return tuple(
            (f"{entry} {ONE_SEED}" if entry in self.once else entry, tuple(column[entry] for column in columns))
            for entry in self.order
        )

    def _of_seeds(self) -> list[str]:
        notes = []
        if len(self.single):
            notes.append(
                "Of several seeds: their mean, with an interval for new patients and new trainings; below it, the "
                "least to the largest of the seeds."
            )
            fewest = int(self.rows.loc[self.rows["n_seeds"] > 1, "n_seeds"].min())
            if fewest < ADVISED_SEEDS:
                untested = f", and below {FEWEST_SEEDS_FOR_P} nothing is tested" if fewest < FEWEST_SEEDS_FOR_P else ""
                notes.append(
                    f"{fewest} seeds tell little of how trainings vary{untested}: {ADVISED_SEEDS} are advised."
                )
        if self.once & {*self.order}:
            notes.append(
                f"{ONE_SEED}: trained once: how much another training would differ is not told (--seed 0-4 tells)."
            )
        return notes

    def _title(self) -> str:
        first = self.rows.iloc[0]
        of = self.whole if self.has_main else self.in_group
        size = f"{_count(int(of['n_cases'].max()), 'case')} of {_count(int(of['n_patients'].max()), 'patient')}"
        chosen = "".join(f", {what}" for what in (self.facet, "" if self.group == ALL else self.group) if what)
        return f"{first['task']} on {first['dataset']}, {first['split']} split{chosen} ({size})"

    def _notes(self) -> list[str]:
        first = self.rows.iloc[0]
        notes = [_made_of(first, self.all_seeds)]
        if first["given"]:
            notes.append(f"At test time the task is given: {first['given']}.")
        if any(entry.startswith(f"{NULL}[") for entry in self.order):
            notes.append(
                f"{NULL}[of=X] is X's control: the original in X's grey levels, by one monotone tone curve. "
                "What it reaches is tone, not structure."
            )
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
        return "-".join(filter(None, (*parts, first["profile"], *self.all_seeds, *chosen)))


def _leading(names: Series, whole: str) -> str:
    """Return which of the groups or facets a table is of: the whole, or the only one there is."""
    found = list(dict.fromkeys(names))
    return str(found[0]) if len(found) == 1 else whole


def _slug(text: str) -> str:
    return "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in text).split())


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

    found = sorted(dict.fromkeys(whole["entry"]), key=place)
    # The seeds stand below the row that stands for all of them.
    above = {str(e): str(n) for e, n in whole.loc[whole["n_seeds"] > 1, ["entry", "enhancer"]].to_numpy()}
    below = whole.loc[(whole["n_seeds"] == 1) & whole["enhancer"].isin([*above.values()]), ["entry", "enhancer"]]
    of = dict.fromkeys((str(entry), str(enhancer)) for entry, enhancer in below.to_numpy())
    seeds = {entry for entry, _ in of}
    return [
        name
        for entry in found
        if entry not in seeds
        for name in (entry, *(e for e, enhancer in of if enhancer == above.get(entry)))
    ]


def _column(column: DataFrame, order: list[str], whole: DataFrame, digits: int) -> dict[str, Cell]:
    ranked = rankable(column)
    cells: dict[str, Cell] = {}
    printed: list[str | None] = []
    for entry in order:
        own = column[column["entry"] == entry]
        failed = whole[(whole["entry"] == entry) & (whole["status"] != Status.OK)]
        if not own.empty and not math.isnan(own["value"].iloc[0]):
            cells[entry] = cell_of(own.iloc[0], digits, bool(ranked[own.index[0]]))
            printed.append(cells[entry].value if ranked[own.index[0]] else None)
        else:
            cells[entry] = Cell("–" if failed.empty else str(failed["status"].iloc[0]), failed=True)
            printed.append(None)
    marks = places(printed, lower=_direction(column) == "lower")
    return {e: replace(cell, place=mark) for (e, cell), mark in zip(cells.items(), marks, strict=True)}


def cell_of(row: Any, digits: int, ranked: bool) -> Cell:
    """Return what a row shows: its value, deviation, interval and difference, with stars, in so many decimals."""

    def number(name: str, sign: str = "-") -> str:
        return number_of(float(row[name]), digits, sign)

    stars = next((mark for limit, mark in SIGNIFICANCE if row["p_adjusted"] <= limit), "")
    return Cell(
        value=number("value"),
        std=number("std"),
        interval=f"{number('ci_low')}, {number('ci_high')}" if number("ci_low") else "",
        delta=number("delta", "+"),
        delta_interval=", ".join(
            filter(None, (end_of(row[name], digits) for name in ("delta_ci_low", "delta_ci_high")))
        ),
        stars=stars,
        incomplete=not ranked,
    )


def end_of(value: float, digits: int) -> str:
    """Return an end of a difference's interval, whose side is told even where it is rounded to zero."""
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def number_of(value: float, digits: int, sign: str = "-") -> str:
    """Return a number as tables print it: "" for none, a rounded zero without a side."""
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    text = f"{value:{sign}.{digits}f}"
    # A rounded zero has no side.
    return f"{0:.{digits}f}" if float(text) == 0.0 else text


def _ranks(column: DataFrame, order: list[str]) -> tuple[tuple[str, ...], ...]:
    texts: list[tuple[str, ...]] = []
    for entry in order:
        own = column[column["entry"] == entry]
        if own.empty:
            texts.append(("–",))
            continue
        row = own.iloc[0]
        text = "–" if math.isnan(row["rank"]) else f"{row['rank']:.0f}"
        if not math.isnan(row["rank_low"]):
            text += f" [{row['rank_low']:.0f}–{row['rank_high']:.0f}]"
        texts.append(tuple(filter(None, (text, verdict(row)))))
    return tuple(texts)


def _remarks(rows: DataFrame, order: list[str]) -> tuple[str, ...]:
    """One sentence per entry and reason; a reason that holds for several rows is said once."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for entry in order:
        for row in rows[(rows["entry"] == entry) & (rows["error"] != "")].to_dict("records"):
            # The other sentences name their metric themselves.
            named = ("metric", "group", "facet") if row["error"] == NOTHING else ("group", "facet")
            where = ", ".join(str(row[name]) for name in named if row[name] not in (ALL, ""))
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


def _direction(rows: DataFrame) -> str:
    return next((str(d) for d in rows["direction"] if d), "")


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
