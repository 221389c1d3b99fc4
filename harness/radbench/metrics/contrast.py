"""Contrast of a region against the ring round it: the contrast-to-noise ratio."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

DISPLAY_NOISE = 1.0 / 255.0 / math.sqrt(12.0)
"""Standard deviation of the rounding to 256 grey levels, on [0,1]."""


def ring_around(
    region: ArrayLike, allowed: ArrayLike, gap: float, width: float, others: ArrayLike | None = None
) -> NDArray[np.bool_]:
    """Return the ring of pixels at distances in ``(gap, gap + width]`` from a region.

    Args:
        region: bool ``[H,W]``.
        allowed: bool ``[H,W]``, where the ring may lie (the lungs).
        gap: pixels left out next to the region, and next to each of the others.
        width: pixels.
        others: bool ``[H,W]``, regions of the same kind that the ring must avoid.

    Returns:
        bool ``[H,W]``; empty where the region is.
    """
    from scipy.ndimage import distance_transform_edt

    mask = np.asarray(region, dtype=bool)
    if not mask.any():
        return np.zeros_like(mask)
    away = distance_transform_edt(~mask)
    ring = (away > gap) & (away <= gap + width) & np.asarray(allowed, dtype=bool)
    if others is not None and np.asarray(others).any():
        ring &= distance_transform_edt(~np.asarray(others, dtype=bool)) > gap
    return np.asarray(ring, dtype=bool)


def contrast_to_noise(
    image: ArrayLike, inside: ArrayLike, ring: ArrayLike, noise_floor: float = DISPLAY_NOISE
) -> float:
    """Contrast-to-noise ratio ``(mean inside - mean ring) / sigma of the ring``, signed: dense is bright.

    Bushberg et al., The Essential Physics of Medical Imaging (3rd ed. 2011), section 4.8. The ring's standard deviation
    is taken together with the noise of an 8-bit display (root of the sum of squares), which keeps the ratio finite
    where an enhancer has flattened the ring.

    Args:
        image: ``[H,W]`` on [0,1].
        inside: bool ``[H,W]``.
        ring: bool ``[H,W]``.
        noise_floor: standard deviation of the display's noise, grey levels of [0,1].

    Returns:
        The ratio; 0 for a constant image; NaN where ``inside`` has no pixels or ``ring`` fewer than two.

    Raises:
        ValueError: the shapes differ.
    """
    plane = np.asarray(image, dtype=np.float64)
    a, b = np.asarray(inside, dtype=bool), np.asarray(ring, dtype=bool)
    if plane.shape != a.shape or plane.shape != b.shape:
        raise ValueError(f"contrast_to_noise: shapes differ: {plane.shape}, {a.shape}, {b.shape}")
    if not a.any() or b.sum() < 2:
        return math.nan
    around = plane[b]
    contrast = float(plane[a].mean() - around.mean())
    return contrast / math.hypot(float(around.std()), noise_floor)
