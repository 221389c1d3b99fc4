"""Expected calibration error: its replicates, an interval that its bias does not spoil, and paired differences.

The plug-in estimate adds up absolute gaps, so that chance alone makes it positive: a perfectly calibrated predictor has
about .04 in 15 bins of 1,000 cases and .17 of 50. A resample adds as much again, and percentile intervals cover next to
nothing. What is given here is worked out from the bins' gaps instead.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.areas import same_shape, two_classes
from radbench.stats.biased import hull
from radbench.stats.both import Estimate, clustered_mean
from radbench.stats.clusters import FEW_PATIENTS, FEWEST_PATIENTS, bell_mccaffrey, effective_patients
from radbench.stats.intervals import check_level, standard_error
from radbench.stats.resampling import patient_counts, patient_index
from radbench.stats.studentised import REPLICATES, Studentised, multiplicities

Array = NDArray[np.float64]

_HALVINGS = 30
"""Of the interval that the lower end is searched in."""


@dataclass(frozen=True)
class Gaps:
    """Sums of label less score by bin and patient.

    Attributes:
        sums: float64 ``[bins,m]``, of bins that hold a case.
        sizes: float64 ``[m]``, each patient's number of cases, at least 1.
        bin: intp ``[N]``, the row of each case.
        off: float64 ``[N]``, label less score.
        positive: bool ``[N]``.
        owner: intp ``[N]``, each case's patient.
        missing: cases left out.
    """

    sums: Array
    sizes: Array
    bin: NDArray[np.intp]
    off: Array
    positive: NDArray[np.bool_]
    owner: NDArray[np.intp]
    missing: int = 0

    @property
    def patients(self) -> int:
        """How many patients have a case with an answer."""
        return len(self.sizes)

    @property
    def cases(self) -> int:
        """How many cases have an answer."""
        return len(self.off)

    @property
    def by_bin(self) -> Array:
        """Each bin's sum over the number of all cases, ``[bins]``."""
        return np.array([math.fsum(row) for row in self.sums.tolist()]) / max(1, self.cases)

    @property
    def value(self) -> float:
        """The expected calibration error; NaN without any case."""
        return math.fsum(np.abs(self.by_bin).tolist()) if self.cases else math.nan

    def resampled(self, replicates: int, seed: int) -> Array:
        """Return :attr:`by_bin` in each resample of these patients, ``[R,bins]``."""
        table = np.concatenate([self.sums, self.sizes[None]])
        drawn = np.concatenate([c @ table.T for c in multiplicities(self.patients, replicates, seed)])
        return np.asarray(drawn[:, :-1] / drawn[:, -1:])


def expected_calibration_error(labels: ArrayLike, scores: ArrayLike, bins: int = 15) -> float:
    """Return the expected calibration error in bins of equal width.

    Naeini, Cooper & Hauskrecht (2015, AAAI 29:2901-2907); Guo et al. (2017, PMLR 70:1321-1330), whose bins hold their
    upper ends: the sum over bins of ``|sum (label - score)|``, over the number of cases.

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[N]``, probabilities in [0,1]; NaN is left out.
        bins: how many, at least 1.

    Returns:
        In [0, 1]; NaN where there is no answer.

    Raises:
        ValueError: no cases, other labels than 0 and 1, scores outside [0,1], lengths that differ, or no bins.
    """
    return gaps(labels, scores, None, bins).value


def calibration_replicates(
    labels: ArrayLike,
    scores: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    bins: int = 15,
    replicates: int = 5000,
    seed: int = 0,
) -> Array:
    """Return the expected calibration error of every enhancer in every resample, all on the same resamples.

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[N]`` or ``[E,N]``, NaN where there is no answer.
        patients: ``[N]`` identities, or None.
        bins: how many.
        replicates: how many resamples, R.
        seed: of the resamples.

    Returns:
        float64 ``[E,R]``; NaN where no case with an answer was drawn. They lie above the values of the data by the
        bias that a resample adds.

    Raises:
        ValueError: as :func:`expected_calibration_error`.
    """
    table = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    index, n_patients = patient_index(patients, table.shape[1])
    rows = []
    for row in table:
        one, known = gaps(labels, row, None, bins), ~np.isnan(row)
        sums = _by_patient(one.bin, one.off, index[known], len(one.sums), n_patients)
        sizes = np.bincount(index[known], minlength=n_patients).astype(np.float64)
        rows.append(np.ascontiguousarray(np.concatenate([sums, sizes[None]]).T))
    found, done = np.empty((len(table), replicates)), 0
    for counts in patient_counts(n_patients, replicates, seed):
        weights = counts.astype(np.float64)
        for mine, sums in zip(found, rows, strict=True):
            # Each by itself, so that no enhancer changes the rounding of another.
            drawn = weights @ sums
            off, n = np.abs(drawn[:, :-1]).sum(axis=1), drawn[:, -1]
            mine[done : done + len(counts)] = np.divide(off, n, out=np.full(len(n), np.nan), where=n > 0)
        done += len(counts)
    return found


