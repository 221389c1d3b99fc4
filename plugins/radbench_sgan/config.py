"""The configurations of sgan and single-gan; the defaults are the paper's, the profile quick is for two cores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from radbench.contracts.config import Config, PartName, learns_from, local, param, part

_PAPER = "paper SGAN"
_SRGAN = "assumed: as SRGAN"

_QUICK = {
    "filters": 16,
    "skip": True,
    "norm_momentum": 0.05,
    "discriminator_filters": 8,
    "discriminator_dense": 128,
    "discriminator_rate": 1e-4,
    "turned": True,
    "pretrained": False,
    "vgg_blocks": 1,
    "learning_rate": 4e-4,
    "schedule": "cosine",
    "validation_patches": 32,
    "watched_steps": 400,
}


class GanConfig(Config):
    """What all GANs share: networks, losses and how they are trained."""

    trained_on: PartName = learns_from(
        "natural",
        description="photographs to learn from; they need no truth but themselves",
        source=f"{_PAPER} §2.1: DIV2K, natural[root=PATH]",
    )
    filters: int = param(64, "of G's convolutions", affects="weights", source=f"{_PAPER} §2.1", ge=1, le=512)
    skip: bool = param(
        False,
        "G adds to the image what it makes of it, and so begins with the image itself",
        affects="weights",
        source="assumed: SRResNet has no such connection",
    )
    norm_momentum: float = param(
        0.1,
        "a batch's share in the running means of G's batch norm, by which images are enhanced; the fewer patches a "
        "batch has, the less it should be",
        affects="weights",
        source=_SRGAN,
        gt=0.0,
        le=1.0,
    )
    discriminator_filters: int = param(
        64, "of D's first convolution; the last has eight times as many", affects="weights", source=f"{_PAPER} §2.1",
        ge=1, le=512,
    )  # fmt: skip
    discriminator_dense: int = param(
        1024, "units of D's first dense layer", affects="weights", source=_SRGAN, ge=1, le=65536
    )
    sigma: float = param(
        50.0, "greatest deviation of the noise, of 255", affects="weights", source=f"{_PAPER} §2.1", gt=0.0, le=255.0
    )
    turned: bool = param(False, "turn and mirror patches", affects="weights", source="assumed: the paper crops only")
    vgg_weight: float = param(1e-5, "of the feature error", affects="weights", source=f"{_PAPER} Eq. 1", ge=0.0)
    adversarial_weight: float = param(1e-3, "of -log D(G(x))", affects="weights", source=f"{_PAPER} Eq. 1", ge=0.0)
    vgg_input: Literal["caffe255", "unit"] = param(
        "caffe255",
        "what VGG-16 is shown: greys from 0 to 255 less the channels' means, or divided by their deviations as well; "
        "the weight of its term was chosen for the first",
        affects="weights",
        source="assumed: as the SRGAN code of that year",
    )
    vgg_blocks: int = param(
        5,
        "blocks of VGG-16 whose last activations are compared",
        affects="weights",
        source=f"{_PAPER} §2.1",
        ge=1,
        le=5,
    )
    pretrained: bool = param(
        True, "ImageNet's weights of VGG-16; false takes random features", affects="weights", source=f"{_PAPER} §2.1"
    )
    vgg_weights: str = local("", "a file to take VGG-16's weights from", source="assumed", affects="weights")
    learning_rate: float = param(1e-4, "of Adam, for G", affects="weights", source=f"{_PAPER} §2.1", gt=0.0)
    discriminator_rate: float = param(1e-4, "of Adam, for D", affects="weights", source=f"{_PAPER} §2.1", gt=0.0)
    beta1: float = param(0.5, "of Adam", affects="weights", source=f"{_PAPER} §2.1", ge=0.0, lt=1.0)
    schedule: Literal["constant", "cosine"] = param(
        "constant", "of the learning rates", affects="weights", source="assumed: the paper gives one rate"
    )
    validation_patches: int = param(
        64, "of the validation photographs, always the same", affects="weights", source="assumed", ge=1
    )
    watched_steps: int = param(
        5000,
        "steps on end in which D has won, or is at chance, before the training ends as collapsed; 0 never ends it",
        affects="weights",
        source="assumed",
        ge=0,
    )

    @property
    def noise(self) -> tuple[float, float]:
        """The bounds of the noise's deviation, of 255."""
        return 0.0, self.sigma


def _worse(name: str) -> dict[str, Any]:
    return {"affects": "weights", "source": f"{_PAPER} §2.1", "description": name}


class EnhancingConfig(GanConfig):
    """What is shared by the GANs that enhance: how images are made worse for them."""

    scale: float = param(4.0, ge=1.0, le=16.0, **_worse("greatest factor by which images are made smaller"))
    blur: float = param(3.0, ge=0.0, le=16.0, **_worse("greatest deviation of the smoothing, in pixels"))
    kappa: float = param(3.0, ge=1.0, le=16.0, **_worse("greatest compression of the contrast"))

    @property
    def worse(self) -> tuple[tuple[float, float], tuple[float, float], tuple[float, float]]:
        """The bounds of scale, blur and kappa."""
        return (1.0, self.scale), (0.0, self.blur), (1.0, self.kappa)


