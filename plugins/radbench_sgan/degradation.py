"""How a clean image is made worse for a network to mend: noise; down-sampling, blur and less contrast (SGAN §2.1).

Everything happens where the images lie, and each image has its own parameters. What becomes of an image depends on the
image and its parameters alone, to the last bit: not on the batch that it is in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from radbench.contracts.errors import ConfigurationError
from radbench.learn import Batch, Draws, as_unit

NOISE_SIGMA = (0.0, 50.0)
"""(least, greatest], of 255 (SGAN §2.1)."""

SCALE, BLUR, KAPPA = (1.0, 4.0), (0.0, 3.0), (1.0, 3.0)
"""Down-sampling, deviation of the blur in pixels of the down-sampled image, contrast compression (SGAN §2.1)."""

_TRUNCATE = 4.0
"""Standard deviations at which the blur's kernel ends, as in SciPy."""


@dataclass(frozen=True)
class Noisy:
    """A step that adds white Gaussian noise to a clean image: ``(batch, draws) -> batch``, for ``radbench.learn.fit``.

    Attributes:
        sigma: standard deviations (least, greatest], of 255, drawn uniformly for each image; equal ones are fixed.
        clean: the name of the clean images, ``[B,C,H,W]`` in [0,1]; they become float32.
        input: the name that the noisy ones get.
    """

    sigma: tuple[float, float] = NOISE_SIGMA
    clean: str = "clean"
    input: str = "image"

    def __post_init__(self) -> None:
        _check("sigma", self.sigma, 0.0)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """Return the batch with the noisy images beside the clean ones; see :func:`noisy`.

        Raises:
            DatasetError: the batch lacks the clean images.
        """
        clean = as_unit(batch[self.clean])
        sigma = drawn(draws, "noise sigma", self.sigma)
        return batch.with_(**{self.clean: clean, self.input: noisy(clean, sigma, draws)})


@dataclass(frozen=True)
class Degraded:
    """A step that takes sharpness and contrast from a clean image: ``(batch, draws) -> batch``, for the same.

    Attributes:
        scale, blur, kappa: as of :func:`degraded`, drawn uniformly from (least, greatest] for each image; equal ones
            are fixed.
        clean: the name of the clean images, ``[B,C,H,W]`` in [0,1]; they become float32.
        input: the name that the degraded ones get.
    """

    scale: tuple[float, float] = SCALE
    blur: tuple[float, float] = BLUR
    kappa: tuple[float, float] = KAPPA
    clean: str = "clean"
    input: str = "image"

    def __post_init__(self) -> None:
        for name, bounds, least in (("scale", self.scale, 1.0), ("blur", self.blur, 0.0), ("kappa", self.kappa, 1.0)):
            _check(name, bounds, least)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """Return the batch with the degraded images beside the clean ones; see :func:`degraded`.

        Raises:
            DatasetError: the batch lacks the clean images.
        """
        clean = as_unit(batch[self.clean])
        found = (
            drawn(draws, name, bounds)
            for name, bounds in (("scale", self.scale), ("blur", self.blur), ("kappa", self.kappa))
        )
        return batch.with_(**{self.clean: clean, self.input: degraded(clean, *found)})


def drawn(draws: Draws, what: str, bounds: tuple[float, float]) -> Tensor:
    """Draw a number for each lesson, uniformly from (least, greatest]: float32 ``[B]``, the same on every device."""
    least, greatest = bounds
    # Draws are in [-1,1): turned round, the greatest can be met and the least cannot.
    return least + (greatest - least) * ((1 - draws.uniform(what)) / 2)


def noisy(images: Tensor, sigma: Tensor, draws: Draws) -> Tensor:
    """Add white Gaussian noise, and leave what it reaches beyond [0,1].

    Args:
        images: float32 ``[B,C,H,W]`` in [0,1].
        sigma: ``[B]``, standard deviation of 255.
        draws: of these images; on another kind of device, the noise is another.

    Returns:
        float32 ``[B,C,H,W]``.
    """
    device = images.device
    sources = draws.generators("noise", str(device))
    white = torch.stack([torch.randn(images.shape[1:], generator=source, device=device) for source in sources])
    return images + (sigma.to(images) / 255)[:, None, None, None] * white


