"""Draws: random numbers that belong to a sample, whatever batch it comes in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor


def generators(seed: int, epoch: int, indices: Sequence[int], what: str, device: str = "cpu") -> list[torch.Generator]:
    """Return a generator per sample, set from the seed, the epoch, the sample's place and the purpose alone.

    So the order of samples, the size of a batch and the number of processes never change a sample's draws; and a
    new kind of draw never shifts another's.
    """
    found = []
    for index in indices:
        digest = hashlib.sha256(f"{seed}:{epoch}:{index}:{what}".encode()).digest()
        found.append(torch.Generator(device).manual_seed(int.from_bytes(digest[:8], "big") >> 1))
    return found


def uniform(sources: Sequence[torch.Generator], *shape: int) -> Tensor:
    """Draw from [-1,1) for each sample: float32 ``[B,*shape]`` on the processor."""
    return torch.stack([torch.rand(shape, generator=g) for g in sources]) * 2 - 1


def chance(sources: Sequence[torch.Generator], probability: float) -> Tensor:
    """Draw yes or no for each sample: bool ``[B]`` on the processor; never yes at 0, always at 1."""
    return torch.stack([torch.rand((), generator=g) for g in sources]) < probability


def epoch_order(seed: int, epoch: int, n: int) -> list[int]:
    """Return the order in which an epoch goes through ``n`` samples."""
    (generator,) = generators(seed, epoch, [0], "order")
    return torch.randperm(n, generator=generator).tolist()
