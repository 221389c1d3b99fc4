"""Intensities: the networks' preprocessing, and the fusion of a radiograph with what was extracted from it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_ROUNDING = 1e-4
"""Less than half a step of 12 bits: what differs by no more is one grey, too fine for a histogram of float32."""


def equalised(images: Tensor, kernel: int, clip: float) -> Tensor:
    """Histogram equalisation, then CLAHE (lung U-Net §2.3), each image by itself.

    Args:
        images: float32 ``[B,1,H,W]`` in [0,1].
        kernel: side of CLAHE's window, in pixels.
        clip: CLAHE's clip limit, as scikit-image reads it.

    Returns:
        float32 ``[B,1,H,W]`` in [0,1]; an image of one grey, but for what rounding leaves, as it is.
    """
    from skimage.exposure import equalize_adapthist, equalize_hist

    out = images.detach().cpu().numpy().copy()
    for image in out[:, 0]:
        if np.ptp(image) > _ROUNDING:
            flat = equalize_hist(image)
            # The darkest of two levels already holds the whole histogram's first step: nothing is left to equalise.
            if np.ptp(flat) > 1e-4:
                image[:] = np.nan_to_num(equalize_adapthist(flat, kernel_size=kernel, clip_limit=clip))
    return torch.from_numpy(out.clip(0.0, 1.0)).to(images.device)


def normalised(images: Tensor, area: Tensor | None, std: float) -> Tensor:
    """Shift and scale each image so that an area of it has mean 0 and a given deviation (lung U-Net §2.3).

    Args:
        images: float32 ``[B,1,H,W]``.
        area: bool ``[B,1,H,W]``; None, or none of an image, is the whole image.
        std: the wanted standard deviation.

    Returns:
        float32 ``[B,1,H,W]``; an area of one grey is only shifted.
    """
    out = []
    # Image by image: a sum may round otherwise in another batch. Asking for a value would make a card wait.
    for i, image in enumerate(images):
        inside = torch.ones_like(image) if area is None else (area[i] | ~area[i].any()).float()
        count = inside.sum()
        centred = image - (image * inside).sum() / count
        spread = ((centred.square() * inside).sum() / count).sqrt()
        out.append(centred * torch.where(spread > 1e-6, std / spread.clamp_min(1e-6), 1.0))
    return torch.stack(out)


def unit(images: Tensor) -> Tensor:
    """Stretch each image over [0,1]; a constant one is clipped to it."""
    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    spread = high - low
    return torch.where(spread > 0, (images - low) / spread.clamp_min(1e-12), images).clamp(0.0, 1.0)


def fused(images: Tensor, extracted: Tensor, weight: float, stretched: bool = True) -> Tensor:
    """Add what was extracted to the radiograph, both scaled to [0,1], and scale the sum (lung U-Net Eq. 6).

    Args:
        images, extracted: float32 ``[B,1,H,W]``.
        weight: w; below 0 takes away.
        stretched: scale what was extracted; else it stays as it is, so that little is not made much of.

    Returns:
        float32 ``[B,1,H,W]`` in [0,1].
    """
    return unit(unit(images) + weight * (unit(extracted) if stretched else extracted))
