"""The configurations of xraysyn and its ablations; defaults are the paper's, the profile quick is for two cores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from radbench.contracts.config import Config, PartName, affects, learns_from, param, part

_PAPER, _CODE = "paper XraySyn", "code XraySyn"
_TABLE_3 = f"{_PAPER} Table 3"

_QUICK_VOLUMES: dict[str, Any] = {
    "trained_on": "phantom-ct[patients=80]",
    "voxels": 64,
    "first_filters": 12,
    "most_filters": 96,
    "levels": 5,
    "spectral_norm": False,
    "xray_weight": 6.0,
    "other_views": 3,
    "batch_size": 2,
    "epochs": 20,
    "steps_per_epoch": 40,
    "learning_rate": 2e-3,
    "schedule": "cosine",
    "greys": "fitted",
}


class SimulatedConfig(Config):
    """What all share: what they learn from, and how CT becomes what they are shown."""

    trained_on: PartName = learns_from(
        "phantom-ct",
        description="CT to learn from; another size needs voxels along",
        source=f"assumed; {_PAPER}, implementation details: LIDC-IDRI, lidc[root=PATH]",
        needs=("volume_hu", "bone_volume", "volume_spacing_mm"),
    )
    voxels: int = param(
        128,
        "of the volumes along each axis, and pixels of the projections; a multiple of 16",
        source=f"{_PAPER}, dataset: 128 x 128 x 128",
        ge=16,
        le=256,
        multiple_of=16,
    )
    angle: float = param(
        18.0,
        "greatest azimuth and elevation of both views that a step learns from, in degrees",
        affects="weights",
        source=f"{_PAPER}, implementation details",
        ge=0.0,
        le=45.0,
    )
    other_views: int = param(
        1, "views beside the input's that a step learns from", affects="weights", source=f"{_PAPER} Eq. 9", ge=1, le=64
    )
    batch_size: int = param(8, "CTs per optimiser step", affects="weights", source=_CODE, ge=1)
    epochs: int = param(100, "of the training on CT", affects="weights", source=_CODE, ge=1)
    steps_per_epoch: int | None = param(
        None,
        "optimiser steps in an epoch, which take the CTs again from new views; none: as many as go through them once",
        affects="weights",
        source=_CODE,
        ge=1,
    )
    learning_rate: float = param(1e-4, "of Adam", affects="weights", source=_CODE, gt=0.0)
    beta1: float = param(0.5, "of Adam", affects="weights", source=_CODE, ge=0.0, lt=1.0)
    beta2: float = param(0.9, "of Adam", affects="weights", source=_CODE, ge=0.0, lt=1.0)
    schedule: Literal["constant", "cosine"] = param("constant", "of the learning rate", affects="weights", source=_CODE)
    greys: Literal["own", "fitted"] = param(
        "own",
        "how what is rendered becomes an image; own: each view over its own range; fitted: by the gain and offset with "
        "which the input's view comes closest to the radiograph, so that no marker or film's edge sets the scale",
        affects="weights",
        source=f"{_CODE}; fitted: assumed",
    )


class VolumesConfig(SimulatedConfig):
    """What those share that estimate a volume."""

    first_filters: int = param(
        96, "channels of the first 3-D convolution; they double from level to level", affects="weights",
        source=_TABLE_3, ge=1, le=512,
    )  # fmt: skip
    most_filters: int = param(768, "channels at the most", affects="weights", source=_TABLE_3, ge=1, le=4096)
    levels: int = param(6, "how often the resolution is halved", affects="weights", source=_TABLE_3, ge=1, le=8)
    spectral_norm: bool = param(True, "of every 3-D convolution", affects="weights", source=_CODE)
    refinements: int = param(
        0,
        "of the backprojection: each adds what its projection still lacks of the radiograph",
        affects="weights",
        source=f"{_PAPER} Eq. 7",
        ge=0,
        le=8,
    )
    ct_weight: float = param(
        1.0, "of the L1 of the CT, in units of 5000 HU", affects="weights",
        source=f"assumed; {_PAPER} Eq. 9 leaves it open", ge=0.0,
    )  # fmt: skip
    mask_weight: float = param(
        1.0, "of the cross-entropy of bone", affects="weights", source=f"assumed; {_PAPER} Eq. 9 leaves it open", ge=0.0
    )
    xray_weight: float = param(
        1.0,
        "of the L1 of both views: radiographs in [0,1], tissue in 10 g/cm^2, bone in g/cm^2",
        affects="weights",
        source=f"assumed; {_PAPER} Eq. 9 leaves it open",
        ge=0.0,
    )

    @model_validator(mode="after")
    def _deep_enough(self) -> VolumesConfig:
        if 2**self.levels > self.voxels:
            raise ValueError(f"{self.voxels} voxels cannot be halved {self.levels} times: take fewer levels")
        return self


class SuppressingConfig(VolumesConfig):
    """What those share that tell bone from tissue: how they take it out of a radiograph."""

    mode: Literal["suppress", "bone"] = param(
        "suppress",
        "the enhanced image: the radiograph less its bones, or with them brought out by as much",
        affects="use",
        source=f"{_PAPER} Algorithm 1; bone: assumed",
    )
    strength: float = param(
        1.0, "how far bone's attenuation is moved to tissue's; 0 leaves the image as it is", affects="use",
        source=f"{_PAPER} Algorithm 1", ge=0.0, le=1.0,
    )  # fmt: skip


class X2CtConfig(SuppressingConfig):
    """Configuration of x2ct."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {"quick": {**_QUICK_VOLUMES}, "paper": {}}


