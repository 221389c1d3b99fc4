"""The configurations of lung-unet and bone-unet; the defaults are the papers', the profile quick is for two cores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from radbench.contracts.config import Config, PartName, learns_from, local, param

_LUNG, _BONE = "paper lung U-Net", "paper bone U-Net"

Augmentations = Literal["none", "paper", "broad"]

_QUICK = {
    # Real radiographs look otherwise than the papers' projections, and their readers outline the lungs otherwise.
    "trained_on": "phantom-cxr[look=mixed]",
    "size": 128,
    "first_filters": 8,
    "norm": "group",
    "upsampling": "bilinear",
    "detail": "carried",
    "mirrored": True,
    "only_chests": True,
    "stretched": False,
    # Small steps, but many: a hundred radiographs make few of eight.
    "batch_size": 2,
    "schedule": "cosine",
}


class UnetConfig(Config):
    """What both share: the network's size and how it is trained."""

    size: int = param(
        512,
        "side of the networks' input, in pixels; carried: of the segmentation's alone",
        source=f"{_LUNG} §2.2: 512x512",
        ge=16,
        le=2048,
    )
    first_filters: int = param(
        32,
        "channels of the first convolution; carried: of the segmentation alone",
        affects="weights",
        source=f"{_LUNG} §2.2",
        ge=1,
        le=256,
    )
    depth: int = param(
        4, "how often the resolution is halved", affects="weights", source="assumed: as Ronneberger et al.", ge=1, le=6
    )
    dilation: int = param(2, "dilation rate", affects="weights", source=f"{_LUNG} §2.2", ge=1, le=8)
    dilated_levels: int = param(
        2,
        "how many of the deepest levels are dilated",
        affects="weights",
        source="assumed: the paper does not say where",
        ge=0,
        le=7,
    )
    norm: Literal["none", "batch", "instance", "group"] = param(
        "none", "after each 3x3 convolution", affects="weights", source=f"{_LUNG} §2.2: no batch normalisation"
    )
    upsampling: Literal["transposed", "bilinear", "nearest"] = param(
        "transposed",
        "a 2x2 transposed convolution, or interpolation and a 3x3 one",
        affects="weights",
        source="assumed: as Ronneberger et al.",
    )
    detail: Literal["learnt", "carried"] = param(
        "learnt",
        "what is finer than the network's pixels: learnt, where ``size`` has it; carried: the radiograph's own, as "
        "much of it as a second output of the network says",
        source=f"{_LUNG} §2.3; carried: assumed",
    )
    detail_size: int = param(
        256, "carried: side at which it is learnt how much, in pixels", source="assumed", ge=16, le=2048
    )
    coarse_size: int = param(
        64, "carried: side of the extraction's input, in pixels", affects="weights", source="assumed", ge=16, le=512
    )
    coarse_filters: int = param(
        16, "carried: channels of its first convolution", affects="weights", source="assumed", ge=1, le=256
    )
    fine_weight: float = param(
        2.0, "carried: of the loss of what is finer", affects="weights", source="assumed", ge=0.0
    )
    detail_gain: float = param(
        1.0,
        "carried: times the gain that was learnt; L1 learns less than there is, since edges of ribs count as noise",
        affects="use",
        source="assumed",
        ge=0.0,
    )
    mirrored: bool = param(
        False,
        "give the mean of what is found in the radiograph and in its mirror image, faded where the two differ by more "
        "than in 99.5 % of validation (without one, of training), to nothing at twice that",
        affects="weights",
        source="assumed",
    )
    stretched: bool = param(
        True,
        "scale what was extracted to [0,1] before it is added",
        affects="use",
        source=f"{_LUNG} Eq. 6; false: assumed, so that little is not made much of",
    )

    only_chests: bool = param(
        False,
        "ask a small network first whether the image is a frontal chest radiograph, right way up; where it hardly is, "
        "lung or bone image fade, and where it is none there is nothing, no mask either",
        affects="weights",
        source="assumed",
    )
    chest_epochs: int = param(60, "only_chests: of that network's training", affects="weights", source="assumed", ge=1)

    @model_validator(mode="after")
    def _detail_is_finer(self) -> UnetConfig:
        if self.detail == "carried" and (self.detail_size % self.coarse_size or self.detail_size == self.coarse_size):
            raise ValueError(
                f"detail_size must be a multiple of coarse_size, twice it or more, got {self.detail_size} and "
                f"{self.coarse_size}"
            )
        return self

    batch_size: int = param(8, "radiographs per optimiser step", affects="weights", source=f"{_LUNG} §2.2", ge=1)
    schedule: Literal["constant", "cosine", "step"] = param(
        "constant", "of the learning rate", affects="weights", source="assumed: the papers give an initial rate only"
    )
    patience: int | None = param(
        None, "epochs without a better validation before training ends", affects="weights", source="assumed: all epochs"
    )


