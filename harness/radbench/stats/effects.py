"""Effect size: a paired difference in standard deviations of the differences, with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radbench.stats.studentised import Studentised


@dataclass(frozen=True)
class EffectSize:
    """A standardised paired difference (Cohen's d_z).

    Attributes:
        value: the difference over the standard deviation of the differences; NaN where they do not vary.
        low: lower end; NaN where the difference has no interval.
        high: upper end; likewise.
    """

    value: float
    low: float
    high: float


def effect_size(rule: Studentised | None, differences: NDArray[np.float64], level: float = 0.95) -> EffectSize:
    """Standardise a difference.

    The value is the mean over the standard deviation (n - 1) of the cases' differences (Cohen 1988, Statistical Power
    Analysis, section 2.3.5). Per side the interval takes the farther of two ends: that of the noncentral t (Hedges &
    Olkin 1985, ch. 5; Steiger & Fouladi 1997), with the clustered standard error and its degrees of freedom, and that
    of the difference itself over the standard deviation. So it leaves out zero exactly when the difference's does.

    Args:
        rule: of the difference, None where it has no interval.
        differences: ``[N]``, finite.
        level: nominal coverage.
    """
    spread = float(np.std(np.sort(differences), ddof=1)) if len(differences) > 1 else math.nan
    if rule is None:
        mean = math.fsum(differences.tolist()) / len(differences) if len(differences) else math.nan
        return EffectSize(mean / spread if spread > 0 else math.nan, math.nan, math.nan)
    ratio, t = rule.error / spread, rule.estimate / rule.error
    near, far = noncentrality(t, rule.freedom, level)
    low, high = rule.interval(level)
    return EffectSize(rule.estimate / spread, min(near * ratio, low / spread), max(far * ratio, high / spread))


def noncentrality(t: float, freedom: float, level: float = 0.95) -> tuple[float, float]:
    """Return the interval for the noncentrality of an observed t.

    Args:
        t: observed.
        freedom: its degrees of freedom.
        level: nominal coverage.
    """
    tail = (1.0 - level) / 2.0
    return noncentral(t, freedom, 1.0 - tail), noncentral(t, freedom, tail)


def noncentral(t: float, freedom: float, below: float) -> float:
    """Return the noncentrality under which a t falls below a value with a given probability.

    Args:
        t: the value.
        freedom: degrees of freedom.
        below: the probability.
    """
    from scipy.optimize import brentq
    from scipy.special import nctdtr, ndtri

    # Abramowitz & Stegun 26.7.10: close for many degrees of freedom, and where the distribution function fails.
    guess = t * (1.0 - 0.25 / freedom) - float(ndtri(below)) * math.sqrt(1.0 + t * t / (2.0 * freedom))
    if abs(t) > 30.0 or freedom > 1e4:
        return guess
    reach = 1.0 + 0.5 * abs(t)

    def excess(centre: float) -> float:
        return float(nctdtr(freedom, centre, t)) - below

    while not (excess(guess - reach) > 0 > excess(guess + reach)):
        reach *= 2.0
        if reach > 1e3:
            return guess
    return float(brentq(excess, guess - reach, guess + reach, xtol=1e-10))
