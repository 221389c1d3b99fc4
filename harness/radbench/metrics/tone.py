"""Tone: the monotone grey map of an image that comes nearest to another image."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def monotone_map(original: ArrayLike, wanted: ArrayLike) -> NDArray[np.float64]:
    """Return the image nearest to a wanted one among the monotone grey maps of an original.

    Isotonic regression of the wanted values on the original's grey levels (pool-adjacent-violators: Barlow et al.
    1972, Statistical Inference under Order Restrictions), each level weighted by its pixels; rising or falling,
    whichever is nearer in squared distance, rising where both are.

    Args:
        original: ``[H,W]``.
        wanted: the same shape.

    Returns:
        float64 ``[H,W]``, within the range of the wanted values.

    Raises:
        ValueError: the shapes differ.
    """
    from scipy.optimize import isotonic_regression

    grey, value = np.asarray(original), np.asarray(wanted, dtype=np.float64)
    if grey.shape != value.shape:
        raise ValueError(f"monotone_map: shapes differ: {grey.shape}, {value.shape}")
    if grey.size == 0:
        return value.copy()
    _, level, count = np.unique(grey.ravel(), return_inverse=True, return_counts=True)
    level = level.ravel()
    mean = np.bincount(level, weights=value.ravel()) / count
    fits = [isotonic_regression(mean, weights=count, increasing=up).x for up in (True, False)]
    # Of the squared distance, what lies within a level is the same for both.
    rising, falling = (float((count * (fit - mean) ** 2).sum()) for fit in fits)
    best = (fits[0] if rising <= falling else fits[1]).clip(mean.min(), mean.max())
    return np.asarray(best[level].reshape(grey.shape), dtype=np.float64)
