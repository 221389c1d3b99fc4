"""The mean over facets of a score between 0 and 1 of two classes, such as AP or AUROC over findings."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.areas import FEWEST_FOR_P, FEWEST_OF_A_CLASS, exact_interval, logit_interval
from radbench.stats.both import Estimate
from radbench.stats.clusters import effective_patients
from radbench.stats.intervals import check_level
from radbench.stats.pooled import covariance_of_draws
from radbench.stats.seeds import Parts, Pooled, few_seeds
from radbench.stats.studentised import Studentised

UNDEFINED = "too few resamples hold both classes"
"""Why there may be no interval although each facet has patients of both classes."""

LEAST = 0.1
"""The share of its distance from 0 and 1 that a mean keeps when its bias is taken off."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FacetClasses:
    """Places of two classes by facet and patient.

    Attributes:
        positives: float64 ``[F,P]``, each patient's positive places in each facet.
        negatives: float64 ``[F,P]``, likewise.
        missing: places left out for want of a label or an answer.
    """

    positives: Array
    negatives: Array
    missing: int = 0

    @classmethod
    def of(cls, labels: Sequence[ArrayLike], patients: Sequence[Sequence[Hashable]]) -> FacetClasses:
        """Gather labels by facet and patient.

        Args:
            labels: F of ``[N_f]`` in {0,1}; NaN where a label or an answer is missing.
            patients: F of ``[N_f]`` identities, compared as text.

        Raises:
            ValueError: no facet, patients of another number than labels, or labels that are not 0, 1 or NaN.
        """
        if not len(labels) or len(labels) != len(patients):
            raise ValueError(f"each facet needs labels and patients: got {len(labels)} and {len(patients)}")
        y = [np.asarray(one, dtype=np.float64).reshape(-1) for one in labels]
        for one, who in zip(y, patients, strict=True):
            if len(one) != len(who):
                raise ValueError(f"each place needs a patient: got {len(who)} patients for {len(one)} labels")
            if not (np.isnan(one) | np.isin(one, (0.0, 1.0))).all():
                raise ValueError("labels must be 0, 1 or NaN (missing)")
        names, index = np.unique([str(p) for who in patients for p in who], return_inverse=True)
        owners = np.split(index.reshape(-1), np.cumsum([len(one) for one in y])[:-1])
        counts = [
            [np.bincount(who[one == side], minlength=len(names)) for one, who in zip(y, owners, strict=True)]
            for side in (1.0, 0.0)
        ]
        positives, negatives = np.array(counts, dtype=np.float64)
        here = (positives + negatives).sum(axis=0) > 0
        return cls(positives[:, here], negatives[:, here], int(sum(np.isnan(one).sum() for one in y)))

    @property
    def rarer(self) -> NDArray[np.int64]:
        """Patients of each facet's rarer class, int64 ``[F]``."""
        return np.minimum((self.positives > 0).sum(axis=1), (self.negatives > 0).sum(axis=1))

    @property
    def rarer_in_any(self) -> int:
        """Patients who are of its rarer class in some facet."""
        fewer = (self.positives > 0).sum(axis=1) <= (self.negatives > 0).sum(axis=1)
        return int((np.where(fewer[:, None], self.positives, self.negatives) > 0).any(axis=0).sum())

    @property
    def no_interval(self) -> str:
        """Why the mean has no interval; empty where it can have one."""
        fewest = int(self.rarer.min())
        if fewest == 0:
            return "only one class is there in a facet"
        if fewest < FEWEST_OF_A_CLASS:
            return f"fewer than {FEWEST_OF_A_CLASS} patients of the rarer class in a facet: {fewest}"
        return ""

    @property
    def no_p(self) -> str:
        """Why a difference has no p-value; empty where it can have one."""
        most = self.rarer_in_any
        return "" if most >= FEWEST_FOR_P else f"fewer than {FEWEST_FOR_P} patients of the rarer class: {most}"

    def freedom(self, covariance: Array) -> float:
        """Return the degrees of freedom of the variance of a mean difference over facets.

        Satterthwaite's, with what each facet contributes to the variance (its covariance with the mean) for the parts
        and its patients of the rarer class, less one, for their degrees of freedom; never fewer than those of the
        smallest facet, nor more than patients in any facet give.

        Args:
            covariance: ``[F,F]`` of the facets' scores.
        """
        each = covariance.mean(axis=1) / len(covariance)
        by_facet, most = self.rarer - 1.0, self.rarer_in_any - 1.0
        squares = float((each**2 / np.maximum(by_facet, 1.0)).sum())
        found = float(each.sum()) ** 2 / squares if squares > 0 else most
        return min(most, max(float(by_facet.min()), found))

    def estimate(
        self,
        value: float,
        ends: tuple[float, float],
        level: float,
        error: float,
        freedom: float,
        rule: Studentised | None,
        no_interval: str,
        no_p: str,
    ) -> Estimate:
        """Return a value with its interval and what it rests on; places count as cases."""
        sizes = (self.positives + self.negatives).sum(axis=0)
        return Estimate(
            value=value,
            low=ends[0],
            high=ends[1],
            level=level,
            p_value=rule.p_value() if rule and not no_p else math.nan,
            standard_error=error,
            freedom=freedom,
            n_cases=int(sizes.sum()),
            n_patients=len(sizes),
            effective_patients=effective_patients(sizes),
            n_missing=self.missing,
            no_interval=no_interval,
            no_p=no_p,
            n_positive=int(self.positives.sum()),
            positive_patients=int((self.positives > 0).any(axis=0).sum()),
            rule=rule,
        )


