"""Means of per-case scores: patient-clustered bootstrap intervals and paired differences."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.intervals import Difference, Interval, check_level, percentile_interval, standard_error
from radbench.stats.resampling import draw_patients, patient_index


def bootstrap_mean(
    scores: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    replicates: int = 5000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Return the mean of per-case scores with its patient-clustered bootstrap interval.

    Patients are drawn with replacement, each with all its cases, and the mean is over cases (Field & Welsh
    2007, J. R. Statist. Soc. B 69:369-390, the randomised cluster bootstrap); the ends are the expanded
    percentiles of Hesterberg (2015), see :func:`radbench.stats.intervals.percentile_interval`.

    Cases without an answer are left out of every mean, but their patients are still drawn: the resamples
    depend on the patients and the seed alone and so are the same for every enhancer.

    An infinite score is an answer (the PSNR of equal images): mean, ends and standard error are then infinite or
    NaN, as arithmetic has it, and a difference of two infinities of one sign counts as no answer.

    Args:
        scores: ``[N]``, NaN where there is no answer.
        patients: ``[N]`` identities; None makes each case, known by its position, its own patient. With
            identities the order of the cases changes no bit of the result.
        replicates: how many resamples.
        seed: of the resamples.
        level: nominal coverage.

    Raises:
        ValueError: no scores, patients of another number, or a level outside (0, 1).
    """
    check_level(level)
    table = _table(scores, "scores")
    drawn = mean_replicates(table, patients, replicates, seed)[0]
    answered = ~np.isnan(table[0])
    index, _ = patient_index(patients, table.shape[1])
    n_patients = len(np.unique(index[answered]))
    known = np.sort(table[0][answered])
    low, high = percentile_interval(drawn, n_patients, level)
    return Interval(
        value=mean(known),
        low=low,
        high=high,
        std=float(np.std(known, ddof=1)) if len(known) > 1 and np.isfinite(known).all() else math.nan,
        standard_error=standard_error(drawn),
        level=level,
        n_cases=len(known),
        n_patients=n_patients,
        n_missing=int((~answered).sum()),
        n_undefined=int(np.isnan(drawn).sum()),
    )


def bootstrap_difference(
    scores: ArrayLike,
    baseline: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    replicates: int = 5000,
    seed: int = 0,
    level: float = 0.95,
) -> Difference:
    """Return the mean paired difference ``scores - baseline`` with its patient-clustered bootstrap interval.

    It is taken over the cases where both have an answer. The resamples are those of :func:`bootstrap_mean`
    for the same patients and seed, so that the intervals of all enhancers against one baseline are
    coherent.

    Args:
        scores: ``[N]``, NaN where there is no answer.
        baseline: ``[N]``, of the same cases in the same order.
        patients: ``[N]`` identities, or None.
        replicates: how many resamples.
        seed: of the resamples.
        level: nominal coverage.

    Raises:
        ValueError: as :func:`bootstrap_mean`, or scores and baseline of different lengths.
    """
    ours, theirs = _table(scores, "scores")[0], _table(baseline, "baseline")[0]
    if len(ours) != len(theirs):
        raise ValueError(f"scores and baseline must be of the same cases: got {len(ours)} and {len(theirs)} values")
    with np.errstate(invalid="ignore"):
        differences = ours - theirs
    paired = bootstrap_mean(differences, patients, replicates, seed, level)
    return Difference(
        delta=paired.value,
        low=paired.low,
        high=paired.high,
        standard_error=paired.standard_error,
        level=level,
        n_cases=paired.n_cases,
        n_patients=paired.n_patients,
        n_missing=paired.n_missing,
        n_undefined=paired.n_undefined,
    )


def mean_replicates(
    table: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    replicates: int = 5000,
    seed: int = 0,
    chunk: int | None = None,
) -> NDArray[np.float64]:
    """Return the mean of every enhancer in every resample, all on the same resamples.

    A replicate needs the sum and the number of each patient's known scores only, gathered for all drawn
    patients at once; no loop runs over replicates, and the chunk bounds memory without changing a bit.

    Args:
        table: ``[E,N]`` scores of E enhancers on N cases, NaN where there is no answer.
        patients: ``[N]`` identities, or None.
        replicates: how many resamples, R.
        seed: of the resamples.
        chunk: replicates at once; None fits a fixed budget.

    Returns:
        float64 ``[E,R]``; NaN where no case with an answer was drawn.

    Raises:
        ValueError: as :func:`bootstrap_mean`.
    """
    table = _table(table, "scores")
    index, n_patients = patient_index(patients, table.shape[1])
    known = [_patient_sums(row, index, n_patients) for row in table]
    means = np.empty((len(table), replicates))
    done = 0
    for drawn in draw_patients(n_patients, replicates, seed, chunk):
        for row, (sums, counts) in zip(means, known, strict=True):
            n = counts[drawn].sum(axis=1)
            with np.errstate(invalid="ignore"):
                # Rows are summed one by one along contiguous memory: the chunk cannot change the rounding.
                row[done : done + len(drawn)] = np.where(n > 0, sums[drawn].sum(axis=1) / n, np.nan)
        done += len(drawn)
    return means


def mean(values: NDArray[np.float64]) -> float:
    """Return the correctly rounded mean, whatever the order; NaN of nothing or of opposite infinities."""
    if len(values) == 0:
        return math.nan
    if not np.isfinite(values).all():
        with np.errstate(invalid="ignore"):
            return float(np.sum(values))
    return math.fsum(values) / len(values)


def _patient_sums(
    row: NDArray[np.float64], index: NDArray[np.intp], n_patients: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    answered = ~np.isnan(row)
    values, owners = row[answered], index[answered]
    # Sorted within each patient, so that the order of the cases does not reach the rounding of the sums.
    order = np.lexsort((values, owners))
    sums = np.bincount(owners[order], weights=values[order], minlength=n_patients).astype(np.float64)
    return sums, np.bincount(owners, minlength=n_patients).astype(np.float64)


def _table(scores: ArrayLike, what: str) -> NDArray[np.float64]:
    table = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    if table.ndim != 2 or table.size == 0:
        raise ValueError(f"{what} must hold at least one case, got shape {list(np.shape(scores))}")
    return table
