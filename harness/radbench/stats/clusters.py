"""Patients as clusters: the mean over cases, its CR2 standard error and Bell-McCaffrey degrees of freedom."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.resampling import patient_index

FEWEST_PATIENTS = 6
"""With fewer independent patients neither an interval nor a p-value is given."""

FEW_PATIENTS = 12
"""With fewer, what is given is marked as resting on few patients."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Clusters:
    """What a mean over cases needs to know of each patient that has an answer.

    Attributes:
        sums: float64 ``[m]``, each patient's sum of values.
        sizes: float64 ``[m]``, each patient's number of cases, at least 1.
        missing: cases left out because they have no answer.
    """

    sums: Array
    sizes: Array
    missing: int = 0

    @property
    def cases(self) -> int:
        """How many cases have an answer."""
        return int(self.sizes.sum())

    @property
    def patients(self) -> int:
        """How many patients have a case with an answer, m."""
        return len(self.sizes)

    @property
    def mean(self) -> float:
        """The mean over cases; NaN without any."""
        return math.fsum(self.sums.tolist()) / self.cases if self.cases else math.nan


def clustered(values: ArrayLike, patients: Sequence[Hashable] | None = None) -> Clusters:
    """Gather values by patient.

    Args:
        values: ``[N]``, NaN where there is no answer; such cases, and patients without any other, are left out.
        patients: ``[N]`` identities, compared as text; None makes each case its own patient.

    Raises:
        ValueError: no values, or patients of another number.
    """
    x = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if x.ndim != 1 or x.size == 0:
        raise ValueError(f"values must be a list of at least one case, got shape {list(x.shape)}")
    index, n_patients = patient_index(patients, len(x))
    known = ~np.isnan(x)
    x, owners = x[known], index[known]
    # Sorted within each patient, so that the order of the cases does not reach the rounding of the sums.
    order = np.lexsort((x, owners))
    with np.errstate(invalid="ignore"):
        sums = np.bincount(owners[order], weights=x[order], minlength=n_patients).astype(np.float64)
    sizes = np.bincount(owners, minlength=n_patients).astype(np.float64)
    return Clusters(sums[sizes > 0], sizes[sizes > 0], int((~known).sum()))


def cr2_error(clusters: Clusters) -> float:
    """Return the cluster-robust standard error of the mean, bias-reduced (CR2).

    Bell & McCaffrey (2002, Survey Methodology 28:169-181) weight each cluster's residuals by
    ``(I - H_gg)^(-1/2)``. For a mean the leverage of patient g is its share h of the cases, so that the
    variance is ``sum r_g^2 / (1 - h_g) / N^2``, r being the residual sums; with one case each it is the usual
    ``s / sqrt(n)``.

    Returns:
        The standard error; NaN with fewer than two patients or an infinite value.
    """
    return float(cr2_errors(clusters.sums[None], clusters.sizes)[0])


def cr2_errors(sums: Array, sizes: Array) -> Array:
    """Return the CR2 standard errors of several means over the same patients.

    Residuals that rounding alone leaves are zero, so that equal values have no error.

    Args:
        sums: ``[K,m]``, each patient's sum of values.
        sizes: ``[m]``, each patient's number of cases.

    Returns:
        float64 ``[K]``; NaN with fewer than two patients, or where a value is infinite.
    """
    if len(sizes) < 2:
        return np.full(len(sums), np.nan)
    total = sizes.sum()
    with np.errstate(invalid="ignore"):
        left = sums - np.outer(sums.sum(axis=1) / total, sizes)
        left[np.abs(left) <= 1e-13 * np.abs(sums).max(axis=1, keepdims=True)] = 0.0
        errors = np.sqrt((left**2 / (1.0 - sizes / total)).sum(axis=1)) / total
    return np.where(np.isfinite(errors), errors, np.nan)


def bell_mccaffrey(sizes: ArrayLike) -> float:
    """Return the degrees of freedom of a CR2 standard error of a mean.

    Bell & McCaffrey (2002) match the first two moments of the variance estimate under independent cases of
    equal variance: ``(sum lambda)^2 / sum lambda^2`` of its quadratic form. For a mean over clusters with
    shares h of the cases this is ``1 / (sum h^2 + (sum q)^2 - sum q^2)`` with ``q = h^2 / (1 - h)``: m - 1
    for m equal clusters, fewer for uneven ones.

    Args:
        sizes: ``[m]`` numbers of cases.

    Returns:
        Degrees of freedom; NaN with fewer than two clusters.
    """
    n = np.asarray(sizes, dtype=np.float64)
    if len(n) < 2:
        return math.nan
    share = n / n.sum()
    q = share**2 / (1.0 - share)
    return float(1.0 / (share @ share + q.sum() ** 2 - q @ q))


def effective_patients(sizes: ArrayLike) -> float:
    """Return how many patients of equal size would carry as much: ``(sum n)^2 / sum n^2`` (Kish 1965).

    Args:
        sizes: ``[m]`` numbers of cases.
    """
    n = np.asarray(sizes, dtype=np.float64)
    return float(n.sum() ** 2 / (n @ n)) if len(n) else 0.0
