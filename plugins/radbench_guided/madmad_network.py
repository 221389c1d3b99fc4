"""madmad's network and loss: a U-Net with added skips and three heads, and MS-SSIM over three scales."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from radbench.learn.batch import Batch

# [code of Madmad et al. 2021]
WINDOW, SIGMA = 5, 1.5 * 5 / 11
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001)
_C1, _C2 = 0.01**2, 0.03**2
_LEAST = 1e-4
"""[assumed] Below, a factor's power would have a gradient without bound."""


class Parts(NamedTuple):
    """What an image is made of, float32 ``[B,1,H,W]`` each: ``large`` + ``bright`` - ``dark``."""

    large: Tensor
    bright: Tensor
    dark: Tensor

    @property
    def whole(self) -> Tensor:
        """All of them together."""
        return self.large + self.bright - self.dark


class MadmadUnet(nn.Module):
    """The decomposition network.

    Each level of the encoder is two 3x3 convolutions with batch norm and ReLU, and max pooling; the bottleneck two 1x1
    convolutions to twice the channels; each level of the decoder interpolates to the nearest, convolves, adds the
    encoder's features, and has two convolutions as the encoder does. The released code runs one network of these
    weights twice on the same image, for the large-scale part and for the details; what it gives is the same both
    times, so here it runs once, under all three heads, 1x1 convolutions without activation.

    Args:
        levels: of the encoder.
        first_filters: channels of the first.
    """

    def __init__(self, levels: int, first_filters: int) -> None:
        super().__init__()
        filters = [first_filters * 2**k for k in range(levels)]
        self.encoder = nn.ModuleList(_block(filters[k - 1] if k else 1, filters[k], 3) for k in range(levels))
        self.bottleneck = _block(filters[-1], 2 * filters[-1], 1)
        self.up = nn.ModuleList(nn.Conv2d(2 * n, n, 3, padding=1) for n in filters)
        self.decoder = nn.ModuleList(_block(n, n, 3) for n in filters)
        self.heads = nn.Conv2d(filters[0], 3, 1)

    def forward(self, images: Tensor) -> Parts:
        """Return the parts of float32 ``[B,1,H,W]`` in [0,1]; any size, continued at its edges to what is needed."""
        height, width = images.shape[-2:]
        below, right = (-size % 2 ** len(self.encoder) for size in (height, width))
        x = functional.pad(images, (0, right, 0, below), mode="replicate") if below or right else images
        skips = []
        for level in self.encoder:
            x = level(x)
            skips.append(x)
            x = functional.max_pool2d(x, 2)
        x = self.bottleneck(x)
        for k in reversed(range(len(self.decoder))):
            x = self.decoder[k](self.up[k](functional.interpolate(x, scale_factor=2, mode="nearest")) + skips[k])
        large, bright, dark = self.heads(x).float()[..., :height, :width].split(1, dim=1)
        return Parts(large, bright, dark)


def _block(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        # The batch norm has a bias of its own.
        layers.append(nn.Conv2d(channels, outputs, kernel, padding=kernel // 2, bias=False))
        layers += [nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def ms_ssim_padded(a: Tensor, b: Tensor) -> Tensor:
    """MS-SSIM as Madmad et al.'s code has it: windows of 5 pixels, zeros beyond the edges, three scales.

    Wang, Simoncelli, Bovik 2003 with the first three of its weights; K1 = 0.01, K2 = 0.03, a data range of 1, 2x2 means
    between the scales. Not :func:`radbench.metrics.ms_ssim`, whose windows lie within the image: this one takes small
    ones, too.

    Args:
        a, b: float32 ``[B,1,H,W]``, of 4 pixels or more along each side.

    Returns:
        float32 ``[B]``, at most 1; factors below 0.0001 count as that.
    """
    factors = []
    for scale in range(len(SCALE_WEIGHTS)):
        if scale:
            a, b = functional.avg_pool2d(a, 2), functional.avg_pool2d(b, 2)
        mean_a, mean_b = _windows(a), _windows(b)
        variances = _windows(a * a) - mean_a.square() + _windows(b * b) - mean_b.square()
        contrast = (2 * (_windows(a * b) - mean_a * mean_b) + _C2) / (variances + _C2)
        brightness = (2 * mean_a * mean_b + _C1) / (mean_a.square() + mean_b.square() + _C1)
        last = scale == len(SCALE_WEIGHTS) - 1
        factors.append((contrast * brightness if last else contrast).flatten(1).mean(1))
    score = torch.ones_like(factors[0])
    for factor, weight in zip(factors, SCALE_WEIGHTS, strict=True):
        score = score * factor.clamp_min(_LEAST) ** weight
    return score


def _windows(planes: Tensor) -> Tensor:
    at = torch.arange(WINDOW, dtype=planes.dtype, device=planes.device) - WINDOW // 2
    taps = torch.exp(-at.square() / (2 * SIGMA**2))
    taps = taps / taps.sum()
    across = functional.conv2d(planes, taps.reshape(1, 1, 1, -1), padding=(0, WINDOW // 2))
    return functional.conv2d(across, taps.reshape(1, 1, -1, 1), padding=(WINDOW // 2, 0))


def loss_terms(found: Parts, batch: Batch) -> dict[str, Tensor]:
    """Return 1 - MS-SSIM of each part and of the whole to what was painted, each ``[B]``.

    Details are compared as the code has them, dark on white: 1 less the details.

    Args:
        found: of ``batch["image"]``.
        batch: fractions.
    """
    return {
        "bright": 1 - ms_ssim_padded(1 - found.bright, 1 - batch["bright"]),
        "dark": 1 - ms_ssim_padded(1 - found.dark, 1 - batch["dark"]),
        "large": 1 - ms_ssim_padded(found.large, batch["large"]),
        "whole": 1 - ms_ssim_padded(found.whole, batch["image"]),
    }


def decomposition_loss(network: nn.Module, batch: Batch) -> Tensor:
    """Return a fifth of both detail parts' terms, twice the large-scale part's, and the whole's, ``[B]``."""
    terms = loss_terms(network(batch["image"]), batch)
    return (terms["bright"] + terms["dark"] + 2 * terms["large"] + terms["whole"]) / 5
