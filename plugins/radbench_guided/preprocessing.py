"""The guided U-Net's preprocessing (Eidlin et al., equations 1 to 6), an enhancer by itself: preprocess."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radbench.contracts.enhancement import Enhancement
from radbench_guided.config import PreprocessConfig

if TYPE_CHECKING:
    from torch import Tensor


class Preprocess:
    """The image divided by its mean less its details: row "Preprocessed" of Table V.

    Layers: ``base``, and ``details`` = 0.5 + (image - base) / 2, of the image scaled to [0,1].
    """

    Config = PreprocessConfig

    def __init__(self, config: PreprocessConfig) -> None:
        self.config = config

    def enhance(self, images: Tensor) -> Enhancement:
        """Preprocess float32 ``[B,1,H,W]`` in [0,1]; a constant image comes back as it is."""
        from radbench_guided.details import base_layer, scaled, shown_details

        image = scaled(images)
        base = base_layer(image, self.config)
        made = divided(image, base, self.config.least_divisor, self.config.white)
        layers = {"base": base, "details": shown_details(image - base)}
        return Enhancement(made.where(contrasted(images), images), layers)


def contrasted(images: Tensor) -> Tensor:
    """Tell which images are not constant: bool ``[B,1,1,1]``."""
    return images.amax((1, 2, 3), keepdim=True) > images.amin((1, 2, 3), keepdim=True)


def divided(image: Tensor, base: Tensor, least_divisor: float, white: float) -> Tensor:
    """Return equations 1, 5 and 6, scaled to [0,1].

    Equation 5 adds the base to the mean less the image: the mean less the details. So the image is divided by less
    where a detail is bright, by more where it is dark.

    Args:
        image: float32 ``[B,1,H,W]``, scaled to [0,1].
        base: WLS(S) of it.
        least_divisor: the divisor is at least this share of the image's mean.
        white: share of the pixels, the brightest, that are cut off.

    Returns:
        float32 ``[B,1,H,W]`` in [0,1]; 0 for an image that is 0.
    """
    from radbench_guided.details import scaled

    mean = image.mean((1, 2, 3), keepdim=True)
    inverted = mean - image  # Eq. 1
    divisor = (base + inverted).maximum(least_divisor * mean)  # Eq. 5
    quotient = image / divisor.where(mean > 0, divisor.new_ones(()))  # Eq. 6
    return scaled(quotient.minimum(_brightest(quotient, white)))


def _brightest(images: Tensor, share: float) -> Tensor:
    """Return the least value ``[B,1,1,1]`` of so many of the brightest pixels of each image, of one at the least."""
    pixels = images.flatten(1)
    place = max(1, pixels.shape[1] - int(share * pixels.shape[1]))
    return pixels.kthvalue(place, dim=1).values[:, None, None, None]
