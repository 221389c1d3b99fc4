"""Effect size: a paired difference in standard deviations of the differences, with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from radbench.stats.studentised import Studentised

ROUNDING_SPREAD = 3e-5
"""Differences whose spread is a smaller share of the largest of them do not vary, but for rounding."""


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
    if not spread > ROUNDING_SPREAD * float(np.abs(differences).max(initial=0.0)):
        return EffectSize(math.nan, math.nan, math.nan)
    if rule is None:
        mean = math.fsum(differences.tolist()) / len(differences) if len(differences) else math.nan
        return EffectSize(mean / spread, math.nan, math.nan)
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
    from scipy.special import ndtri

    # Abramowitz & Stegun 26.7.10: close for many degrees of freedom.
    guess = t * (1.0 - 0.25 / freedom) - float(ndtri(below)) * math.sqrt(1.0 + t * t / (2.0 * freedom))

    def excess(centre: float) -> float:
        return noncentral_below(t, freedom, centre) - below

    reach = 1.0 + 0.5 * abs(t)
    while not (excess(guess - reach) > 0 > excess(guess + reach)):
        reach *= 2.0
        if not reach < 1e12:
            raise ValueError(f"no noncentrality found for t = {t:g} with {freedom:g} degrees of freedom")
    return float(brentq(excess, guess - reach, guess + reach, xtol=1e-10 * (1.0 + abs(t))))


def noncentral_below(t: float, freedom: float, centre: float) -> float:
    """Return the probability that a noncentral t falls below a value.

    ``E[Phi(t s - centre)]`` over ``s = sqrt(chi2 / freedom)``, to eleven digits; SciPy gives NaN where few degrees of
    freedom meet a large t.

    Args:
        t: the value.
        freedom: degrees of freedom.
        centre: noncentrality.
    """
    from scipy.special import ndtr

    scale, weight = _scales(freedom)
    return float(weight @ ndtr(t * scale - centre))


@lru_cache(maxsize=64)
def _scales(freedom: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return nodes and weights of the mean over ``sqrt(chi2 / freedom)``."""
    from scipy.special import chdtri

    nodes, weights = _legendre()
    # Substituted so that both tails are well covered.
    u, slope = 0.5 + 0.25 * nodes * (3.0 - nodes**2), 0.75 * (1.0 - nodes**2)
    return np.sqrt(chdtri(freedom, 1.0 - u) / freedom), weights * slope


@lru_cache(maxsize=1)
def _legendre() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return nodes and weights of Gauss and Legendre's rule; finding them takes far longer than to use them."""
    nodes, weights = np.polynomial.legendre.leggauss(400)
    return nodes, weights
