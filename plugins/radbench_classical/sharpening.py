"""Sharpening by a linear filter: unsharp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from radbench.contracts.config import param
from radbench_classical.per_image import per_image

if TYPE_CHECKING:
    from torch import Tensor


def unsharp(
    images: Tensor,
    *,
    radius: Annotated[
        float, param(description="standard deviation of the Gaussian, in pixels", source="assumed", gt=0.0, le=200.0)
    ] = 5.0,
    amount: Annotated[
        float,
        param(
            description="how much of the difference to the blurred image is added", source="assumed", ge=0.0, le=20.0
        ),
    ] = 1.0,
) -> Tensor:
    """Add what a Gaussian removes: image + amount (image - blurred), clipped (scikit-image's ``unsharp_mask``).

    The border is continued by reflection, also where the image is smaller than the Gaussian. A constant image
    is returned as it is.

    Args:
        images: float32 ``[B,1,H,W]`` in [0,1].
        radius, amount: see the configuration.

    Returns:
        float32 ``[B,1,H,W]`` in [0,1].
    """
    from skimage.filters import unsharp_mask

    return per_image(images, lambda image: unsharp_mask(image, radius=radius, amount=amount))
