"""Average precision and AUROC over whole data sets: exact on every bootstrap replicate, vectorised."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.intervals import (
    Difference,
    Interval,
    centred_p_value,
    check_level,
    percentile_interval,
    standard_error,
)
from radbench.stats.resampling import CHUNK_ELEMENTS, patient_counts, patient_index


@dataclass(frozen=True)
class CurveBootstrap:
    """AP and AUROC with their replicates.

    Attributes:
        ap: average precision and its interval.
        auroc: area under the ROC curve and its interval.
        ap_replicates: float64 ``[R]``; NaN where a resample holds one class only.
        auroc_replicates: float64 ``[R]``; likewise.
    """

    ap: Interval
    auroc: Interval
    ap_replicates: NDArray[np.float64]
    auroc_replicates: NDArray[np.float64]


@dataclass(frozen=True)
class PairedCurveBootstrap:
    """Differences of AP and AUROC, scores minus baseline, with their replicates.

    Attributes:
        ap: difference of average precision, its interval and two-sided p-value.
        auroc: difference of the area under the ROC curve, likewise.
        ap_replicates: float64 ``[R]`` differences; NaN where a resample holds one class only.
        auroc_replicates: float64 ``[R]``; likewise.
    """

    ap: Difference
    auroc: Difference
    ap_replicates: NDArray[np.float64]
    auroc_replicates: NDArray[np.float64]


def bootstrap_ap_auroc(
    labels: ArrayLike,
    scores: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    replicates: int = 5000,
    seed: int = 0,
    level: float = 0.95,
) -> CurveBootstrap:
    """Return AP and AUROC with patient-clustered bootstrap intervals.

    AP is the step-wise sum of precision over recall (Boyd, Eng & Page 2013, ECML PKDD;
    scikit-learn's ``average_precision_score``), AUROC the Mann-Whitney statistic with ties counting one
    half (Hanley & McNeil 1982, Radiology 143:29-36; Bamber 1975,
    J. Math. Psychol. 12:387-415). Patients are resampled with all their
    cases (Field & Welsh 2007; for AUROC Rutter 2000, Acad. Radiol. 7:413-419), and the ends are the
    expanded percentiles of Hesterberg (2015).

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[N]``, higher speaks for 1; NaN (no answer) is left out and counted.
        patients: ``[N]`` identities; None makes each case its own patient.
        replicates: how many resamples.
        seed: of the resamples, which depend on it and the patients alone
            (:func:`radbench.stats.resampling.resampled_counts`).
        level: nominal coverage.

    Returns:
        Values NaN where only one class is there; such replicates are NaN, counted, and left out of the
        intervals.

    Raises:
        ValueError: no cases, other labels than 0 and 1, infinite scores, or lengths that differ.
    """
    check_level(level)
    y, table = _checked(labels, scores)
    known = np.isfinite(table[0])
    ap, auroc = ap_auroc_replicates(y, table, patients, replicates, seed)
    n_patients = len(np.unique(patient_index(patients, len(y))[0][known]))

    def interval(value: float, drawn: NDArray[np.float64]) -> Interval:
        low, high = percentile_interval(drawn, n_patients, level)
        error = standard_error(drawn)
        missing, undefined = int((~known).sum()), int((~np.isfinite(drawn)).sum())
        return Interval(value, low, high, error, error, level, int(known.sum()), n_patients, missing, undefined)

    here = ap_auroc(y, table[0])
    return CurveBootstrap(interval(here[0], ap[0]), interval(here[1], auroc[0]), ap[0], auroc[0])


def paired_ap_auroc(
    labels: ArrayLike,
    scores: ArrayLike,
    baseline: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    replicates: int = 5000,
    seed: int = 0,
    level: float = 0.95,
) -> PairedCurveBootstrap:
    """Return the differences of AP and AUROC between two score vectors on the same cases, resampled together.

    The two-sided p-value is that of the centred bootstrap: the share of replicates whose difference lies at
    least as far from the observed one as that lies from zero, ``(1 + #{|d* - d| >= |d|}) / (1 + R)`` (Hall
    & Wilson 1991, Biometrics 47:757-762; Davison & Hinkley 1997, Bootstrap Methods and their Application,
    eq. 4.11). It is never 0, and 1 for equal scores. For AP there is no closed form; for AUROC it
    approaches DeLong's test (DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44:837-845).

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[N]``; cases where either vector is NaN are left out of both.
        baseline: ``[N]``, of the same cases in the same order.
        patients: ``[N]`` identities, or None.
        replicates: how many resamples.
        seed: of the resamples.
        level: nominal coverage.

    Raises:
        ValueError: as :func:`bootstrap_ap_auroc`.
    """
    check_level(level)
    y, ours = _checked(labels, scores)
    _, theirs = _checked(labels, baseline)
    table = np.concatenate([ours, theirs])
    known = np.isfinite(table).all(axis=0)
    table[:, ~known] = np.nan
    drawn = ap_auroc_replicates(y, table, patients, replicates, seed)
    n_patients = len(np.unique(patient_index(patients, len(y))[0][known]))
    first, second = ap_auroc(y, table[0]), ap_auroc(y, table[1])
    results: list[Difference] = []
    deltas = []
    for which in (0, 1):
        delta, replicate = first[which] - second[which], drawn[which][0] - drawn[which][1]
        low, high = percentile_interval(replicate, n_patients, level)
        missing, undefined = int((~known).sum()), int((~np.isfinite(replicate)).sum())
        counts = (int(known.sum()), n_patients, missing, undefined)
        p = centred_p_value(delta, replicate) if n_patients > 1 else math.nan
        results.append(Difference(delta, low, high, standard_error(replicate), level, *counts, p_value=p))
        deltas.append(replicate)
    return PairedCurveBootstrap(results[0], results[1], deltas[0], deltas[1])


def ap_auroc(labels: ArrayLike, scores: ArrayLike) -> tuple[float, float]:
    """Return AP and AUROC, equal to scikit-learn's; NaN and NaN where only one class is there.

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[N]``; NaN is left out.

    Raises:
        ValueError: as :func:`bootstrap_ap_auroc`.
    """
    y, table = _checked(labels, scores)
    ap, auroc = _Cells(y, table[0], np.arange(len(y)), len(y)).evaluate(np.ones((len(y), 1), dtype=np.int64))
    return float(ap[0]), float(auroc[0])


def ap_auroc_replicates(
    labels: ArrayLike,
    scores: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    replicates: int = 5000,
    seed: int = 0,
    chunk: int | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return AP and AUROC of every enhancer in every resample, all on the same resamples.

    Scores are sorted once. Only the thresholds at positives matter: AP is evaluated there, and AUROC needs
    the negatives above each. So the cases collapse into cells - the positives of each such threshold and
    the negatives that each adds - and a chunk of resamples is one sparse product (cells x patients) with
    the patients' multiplicities, then cumulative sums over cells. All counts are exact integers.

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[N]`` or ``[E,N]``, NaN where there is no answer.
        patients: ``[N]`` identities, or None.
        replicates: how many resamples, R.
        seed: of the resamples.
        chunk: replicates at once; it bounds memory and changes no bit. None fits a fixed budget.

    Returns:
        Two float64 ``[E,R]``; NaN where the resample holds one class only.

    Raises:
        ValueError: as :func:`bootstrap_ap_auroc`.
    """
    y, table = _checked(labels, scores)
    index, n_patients = patient_index(patients, len(y))
    cells = [_Cells(y, row, index, n_patients) for row in table]
    ap, auroc = np.empty((len(table), replicates)), np.empty((len(table), replicates))
    widest = max(n_patients, *(c.matrix.shape[0] for c in cells))
    done = 0
    for counts in patient_counts(n_patients, replicates, seed, chunk or max(1, CHUNK_ELEMENTS // widest)):
        weights = np.ascontiguousarray(counts.T)
        here = slice(done, done + len(counts))
        for row, cell in enumerate(cells):
            ap[row, here], auroc[row, here] = cell.evaluate(weights)
        done += len(counts)
    return ap, auroc


class _Cells:
    """The cells that the cases of one score vector fall into, and AP and AUROC from their counts.

    Threshold g (descending) is a distinct score that some positive has. Rows of ``matrix`` ``[cells,
    patients]``: G of positives per threshold, G + 1 of negatives at or above each threshold and below the
    one before (the last: below all), T of negatives tied with the positives of the thresholds ``tied``.
    """

    def __init__(
        self, y: NDArray[np.bool_], scores: NDArray[np.float64], index: NDArray[np.intp], n_patients: int
    ) -> None:
        from scipy.sparse import csr_array

        known = np.isfinite(scores)
        y, scores, index = y[known], scores[known], index[known]
        thresholds = np.unique(scores[y])
        self.n = n = len(thresholds)
        # A case belongs to the first threshold, from above, that does not exceed its score.
        threshold = n - np.searchsorted(thresholds, scores, side="right")
        cell = np.where(y, threshold, n + threshold)
        tie = np.flatnonzero(~y & np.isin(scores, thresholds))
        self.tied, tie_row = np.unique(threshold[tie], return_inverse=True)
        rows = np.concatenate([cell, 2 * n + 1 + tie_row.reshape(-1)])
        columns = np.concatenate([index, index[tie]])
        shape = (2 * n + 1 + len(self.tied), n_patients)
        self.matrix: Any = csr_array((np.ones(len(rows), dtype=np.int64), (rows, columns)), shape=shape)

    def evaluate(self, weights: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return AP and AUROC ``[R]`` for the multiplicities of the patients, int64 ``[patients,R]``."""
        n = self.n
        # One replicate per contiguous row: sums then round alike whatever the number of rows.
        counts = np.ascontiguousarray((self.matrix @ weights).T)
        positive, tied = counts[:, :n], counts[:, 2 * n + 1 :]
        true, false = np.cumsum(positive, axis=1), np.cumsum(counts[:, n : 2 * n], axis=1)
        n_true = positive.sum(axis=1)
        n_false = counts[:, n : 2 * n + 1].sum(axis=1)
        # Twice the pairs in which a positive beats a negative, one for a tie: whole numbers.
        wins = 2 * (n_true * n_false - np.einsum("rg,rg->r", positive, false))
        wins += np.einsum("rt,rt->r", positive[:, self.tied], tied)
        false += true
        precision = true / np.maximum(false, 1, out=false)
        precision *= positive
        one_class = (n_true == 0) | (n_false == 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            ap = np.where(one_class, np.nan, precision.sum(axis=1) / n_true)
            auroc = np.where(one_class, np.nan, wins / (2 * n_true * n_false))
        return ap, auroc


def _checked(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    y = np.asarray(labels)
    table = np.atleast_2d(np.asarray(scores, dtype=np.float64)).copy()
    if y.ndim != 1 or y.size == 0 or table.size == 0:
        raise ValueError(f"labels must be a list of at least one case, got shape {list(y.shape)}")
    if table.ndim != 2 or table.shape[1] != len(y):
        raise ValueError(f"labels and scores must go together: got {len(y)} labels and scores {list(np.shape(scores))}")
    if not np.isin(y, (0, 1)).all():
        raise ValueError(f"labels must be 0 or 1, got {np.unique(y[~np.isin(y, (0, 1))])[:3].tolist()}")
    infinite = int(np.isinf(table).sum())
    if infinite:
        raise ValueError(f"scores must be finite or NaN (no answer), got {infinite} infinite ones")
    return y.astype(bool), table
