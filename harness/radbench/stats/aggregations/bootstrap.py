"""Bootstrap: the draws, intervals and paired tests of any score that can be computed on a resample."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from radbench.stats.aggregations.protocol import Aggregation, Array, Paired
from radbench.stats.intervals import centred_p_value, percentile_interval
from radbench.stats.resampling import Resampling


def bootstrap_draws(
    value: Callable[[Any], float], evidence: Sequence[Any], resampling: Resampling, replicates: int | None = None
) -> Array:
    """Return float64 ``[E,R]``: a score computed anew on every resample.

    Args:
        value: the score of evidence.
        evidence: of E enhancers.
        resampling: of their cases.
        replicates: R, at most the resampling's; None for all.
    """
    n = min(replicates or resampling.replicates, resampling.replicates)
    drawn = np.empty((len(evidence), n))
    for k, cases in enumerate(resampling.drawn(n)):
        for row, one in zip(drawn, evidence, strict=True):
            resample = one.take(cases)
            row[k] = value(resample) if resample.answered.any() else np.nan
    return drawn


def deviation_of_draws(draws: Array) -> float:
    """Return the standard deviation (R - 1) over the defined draws, NaN with fewer than two."""
    defined = draws[np.isfinite(draws)]
    return float(np.std(defined, ddof=1)) if len(defined) > 1 else math.nan


def interval_around(value: float, draws: Array, n_patients: int) -> tuple[float, float]:
    """Return the expanded percentile interval, widened to hold the value.

    A percentile interval of few, skewed cases can miss its own estimate; no reader would make sense of that.
    """
    low, high = percentile_interval(draws, n_patients)
    if not (math.isfinite(value) and math.isfinite(low)):
        return math.nan, math.nan
    return min(low, value), max(high, value)


def bootstrap_differences(
    aggregation: Aggregation,
    evidence: Sequence[Any],
    pairs: Sequence[tuple[int, int]],
    draws: Array,
    resampling: Resampling,
) -> list[Paired]:
    """Return paired differences with the centred bootstrap's test (:func:`radbench.stats.centred_p_value`).

    Two that did not answer the same are scored anew on what both answered.
    """
    return [_paired(aggregation, evidence[i], evidence[j], draws[[i, j]], resampling) for i, j in pairs]


def _paired(aggregation: Aggregation, ours: Any, theirs: Any, draws: Array, resampling: Resampling) -> Paired:
    both = ours.answered & theirs.answered
    if not both.any():
        return Paired()
    if (ours.answered != both).any() or (theirs.answered != both).any():
        ours, theirs = ours.only(both), theirs.only(both)
        draws = aggregation.draws([ours, theirs], resampling)
    delta = aggregation.value(ours) - aggregation.value(theirs)
    if not math.isfinite(delta):
        return Paired()
    difference, n_patients = draws[0] - draws[1], resampling.count(ours.case[both])
    p = centred_p_value(delta, difference) if n_patients > 1 else math.nan
    test = "" if math.isnan(p) else "paired bootstrap"
    return Paired(delta, *interval_around(delta, difference, n_patients), p_value=p, test=test)
