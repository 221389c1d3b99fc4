"""Sensitivity at a given specificity: exact on every bootstrap replicate, its interval, and paired differences."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.areas import Classes, difference_by_t, same_shape, two_classes
from radbench.stats.both import Estimate
from radbench.stats.clusters import bell_mccaffrey, effective_patients
from radbench.stats.intervals import check_level, standard_error
from radbench.stats.resampling import CHUNK_ELEMENTS, patient_counts, patient_index

Array = NDArray[np.float64]


def sensitivity_at_specificity(labels: ArrayLike, scores: ArrayLike, specificity: float = 0.9) -> float:
    """Return the sensitivity at the lowest threshold whose specificity is at least the given one.

    A case is called positive where its score is at or above the threshold, so that cases of equal score are called
    alike and nothing is interpolated: it is the highest sensitivity of an empirical ROC point whose false positive rate
    is at most ``1 - specificity``, and 0 where only calling nothing positive is specific enough.

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[N]``, higher speaks for 1; NaN is left out.
        specificity: in (0, 1).

    Returns:
        In [0, 1]; NaN where only one class is there.

    Raises:
        ValueError: as :func:`radbench.stats.areas.auroc`, or a specificity outside (0, 1).
    """
    _check_specificity(specificity)
    classes, table = two_classes(labels, scores, None)
    return _value(classes, table[0], specificity)


def sensitivity_replicates(
    labels: ArrayLike,
    scores: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    specificity: float = 0.9,
    replicates: int = 5000,
    seed: int = 0,
    chunk: int | None = None,
) -> Array:
    """Return the sensitivity at a specificity of every enhancer in every resample, the threshold found anew in each.

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[N]`` or ``[E,N]``, NaN where there is no answer.
        patients: ``[N]`` identities, or None.
        specificity: in (0, 1).
        replicates: how many resamples, R.
        seed: of the resamples.
        chunk: replicates at once; it bounds memory and changes no bit. None fits a fixed budget.

    Returns:
        float64 ``[E,R]``; NaN where the resample holds one class only.

    Raises:
        ValueError: as :func:`sensitivity_at_specificity`.
    """
    _check_specificity(specificity)
    y, table = np.asarray(labels), np.atleast_2d(np.asarray(scores, dtype=np.float64))
    index, n_patients = patient_index(patients, len(y))
    cells = [_Cells.of(y, row, index, n_patients) for row in table]
    found = np.empty((len(table), replicates))
    widest = max(n_patients, *(2 * one.thresholds for one in cells), 1)
    done = 0
    for counts in patient_counts(n_patients, replicates, seed, chunk or max(1, CHUNK_ELEMENTS // widest)):
        weights = np.ascontiguousarray(counts.T)
        for row, one in zip(found, cells, strict=True):
            row[done : done + len(counts)] = one.evaluate(weights, specificity)
        done += len(counts)
    return found


def sensitivity(
    labels: ArrayLike,
    scores: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    specificity: float = 0.9,
    level: float = 0.95,
    replicates: int = 5000,
    seed: int = 0,
    draws: Array | None = None,
) -> Estimate:
    """Return the sensitivity at a specificity with an interval for clustered cases and few positives.

    Clopper and Pearson's interval at the effective number of positives, as Korn & Graubard (1998, Survey Methodology
    24:193-201) have it for shares: ``p (1 - p) / v`` times the squared ratio of the t quantiles, at most the number of
    positives. The variance v is that of resampled patients whose threshold is found anew, so that it holds what the
    negatives leave open (Platt, Hanley & Yang 2000, Statist. Med. 19:313-322). At 0 and 1 the effective number of
    patients with a positive takes its place.

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[N]``, higher speaks for 1; a case whose score is NaN is left out.
        patients: ``[N]`` identities; None makes each case its own patient.
        specificity: in (0, 1).
        level: nominal coverage.
        replicates: how many resamples.
        seed: of the resamples.
        draws: ``[R]`` the sensitivity in each resample, where it is known (:func:`sensitivity_replicates`), in place of
            replicates and seed.

    Returns:
        Value, interval (none below three patients of either class, nor with so few negatives that one of them alone
        takes the specificity below the given one) and no p-value.

    Raises:
        ValueError: as :func:`sensitivity_at_specificity`.
    """
    check_level(level)
    _check_specificity(specificity)
    classes, table = two_classes(labels, scores, patients)
    value, untested = _value(classes, table[0], specificity), "a sensitivity is not tested against zero"
    reason = _no_interval(classes, specificity)
    if reason:
        return classes.estimate(value, (math.nan,) * 2, level, math.nan, math.nan, None, reason, untested)
    if draws is None:
        draws = sensitivity_replicates(labels, scores, patients, specificity, replicates, seed)[0]
    error, sizes = standard_error(draws), classes.positives[classes.positives > 0]
    ends = share_interval(value, error, sizes, level)
    return classes.estimate(value, ends, level, error, bell_mccaffrey(sizes), no_p=untested)


def sensitivity_difference(
    labels: ArrayLike,
    scores: ArrayLike,
    baseline: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    specificity: float = 0.9,
    level: float = 0.95,
    replicates: int = 5000,
    seed: int = 0,
    draws: Array | None = None,
) -> Estimate:
    """Return the difference of the sensitivities of two score vectors at the same specificity, each by its threshold.

    The error is the standard deviation of the difference over resampled patients, with as many degrees of freedom as
    patients with a positive case, less one. The p-value is withheld below ten patients of the rarer class.

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[N]``; cases where either vector is NaN are left out of both.
        baseline: ``[N]``, of the same cases in the same order.
        patients: ``[N]`` identities, or None.
        specificity: in (0, 1).
        level: nominal coverage.
        replicates: how many resamples.
        seed: of the resamples.
        draws: ``[R]`` the difference in each resample, where it is known, in place of replicates and seed.

    Raises:
        ValueError: as :func:`sensitivity_at_specificity`.
    """
    check_level(level)
    _check_specificity(specificity)
    pair = np.stack(same_shape(scores, baseline))
    classes, table = two_classes(labels, pair, patients)
    value = _value(classes, table[0], specificity) - _value(classes, table[1], specificity)
    reason, freedom = _no_interval(classes, specificity), float(classes.positive_patients - 1)
    if reason:
        return classes.estimate(value, (math.nan,) * 2, level, math.nan, freedom, None, reason, reason)
    if draws is None:
        pair = np.where(np.isnan(pair).any(axis=0), np.nan, pair)
        first, second = sensitivity_replicates(labels, pair, patients, specificity, replicates, seed)
        draws = first - second
    return difference_by_t(classes, value, standard_error(draws) ** 2, freedom, level)


def share_interval(value: float, error: float, sizes: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Return Clopper and Pearson's interval at the effective size that a standard error tells.

    Args:
        value: a share, in [0, 1].
        error: its standard error.
        sizes: ``[m]`` cases of each patient that it is a share of.
        level: nominal coverage.
    """
    from scipy.special import betaincinv, stdtrit

    sizes = np.asarray(sizes, dtype=np.float64)
    tail, cases = (1.0 - level) / 2.0, float(sizes.sum())
    if 0.0 < value < 1.0 and error > 0:
        ratio = float(stdtrit(max(1.0, cases - 1.0), tail)) / float(stdtrit(bell_mccaffrey(sizes), tail))
        n = min(cases, value * (1.0 - value) / error**2 * ratio**2)
    else:
        n = effective_patients(sizes)
    hits = n * value
    low = float(betaincinv(hits, n - hits + 1.0, tail)) if value > 0 else 0.0
    return low, float(betaincinv(hits + 1.0, n - hits, 1.0 - tail)) if value < 1 else 1.0


