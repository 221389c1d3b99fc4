"""Local histogram equalisation: clahe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from radbench.contracts.config import param
from radbench_classical.per_image import Image, per_image

if TYPE_CHECKING:
    from torch import Tensor


def clahe(
    images: Tensor,
    *,
    kernel_size: Annotated[
        int, param(description="side of the square window, in pixels", source="paper lung U-Net §2.3: [40,40]", ge=2)
    ] = 40,
    clip_limit: Annotated[
        float,
        param(
            description="largest share of a window's pixels in one bin; 0 does not clip",
            source="paper lung U-Net §2.3: 0.01",
            ge=0.0,
            le=1.0,
        ),
    ] = 0.01,
    nbins: Annotated[
        int, param(description="bins of each histogram", source="code scikit-image's default", ge=2, le=16384)
    ] = 256,
) -> Tensor:
    """Equalise contrast-limited within windows (scikit-image's ``equalize_adapthist``; OpenCV's clip limit differs).

    The image is stretched to its full range before and after. An image smaller than the window is continued
    by reflection to fill it. A constant image is returned as it is, and so is one whose contrast is lost in
    the 65,536 grey levels that the method works in.

    Args:
        images: float32 ``[B,1,H,W]`` in [0,1].
        kernel_size, clip_limit, nbins: see the configuration.

    Returns:
        float32 ``[B,1,H,W]`` in [0,1].
    """
    from skimage.exposure import equalize_adapthist
    from skimage.util import img_as_uint

    def equalise(image: Image) -> Image:
        if np.ptp(img_as_uint(image)) == 0:
            return image
        with np.errstate(invalid="ignore"):
            out = equalize_adapthist(image, kernel_size=kernel_size, clip_limit=clip_limit, nbins=nbins)
        return out if np.isfinite(out).all() else image

    return per_image(images, equalise)