LUNGS = {"projected": "lung_mask", "field": "lung_field_mask", "aerated": "aerated_lung_mask"}
"""The target that is learnt, and the layer that is offered, for each definition of the lungs."""


class LungUnetConfig(UnetConfig):
    """Configuration of lung-unet."""

    trained_on: PartName = learns_from(
        "phantom-cxr",
        description="data set to learn from",
        source="assumed; the papers have DRRs of LIDC-IDRI: lidc[root=PATH]",
        needs=lambda config: (LUNGS[config.lung], "lung_image", "nodule_mask"),
    )
    lung: Literal["projected", "field", "aerated"] = param(
        "projected",
        "the lungs that are learnt: projected, with what hides behind heart and diaphragm; field, as readers outline "
        "them with the part behind the heart; aerated, ending at the heart's border",
        source=f"{_LUNG} §2.1; field, aerated: assumed",
    )
    segmentation_augmentation: Augmentations = param(
        "paper",
        "broad adds gamma, contrast, blur, noise, cropping, occlusion, collimation and veils, and moves a film before "
        "it is equalised",
        affects="weights",
        source=f"{_LUNG} §2.2; broad: assumed",
    )
    extraction_augmentation: Augmentations = param(
        "paper",
        "the same, of the extraction; broad without occlusion, collimation and veils, and moves a film after it was "
        "equalised",
        affects="weights",
        source=f"{_LUNG} §2.3; broad: assumed",
    )
    segmentation: bool = param(
        True,
        "normalise the lung area that a segmentation network finds; else the whole image",
        affects="weights",
        source=f"{_LUNG} §2.4",
    )
    threshold: float = param(0.95, "of the segmentation", affects="weights", source=f"{_LUNG} §3.1", gt=0.0, lt=1.0)
    lung_std: float = param(
        0.5, "standard deviation of the normalised area", affects="weights", source=f"{_LUNG} §2.3", gt=0.0
    )
    equalise: bool = param(True, "histogram equalisation, then CLAHE", source=f"{_LUNG} §2.3")
    clahe_kernel: int = param(40, "CLAHE window, in pixels at ``size``", source=f"{_LUNG} §2.3: [40,40]", ge=2)
    clahe_clip: float = param(0.01, "CLAHE clip limit", source=f"{_LUNG} §2.3", ge=0.0, le=1.0)
    nodule_weight: float = param(
        30.0, "w_noduleLoss of Eq. 5; 0 is plain L1", affects="weights", source=f"{_LUNG} §2.3", ge=0.0
    )
    weight: float = param(
        1.0, "w of Eq. 6: how much of the lung image is added", source="assumed", affects="use", ge=0.0
    )
    pieces: int | None = param(
        None,
        "how many of the largest pieces of the mask are kept, of at least a tenth of the largest, and their small "
        "holes filled; None: it stays as it is",
        affects="weights",
        source="assumed",
        ge=1,
    )
    framed: bool = param(
        False,
        "find the lungs without each of the radiograph's sides, too, and once more in the box round them; the mean of "
        "logits is taken",
        affects="use",
        source="assumed",
    )
    held: bool = param(
        False,
        "with a segmentation: leave out of the lung image what lies further from the lungs than a tenth of the side, "
        "below them than a fifth",
        affects="use",
        source="assumed",
    )
    positive_weight: float = param(
        19.0,
        "of lung pixels in the cross-entropy",
        affects="weights",
        source="assumed: a pixel that is as likely lung as not then just reaches the threshold of 0.95",
        gt=0.0,
    )
    dice_weight: float = param(
        0.0, "of a soft Dice loss beside the cross-entropy", affects="weights", source="assumed", ge=0.0
    )
    segmentation_noise: float = param(
        0.2, "std of the input noise while training", affects="weights", source=f"{_LUNG} §2.2", ge=0.0
    )
    segmentation_epochs: int = param(80, "of the segmentation", affects="weights", source=f"{_LUNG} §2.2", ge=1)
    extraction_epochs: int = param(200, "of the extraction", affects="weights", source=f"{_LUNG} §2.3", ge=1)
    segmentation_rate: float = param(1e-4, "learning rate", affects="weights", source=f"{_LUNG} §2.2", gt=0.0)
    extraction_rate: float = param(1e-4, "learning rate", affects="weights", source=f"{_LUNG} §2.3", gt=0.0)

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {
            **_QUICK,
            "lung": "field",
            "pieces": 2,
            "framed": True,
            "held": True,
            "detail_gain": 2.0,
            "weight": 0.25,
            "clahe_kernel": 10,
            "segmentation_augmentation": "broad",
            "extraction_augmentation": "broad",
            "segmentation_epochs": 90,
            "extraction_epochs": 100,
            "segmentation_rate": 2e-3,
            "extraction_rate": 2e-3,
        },
        "paper": {},
    }


