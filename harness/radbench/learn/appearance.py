"""Augmentation of appearance: what a source may look like, its truth unmoved: exposure, noise, blur, borders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional

from radbench.contracts.errors import ConfigurationError
from radbench.learn.draws import chance, generators, uniform


@dataclass(frozen=True)
class AppearanceOptions:
    """How a source may be changed, in this order; 0 leaves a change out.

    Attributes:
        probability: of each of blur, sharpening, gamma, contrast and exposure.
        blur: largest standard deviation of a Gaussian blur, in pixels.
        sharpen: largest amount of the difference to a blurred copy (sigma 1 pixel) that is added.
        gamma: largest exponent is 1 + gamma, smallest its inverse.
        contrast: largest change of the contrast about the mean as a share of it: 0.3 draws from 0.7 to 1.3.
        exposure: largest offset, either way.
        polarity: probability of the negative, 1 - x.
        noise: smallest and largest standard deviation of white Gaussian noise; two equal ones fix it.
        occlusion: probability of one rectangle of one grey.
        occlusion_size: its largest height and width as a share of the image's.
        collimation: probability of a black or white frame.
        collimation_width: its largest width on each side as a share of the image's.
        quantise: probability of rounding to 8 bits.
        clamp: keep what comes of it in [0,1]; turn it off for sources on another scale.
    """

    probability: float = 1.0
    blur: float = 0.0
    sharpen: float = 0.0
    gamma: float = 0.0
    contrast: float = 0.0
    exposure: float = 0.0
    polarity: float = 0.0
    noise: tuple[float, float] = (0.0, 0.0)
    occlusion: float = 0.0
    occlusion_size: float = 0.3
    collimation: float = 0.0
    collimation_width: float = 0.15
    quantise: float = 0.0
    clamp: bool = True

    def __post_init__(self) -> None:
        for name in ("probability", "polarity", "occlusion", "collimation", "quantise"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigurationError(f"{name} is a probability in [0,1], got {getattr(self, name)}")
        for name in ("blur", "sharpen", "gamma", "contrast", "exposure"):
            if getattr(self, name) < 0:
                raise ConfigurationError(f"{name} must be 0 or more, got {getattr(self, name)}")
        if not 0 <= self.noise[0] <= self.noise[1]:
            raise ConfigurationError(f"noise must be (smallest, largest) of at least 0, got {self.noise}")

    @property
    def still(self) -> bool:
        """Whether nothing is ever changed."""
        parts = {"blur", "sharpen", "gamma", "contrast", "exposure", "polarity", "occlusion", "collimation", "quantise"}
        return not (any(getattr(self, f.name) for f in fields(self) if f.name in parts) or self.noise[1])


def change_appearance(
    images: Tensor, options: AppearanceOptions, seed: int, epoch: int, indices: Sequence[int]
) -> Tensor:
    """Return the images as they might have been taken otherwise.

    Args:
        images: float32 ``[B,C,H,W]``, on any device.
        options: the bounds.
        seed, epoch, indices: what the draws depend on, and nothing else.

    Returns:
        float32 ``[B,C,H,W]``; the images themselves where nothing is ever changed.
    """
    if options.still:
        return images
    draw = _Draw(images, options, seed, epoch, indices)
    x = images
    for change in (_blur, _sharpen, _gamma, _contrast, _exposure, _polarity, _noise, _occlude, _collimate, _quantise):
        x = change(x, draw)
    return x.clamp(0.0, 1.0) if options.clamp else x


class _Draw:
    """The draws of one batch: every kind from generators of its own."""

    def __init__(
        self, images: Tensor, options: AppearanceOptions, seed: int, epoch: int, indices: Sequence[int]
    ) -> None:
        self.options, self.device = options, images.device
        self._key = (seed, epoch, indices)

    def generators(self, what: str, device: str = "cpu") -> list[torch.Generator]:
        return generators(*self._key, what, device)

    def uniform(self, what: str, n: int = 1) -> list[list[float]]:
        drawn: list[list[float]] = uniform(self.generators(what), n).tolist()
        return drawn

    def per_sample(self, values: Sequence[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float32).to(self.device)[:, None, None, None]

    def where(self, what: str, probability: float, changed: Tensor, x: Tensor) -> Tensor:
        if probability >= 1:
            return changed
        chosen = chance(self.generators(f"{what} or not"), probability).to(self.device)
        return torch.where(chosen[:, None, None, None], changed, x)


def _blur(x: Tensor, draw: _Draw) -> Tensor:
    if not draw.options.blur:
        return x
    sigmas = [(u + 1) / 2 * draw.options.blur for (u,) in draw.uniform("blur")]
    return draw.where("blur", draw.options.probability, _gaussian(x, sigmas, draw), x)


def _sharpen(x: Tensor, draw: _Draw) -> Tensor:
    if not draw.options.sharpen:
        return x
    amount = draw.per_sample([(u + 1) / 2 * draw.options.sharpen for (u,) in draw.uniform("sharpen")])
    sharp = x + amount * (x - _gaussian(x, [1.0] * len(x), draw))
    return draw.where("sharpen", draw.options.probability, sharp, x)


def _gamma(x: Tensor, draw: _Draw) -> Tensor:
    if not draw.options.gamma:
        return x
    exponents = [(1 + draw.options.gamma) ** u for (u,) in draw.uniform("gamma")]
    # Sample by sample: a vectorised power may end in other bits where another sample stands beside it.
    changed = torch.stack([image.clamp_min(0) ** e for image, e in zip(x, exponents, strict=True)])
    return draw.where("gamma", draw.options.probability, changed, x)


def _contrast(x: Tensor, draw: _Draw) -> Tensor:
    if not draw.options.contrast:
        return x
    factor = draw.per_sample([1 + u * draw.options.contrast for (u,) in draw.uniform("contrast")])
    mean = torch.stack([image.mean() for image in x])[:, None, None, None]
    return draw.where("contrast", draw.options.probability, (x - mean) * factor + mean, x)


def _exposure(x: Tensor, draw: _Draw) -> Tensor:
    if not draw.options.exposure:
        return x
    offset = draw.per_sample([u * draw.options.exposure for (u,) in draw.uniform("exposure")])
    return draw.where("exposure", draw.options.probability, x + offset, x)


def _polarity(x: Tensor, draw: _Draw) -> Tensor:
    return draw.where("polarity", draw.options.polarity, 1 - x, x) if draw.options.polarity else x


def _noise(x: Tensor, draw: _Draw) -> Tensor:
    least, most = draw.options.noise
    if not most:
        return x
    sigma = draw.per_sample([least + (u + 1) / 2 * (most - least) for (u,) in draw.uniform("noise")])
    sources = draw.generators("noise field", str(x.device))
    white = torch.stack([torch.randn(x.shape[1:], generator=g, device=x.device) for g in sources])
    return x + sigma * white


def _occlude(x: Tensor, draw: _Draw) -> Tensor:
    if not draw.options.occlusion:
        return x
    boxes = [[(v + 1) / 2 for v in u] for u in draw.uniform("occlusion", 5)]
    size = draw.options.occlusion_size

    def between(which: int, rows: Tensor) -> Tensor:
        lengths = [size * box[which + 2] for box in boxes]
        starts = [box[which] * (1 - length) for box, length in zip(boxes, lengths, strict=True)]
        ends = [start + length for start, length in zip(starts, lengths, strict=True)]
        return (rows >= draw.per_sample(starts)) & (rows < draw.per_sample(ends))

    y, x_axis = _axes(x)
    inside = between(0, y) & between(1, x_axis)
    changed = torch.where(inside, draw.per_sample([box[4] for box in boxes]), x)
    return draw.where("occlusion", draw.options.occlusion, changed, x)


def _collimate(x: Tensor, draw: _Draw) -> Tensor:
    if not draw.options.collimation:
        return x
    frames = [[(v + 1) / 2 for v in u] for u in draw.uniform("collimation", 5)]
    width = draw.options.collimation_width
    top, bottom, left, right = (draw.per_sample([width * f[i] for f in frames]) for i in range(4))
    y, x_axis = _axes(x)
    outside = (y < top) | (y >= 1 - bottom) | (x_axis < left) | (x_axis >= 1 - right)
    # Unexposed film or pixels that a viewer blanked: both polarities are in use.
    changed = torch.where(outside, draw.per_sample([round(f[4]) for f in frames]), x)
    return draw.where("collimation", draw.options.collimation, changed, x)


def _quantise(x: Tensor, draw: _Draw) -> Tensor:
    if not draw.options.quantise:
        return x
    return draw.where("quantise", draw.options.quantise, (x * 255).round() / 255, x)


def _axes(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the middles of the pixels down and across, in shares of the image."""
    height, width = x.shape[2:]
    y = (torch.arange(height, device=x.device) + 0.5) / height
    return y[None, None, :, None], ((torch.arange(width, device=x.device) + 0.5) / width)[None, None, None, :]


def _gaussian(x: Tensor, sigmas: Sequence[float], draw: _Draw) -> Tensor:
    radius = max(1, math.ceil(3 * max(draw.options.blur, 1.0)))
    kernels = [_kernel(sigma, radius) for sigma in sigmas]

    def along(image: Tensor, rows: bool) -> Tensor:
        pad = (0, 0, radius, radius) if rows else (radius, radius, 0, 0)
        padded, axis = functional.pad(image, pad, mode="replicate"), 2 if rows else 3
        # A sum of shifted images: its bits, unlike a convolution's, never depend on the batch.
        out = torch.zeros_like(image)
        for k in range(2 * radius + 1):
            weight = draw.per_sample([kernel[k] for kernel in kernels])
            out = out + weight * padded.narrow(axis, k, image.shape[axis])
        return out

    return along(along(x, rows=True), rows=False)


def _kernel(sigma: float, radius: int) -> list[float]:
    variance = max(sigma, 1e-3) ** 2
    weights = [math.exp(-((k - radius) ** 2) / (2 * variance)) for k in range(2 * radius + 1)]
    total = sum(weights)
    return [w / total for w in weights]
