"""How an interval, an error and a p-value are read off replicates."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray


def check_level(level: float) -> None:
    """Refuse a coverage outside (0, 1).

    Raises:
        ValueError: it is outside.
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie between 0 and 1, got {level}")


def percentile_interval(replicates: NDArray[np.float64], n_patients: int, level: float = 0.95) -> tuple[float, float]:
    """Read the expanded percentile interval off replicates.

    The percentile interval (Efron 1982, The Jackknife, the Bootstrap and Other Resampling Plans, ch. 10) is
    too narrow for few patients: bootstrap variance lacks the factor n/(n-1) and its tails are normal, not
    t. Hesterberg (2015, The American Statistician 69:371-386) takes the percentiles at
    ``Phi(-/+ sqrt(n/(n-1)) t[n-1])`` instead; from a few hundred patients on the two agree.

    Args:
        replicates: float64 ``[R]``, NaN where undefined.
        n_patients: resampled units with an answer.
        level: nominal coverage.

    Returns:
        The two ends, or NaN and NaN where fewer than two patients or replicates are there.
    """
    defined = replicates[~np.isnan(replicates)]
    if n_patients < 2 or len(defined) < 2:
        return math.nan, math.nan
    from scipy.special import ndtr, stdtrit

    tail = float(ndtr(-expand(-float(stdtrit(n_patients - 1, (1.0 - level) / 2.0)), n_patients)))
    # Between an infinite replicate and its neighbour there is nothing to interpolate.
    method: Literal["linear", "inverted_cdf"] = "linear" if np.isfinite(defined).all() else "inverted_cdf"
    low, high = np.quantile(defined, [tail, 1.0 - tail], method=method)
    return float(low), float(high)


def expand(deviate: float, n_patients: int) -> float:
    """Make up for the narrowness of the bootstrap: ``deviate * sqrt(n/(n-1))`` (Hesterberg 2015)."""
    return deviate * math.sqrt(n_patients / (n_patients - 1))


def centred_p_value(delta: float, replicates: NDArray[np.float64]) -> float:
    """Return the two-sided p-value of a difference from its bootstrap replicates, centred on it.

    It is the share of replicates at least as far from the observed difference as that is from zero,
    ``(1 + #{|d* - d| >= |d|}) / (1 + R)`` (Hall & Wilson 1991, Biometrics 47:757-762; Davison & Hinkley 1997,
    Bootstrap Methods and their Application, eq. 4.11): never 0, and 1 where nothing differs.

    Args:
        delta: the observed difference.
        replicates: float64 ``[R]``, NaN where undefined.

    Returns:
        p in (0, 1], or NaN where the difference or all replicates are undefined.
    """
    defined = replicates[np.isfinite(replicates)]
    if not math.isfinite(delta) or len(defined) == 0:
        return math.nan
    extreme = int((np.abs(defined - delta) >= abs(delta)).sum())
    return (1 + extreme) / (1 + len(defined))


def standard_error(replicates: NDArray[np.float64]) -> float:
    """Return the standard deviation (R - 1) over the defined replicates, NaN with fewer than two or an infinite."""
    defined = replicates[~np.isnan(replicates)]
    if len(defined) < 2 or not np.isfinite(defined).all():
        return math.nan
    return float(np.std(defined, ddof=1))