class BoneUnetConfig(UnetConfig):
    """Configuration of bone-unet."""

    trained_on: PartName = learns_from(
        "phantom-cxr",
        description="data set to learn from",
        source="assumed; the papers have DRRs of LIDC-IDRI: lidc[root=PATH]",
        needs=("bone_image",),
    )
    augmentation: Augmentations = param(
        "paper",
        "broad adds cropping, turns, gamma and blur",
        affects="weights",
        source=f"{_BONE} §2.3.2; broad: assumed",
    )
    mode: Literal["enhance", "suppress"] = param(
        "enhance", "add the bones, or take them away", source=f"{_BONE} §2.4, §1", affects="use"
    )
    weight: float = param(
        1.0,
        "enhance: how much of the bone image is added; suppress has suppress_weight",
        source="assumed",
        affects="use",
        ge=0.0,
    )
    suppress_weight: float = param(
        0.05,
        "suppress: how much of the bone image, whose scale is not the radiograph's, is taken away",
        source="assumed: what spoils least in the phantom's validation split, profile quick",
        affects="use",
        ge=0.0,
    )
    loss: Literal["perceptual", "l1"] = param(
        "perceptual", "what is minimised", affects="weights", source=f"{_BONE} §2.3.1"
    )
    pretrained: bool = param(
        True,
        "perceptual: ImageNet's weights of VGG-16; false takes random features",
        affects="weights",
        source=f"{_BONE} §2.3.1",
    )
    vgg_weights: str = local(
        "", "perceptual: a file to take VGG-16's weights from", source="assumed", affects="weights"
    )
    epochs: int = param(100, "of training", affects="weights", source=f"{_BONE} §2.3.2", ge=1)
    learning_rate: float = param(1e-3, "of Adam", affects="weights", source=f"{_BONE} §2.3.2", gt=0.0)

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {**_QUICK, "detail_size": 128, "pretrained": False, "epochs": 75, "learning_rate": 2e-3},
        "paper": {},
    }
