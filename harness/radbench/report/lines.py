"""Lines: the rows of a set as the page's long table prints them, and what each was made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from radbench.contracts import Status
from radbench.engine.keep.texts import visible
from radbench.leaderboard.columns import ALL
from radbench.leaderboard.tabulate import decimals
from radbench.leaderboard.verdicts import verdict
from radbench.report.entries import Entry
from radbench.report.numbers import interval, number, p_text, ranks, stars

if TYPE_CHECKING:
    from pandas import DataFrame


_DECIDES = "\u00a0✦"
"""Stands behind the metric that decides."""


@dataclass(frozen=True)
class Shown:
    """A cell: its text, what it is sorted by, and whether it is a number."""

    text: str
    by: str = ""
    numeric: bool = False


@dataclass(frozen=True)
class Heading:
    """A column of the long table.

    Attributes:
        name: as it is printed.
        meaning: of it, for whoever points at it.
        numeric: whether it is sorted as numbers.
    """

    name: str
    meaning: str
    numeric: bool = True


HEADINGS = (
    Heading("enhancer", "what was scored; controls are marked", numeric=False),
    Heading("metric", "✦: the one that decides", numeric=False),
    Heading("group", "all cases, or one stratum of them", numeric=False),
    Heading("facet", "what within the cases: a finding, an angle, a layer", numeric=False),
    Heading("value", "mean over cases, or the score of the whole set"),
    Heading("95 % interval", "of value, with patients as clusters; sorted by its lower end"),
    Heading("Δ", "paired difference to the reference"),
    Heading("Δ's 95 % interval", "sorted by its lower end"),
    Heading("adj. p", "p adjusted for its family"),
    Heading("p", "of Δ, not adjusted"),
    Heading("effect size", "Δ in standard deviations of the cases' differences"),
    Heading("rank", "with the 95 % interval that holds for all ranks together"),
    Heading("verdict", "against the reference", numeric=False),
    Heading("detectable", "the least Δ that these data show with a probability of 80 %"),
    Heading("cases", "behind value"),
    Heading("patients", "behind value"),
    Heading("remark", "what went wrong", numeric=False),
)

METRIC, VERDICT = 1, 12
"""Places of two of them."""


@dataclass(frozen=True)
class Line:
    """A row of the long table.

    Attributes:
        cells: one for each of :data:`HEADINGS`.
        control: the kind of control, "" for a method.
        decides: whether it is of the metric that decides.
        leads: whether, of these, it is of all cases and of the whole.
    """

    cells: tuple[Shown, ...]
    control: str
    decides: bool
    leads: bool


def lines_of(rows: DataFrame, entries: Sequence[Entry]) -> list[Line]:
    """Return the rows of a set: by metric, group and facet as they come, and in each by entry.

    Args:
        rows: one for each entry, metric, group and facet.
        entries: in their order.
    """
    place = {entry.name: k for k, entry in enumerate(entries)}
    control = {entry.name: entry.control for entry in entries}
    digits = {metric: decimals(own["value"].tolist()) for metric, own in rows.groupby("metric", sort=False)}
    records = rows.to_dict("records")
    blocks = {key: k for k, key in enumerate(dict.fromkeys(map(_block, records)))}
    records.sort(key=lambda row: (blocks[_block(row)], place[row["entry"]]))
    return [_line(row, digits[row["metric"]], control[row["entry"]]) for row in records]


def _block(row: Any) -> tuple[str, ...]:
    return row["metric"], row["group"], row["facet"]


def _line(row: Any, digits: int, control: str) -> Line:
    decides = row["primary"] == "true"
    error = visible(" ".join(str(row["error"]).split()))
    status = "" if row["status"] == Status.OK else f"{row['status']}: "
    cells = (
        Shown(row["entry"]),
        Shown(f"{row['metric']}{_DECIDES if decides else ''}", row["metric"]),
        Shown(visible(row["group"])),
        Shown(visible(row["facet"])),
        _number(row["value"], digits),
        _ends(row["ci_low"], row["ci_high"], digits),
        _number(row["delta"], digits, sign=True, mark=stars(row["p_adjusted"])),
        _ends(row["delta_ci_low"], row["delta_ci_high"], digits),
        Shown(p_text(row["p_adjusted"]), _by(row["p_adjusted"]), True),
        Shown(p_text(row["p_value"]), _by(row["p_value"]), True),
        _number(row["effect_size"], 2, sign=True),
        Shown(ranks(row), _by(row["rank"]), True),
        Shown(verdict(row)),
        _number(row["detectable"], digits),
        Shown(str(int(row["n_cases"])), "", True),
        Shown(str(int(row["n_patients"])), "", True),
        Shown(f"{status}{error}"),
    )
    return Line(cells, control, decides, decides and row["group"] == ALL and not row["facet"])


def _number(value: Any, digits: int, sign: bool = False, mark: str = "") -> Shown:
    return Shown(f"{number(value, digits, sign)}{mark}", _by(value), True)


def _ends(low: Any, high: Any, digits: int) -> Shown:
    return Shown(interval(low, high, digits), _by(low), True)


def _by(value: Any) -> str:
    value = float(value)
    if math.isinf(value):
        # As JavaScript reads it.
        return "Infinity" if value > 0 else "-Infinity"
    return "" if math.isnan(value) else f"{value:.10g}"


MADE_OF = (
    ("enhancer_digest", "identity"),
    ("enhancer_plugin", "plugin"),
    ("radbench_version", "radbench"),
    ("git_commit", "commit"),
    ("seed", "seed"),
    ("precision", "precision"),
    ("pretrained", "pretrained"),
    ("task_pretrained", "task pretrained"),
    ("fit_seconds", "training, s"),
    ("task_fit_seconds", "task's training, s"),
    ("enhance_ms_per_case", "ms a case"),
    ("peak_memory_mb", "memory, MiB"),
    ("parameters", "parameters"),
    ("device", "machine"),
    ("created_utc", "scored"),
)
"""Columns of the leaderboard that say what an entry was made of, and their headings."""

SHARED = (
    ("truth", "compared with"),
    ("given", "the task is told"),
    ("limit", "at most so many cases"),
    ("dataset_fingerprint", "data, SHA-256"),
    ("task_digest", "identity of the task"),
    ("task_plugin", "plugin of the task"),
    ("cases_digest", "digest of the cases"),
    ("numerics", "libraries"),
    ("licence", "licence of the data"),
    ("citation", "source of the data"),
    ("schema_version", "schema of the rows"),
)
"""Columns that all rows of a set share."""


def made_of(rows: DataFrame, entries: Sequence[Entry]) -> tuple[list[str], list[tuple[Entry, list[str]]]]:
    """Return headings, and for each entry what it was made of; columns that say nothing of anybody are left out."""
    first = {entry.name: rows[rows["entry"] == entry.name].iloc[0] for entry in entries}
    told = {entry.name: [_told(first[entry.name], name) for name, _ in MADE_OF] for entry in entries}
    used = [k for k in range(len(MADE_OF)) if any(cells[k] for cells in told.values())]
    return [MADE_OF[k][1] for k in used], [(entry, [told[entry.name][k] for k in used]) for entry in entries]


def shared_by(rows: DataFrame) -> list[tuple[str, str]]:
    """Return what all rows of a set share, as (heading, text)."""
    found = []
    for name, heading in SHARED:
        texts = dict.fromkeys(visible(str(value)) for value in rows[name])
        text = "; ".join(text for text in texts if text and text not in ("nan", "<NA>"))
        if text and not (name == "limit" and text == "0"):
            found.append((heading, text))
    return found


def _told(row: Any, name: str) -> str:
    value = row[name]
    if name == "seed" and int(row["n_seeds"]) > 1:
        return str(row["seeds"])
    if isinstance(value, str):
        return visible(value)
    if str(value) in ("nan", "<NA>"):
        return ""
    value = float(value)
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else f"{value:.3g}"
