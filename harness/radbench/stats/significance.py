"""Paired tests and their correction: Wilcoxon's signed-rank test over patients, Holm's step-down."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.resampling import patient_index

EXACT_UP_TO = 50
"""Non-zero differences up to which the null distribution is enumerated (SciPy's limit)."""


def wilcoxon(differences: ArrayLike, patients: Sequence[Hashable] | None = None) -> float:
    """Return the two-sided p-value of the Wilcoxon signed-rank test (Wilcoxon 1945, Biometrics Bulletin
    1:80-83).

    The test needs independent differences, and cases of one patient are not: where patients are given, each
    enters once, with the mean of its differences. Zero differences are dropped, as Wilcoxon did; ties share
    their mean rank. Up to 50 non-zero differences the null distribution is exact, given the ties (every
    sign equally likely); beyond, it is the normal approximation with the variance corrected for ties and no
    continuity correction (Hollander, Wolfe & Chicken 2014, Nonparametric Statistical Methods, section 3.1),
    as in SciPy.

    Args:
        differences: ``[N]`` per-case differences; NaN (no answer) is left out.
        patients: ``[N]`` identities; None takes each case by itself.

    Returns:
        p in (0, 1]; 1.0 where no difference is non-zero, NaN where no case has an answer.

    Raises:
        ValueError: no differences, or patients of another number.
    """
    d = np.atleast_1d(np.asarray(differences, dtype=np.float64))
    if d.ndim != 1 or d.size == 0:
        raise ValueError(f"differences must be a list of at least one value, got shape {list(d.shape)}")
    index, n_patients = patient_index(patients, len(d))
    answered = ~np.isnan(d)
    d = _patient_means(d[answered], index[answered], n_patients)
    d = d[~np.isnan(d)]  # a patient whose differences are infinite both ways
    if len(d) == 0:
        return math.nan
    d = d[d != 0.0]
    if len(d) == 0:
        return 1.0
    ranks = _mean_ranks(np.abs(d))
    positive = float(ranks[d > 0].sum())
    return _exact(ranks, positive) if len(d) <= EXACT_UP_TO else _asymptotic(ranks, positive)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return Holm's step-down adjusted p-values (Holm 1979, Scand. J. Statist. 6:65-70).

    Args:
        p_values: ``[m]``; NaN stays NaN and does not count among the tests.

    Returns:
        float64 ``[m]``, in the order given: ``min(1, max over the smaller ones of (m - k + 1) p_(k))``.

    Raises:
        ValueError: a p-value outside [0, 1].
    """
    p = np.atleast_1d(np.asarray(p_values, dtype=np.float64))
    tested = np.flatnonzero(~np.isnan(p))
    if np.any((p[tested] < 0) | (p[tested] > 1)):
        raise ValueError(f"p-values must lie in [0, 1], got {p[tested].min():.4g} to {p[tested].max():.4g}")
    order = tested[np.argsort(p[tested], kind="stable")]
    adjusted = np.full(p.shape, np.nan)
    steps = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps * p[order]))
    return adjusted


def holm_over_families(families: Sequence[ArrayLike]) -> list[NDArray[np.float64]]:
    """Adjust p-values of several families, each of which is adjusted within itself, for all families together.

    Holm's step-down over families: with k of them left, a hypothesis is rejected whose p is at most alpha / k, and a
    family is left behind once all of its hypotheses are rejected. As each family errs with a probability of at most its
    level, whatever it holds, all together err with at most alpha. One family stays as it is, and families of one
    hypothesis each are Holm's own.

    Args:
        families: M times ``[m]`` p-values, adjusted within the family; NaN stays NaN and does not count.

    Returns:
        M times float64 ``[m]``.

    Raises:
        ValueError: a p-value outside [0, 1].
    """
    given = [np.atleast_1d(np.asarray(p, dtype=np.float64)) for p in families]
    if any(np.any((p < 0) | (p > 1)) for p in given):
        raise ValueError("p-values must lie in [0, 1]")
    largest = [float(np.nanmax(p)) if (~np.isnan(p)).any() else math.nan for p in given]
    order = sorted((m for m, p in enumerate(largest) if not math.isnan(p)), key=largest.__getitem__)
    # The levels at which the first, the first two, ... families are left behind.
    left = [0.0]
    for place, m in enumerate(order):
        left.append(max(left[-1], (len(order) - place) * largest[m]))
    found = [np.full(p.shape, np.nan) for p in given]
    for place, m in enumerate(order):
        steps = [np.maximum(left[j], (len(order) - j) * given[m]) for j in range(place + 1)]
        found[m] = np.minimum(1.0, np.min(steps, axis=0))
    return found


def _patient_means(d: NDArray[np.float64], index: NDArray[np.intp], n_patients: int) -> NDArray[np.float64]:
    order = np.lexsort((d, index))  # a fixed order of summation
    sums = np.bincount(index[order], weights=d[order], minlength=n_patients)
    counts = np.bincount(index, minlength=n_patients)
    return sums[counts > 0] / counts[counts > 0]


def _mean_ranks(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    _, group, counts = np.unique(sizes, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2.0)[group.reshape(-1)]


def _exact(ranks: NDArray[np.float64], positive: float) -> float:
    doubled = np.rint(2 * ranks).astype(np.intp)  # mean ranks of ties are halves
    ways = np.zeros(int(doubled.sum()) + 1)
    ways[0] = 1.0
    for rank in doubled:
        ways[rank:] += ways[:-rank].copy()
    observed = round(2 * positive)
    tail = min(ways[: observed + 1].sum(), ways[observed:].sum())
    return float(min(1.0, 2.0 * tail / 2.0 ** len(ranks)))


def _asymptotic(ranks: NDArray[np.float64], positive: float) -> float:
    n = len(ranks)
    _, ties = np.unique(ranks, return_counts=True)
    variance = n * (n + 1) * (2 * n + 1) / 24.0 - float((ties.astype(np.float64) ** 3 - ties).sum()) / 48.0
    z = (positive - n * (n + 1) / 4.0) / math.sqrt(variance)
    return math.erfc(abs(z) / math.sqrt(2.0))
