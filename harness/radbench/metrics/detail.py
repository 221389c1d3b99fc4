"""Fidelity to the original in bands of size: fine structure that is kept, and structure that no tone curve explains.

Sizes are stated for a picture whose longer side has 512 pixels, and bands go with the image's own longer side: they
mean the same anatomy at any size, and no image is resized. Pixels outside the region have no say: every Gaussian is a
normalised convolution over the region (Knutsson & Westin 1993), so that neither a mask's edge nor what lies beyond it
enters a band.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.metrics.tone import monotone_map

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

REFERENCE_SIDE = 512
"""Longer side, in pixels, of the picture that sizes are stated for."""

FINE = (1.0, 4.0)
"""Standard deviations of the two Gaussians of the fine band, pixels at 512: vessels, rib edges, septal lines."""

COARSE = (8.0, 30.0)
"""Standard deviations of the two Gaussians of the coarse band, pixels at 512: blobs of one to several centimetres."""

LEAST_PIXELS = 100
"""Pixels that a region must have to be measured over: a 99th percentile of fewer is a maximum."""

_NOTHING = 1e-9
"""Standard deviation up to which a band is empty but for rounding."""


def band_pass(images: ArrayLike, region: ArrayLike, band: tuple[float, float]) -> Array | None:
    """Return the difference of two Gaussians of each image over the pixels of a region.

    Args:
        images: ``[...,H,W]``.
        region: bool ``[H,W]``; other pixels do not enter.
        band: standard deviations of the narrower and the wider Gaussian, pixels at 512; each ends at four of them.

    Returns:
        float64 ``[...,N]``, the region's pixels row by row; None where the wider Gaussian's standard deviation is under
        a pixel of this image (a longer side under 128 pixels for ``FINE``), so that there is no band. Where only the
        narrower one's is under a pixel, the band ends at the pixel: its finest part is in no image of this size.
    """
    planes, mask = np.asarray(images, dtype=np.float64), np.asarray(region, dtype=bool)
    narrow, wide = (sigma * max(mask.shape) / REFERENCE_SIDE for sigma in band)
    if wide < 1.0:
        return None
    if not mask.any():
        return np.zeros((*planes.shape[:-2], 0))
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    inside = mask[box]
    masked = np.where(inside, planes[(..., *box)].reshape(-1, *inside.shape), 0.0)
    weighed = [_smoothed(np.concatenate([inside[None], masked]), inside, sigma) for sigma in (narrow, wide)]
    fine, smooth = (values[1:] / values[0] for values in weighed)
    return np.asarray(fine - smooth).reshape(*planes.shape[:-2], -1)


def detail(image: ArrayLike, original: ArrayLike, region: ArrayLike) -> tuple[float, float]:
    """Return how the fine structure of an image follows that of its original: correlation, and share that is kept.

    Over the region's pixels, in the band ``FINE``: Pearson's correlation, which no gain or offset changes, and the
    slope of the regression on the original's, held to [0,1]: 1 where all of the original's fine contrast is left,
    whether or not it was raised. An image that shows nothing fine has 0 and 0; one that is inverted has -1 and 0.

    Args:
        image: ``[H,W]`` on [0,1]: enhanced, or a layer.
        original: the same shape.
        region: bool ``[H,W]``.

    Returns:
        Exactly 1 and 1 for the original itself. NaN and NaN where the longer side is under 128 pixels, the region has
        fewer than 100, the original has nothing fine in it, or a pixel in it is not finite.

    Raises:
        ValueError: the shapes differ.
    """
    shown, before, mask = _checked(image, original, region, "detail")
    if not _measurable(shown, before, mask):
        return math.nan, math.nan
    bands = band_pass(np.stack([shown, before]), mask, FINE)
    if bands is None:
        return math.nan, math.nan
    a, b = (band - band.mean() for band in bands)
    if b.std() <= _NOTHING:
        return math.nan, math.nan
    if a.std() <= _NOTHING:
        return 0.0, 0.0
    # Of equal bands the square root of the product of their sums of squares is that sum, to the last bit.
    squares, product = (float((a * a).sum()), float((b * b).sum())), float((a * b).sum())
    correlation = product / math.sqrt(squares[0] * squares[1])
    return min(1.0, max(-1.0, correlation)), min(1.0, max(0.0, product / squares[1]))


def tone_residual(image: ArrayLike, original: ArrayLike, region: ArrayLike, percentile: float = 99.0) -> float:
    """Return how strong the structure of an image is that no tone curve of its original explains, grey levels of [0,1].

    The monotone grey map of the original that comes nearest to the image over the region, rising or falling
    (:func:`radbench.metrics.tone.monotone_map`), is taken off; what is left goes through the band ``COARSE``, and a
    percentile of its absolute value over the region is the answer. It holds what was made up, and likewise what was
    moved by place: a local adaptation of contrast, a halo, shading that was taken away.

    Args:
        image: ``[H,W]`` on [0,1].
        original: the same shape.
        region: bool ``[H,W]``.
        percentile: 0 to 100, interpolated linearly.

    Returns:
        At least 0; exactly 0 for the original itself and for any monotone function of its grey levels. NaN where the
        longer side is under 64 pixels, where the region has fewer than 100, or a pixel in it is not finite.

    Raises:
        ValueError: the shapes differ.
    """
    shown, before, mask = _checked(image, original, region, "tone_residual")
    if COARSE[0] * max(mask.shape) < REFERENCE_SIDE or not _measurable(shown, before, mask):
        return math.nan
    left = np.zeros(mask.shape)
    left[mask] = shown[mask] - monotone_map(before[mask], shown[mask])
    band = band_pass(left, mask, COARSE)
    return math.nan if band is None else float(np.percentile(np.abs(band), percentile))


def framed(original: ArrayLike) -> Mask:
    """Return the image without its constant frame: the rows and columns at the edges that hold one value.

    Args:
        original: ``[H,W]``.

    Returns:
        bool ``[H,W]``, a rectangle; without a pixel where the image is constant.
    """
    plane = np.asarray(original)
    inside = np.zeros(plane.shape, dtype=bool)
    top, bottom, left, right = 0, plane.shape[0], 0, plane.shape[1]
    while top < bottom and left < right:
        part = plane[top:bottom, left:right]
        flat = [bool((line == line[0]).all()) for line in (part[0], part[-1], part[:, 0], part[:, -1])]
        if not any(flat):
            inside[top:bottom, left:right] = True
            break
        top, bottom, left, right = top + flat[0], bottom - flat[1], left + flat[2], right - flat[3]
    return inside


def _smoothed(planes: Array, where: Mask, sigma: float) -> Array:
    """Return planes ``[K,H,W]`` after a Gaussian, at some pixels, ``[K,N]``; beyond the edges lies 0."""
    from scipy import fft

    reach = int(4.0 * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    high, wide = where.shape
    size = tuple(fft.next_fast_len(side + 2 * reach, real=True) for side in (high, wide))
    down, along = fft.fft(kernel, size[0])[:, None], fft.rfft(kernel, size[1])
    smoothed = []
    for plane in planes:
        whole = fft.irfft2(fft.rfft2(plane, size) * down * along, size)
        smoothed.append(whole[reach : reach + high, reach : reach + wide][where])
    return np.asarray(smoothed)


def _checked(image: ArrayLike, original: ArrayLike, region: ArrayLike, metric: str) -> tuple[Array, Array, Mask]:
    # Rounded to float32, so that in float64 the mean of equal values is that value, to the last bit.
    shown, before = (np.asarray(np.asarray(one, dtype=np.float32), dtype=np.float64) for one in (image, original))
    mask = np.asarray(region, dtype=bool)
    if shown.ndim != 2 or shown.shape != before.shape or shown.shape != mask.shape:
        raise ValueError(
            f"{metric}: image {shown.shape}, original {before.shape} and region {mask.shape} must be [H,W] and of one "
            "shape"
        )
    return shown, before, mask


def _measurable(shown: Array, before: Array, mask: Mask) -> bool:
    if mask.sum() < LEAST_PIXELS:
        return False
    return bool(np.isfinite(shown[mask]).all() and np.isfinite(before[mask]).all())
