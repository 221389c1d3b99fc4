"""Base and details: WLS smoothing at an image's own size, or at a smaller one and carried over to its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from radbench_guided.config import SmoothingConfig

_RADIUS, _REGULARISATION = 2, 1e-6
"""Of the local lines that carry a base layer to a larger size: half window in small pixels, and what is added to the
variance [assumed]."""


def scaled(images: Tensor) -> Tensor:
    """Return each image scaled from its least and greatest value to [0,1] (§III-A); a constant one is 0.

    Args:
        images: float32 ``[B,1,H,W]``.
    """
    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    # Not by a least range: an image of little contrast is stretched like any other.
    return (images - low) / (high - low).where(high > low, high.new_ones(()))


def shown_details(details: Tensor) -> Tensor:
    """Return details, in [-1,1], as an image in [0,1]; 0.5 is none."""
    return (0.5 + 0.5 * details).clamp(0.0, 1.0)


def base_layer(images: Tensor, smoothing: SmoothingConfig) -> Tensor:
    """Return WLS(S) of equations 2 to 4.

    At a smaller size the base follows from the image by a line in each neighbourhood, and the lines, interpolated, are
    applied to the image itself, so that an edge which the base keeps stays as sharp as it is (He & Sun 2015, Fast
    Guided Filter). Lambda is that share of itself, to the power 2 - alpha, for which slopes count the same in larger
    pixels.

    Args:
        images: float32 ``[B,1,H,W]`` in [0,1].
        smoothing: how.

    Returns:
        float32 ``[B,1,H,W]`` within [0,1]; each image is smoothed by itself.
    """
    import torch

    from radbench.imaging.wls import smooth
    from radbench.learn.batch import resized

    options = {name: getattr(smoothing, name) for name in ("lam", "alpha", "epsilon", "log_offset")}
    height, width = images.shape[2:]
    most = smoothing.wls_size or max(height, width)
    if most >= max(height, width):
        return smooth(images, **options)
    share = most / max(height, width)
    small = resized(images, (max(1, round(share * height)), max(1, round(share * width))))
    options["lam"] *= share ** (2 - smoothing.alpha)
    slope, offset = _lines(small, smooth(small, **options))
    slope, offset = (
        torch.nn.functional.interpolate(x, size=(height, width), mode="bilinear", align_corners=False)
        for x in (slope, offset)
    )
    return (slope * images + offset).clamp(0.0, 1.0)


def _lines(images: Tensor, base: Tensor) -> tuple[Tensor, Tensor]:
    """Return slope and offset, each the mean over a window, of the lines by which a base follows from its image."""
    image, layer = images.double(), base.double()
    mean, mean_base = _mean(image), _mean(layer)
    slope = (_mean(image * layer) - mean * mean_base) / (_mean(image * image) - mean * mean + _REGULARISATION)
    # Smoothing neither turns a contrast round nor raises it.
    slope = slope.clamp(0.0, 1.0)
    return _mean(slope).float(), _mean(mean_base - slope * mean).float()


def _mean(planes: Tensor) -> Tensor:
    from torch.nn.functional import avg_pool2d

    return avg_pool2d(planes, 2 * _RADIUS + 1, 1, _RADIUS, count_include_pad=False)
