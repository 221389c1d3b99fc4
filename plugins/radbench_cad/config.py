"""The configuration of the task ``cad``: the defaults are the lung paper's, the profile quick is for two cores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import field_validator

from radbench.contracts.config import Config, PartName, learns_from, local, param

_LUNG = "paper: lung U-Net §3.3"
_CHEXNET = "code: CheXNet (Rajpurkar et al. 2017), which the lung U-Net's §3.3 names without its settings"
_RECIPE = "assumed: a usual recipe for CheXNet; the paper is silent"
_OTHERS = (
    "atelectasis",
    "cardiomegaly",
    "consolidation",
    "edema",
    "effusion",
    "emphysema",
    "fibrosis",
    "hernia",
    "infiltration",
    "pleural-thickening",
    "pneumonia",
    "pneumothorax",
)
"""ChestX-ray14's findings but for mass and nodule."""


class CADConfig(Config):
    """What the classifier learns, what it sees, how it is built and trained."""

    trained_on: PartName = learns_from(
        lambda config: None,
        description="whose train and validation splits it learns from, in place of the data set that is scored: learn "
        "on a large collection, test on one's own",
        needs=("findings",),
        source="assumed: the paper trains and tests on one collection",
    )
    findings: tuple[str, ...] = param(
        ("mass", "nodule"),
        "what it learns to tell, by the data set's names; each is a facet of the result",
        source=f"{_LUNG}: labels mass and nodule",
    )
    others: tuple[str, ...] = param(
        _OTHERS,
        "findings that are learnt beside those, and not scored: they teach the network what a chest looks like. What a "
        "data set does not state is left out",
        source="code: CheXNet §4 learns ChestX-ray14's fourteen; the paper names two of them",
    )
    input: Literal["enhanced", "stacked"] = param(
        "enhanced",
        "what it is shown: the enhanced image alone, or the three channels [original, denoised, enhanced] where the "
        "enhancement has a layer 'denoised' and [original, enhanced, enhanced] where it has none",
        source=f"{_LUNG} (enhanced); SGAN §2.2 (stacked), assumed for radiographs",
    )
    size: int = param(
        512,
        "side in pixels of the square that the whole image is scaled to, whatever its shape",
        source=_LUNG,
        ge=64,
        le=2048,
    )
    tone: Literal["as-is", "equalised"] = param(
        "as-is",
        "greys of what it is shown. equalised: each pixel is its rank in the image, so that no tone curve is worth "
        "anything, and films of any contrast look alike",
        source="assumed; CheXpert's and MIMIC-CXR-JPG's pictures are distributed equalised",
    )
    backbone: str = param(
        "densenet121", "network, by any name that timm knows", source=_LUNG, affects="weights", min_length=1
    )
    pool: Literal["avg", "max", "avgmax"] = param(
        "avg",
        "how the last feature map becomes one vector, where the network lets that be chosen",
        source="code: Huang et al. 2017, DenseNet (avg)",
        affects="weights",
    )
    pretrained: bool = param(
        True,
        "begin with ImageNet's weights, from timm, the first layer summed over colours; false begins with random ones",
        source=_LUNG,
        affects="weights",
    )
    weights: str = local(
        "",
        "a file to take the network's ImageNet weights from instead, whatever 'pretrained' says: timm's state dict of "
        "this backbone, as .safetensors or .pth",
        source="assumed",
        affects="weights",
    )
    loss_weights: Literal["none", "balanced"] = param(
        "none",
        "weights of positives and negatives in the binary cross-entropy of each finding. balanced: the other's share "
        "of the train split, so that both count alike; the probabilities are then no longer the data set's",
        source="code: CheXNet §4 (none, for 14 findings), §2.1 (balanced, for one)",
        affects="weights",
    )
    optimiser: Literal["adam", "adamw"] = param("adam", "Adam, or AdamW", source=_CHEXNET, affects="weights")
    learning_rate: float = param(1e-4, "at the start", source=_RECIPE, affects="weights", gt=0.0)
    weight_decay: float = param(1e-5, "of the weights", source=_RECIPE, affects="weights", ge=0.0)
    batch_size: int = param(16, "images per optimiser step", source=_CHEXNET, affects="weights", ge=1)
    schedule: Literal["plateau", "cosine"] = param(
        "plateau",
        "of the learning rate. plateau: a tenth whenever the validation loss has not fallen for 'patience' epochs, "
        "going on from the best weights; cosine: down to nothing over all epochs",
        source=_RECIPE,
        affects="weights",
    )
    warmup_steps: int = param(
        0, "optimiser steps over which the rate rises from 0", source="assumed", affects="weights", ge=0
    )
    patience: int = param(5, "plateau: epochs without a lower validation loss", source=_RECIPE, affects="weights", ge=1)
    drops: int = param(
        2, "plateau: how often the rate falls before training ends", source="assumed", affects="weights", ge=0, le=6
    )
    epochs: int = param(
        50,
        "of training at most; the weights of the lowest validation loss stay",
        source="assumed: far beyond what the plateaus leave",
        affects="weights",
        ge=1,
    )
    flip: float = param(
        0.5, "augmentation: probability of a horizontal flip", source=_CHEXNET, affects="weights", ge=0.0, le=1.0
    )
    crop: float = param(
        0.2,
        "augmentation: largest share of height and of width that is cut away before the rest fills the image",
        source=f"{_RECIPE}: random resized crop",
        affects="weights",
        ge=0.0,
        lt=1.0,
    )
    rotation_deg: float = param(
        0.0, "augmentation: largest rotation either way", source=_RECIPE, affects="weights", ge=0.0, le=45.0
    )
    shift: float = param(
        0.0,
        "augmentation: largest shift along each side, as a share of it",
        source=_RECIPE,
        affects="weights",
        ge=0.0,
        le=0.5,
    )
    contrast: float = param(
        0.0,
        "augmentation: largest change of contrast and of brightness, as a share",
        source=_RECIPE,
        affects="weights",
        ge=0.0,
        lt=1.0,
    )

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {
            "size": 128,
            "backbone": "resnet10t",
            "pretrained": False,
            # A thousand films of every contrast are few to learn from without ImageNet.
            "tone": "equalised",
            "optimiser": "adamw",
            "learning_rate": 3e-3,
            "weight_decay": 1e-2,
            "batch_size": 32,
            "schedule": "cosine",
            "warmup_steps": 50,
            "epochs": 25,
            "rotation_deg": 8.0,
            "shift": 0.1,
        },
        "paper": {},
    }

    @field_validator("findings", "others")
    @classmethod
    def _each_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value) or not all(value):
            raise ValueError(f"findings must be named, each once; got {list(value)}")
        return value

    @field_validator("findings")
    @classmethod
    def _some(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("findings must name one finding or more")
        return value

    @property
    def learnt(self) -> tuple[str, ...]:
        """All findings that the network has a logit for: those that are scored, then the others."""
        return (*self.findings, *(name for name in self.others if name not in self.findings))
