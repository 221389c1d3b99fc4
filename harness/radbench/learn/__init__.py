"""The training toolkit: networks, losses, paired augmentation and the training loop; imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radbench.on_demand import on_demand

_ROOMS = {
    "AppearanceOptions": "appearance",
    "change_appearance": "appearance",
    "Augment": "augment",
    "Augmentation": "augment",
    "Batch": "batch",
    "Samples": "batch",
    "TensorSamples": "batch",
    "resized": "batch",
    "samples_from_cases": "batch",
    "CheckpointError": "checkpoint",
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
    "PAPER_UNETS": "unet",
    "UNet": "unet",
    "UNetConfig": "unet",
    "parameter_count": "unet",
    "receptive_field": "unet",
    "PretrainedWeightsError": "vgg",
    "VGGFeatures": "vgg",
    "vgg_features": "vgg",
    "WeightsError": "weights",
    "WeightsFacts": "weights",
    "load_weights": "weights",
    "read_weights": "weights",
    "save_weights": "weights",
}

__all__ = [
    "L1",
    "PAPER_UNETS",
    "AppearanceOptions",
    "Augment",
    "Augmentation",
    "Batch",
    "CheckpointError",
    "Estimate",
    "FitOptions",
    "FitResult",
    "GeometryOptions",
    "Loss",
    "Perceptual",
    "PretrainedWeightsError",
    "Samples",
    "TensorSamples",
    "TrainingError",
    "UNet",
    "UNetConfig",
    "VGGFeatures",
    "WeightedBCE",
    "WeightsError",
    "WeightsFacts",
    "change_appearance",
    "draw_grid",
    "estimate",
    "fit",
    "l1",
    "learning_rate",
    "load_weights",
    "parameter_count",
    "perceptual",
    "read_weights",
    "receptive_field",
    "resized",
    "samples_from_cases",
    "save_weights",
    "soft_dice",
    "vgg_features",
    "warp",
    "weighted_bce",
    "weighted_l1",
]

__getattr__, __dir__ = on_demand(__name__, _ROOMS)

if TYPE_CHECKING:
    from radbench.learn.appearance import AppearanceOptions, change_appearance
    from radbench.learn.augment import Augment, Augmentation
    from radbench.learn.batch import Batch, Samples, TensorSamples, resized, samples_from_cases
    from radbench.learn.checkpoint import CheckpointError
    from radbench.learn.estimating import Estimate, estimate
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
    from radbench.learn.unet import PAPER_UNETS, UNet, UNetConfig, parameter_count, receptive_field
    from radbench.learn.vgg import PretrainedWeightsError, VGGFeatures, vgg_features
    from radbench.learn.weights import WeightsError, WeightsFacts, load_weights, read_weights, save_weights