def degraded(images: Tensor, scale: Tensor, blur: Tensor, kappa: Tensor) -> Tensor:
    """Down-sample, blur, compress the contrast and up-sample, in the order printed.

    Both resamplings are bicubic (Keys, a = -1/2), the first widened by the scale against aliasing, as Matlab's
    ``imresize`` made DIV2K's small images; the blur mirrors the image at its edges, as SciPy's ``gaussian_filter``;
    the compression is mean + (x - mean) / kappa, with the mean of the small image [assumed].

    Args:
        images: float32 ``[B,C,H,W]`` in [0,1].
        scale: ``[B]``, 1 or more; the small image has round(H/scale) by round(W/scale) pixels, at least one.
        blur: ``[B]``, standard deviation in pixels of the small image, 0 or more.
        kappa: ``[B]``, 1 or more.

    Returns:
        float32 ``[B,C,H,W]`` in [0,1].
    """
    height, width = images.shape[2:]
    scales, blurs, kappas = (values.tolist() for values in (scale, blur, kappa))
    rows = _Axis(height, scales, blurs, images.device)
    columns = rows if height == width else _Axis(width, scales, blurs, images.device)
    return torch.stack(
        [
            _degraded(image.double(), rows.down[i], rows.up[i], columns.down[i], columns.up[i], kappas[i])
            for i, image in enumerate(images)
        ]
    )


def _degraded(
    image: Tensor, rows_down: Tensor, rows_up: Tensor, columns_down: Tensor, columns_up: Tensor, kappa: float
) -> Tensor:
    # By itself, since a product of matrices may round otherwise in another batch; and in double precision, where no
    # setting of the card's rounds to fewer bits.
    small = rows_down @ image @ columns_down.mT
    mean = small.mean(dim=(-2, -1), keepdim=True)
    compressed = mean + (small - mean) / kappa
    return (rows_up @ compressed @ columns_up.mT).clamp(0.0, 1.0).float()


class _Axis:
    """Down-sampling with blur, and up-sampling, along an axis of ``length`` pixels: a matrix each, for every image.

    Attributes:
        down: per image, float64 ``[n,length]``, of the image's own n.
        up: per image, float64 ``[length,n]``.
    """

    def __init__(self, length: int, scales: list[float], blurs: list[float], device: torch.device) -> None:
        self.down, self.up = [], []
        for scale, sigma in zip(scales, blurs, strict=True):
            small = max(1, round(length / scale))
            self.down.append((_blurring(small, sigma) @ _resampling(length, small)).to(device, non_blocking=True))
            self.up.append(_resampling(small, length).to(device, non_blocking=True))


def _resampling(length: int, target: int) -> Tensor:
    """Return float64 ``[target,length]``: bicubic weights, each row summing to 1; what lies outside does not count."""
    step = length / target
    widened = max(step, 1.0)
    middles = (torch.arange(target, dtype=torch.float64)[:, None] + 0.5) * step - 0.5
    weights = _keys(((torch.arange(length, dtype=torch.float64) - middles) / widened).abs())
    return weights / weights.sum(dim=1, keepdim=True)


def _keys(x: Tensor) -> Tensor:
    """Return Keys' cubic kernel (a = -1/2) at distances ``x`` of 0 or more."""
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def _blurring(length: int, sigma: float) -> Tensor:
    """Return float64 ``[length,length]``: a Gaussian, cut off, of an image mirrored at its edges (c b a | a b c)."""
    radius = int(_TRUNCATE * sigma + 0.5)
    table = [math.exp(-0.5 * (d / sigma) ** 2) if sigma > 0 else 1.0 for d in range(radius + 1)]
    total = table[0] + 2 * sum(table[1:])
    weights = torch.tensor([w / total for w in table] + [0.0], dtype=torch.float64)
    here, there = torch.arange(length)[:, None], torch.arange(length)[None]
    matrix = torch.zeros(length, length, dtype=torch.float64)
    # Mirrored for good, the image comes again every two lengths.
    for turn in range(-(radius // (2 * length)) - 1, radius // (2 * length) + 2):
        for distance in (here - there + 2 * length * turn, here + there + 1 + 2 * length * turn):
            matrix += weights[distance.abs().clamp_max(radius + 1)]
    return matrix


def _check(name: str, bounds: tuple[float, float], least: float) -> None:
    if not least <= bounds[0] <= bounds[1] or not math.isfinite(bounds[1]):
        raise ConfigurationError(f"{name} must be two numbers, {least:g} <= least <= greatest; got {list(bounds)}")
