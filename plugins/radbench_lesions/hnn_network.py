"""The holistically nested network of Xie & Tu 2015: VGG-16's body, five side outputs, their fusion, and its loss."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from radbench.learn.batch import as_unit

if TYPE_CHECKING:
    from radbench.learn.batch import Batch

STAGES = ((2, 1), (2, 2), (3, 4), (3, 8), (3, 8))
"""VGG-16's five stages: 3x3 convolutions, and their filters in filters of the first stage."""

OUTPUTS = len(STAGES) + 1
"""The side outputs, from the finest to the coarsest, and last their fusion."""

BODY_RATES = (1.0, 1.0, 1.0, 1.0, 100.0)
SIDE_RATE, FUSION_RATE = 0.01, 0.001
"""HED's factors on the learning rate of each stage, of the side outputs and of the fusion; a bias has twice as much."""

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class HolisticallyNested(nn.Module):
    """VGG-16 without its last pooling and dense layers, one 1x1 convolution after each stage, and their fusion.

    The side outputs are brought to the input's size by fixed bilinear interpolation and cropped to what lies under the
    input, whose border the first convolution widens by ``padding``. The body is initialised as He et al. do, the side
    outputs at 0 and the fusion at 1/5 each, all biases at 0.

    Args:
        width: filters of the first stage; VGG-16 has 64.
        padding: zeros round the input, in pixels; from 9 on, every pixel lies between two cells of the coarsest stage.
        seed: of the body's initial weights; they depend on nothing else.
    """

    def __init__(self, width: int = 64, padding: int = 35, seed: int = 0) -> None:
        super().__init__()
        self.mean: Tensor
        self.std: Tensor
        self.config = {"width": width, "padding": padding}
        self.padding = padding
        widths = [3, *(width * filters for _, filters in STAGES)]
        self.stages = nn.ModuleList(
            _stage(inputs, outputs, convolutions)
            for (inputs, outputs), (convolutions, _) in zip(pairwise(widths), STAGES, strict=True)
        )
        self.body[0].padding = (padding, padding)
        self.sides = nn.ModuleList(nn.Conv2d(outputs, 1, 1) for outputs in widths[1:])
        self.fusion = nn.Conv2d(len(STAGES), 1, 1)
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)
        for number in range(1, len(STAGES)):
            self.register_buffer(f"kernel{number}", bilinear_kernel(2**number), persistent=False)
        self._initialise(seed)

    @property
    def body(self) -> list[nn.Conv2d]:
        """VGG-16's thirteen convolutions, in order."""
        return [layer for stage in self.stages for layer in stage.children() if isinstance(layer, nn.Conv2d)]

    def forward(self, images: Tensor) -> Tensor:
        """Return logits.

        Args:
            images: float32 ``[B,3,H,W]`` or ``[B,1,H,W]`` in [0,1], of any size.

        Returns:
            ``[B,6,H,W]``: the side outputs, from the finest to the coarsest, and last their fusion.
        """
        height, width = images.shape[2:]
        features = (images.expand(-1, 3, -1, -1) - self.mean) / self.std
        seen = []
        for number, (stage, side) in enumerate(zip(self.stages, self.sides, strict=True)):
            if number:
                # As Caffe's: a last odd row makes a row of its own.
                features = functional.max_pool2d(features, 2, ceil_mode=True)
            features = stage(features)
            seen.append(self._full_size(side(features), number, height, width))
        sides = torch.cat(seen, dim=1)
        return torch.cat([sides, self.fusion(sides)], dim=1)

    def _full_size(self, scores: Tensor, number: int, height: int, width: int) -> Tensor:
        """Return a side output ``[B,1,H,W]`` at the input's size, pixel on pixel."""
        start = self.padding - 1
        if number:
            stride = 2**number
            scores = functional.conv_transpose2d(scores, self.get_buffer(f"kernel{number}"), stride=stride)
            start += stride // 2
        return scores[:, :, start : start + height, start : start + width]

    def _initialise(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for layer in self.body:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
        for side in self.sides:
            nn.init.zeros_(side.get_parameter("weight"))
        nn.init.constant_(self.fusion.weight, 1 / len(STAGES))
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)


def bilinear_kernel(stride: int) -> Tensor:
    """Return the kernel whose transposed convolution interpolates linearly, float32 ``[1,1,2 stride,2 stride]``."""
    along = 1 - (torch.arange(2 * stride) - (stride - 0.5)).abs() / stride
    return torch.outer(along, along)[None, None]


def hed_groups(network: HolisticallyNested) -> list[dict[str, Any]]:
    """Return the parameters in groups by HED's factors on the learning rate; biases do not decay."""
    rated: list[tuple[nn.Module, float]] = [*zip(network.stages, BODY_RATES, strict=True)]
    rated += [(side, SIDE_RATE) for side in network.sides]
    return [
        group for layer, rate in (*rated, (network.fusion, FUSION_RATE)) for group in _weights_and_biases(layer, rate)
    ]


def equal_groups(network: HolisticallyNested) -> list[dict[str, Any]]:
    """Return the parameters in groups of one learning rate; biases do not decay."""
    weights = [p for name, p in network.named_parameters() if not name.endswith("bias")]
    biases = [p for name, p in network.named_parameters() if name.endswith("bias")]
    return [{"params": weights}, {"params": biases, "weight_decay": 0.0}]


def balanced_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Class-balanced cross-entropy (HED Eq. 2), summed over pixels and over all outputs with equal weights (Eq. 4).

    A pixel inside counts by the image's share outside, and the reverse. A mask that is empty or full costs nothing.

    Args:
        logits: ``[B,K,H,W]``.
        mask: bool ``[B,1,H,W]``.

    Returns:
        float32 ``[B]``.
    """
    inside = mask.flatten(1).sum(dim=1)[:, None, None, None] / mask[0].numel()
    weight = torch.where(mask, 1 - inside, inside)
    entropy = functional.binary_cross_entropy_with_logits(
        logits.float(), mask.float().expand_as(logits), weight.expand_as(logits), reduction="none"
    )
    return entropy.flatten(1).sum(dim=1)


def hnn_loss(network: HolisticallyNested, batch: Batch) -> Tensor:
    """Return :func:`balanced_loss` of each lesson, ``[B]``, on "image" against "mask"."""
    return balanced_loss(network(as_unit(batch["image"])), batch.mask("mask"))


def _stage(inputs: int, outputs: int, convolutions: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for number in range(convolutions):
        layers += [nn.Conv2d(outputs if number else inputs, outputs, 3, padding=1), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def _weights_and_biases(layer: nn.Module, rate: float) -> list[dict[str, Any]]:
    named = [*layer.named_parameters()]
    weights = [p for name, p in named if not name.endswith("bias")]
    biases = [p for name, p in named if name.endswith("bias")]
    return [{"params": weights, "scale": rate}, {"params": biases, "scale": 2 * rate, "weight_decay": 0.0}]
