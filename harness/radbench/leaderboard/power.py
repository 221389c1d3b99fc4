"""Power of what was scored: the smallest difference that a comparison can show, and the patients that one needs.

Both are read off the rule of the interval that the leaderboard prints, so that they need the per-case scores: a run has
them, and a published table has them beside it. The difference that was observed plays no part in either.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts import Status, UsageError
from radbench.contracts.printable import to_cell
from radbench.leaderboard.aggregate import estimates
from radbench.leaderboard.clashes import is_old
from radbench.leaderboard.columns import ALL, BASELINE, seed_of
from radbench.leaderboard.company import baseline_of
from radbench.leaderboard.exports import select
from radbench.leaderboard.pairs import PairResult
from radbench.leaderboard.reaching import Bounds, attainable, beyond, widest
from radbench.leaderboard.sources import sets_together
from radbench.stats.power import POWER, detectable_difference, patients_needed

if TYPE_CHECKING:
    from pandas import DataFrame

    from radbench.stats.both import Estimate

FORMATS = ("table", "csv", "markdown", "json")
"""What ``bench power`` prints."""

NO_SCORES = "no per-case scores are known of it"
OLD = "it was scored by an older schema version, which keeps no per-case scores"
NO_RULE = "its interval is made of resamples alone, which do not foresee others"


@dataclass(frozen=True)
class Question:
    """What is asked of each comparison.

    Attributes:
        power: probability of showing a difference that is there, in (0, 1).
        difference: that is to be shown, in the metric's unit; None where nobody asks for patients.
        task, metric, group, facet: this one alone, as ``bench leaderboard`` takes them; "" for all tasks, the metric
            that decides, all cases, and the whole (or each facet, where there is no whole).
        reference: enhancer that differences are taken to; "" for each task's own.

    Raises:
        UsageError: a power outside (0, 1), or a difference that is not positive.
    """

    power: float = POWER
    difference: float | None = None
    task: str = ""
    metric: str = ""
    group: str = ""
    facet: str = ""
    reference: str = ""

    def __post_init__(self) -> None:
        if not 0.0 < self.power < 1.0:
            raise UsageError(f"--power must lie between 0 and 1, got {self.power:g}")
        if self.difference is not None and not (math.isfinite(self.difference) and self.difference > 0):
            raise UsageError(f"--difference must be a positive number, got {self.difference:g}")


@dataclass(frozen=True)
class Foreseen:
    """What one comparison can show.

    Attributes:
        task, dataset, split, profile, enhancer, seed, n_seeds, group, facet, metric, direction, reference: as in the
            leaderboard's row.
        n_cases, n_patients: that both answered.
        effective_patients: patients with equally many cases that would carry as much.
        delta, delta_ci_low, delta_ci_high: as in the row.
        standard_error: of delta, with patients as clusters and, of several seeds, what these add.
        power: what was asked.
        detectable: the smallest true difference that is shown with this probability.
        difference: what was asked.
        patients_needed: patients like these that show it with this probability.
        note: what the numbers rest on, or why one is missing.
    """

    task: str
    dataset: str
    split: str
    profile: str
    enhancer: str
    seed: int | None
    n_seeds: int
    group: str
    facet: str
    metric: str
    direction: str
    reference: str
    n_cases: int | None
    n_patients: int | None
    effective_patients: float | None
    delta: float | None
    delta_ci_low: float | None
    delta_ci_high: float | None
    standard_error: float | None
    power: float
    detectable: float | None
    difference: float | None
    patients_needed: int | None
    note: str


def foreseen(paths: Iterable[Path], question: Question) -> list[list[Foreseen]]:
    """Return what the comparisons of some leaderboards can show, by comparable set, metric, group and facet.

    Where several seeds are pooled, their row stands for them all; the reference, and what does not apply, has none.

    Args:
        paths: run folders, leaderboards, or folders of these; what compares is compared, wherever it lies.
        question: what is asked.

    Raises:
        UsageError: no such task, metric, group, facet or reference; a difference in the unit of several metrics, or one
            that no two scores can have;
            nothing that is compared with a reference; or a place that holds no leaderboard.
        SchemaError: a file is no leaderboard.
    """
    import pandas as pd

    sets = [*sets_together(paths, question.reference)]
    rows = pd.concat([table for table, _ in sets], ignore_index=True)
    chosen = select(rows, *(text or None for text in (question.metric, question.task, question.group, question.facet)))
    tasks = {*chosen["task"]}
    found: dict[tuple[str, ...], list[Foreseen]] = {}
    reach: dict[str, float] = {}
    for k, (table, pairs) in enumerate(sets):
        if table["task"].iloc[0] not in tasks:
            continue
        for one in _of_set(table, pairs, chosen, question, reach):
            found.setdefault((str(k), one.metric, one.group, one.facet), []).append(one)
    metrics = sorted({metric for _, metric, _, _ in found})
    if not found:
        raise UsageError("nothing is compared there: a difference needs a reference and another enhancer with a score")
    if question.difference is not None and len(metrics) > 1:
        raise UsageError(
            f"--difference {question.difference:g} is in the unit of one metric, and these are {', '.join(metrics)}: "
            "choose one with --metric or --task"
        )
    if question.difference is not None and question.difference > (most := reach.get(metrics[0], math.inf)):
        raise UsageError(f"--difference {question.difference:g}: two scores of {metrics[0]} differ by {most:g} at most")
    return list(found.values())


def _of_set(
    table: DataFrame, pairs: Sequence[PairResult], chosen: DataFrame, question: Question, reach: dict[str, float]
) -> list[Foreseen]:
    """Return what the comparisons of one comparable set can show, and take note of how far scores can differ."""
    decide = table.loc[table["primary"] == "true", "metric"]
    # Version 1 did not say which decides.
    wanted = {question.metric or next((name for name in (*decide, *table["metric"]) if name), "")}
    groups = set(chosen.loc[chosen["status"] == Status.OK, "group"]) if question.group else {ALL}
    baseline = question.reference if question.reference in set(table["enhancer"]) else baseline_of(table, pairs)
    known: dict[tuple[str, ...], Foreseen | None] = {}
    for row, estimate, bounds in estimates([_narrowed(pair, wanted, groups) for pair in pairs]):
        if row["metric"] in wanted and row["group"] in groups and _is_of_facet(row, question):
            is_reference = row["enhancer"] == baseline
            reach[row["metric"]] = max(reach.get(row["metric"], 0.0), widest(bounds)[1])
            known[_key(row)] = None if is_reference else _judged(row, estimate, bounds, baseline, question)
    for row in table[table["status"] != Status.NOT_APPLICABLE].to_dict("records"):
        if row["metric"] in wanted and row["group"] in groups and _is_of_facet(row, question):
            is_reference = row["enhancer"] == baseline
            known.setdefault(
                _key(row), None if is_reference else _unknown(row, baseline, question, is_old(table).any())
            )
    found = [one for one in known.values() if one is not None]
    pooled = {one.enhancer for one in found if one.n_seeds > 1 and one.delta is not None}
    found = [one for one in found if one.n_seeds != 1 or one.enhancer not in pooled]
    wholes = {(one.metric, one.group) for one in found if not one.facet}
    # A task that gives facets alone has no row of the whole.
    return [one for one in found if question.facet or not one.facet or (one.metric, one.group) not in wholes]


def _is_of_facet(row: Any, question: Question) -> bool:
    return not question.facet or row["facet"] == question.facet


def _narrowed(pair: PairResult, metrics: set[str], groups: set[str]) -> PairResult:
    """Return a pair with some of its metrics and groups alone: the others change nothing of these."""
    strata = {
        case: {name: value for name, value in own.items() if f"{name}={value}" in groups}
        for case, own in pair.groups.items()
    }
    return replace(pair, metrics=tuple(m for m in pair.metrics if m.name in metrics), groups=strata)


def _key(row: Any) -> tuple[str, ...]:
    where = tuple(str(row[name]) for name in ("enhancer", "group", "facet", "metric"))
    return (*where, str(seed_of(row)), str(int(row["n_seeds"]) > 1))


def _judged(row: Any, estimate: Estimate | None, bounds: Bounds, baseline: str, question: Question) -> Foreseen:
    """Return what a comparison can show whose scores are known."""
    if math.isnan(row["delta"]):
        why = f"there is no difference to {baseline}"
        return _empty(row, question, f"{why}: {row['error']}" if row["error"] else why)
    one = _empty(row, question, NO_RULE)
    if estimate is None:
        return one
    detectable = detectable_difference(estimate, question.power)
    one = replace(
        one,
        n_cases=estimate.n_cases,
        n_patients=estimate.n_patients,
        effective_patients=_or_none(estimate.effective_patients),
        standard_error=_or_none(estimate.standard_error),
        detectable=_or_none(attainable(detectable, bounds)),
        note="; ".join(filter(None, (_note(row, estimate), beyond(detectable, bounds, row["metric"])))),
    )
    if question.difference is None or estimate.rule is None:
        return one
    try:
        return replace(one, patients_needed=patients_needed(estimate, question.difference, question.power))
    except ValueError as e:
        return replace(one, note="; ".join(filter(None, (one.note, str(e)))))


def _note(row: Any, estimate: Estimate) -> str:
    """Return what is to be known of a comparison's numbers."""
    if estimate.no_interval:
        return f"no interval, and so no power: {estimate.no_interval}"
    told = [f"few patients: {estimate.n_patients}"] if estimate.few else []
    if estimate.no_p:
        told.append(f"not tested: {estimate.no_p}")
    elif math.isnan(row["p_value"]):
        told.append("not tested: cases are missing, or weights lacked lessons")
    return "; ".join(told)


