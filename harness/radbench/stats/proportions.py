"""Means of 0/1 scores: Clopper and Pearson's interval at the effective size (Korn and Graubard)."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from radbench.stats.both import Estimate, untested
from radbench.stats.clusters import FEWEST_PATIENTS, bell_mccaffrey, clustered, cr2_error, effective_patients
from radbench.stats.intervals import check_level


def proportion(scores: ArrayLike, patients: Sequence[Hashable] | None = None, level: float = 0.95) -> Estimate:
    """Return the mean of 0/1 scores with the interval of Korn and Graubard.

    Korn & Graubard (1998, Survey Methodology 24:193-201) take Clopper and Pearson's interval at the effective size
    ``p (1 - p) / v``, v being the clustered (here CR2) variance, times the squared ratio of the t quantiles with n - 1
    and with the clusters' degrees of freedom (Bell & McCaffrey's). It is at most the number of cases. Where all scores
    are equal, v says nothing and the effective number of patients takes its place.

    Args:
        scores: ``[N]`` in {0,1}, NaN where there is no answer.
        patients: ``[N]`` identities; None makes each case its own patient.
        level: nominal coverage.

    Returns:
        Value and interval, none below six patients; the p-value, of a share being zero, is never given.

    Raises:
        ValueError: as :func:`radbench.stats.both.clustered_mean`, or scores other than 0 and 1.
    """
    from scipy.special import betaincinv

    check_level(level)
    x = np.asarray(scores, dtype=np.float64)
    if not np.isin(x[~np.isnan(x)], (0.0, 1.0)).all():
        raise ValueError(f"scores must be 0 or 1, got {x[~np.isnan(x) & ~np.isin(x, (0.0, 1.0))][:3].tolist()}")
    clusters = clustered(x, patients)
    value, error = clusters.mean, cr2_error(clusters)
    low = high = math.nan
    few = f"fewer than {FEWEST_PATIENTS} patients: {clusters.patients}"
    reason = few if clusters.patients < FEWEST_PATIENTS else ""
    if not reason:
        n, tail = effective_size(value, error, clusters.sizes, level), (1.0 - level) / 2.0
        hits = n * value
        low = float(betaincinv(hits, n - hits + 1.0, tail)) if value > 0 else 0.0
        high = float(betaincinv(hits + 1.0, n - hits, 1.0 - tail)) if value < 1 else 1.0
    return untested(clusters, error, (low, high), level, reason, "a share is not tested against zero")


def effective_size(value: float, error: float, sizes: ArrayLike, level: float = 0.95) -> float:
    """Return how many independent cases would tell a share as precisely as clustered ones do.

    Args:
        value: the share.
        error: its clustered standard error.
        sizes: ``[m]`` cases of each patient, two patients or more.
        level: nominal coverage of the interval that it is for.
    """
    from scipy.special import stdtrit

    n = np.asarray(sizes, dtype=np.float64)
    if not error > 0:
        return effective_patients(n)
    tail, cases = (1.0 - level) / 2.0, float(n.sum())
    ratio = float(stdtrit(cases - 1.0, tail)) / float(stdtrit(bell_mccaffrey(n), tail))
    return min(cases, value * (1.0 - value) / error**2 * ratio**2)
