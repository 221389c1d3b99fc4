"""The area under the ROC curve: intervals that hold with few positives, and paired differences."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.both import Estimate
from radbench.stats.clusters import effective_patients
from radbench.stats.intervals import check_level
from radbench.stats.resampling import patient_index
from radbench.stats.studentised import Studentised

FEWEST_OF_A_CLASS = 3
"""Patients of the rarer class below which no interval is given."""

FEWEST_FOR_P = 10
"""Patients of the rarer class below which no p-value is given: it could see nothing."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Classes:
    """Cases of two classes by patient.

    Attributes:
        positive: bool ``[N]``.
        index: intp ``[N]``, each case's patient, 0 to P - 1.
        positives: float64 ``[P]``, positive cases of each patient.
        negatives: float64 ``[P]``, likewise.
        missing: cases left out.
    """

    positive: NDArray[np.bool_]
    index: NDArray[np.intp]
    positives: Array
    negatives: Array
    missing: int = 0

    @property
    def positive_patients(self) -> int:
        """Patients with a positive case."""
        return int((self.positives > 0).sum())

    @property
    def negative_patients(self) -> int:
        """Patients with a negative case."""
        return int((self.negatives > 0).sum())

    @property
    def rarer(self) -> int:
        """Patients of the class that fewer patients have."""
        return min(self.positive_patients, self.negative_patients)

    @property
    def one_class(self) -> str:
        """Why a score of both classes has no value; empty where it has one."""
        return "" if self.rarer else "only one class is there"

    @property
    def no_interval(self) -> str:
        """Why a score of both classes has no interval; empty where it can have one."""
        if self.rarer >= FEWEST_OF_A_CLASS:
            return ""
        return f"fewer than {FEWEST_OF_A_CLASS} patients of the rarer class: {self.rarer}"

    @property
    def no_p(self) -> str:
        """Why a difference has no p-value; empty where it can have one."""
        if self.rarer >= FEWEST_FOR_P:
            return ""
        return f"fewer than {FEWEST_FOR_P} patients of the rarer class: {self.rarer}"

    def estimate(
        self,
        value: float,
        ends: tuple[float, float],
        level: float,
        error: float,
        freedom: float,
        rule: Studentised | None = None,
        no_interval: str = "",
        no_p: str = "",
    ) -> Estimate:
        """Return a value with its interval and what it rests on."""
        sizes = self.positives + self.negatives
        return Estimate(
            value=value,
            low=ends[0],
            high=ends[1],
            level=level,
            p_value=rule.p_value() if rule and not no_p else math.nan,
            standard_error=error,
            freedom=freedom,
            n_cases=len(self.index),
            n_patients=len(sizes),
            effective_patients=effective_patients(sizes),
            n_missing=self.missing,
            no_interval=no_interval,
            no_p=no_p,
            n_positive=int(self.positives.sum()),
            positive_patients=self.positive_patients,
            rule=rule,
        )


def auroc(
    labels: ArrayLike, scores: ArrayLike, patients: Sequence[Hashable] | None = None, level: float = 0.95
) -> Estimate:
    """Return the area under the ROC curve with an interval for clustered cases and few positives.

    Per side the farther end of two: Newcombe's method 5 (2006, Statist. Med. 25:559-573), with the numbers of
    patients of each class for its sizes, and on the logit scale DeLong's error - clustered, Obuchowski's (1997,
    Biometrics 53:567-578) - with Satterthwaite's degrees of freedom (Brunner & Munzel 2000, Biom. J. 42:17-25). At 1
    the lower bound is ``((1 - level) / 2)^(1 / m)``, m being the patients of the rarer class, and at 0 its mirror.

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[N]``, higher speaks for 1; a case whose score is NaN is left out.
        patients: ``[N]`` identities; None makes each case its own patient.
        level: nominal coverage.

    Returns:
        Value, interval (none below three patients of either class) and no p-value.

    Raises:
        ValueError: no cases, other labels than 0 and 1, infinite scores, or lengths that differ.
    """
    check_level(level)
    classes, table = two_classes(labels, scores, patients)
    untested = "an area is not tested against zero"
    if reason := classes.one_class:
        return classes.estimate(math.nan, (math.nan,) * 2, level, math.nan, math.nan, None, reason, untested)
    areas, parts = variance_parts(classes, table)
    value = float(areas[0])
    variance, freedom = combined(parts[:, 0, 0], classes)
    error = math.sqrt(max(0.0, variance))
    if classes.no_interval:
        return classes.estimate(
            value, (math.nan,) * 2, level, error, freedom, no_interval=classes.no_interval, no_p=untested
        )
    ends = area_interval(classes, value, error, freedom, level)
    return classes.estimate(value, ends, level, error, freedom, no_p=untested)


