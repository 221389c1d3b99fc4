"""Rates of counts: Garwood's interval at the effective exposure, joined with the rule of means."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from radbench.stats.both import Estimate, clustered_mean, untested
from radbench.stats.clusters import FEWEST_PATIENTS, bell_mccaffrey, clustered, cr2_error, effective_patients
from radbench.stats.intervals import check_level


def rate(counts: ArrayLike, patients: Sequence[Hashable] | None = None, level: float = 0.95) -> Estimate:
    """Return events per case, the mean of counts, with an interval that holds near zero and for clustered events.

    Per side the farther end of two: Garwood's exact interval of a Poisson count (1936, Biometrika 28:437-442) at the
    effective number of cases (:func:`effective_exposure`), and the rule of means
    (:func:`radbench.stats.both.clustered_mean`) where that gives one, its lower end no less than zero. Without any
    event the effective number of patients is the exposure.

    Args:
        counts: ``[N]`` events of each case, whole numbers from 0 on; NaN where there is no answer.
        patients: ``[N]`` identities; None makes each case its own patient.
        level: nominal coverage.

    Returns:
        Value and interval, none below six patients; the p-value, of a rate being zero, is never given.

    Raises:
        ValueError: as :func:`radbench.stats.both.clustered_mean`, or counts that are negative or no whole numbers.
    """
    check_level(level)
    x = np.asarray(counts, dtype=np.float64)
    strange = first_no_count(x)
    if not math.isnan(strange):
        raise ValueError(f"counts must be whole numbers from 0 on, got {strange:g}")
    clusters = clustered(x, patients)
    value, error, low, high = clusters.mean, cr2_error(clusters), math.nan, math.nan
    few = clusters.patients < FEWEST_PATIENTS
    if not few:
        exposure = effective_exposure(value, error, clusters.sizes, level)
        low, high = (end / exposure for end in garwood(value * exposure, level))
        means = clustered_mean(x, patients, level)
        if not means.no_interval:
            low, high = max(0.0, min(low, means.low)), max(high, means.high)
    reason = f"fewer than {FEWEST_PATIENTS} patients: {clusters.patients}" if few else ""
    return untested(clusters, error, (low, high), level, reason, "a rate is not tested against zero")


def garwood(events: float, level: float = 0.95) -> tuple[float, float]:
    """Return Garwood's exact interval of the expectation of a Poisson count.

    Args:
        events: counted, from 0 on; need not be whole (an effective number).
        level: nominal coverage.
    """
    from scipy.special import gammaincinv

    tail = (1.0 - level) / 2.0
    low = float(gammaincinv(events, tail)) if events > 0 else 0.0
    return low, float(gammaincinv(events + 1.0, 1.0 - tail))


def effective_exposure(value: float, error: float, sizes: ArrayLike, level: float = 0.95) -> float:
    """Return how many independent cases with Poisson counts would tell a rate as precisely as clustered ones do.

    It is ``value / error^2`` times the squared ratio of the normal's quantile to the t's with the clusters' degrees of
    freedom (Bell and McCaffrey's), as Korn & Graubard (1998, Survey Methodology 24:193-201) have it for shares, and at
    most the number of cases.

    Args:
        value: events per case.
        error: its clustered standard error.
        sizes: ``[m]`` cases of each patient, two patients or more.
        level: nominal coverage of the interval that it is for.

    Returns:
        A number of cases; the effective number of patients where counts do not vary.
    """
    from scipy.special import ndtri, stdtrit

    n = np.asarray(sizes, dtype=np.float64)
    if not (value > 0 and error > 0):
        return effective_patients(n)
    tail = (1.0 - level) / 2.0
    ratio = float(ndtri(tail)) / float(stdtrit(bell_mccaffrey(n), tail))
    return min(float(n.sum()), value / error**2 * ratio**2)


def first_no_count(values: ArrayLike) -> float:
    """Return the first value that is no whole number from 0 on, NaN where there is none; NaN itself is left out."""
    x = np.asarray(values, dtype=np.float64)
    strange = ~np.isnan(x) & ~((x >= 0) & (np.floor(x) == x) & np.isfinite(x))
    return float(x[strange][0]) if strange.any() else math.nan
