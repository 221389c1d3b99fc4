"""The task ``image-quality``: BRISQUE and LPC-SI of the enhanced image, needing no truth."""

from __future__ import annotations

from typing import Literal

from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.config import param
from radbench.contracts.results import Sample, TaskContext


class ImageQuality:
    """Score the enhanced image by itself, whole and on [0,1]."""

    class Config(BaseConfig):
        """Which BRISQUE."""

        brisque_variant: Literal["live"] = param(
            "live",
            "release of the BRISQUE model",
            source="assumed: the guided U-Net paper does not say which; LIVE's is the authors' own",
        )

    def __init__(self, config: ImageQuality.Config) -> None:
        self.config = config

    def score(self, sample: Sample, context: TaskContext) -> dict[str, float]:
        """Return ``brisque`` (lower is better) and ``lpc_si`` (higher is better) of one enhanced image."""
        from radbench.metrics import brisque, lpc_si

        images = sample.image[None]
        return {
            "brisque": float(brisque(images, variant=self.config.brisque_variant)[0]),
            "lpc_si": float(lpc_si(images)[0]),
        }
