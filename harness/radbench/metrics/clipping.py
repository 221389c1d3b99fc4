"""Clipping: what an enhancement drives to black or white."""

from __future__ import annotations

from torch import Tensor

from radbench.metrics.inputs import checked_pair, scores_where
from radbench.metrics.reduction import fixed_order_mean

LEVELS = 255.0
"""A display of 8 bits shows what lies within half a level of an end as that end."""


def clipped(images: Tensor, reference: Tensor, data_range: float = 1.0) -> Tensor:
    """Share of pixels that an enhancement has driven to an end of the range.

    At an end is what a display of 8 bits shows as black or white: what lies within half of one of its 255 levels of 0
    or of ``data_range``. A pixel counts that is at an end of the enhanced image and was not at that end of the
    original.

    Args:
        images: float32 or float64 ``[B,1,H,W]`` in ``[0, data_range]``.
        reference: the originals, the same shape and range.
        data_range: the value that is white.

    Returns:
        float64 ``[B]`` in [0,1], 0 for the original itself; NaN where either image has NaN or infinite pixels.

    Raises:
        ValueError: wrong type, shape or range.
    """
    a, b, finite = checked_pair(images, reference, data_range, "clipped")
    half = 0.5 * data_range / LEVELS
    black = (a < half) & ~(b < half)
    white = (a >= data_range - half) & ~(b >= data_range - half)
    return scores_where(finite, fixed_order_mean((black | white).to(a.dtype).flatten(1)))
