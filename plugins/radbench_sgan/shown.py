"""What the networks are shown in training: noise, degradation, or both, put on what is clean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from radbench.learn.augment import Prepare
from radbench.learn.batch import Batch
from radbench.learn.draws import Draws
from radbench_sgan.degradation import BLUR, KAPPA, SCALE, Degraded, Noisy

Bounds = tuple[float, float]


@dataclass(frozen=True)
class Shown:
    """Prepare a batch: what is ``clean``, and ``image``, what the network sees of it.

    Attributes:
        steps: what is done to the images, in order.
    """

    steps: tuple[Prepare, ...]

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """Return the batch with both, float32 ``[B,1,S,S]``."""
        for step in self.steps:
            batch = step(batch, draws)
        return batch


@dataclass(frozen=True)
class Restored:
    """A step that shows what a trained network makes of the images.

    Attributes:
        network: float32 ``[B,1,S,S]`` to the same.
    """

    network: Callable[[Tensor], Tensor]

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """Return the batch with other images."""
        with torch.no_grad():
            return batch.with_(image=self.network(batch["image"]))


def with_noise(sigma: Bounds) -> Shown:
    """Return what puts noise of a deviation (of 255) between two bounds on clean images."""
    return Shown((Noisy(sigma),))


def made_worse(scale: Bounds = SCALE, blur: Bounds = BLUR, kappa: Bounds = KAPPA, sigma: Bounds | None = None) -> Shown:
    """Return what takes sharpness and contrast from clean images, and then, unless None, adds noise.

    The noise comes last, as a scanner's comes after its blur.
    """
    degraded = Degraded(scale, blur, kappa)
    return Shown((degraded,) if sigma is None else (degraded, Noisy(sigma, clean="image")))
