"""Parallel-beam radiographs of CT as the lung-enhancement paper makes them (Gozes and Greenspan, Eq. 1-3)."""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor
from torch.nn.functional import interpolate

_AXES = {"z": 2, "y": 3, "x": 4}


def parallel_drr(
    volume_hu: Tensor,
    spacing_mm: tuple[float, float, float],
    axis: Literal["z", "y", "x"] = "y",
    beta: float = 0.02,
    sign: int = 1,
    mu_water: float = 0.2,
) -> Tensor:
    """Average the attenuation along parallel rays and pass it through the paper's exponential (Eq. 2 and 3).

    ``exp(sign * beta * mean(mu_water * (HU + 1000) / 1000))`` with HU + 1000 clamped at 0 (padding values lie below
    air). The printed sign, +, makes dense tissue bright. The printed beta makes the result so nearly constant that it
    lies between 1 and about 1.01, and linear in the mean attenuation to 0.07 % after `scale_to_unit`, which must come
    before anything that quantises or equalises. Float32 then leaves some 10,000 grey levels; give float64 for more.

    Args:
        volume_hu: floating point [B,C,D,H,W] in HU; axes z from inferior, y from anterior, x from the patient's right.
        spacing_mm: (dz, dy, dx). The mean does not depend on it; the picture's proportions do.
        axis: direction of the rays: "y" frontal (the paper's posterior-anterior), "x" lateral, "z" axial.
        beta: the paper's 0.02.
        sign: +1 as printed, -1 for Beer-Lambert's law as physics has it.
        mu_water: attenuation of water per cm.

    Returns:
        [B,C,h,w] with square pixels of the finer of the two spacings (the coarser axis is interpolated linearly).
        Row 0 is superior (anterior for "z"); column 0 is the patient's right (anterior for "x").

    Raises:
        ValueError: wrong shape, type, axis, sign or spacing.
    """
    if volume_hu.ndim != 5 or 0 in volume_hu.shape or not volume_hu.is_floating_point():
        raise ValueError(
            f"volume_hu must be floating point [B,C,D,H,W]; got {volume_hu.dtype} of shape {list(volume_hu.shape)}"
        )
    if axis not in _AXES:
        raise ValueError(f"axis must be 'z', 'y' or 'x'; got {axis!r}")
    if sign not in (1, -1):
        raise ValueError(f"sign must be 1 or -1; got {sign}")
    if len(spacing_mm) != 3 or not all(math.isfinite(s) and s > 0 for s in spacing_mm):
        raise ValueError(f"spacing_mm must be three positive lengths (dz, dy, dx); got {spacing_mm}")

    along = _AXES[axis]
    attenuation = (volume_hu + 1000).clamp(min=0).mean(along) * (mu_water / 1000)
    if axis != "z":
        attenuation = attenuation.flip(2)
    sides = [s for a, s in enumerate(spacing_mm) if a + 2 != along]
    pixel = min(sides)
    size = [max(1, round(n * s / pixel)) for n, s in zip(attenuation.shape[2:], sides, strict=True)]
    if size != list(attenuation.shape[2:]):
        attenuation = interpolate(attenuation, size=size, mode="bilinear", align_corners=False)
    return (attenuation * (sign * beta)).exp()


def scale_to_unit(images: Tensor) -> Tensor:
    """Scale each image to [0,1] by its own least and greatest value; a constant image becomes zeros.

    Args:
        images: floating point [B,C,h,w]; each image is scaled by itself, so that no score depends on a batch.
    """
    least, greatest = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    span = greatest - least
    return (images - least) / span.where(span > 0, span.new_ones(()))
