"""Blur: what no enhancer should be, and so a control of whatever claims to notice harm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from radbench.contracts.config import param
from radbench_classical.per_image import per_image

if TYPE_CHECKING:
    from torch import Tensor


def blur(
    images: Tensor,
    *,
    radius: Annotated[
        float,
        param(
            description="standard deviation of the Gaussian, as a share of the shorter side",
            source="assumed",
            gt=0.0,
            le=0.5,
        ),
    ] = 0.02,
) -> Tensor:
    """Blur by a Gaussian; the border is continued by reflection.

    Args:
        images: float32 ``[B,1,H,W]`` in [0,1].
        radius: see the configuration.

    Returns:
        float32 ``[B,1,H,W]`` in [0,1].
    """
    from scipy.ndimage import gaussian_filter

    return per_image(images, lambda image: gaussian_filter(image, radius * min(image.shape), mode="reflect"))
