"""Draws: random numbers that belong to a lesson, whatever batch it comes in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

VALIDATION = -1
"""The epoch whose draws every validation has."""


@dataclass(frozen=True)
class Draws:
    """The random numbers of one batch: by seed, epoch, place and purpose alone.

    So the order of lessons, the size of a batch and the number of processes never change a lesson's draws; and a new
    kind of draw never shifts another's.

    Attributes:
        seed: of the training.
        epoch: counted from 0; in validation always :data:`VALIDATION`.
        places: of the lessons in their set.
        training: whether the batch is learnt from; else it validates.
        device: where the batch lies.
    """

    seed: int
    epoch: int
    places: tuple[int, ...]
    training: bool = True
    device: str | torch.device = "cpu"

    def generators(self, what: str, device: str | torch.device = "cpu") -> list[torch.Generator]:
        """Return a generator per lesson for a purpose; another kind of device draws other numbers."""
        return generators(self.seed, self.epoch, self.places, what, str(device))

    def uniform(self, what: str, *shape: int) -> Tensor:
        """Draw from [-1,1) for each lesson: float32 ``[B,*shape]`` on the batch's device, the same on every one."""
        return uniform(self.generators(what), *shape).to(self.device)

    def chance(self, what: str, probability: float) -> Tensor:
        """Draw yes or no for each lesson: bool ``[B]`` on the batch's device; never yes at 0, always at 1."""
        return chance(self.generators(what), probability).to(self.device)

    def apart(self, n: int) -> Draws:
        """Return another stream, so that a second use of one transformation does not repeat the first."""
        return replace(self, seed=self.seed + n)


def generators(seed: int, epoch: int, indices: Sequence[int], what: str, device: str = "cpu") -> list[torch.Generator]:
    """Return a generator per lesson, set from the seed, the epoch, the lesson's place and the purpose alone."""
    found = []
    for index in indices:
        digest = hashlib.sha256(f"{seed}:{epoch}:{index}:{what}".encode()).digest()
        found.append(torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big") >> 1))
    return found


def uniform(sources: Sequence[torch.Generator], *shape: int) -> Tensor:
    """Draw from [-1,1) for each lesson: float32 ``[B,*shape]`` on the processor."""
    return torch.stack([torch.rand(shape, generator=g) for g in sources]) * 2 - 1


def chance(sources: Sequence[torch.Generator], probability: float) -> Tensor:
    """Draw yes or no for each lesson: bool ``[B]`` on the processor; never yes at 0, always at 1."""
    return torch.stack([torch.rand((), generator=g) for g in sources]) < probability


def epoch_order(seed: int, epoch: int, n: int) -> list[int]:
    """Return the order in which an epoch goes through ``n`` lessons."""
    (generator,) = generators(seed, epoch, [0], "order")
    return torch.randperm(n, generator=generator).tolist()
