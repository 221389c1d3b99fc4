"""Fidelity on the lung paper's scale, where the truth's lung area has mean 0 and standard deviation 0.5."""

from __future__ import annotations

import torch
from torch import Tensor

from radbench.metrics.fidelity import decibel
from radbench.metrics.inputs import checked_pair, checked_region, no_scores, scores_where
from radbench.metrics.reduction import fixed_order_mean, region_mean
from radbench.metrics.structure import MINIMUM_SIDE, similarity_maps

LUNG_STD = 0.5
"""Standard deviation of the truth's lung area (lung U-Net paper, section 2.3)."""

LUNG_RANGE = 3.07
"""Data range on that scale: Table 1's MSE 0.03 and PSNR 24.98 dB agree for ``sqrt(0.03 * 10**2.498) = 3.07`` alone."""


def lung_scale_fidelity(images: Tensor, reference: Tensor, lungs: Tensor) -> dict[str, Tensor]:
    """MAE, MSE, PSNR and SSIM after bringing both images to the scale of Table 1.

    Per image, with ``m`` and ``s`` the mean and the (population) standard deviation of *the reference* over its lung
    area: ``x -> LUNG_STD * (x - m) / s``, the same for image and reference. The image's own statistics are not used, so
    that a wrong brightness or contrast counts as the error it is. Outside the lungs the reference, 0 on [0,1], becomes
    ``-LUNG_STD * m / s``; all pixels count, as they do in the paper.

    SSIM is Wang's with the constants of :func:`radbench.metrics.ssim` and data range ``LUNG_RANGE``, on the signed
    values: its brightness term takes the zero of this scale, not black. PSNR takes ``LUNG_RANGE`` for every image.

    Args:
        images: float32 or float64 ``[B,1,H,W]`` in [0,1].
        reference: the same shape and range.
        lungs: bool ``[B,1,H,W]``.

    Returns:
        float64 ``[B]`` each, by "mae", "mse", "psnr" and "ssim". NaN where either image has NaN or infinite pixels,
        where the lung area is empty, or where the reference is constant in it;
        "ssim" also under 11 pixels high or wide.

    Raises:
        ValueError: wrong type, shape or range.
    """
    a, b, finite = checked_pair(images, reference, 1.0, "lung_scale_fidelity")
    inside = checked_region(lungs, images, "lung_scale_fidelity")
    mean = region_mean(b, inside)
    spread = region_mean((b - mean[:, None, None]) ** 2, inside).sqrt()
    # A constant area has a spread of rounding errors only.
    known = finite & (spread > 1e-9)
    factor = torch.where(known, LUNG_STD / spread, torch.ones_like(spread))[:, None, None]
    centre = torch.where(known, mean, torch.zeros_like(mean))[:, None, None]
    a, b = (a - centre) * factor, (b - centre) * factor
    difference = (a - b).flatten(1)
    errors = fixed_order_mean(difference * difference)
    similarity = no_scores(a)
    if min(a.shape[1:]) >= MINIMUM_SIDE:
        maps, _ = similarity_maps(a / LUNG_RANGE, b / LUNG_RANGE)
        similarity = fixed_order_mean(maps.flatten(1))
    scores = {
        "mae": fixed_order_mean(difference.abs()),
        "mse": errors,
        "psnr": decibel(errors, LUNG_RANGE),
        "ssim": similarity,
    }
    return {name: scores_where(known, score) for name, score in scores.items()}
