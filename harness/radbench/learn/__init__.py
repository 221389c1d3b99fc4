"""The training toolkit: networks, losses, paired augmentation and the training loop; imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radbench.on_demand import on_demand

_ROOMS = {
    "AppearanceOptions": "appearance",
    "change_appearance": "appearance",
    "Augmentation": "augment",
    "Prepare": "augment",
    "Batch": "batch",
    "Crop": "feeding",
    "ListLessons": "feeding",
    "as_unit": "batch",
    "resized": "batch",
    "CheckpointError": "checkpoint",
    "Draws": "draws",
    "Estimate": "estimating",
    "estimate": "estimating",
    "fit": "fitting",
    "GeometryOptions": "geometry",
    "draw_grid": "geometry",
    "warp": "geometry",
    "L1": "losses",
    "Loss": "losses",
    "Perceptual": "losses",
    "WeightedBCE": "losses",
    "l1": "losses",
    "perceptual": "losses",
    "soft_dice": "losses",
    "weighted_bce": "losses",
    "weighted_l1": "losses",
    "FitOptions": "options",
    "FitResult": "options",
    "TrainingError": "options",
    "learning_rate": "options",
    "Networks": "turns",
    "Turn": "turns",
    "PAPER_UNETS": "unet",
    "UNet": "unet",
    "UNetConfig": "unet",
    "parameter_count": "unet",
    "receptive_field": "unet",
    "PretrainedWeightsError": "vgg",
    "VGGFeatures": "vgg",
    "vgg_features": "vgg",
}

__all__ = [
    "L1",
    "PAPER_UNETS",
    "AppearanceOptions",
    "Augmentation",
    "Batch",
    "CheckpointError",
    "Crop",
    "Draws",
    "Estimate",
    "FitOptions",
    "FitResult",
    "GeometryOptions",
    "ListLessons",
    "Loss",
    "Networks",
    "Perceptual",
    "Prepare",
    "PretrainedWeightsError",
    "TrainingError",
    "Turn",
    "UNet",
    "UNetConfig",
    "VGGFeatures",
    "WeightedBCE",
    "as_unit",
    "change_appearance",
    "draw_grid",
    "estimate",
    "fit",
    "l1",
    "learning_rate",
    "parameter_count",
    "perceptual",
    "receptive_field",
    "resized",
    "soft_dice",
    "vgg_features",
    "warp",
    "weighted_bce",
    "weighted_l1",
]

__getattr__, __dir__ = on_demand(__name__, _ROOMS)

if TYPE_CHECKING:
    from radbench.learn.appearance import AppearanceOptions, change_appearance
    from radbench.learn.augment import Augmentation, Prepare
    from radbench.learn.batch import Batch, as_unit, resized
    from radbench.learn.checkpoint import CheckpointError
    from radbench.learn.draws import Draws
    from radbench.learn.estimating import Estimate, estimate
    from radbench.learn.feeding import Crop, ListLessons
    from radbench.learn.fitting import fit
    from radbench.learn.geometry import GeometryOptions, draw_grid, warp
    from radbench.learn.losses import (
        L1,
        Loss,
        Perceptual,
        WeightedBCE,
        l1,
        perceptual,
        soft_dice,
        weighted_bce,
        weighted_l1,
    )
    from radbench.learn.options import FitOptions, FitResult, TrainingError, learning_rate
    from radbench.learn.turns import Networks, Turn
    from radbench.learn.unet import PAPER_UNETS, UNet, UNetConfig, parameter_count, receptive_field
    from radbench.learn.vgg import PretrainedWeightsError, VGGFeatures, vgg_features
