"""The 3-D networks: 3DPN's U-Net of Table 3, and the same decoder on 2-D features spread in depth (X2CT)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

N = TypeVar("N", bound=nn.Module)

_BONE_FIRST, _TISSUE_FIRST, _MASK_FIRST = 0.30, 0.15, 0.05
"""What an untrained network gives about everywhere: 500 HU of bone, -250 HU of tissue, bone in a twentieth of it."""


def seeded(seed: int, build: Callable[[], N]) -> N:
    """Build a network with weights that follow from the seed alone; the random states stay as they are."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


@dataclass(frozen=True)
class Shape:
    """How large a 3-D network is.

    Attributes:
        first: channels of the first convolution; they double from level to level.
        most: channels at the most.
        levels: how often the resolution is halved.
        outputs: channels that it gives.
        spectral: whether the convolutions are normalised by their greatest singular value.
    """

    first: int
    most: int
    levels: int
    outputs: int = 3
    spectral: bool = False

    @property
    def channels(self) -> tuple[int, ...]:
        """Of each level."""
        return tuple(min(self.first * 2**i, self.most) for i in range(self.levels))


class Decoder(nn.Module):
    """The way up of Table 3: trilinear interpolation, then a 3x3x3 convolution on what came up and what came across.

    The last convolution is on the finest features of all levels but the input itself, as in the table.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        widths = shape.channels
        steps: list[nn.Module] = []
        came = widths[-1]
        for width in reversed(widths[:-1]):
            steps.append(nn.Sequential(_conv3d(came, width, shape.spectral), nn.BatchNorm3d(width)))
            came = 2 * width
        self.steps = nn.ModuleList(steps)
        self.last = _conv3d(came, shape.outputs, shape.spectral)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Return ``[B,outputs,n,n,n]`` of features ``[B,C,n/2,..]``, ``[B,C,n/4,..]``, ...: before the activation."""
        came = features[-1]
        for step, across in zip(self.steps, reversed(features[:-1]), strict=True):
            # The rectifier comes after the concatenation, as in the released code.
            came = functional.relu(torch.cat([step(_twice(came)), across], dim=1))
        return self.last(_twice(came))


class VolumeUNet(nn.Module):
    """3DPN's network (supplement, Table 3): from a backprojected radiograph to a volume.

    ``forward`` takes ``[B,1,n,n,n]`` and gives ``[B,outputs,n,n,n]`` in [0,1] (tanh * 0.5 + 0.5).
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.config = shape
        came, down = 1, []
        for level, width in enumerate(shape.channels):
            convolution = _conv3d(came, width, shape.spectral, stride=2)
            down.append(nn.Sequential(convolution, nn.BatchNorm3d(width)) if level else convolution)
            came = width
        self.down = nn.ModuleList(down)
        self.up = Decoder(shape)
        _begin(self.up, shape.outputs)

    def forward(self, volumes: Tensor) -> Tensor:
        """Estimate what a radiograph was taken of."""
        features, came = [], volumes
        for step in self.down:
            came = functional.leaky_relu(step(came), 0.2)
            features.append(came)
        return _unit(self.up(features))


class SpreadUNet(nn.Module):
    """X2CT's way into 3-D: features of the radiograph, each copied along the third axis, on Table 3's way up.

    Ying et al. 2019 as XraySyn's ablation has it: no geometry but that of a frontal view with parallel rays. The way
    down is Table 3's in two dimensions, so that the two differ in nothing else.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.config = ("spread", shape)
        came, down = 1, []
        for level, width in enumerate(shape.channels):
            convolution = nn.Conv2d(came, width, 3, stride=2, padding=1)
            down.append(nn.Sequential(convolution, nn.BatchNorm2d(width)) if level else convolution)
            came = width
        self.down = nn.ModuleList(down)
        self.up = Decoder(shape)
        _begin(self.up, shape.outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Estimate ``[B,outputs,n,n,n]`` from radiographs ``[B,1,n,n]``."""
        features, came = [], images
        for step in self.down:
            came = functional.leaky_relu(step(came), 0.2)
            # Rows run from superior, planes from inferior; the rays run along y.
            features.append(came.flip(2)[:, :, :, None, :].expand(-1, -1, -1, came.shape[3], -1))
        return _unit(self.up(features))


def _conv3d(inputs: int, outputs: int, spectral: bool, stride: int = 1) -> nn.Module:
    convolution = nn.Conv3d(inputs, outputs, 3, stride=stride, padding=1)
    return spectral_norm(convolution) if spectral else convolution


def _begin(up: Decoder, outputs: int) -> None:
    """Let the network begin near what a chest is like, not at 1500 HU and half of it bone [assumed]."""
    first = (_MASK_FIRST, _BONE_FIRST, _TISSUE_FIRST) if outputs == 3 else (_TISSUE_FIRST,) * outputs
    with torch.no_grad():
        bias = up.last.bias
        assert isinstance(bias, Tensor)
        bias.copy_(torch.atanh(torch.tensor(first) * 2 - 1))


def _twice(volumes: Tensor) -> Tensor:
    return functional.interpolate(volumes, scale_factor=2.0, mode="trilinear", align_corners=False)


def _unit(raw: Tensor) -> Tensor:
    # In single precision: a short type has 1/256 between 0.5 and 1, which would be 20 HU.
    return torch.tanh(raw.float()) * 0.5 + 0.5
