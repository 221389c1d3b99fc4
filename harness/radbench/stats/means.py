"""Means of per-case scores in resampled patients."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.resampling import draw_patients, patient_index


def mean_replicates(
    table: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    replicates: int = 5000,
    seed: int = 0,
    chunk: int | None = None,
) -> NDArray[np.float64]:
    """Return the mean of every enhancer in every resample, all on the same resamples.

    Patients are drawn with replacement, each with all its cases, and the mean is over cases (Field & Welsh 2007, J. R.
    Statist. Soc. B 69:369-390, the randomised cluster bootstrap). Cases without an answer are left out of every mean,
    but their patients are still drawn: the resamples depend on the patients and the seed alone and so are the same for
    every enhancer. An infinite score is an answer (the PSNR of equal images).

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
        ValueError: no scores, or patients of another number.
    """
    table = _table(table)
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


def _table(scores: ArrayLike) -> NDArray[np.float64]:
    table = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    if table.ndim != 2 or table.size == 0:
        raise ValueError(f"scores must hold at least one case, got shape {list(np.shape(scores))}")
    return table
