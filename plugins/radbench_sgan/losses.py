"""The losses of the GANs (Tang et al. 2018, equations 1-3), and the watch over their balance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from radbench.learn.batch import Batch
from radbench.learn.options import TrainingError
from radbench_sgan.networks import Discriminator
from radbench_sgan.vgg import Vgg16

Nets = Mapping[str, nn.Module]

CHANCE = 2 * math.log(2)
"""The discriminator's loss where it cannot tell made from clean images: -2 log(1/2)."""

_WON, _EVEN = 1e-3, 5e-3
"""The discriminator has won where its loss is less than the first; it is at chance within the second of 2 log 2."""

_LOOK_EVERY = 50


def squared_error(made: Tensor, clean: Tensor) -> Tensor:
    """Mean squared error of each image ``[B,C,H,W]``: float32 ``[B]``."""
    return (made.float() - clean.float()).square().flatten(1).mean(1)


def feature_error(made: Tensor, clean: Tensor, network: Vgg16) -> Tensor:
    """Mean squared differences of the loss network's activations, added over its blocks: float32 ``[B]``."""
    with torch.no_grad():
        wanted = network(clean)
    pairs = zip(network(made), wanted, strict=True)
    return torch.stack([squared_error(a, b) for a, b in pairs]).sum(0)


@dataclass(frozen=True)
class GeneratorLoss:
    """Equation 1: squared error, plus so much of the loss network's, plus so much of -log D(G(x)).

    Attributes:
        adversarial: weight of equation 2.
        perceptual: weight of the feature error; 0 asks for no network.
        network: the loss network, on the device of the training.
    """

    adversarial: float
    perceptual: float
    network: Vgg16 | None = field(default=None, repr=False)

    def __call__(self, nets: Nets, batch: Batch) -> Tensor:
        """Return the loss of each lesson, ``[B]``."""
        made, clean = nets["G"](batch["image"]), batch["clean"]
        loss = squared_error(made, clean)
        if self.network is not None and self.perceptual:
            loss = loss + self.perceptual * feature_error(made, clean, self.network)
        if self.adversarial:
            # -log sigmoid(z) = softplus(-z), which loses nothing where the sigmoid is 0 or 1.
            loss = loss + self.adversarial * functional.softplus(-nets["D"](made).float())
        return loss


@dataclass(frozen=True)
class DiscriminatorLoss:
    """Equation 3: -log D(y) - log(1 - D(G(x))).

    Attributes:
        name: of the training, for people.
        watched: for how many turns on end there may be nothing to learn before the training ends; 0 never ends it.
    """

    name: str
    watched: int = 0

    def __call__(self, nets: Nets, batch: Batch) -> Tensor:
        """Return the loss of each lesson, ``[B]``.

        Raises:
            TrainingError: the discriminator has won, or is at chance, for as long as is watched.
        """
        judge = nets["D"]
        with torch.no_grad():
            made = nets["G"](batch["image"])
        loss = functional.softplus(-judge(batch["clean"]).float()) + functional.softplus(judge(made).float())
        if self.watched and judge.training:
            assert isinstance(judge, Discriminator)
            self.watch(judge, loss.detach().mean())
        return loss

    def watch(self, judge: Discriminator, mean: Tensor) -> None:
        """Count for how many turns on end the mean loss of a batch left nothing to learn.

        Raises:
            TrainingError: as a call.
        """
        judge.won.add_(1).mul_(mean < _WON)
        judge.even.add_(1).mul_((mean - CHANCE).abs() < _EVEN)
        judge.turns += 1
        # A card would wait for the processor at every look.
        if mean.device.type == "cpu" or judge.turns % _LOOK_EVERY == 0:
            self.check(judge)

    def check(self, judge: Discriminator) -> None:
        """Raise where there has been nothing to learn for too long.

        Raises:
            TrainingError: as a call.
        """
        if not self.watched:
            return
        if int(judge.won) >= self.watched:
            raise TrainingError(
                f"{self.name}: the discriminator has won: for {int(judge.won)} steps its loss stayed below {_WON:g}, "
                "so that the generator learns nothing from it; lower discriminator_rate or discriminator_filters, or "
                "set adversarial_weight=0 to train without it (watched_steps=0 goes on regardless)"
            )
        if int(judge.even) >= self.watched:
            raise TrainingError(
                f"{self.name}: the discriminator is at chance: for {int(judge.even)} steps its loss stayed within "
                f"{_EVEN:g} of 2 log 2, so that it tells the generator nothing; raise discriminator_rate or "
                "discriminator_filters, or set adversarial_weight=0 to train without it (watched_steps=0 goes on "
                "regardless)"
            )
