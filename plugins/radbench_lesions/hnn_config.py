"""The configuration of the task ``hnn``: the defaults are the papers', the profile quick is for two cores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from radbench.contracts.config import Config, PartName, learns_from, local, param

_SGAN, _HED = "paper section", "code: Xie & Tu 2015, HED"
VGG_WIDTH = 64


class HNNConfig(Config):
    """What the network sees, how it is built and trained, and what becomes of its answer."""

    trained_on: PartName = learns_from(
        lambda config: None,
        description="whose train split it learns from, in place of the data set that is scored: for collections that "
        "are too small to learn from",
        needs=("recist",),
        source="assumed: the paper trains and tests on one collection",
    )
    input: Literal["enhanced", "stacked"] = param(
        "enhanced",
        "what the three 8-bit channels hold: the enhanced image three times, or [original, denoised, enhanced] where "
        "the enhancement has a layer 'denoised' and [original, enhanced, enhanced] where it has none",
        source=f"{_SGAN} 2.2 stacks the three; two channels' worth for a single enhancer is assumed",
    )
    region: Literal["roi", "image"] = param(
        "roi",
        "what it is shown, in training as at test time: a square round the RECIST marks, which tells it where the "
        "lesion lies and how long it is, or the whole image",
        source=f"{_SGAN} 3: regions of interest are cropped by the marks, those of the test set not excepted",
    )
    roi_scale: float = param(
        2.0,
        "side of the square region of interest, in long diameters; GrabCut's as well",
        source=f"{_SGAN} 3",
        gt=1.0,
        le=10.0,
    )
    size: int = param(
        256, "side in pixels that the region is scaled to", source="assumed: the paper does not say", ge=32, le=1024
    )
    masks: Literal["input", "original"] = param(
        "input",
        "what GrabCut segments for the masks that are learnt: the same channels as the network sees, or the original "
        "image for every enhancer",
        source="assumed: section 2.2 has one input for both methods and does not say which",
    )
    width: int = param(
        VGG_WIDTH, "filters of the first stage", source=f"{_HED}: VGG-16's", affects="weights", ge=1, le=VGG_WIDTH
    )
    padding: int = param(35, "zeros round the input, in pixels", source=_HED, affects="weights", ge=9, le=128)
    pretrained: bool = param(
        True,
        "begin with VGG-16's weights of ImageNet, from timm; false begins with random ones (He et al. 2015)",
        source=_HED,
        affects="weights",
    )
    vgg_weights: str = local(
        "",
        "a file to take VGG-16's weights from instead, whatever 'pretrained' says",
        source="assumed",
        affects="weights",
    )
    rates: Literal["hed", "equal"] = param(
        "hed",
        "learning rates of the layers: HED's factors (1 for stages 1-4, 100 for stage 5, 0.01 for the side outputs, "
        "0.001 for the fusion; biases twice as much), which suit pretrained stages and SGD, or all the same",
        source=_HED,
        affects="weights",
    )
    optimiser: Literal["sgd", "adam"] = param("sgd", "SGD (momentum 0.9) or Adam", source=_HED, affects="weights")
    learning_rate: float = param(
        1e-6, "at the start; the loss is summed over pixels", source=_HED, affects="weights", gt=0.0
    )
    weight_decay: float = param(2e-4, "of weights; biases have none", source=_HED, affects="weights", ge=0.0)
    schedule: Literal["step", "cosine", "constant"] = param(
        "step", "of the learning rate; step: a tenth every step_epochs", source=_HED, affects="weights"
    )
    step_epochs: int = param(
        3,
        "epochs between the steps of the rate",
        source=f"{_HED}: 10,000 steps of ten, about three epochs of DeepLesion",
        affects="weights",
        ge=1,
    )
    batch_size: int = param(10, "lesions per optimiser step", source=_HED, affects="weights", ge=1)
    epochs: int = param(
        10,
        "of training; the weights of the lowest validation loss stay",
        source=f"{_HED}: 30,000 steps of ten, about ten epochs of DeepLesion; the paper trains until convergence",
        affects="weights",
        ge=1,
    )
    patience: int | None = param(
        None,
        "epochs without a better validation before training ends; none: all epochs",
        source="assumed",
        affects="weights",
    )
    augmentation: Literal["none", "moves"] = param(
        "none",
        "moves: flips, rotations by any angle and scaling by up to 15 %",
        source="assumed: the paper names none",
        affects="weights",
    )
    threshold: float | None = param(
        None,
        "probability of the fused output above which a pixel is lesion; none: the one of 0.01 to 0.99 that gives the "
        "highest mean Dice with GrabCut's masks of the validation split",
        source="assumed: the paper does not say. HED is judged at the best threshold of a set; at 0.5, the balanced "
        "loss makes a lesion too large",
        affects="use",
        gt=0.0,
        lt=1.0,
    )
    components: Literal["all", "largest"] = param(
        "all", "which connected parts of the answer count", source="assumed: the paper names none", affects="use"
    )

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {
            "size": 96,
            "width": 8,
            "padding": 9,
            "pretrained": False,
            # HED's factors are for a body that is pretrained, and Adam would undo them.
            "rates": "equal",
            "optimiser": "adam",
            "learning_rate": 2e-3,
            "schedule": "cosine",
            "batch_size": 4,
            "epochs": 40,
            "augmentation": "moves",
        },
        "paper": {},
    }

    @model_validator(mode="after")
    def _of_vgg_width(self) -> Self:
        if self.width != VGG_WIDTH and (self.pretrained or self.vgg_weights):
            raise ValueError(
                f"VGG-16's weights fit a body of width {VGG_WIDTH} only, got width {self.width}: set "
                f"width={VGG_WIDTH}, or pretrained=false and no vgg_weights"
            )
        return self
