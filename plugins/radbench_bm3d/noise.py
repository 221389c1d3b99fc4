"""The noise level of an image, estimated from its finest diagonal wavelet coefficients, or the next finest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

NORMAL_MAD = 0.6744897501960817
"""Median absolute deviation of the standard normal distribution."""

FEWEST = 0.01
"""The share of an image that must be unclipped for its noise to be measured."""

_ROOT = math.sqrt(3.0)
_LOW_PASS = np.array([1 + _ROOT, 3 + _ROOT, 3 - _ROOT, 1 - _ROOT]) / (4 * math.sqrt(2.0))
_HIGH_PASS = np.array([1 - _ROOT, _ROOT - 3, 3 + _ROOT, -1 - _ROOT]) / (4 * math.sqrt(2.0))


def noise_level(image: Tensor, band: int = 1) -> float:
    """Return the standard deviation of white noise in an image, in its own units.

    Donoho & Johnstone 1994: the median absolute value of the finest diagonal wavelet coefficients over 0.6745. The
    wavelet is Daubechies' of four taps, which is blind to planes. It is applied at every pixel, without
    decimation, which makes four times as many coefficients; and coefficients that see an area of pixels at the image's
    own minimum or maximum (3 x 3 or more) are left out, because clipped background and saturation hold no noise.

    Args:
        image: float ``[H,W]``.
        band: 1 for the finest band, 2 for the next, and so on. White noise is as strong in all of them; noise that a
            reconstruction kernel has smoothed is weaker in the finest, where the picture is weakest, too.

    Returns:
        0 for an image that is smaller than the wavelet (4 pixels, 10 in band 2), one clipped but for 1 % of its area,
        and one without noise.
    """
    import torch

    taps = wavelet(band)
    if min(image.shape) < taps.size:
        return 0.0
    details = _along(_along(image, taps, 0), taps, 1)
    clipped = ((image == image.min()) | (image == image.max())).to(image.dtype)
    # Single pixels that noise has driven to an end stay; what is left out is eroded and dilated again.
    pool = torch.nn.functional.max_pool2d
    areas = pool(1 - pool(1 - clipped[None], 3, stride=1, padding=1), 3, stride=1, padding=1)
    seen = pool(areas, taps.size, stride=1)[0]
    details = details[seen == 0]
    if details.numel() < max(1.0, FEWEST * seen.numel()):
        return 0.0
    return float(details.abs().median()) / NORMAL_MAD


def wavelet(band: int) -> np.ndarray:
    """Return the samples of the wavelet of a band, of norm 1."""
    taps, low = _HIGH_PASS, _LOW_PASS
    for _ in range(band - 1):
        taps = np.convolve(low, _spread(taps))
    return taps


def _spread(taps: np.ndarray) -> np.ndarray:
    spread = np.zeros(2 * taps.size - 1)
    spread[::2] = taps
    return spread


def _along(image: Tensor, taps: np.ndarray, axis: int) -> Tensor:
    length = image.shape[axis] - taps.size + 1
    total = float(taps[0]) * image.narrow(axis, 0, length)
    for i, tap in enumerate(taps[1:], start=1):
        total = total + float(tap) * image.narrow(axis, i, length)
    return total