class SingleGanConfig(EnhancingConfig):
    """Configuration of single-gan."""

    blocks: int = param(
        16, "residual blocks of G", affects="weights", source="assumed: as the paper's second generator", ge=1, le=64
    )
    patch: int = param(
        128, "side of the patches, in pixels", affects="weights", source="assumed: as of the paper's second GAN", ge=32
    )
    batch_size: int = param(16, "patches per optimiser step", affects="weights", source=_SRGAN, ge=1)
    epochs: int = param(
        125, "of training: 100,000 steps, SRGAN's at this learning rate", affects="weights", source=_SRGAN, ge=1
    )
    steps_per_epoch: int = param(800, "optimiser steps in an epoch", affects="weights", source="assumed", ge=1)

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {**_QUICK, "blocks": 4, "patch": 64, "batch_size": 4, "epochs": 20, "steps_per_epoch": 75},
        "paper": {},
    }


def _one_stage(config: SganConfig) -> SganConfig | None:
    return config.with_(stages=1) if config.stages == 2 else None


class SganConfig(EnhancingConfig):
    """Configuration of sgan. ``denoising`` fields are the first GAN's, ``enhancing`` ones the second's."""

    stages: int = param(
        2, "1: the first GAN alone, which denoises; 2: the second enhances what the first gives", affects="weights",
        source=f"{_PAPER} §2.1", ge=1, le=2,
    )  # fmt: skip
    gan1: PartName = part(
        "enhancer",
        _one_stage,
        description="the first GAN, whose images the second is given",
        source=f"{_PAPER} §2.1",
        affects="weights",
    )
    denoising_blocks: int = param(9, "residual blocks of G1", affects="weights", source=f"{_PAPER} §2.1", ge=1, le=64)
    enhancing_blocks: int = param(16, "residual blocks of G2", affects="weights", source=f"{_PAPER} §2.1", ge=1, le=64)
    denoising_patch: int = param(32, "side of G1's patches", affects="weights", source=f"{_PAPER} §2.1", ge=32)
    enhancing_patch: int = param(128, "side of G2's patches", affects="weights", source=f"{_PAPER} §2.1", ge=32)
    denoising_batch: int = param(16, "patches per step of GAN 1", affects="weights", source=_SRGAN, ge=1)
    enhancing_batch: int = param(16, "patches per step of GAN 2", affects="weights", source=_SRGAN, ge=1)
    denoised_first: bool = param(
        False,
        "GAN 2 learns from degraded patches that were noisy and that GAN 1 has denoised, as it is used; false: from "
        "degraded patches without noise",
        affects="weights",
        source=f"{_PAPER} §2.1 names no noise for the second GAN, and builds it upon the images of the first",
    )
    denoising_epochs: int = param(
        125, "of GAN 1: 100,000 steps, SRGAN's at this learning rate", affects="weights", source=_SRGAN, ge=1
    )
    enhancing_epochs: int = param(125, "of GAN 2", affects="weights", source=_SRGAN, ge=1)
    steps_per_epoch: int = param(800, "optimiser steps in an epoch", affects="weights", source="assumed", ge=1)
    rounds: int = param(
        0,
        "of fine-tuning on CT slices that the GAN has improved, at the most; 0 learns from photographs alone",
        affects="weights",
        source="assumed: the paper goes on until nobody sees an improvement",
        ge=0,
    )
    tuned_on: PartName = learns_from(
        lambda config: "phantom-lesions" if config.rounds else None,
        description="with rounds: the CT slices that are fine-tuned on, of the train split",
        source=f"{_PAPER} §2.1: DeepLesion",
    )
    tuning_epochs: int = param(10, "of each round", affects="weights", source="assumed", ge=1)
    tuning_slices: int = param(
        1000, "of each round at the most: those that improve most", affects="weights", source=f"{_PAPER} §2.1", ge=1
    )
    improved_by: Literal["brisque", "lpc_si"] = param(
        "brisque",
        "what a slice must improve in: BRISQUE (lower) or LPC-SI (higher)",
        affects="weights",
        source="assumed: the paper's readers judge by eye",
    )
    least_gain: float = param(
        0.0, "a slice must improve by more than this", affects="weights", source="assumed", ge=0.0
    )

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {
            **_QUICK,
            "denoising_blocks": 4,
            "enhancing_blocks": 4,
            "denoising_patch": 32,
            "enhancing_patch": 64,
            "denoising_batch": 16,
            "enhancing_batch": 4,
            "denoised_first": True,
            "denoising_epochs": 20,
            "enhancing_epochs": 20,
            "steps_per_epoch": 75,
            "tuning_epochs": 2,
            "tuning_slices": 40,
        },
        "paper": {},
    }
