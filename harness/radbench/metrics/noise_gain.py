"""Noise gain: how much stronger an enhancement makes the noise in the flat parts of an image."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radbench.metrics.contrast import DISPLAY_NOISE
from radbench.metrics.inputs import checked_pair, one_by_one, scores_where

Array = NDArray[np.float64]

LAPLACIANS = np.array([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]])
"""The difference of two Laplacians (Immerkær 1996): blind to planes, of norm 6."""

FLAT = 0.25
"""The share of the image, the flattest of it, that noise is measured in; assumed."""

SMOOTHING = 2.0
"""Standard deviation in pixels of the Gaussian under the gradient that says what is flat; assumed: it averages the
noise, so that the choice of the flat parts does not depend on it."""

DEAD = 7
"""Side in pixels of a square that is constant in the original and therefore no part of the picture; assumed."""

FEWEST = 100
"""Flat pixels that an estimate needs; assumed."""


def noise_gain(images: Tensor, reference: Tensor, data_range: float = 1.0) -> Tensor:
    """Noise of enhanced images over that of their originals, both in the flat parts of the originals.

    Noise is Immerkær's estimate (1996, Fast Noise Variance Estimation, Computer Vision and Image Understanding
    64:300-302): the mean absolute answer to a mask that is blind to planes, times ``sqrt(pi/2) / 6``. Where he leaves
    out edges, the flat parts are asked alone: the quarter of the pixels at which the original, smoothed by a Gaussian
    of two pixels, has the smallest gradient. Squares of 7 x 7 pixels that are constant in the original (collimated,
    saturated, padded) have no noise that could be measured and are no part of it.

    To both, the rounding of a display of 8 bits is added (root of the sum of squares): noise below it is seen by
    nobody, and nearly noise-free images would be told to have many times as much of nothing.

    A gain of contrast by a factor is a gain of noise by that factor: the control of an enhancer (``null``) tells how
    much of it is tone. Texture as fine as a pixel counts as noise. Below 1 noise was taken away, or detail with it.

    Args:
        images: float32 or float64 ``[B,1,H,W]`` in ``[0, data_range]``.
        reference: the originals, the same shape and range.
        data_range: the value that is white; it bounds the input and scales nothing.

    Returns:
        float64 ``[B]``, 1 for the original itself; NaN where either image has NaN or infinite pixels, or the flat parts
        have fewer than 100 pixels, as those of a constant original.

    Raises:
        ValueError: wrong type, shape or range.
    """
    a, b, finite = checked_pair(images, reference, data_range, "noise_gain")
    return scores_where(finite, one_by_one(_gain, a / data_range, b / data_range))


def _gain(image: Tensor, reference: Tensor) -> Tensor:
    enhanced, original = image.cpu().numpy(), reference.cpu().numpy()
    flat = flat_parts(original)
    gain = math.nan
    if flat.sum() >= FEWEST:
        after, before = (math.hypot(noise(one, flat), DISPLAY_NOISE) for one in (enhanced, original))
        gain = after / before
    return torch.tensor(gain, dtype=torch.float64, device=image.device)


def noise(image: Array, where: NDArray[np.bool_]) -> float:
    """Return the standard deviation of white noise, in the image's own units, measured at some pixels ``[H,W]``."""
    from scipy.ndimage import correlate

    answers = np.abs(correlate(image, LAPLACIANS, mode="nearest")[where])
    return math.sqrt(math.pi / 2.0) / 6.0 * math.fsum(answers) / answers.size


def flat_parts(original: Array) -> NDArray[np.bool_]:
    """Return the flattest quarter of an image, bool ``[H,W]``: without its border and what is constant in it."""
    from scipy.ndimage import gaussian_gradient_magnitude, maximum_filter, minimum_filter

    if min(original.shape) < 3:
        return np.zeros(original.shape, dtype=bool)
    spread = maximum_filter(original, DEAD, mode="nearest") - minimum_filter(original, DEAD, mode="nearest")
    picture = ~maximum_filter(spread == 0.0, DEAD, mode="nearest")
    picture[[0, -1]] = picture[:, [0, -1]] = False
    if not picture.any():
        return picture
    steepness = gaussian_gradient_magnitude(original, SMOOTHING, mode="nearest")
    return np.asarray(picture & (steepness <= np.quantile(steepness[picture], FLAT, method="inverted_cdf")), dtype=bool)
