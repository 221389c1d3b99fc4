"""Families of comparisons: step-down max-T of the bootstrap-t, for adjusted p-values and simultaneous ranks."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.all_pairs import all_pairs_apart
from radbench.stats.clusters import FEWEST_PATIENTS, Clusters, bell_mccaffrey, clustered, cr2_errors
from radbench.stats.intervals import check_level
from radbench.stats.ranks import RankIntervals, ranks_where
from radbench.stats.studentised import REPLICATES, TIE, Studentiser, multiplicities, order

Array = NDArray[np.float64]

_AT_ONCE = 1 << 22
"""Studentised values held at once, 32 MiB: those of 839 comparisons in all resamples."""


@dataclass(frozen=True)
class Family:
    """P-values of K comparisons that are looked at together.

    Attributes:
        p_value: float64 ``[K]``, of each by itself, by the rule of :func:`radbench.stats.both.clustered_mean`; NaN
            where it is withheld.
        adjusted: float64 ``[K]``, for all of them together, never smaller; NaN likewise.
        size: how many comparisons were tested.
    """

    p_value: Array
    adjusted: Array
    size: int


def adjusted_p_values(
    differences: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    replicates: int = REPLICATES,
    seed: int = 0,
    level: float = 0.95,
) -> Family:
    """Return p-values of the mean differences of one metric, adjusted over the enhancers that it compares.

    Step-down max-T (Romano & Wolf 2005, Econometrica 73:1237-1282): the comparison with the largest studentised
    difference is judged by the largest studentised deviation among all of them in each resample, the next by the
    largest among those left, and so on; gains and losses apart, each at half the level (:func:`judged_together`). The
    resamples are shared, so that what the enhancers have in common is used; the standard error is anew in each. An
    adjusted p-value is at least the one of the comparison by itself, and equal to it where there is no other.

    Args:
        differences: ``[K,N]`` of K enhancers to the reference on N cases; NaN where there is no answer. A case that
            no enhancer answers is left out; an enhancer that lacks any other gets no p-value.
        patients: ``[N]`` identities, or None.
        replicates: resamples of the bootstrap-t.
        seed: of the resamples.
        level: at which an interval must be bounded for its p-value to be given.

    Raises:
        ValueError: no cases, patients of another number, or a level outside (0, 1).
    """
    check_level(level)
    table, who, complete = _complete(differences, patients)
    p, adjusted = np.full(len(table), np.nan), np.full(len(table), np.nan)
    if complete.any():
        rows = [clustered(row, who) for row in table[complete]]
        sums = np.stack([row.sums for row in rows])
        p[complete], adjusted[complete] = _judged(sums, rows[0].sizes, _counts(rows, replicates, seed), level)
    return Family(p, adjusted, int((~np.isnan(adjusted)).sum()))


def simultaneous_ranks(
    scores: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    direction: Literal["higher", "lower"] = "higher",
    replicates: int = REPLICATES,
    seed: int = 0,
    level: float = 0.95,
) -> RankIntervals:
    """Rank enhancers by their mean score, with intervals that cover all true ranks together.

    All pairs are compared as in :func:`adjusted_p_values`, and the intervals are those of
    :func:`radbench.stats.ranks.ranks_where`.

    Args:
        scores: ``[E,N]`` of E enhancers on N cases; an enhancer that lacks a case that another answers gets no rank.
        patients: ``[N]`` identities, or None.
        direction: which way is better.
        replicates: resamples of the bootstrap-t.
        seed: of the resamples.
        level: nominal coverage of all intervals together.

    Returns:
        Ranks and intervals. Nothing is told apart below six patients.

    Raises:
        ValueError: as :func:`adjusted_p_values`, or an unknown direction.
    """
    check_level(level)
    table, who, complete = _complete(scores, patients)
    rows = [clustered(row, who) for row in table[complete]]
    means = np.full(len(table), np.nan)
    means[complete] = [row.mean for row in rows]
    apart = np.zeros((len(table), len(table)), dtype=bool)
    apart[np.ix_(complete, complete)] = _apart(rows, replicates, seed, level)
    return ranks_where(means, apart, direction, level)


def told_apart(
    scores: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    replicates: int = REPLICATES,
    seed: int = 0,
    level: float = 0.95,
) -> NDArray[np.bool_]:
    """Return which enhancers' mean scores differ, all pairs tested together: bool ``[E,E]``, symmetric.

    Args:
        scores: ``[E,N]``; an enhancer that lacks a case that another answers is told apart from none.
        patients: ``[N]`` identities, or None.
        replicates: resamples of the bootstrap-t.
        seed: of the resamples.
        level: one minus the probability of telling any two apart that do not differ.

    Raises:
        ValueError: as :func:`adjusted_p_values`.
    """
    check_level(level)
    table, who, complete = _complete(scores, patients)
    apart = np.zeros((len(table), len(table)), dtype=bool)
    apart[np.ix_(complete, complete)] = _apart(
        [clustered(row, who) for row in table[complete]], replicates, seed, level
    )
    return apart


def _apart(rows: Sequence[Clusters], replicates: int, seed: int, level: float) -> NDArray[np.bool_]:
    if len(rows) < 2:
        return np.zeros((len(rows), len(rows)), dtype=bool)
    sums = np.stack([row.sums for row in rows])
    return all_pairs_apart(sums, rows[0].sizes, _counts(rows, replicates, seed), level)


def _complete(
    table: ArrayLike, patients: Sequence[Hashable] | None
) -> tuple[Array, Sequence[Hashable] | None, NDArray[np.bool_]]:
    """Return the cases that any row answers, their patients, and which rows answer them all."""
    x = np.atleast_2d(np.asarray(table, dtype=np.float64))
    if x.ndim != 2 or x.size == 0:
        raise ValueError(f"scores must hold at least one case, got shape {list(x.shape)}")
    if patients is not None and len(patients) != x.shape[1]:
        raise ValueError(f"patients and scores must go together: got {len(patients)} for {x.shape[1]} cases")
    known = np.asarray((~np.isnan(x)).any(axis=0))
    who = None if patients is None else [p for p, here in zip(patients, known, strict=True) if here]
    x = x[:, known]
    return x, who, np.asarray((~np.isnan(x)).all(axis=1) & known.any())


def _counts(rows: Sequence[Clusters], replicates: int, seed: int) -> Iterable[NDArray[np.integer[Any]]]:
    return multiplicities(rows[0].patients, replicates, seed) if rows and rows[0].patients else ()


def _judged(
    sums: Array,
    sizes: Array,
    counts: Iterable[NDArray[np.integer[Any]]],
    level: float,
) -> tuple[Array, Array]:
    """Return the p-values of K means over the same patients, each by itself and all together; NaN where withheld."""
    p, adjusted = np.full(len(sums), np.nan), np.full(len(sums), np.nan)
    errors = cr2_errors(sums, sizes)
    tested = (errors > 0) & ((sums != 0).sum(axis=1) >= FEWEST_PATIENTS)
    if tested.any():
        p[tested], adjusted[tested] = judged_together(sums[tested], sizes, errors[tested], counts, level)
    return p, adjusted


def judged_together(
    sums: Array,
    sizes: Array,
    errors: Array,
    counts: Iterable[NDArray[np.integer[Any]]],
    level: float = 0.95,
) -> tuple[Array, Array]:
    """Return two-sided p-values of K means: each by itself, and adjusted by step-down max-T.

    Gains are judged by the largest studentised value of all in each resample and losses by the smallest, each at half
    the level: two one-sided families, so that a mean by itself keeps the p-value that it has by itself.

    Args:
        sums: ``[K,m]`` of each patient's values.
        sizes: ``[m]`` numbers of cases.
        errors: ``[K]`` standard errors, positive.
        counts: multiplicities of the patients, ``[R,m]`` in all; only counts of exceedances are kept of them.
        level: at which an interval must be bounded for its p-value to be given.

    Returns:
        Two float64 ``[K]``; NaN where the resamples do not bound the interval.
    """
    from scipy.special import stdtr

    t = sums.sum(axis=1) / sizes.sum() / errors
    rising = np.argsort(t, kind="stable")
    sign = np.where(t < 0, -1.0, 1.0)[rising]
    size = np.abs(t)[rising]
    studentiser = Studentiser(sums[rising], sizes)
    above, beyond, up, down = (np.zeros(len(t), dtype=np.intp) for _ in range(4))
    n = 0
    for chunk in _no_more_than(_AT_ONCE // len(t), counts):
        drawn = studentiser.draws(chunk)
        n += len(drawn)
        above += (drawn * sign >= size - TIE).sum(axis=0)
        if np.isinf(drawn).any():
            up += (drawn == np.inf).sum(axis=0)
            down += (drawn == -np.inf).sum(axis=0)
        beyond += (_largest(drawn, sign) >= size - TIE).sum(axis=0)
    alone = np.minimum(1.0, 2.0 * np.maximum(stdtr(bell_mccaffrey(sizes), -size), (1 + above) / (1 + n)))
    together = np.minimum(1.0, np.maximum(2.0 * (1 + beyond) / (1 + n), alone))
    open_ended = np.maximum(up, down) >= order(n, level)
    p, adjusted = np.empty(len(t)), np.empty(len(t))
    p[rising] = np.where(open_ended, np.nan, alone)
    adjusted[rising] = np.where(open_ended, np.nan, _stepped_down(together, sign))
    return p, adjusted


def _no_more_than(rows: int, counts: Iterable[NDArray[np.integer[Any]]]) -> Iterator[NDArray[np.integer[Any]]]:
    """Yield resamples in arrays of at most so many rows, at least one."""
    step = max(1, rows)
    for chunk in counts:
        for begin in range(0, len(chunk), step):
            yield chunk[begin : begin + step]


def _largest(drawn: Array, sign: Array) -> Array:
    """Return in each resample, ``[r,K]``, the largest value of those that are judged with each or after it."""
    gains = np.maximum.accumulate(drawn, axis=1)
    losses = np.maximum.accumulate(-drawn[:, ::-1], axis=1)[:, ::-1]
    return np.where(sign > 0, gains, losses)


def _stepped_down(together: Array, sign: Array) -> Array:
    """Return p-values that are at least those of whoever is judged before."""
    gains, losses = np.where(sign > 0, together, 0.0), np.where(sign > 0, 0.0, together)
    return np.where(sign > 0, np.maximum.accumulate(gains[::-1])[::-1], np.maximum.accumulate(losses))
