"""Structural similarity to a reference: SSIM and MS-SSIM, every constant pinned."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from radbench.metrics.inputs import checked_pair, checked_region, no_scores, scores_where
from radbench.metrics.reduction import fixed_order_mean, region_mean
from radbench.metrics.windows import gaussian_filter

# The definitions are those of piq with every argument pinned (tests compare with it), but computed in float64 with
# separable windows: piq's dense convolution takes 0.7 s for one 512x512 image in float64 on a CPU core, and in float32
# the variances cancel so far that a smooth image may score above 1.
WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
MINIMUM_SIDE = WINDOW
MINIMUM_SIDE_MULTI_SCALE = (WINDOW - 1) * 2 ** (len(SCALE_WEIGHTS) - 1) + 1


def ssim(images: Tensor, reference: Tensor, data_range: float = 1.0, region: Tensor | None = None) -> Tensor:
    """Structural similarity, at most 1; higher is better.

    Wang, Bovik, Sheikh, Simoncelli, IEEE TIP 13 (2004): 11x11 Gaussian window of sigma 1.5, K1 = 0.01, K2 = 0.03,
    population variances, averaged over the windows that lie wholly inside; the images are not downsampled first.
    Equals piq's ``ssim(downsample=False)`` and scikit-image's ``structural_similarity(gaussian_weights=True,
    sigma=1.5, use_sample_covariance=False)``. Differentiable.

    Args:
        images: float32 or float64 ``[B,1,H,W]`` in ``[0, data_range]``.
        reference: the same shape and range.
        data_range: the value that is white.
        region: bool ``[B,1,H,W]``: average only the windows whose centre is in it; None for all.

    Returns:
        float64 ``[B]``; NaN under 11 pixels high or wide, where either image has NaN or infinite pixels, or where the
        region has no window. Two constant images are compared by their brightness alone, so that equal ones score 1.

    Raises:
        ValueError: wrong type, shape or range.
    """
    a, b, finite = checked_pair(images, reference, data_range, "ssim")
    if min(a.shape[1:]) < MINIMUM_SIDE:
        return no_scores(a)
    similarity, _ = similarity_maps(a / data_range, b / data_range)
    if region is None:
        return scores_where(finite, fixed_order_mean(similarity.flatten(1)))
    mask = checked_region(region, images, "ssim")
    rim = WINDOW // 2
    return scores_where(finite, region_mean(similarity, mask[:, rim:-rim, rim:-rim]))


def ms_ssim(images: Tensor, reference: Tensor, data_range: float = 1.0) -> Tensor:
    """Multi-scale structural similarity, in [0,1]; higher is better.

    Wang, Simoncelli, Bovik, Asilomar (2003): five scales, each the 2x2 average of the one before (a side that is
    odd, and with it the other, is first extended by one pixel at its start [code: piq]); contrast-structure at the
    first four and the whole :func:`ssim` at the last, raised to 0.0448, 0.2856, 0.3001, 0.2363, 0.1333 (as printed;
    their sum is 1.0001) and multiplied. Negative factors count as 0. Differentiable where no factor is 0.

    Args:
        images: float32 or float64 ``[B,1,H,W]`` in ``[0, data_range]``.
        reference: the same shape and range.
        data_range: the value that is white.

    Returns:
        float64 ``[B]``; NaN under 161 pixels high or wide (the last scale has no whole window), or where either image
        has NaN or infinite pixels.

    Raises:
        ValueError: wrong type, shape or range.
    """
    a, b, finite = checked_pair(images, reference, data_range, "ms_ssim")
    if min(a.shape[1:]) < MINIMUM_SIDE_MULTI_SCALE:
        return no_scores(a)
    a, b = a / data_range, b / data_range
    factors = []
    for scale in range(len(SCALE_WEIGHTS)):
        if scale > 0:
            a, b = _half(a), _half(b)
        similarity, contrast = (fixed_order_mean(m.flatten(1)) for m in similarity_maps(a, b))
        factors.append(contrast)
    factors[-1] = similarity
    # One power at a time: a library's may round the end of a long row differently from its middle.
    scores = []
    for image_factors in torch.stack(factors, dim=1).clamp(min=0.0):
        score = image_factors.new_ones(())
        for factor, weight in zip(image_factors, SCALE_WEIGHTS, strict=True):
            score = score * factor**weight
        scores.append(score)
    return scores_where(finite, torch.stack(scores) if scores else similarity)


def similarity_maps(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return SSIM and contrast-structure of each window, ``[B,H-10,W-10]``, of ``[B,H,W]`` over the data range."""
    c1, c2 = K1**2, K2**2
    mean_a, mean_b = _window(a), _window(b)
    mean_aa, mean_bb, mean_ab = mean_a * mean_a, mean_b * mean_b, mean_a * mean_b
    variances = _window(a * a) - mean_aa + (_window(b * b) - mean_bb)
    covariance = _window(a * b) - mean_ab
    contrast = (2.0 * covariance + c2) / (variances + c2)
    brightness = (2.0 * mean_ab + c1) / (mean_aa + mean_bb + c1)
    return brightness * contrast, contrast


def _window(planes: Tensor) -> Tensor:
    return gaussian_filter(planes, WINDOW, SIGMA)


def _half(planes: Tensor) -> Tensor:
    extra = max(planes.shape[1] % 2, planes.shape[2] % 2)
    if extra:
        planes = pad(planes[:, None], (extra, 0, extra, 0), mode="replicate")[:, 0]
    height, width = planes.shape[1] // 2 * 2, planes.shape[2] // 2 * 2
    rows = planes[:, 0:height:2] + planes[:, 1:height:2]
    return (rows[:, :, 0:width:2] + rows[:, :, 1:width:2]) * 0.25
