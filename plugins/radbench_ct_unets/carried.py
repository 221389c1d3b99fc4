"""A part of a radiograph, learnt where it is coarse and carried over from the radiograph where it is fine."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from radbench.learn.batch import Batch, resized
from radbench.learn.losses import Loss, l1
from radbench.learn.unet import UNet

_FINE_STD = 0.5
"""Fine structure is scaled as a small radiograph is whose area has this standard deviation [assumed: the lungs']."""
_LEAST_STD = 0.02
"""A flatter lung is taken to vary by so much, so that its noise does not count as structure."""


@dataclass(frozen=True)
class Seen:
    """What :class:`Carried` is given of radiographs.

    Attributes:
        pictures: float32 ``[B,2,S,S]``, small: the radiograph as it is shown to a network, and how much fine structure
            there is where.
        fine: float32 ``[B,1,H,W]``: the radiograph without what a small one shows, scaled so that the small one's
            standard deviation inside the area is 0.5.
        area: float32 ``[B,1,S,S]`` in [0,1]: where the fine structure belongs to.
    """

    pictures: Tensor
    fine: Tensor
    area: Tensor


class Carried(nn.Module):
    """A picture of one part of the radiograph: ``base + gain x fine`` [assumed].

    A small network gives ``base``, the part without its fine structure, and ``gain``, how much of the radiograph's
    fine structure belongs to the part. At whatever size, an edge or a vessel stays as sharp as it came.

    Args:
        network: two channels in, two out, linear.
        one_gain: one gain for all of an area; else one for each of the network's pixels.
    """

    def __init__(self, network: UNet, one_gain: bool) -> None:
        super().__init__()
        self.network = network
        self.one_gain = one_gain
        self.config = (network.config, one_gain)  # what tells one training's checkpoint from another's

    def coarse(self, seen: Seen) -> tuple[Tensor, Tensor]:
        """Return base and gain, ``[B,1,S,S]``."""
        found = self.network(seen.pictures).float()
        base, gain = found[:, :1].tanh(), functional.softplus(found[:, 1:] - 1)
        if self.one_gain:
            inside = seen.area.sum((1, 2, 3), keepdim=True).clamp_min(1.0)
            gain = (gain * seen.area).sum((1, 2, 3), keepdim=True) / inside
        return base, gain * seen.area

    def forward(self, seen: Seen) -> Tensor:
        """Return the part, ``[B,1,H,W]``, not held to [0,1]."""
        return composed(*self.coarse(seen), seen.fine)


def composed(base: Tensor, gain: Tensor, fine: Tensor) -> Tensor:
    """Return ``base + gain x fine`` at the size of what is fine."""
    size = (fine.shape[2], fine.shape[3])
    return enlarged(base, size) + enlarged(gain, size) * fine


def seen_of(shown: Tensor, radiographs: Tensor, area: Tensor, size: int, detail_size: int) -> Seen:
    """Prepare radiographs for :class:`Carried`.

    Args:
        shown: float32 ``[B,1,H,W]``, as a network is to see them, of any size.
        radiographs: float32 ``[B,1,H,W]``, whose fine structure is carried over at their own size.
        area: bool or fractions ``[B,1,H,W]``, of any size.
        size: S, side of what the network sees.
        detail_size: side at which it is told how much fine structure there is, a multiple of S.
    """
    area = resized(area.float(), (size, size))
    fine, sides = _fine(radiographs, area, size), (detail_size, detail_size)
    there = fine if tuple(fine.shape[2:]) == sides else _fine(resized(radiographs, sides), area, size)
    much = functional.avg_pool2d(there.abs(), detail_size // size)
    return Seen(torch.cat([resized(shown, (size, size)), 5 * much - 1], dim=1), fine, area)


def _fine(radiographs: Tensor, area: Tensor, size: int) -> Tensor:
    small = resized(radiographs, (size, size))
    inside = torch.where(area.sum((1, 2, 3), keepdim=True) > 0, area, torch.ones_like(area))
    count = inside.sum((1, 2, 3), keepdim=True)
    mean = (small * inside).sum((1, 2, 3), keepdim=True) / count
    std = (((small - mean).square() * inside).sum((1, 2, 3), keepdim=True) / count).sqrt().clamp_min(_LEAST_STD)
    height, width = radiographs.shape[2:]
    return (radiographs - enlarged(small, (height, width))) * (_FINE_STD / std)


def enlarged(small: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize ``[B,C,S,S]`` without corners in it (bicubic); the gradients are the same every time on a card, too."""
    rows, columns = (_bicubic(small.shape[2], n, small.device) for n in size)
    return rows @ small @ columns.T


def _bicubic(before: int, after: int, device: torch.device) -> Tensor:
    """Return the weights of so many pixels in so many others, ``[after,before]``."""
    # The kernel of antialiasing, unlike the other, gives a plane back as it was.
    one = torch.eye(before)[None, None]
    return functional.interpolate(one, size=(after, before), mode="bicubic", antialias=True)[0, 0].to(device)


@dataclass(frozen=True)
class OnSeen:
    """A loss of :class:`Carried`, and L1 of what is finer than the network's pixels.

    Attributes:
        loss: of the whole picture.
        target: the target's name in the batch.
        size: side of what the network sees; it divides the pictures' side.
        fine_weight: of the second.
    """

    loss: Loss
    target: str
    size: int
    fine_weight: float

    def __call__(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the loss of each lesson, ``[B]``; the batch holds what :func:`with_seen` puts there."""
        found = network(Seen(batch["pictures"], batch["fine"], batch["inside"]))
        wrong = found.float() - batch.truth(self.target)
        coarse = enlarged(functional.avg_pool2d(wrong, wrong.shape[2] // self.size), (wrong.shape[2], wrong.shape[3]))
        return self.loss(lambda _: found, batch) + self.fine_weight * l1(wrong, coarse)


def with_seen(batch: Batch, seen: Seen) -> Batch:
    """Put what :class:`Carried` is given into a batch, for :class:`OnSeen`."""
    return batch.with_(pictures=seen.pictures, fine=seen.fine, inside=seen.area)
