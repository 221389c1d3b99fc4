"""The configuration of dncnn; the defaults are the paper's, the profile quick is for two cores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from radbench.contracts.config import Config, PartName, learns_from, param

_PAPER = "paper Zhang et al. 2017"


class DnCnnConfig(Config):
    """Configuration of dncnn. Unless said otherwise, None follows from ``sigma``: DnCNN-B, or DnCNN-S."""

    trained_on: PartName = learns_from(
        "natural",
        description="photographs to learn from; they need no truth but themselves",
        source="assumed; the paper has 400 photographs of the Berkeley set: natural[root=PATH]",
    )
    sigma: float | None = param(
        None,
        "deviation of the noise that it learns to remove, of 255: DnCNN-S; None: any up to max_sigma, DnCNN-B",
        affects="weights",
        source=f"{_PAPER} §IV-A; the SGAN paper's 'unknown noise levels' say DnCNN-B",
        gt=0.0,
        le=255.0,
    )
    max_sigma: float = param(
        55.0, "greatest deviation of DnCNN-B's noise", affects="weights", source=f"{_PAPER} §IV-A", gt=0.0, le=255.0
    )
    layers: int | None = param(
        None,
        "convolutions; None: 20 of DnCNN-B, 17 of DnCNN-S",
        affects="weights",
        source=f"{_PAPER} §IV-A",
        ge=3,
        le=64,
    )
    filters: int = param(64, "of every convolution", affects="weights", source=f"{_PAPER} §III-A", ge=1, le=512)
    patch: int | None = param(
        None,
        "side of the patches in pixels; None: 50 for DnCNN-B, 40 for DnCNN-S",
        affects="weights",
        source=f"{_PAPER} §IV-A",
        ge=8,
        le=512,
    )
    turned: bool = param(
        True, "turn and mirror patches", affects="weights", source="code: the authors' generation of patches"
    )
    batch_size: int = param(128, "patches per optimiser step", affects="weights", source=f"{_PAPER} §IV-A", ge=1)
    epochs: int = param(50, "of training", affects="weights", source=f"{_PAPER} §IV-A", ge=1)
    steps_per_epoch: int | None = param(
        None,
        "optimiser steps in an epoch; None: 3,000 of DnCNN-B, 1,600 of DnCNN-S (128 patches each)",
        affects="weights",
        source=f"{_PAPER} §IV-A",
        ge=1,
    )
    optimiser: Literal["sgd", "adam"] = param(
        "sgd", "momentum 0.9 and weight decay 1e-4, or Adam", affects="weights", source=f"{_PAPER} §IV-A"
    )
    learning_rate: float = param(0.1, "at the start", affects="weights", source=f"{_PAPER} §IV-A", gt=0.0)
    final_rate: float = param(
        1e-4, "at the end, reached exponentially", affects="weights", source=f"{_PAPER} §IV-A", gt=0.0
    )
    clip_norm: float = param(
        1.0,
        "largest norm of the gradients",
        affects="weights",
        source="assumed; the paper's rate of 0.1 on summed squares needs one, the authors' code clips each entry",
        gt=0.0,
    )
    start: Literal["he", "looks-linear"] = param(
        "he",
        "what is not learnt yet: He-normal weights, or half of the filters the negatives of the others, by which "
        "what comes in passes at first (Balduzzi et al. 2017)",
        affects="weights",
        source=f"{_PAPER} §IV-A: He et al. 2015; looks-linear: assumed",
    )
    photographs: float | None = param(
        None,
        "share of the patches that is of photographs, where there are made images too; None: all images alike",
        affects="weights",
        source="assumed; the paper has photographs alone",
        ge=0.0,
        le=1.0,
    )
    cut_off: bool = param(
        False,
        "keep noisy patches in [0,1], as every image is that an enhancer is given",
        affects="weights",
        source=f"{_PAPER} §IV-A; true: assumed",
    )
    validation_patches: int = param(
        256, "of the validation photographs, always the same", affects="weights", source="assumed", ge=1
    )

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {
            "layers": 12,
            "filters": 32,
            "patch": 40,
            "batch_size": 8,
            "epochs": 20,
            "steps_per_epoch": 400,
            "optimiser": "adam",
            "learning_rate": 2e-3,
            "final_rate": 2e-5,
            "start": "looks-linear",
            "photographs": 0.5,
            "cut_off": True,
            "validation_patches": 64,
        },
        "paper": {},
    }

    @property
    def noise(self) -> tuple[float, float]:
        """The least and the greatest deviation of the noise, of 255."""
        return (0.0, self.max_sigma) if self.sigma is None else (self.sigma, self.sigma)

    @property
    def blind(self) -> bool:
        """Whether the noise's deviation is unknown: DnCNN-B."""
        return self.sigma is None

    @property
    def depth(self) -> int:
        """How many convolutions there are."""
        return self.layers or (20 if self.blind else 17)

    @property
    def side(self) -> int:
        """The side of the patches, in pixels."""
        return self.patch or (50 if self.blind else 40)

    @property
    def steps(self) -> int:
        """Optimiser steps in an epoch."""
        return self.steps_per_epoch or (3000 if self.blind else 1600)
