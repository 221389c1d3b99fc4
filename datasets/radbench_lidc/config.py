"""The configuration of the data set ``lidc``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import field_validator, model_validator

from radbench.contracts.config import Config, local, param
from radbench.xray.chest import ChestBeam


class LidcConfig(Config):
    """Where the collection lies, which scans and nodules count, and how they become radiographs."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"size": 128, "volume_mm": 2.5},
        "paper": {"size": 512},
    }

    root: Path = local(
        description="Folder that the collection, or a part of it, was downloaded to; folders below it count, too.",
    )
    readings: Path | None = local(
        None, "Folder of the readers' XML, where it was downloaded apart from the images.", source="assumed"
    )
    size: int = param(512, "Image side in pixels.", source="paper: lung U-Net §2.2, bone U-Net §2.3", ge=16, le=2048)
    frame: Literal["pad", "crop", "stretch"] = param(
        "pad",
        "How a scan's field becomes a square. pad: air round the shorter side; crop: the middle of the longer side; "
        "stretch: all of it, with pixels that are not square.",
        source="assumed",
    )
    physics: Literal["drr", "ct2xray"] = param(
        "drr",
        "drr: parallel projection of mean attenuation. ct2xray: cone beam of ten energies through bone and tissue.",
        source="paper: lung U-Net §2.1 (drr); XraySyn, Eq. 4-6 (ct2xray)",
    )
    beta: float = param(0.02, "drr: factor in the exponent.", source="paper: lung U-Net §2.1", gt=0.0)
    mu_water: float = param(0.2, "drr: attenuation of water in 1/cm.", source="paper: lung U-Net §2.1", gt=0.0)
    sign: Literal[1, -1] = param(
        1,
        "drr: sign of the exponent. With -1 the image is reversed, so that dense stays bright.",
        source="paper: lung U-Net, Eq. 3",
    )
    pose: tuple[float, float] = param(
        (0.0, 0.0), "ct2xray: azimuth and elevation of the view in degrees.", source="paper: XraySyn, frontal T"
    )
    source_detector_mm: float = param(1800.0, "ct2xray: source to detector.", source="assumed: a chest stand", gt=0.0)
    source_isocentre_mm: float = param(
        1600.0, "ct2xray: source to the volume's centre.", source="assumed: a chest stand", gt=0.0
    )
    spectrum: Literal["paper", "chest"] = param(
        "paper",
        "ct2xray: energies. paper: ten from 15 to 87 keV, unweighted. chest: those of a filtered beam of 120 kV, which "
        "shows less bone.",
        source="code: XraySyn (paper); assumed (chest)",
    )
    display: Literal["paper", "log"] = param(
        "paper",
        "How image and soft_tissue_image show the beam. paper: by the paper (drr: Eq. 3; ct2xray: Eq. 5, which leaves "
        "the body nearly white). log: -ln of what passes.",
        source="paper: lung U-Net §2.1, XraySyn Eq. 5",
    )
    body_only: bool = param(
        False, "Whether what lies outside the body (couch, clothes) becomes air first.", source="assumed"
    )
    slice_thickness_max_mm: float = param(
        2.5, "Scans with thicker slices are left out.", source="paper: lung U-Net §3.2", gt=0.0
    )
    unread: Literal["refuse", "keep"] = param(
        "refuse",
        "Patients of whom no CT series has a reading. refuse: a fault when loaded; keep: taken, and nodule_mask and "
        "findings are then no targets of the data set.",
        source="assumed",
    )
    nodule_texture_above: float = param(
        3.0, "A nodule counts when the readers' median texture is greater.", source="paper: lung U-Net §2.3"
    )
    nodule_subtlety_above: float = param(
        4.0, "A nodule counts when the readers' median subtlety is greater.", source="paper: lung U-Net §2.3"
    )
    nodule_min_readers: int = param(
        2, "A nodule counts when so many readers outlined it.", source="paper: lung U-Net §2.3", ge=1, le=4
    )
    nodule_agreement: float = param(
        0.5, "Part of a nodule's readers that must have a voxel inside it.", source="assumed", ge=0.0, le=1.0
    )
    lung_threshold_hu: float = param(-500.0, "Lung lies below.", source="paper: lung U-Net §2.2")
    lung_hole_mm2: float = param(
        1500.0, "Holes of the lungs up to this area in a slice (vessels, nodules) are filled.", source="assumed", ge=0.0
    )
    lung_closing_mm: float = param(
        5.0,
        "Radius of the lungs' closing in each slice, for vessels and nodules at their border.",
        source="assumed",
        ge=0,
    )
    lung_with_nodules: bool = param(
        True,
        "Whether the voxels of the readers' nodules, those that count and others, belong to the lungs: one that "
        "touches the hilum or the pleura would be missing in lung_image.",
        source="assumed",
    )
    readers_lungs: bool = param(
        True,
        "Whether there are lung_field_mask and aerated_lung_mask, the lungs as readers outline them. A scan whose "
        "spine or diaphragm is not found is a fault then.",
        source="assumed",
    )
    spine_bone_hu: float = param(
        160.0,
        "Vertebrae begin here, in voxels of 2 mm, where the spine is looked for that ends the lungs as readers see "
        "them.",
        source="assumed",
    )
    lung_fill_hu: float = param(
        -1000.0,
        "What is not lung becomes this in lung_image. Eq. 4 as printed makes it water, 0; the pictures show air.",
        source="assumed",
    )
    bone_hu_min: float = param(300.0, "Bone begins here.", source="paper: bone U-Net §2.2")
    bone_hu_max: float | None = param(
        700.0, "Bone ends here; none keeps dense cortical bone.", source="paper: bone U-Net §2.2"
    )
    bone_fill_hu: float = param(
        -1024.0, "What is not bone becomes this in bone_image.", source="paper: bone U-Net §2.2"
    )
    soft_tissue_fill_hu: float = param(40.0, "What is bone becomes this in soft_tissue_image.", source="assumed")
    bone_volume_hu: float = param(350.0, "bone_volume is what lies above.", source="assumed: XraySyn states none")
    drop_blood_pools: bool = param(
        True,
        "Drop what is dense through and through from bone_volume and bone_mask: vessels full of contrast agent.",
        source="assumed",
    )
    bone_piece_ml: float = param(
        0.5, "Pieces of bone_volume below this volume are no part of bone_mask.", source="assumed", ge=0.0
    )
    volume_mm: float | None = param(
        None, "Voxel side of volume_hu and bone_volume in mm; none: the scan's own.", source="assumed", ge=0.5, le=10.0
    )
    split: tuple[float, float, float] = param(
        (0.6, 0.2, 0.2),
        "Share of the patients in train, validation and test.",
        source="paper: bone U-Net §3, 386/129/129",
    )
    split_seed: int = param(0, "Another one deals the patients anew.", source="assumed", ge=0)

    @field_validator("split")
    @classmethod
    def _whole(cls, value: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(value) < 0 or not math.isclose(sum(value), 1.0, abs_tol=1e-9):
            raise ValueError(f"split must be three shares that sum to 1, got {list(value)}")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.physics == "drr" and any(self.pose):
            raise ValueError("physics=drr has parallel frontal rays alone; physics=ct2xray takes a pose")
        _ = self.beam  # refuses what no chest stand can be
        if self.bone_hu_max is not None and self.bone_hu_max <= self.bone_hu_min:
            raise ValueError(f"bone_hu_max={self.bone_hu_max:g} must be above bone_hu_min={self.bone_hu_min:g}")
        return self

    @property
    def beam(self) -> ChestBeam:
        """The beam of physics=ct2xray."""
        return ChestBeam(self.pose, self.source_detector_mm, self.source_isocentre_mm, self.spectrum)

    def of_pixels(self) -> dict[str, Any]:
        """Return the fields that change a case's pixels or targets."""
        return self.model_dump(mode="json", exclude=set(_NOT_OF_PIXELS))


_NOT_OF_PIXELS = ("root", "readings", "slice_thickness_max_mm", "split", "split_seed")
