"""The task ``lung-segmentation``: the enhancer's lung mask against the true one."""

from __future__ import annotations

from collections.abc import Mapping

from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.config import param
from radbench.contracts.results import Sample, TaskContext


class LungSegmentation:
    """Score the layer ``lung_mask``, a probability in [0,1], against the target ``lung_mask`` (section 3.1).

    A pixel is lung where the layer reaches the threshold. Everything is taken on the pixels of the original image. An
    empty mask scores 0 in every share and the image's diagonal in every distance, unless the truth is empty, too.
    """

    class Config(BaseConfig):
        """Where lung begins."""

        threshold: float = param(
            0.95,
            "probability from which on a pixel counts as lung",
            source="paper: lung U-Net §3.1",
            gt=0.0,
            le=1.0,
        )

    def __init__(self, config: LungSegmentation.Config) -> None:
        self.config = config

    def score_case(self, sample: Sample, context: TaskContext) -> Mapping[str, float]:
        """Return Dice, Jaccard, precision and recall, and the outlines' distances in pixels."""
        import torch

        from radbench.metrics import assd_px, dice, hd95_px, jaccard, precision, recall

        # The threshold as float32, so that a layer which holds it exactly is not lost to rounding.
        threshold = torch.tensor(self.config.threshold, dtype=torch.float32)
        found = (sample.layers["lung_mask"].detach().cpu() >= threshold)[None]
        truth = sample.case.targets["lung_mask"].detach().cpu()[None]
        measures = {
            "dice": dice,
            "jaccard": jaccard,
            "precision": precision,
            "recall": recall,
            "hd95_px": hd95_px,
            "assd_px": assd_px,
        }
        return {name: float(measure(found, truth)[0]) for name, measure in measures.items()}
