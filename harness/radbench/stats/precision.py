"""Average precision: intervals on the logit scale and paired differences, with the patient bootstrap's error."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.areas import Classes, difference_by_t, exact_interval, logit_interval, same_shape, two_classes
from radbench.stats.both import Estimate
from radbench.stats.curves import ap_auroc, ap_auroc_replicates
from radbench.stats.intervals import check_level, standard_error


def average_precision(
    labels: ArrayLike,
    scores: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    level: float = 0.95,
    replicates: int = 5000,
    seed: int = 0,
    draws: NDArray[np.float64] | None = None,
) -> Estimate:
    """Return average precision with an interval for clustered cases and few positives.

    On the logit scale (Boyd, Eng & Page 2013, ECML PKDD), with the standard deviation over resampled patients for
    error and Student's t with as many degrees of freedom as patients with a positive case, less one. At 1 the lower
    bound is ``((1 - level) / 2)^(1 / m)``, m being those patients. The average precision of few positives is itself
    biased upwards.

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[N]``, higher speaks for 1; a case whose score is NaN is left out.
        patients: ``[N]`` identities; None makes each case its own patient.
        level: nominal coverage.
        replicates: how many resamples.
        seed: of the resamples.
        draws: ``[R]`` average precision in each resample, where they are known
            (:func:`radbench.stats.ap_auroc_replicates`), in place of replicates and seed.

    Returns:
        Value, interval (none below three patients of either class) and no p-value.

    Raises:
        ValueError: as :func:`radbench.stats.areas.auroc`.
    """
    check_level(level)
    classes, table = two_classes(labels, scores, patients)
    reason, untested = classes.one_class or classes.no_interval, "average precision is not tested against zero"
    value, freedom = _value(classes, table[0]), float(classes.positive_patients - 1)
    if reason:
        return classes.estimate(value, (math.nan,) * 2, level, math.nan, freedom, None, reason, untested)
    if draws is None:
        draws = ap_auroc_replicates(labels, scores, patients, replicates, seed)[0][0]
    error = standard_error(draws)
    if value == 1.0:
        ends = exact_interval(value, classes.positive_patients, level)
    else:
        ends = logit_interval(value, error, freedom, level)
    return classes.estimate(value, ends, level, error, freedom, no_p=untested)


def average_precision_difference(
    labels: ArrayLike,
    scores: ArrayLike,
    baseline: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    level: float = 0.95,
    replicates: int = 5000,
    seed: int = 0,
    draws: NDArray[np.float64] | None = None,
) -> Estimate:
    """Return the difference of average precision between two score vectors on the same cases.

    The error is the standard deviation of the difference over resampled patients, the degrees of freedom are those of
    :func:`average_precision`. The p-value is withheld below ten patients of the rarer class.

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[N]``; cases where either vector is NaN are left out of both.
        baseline: ``[N]``, of the same cases in the same order.
        patients: ``[N]`` identities, or None.
        level: nominal coverage.
        replicates: how many resamples.
        seed: of the resamples.
        draws: ``[R]`` the difference in each resample, where it is known, in place of replicates and seed.

    Raises:
        ValueError: as :func:`radbench.stats.areas.auroc`.
    """
    check_level(level)
    pair = np.stack(same_shape(scores, baseline))
    classes, table = two_classes(labels, pair, patients)
    reason = classes.one_class
    value = _value(classes, table[0]) - _value(classes, table[1])
    freedom = float(classes.positive_patients - 1)
    if reason or classes.no_interval:
        reason = reason or classes.no_interval
        return classes.estimate(value, (math.nan,) * 2, level, math.nan, freedom, None, reason, reason)
    if draws is None:
        pair = np.where(np.isnan(pair).any(axis=0), np.nan, pair)
        first, second = ap_auroc_replicates(labels, pair, patients, replicates, seed)[0]
        draws = first - second
    return difference_by_t(classes, value, standard_error(draws) ** 2, freedom, level)


def _value(classes: Classes, scores: NDArray[np.float64]) -> float:
    return ap_auroc(classes.positive, scores)[0] if len(scores) else math.nan