def auroc_difference(
    labels: ArrayLike,
    scores: ArrayLike,
    baseline: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    level: float = 0.95,
) -> Estimate:
    """Return the difference of two areas under the ROC curve on the same cases.

    DeLong's paired test (DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44:837-845), clustered as Obuchowski (1997)
    has it, with Satterthwaite's degrees of freedom in place of the normal. The p-value is withheld below ten patients
    of the rarer class; there is neither where the two order the cases alike.

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[N]``; cases where either vector is NaN are left out of both.
        baseline: ``[N]``, of the same cases in the same order.
        patients: ``[N]`` identities, or None.
        level: nominal coverage.

    Raises:
        ValueError: as :func:`auroc`.
    """
    check_level(level)
    classes, table = two_classes(labels, np.stack(same_shape(scores, baseline)), patients)
    if reason := classes.one_class:
        return classes.estimate(math.nan, (math.nan,) * 2, level, math.nan, math.nan, None, reason, reason)
    areas, parts = variance_parts(classes, table)
    contrast = np.array([1.0, -1.0])
    variance, freedom = combined(np.einsum("i,pij,j->p", contrast, parts, contrast), classes)
    return difference_by_t(classes, float(areas[0] - areas[1]), variance, freedom, level)


def area_covariance(
    labels: ArrayLike, scores: ArrayLike, patients: Sequence[Hashable] | None = None
) -> tuple[Array, Array]:
    """Return the areas of several score vectors and their covariance, clustered (Obuchowski 1997; DeLong 1988).

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[K,N]``; a case where any is NaN is left out of all.
        patients: ``[N]`` identities, or None.

    Returns:
        float64 ``[K]`` areas and ``[K,K]`` covariance.

    Raises:
        ValueError: as :func:`auroc`, or fewer than two patients of a class.
    """
    classes, table = two_classes(labels, scores, patients)
    if classes.rarer < 2:
        raise ValueError(f"a covariance needs two patients of each class, got {classes.rarer} of the rarer")
    areas, (a, b, c) = variance_parts(classes, table)
    return areas, a + b + c


def two_classes(
    labels: ArrayLike, scores: ArrayLike, patients: Sequence[Hashable] | None
) -> tuple[Classes, NDArray[np.float64]]:
    """Check labels and scores, and leave out the cases where any score is NaN.

    Returns:
        The classes of the cases left, and their scores ``[K,N']``.

    Raises:
        ValueError: no cases, other labels than 0 and 1, infinite scores, or lengths that differ.
    """
    from radbench.stats.curves import _checked

    y, table = _checked(labels, scores)
    index, _ = patient_index(patients, len(y))
    known = ~np.isnan(table).any(axis=0)
    y, table = y[known], table[:, known]
    _, index = np.unique(index[known], return_inverse=True)
    index = index.reshape(-1)
    n = int(index.max()) + 1 if len(index) else 0
    counts = [np.bincount(index[side], minlength=n).astype(np.float64) for side in (y, ~y)]
    return Classes(y, index, counts[0], counts[1], int((~known).sum())), table


