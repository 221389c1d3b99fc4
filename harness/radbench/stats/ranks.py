"""Ranks of enhancers with intervals that cover: ties share a rank, and what the data cannot order stays
open."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.intervals import check_level, expand
from radbench.stats.means import mean, mean_replicates
from radbench.stats.resampling import patient_index


@dataclass(frozen=True)
class RankIntervals:
    """Ranks of E enhancers, 1 is best.

    Attributes:
        rank: float64 ``[E]``; equal values share the better rank (1, 2, 2, 4); NaN where there is no value.
        low: float64 ``[E]``, the best rank that the data leave open.
        high: float64 ``[E]``, the worst.
        level: nominal coverage, of all intervals at once.
    """

    rank: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    level: float


def rank_intervals(
    table: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    direction: Literal["higher", "lower"] = "higher",
    replicates: int = 5000,
    seed: int = 0,
    level: float = 0.95,
) -> RankIntervals:
    """Rank enhancers by their mean score, with simultaneous intervals for the ranks.

    The percentiles of bootstrapped ranks are not confidence intervals: the bootstrap of a rank is
    inconsistent where enhancers are tied or nearly so (Hall & Miller 2009, Ann. Statist. 37:3929-3959; Xie,
    Singh & Zhang 2009, J. Amer. Statist. Assoc. 104:775-788), which is where a leaderboard needs them. Here
    an enhancer's interval runs from 1 + the number of enhancers shown to be better to E - the number shown
    to be worse, by all pairwise differences tested at once, so that all true ranks are covered together
    with the nominal probability, ties included (Mogstad, Romano, Shaikh & Wilhelm 2024, Rev. Econ. Stud.
    91:476-518; Al Mohamad, Goeman & van Zwet 2022, Biometrics 78:238-247). The tests are those of
    :func:`ranks_from_replicates` on one joint, patient-clustered bootstrap.

    Args:
        table: ``[E,N]`` scores of E enhancers on N cases; NaN where there is no answer. Each enhancer's
            mean is over its own answers; one without any gets NaN and does not count.
        patients: ``[N]`` identities, or None.
        direction: which way is better.
        replicates: how many resamples.
        seed: of the resamples.
        level: nominal coverage of all intervals together.

    Raises:
        ValueError: as :func:`radbench.stats.means.bootstrap_mean`, or an unknown direction.
    """
    scores = np.atleast_2d(np.asarray(table, dtype=np.float64))
    drawn = mean_replicates(scores, patients, replicates, seed)
    answered = ~np.isnan(scores)
    values = np.array([mean(row[known]) for row, known in zip(scores, answered, strict=True)])
    index, _ = patient_index(patients, scores.shape[1])
    n_patients = len(np.unique(index[answered.any(axis=0)]))
    return ranks_from_replicates(values, drawn, n_patients, direction, level)


def ranks_from_replicates(
    values: ArrayLike,
    replicates: ArrayLike,
    n_patients: int,
    direction: Literal["higher", "lower"] = "higher",
    level: float = 0.95,
) -> RankIntervals:
    """Rank enhancers by any score, given its replicates on the same resamples (AP, AUROC or means).

    Two enhancers are told apart when their difference, in standard errors, exceeds the ``level`` quantile
    of the largest such deviation among all pairs over the replicates, stepping down over the pairs not yet
    told apart (Romano & Wolf 2005, Econometrica 73:1237-1282). The quantile is expanded for few patients as
    intervals are (Hesterberg 2015) and never below that of a single pair. A difference that is the same in
    every resample is certain, unless it is zero; an infinite value is told apart from none. With fewer than
    about six patients the level is not reached (0.88 for three at 0.95).

    Args:
        values: ``[E]`` scores on the data as they are, NaN where there is none.
        replicates: ``[E,R]``, the columns being the same resamples; a column with a NaN among the ranked is
            dropped.
        n_patients: how many patients were resampled.
        direction: which way is better.
        level: nominal coverage of all intervals together.

    Raises:
        ValueError: shapes that do not go together, an unknown direction, or a level outside (0, 1).
    """
    check_level(level)
    if direction not in ("higher", "lower"):
        raise ValueError(f"direction must be 'higher' or 'lower', got '{direction}'")
    values, drawn = np.asarray(values, dtype=np.float64), np.asarray(replicates, dtype=np.float64)
    if values.ndim != 1 or drawn.ndim != 2 or len(drawn) != len(values):
        raise ValueError(f"values [E] and replicates [E,R] must go together, got {values.shape} and {drawn.shape}")
    ranked = np.flatnonzero(~np.isnan(values))
    sign = 1.0 if direction == "higher" else -1.0
    good, drawn = sign * values[ranked], sign * drawn[ranked]
    # A mean that is infinite has a rank, but nothing measures how certain it is.
    finite = np.flatnonzero(np.isfinite(good))
    tested = drawn[finite][:, np.isfinite(drawn[finite]).all(axis=0)]
    better = np.zeros((len(ranked), len(ranked)), dtype=bool)
    better[np.ix_(finite, finite)] = _told_apart(good[finite], tested, n_patients, level)
    rank, low, high = (np.full(len(values), np.nan) for _ in range(3))
    rank[ranked] = 1 + (good[None, :] > good[:, None]).sum(axis=1)
    low[ranked] = 1 + better.sum(axis=0)
    high[ranked] = len(ranked) - better.sum(axis=1)
    return RankIntervals(rank, low, high, level)


def _told_apart(
    values: NDArray[np.float64], drawn: NDArray[np.float64], n_patients: int, level: float
) -> NDArray[np.bool_]:
    """Return bool ``[E,E]``: the row's enhancer is shown to be better than the column's."""
    n = len(values)
    delta = values[:, None] - values[None, :]
    if n_patients < 2 or drawn.shape[1] < 2:
        return np.zeros((n, n), dtype=bool)
    error = np.zeros((n, n))
    for i in range(n):
        error[i] = np.std(drawn[i] - drawn, axis=1, ddof=1)
    rounding = 1e-12 * max(float(np.abs(values).max(initial=0.0)), np.finfo(float).tiny)
    certain = error <= rounding
    open_pairs = np.triu(~certain, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        deviates = np.where(certain, 0.0, np.abs(delta) / error)
    apart = certain & (np.abs(delta) > rounding)
    while open_pairs.any():
        found = open_pairs & (deviates > _critical(delta, error, drawn, open_pairs, n_patients, level))
        if not found.any():
            break
        apart |= found | found.T
        open_pairs &= ~found
    return apart & (delta > 0)


def _critical(
    delta: NDArray[np.float64],
    error: NDArray[np.float64],
    drawn: NDArray[np.float64],
    pairs: NDArray[np.bool_],
    n_patients: int,
    level: float,
) -> float:
    from scipy.special import ndtr, ndtri, stdtrit

    largest = np.zeros(drawn.shape[1])
    for i in np.flatnonzero(pairs.any(axis=1)):
        j = np.flatnonzero(pairs[i])
        deviation = np.abs(drawn[i] - drawn[j] - delta[i, j, None]) / error[i, j, None]
        np.maximum(largest, deviation.max(axis=0), out=largest)
    single = float(ndtri((1.0 + level) / 2.0))
    deviate = max(float(np.quantile(largest, level)), single)
    tail = float(ndtr(-deviate))
    # Beyond the normal's reach the t quantile overflows; nothing is told apart there anyway.
    return expand(-float(stdtrit(n_patients - 1, tail)), n_patients) if tail > 0 else math.inf