def mean_over_facets(values: ArrayLike, draws: ArrayLike, classes: FacetClasses, level: float = 0.95) -> Estimate:
    """Return the mean over facets of a score between 0 and 1, with its interval.

    On the logit scale, with the standard deviation over resampled patients of the mean for error and Student's t with
    as many degrees of freedom as patients of the rarer class in the facet that has fewest, less one: the error of a
    facet of few is known no better, and where it comes out too small it makes itself look unimportant.

    A mean over facets averages chance out but not bias (average precision of few positives is too high in each), so
    that per side the end is the farther of two, of the mean and of the mean less its bias. A resample of n patients
    has ``1 - 1/e`` of them, and a bias that goes with one over their number rises by ``1 / (e - 1)`` of itself: it is
    ``e - 1`` times what the draws' mean is above the value.

    At 1 (and, mirrored, at 0) the bound is ``((1 - level) / 2)^(1 / m)``, m being the patients of the rarer class in
    the facet that has fewest.

    Args:
        values: ``[F]``, each facet's score.
        draws: ``[F,R]``, each facet's score in each resample, all on the same resampled patients; NaN where it holds
            one class only.
        classes: who is positive and negative in each facet.
        level: nominal coverage.

    Returns:
        Value, interval (none where a facet has fewer than three patients of its rarer class) and no p-value.

    Raises:
        ValueError: values, draws and classes of different facets, or a level outside (0, 1).
    """
    theta, drawn = _of_facets(values, draws, classes, 1, level)
    return _mean(classes, theta, drawn, level)[0]


def mean_over_facets_difference(
    values: ArrayLike, draws: ArrayLike, classes: FacetClasses, level: float = 0.95
) -> Estimate:
    """Return the mean over facets of paired differences of a score between 0 and 1.

    Judged by Student's t, with the standard deviation over resampled patients of the mean difference for error and the
    degrees of freedom of :meth:`FacetClasses.freedom`. The p-value is withheld where fewer than ten patients are of the
    rarer class in some facet.

    Args:
        values: ``[F]``, each facet's difference.
        draws: ``[F,R]``, likewise in each resample.
        classes: who is positive and negative in each facet.
        level: nominal coverage.

    Raises:
        ValueError: as :func:`mean_over_facets`.
    """
    delta, drawn = _of_facets(values, draws, classes, 1, level)
    return _difference(classes, delta, drawn, level)[0]


def pooled_mean_over_facets(values: ArrayLike, draws: ArrayLike, classes: FacetClasses, level: float = 0.95) -> Pooled:
    """Return the mean over seeds and facets of a score between 0 and 1, as :func:`mean_over_facets`.

    The seeds' part and the degrees of freedom are those of :func:`radbench.stats.pooled.pooled_average_precision`, for
    each seed's mean over facets.

    Args:
        values: ``[S,F]`` of two seeds or more.
        draws: ``[S,F,R]``.
        classes: who is positive and negative in each facet, among those that all seeds answered.
        level: nominal coverage.

    Raises:
        ValueError: as :func:`mean_over_facets`, or fewer than two seeds.
    """
    theta, drawn = _of_facets(values, draws, classes, 2, level)
    estimate, parts = _mean(classes, theta, drawn, level)
    return parts.pooled(estimate, theta.mean(axis=1))