@dataclass(frozen=True)
class _Cells:
    """The cells that the cases of one score vector fall into.

    Row g of ``negatives`` ``[G,patients]`` has the negatives of the g-th highest score that a negative has, row g of
    ``positives`` ``[G + 1,patients]`` the positives at or below g of these scores and above the next.
    """

    negatives: Any
    positives: Any

    @property
    def thresholds(self) -> int:
        return int(self.negatives.shape[0])

    @classmethod
    def of(cls, y: NDArray[Any], scores: Array, index: NDArray[np.intp], n_patients: int) -> _Cells:
        from scipy.sparse import csr_array

        known = np.isfinite(scores)
        y, scores, index = y[known].astype(bool), scores[known], index[known]
        values = np.unique(scores[~y])
        n = len(values)

        def counted(rows: NDArray[np.intp], columns: NDArray[np.intp], height: int) -> Any:
            return csr_array((np.ones(len(rows), dtype=np.int64), (rows, columns)), shape=(height, n_patients))

        below = n - 1 - np.searchsorted(values, scores[~y])
        above = n - np.searchsorted(values, scores[y], side="left")
        return cls(counted(below, index[~y], n), counted(above, index[y], n + 1))

    def evaluate(self, weights: NDArray[np.int64], specificity: float) -> Array:
        """Return the sensitivity ``[R]`` for the multiplicities of the patients, int64 ``[patients,R]``."""
        negatives = np.cumsum((self.negatives @ weights).T, axis=1)
        positives = np.cumsum((self.positives @ weights).T, axis=1)
        n_positive = positives[:, -1]
        if not self.thresholds:
            return np.full(len(n_positive), np.nan)
        n_negative = negatives[:, -1]
        # The first score at which more negatives would be called positive than may be: one must lie above it.
        barred = (negatives > allowed(n_negative, specificity)[:, None]).argmax(axis=1)
        found = positives[np.arange(len(barred)), barred]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where((n_positive == 0) | (n_negative == 0), np.nan, found / n_positive)


def allowed(negatives: ArrayLike, specificity: float) -> NDArray[np.int64]:
    """Return how many negatives may be called positive: ``(1 - specificity) n``, rounded down."""
    # A specificity of 0.9 leaves one of ten, although 1 - 0.9 falls short of 0.1.
    return np.floor((1.0 - specificity) * np.asarray(negatives) + 1e-9).astype(np.int64)


def _value(classes: Classes, scores: Array, specificity: float) -> float:
    negatives, positives = np.sort(scores[~classes.positive])[::-1], scores[classes.positive]
    if not (len(negatives) and len(positives)):
        return math.nan
    return float((positives > negatives[int(allowed(len(negatives), specificity))]).mean())


def _no_interval(classes: Classes, specificity: float) -> str:
    if not (classes.positive_patients and classes.negative_patients):
        return "only one class is there"
    if classes.no_interval:
        return classes.no_interval
    negatives = int((~classes.positive).sum())
    if not int(allowed(negatives, specificity)):
        return f"too few negatives for a specificity of {specificity:g}: {negatives}"
    return ""


def _check_specificity(specificity: float) -> None:
    if not 0.0 < specificity < 1.0:
        raise ValueError(f"specificity must lie between 0 and 1, got {specificity}")
