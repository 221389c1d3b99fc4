"""What training both systems shares: networks, options and augmentation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from radbench.contracts.errors import CaseError
from radbench.learn.appearance import AppearanceOptions
from radbench.learn.augment import Augmentation, Prepare
from radbench.learn.batch import resized
from radbench.learn.estimating import estimate
from radbench.learn.fitting import fit
from radbench.learn.geometry import GeometryOptions
from radbench.learn.losses import Loss
from radbench.learn.options import FitOptions
from radbench.learn.turns import Turn
from radbench.learn.unet import UNet, UNetConfig
from radbench_ct_unets.carried import Carried
from radbench_ct_unets.config import Augmentations, UnetConfig

if TYPE_CHECKING:
    from torch import Tensor, nn

    from radbench.contracts.learning import FitContext, Lessons
    from radbench.contracts.results import Sample

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

UNCOVERED_LOOKS = replace(BROAD_LOOKS, occlusion=0.0, collimation=0.0)
"""The same for what extracts: where something hides the lungs it is not to learn what might lie there."""


def unet(config: UnetConfig, head: str, seed: int, channels: int = 1, filters: int | None = None) -> UNet:
    """Return a network of the papers' architecture at the configured size, with weights from the seed.

    Args:
        config: its shape.
        head: its last activation.
        seed: of the weights.
        channels: in and out.
        filters: of the first convolution; None: the configured ones.
    """
    levels = range(max(0, config.depth + 1 - config.dilated_levels), config.depth + 1)
    shape = UNetConfig(
        in_channels=channels,
        out_channels=channels,
        depth=config.depth,
        first_filters=filters or config.first_filters,
        dilated_levels=tuple(levels),
        dilation=config.dilation,
        dilate_decoder=True,
        norm=config.norm,
        upsampling=config.upsampling,
        head=head,  # type: ignore[arg-type]
    )
    return UNet(shape, seed=seed)


def extraction(config: UnetConfig, seed: int, one_gain: bool) -> UNet | Carried:
    """Return the network that extracts; ``one_gain`` is :class:`Carried`'s."""
    if config.detail == "learnt":
        return unet(config, "tanh", seed)
    return Carried(unet(config, "linear", seed, channels=2, filters=config.coarse_filters), one_gain)


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
class Job:
    """How one network of a system is trained.

    Attributes:
        name: for people.
        loss: what is minimised.
        options: how long and how fast.
        augment: of training batches.
        prepare: as the source is prepared for the network.
    """

    name: str
    loss: Loss
    options: FitOptions
    augment: Augmentation
    prepare: Prepare | None = None

    def seconds(self, network: nn.Module, lessons: Lessons, context: FitContext) -> float:
        """Return about how many seconds the training will take."""
        return estimate(
            network,
            [Turn(self.loss)],
            lessons.train,
            self.options,
            context,
            validation=lessons.validation,
            prepare=self.prepare,
            augment=self.augment,
        ).seconds

    def learn(self, network: nn.Module, lessons: Lessons, context: FitContext) -> None:
        """Train the network in place."""
        fit(
            network,
            [Turn(self.loss)],
            lessons.train,
            self.options,
            context,
            validation=lessons.validation,
            prepare=self.prepare,
            augment=self.augment,
            name=self.name,
        )


def learn_all(jobs: Sequence[tuple[nn.Module, Job]], lessons: Lessons, context: FitContext) -> None:
    """Train networks in place, one after the other, once it is known about how long all will take."""
    context.expect(sum(job.seconds(network, lessons, context) for network, job in jobs))
    for network, job in jobs:
        job.learn(network, lessons, context)


def lesson_of(
    sample: Sample, names: tuple[str, ...], size: int, prepared: Callable[[Tensor], Tensor] = lambda image: image
) -> dict[str, Tensor]:
    """Return what a case teaches: its radiograph and some of its targets at the networks' size.

    Args:
        sample: the case.
        names: of the targets.
        size: side in pixels.
        prepared: what is done to the radiograph ``[1,1,S,S]`` before it is learnt from.

    Raises:
        CaseError: the case lacks a target.
    """
    missing = [name for name in names if name not in sample.case.targets]
    if missing:
        raise CaseError(f"case '{sample.case.case_id}' has no '{missing[0]}', which the training needs")
    found = {name: resized(sample.case.targets[name][None], (size, size))[0] for name in names}
    return {"image": prepared(resized(sample.image[None], (size, size)))[0], **found}


def augmentation(
    kind: Augmentations, paper: GeometryOptions, looks: AppearanceOptions, broad: AppearanceOptions = BROAD_LOOKS
) -> Augmentation:
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
    return Augmentation(wide, broad)