class DrrConfig(VolumesConfig):
    """Configuration of 3dpn-drr."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {"quick": {**_QUICK_VOLUMES}, "paper": {}}


class RefinerConfig(SimulatedConfig):
    """Configuration of 2d-refiner."""

    blocks: int = param(20, "residual dense blocks", affects="weights", source=f"{_PAPER}, supplement", ge=1, le=64)
    layers: int = param(8, "convolutions of each", affects="weights", source=f"{_PAPER}, supplement", ge=1, le=32)
    growth: int = param(
        64, "channels that each adds; of the blocks, too", affects="weights", source=f"{_PAPER}, supplement", ge=1
    )
    refinements: int = param(0, "of the backprojection", affects="weights", source=f"{_PAPER} Eq. 7", ge=0, le=8)

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {
            **{k: v for k, v in _QUICK_VOLUMES.items() if k in SimulatedConfig.model_fields},
            "other_views": 1,
            "blocks": 6,
            "layers": 6,
            "growth": 24,
            "learning_rate": 1e-3,
        },
        "paper": {},
    }


def _first_stage(config: XraySynConfig) -> XraySynConfig | None:
    if config.stage == 1:
        return None
    # Of the second stage nothing is handed on: the first is one part, whatever the second is like.
    kept = {name: getattr(config, name) for name in FIRST_STAGE if affects(XraySynConfig, name) != "use"}
    return XraySynConfig(**kept, stage=1)


class XraySynConfig(SuppressingConfig):
    """Configuration of xraysyn. With ``stage=1`` the fields of the second stage stand at their defaults."""

    stage: int = param(
        2, "1: 3DPN alone, learnt from CT; 2: 2DRN refines it, learnt from radiographs", source=_PAPER, ge=1, le=2
    )
    anchored: bool = param(
        False,
        "the first stage's tissue is scaled along every ray of the input's view until, with its bone, it shows the "
        "radiograph",
        affects="weights",
        source="assumed: for trainings of minutes",
    )
    volumes: PartName = part(
        "enhancer", _first_stage, description="the first stage, which the second refines", source=_PAPER,
        affects="weights",
    )  # fmt: skip
    refined_on: PartName = learns_from(
        lambda config: "phantom-cxr[look=hospital]" if config.stage == 2 else None,
        description="radiographs that the second stage learns from; they need no labels",
        source=f"assumed; {_PAPER}, dataset: healthy ones of TBX11K, tbx11k[root=PATH]",
    )
    meta: bool = param(
        True,
        "M makes a 1x1 convolution of 2DRN for each radiograph; false: one is learnt for all",
        affects="weights",
        source=f"{_PAPER} Eq. 11, Table 2",
    )
    blocks: int = param(16, "residual dense blocks", affects="weights", source=f"{_PAPER}, supplement", ge=1, le=64)
    layers: int = param(8, "convolutions of each", affects="weights", source=f"{_PAPER}, supplement", ge=1, le=32)
    growth: int = param(
        64, "channels that each adds; of the blocks, too", affects="weights", source=f"{_PAPER}, supplement", ge=1
    )
    discriminator_filters: int = param(
        64, "of the PatchGAN's first convolution", affects="weights", source=_CODE, ge=1, le=512
    )
    input_angle: float = param(
        4.5,
        "greatest azimuth and elevation that a radiograph is taken to be seen from, in degrees",
        affects="weights",
        source=f"{_CODE}; {_PAPER} has 18",
        ge=0.0,
        le=45.0,
    )
    other_angle: float = param(
        9.0,
        "the same of the other view",
        affects="weights",
        source=f"{_CODE}; {_PAPER} has 18",
        ge=0.0,
        le=45.0,
    )
    recon_weight: float = param(1.0, "of the input view's L1", affects="weights", source=f"{_CODE}, Eq. 13", ge=0.0)
    gan_weight: float = param(
        0.02, "of the discriminator's verdict on the other view", affects="weights", source=f"{_CODE}, Eq. 13", ge=0.0
    )
    sparsity_weight: float = param(
        0.005,
        "of the refined bone's L1 to the first stage's, where it exceeds 1 in the mean of both views",
        affects="weights",
        source=_CODE,
        ge=0.0,
    )
    refining_batch: int = param(8, "radiographs per step", affects="weights", source=_CODE, ge=1)
    refining_epochs: int = param(100, "of the second stage", affects="weights", source=_CODE, ge=1)
    refining_rate: float = param(1e-4, "of Adam, for both networks", affects="weights", source=_CODE, gt=0.0)

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {
            **_QUICK_VOLUMES,
            "anchored": True,
            "blocks": 4,
            "layers": 4,
            "growth": 16,
            "discriminator_filters": 16,
            "refining_batch": 4,
            "refining_epochs": 25,
            "refining_rate": 5e-4,
        },
        "paper": {},
    }

    @model_validator(mode="before")
    @classmethod
    def _of_one_stage(cls, values: Any) -> Any:
        # What a profile sets of the second stage goes; what somebody names would go in silence, and is refused.
        if not isinstance(values, Mapping) or str(values.get("stage", 2)) != "1":
            return values
        for name in sorted(SECOND_STAGE & values.keys()):
            if values[name] is not None and values[name] not in _unnamed(cls, name):
                raise ValueError(
                    f"{name} is of the second stage, which stage=1 leaves out: leave out {name}, or stage=1"
                )
        return {name: value for name, value in values.items() if name not in SECOND_STAGE}


def _unnamed(model: type[XraySynConfig], name: str) -> list[Any]:
    """Return what a field holds where nobody names it: its default, and what the profiles set."""
    by_profile = [profile[name] for profile in model.profiles.values() if name in profile]
    return [model.model_fields[name].get_default(call_default_factory=True), *by_profile]


FIRST_STAGE = (frozenset(SuppressingConfig.model_fields) | {"anchored"}) - {"stage"}
"""The fields that the first stage has."""

SECOND_STAGE = frozenset(XraySynConfig.model_fields) - FIRST_STAGE - {"stage"}
"""The fields that mean nothing to the first stage."""
