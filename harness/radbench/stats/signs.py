"""The sign-flip test of patients' mean differences, beside the interval and never in its place."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.clusters import clustered

EXACT_UP_TO = 12
"""Patients up to which every pattern of signs is enumerated."""

FLIPS = 9999
"""Patterns of signs drawn beyond."""


def sign_flip(
    differences: ArrayLike, patients: Sequence[Hashable] | None = None, flips: int = FLIPS, seed: int = 0
) -> float:
    """Return the two-sided p-value of the sign-flip test (Fisher 1935, The Design of Experiments, section 21).

    Each patient enters once, with the mean of its differences; the statistic is their sum. It is exact where the
    differences are symmetric about zero, and only there: skewed differences of mean zero come out significant two
    times too often with 24 patients, three times with 12. Up to 12 patients all patterns of signs are enumerated;
    beyond, patterns are drawn from a fixed seed and the data's own pattern counts as one of them.

    Args:
        differences: ``[N]``, NaN where there is no answer.
        patients: ``[N]`` identities; None takes each case by itself.
        flips: patterns drawn beyond 12 patients.
        seed: of the patterns.

    Returns:
        p in (0, 1]; NaN where no case has an answer or a difference is infinite.

    Raises:
        ValueError: no differences, or patients of another number.
    """
    clusters = clustered(differences, patients)
    means = clusters.sums / clusters.sizes
    if len(means) == 0 or not np.isfinite(means).all():
        return math.nan
    size = np.abs(means).max()
    if size == 0:
        return 1.0
    means = means / size
    least = abs(means.sum()) - 1e-9  # patterns that tie with the data's count, whatever the rounding
    if len(means) <= EXACT_UP_TO:
        return float((np.abs(_patterns(len(means)) @ means) >= least).mean())
    random = np.random.Generator(np.random.PCG64(seed))
    extreme, done = 0, 0
    step = max(1, (1 << 20) // len(means))
    while done < flips:
        rows = min(step, flips - done)
        signs = 2.0 * random.integers(0, 2, (rows, len(means))) - 1.0
        extreme += int((np.abs(signs @ means) >= least).sum())
        done += rows
    return (1 + extreme) / (1 + flips)


def _patterns(n: int) -> NDArray[np.float64]:
    """Return all patterns of n signs, ``[2^n,n]``."""
    bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    return 1.0 - 2.0 * bits.astype(np.float64)
