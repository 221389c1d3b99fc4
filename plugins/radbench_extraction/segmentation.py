"""The task ``lung-segmentation``: the enhancer's lung mask against the true one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.config import param
from radbench.contracts.results import Sample, TaskContext
from radbench.contracts.specs import TaskSpec

LUNGS = {"projected": "lung_mask", "field": "lung_field_mask", "aerated": "aerated_lung_mask"}
"""The target, and the layer, of each definition of the lungs."""


class LungSegmentation:
    """Score a lung mask, a probability in [0,1], against the true one of the same definition (section 3.1).

    A pixel is lung where the layer reaches the threshold. Everything is taken on the pixels of the original image. An
    empty mask scores 0 in every share and the image's diagonal in every distance, unless the truth is empty, too.
    """

    class Config(BaseConfig):
        """Which lungs, and where they begin."""

        profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {"quick": {"truth": "field"}, "paper": {}}

        truth: Literal["projected", "field", "aerated"] = param(
            "projected",
            "the lungs' definition: projected, with what hides behind heart and diaphragm; field, as readers outline "
            "it, with the part behind the heart; aerated, ending at the heart's border",
            source="paper: lung U-Net §2.1 projects; quick: assumed, as readers outline",
        )
        threshold: float = param(
            0.95,
            "probability from which on a pixel counts as lung",
            source="paper: lung U-Net §3.1",
            gt=0.0,
            le=1.0,
        )

    def __init__(self, config: LungSegmentation.Config) -> None:
        self.config = config

    def score(self, sample: Sample, context: TaskContext) -> dict[str, float]:
        """Return Dice, Jaccard, precision and recall, and the outlines' distances in pixels."""
        import torch

        from radbench.metrics import assd_px, dice, hd95_px, jaccard, precision, recall

        name = LUNGS[self.config.truth]
        # The threshold as float32, so that a layer which holds it exactly is not lost to rounding.
        threshold = torch.tensor(self.config.threshold, dtype=torch.float32)
        found = (sample.layers[name].detach().cpu() >= threshold)[None]
        truth = sample.case.targets[name].detach().cpu()[None]
        measures = {
            "dice": dice,
            "jaccard": jaccard,
            "precision": precision,
            "recall": recall,
            "hd95_px": hd95_px,
            "assd_px": assd_px,
        }
        return {name: float(measure(found, truth)[0]) for name, measure in measures.items()}


def spec_of_lung_segmentation(spec: TaskSpec, config: BaseConfig, parts: Mapping[str, Any]) -> TaskSpec:
    """Return the spec: target and layer are those of the definition that is asked for."""
    assert isinstance(config, LungSegmentation.Config)
    name = LUNGS[config.truth]
    return replace(spec, needs_targets=(name,), needs_layers=(name,), truth=(name,))