def _unknown(row: Any, baseline: str, question: Question, old: bool) -> Foreseen:
    """Return what a row says by itself."""
    if row["status"] != Status.OK:
        return _empty(row, question, f"not scored: {row['status']}")
    if old:
        return _empty(row, question, OLD)
    same = not question.reference or row["reference"] == baseline
    one = _empty(row if same else {**row, **dict.fromkeys(_DELTA, math.nan)}, question, NO_SCORES)
    printed = _or_none(row["detectable"]) if same else None
    if printed is None or not math.isclose(question.power, POWER):
        return one
    return replace(one, detectable=printed, note=f"{NO_SCORES}: detectable as its row has it")


_DELTA = ("delta", "delta_ci_low", "delta_ci_high")


def _empty(row: Any, question: Question, note: str) -> Foreseen:
    texts = ("task", "dataset", "split", "profile", "enhancer", "group", "facet", "metric", "direction")
    values: dict[str, Any] = {field.name: None for field in fields(Foreseen)}
    values |= {name: str(row[name]) for name in texts} | {name: _or_none(row[name]) for name in _DELTA}
    values |= {"seed": seed_of(row), "n_seeds": int(row["n_seeds"]), "note": note}
    values |= {"power": question.power, "difference": question.difference}
    return Foreseen(**values | {"reference": str(row["reference"]) if values["delta"] is not None else ""})


def _or_none(number: Any) -> float | None:
    return float(number) if math.isfinite(number) else None


def as_csv(found: Iterable[Sequence[Foreseen]]) -> str:
    """Return comparisons as a CSV table; what is not known is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(Foreseen)])
    for one in (one for of in found for one in of):
        writer.writerow([_cell(value) for value in asdict(one).values()])
    return text.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return to_cell(value)
    return "" if value is None else repr(value)


def as_json(found: Iterable[Sequence[Foreseen]]) -> str:
    """Return comparisons as JSON; what is not known is null."""
    # With escapes for all but ASCII, no text drives a terminal.
    return json.dumps({"rows": [asdict(one) for of in found for one in of]}, indent=2) + "\n"


def comparing_to(found: Sequence[Foreseen]) -> str:
    """Return whom comparisons are made with, in words."""
    return " or ".join(sorted({one.reference for one in found} - {""})) or BASELINE
