"""The statistics columns of one group of cases: all enhancers and metrics at once, on the same resamples."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.contracts import MetricSpec
from radbench.leaderboard.schema import STATISTICS
from radbench.stats import (
    ap_auroc,
    ap_auroc_replicates,
    holm,
    mean_replicates,
    ranks_from_replicates,
    wilcoxon,
)
from radbench.stats.intervals import centred_p_value, percentile_interval
from radbench.stats.means import mean

Array = NDArray[np.float64]
Direction = Literal["higher", "lower"]
Draw = Callable[[Array, Array, Sequence[str]], tuple[Array, Array]]


@dataclass
class Column:
    """One metric of one enhancer.

    Attributes:
        values: the schema's statistics columns by name.
        n_cases: cases with an answer.
        n_patients: their patients.
        n_reference: cases with an answer of any enhancer.
        missing: positions of the cases that another enhancer answered and this one did not.
        problem: why there is no value, or "".
    """

    n_cases: int
    n_patients: int
    n_reference: int
    missing: tuple[int, ...]
    problem: str = ""
    values: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STATISTICS, math.nan))


@dataclass(frozen=True)
class Comparison:
    """How enhancers are compared.

    Attributes:
        patients: ``[N]`` identities of the cases' patients.
        baseline: the enhancer that differences are taken to, None where it was not scored.
        replicates: bootstrap resamples.
        seed: of the resamples.
    """

    patients: Sequence[str]
    baseline: int | None
    replicates: int = 5000
    seed: int = 0

    def count(self, known: ArrayLike) -> int:
        """Return how many patients the cases ``known`` come from."""
        return len({self.patients[i] for i in np.flatnonzero(known).tolist()})


def mean_columns(
    tables: Sequence[Array], directions: Sequence[Direction], comparison: Comparison
) -> list[list[Column]]:
    """Return, per metric and enhancer, the columns of means of per-case scores.

    Args:
        tables: per metric ``[E,N]`` scores, NaN where there is no answer.
        directions: per metric, which way is better.
        comparison: baseline, patients and resamples.
    """
    patients, baseline = comparison.patients, comparison.baseline
    differences = [t - t[baseline] if baseline is not None else np.full_like(t, np.nan) for t in tables]
    drawn = mean_replicates(np.concatenate([*tables, *differences]), patients, comparison.replicates, comparison.seed)
    blocks = drawn.reshape(2, len(tables), len(tables[0]), -1)
    found = []
    for k, (table, difference, direction) in enumerate(zip(tables, differences, directions, strict=True)):
        columns = _started(np.isfinite(table), comparison)
        for e, column in enumerate(columns):
            known = table[e][np.isfinite(table[e])]
            _place(column, "value", "ci", mean(known), blocks[0, k, e], column.n_patients)
            column.values["std"] = float(np.std(np.sort(known), ddof=1)) if len(known) > 1 else math.nan
            paired = np.isfinite(difference[e])
            if e != baseline and paired.any():
                delta = mean(difference[e][paired])
                _place(column, "delta", "delta_ci", delta, blocks[1, k, e], comparison.count(paired))
                column.values["p_value"] = wilcoxon(difference[e], patients)
        _rank(columns, blocks[0, k], comparison.count(np.isfinite(table).any(axis=0)), direction)
        found.append(columns)
    return found


def dataset_columns(
    labels: Sequence[Array],
    tables: Sequence[Array],
    metrics: Sequence[MetricSpec],
    comparison: Comparison,
) -> list[list[Column]]:
    """Return, per metric and enhancer, the columns of AP and AUROC over all predictions.

    Args:
        labels: per metric ``[E,N]`` in {0,1}, NaN where there is no prediction; the truth, so the same for all.
        tables: per metric ``[E,N]`` scores.
        metrics: their specs; ``aggregation`` "ap" or "auroc".
        comparison: baseline, patients and resamples.
    """
    shared: dict[tuple[bytes, bytes], tuple[Array, Array]] = {}

    def draw(truth: Array, scores: Array, patients: Sequence[str]) -> tuple[Array, Array]:
        # AP and AUROC of one finding come from the same pass.
        key = (truth.tobytes(), scores.tobytes())
        if key not in shared:
            shared[key] = ap_auroc_replicates(truth, scores, patients, comparison.replicates, comparison.seed)
        return shared[key]

    return [_curve_columns(*each, comparison, draw) for each in zip(labels, tables, metrics, strict=True)]


def _curve_columns(label: Array, table: Array, metric: MetricSpec, comparison: Comparison, draw: Draw) -> list[Column]:
    columns = _started(np.isfinite(table), comparison)
    answered = np.isfinite(table).any(axis=0)
    if not answered.any():
        return columns
    label, table = label[:, answered], table[:, answered]
    truth = np.nanmax(label, axis=0)
    if not np.isin(truth, (0, 1)).all() or (truth != np.nanmin(label, axis=0)).any():
        for column in columns:
            column.problem = "labels must be 0 or 1, and the same for every enhancer"
        return columns
    here = replace(comparison, patients=[comparison.patients[i] for i in np.flatnonzero(answered).tolist()])
    which = 0 if metric.aggregation == "ap" else 1
    drawn = draw(truth, table, here.patients)[which]
    for e, column in enumerate(columns):
        value = ap_auroc(truth, table[e])[which]
        if math.isnan(value):
            column.problem = "needs cases of both classes"
            continue
        _place(column, "value", "ci", value, drawn[e], column.n_patients)
        defined = drawn[e][np.isfinite(drawn[e])]
        column.values["std"] = float(np.std(defined, ddof=1)) if len(defined) > 1 else math.nan
        if here.baseline is None or e == here.baseline:
            continue
        pair, pair_drawn = table[[e, here.baseline]], drawn[[e, here.baseline]]
        both = np.isfinite(pair).all(axis=0)
        if not both.any():
            continue
        if (np.isfinite(pair) != both).any():
            # The two did not answer the same cases: on their common ones they are scored anew.
            pair = np.where(both, pair, np.nan)
            pair_drawn = draw(truth, pair, here.patients)[which]
        delta = ap_auroc(truth, pair[0])[which] - ap_auroc(truth, pair[1])[which]
        if math.isfinite(delta):
            difference, n_patients = pair_drawn[0] - pair_drawn[1], here.count(both)
            _place(column, "delta", "delta_ci", delta, difference, n_patients)
            column.values["p_value"] = centred_p_value(delta, difference) if n_patients > 1 else math.nan
    _rank(columns, drawn, here.count(np.ones(len(truth), dtype=bool)), metric.direction)
    return columns


def adjust(columns: Sequence[Sequence[Column]]) -> None:
    """Set ``p_adjusted``: Holm over all the columns given, which are those of one printed table."""
    flat = [column for metric in columns for column in metric]
    for column, p in zip(flat, holm([c.values["p_value"] for c in flat]) if flat else (), strict=True):
        column.values["p_adjusted"] = float(p)


def _started(finite: NDArray[np.bool_], comparison: Comparison) -> list[Column]:
    reference = finite.any(axis=0)
    return [
        Column(
            n_cases=int(known.sum()),
            n_patients=comparison.count(known),
            n_reference=int(reference.sum()),
            missing=tuple(np.flatnonzero(reference & ~known).tolist()),
        )
        for known in finite
    ]


def _place(column: Column, name: str, ends: str, value: float, drawn: Array, n_patients: int) -> None:
    low, high = percentile_interval(drawn, n_patients)
    column.values[name] = value
    # A percentile interval of few, skewed cases can miss its own estimate; no reader would make sense of that.
    if math.isfinite(value) and math.isfinite(low):
        column.values[f"{ends}_low"], column.values[f"{ends}_high"] = min(low, value), max(high, value)


def _rank(columns: Sequence[Column], drawn: Array, n_patients: int, direction: Direction) -> None:
    complete = [not c.missing and math.isfinite(c.values["value"]) for c in columns]
    values = [c.values["value"] if full else math.nan for c, full in zip(columns, complete, strict=True)]
    ranks = ranks_from_replicates(values, drawn, n_patients, direction)
    for e, column in enumerate(columns):
        if complete[e]:
            column.values["rank"] = float(ranks.rank[e])
            # The value's own order is always among the orders left open.
            column.values["rank_low"] = min(float(ranks.low[e]), float(ranks.rank[e]))
            column.values["rank_high"] = max(float(ranks.high[e]), float(ranks.rank[e]))
