"""Halo: how far an enhancement overshoots beside the edges of an image."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radbench.metrics.inputs import checked_pair, one_by_one, scores_where
from radbench.metrics.tone import monotone_map

Array = NDArray[np.float64]

REACH = 12.0
"""Half the side, in pixels of an image whose longer side is 512, of the neighbourhood that an edge is seen in; assumed:
about a centimetre of a chest."""

NEAR = 4.0
"""How far from an edge, likewise, overshoot is looked for; assumed: it is highest next to the edge, and what a blur has
lowered there would make the plateau beyond it seem to overshoot."""

SEEN = 1.0
"""Standard deviation, likewise but at least so many pixels, of the Gaussian through which both images are seen;
assumed: single pixels of noise are no halo, the lines along edges are."""

SMOOTHING = 2.0
"""Standard deviation, likewise, of the Gaussian under the gradient that says where edges are; assumed."""

EDGES = 0.95
"""Edges are where the gradient is above this quantile of the image; assumed."""

BEYOND = 0.99
"""The quantile of the overshoot that is told; assumed: a line of single pixels along an edge is seen."""

ROUNDING = 1e-9
"""Overshoot below this share of the range is rounding."""


def halo(images: Tensor, reference: Tensor, data_range: float = 1.0) -> Tensor:
    """Overshoot of enhanced images beside the edges of their originals, in grey levels of 255.

    How far an enhanced pixel lies above or below the grey levels that belong into its neighbourhood. Those are told in
    two ways, and it must lie beyond both: from ``min T`` to ``max T`` over the neighbourhood, with T the monotone grey
    map of the original that comes nearest to the enhanced image (:func:`radbench.metrics.tone.monotone_map`); and from
    ``a min T + b`` to ``a max T + b``, the least-squares line of the enhanced image on T there. So neither a tone
    curve overshoots, nor what changes gain and offset from place to place, and a blur hardly ever does. Of the pixels
    next to edges the 99th percentile is told. Beside a step that unsharp masking has sharpened it is the height of the
    bright line, or the depth of the dark one, over the mean of the plateau in the neighbourhood.

    Where the image's longer side is 512, and otherwise in its proportion: the neighbourhood is a square of 25 pixels;
    an edge is a pixel at which the original, smoothed by a Gaussian of two pixels, is among the steepest 5 %; and next
    to it are the pixels up to 4 away in both directions. T and the enhanced image are seen through a Gaussian of one
    pixel, of a smaller image as well, so that noise is hardly taken for a halo.

    Args:
        images: float32 or float64 ``[B,1,H,W]`` in ``[0, data_range]``.
        reference: the originals, the same shape and range.
        data_range: the value that is white; 255 grey levels are that far.

    Returns:
        float64 ``[B]`` from 0 on, 0 for the original, a tone curve of it, and a constant image; NaN where either image
        has NaN or infinite pixels, or the original is constant.

    Raises:
        ValueError: wrong type, shape or range.
    """
    a, b, finite = checked_pair(images, reference, data_range, "halo")
    return scores_where(finite, one_by_one(_told, a / data_range, b / data_range))


def _told(image: Tensor, reference: Tensor) -> Tensor:
    enhanced, original = image.cpu().numpy(), reference.cpu().numpy()
    beside = next_to_edges(original)
    told = math.nan
    if beside.any():
        told = 255.0 * float(np.quantile(overshoot(enhanced, original)[beside], BEYOND, method="inverted_cdf"))
    return torch.tensor(told, dtype=torch.float64, device=image.device)


def overshoot(enhanced: Array, original: Array) -> Array:
    """Return how far each pixel lies beyond the grey levels of its neighbourhood, ``[H,W]`` from 0 on, on [0,1]."""
    from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter, uniform_filter

    side, seen = _side(original, REACH), SEEN * max(1.0, max(original.shape) / 512.0)
    tone, enhanced = (
        gaussian_filter(one, seen, mode="nearest") for one in (monotone_map(original, enhanced), enhanced)
    )

    def mean(values: Array) -> Array:
        found: Array = uniform_filter(values, side, mode="nearest")
        return found

    # Near zero the squares lose no digits.
    t, e = tone - tone.mean(), enhanced - tone.mean()
    mean_t, mean_e = mean(t), mean(e)
    spread, common = mean(t * t) - mean_t**2, mean(t * e) - mean_t * mean_e
    gain = np.where(spread > ROUNDING**2, common / np.where(spread > ROUNDING**2, spread, 1.0), 0.0)
    offset = mean_e - gain * mean_t
    high, low = (end(t, side, mode="nearest") for end in (maximum_filter, minimum_filter))
    ends = gain * high + offset, gain * low + offset
    above, below = np.maximum(high, np.maximum(*ends)), np.minimum(low, np.minimum(*ends))
    beyond = np.maximum(e - above, below - e)
    return np.asarray(np.where(beyond > ROUNDING, beyond, 0.0), dtype=np.float64)


def next_to_edges(original: Array) -> NDArray[np.bool_]:
    """Return the pixels next to edges, and these, bool ``[H,W]``; none of a constant image."""
    from scipy.ndimage import gaussian_gradient_magnitude, maximum_filter

    smoothing = max(1.0, SMOOTHING * max(original.shape) / 512.0)
    steepness = gaussian_gradient_magnitude(original, smoothing, mode="nearest")
    edges = (steepness > ROUNDING) & (steepness >= np.quantile(steepness, EDGES))
    return np.asarray(maximum_filter(edges, _side(original, NEAR), mode="constant"), dtype=bool)


def _side(original: Array, reach: float) -> int:
    """Return the side in pixels of the square that reaches so far at 512."""
    return 2 * max(2, round(reach * max(original.shape) / 512.0)) + 1
