"""Grey-level mappings that are the same at every pixel: original, he, gamma."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.config import param
from radbench.contracts.enhancement import Enhancement
from radbench_classical.per_image import Image, per_image

if TYPE_CHECKING:
    from torch import Tensor


class Original:
    """The image as it is; seen from elsewhere, too, it is itself: the floor that a renderer must rise above."""

    class Config(BaseConfig):
        """Nothing to choose."""

    def __init__(self, config: Original.Config) -> None:
        self.config = config

    def enhance(self, images: Tensor) -> Tensor:
        """Return float32 ``[B,1,H,W]`` in [0,1] as they are."""
        return images.clone()

    def views(self, images: Tensor, poses: Sequence[Any]) -> Enhancement:
        """Return the images once for every pose, float32 ``[B,V,1,H,W]``."""
        return Enhancement(images[:, None].repeat(1, len(poses), 1, 1, 1))


def he(
    images: Tensor,
    *,
    nbins: Annotated[
        int,
        param(
            description="bins of the histogram between the image's minimum and maximum",
            source="code scikit-image's default",
            ge=2,
            le=65536,
        ),
    ] = 256,
) -> Tensor:
    """Map every grey value to the share of pixels that are not brighter (scikit-image's ``equalize_hist``).

    The darkest value becomes the share of pixels in its bin, not 0. A constant image is returned as it is.

    Args:
        images: float32 ``[B,1,H,W]`` in [0,1].
        nbins: bins of the histogram.

    Returns:
        float32 ``[B,1,H,W]`` in (0,1].
    """
    from skimage.exposure import equalize_hist

    # In double precision, since single has no room for the bins of an image of very low contrast.
    return per_image(images, lambda image: equalize_hist(image.astype(np.float64), nbins=nbins))


def gamma(
    images: Tensor,
    *,
    gamma: Annotated[
        float,
        param(
            description="exponent; below 1 brightens, which opens the lungs of a radiograph",
            source="assumed",
            gt=0.0,
            le=10.0,
        ),
    ] = 0.7,
) -> Tensor:
    """Raise every grey value to a power.

    A constant image is returned as it is.

    Args:
        images: float32 ``[B,1,H,W]`` in [0,1].
        gamma: the exponent.

    Returns:
        float32 ``[B,1,H,W]`` in [0,1].
    """

    def power(image: Image) -> Image:
        return (image.astype(np.float64) ** gamma).astype(np.float32)

    return per_image(images, power)