def pooled_mean_over_facets_difference(
    values: ArrayLike, draws: ArrayLike, classes: FacetClasses, level: float = 0.95
) -> Pooled:
    """Return the mean over seeds and facets of paired differences, as :func:`mean_over_facets_difference`.

    The p-value is withheld below three seeds too.

    Args:
        values: ``[S,F]`` of two seeds or more.
        draws: ``[S,F,R]``.
        classes: who is positive and negative in each facet, among those that all seeds of both answered.
        level: nominal coverage.

    Raises:
        ValueError: as :func:`pooled_mean_over_facets`.
    """
    delta, drawn = _of_facets(values, draws, classes, 2, level)
    estimate, parts = _difference(classes, delta, drawn, level)
    return parts.pooled(estimate, delta.mean(axis=1))


def _of_facets(
    values: ArrayLike, draws: ArrayLike, classes: FacetClasses, axes: int, level: float
) -> tuple[Array, Array]:
    """Return values ``[S,F]`` and draws ``[S,F,R]``, S being 1 where there are no seeds."""
    check_level(level)
    theta, drawn = np.asarray(values, dtype=np.float64), np.asarray(draws, dtype=np.float64)
    n_facets = len(classes.positives)
    if theta.ndim != axes or theta.shape[-1] != n_facets or drawn.shape[:-1] != theta.shape:
        raise ValueError(
            f"values and draws must be of the same {n_facets} facets: got shapes {list(theta.shape)} and "
            f"{list(drawn.shape)}"
        )
    if axes == 1:
        return theta[None], drawn[None]
    if len(theta) < 2:
        raise ValueError(f"values must be of two seeds or more, got {len(theta)}")
    return theta, drawn


def _covariance(theta: Array, drawn: Array) -> Array:
    """Return the covariance over resamples, ``[S,F,S,F]``."""
    return covariance_of_draws(drawn.reshape(theta.size, -1), theta.size).reshape(theta.shape * 2)


def _parts(theta: Array, covariance: Array) -> Parts:
    """Return the parts of the variance of the mean over seeds and facets."""
    of_seeds = covariance.mean(axis=(1, 3))
    if len(theta) == 1:
        return Parts(1, float(of_seeds[0, 0]), 0.0, 0.0)
    return Parts.of(theta.mean(axis=1), of_seeds)


def _mean(classes: FacetClasses, theta: Array, drawn: Array, level: float) -> tuple[Estimate, Parts]:
    value, untested = float(theta.mean()), "a mean over facets is not tested against zero"
    if reason := classes.no_interval:
        return _unknown(classes, value, len(theta), level, reason, untested)
    parts, fewest = _parts(theta, _covariance(theta, drawn)), int(classes.rarer.min())
    if not math.isfinite(parts.variance):
        return _unknown(classes, value, len(theta), level, UNDEFINED, untested)
    error, freedom = math.sqrt(max(0.0, parts.variance)), parts.freedom(fewest - 1.0)
    if value in (0.0, 1.0):
        ends = exact_interval(value, fewest, level)
    else:
        bias = (math.e - 1.0) * float((np.nanmean(drawn, axis=-1) - theta).mean())
        centre = min(max(value - bias, LEAST * value), 1.0 - LEAST * (1.0 - value))
        first, second = (logit_interval(one, error, freedom, level) for one in (value, centre))
        ends = min(first[0], second[0]), max(first[1], second[1])
    return classes.estimate(value, ends, level, error, freedom, None, "", untested), parts


def _difference(classes: FacetClasses, delta: Array, drawn: Array, level: float) -> tuple[Estimate, Parts]:
    value = float(delta.mean())
    if reason := classes.no_interval:
        return _unknown(classes, value, len(delta), level, reason, reason)
    covariance = _covariance(delta, drawn)
    parts = _parts(delta, covariance)
    error = math.sqrt(max(0.0, parts.variance))
    if not error > 0:
        reason = "the difference does not vary" if math.isfinite(parts.variance) else UNDEFINED
        return _unknown(classes, value, len(delta), level, reason, reason)
    freedom = parts.freedom(classes.freedom(covariance.mean(axis=(0, 2))))
    rule = Studentised(value, error, freedom)
    low, high = rule.interval(level)
    no_p = classes.no_p or (few_seeds(len(delta)) if len(delta) > 1 else "")
    ends = (max(-1.0, low), min(1.0, high))
    return classes.estimate(value, ends, level, error, freedom, rule, "", no_p), parts


def _unknown(
    classes: FacetClasses, value: float, n_seeds: int, level: float, no_interval: str, no_p: str
) -> tuple[Estimate, Parts]:
    """Return what is known of a mean without an interval."""
    ends, parts = (math.nan, math.nan), Parts(n_seeds, math.nan, math.nan, math.nan)
    return classes.estimate(value, ends, level, math.nan, math.nan, None, no_interval, no_p), parts
