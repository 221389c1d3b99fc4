"""The networks: DnCNN, the generators after SRResNet, and their discriminator."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

N = TypeVar("N", bound=nn.Module)

_MARGIN = 16
"""Pixels by which images are continued at their edges."""


def seeded(seed: int, build: Callable[[], N]) -> N:
    """Build a network with weights that follow from the seed alone; the random states stay as they are."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


@torch.no_grad()
def restored(network: nn.Module, images: Tensor) -> Tensor:
    """Return what a network makes of float32 ``[B,1,H,W]``, in [0,1].

    One by one: a convolution may round otherwise where another image stands beside it. Each image is continued beyond
    its edges, since the zeros that the convolutions would find there ring into it.
    """
    # Twice as fast on a processor; and one layout for all, as another may round otherwise.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    margin = (_MARGIN,) * 4
    wider = (functional.pad(image[None], margin, mode="replicate") for image in images)
    made = [network(image)[..., _MARGIN:-_MARGIN, _MARGIN:-_MARGIN] for image in wider]
    return torch.cat(made).clamp(0.0, 1.0)


class DnCnn(nn.Module):
    """DnCNN of Zhang et al. 2017 (section III): it finds the noise, which is taken away.

    Args:
        layers: convolutions in all; 20 is DnCNN-B, 17 DnCNN-S.
        filters: of all but the last.
    """

    def __init__(self, layers: int = 20, filters: int = 64) -> None:
        super().__init__()
        parts: list[nn.Module] = [nn.Conv2d(1, filters, 3, padding=1), nn.ReLU()]
        for _ in range(layers - 2):
            # The batch norm has a bias of its own.
            parts += [nn.Conv2d(filters, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters), nn.ReLU()]
        self.noise = nn.Sequential(*parts, nn.Conv2d(filters, 1, 3, padding=1))
        for module in self.noise:
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        # Before it has learnt anything, it finds no noise.
        nn.init.zeros_(self.noise[-1].weight)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> Tensor:
        """Denoise ``[B,1,H,W]``."""
        return images - self.noise(images)


class Residual(nn.Module):
    """A block of SRResNet: two 3x3 convolutions, each with batch norm, a PReLU between, added to what came in."""

    def __init__(self, filters: int, momentum: float = 0.1) -> None:
        super().__init__()
        self.inner = nn.Sequential(
            nn.Conv2d(filters, filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(filters, momentum=momentum),
            nn.PReLU(filters),
            nn.Conv2d(filters, filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(filters, momentum=momentum),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[B,C,H,W]``."""
        return x + self.inner(x)


class Generator(nn.Module):
    """G of Tang et al. 2018 (section 2.1): SRResNet without its sub-pixel layers, for images of any size.

    Args:
        blocks: residual ones; 9 in G1, 16 in G2.
        filters: of every convolution but the last.
        skip: add the image itself to the result, so that an untrained network changes nothing.
        momentum: of the running means of batch norm, a batch's share.
    """

    def __init__(self, blocks: int, filters: int = 64, skip: bool = False, momentum: float = 0.1) -> None:
        super().__init__()
        self.skip = skip
        self.head = nn.Sequential(nn.Conv2d(1, filters, 9, padding=4), nn.PReLU(filters))
        self.blocks = nn.Sequential(
            *(Residual(filters, momentum) for _ in range(blocks)),
            nn.Conv2d(filters, filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(filters, momentum=momentum),
        )
        self.tail = nn.Conv2d(filters, 1, 9, padding=4)
        if skip:
            nn.init.zeros_(self.tail.weight)
            nn.init.zeros_(self.tail.bias)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> Tensor:
        """Restore ``[B,1,H,W]``."""
        shallow = self.head(images)
        made = self.tail(shallow + self.blocks(shallow))
        return images + made if self.skip else made


class Discriminator(nn.Module):
    """D of Tang et al. 2018: SRGAN's, for patches of one size. It gives the logit of "a clean image".

    It counts for how long it has seen nothing to learn from; the counts are part of its state, so that a training that
    goes on after a kill counts on.

    Args:
        side: of the patches, in pixels.
        filters: of the first convolution; the eighth has eight times as many.
        dense: units of the first dense layer.
    """

    def __init__(self, side: int, filters: int = 64, dense: int = 1024) -> None:
        super().__init__()
        widths = [filters * k for k in (1, 1, 2, 2, 4, 4, 8, 8)]
        parts: list[nn.Module] = [nn.Conv2d(1, filters, 3, padding=1), nn.LeakyReLU(0.2)]
        for i, (before, width) in enumerate(itertools.pairwise(widths), 1):
            stride = 1 + i % 2
            parts += [
                nn.Conv2d(before, width, 3, stride, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.LeakyReLU(0.2),
            ]
        self.features = nn.Sequential(*parts)
        least = math.ceil(side / 16)
        self.decision = nn.Sequential(
            nn.Flatten(), nn.Linear(widths[-1] * least**2, dense), nn.LeakyReLU(0.2), nn.Linear(dense, 1)
        )
        self.won: Tensor
        self.even: Tensor
        for name in ("won", "even"):
            self.register_buffer(name, torch.zeros((), dtype=torch.int64))
        self.turns = 0

    def forward(self, images: Tensor) -> Tensor:
        """Judge ``[B,1,S,S]``: logits ``[B]``, high for clean images."""
        return self.decision(self.features(images))[:, 0]
