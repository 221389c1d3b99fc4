"""The configurations of preprocess and guided-unet; the defaults are the paper's, quick is for two cores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from radbench.contracts.config import Config, PartName, learns_from, param, part

_PAPER = "paper guided U-Net"


class SmoothingConfig(Config):
    """How base and details are told apart, and what the preprocessing makes of them."""

    lam: float = param(0.8, "smoothing of the base, lambda", source=f"{_PAPER} §III-A: 0.8", ge=0.0)
    alpha: float = param(
        1.2,
        "sensitivity to gradients; larger keeps edges sharper",
        source="assumed: the low end of the paper's 1.2 to 2.0, and Farbman et al.'s value",
        gt=0.0,
        le=10.0,
    )
    epsilon: float = param(1e-4, "added to the gradients", source=f"{_PAPER} Eq. 4: 0.0001", gt=0.0)
    log_offset: float = param(1e-4, "added to the image before its logarithm is taken", source="assumed", gt=0.0)
    wls_size: int | None = param(
        None,
        "longest side at which the base is solved for, in pixels; that of a larger image is solved for at this size "
        "and carried over; none: always at the image's own",
        source="assumed: the paper smooths its crops as they are",
        ge=16,
    )
    least_divisor: float = param(
        0.5,
        "P of Eq. 5 is at least this share of the image's mean",
        source="assumed: Eq. 6 divides by P, which comes near 0 where a detail is as bright as the mean",
        gt=0.0,
        le=1.0,
    )
    white: float = param(
        0.001,
        "share of the pixels that become white, those that Eq. 6 makes brightest",
        source="assumed: a marker of lead would darken all else; the paper's crops show none",
        ge=0.0,
        lt=1.0,
    )


class PreprocessConfig(SmoothingConfig):
    """Configuration of preprocess."""


def _earlier_round(config: GuidedUnetConfig) -> GuidedUnetConfig | None:
    return config.with_(rounds=config.rounds - 1) if config.rounds > 1 else None


class GuidedUnetConfig(SmoothingConfig):
    """Configuration of guided-unet."""

    trained_on: PartName = learns_from(
        "phantom-cxr[look=hospital,size=1024]",
        description="radiographs to learn from; they need no truth",
        source=f"assumed; {_PAPER} §IV-B: 10,000 of ChestX-ray14, folder[root=PATH]",
        through="earlier",
    )
    rounds: int = param(
        2, "how often a network is trained, each on what the one before gives", source=f"{_PAPER} Table IV", ge=1, le=3
    )
    earlier: PartName = part(
        "enhancer",
        _earlier_round,
        description="the round before, whose images the network is given",
        source=f"{_PAPER} Eq. 7",
    )
    fragment: Literal["spine", "whole"] = param(
        "spine",
        "what is learnt from: the square of half the image's shorter side round its spine, or all of the image, where "
        "that is a region already",
        source=f"{_PAPER} §IV-B: 512x512 of 1024x1024",
    )
    side: int = param(512, "of what is learnt from, in pixels", source=f"{_PAPER} §IV-B", ge=32, le=2048)
    preprocess: bool = param(
        True, "give the first round's network the preprocessed image (Eq. 1-6)", source=f"{_PAPER} Table V"
    )
    patch: int | None = param(
        None,
        "side of the squares that are cut out of it, anew in each epoch, in pixels; none: all of it",
        affects="weights",
        source=f"{_PAPER} §IV-B",
        ge=32,
    )
    depth: int = param(
        4, "how often the resolution is halved", affects="weights", source="assumed: as Ronneberger et al.", ge=1, le=6
    )
    first_filters: int = param(
        64, "of the first convolution", affects="weights", source="assumed: as Ronneberger et al.", ge=1, le=256
    )
    skip: bool = param(
        False,
        "the network adds to its image what it makes of it",
        affects="weights",
        source="assumed: the paper's U-Net has no such connection; a small one in few steps smears noise without",
    )
    guidance: bool = param(True, "with the guidance layer", affects="weights", source=f"{_PAPER} §III-C")
    beta: float = param(
        0.6,
        "weight of the guidance layer; that of the decoder's is 1 less this",
        affects="weights",
        source=f"{_PAPER} §III-C",
        ge=0.0,
        le=1.0,
    )
    feature_loss: Literal["entropy", "l2"] = param(
        "entropy",
        "what the result is compared with by squares: the first layer's map of highest entropy, or the round's image",
        affects="weights",
        source=f"{_PAPER} Eq. 8, Table II",
    )
    boundary_loss: Literal["correlation", "l2"] = param(
        "correlation",
        "how it is compared with the details: by the correlation of gradients, or by squares",
        affects="weights",
        source=f"{_PAPER} Eq. 9-11, Table II",
    )
    feature_weight: float = param(1.0, "lambda 1 of Eq. 12", affects="weights", source=f"{_PAPER} §IV-B", ge=0.0)
    boundary_weight: float = param(0.001, "lambda 2 of Eq. 12", affects="weights", source=f"{_PAPER} §IV-B", ge=0.0)
    learning_rate: float = param(1e-3, "of Adam", affects="weights", source=f"{_PAPER} §IV-B", gt=0.0)
    schedule: Literal["constant", "cosine"] = param(
        "constant", "of the learning rate", affects="weights", source=f"{_PAPER} §IV-B gives one rate"
    )
    batch_size: int = param(8, "radiographs per optimiser step", affects="weights", source=f"{_PAPER} §IV-B", ge=1)
    epochs: int = param(400, "of each round", affects="weights", source=f"{_PAPER} §IV-B", ge=1)

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {
            "trained_on": "phantom-cxr[look=hospital,size=512,patients=60]",
            "side": 256,
            "patch": 128,
            "wls_size": 512,
            "first_filters": 8,
            "skip": True,
            "batch_size": 4,
            "schedule": "cosine",
            "epochs": 60,
        },
        "paper": {},
    }
