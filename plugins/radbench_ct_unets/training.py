"""What training both systems shares: networks, options and augmentation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from torch import Tensor

from radbench.learn.appearance import AppearanceOptions
from radbench.learn.augment import Augment, Augmentation
from radbench.learn.batch import Batch, TensorSamples
from radbench.learn.estimating import estimate
from radbench.learn.geometry import GeometryOptions
from radbench.learn.losses import Loss
from radbench.learn.options import FitOptions
from radbench.learn.unet import UNet, UNetConfig
from radbench_ct_unets.config import Augmentations, UnetConfig

if TYPE_CHECKING:
    from radbench.contracts.enhancement import FitContext

BROAD_LOOKS = AppearanceOptions(
    probability=0.5,
    blur=1.0,
    sharpen=0.5,
    gamma=0.6,
    contrast=0.3,
    exposure=0.15,
    noise=(0.0, 0.06),
    occlusion=0.2,
    occlusion_size=0.25,
    collimation=0.3,
    collimation_width=0.12,
)
"""What radiographs on the wards vary in beyond the papers' augmentation [assumed]."""


def unet(config: UnetConfig, head: str, seed: int) -> UNet:
    """Return a network of the papers' architecture at the configured size, with weights from the seed."""
    levels = range(max(0, config.depth + 1 - config.dilated_levels), config.depth + 1)
    shape = UNetConfig(
        depth=config.depth,
        first_filters=config.first_filters,
        dilated_levels=tuple(levels),
        dilation=config.dilation,
        dilate_decoder=True,
        norm=config.norm,
        upsampling=config.upsampling,
        head=head,  # type: ignore[arg-type]
    )
    return UNet(shape, seed=seed)


def options(config: UnetConfig, epochs: int, rate: float) -> FitOptions:
    """Return how one network is trained: Adam, as both papers say."""
    return FitOptions(
        epochs=epochs,
        batch_size=config.batch_size,
        learning_rate=rate,
        schedule=config.schedule,
        patience=config.patience,
    )


@dataclass(frozen=True)
class Prepared:
    """Augment, then prepare the source as it is prepared for the network."""

    augmentation: Augmentation
    prepare: Callable[[Batch], Tensor]
    noise: float = 0.0

    def __call__(self, batch: Batch, seed: int, epoch: int) -> Batch:
        """Return the augmented and prepared batch."""
        moved = self.augmentation(batch, seed, epoch)
        prepared = replace(moved, source=self.prepare(moved))
        if not self.noise:
            return prepared
        noisy = AppearanceOptions(noise=(self.noise, self.noise), clamp=False)
        # Another seed: this noise must not repeat the augmentation's.
        return Augmentation(appearance=noisy)(prepared, seed + 1, epoch)


@dataclass(frozen=True)
class Job:
    """How one network of a system is trained."""

    loss: Loss
    options: FitOptions
    augment: Augment

    def seconds(self, network: UNet, few: TensorSamples, context: FitContext, cases: int) -> float:
        """Return about how many seconds the training will take on so many cases, of which a few are at hand."""
        return estimate(
            network,
            few,
            self.loss,
            self.options,
            context,
            validation=few,
            augment=self.augment,
            train_size=cases,
            validation_size=len(context.validation),
        ).seconds


def augmentation(kind: Augmentations, paper: GeometryOptions, looks: AppearanceOptions) -> Augmentation:
    """Return the paper's augmentation, none, or a broader one."""
    if kind == "none":
        return Augmentation()
    if kind == "paper":
        return Augmentation(paper, looks)
    wide = replace(
        paper,
        rotation_deg=max(paper.rotation_deg, 8.0),
        scale=max(paper.scale, 0.2),
        shift=(max(paper.shift[0], 0.1), max(paper.shift[1], 0.1)),
        crop=0.15,
        elastic=0.01,
    )
    return Augmentation(wide, BROAD_LOOKS)
