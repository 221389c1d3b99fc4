"""Losses: one value per lesson, so that a batch's mean is the same however the batch is cut up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from radbench.learn.batch import Batch

Loss = Callable[[Any, Batch], Tensor]
"""``(networks, batch) -> [B]``, one value per lesson. ``networks`` is the module that is trained; where several
are, the mapping of their names to them."""


def l1(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of each sample (bone-unet Eq. 4, as a mean).

    Args:
        prediction, target: ``[B,C,H,W]``.

    Returns:
        float32 ``[B]``.
    """
    return (prediction.float() - target.float()).abs().flatten(1).mean(dim=1)


def weighted_l1(prediction: Tensor, target: Tensor, mask: Tensor, weight: float) -> Tensor:
    """Nodule-weighted L1, lung-unet Eq. 5: mean of ``|prediction - target| (1 + weight mask)``.

    Args:
        prediction, target: ``[B,C,H,W]``.
        mask: bool ``[B,1,H,W]``, the nodules.
        weight: w_noduleLoss; 0 gives :func:`l1`, the paper has 30.

    Returns:
        float32 ``[B]``; the mean is over all pixels, as printed, not over the weights.
    """
    difference = (prediction.float() - target.float()).abs()
    return (difference * (1 + weight * mask.float())).flatten(1).mean(dim=1)


def weighted_bce(logits: Tensor, target: Tensor, positive_weight: float = 1.0) -> Tensor:
    """Weighted binary cross-entropy of each sample: mean of ``-(w t log p + (1 - t) log(1 - p))``.

    The lung paper (§2.2) does not say how it weighs; here what lies inside counts ``positive_weight`` times.

    Args:
        logits: ``[B,C,H,W]``, from before the sigmoid, where large ones lose nothing.
        target: ``[B,C,H,W]``, bool or in [0,1].
        positive_weight: above 1, misses cost more than false alarms.

    Returns:
        float32 ``[B]``.
    """
    weight = torch.tensor(positive_weight, device=logits.device)
    per_pixel = functional.binary_cross_entropy_with_logits(
        logits.float(), target.float(), pos_weight=weight, reduction="none"
    )
    return per_pixel.flatten(1).mean(dim=1)


def soft_dice(logits: Tensor, target: Tensor) -> Tensor:
    """One minus the Dice coefficient of the probabilities and the mask, each sample by itself.

    Args:
        logits: ``[B,1,H,W]``, from before the sigmoid.
        target: ``[B,1,H,W]``, bool or in [0,1].

    Returns:
        float32 ``[B]`` in [0,1]; an empty mask predicted empty costs nothing.
    """
    probability, truth = logits.float().sigmoid().flatten(1), target.float().flatten(1)
    # One pixel on both sides: an empty mask would divide by zero.
    overlap = 2 * (probability * truth).sum(dim=1) + 1
    return 1 - overlap / (probability.sum(dim=1) + truth.sum(dim=1) + 1)


def perceptual(prediction: Tensor, target: Tensor, features: nn.Module, squared: bool = False) -> Tensor:
    """Distance in a network's features, bone-unet Eq. 5: ``||phi(prediction) - phi(target)||_2``.

    Args:
        prediction, target: ``[B,1,H,W]`` on the scale that ``features`` expects.
        features: the loss network up to the layer to compare at, :func:`radbench.learn.vgg_features`.
        squared: the mean square instead of the root mean square that is proportional to the printed norm.

    Returns:
        float32 ``[B]``.
    """
    with torch.no_grad():
        wanted = features(target)
    difference = (features(prediction).float() - wanted.float()).flatten(1)
    # The norm, unlike a root of the mean square, has a gradient of zero where both are equal.
    distance = torch.linalg.vector_norm(difference, dim=1)
    return distance.square() / difference.shape[1] if squared else distance / difference.shape[1] ** 0.5


@dataclass(frozen=True)
class L1:
    """:func:`l1` against a target of the batch; with a mask's name, :func:`weighted_l1`."""

    target: str
    mask: str | None = None
    weight: float = 0.0
    input: str = "image"

    def __call__(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the loss of each lesson, ``[B]``."""
        prediction = network(batch[self.input])
        if self.mask is None or self.weight == 0:
            return l1(prediction, batch.truth(self.target))
        return weighted_l1(prediction, batch.truth(self.target), batch.mask(self.mask), self.weight)


@dataclass(frozen=True)
class WeightedBCE:
    """:func:`weighted_bce` against a mask of the batch, plus ``dice`` times :func:`soft_dice`."""

    target: str
    positive_weight: float = 1.0
    dice: float = 0.0
    input: str = "image"

    def __call__(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the loss of each lesson, ``[B]``; the network gives ``logits``, from before its sigmoid."""
        logits = network.logits(batch[self.input])  # type: ignore[operator]
        truth = batch.truth(self.target)
        loss = weighted_bce(logits, truth, self.positive_weight)
        return loss + self.dice * soft_dice(logits, truth) if self.dice else loss


@dataclass(frozen=True)
class Perceptual:
    """:func:`perceptual` against a target of the batch.

    Attributes:
        target: its name.
        features: the loss network; it must be on the device of the training.
        squared: see :func:`perceptual`.
        l1_weight: how much of :func:`l1` is added.
    """

    target: str
    features: nn.Module
    squared: bool = False
    l1_weight: float = 0.0
    input: str = "image"

    def __call__(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the loss of each lesson, ``[B]``."""
        prediction = network(batch[self.input])
        truth = batch.truth(self.target)
        loss = perceptual(prediction, truth, self.features, self.squared)
        return loss + self.l1_weight * l1(prediction, truth) if self.l1_weight else loss
