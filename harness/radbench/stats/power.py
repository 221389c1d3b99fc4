"""Power: the smallest difference that data can show, and the patients that a difference needs."""

from __future__ import annotations

import math

from radbench.stats.both import Estimate
from radbench.stats.clusters import FEWEST_PATIENTS
from radbench.stats.effects import noncentral
from radbench.stats.studentised import Studentised

POWER = 0.8
"""Probability of showing a difference that is there, by custom."""

_MOST_PATIENTS = 10**9


def detectable_difference(estimate: Estimate, power: float = POWER) -> float:
    """Return the smallest true difference whose interval would leave out zero with this probability.

    By the printed interval's own rule: the difference must lie beyond the interval's farther end, in standard errors,
    and the studentised difference has the noncentral t distribution around its true value with the clustered standard
    error and its degrees of freedom. Where the two sides differ (skewed differences) it is the larger.

    Args:
        estimate: of a difference.
        power: probability of showing it.

    Returns:
        A positive difference in the score's unit; NaN where there is no interval.

    Raises:
        ValueError: a power outside (0, 1).
    """
    _check(power)
    if estimate.rule is None:
        return math.nan
    reach = _reach(estimate.rule, estimate.level)
    return estimate.rule.error * noncentral(reach, estimate.rule.freedom, 1.0 - power)


def patients_needed(estimate: Estimate, difference: float, power: float = POWER) -> int:
    """Return how many patients like these would show a difference with this probability.

    As :func:`detectable_difference`, with the standard error of that many patients (each with as many cases as here),
    their degrees of freedom, and what the bootstrap-t adds to the t shrinking with the root of their number. What seeds
    add stays as it is, there being as many as here.

    Args:
        estimate: of a difference, in a pilot.
        difference: to be shown, other than zero, in the score's unit.
        power: probability of showing it.

    Returns:
        At least six.

    Raises:
        ValueError: a power outside (0, 1), a difference that is zero or not finite, a pilot without an interval, or
            seeds that vary too much for any number of patients to show it.
    """
    _check(power)
    if not math.isfinite(difference) or difference == 0:
        raise ValueError(f"the difference must be a number other than zero, got {difference}")
    if estimate.rule is None:
        raise ValueError(f"these data cannot tell how much patients vary: {estimate.no_interval}")

    def shown(patients: int) -> bool:
        return detectable_with(estimate, patients, power) <= abs(difference)

    fewest, enough = FEWEST_PATIENTS, FEWEST_PATIENTS
    while not shown(enough):
        fewest, enough = enough, 2 * enough
        if enough > _MOST_PATIENTS and estimate.seeds_variance > 0:
            raise ValueError(
                f"no number of patients shows a difference of {difference} with {estimate.n_seeds} seeds: they vary "
                "too much, and more of them are needed"
            )
        if enough > _MOST_PATIENTS:
            raise ValueError(f"a difference of {difference} needs more than {_MOST_PATIENTS} patients")
    while fewest < enough:
        middle = (fewest + enough) // 2
        fewest, enough = (fewest, middle) if shown(middle) else (middle + 1, enough)
    return enough


def detectable_with(estimate: Estimate, patients: int, power: float = POWER) -> float:
    """Return the smallest detectable difference of another number of patients like these.

    Args:
        estimate: of a difference, in a pilot with an interval.
        patients: how many, two or more.
        power: probability of showing it.

    Raises:
        ValueError: a pilot without an interval.
    """
    if estimate.rule is None:
        raise ValueError(f"these data cannot tell how much patients vary: {estimate.no_interval}")
    rule, level = estimate.rule, estimate.level
    more = patients / estimate.n_patients
    error, freedom = _of_more(estimate, rule, more)
    beyond = _reach(rule, level) - _quantile(rule.freedom, level)
    reach = _quantile(freedom, level) + beyond / math.sqrt(more)
    return error * noncentral(reach, freedom, 1.0 - power)


def _of_more(estimate: Estimate, rule: Studentised, more: float) -> tuple[float, float]:
    """Return standard error and degrees of freedom with ``more`` times as many patients, of as many seeds."""
    seeds = estimate.seeds_variance
    if not seeds > 0:
        return rule.error / math.sqrt(more), max(1.0, (rule.freedom + 1.0) * more - 1.0)
    patients = max(0.0, rule.error**2 - seeds) / more
    error, by_seeds = math.sqrt(patients + seeds), estimate.n_seeds - 1.0
    if seeds > patients:
        return error, by_seeds
    by_patients = max(1.0, more * estimate.n_patients - 1.0)
    return error, error**4 / (patients**2 / by_patients + seeds**2 / by_seeds)


def _reach(rule: Studentised, level: float) -> float:
    low, high = rule.interval(level)
    return max(rule.estimate - low, high - rule.estimate) / rule.error


def _quantile(freedom: float, level: float) -> float:
    from scipy.special import stdtrit

    return -float(stdtrit(freedom, (1.0 - level) / 2.0))


def _check(power: float) -> None:
    if not 0.0 < power < 1.0:
        raise ValueError(f"power must lie between 0 and 1, got {power}")
