"""Table: the paper's table as data - headings, cells with marks, notes - before any format gives it a shape."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from radbench.contracts import Status
from radbench.leaderboard.ranking import places, rankable
from radbench.leaderboard.schema import COMPARABLE_KEY, TABLE_KEY

if TYPE_CHECKING:
    from pandas import DataFrame

ALL = "all"
BASELINE = "original"
ARROWS = {"higher": "↑", "lower": "↓", "": ""}
_CURVE = re.compile(r"(?:^|[-_ ])(?:ap|auroc)(?:[-_ ]|$)", re.IGNORECASE)
SIGNIFICANCE = ((0.001, "***"), (0.01, "**"), (0.05, "*"))


@dataclass(frozen=True)
class Cell:
    """One enhancer under one metric.

    Attributes:
        value: the number, or the status of a failed pair, or "–" where there is neither.
        std: its standard deviation, or "".
        interval: "low, high", or "".
        delta: signed difference to ``original``, or "".
        stars: significance of the difference.
        place: 1 best, 2 second best, 0 neither.
        incomplete: whether it has a value and no rank, because cases failed.
        failed: whether ``value`` is no number.
    """

    value: str
    std: str = ""
    interval: str = ""
    delta: str = ""
    stars: str = ""
    place: int = 0
    incomplete: bool = False
    failed: bool = False


@dataclass(frozen=True)
class Heading:
    """A column: its name, the arrow of its direction, and a remark ("n = 25")."""

    name: str
    direction: str = ""
    remark: str = ""

    @property
    def arrow(self) -> str:
        """Return "↑" where higher is better, "↓" where lower is, else ""."""
        return ARROWS[self.direction]


@dataclass(frozen=True)
class Table:
    """A table as a paper prints it.

    Attributes:
        title: task, data set, split and size.
        headings: of the columns after the enhancer.
        rows: enhancer label and its cells.
        ranks: per row, the rank by the first metric with its interval; empty where the table has none.
        notes: sentences below it: what it is made of and how to read it.
        remarks: per enhancer, what failed.
        slug: for labels and file names, ASCII.
        ranked: whether any cell is marked best.
    """

    title: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    ranks: tuple[str, ...]
    notes: tuple[str, ...]
    remarks: tuple[str, ...]
    slug: str

    @property
    def ranked(self) -> bool:
        """Whether any cell is marked best."""
        return any(cell.place for _, cells in self.rows for cell in cells)


def tables(frame: DataFrame, uses_at_test: Mapping[str, Sequence[str]] | None = None) -> Iterator[Table]:
    """Yield the tables of a long frame: per comparable set one over the metrics, and one over groups if there are any.

    Args:
        frame: rows in the schema's columns, of one or several leaderboards.
        uses_at_test: by task label, the truth that the task is given at test time.
    """
    frame = frame.reset_index(drop=True)
    versions = frame.groupby(list(TABLE_KEY), sort=False)[["dataset_fingerprint", "task_digest"]]
    several = {key for key, group in versions if len(group.drop_duplicates()) > 1}
    for key, rows in frame.groupby(list(COMPARABLE_KEY), sort=False):
        given = (uses_at_test or {}).get(str(key[0]), ())
        yield from _set_tables(rows, list(given), tuple(key[: len(TABLE_KEY)]) in several)


def decimals(values: Sequence[float]) -> int:
    """Return how many decimals a metric is printed with: 3 for scores in [0,1], 2 above, more for tiny ones."""
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    if largest > 1.0:
        return 2 if largest < 10_000 else 0
    if largest == 0.0 or largest >= 0.1:
        return 3
    return min(8, 2 - math.floor(math.log10(largest)))


def _set_tables(rows: DataFrame, given: list[str], clashes: bool) -> Iterator[Table]:
    newest = rows.sort_values("created_utc", kind="stable").drop_duplicates(
        ["enhancer", "group", "metric"], keep="last"
    )
    superseded = len(rows) - len(newest)
    rows = rows.loc[newest.index.sort_values()]
    whole = rows[rows["group"] == ALL]
    metrics = [m for m in dict.fromkeys(rows["metric"]) if m]
    first = rows.iloc[0]
    n_cases, n_patients = int(whole["n_cases"].max()), int(whole["n_patients"].max())
    size = f"{_count(n_cases, 'case')} of {_count(n_patients, 'patient')}"
    title = f"{first['task']} on {first['dataset']}, {first['split']} split ({size})"
    notes = [_made_of(first)]
    if given:
        notes.append(f"At test time the task is given: {', '.join(given)}.")
    if clashes:
        notes.append(
            "Other tables of this task and data set were scored on other data or metrics: do not compare them."
        )
    if superseded:
        notes.append("Where an enhancer was scored several times, its newest rows stand.")
    slug = "-".join(
        "".join(c if c.isascii() and c.isalnum() else " " for c in f"{first['task']} {first['dataset']}").split()
    )
    if clashes:
        slug += f"-{str(first['dataset_fingerprint'])[:8]}-{str(first['task_digest'])[:8]}"
    slug += f"-{first['profile']}-{first['seed']}"
    order = _order(whole, metrics)
    columns = {m: whole[whole["metric"] == m] for m in metrics}
    ranks = _ranks(columns[metrics[0]], order) if metrics else ()
    reading = ["Ranks with their 95 % intervals, which hold for all together."] if "[" in "".join(ranks) else []
    grid = {name: _column(column, order, whole) for name, column in columns.items()}
    if not metrics:
        grid = {"": _column(whole[whole["metric"] == ""], order, whole)}
    headings = tuple(Heading(m or "status", _direction(columns[m]) if m else "") for m in grid)
    yield Table(
        title=title,
        headings=headings,
        rows=_rows(order, list(grid.values())),
        ranks=ranks,
        notes=(*notes, *_how_to_read(grid, "the table", metrics), *reading),
        remarks=_remarks(whole, order),
        slug=slug,
    )
    groups = [g for g in dict.fromkeys(rows["group"]) if g != ALL]
    if groups and metrics:
        yield _group_table(rows, metrics[0], groups, order, title, notes, slug)


def _group_table(
    rows: DataFrame, metric: str, groups: list[str], order: list[str], title: str, notes: list[str], slug: str
) -> Table:
    of_metric = rows[rows["metric"] == metric]
    grid, headings = {}, []
    for group in (ALL, *groups):
        column = of_metric[of_metric["group"] == group]
        failed = rows[(rows["group"] == ALL) & (rows["status"] != Status.OK)]
        cells = _column(column, order, failed, of_metric["value"].tolist())
        # Groups make many columns: their intervals stay in the file.
        grid[group] = {enhancer: replace(cell, interval="") for enhancer, cell in cells.items()}
        headings.append(Heading(group, _direction(of_metric), f"n = {int(column['n_cases'].max())}"))
    own = of_metric[of_metric["group"] != ALL]
    return Table(
        title=f"{metric} by group: {title}",
        headings=tuple(headings),
        rows=_rows(order, list(grid.values())),
        ranks=(),
        notes=(*notes, *_how_to_read(grid, "all enhancers and metrics of each group", [metric])),
        remarks=_remarks(own, order),
        slug=f"{slug}-groups",
    )


def _rows(order: list[str], columns: Sequence[Mapping[str, Cell]]) -> tuple[tuple[str, tuple[Cell, ...]], ...]:
    return tuple((enhancer, tuple(column[enhancer] for column in columns)) for enhancer in order)


def _order(whole: DataFrame, metrics: list[str]) -> list[str]:
    """``original`` first, then from best to worst by the first metric, then what is not ranked, then what failed."""
    first = whole[whole["metric"] == (metrics[0] if metrics else "")]
    sign = 1.0 if _direction(first) == "lower" else -1.0
    ranked = rankable(first)

    def place(enhancer: str) -> tuple[bool, int, float, str]:
        own = first[first["enhancer"] == enhancer]
        if own.empty or math.isnan(own["value"].iloc[0]):
            return enhancer != BASELINE, 2, 0.0, enhancer
        return enhancer != BASELINE, 0 if ranked[own.index[0]] else 1, sign * own["value"].iloc[0], enhancer

    return sorted(dict.fromkeys(whole["enhancer"]), key=place)


def _column(
    column: DataFrame, order: list[str], whole: DataFrame, scale: Sequence[float] | None = None
) -> dict[str, Cell]:
    digits = decimals(column["value"].tolist() if scale is None else scale)
    ranked = rankable(column)
    cells: dict[str, Cell] = {}
    printed: list[str | None] = []
    for enhancer in order:
        own = column[column["enhancer"] == enhancer]
        failed = whole[(whole["enhancer"] == enhancer) & (whole["status"] != Status.OK)]
        if not own.empty and not math.isnan(own["value"].iloc[0]):
            cells[enhancer] = _cell(own.iloc[0], digits, bool(ranked[own.index[0]]))
            printed.append(cells[enhancer].value if ranked[own.index[0]] else None)
        else:
            cells[enhancer] = Cell("–" if failed.empty else str(failed["status"].iloc[0]), failed=True)
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
        stars=stars,
        incomplete=not ranked,
    )


def _ranks(column: DataFrame, order: list[str]) -> tuple[str, ...]:
    texts = []
    for enhancer in order:
        own = column[column["enhancer"] == enhancer]
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
    """One sentence per enhancer and reason; a reason that holds for several metrics is said once."""
    found: dict[str, None] = {}
    for enhancer in order:
        for row in rows[(rows["enhancer"] == enhancer) & (rows["error"] != "")].to_dict("records"):
            where = "" if row["group"] == ALL else f", {row['group']}"
            status = "" if row["status"] == Status.OK else f"{row['status']}: "
            found[f"{enhancer}{where}: {status}{' '.join(str(row['error']).split())}"] = None
    return tuple(found)


def _made_of(row: Any) -> str:
    data, task = str(row["dataset_fingerprint"])[:8], str(row["task_digest"])[:8]
    marks = [f"data {data}" if data else "", f"task {task}" if task else ""]
    return ", ".join([f"Profile {row['profile']}, seed {row['seed']}", *filter(None, marks)]) + "."


def _how_to_read(grid: Mapping[str, Mapping[str, Cell]], family: str, metrics: Sequence[str]) -> list[str]:
    cells = [cell for column in grid.values() for cell in column.values()]
    notes = []
    # The file does not say how a metric is aggregated; the two that are not means go by their field's names.
    curves = any(_CURVE.search(metric) for metric in metrics)
    if any(cell.std for cell in cells):
        interval = " [95 % patient-clustered bootstrap interval]" if any(cell.interval for cell in cells) else ""
        over = " (AP and AUROC: over bootstrap replicates)" if curves else ""
        notes.append(f"Mean ± standard deviation over cases{over}{interval}.")
    if any(cell.delta for cell in cells):
        test = "; paired bootstrap for AP and AUROC" if curves else ""
        notes.append(
            f"Δ: paired difference to original; *, **, ***: p < 0.05, 0.01, 0.001 after Holm over {family} "
            f"(Wilcoxon signed-rank test over patients{test})."
        )
    if any(cell.incomplete for cell in cells):
        notes.append("†: not ranked, because cases that others scored are missing.")
    return notes


def _direction(rows: DataFrame) -> str:
    return next((str(d) for d in rows["direction"] if d), "")


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