def calibration_error(
    labels: ArrayLike,
    scores: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    bins: int = 15,
    level: float = 0.95,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Estimate:
    """Return the expected calibration error with an interval for the one that infinitely many cases would have.

    The lower end is the smallest error under which one as large as found has a probability above ``(1 - level) / 2``:
    the gaps are shrunk towards zero, all by the same amount, and resampled patients say how gaps scatter about them. It
    is 0 wherever chance alone explains the error, as a test of calibration has it. The upper end is that of the
    mean of the cases' gaps, each with its bin's sign (:func:`radbench.stats.both.clustered_mean`): what the absolute
    values add lies on the other side. The interval errs to the wide side where gaps are as small as their scatter.

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[N]``, probabilities in [0,1]; a case whose score is NaN is left out.
        patients: ``[N]`` identities; None makes each case its own patient.
        bins: how many.
        level: nominal coverage.
        replicates: how many resamples.
        seed: of the resamples.

    Returns:
        Value, interval (none below six patients, nor where the upper end has none) and no p-value.

    Raises:
        ValueError: as :func:`expected_calibration_error`, or a level outside (0, 1).
    """
    check_level(level)
    one = gaps(labels, scores, patients, bins)
    untested, value = "an error is not tested against zero", one.value
    reason = f"fewer than {FEWEST_PATIENTS} patients: {one.patients}" if one.patients < FEWEST_PATIENTS else ""
    low = high = math.nan
    if not reason:
        signed = np.sign(one.by_bin)[one.bin] * one.off
        mean = clustered_mean(signed, one.owner.tolist(), level, replicates, seed)
        reason = mean.no_interval
        if not reason:
            low, high = min(value, mean.low, _lower(one, level, replicates, seed)), min(1.0, max(value, mean.high))
            low = max(0.0, low)
    return _estimate(one, value, (low, high), level, math.nan, None, reason, untested)


def calibration_difference(
    labels: ArrayLike,
    scores: ArrayLike,
    baseline: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    bins: int = 15,
    level: float = 0.95,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Estimate:
    """Return the difference of the expected calibration errors of two score vectors on the same cases.

    What chance adds differs between predictors: much for one whose scores spread over all bins, little for one that
    always says the same. So the interval is the hull of three, each by the bootstrap's standard error and Student's t
    with patients less one for degrees of freedom: around the difference itself, around that less what resamples add,
    and around that less what chance would add to each if it were calibrated. The p-value is the largest of the three,
    withheld below twelve patients.

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[N]``, probabilities in [0,1]; cases where either vector is NaN are left out of both.
        baseline: ``[N]``, of the same cases in the same order.
        patients: ``[N]`` identities, or None.
        bins: how many.
        level: nominal coverage.
        replicates: how many resamples.
        seed: of the resamples.

    Raises:
        ValueError: as :func:`calibration_error`.
    """
    check_level(level)
    pair = np.stack(same_shape(scores, baseline))
    pair = np.where(np.isnan(pair).any(axis=0), np.nan, pair)
    ours, theirs = (gaps(labels, row, patients, bins) for row in pair)
    value = ours.value - theirs.value
    reason = f"fewer than {FEWEST_PATIENTS} patients: {ours.patients}" if ours.patients < FEWEST_PATIENTS else ""
    if reason:
        return _estimate(ours, value, (math.nan,) * 2, level, math.nan, None, reason, reason)
    drawn = [one.resampled(replicates, seed) for one in (ours, theirs)]
    first, second = (np.abs(d).sum(axis=1) for d in drawn)
    chance = [float(np.abs(d - one.by_bin).sum(axis=1).mean()) for d, one in zip(drawn, (ours, theirs), strict=True)]
    difference = first - second
    centres = (value, 2.0 * value - float(difference.mean()), value - (chance[0] - chance[1]))
    few = f"fewer than {FEW_PATIENTS} patients: {ours.patients}" if ours.patients < FEW_PATIENTS else ""
    error = standard_error(difference)
    if not error > 0:
        return _estimate(
            ours, value, (math.nan,) * 2, level, error, None, reason := "the difference does not vary", reason
        )
    ends, p, rule = hull(centres, error, ours.patients - 1.0, level)
    ends = max(-1.0, ends[0]), min(1.0, ends[1])
    return _estimate(ours, value, ends, level, error, rule, "", few, math.nan if few else p)


def gaps(labels: ArrayLike, scores: ArrayLike, patients: Sequence[Hashable] | None, bins: int) -> Gaps:
    """Gather label less score by bin and patient.

    Raises:
        ValueError: as :func:`expected_calibration_error`.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    classes, table = two_classes(labels, scores, patients)
    s = table[0]
    outside = (s < 0) | (s > 1)
    if outside.any():
        raise ValueError(f"scores must be probabilities in [0, 1], got {s[outside][0]:g}")
    filled, row = np.unique(bin_of(s, bins), return_inverse=True)
    off, n = classes.positive - s, len(classes.positives)
    sums = _by_patient(row.reshape(-1), off, classes.index, len(filled), n)
    sizes, row = classes.positives + classes.negatives, row.reshape(-1)
    return Gaps(sums, sizes, row, off, classes.positive, classes.index, classes.missing)


def bin_of(scores: ArrayLike, bins: int) -> NDArray[np.intp]:
    """Return the bin, from 0, of each score in [0,1], of so many of equal width; a bin holds its upper end."""
    # Compared with the very number k / bins.
    return np.searchsorted(np.arange(1, bins) / bins, np.asarray(scores, dtype=np.float64), side="left")


def _by_patient(row: NDArray[np.intp], off: Array, owner: NDArray[np.intp], n_rows: int, n_patients: int) -> Array:
    # Sorted within each sum, so that the order of the cases does not reach its rounding.
    key = row * n_patients + owner
    order = np.lexsort((off, key))
    found = np.bincount(key[order], weights=off[order], minlength=n_rows * n_patients)
    return found.astype(np.float64).reshape(n_rows, n_patients)


def _lower(one: Gaps, level: float, replicates: int, seed: int) -> float:
    """Return the smallest error, on the way of evenly shrunken gaps, that the error found is no surprise under."""
    from scipy.special import ndtri, stdtrit

    tail, m, gap, value = (1.0 - level) / 2.0, one.patients, one.by_bin, one.value
    # The bootstrap's scatter lacks the factor m / (m - 1), and its tails are normal, not t (Hesterberg 2015).
    wider = math.sqrt(m / (m - 1.0)) * float(stdtrit(bell_mccaffrey(one.sizes), tail) / ndtri(tail))
    scatter = wider * (one.resampled(replicates, seed) - gap)

    def shrunk(by: float) -> Array:
        return np.sign(gap) * np.maximum(np.abs(gap) - by, 0.0)

    def surprises(by: float) -> bool:
        as_large = np.abs(shrunk(by) + scatter).sum(axis=1) >= value - 1e-12
        return (1.0 + as_large.sum()) / (1.0 + replicates) <= tail

    near, far = 0.0, float(np.abs(gap).max())
    if not surprises(far):
        return 0.0
    for _ in range(_HALVINGS):
        middle = (near + far) / 2.0
        near, far = (near, middle) if surprises(middle) else (middle, far)
    return float(np.abs(shrunk(near)).sum())


def _estimate(
    one: Gaps,
    value: float,
    ends: tuple[float, float],
    level: float,
    error: float,
    rule: Studentised | None,
    no_interval: str,
    no_p: str,
    p: float = math.nan,
) -> Estimate:
    return Estimate(
        value=value,
        low=ends[0],
        high=ends[1],
        level=level,
        p_value=p,
        standard_error=error,
        freedom=one.patients - 1.0,
        n_cases=one.cases,
        n_patients=one.patients,
        effective_patients=effective_patients(one.sizes),
        n_missing=one.missing,
        no_interval=no_interval,
        no_p=no_p,
        n_positive=int(one.positive.sum()),
        positive_patients=len(np.unique(one.owner[one.positive])),
        rule=rule,
    )