def same_shape(scores: ArrayLike, baseline: ArrayLike) -> tuple[Array, Array]:
    """Return both as float64 ``[N]``.

    Raises:
        ValueError: they are of different lengths.
    """
    ours, theirs = np.asarray(scores, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    if ours.shape != theirs.shape or ours.ndim != 1:
        raise ValueError(f"scores and baseline must be of the same cases: got {ours.shape} and {theirs.shape} values")
    return ours, theirs


def difference_by_t(
    classes: Classes, value: float, variance: float, freedom: float, level: float, withheld: str = ""
) -> Estimate:
    """Return a difference of two scores of the same cases, judged by Student's t.

    Args:
        classes: the patients of each class.
        value: the difference.
        variance: of it; rounding may leave it below zero.
        freedom: degrees of freedom of the variance.
        level: nominal coverage.
        withheld: why the p-value is withheld, beyond what the classes say.
    """
    error = math.sqrt(max(0.0, variance))
    reason = classes.no_interval or ("" if error > 0 else "the difference does not vary")
    if reason:
        return classes.estimate(value, (math.nan,) * 2, level, error, freedom, None, reason, reason)
    rule = Studentised(value, error, freedom)
    low, high = rule.interval(level)
    ends, no_p = (max(-1.0, low), min(1.0, high)), classes.no_p or withheld
    return classes.estimate(value, ends, level, error, freedom, rule, "", no_p)


def newcombe(area: float, positives: int, negatives: int, level: float = 0.95) -> tuple[float, float]:
    """Return Newcombe's interval for an area, his method 5 (2006).

    The ends are the areas that lie z of their own standard errors away, with Hanley and McNeil's variance for
    exponential scores in which both sizes less one are replaced by ``(m + n) / 2 - 1``.

    Args:
        area: in [0, 1].
        positives: m, how many of one class.
        negatives: n, of the other.
        level: nominal coverage.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtri

    z, star = float(ndtri((1.0 + level) / 2.0)), (positives + negatives) / 2.0 - 1.0

    def excess(theta: float) -> float:
        spread = 1.0 + star * ((1.0 - theta) / (2.0 - theta) + theta / (1.0 + theta))
        return (theta - area) ** 2 - z * z * theta * (1.0 - theta) * spread / (positives * negatives)

    low = float(brentq(excess, 0.0, area)) if area > 0 else 0.0
    return low, float(brentq(excess, area, 1.0)) if area < 1 else 1.0


def area_interval(
    classes: Classes, value: float, error: float, freedom: float, level: float = 0.95
) -> tuple[float, float]:
    """Return an area's interval: per side the farther end of Newcombe's and the logit scale's, exact at 0 and 1.

    Args:
        classes: the patients of each class.
        value: the area.
        error: its standard error.
        freedom: degrees of freedom of the error.
        level: nominal coverage.
    """
    if value in (0.0, 1.0):
        return exact_interval(value, classes.rarer, level)
    first = newcombe(value, classes.positive_patients, classes.negative_patients, level)
    second = logit_interval(value, error, freedom, level)
    return min(first[0], second[0]), max(first[1], second[1])


def exact_interval(value: float, patients: int, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a score that is perfect, or perfectly wrong: ``((1 - level) / 2)^(1 / m)`` to 1.

    Args:
        value: 0 or 1.
        patients: m, of the rarer class.
        level: nominal coverage.
    """
    bound = float(((1.0 - level) / 2.0) ** (1.0 / patients))
    return (bound, 1.0) if value == 1.0 else (0.0, 1.0 - bound)


def logit_interval(value: float, error: float, freedom: float, level: float = 0.95) -> tuple[float, float]:
    """Return an interval on the logit scale, by Student's t with the delta method's error.

    Args:
        value: in (0, 1).
        error: its standard error.
        freedom: degrees of freedom.
        level: nominal coverage.
    """
    from scipy.special import expit, logit, stdtrit

    reach = -float(stdtrit(freedom, (1.0 - level) / 2.0)) * error / (value * (1.0 - value))
    centre = float(logit(value))
    return float(expit(centre - reach)), float(expit(centre + reach))


def _placements(positive: NDArray[np.bool_], scores: Array) -> tuple[Array, Array]:
    """Return each positive's share of negatives below it, each negative's of positives above; ties count half."""
    x, y = scores[positive], scores[~positive]
    sorted_x, sorted_y = np.sort(x), np.sort(y)
    below = np.searchsorted(sorted_y, x, "left") + np.searchsorted(sorted_y, x, "right")
    beneath = np.searchsorted(sorted_x, y, "left") + np.searchsorted(sorted_x, y, "right")
    return below / (2.0 * len(y)), 1.0 - beneath / (2.0 * len(x))


def variance_parts(classes: Classes, table: Array) -> tuple[Array, Array]:
    """Return areas ``[K]`` and ``[3,K,K]``: the covariance's part of positives, of negatives, and of both together."""
    n = len(classes.positives)
    by_patient: list[list[Array]] = [[], []]
    areas = np.empty(len(table))
    for k, row in enumerate(table):
        above, beneath = _placements(classes.positive, row)
        areas[k] = above.mean()
        for side, where, share in ((0, classes.positive, above), (1, ~classes.positive, beneath)):
            parts = np.bincount(classes.index[where], weights=share - areas[k], minlength=n)
            by_patient[side].append(parts.astype(np.float64))
    x, y = (np.stack(side) for side in by_patient)
    n_x, n_y = classes.positives.sum(), classes.negatives.sum()

    def factor(patients: int) -> float:
        return patients / (patients - 1.0) if patients > 1 else math.nan

    first = factor(classes.positive_patients) * (x @ x.T) / n_x**2
    second = factor(classes.negative_patients) * (y @ y.T) / n_y**2
    both = factor(n) * (x @ y.T) / (n_x * n_y)
    return areas, np.stack([first, second, both + both.T])


def combined(parts: Array, classes: Classes) -> tuple[float, float]:
    """Return the variance of positives, negatives and both, and Satterthwaite's degrees of freedom."""
    a, b, c = (float(p) for p in parts)
    if not (a + b > 0):
        return a + b + c, math.nan
    spread = a**2 / max(1, classes.positive_patients - 1) + b**2 / max(1, classes.negative_patients - 1)
    return a + b + c, (a + b) ** 2 / spread
