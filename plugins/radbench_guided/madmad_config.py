"""The configuration of madmad; the defaults are the released code's, the profile quick is for two cores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from radbench.contracts.config import Config, param

_CODE = "code of Madmad et al. 2021"


class MadmadConfig(Config):
    """Configuration of madmad: the pictures that it makes up to learn from, the network, its training, its use."""

    pictures: int = param(
        2000, "made-up pictures, of which 7 in 10 are learnt from and 2 in 10 validate", source=_CODE, ge=10
    )
    side: int = param(281, "of the pictures, in pixels", source=_CODE, ge=32, le=1024)
    levels: int = param(5, "of the network, above its bottleneck", source=f"{_CODE}: 32 to 512 channels", ge=1, le=6)
    first_filters: int = param(
        32, "channels of the first level; each has twice those of the one before", source=_CODE, ge=1, le=256
    )
    batch_size: int = param(4, "pictures per optimiser step", source=_CODE, ge=1)
    epochs: int = param(150, "at the most", source=_CODE, ge=1)
    patience: int | None = param(15, "epochs without a better validation before the training ends", source=_CODE, ge=1)
    learning_rate: float = param(
        1e-4, "of Adam, which rises over warmup_steps", source=f"{_CODE}: of RAdam, whose first steps are small", gt=0.0
    )
    warmup_steps: int = param(
        500, "optimiser steps over which the learning rate rises", source="assumed: as RAdam's rectification", ge=0
    )
    schedule: Literal["constant", "cosine"] = param(
        "cosine",
        "of the learning rate",
        source="assumed: the released code has a tenth of it after 4 epochs without a gain",
    )
    image_weight: float = param(
        0.7, "of the image, to which the details are added", affects="use", source=_CODE, ge=0.0
    )
    detail_weight: float = param(1.0, "of the details", affects="use", source=_CODE, ge=0.0)

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {
            "pictures": 600,
            "side": 96,
            "levels": 4,
            "first_filters": 8,
            "epochs": 20,
            "patience": None,
            "learning_rate": 3e-3,
            "warmup_steps": 0,
        },
        "paper": {},
    }
