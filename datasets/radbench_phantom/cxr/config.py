"""The configuration of the data set ``phantom-cxr``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import field_validator, model_validator

from radbench.contracts.config import Config, param
from radbench_phantom.splits import checked_prevalence, checked_split

PLAIN_SHARE = 1 / 3
"""Share of ``look=mixed`` that is plain."""

_MIXED = 65

LEVELS = 65535
"""Steps of grey from 0 to 1 in the images, as a detector of 16 bits has them."""


class PhantomCxrConfig(Config):
    """Which patients there are, how their volumes become radiographs, and what a detector does to them."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {},
        "paper": {"patients": 644, "size": 512, "grid": (256, 256, 256), "bone": "window"},
    }

    seed: int = param(0, "Seed of all patients. A patient is in the same split of phantom-ct.", source="assumed", ge=0)
    patients: int = param(160, "Number of patients, over all splits.", source="assumed", ge=1)
    split: tuple[float, float, float] = param(
        (0.6, 0.2, 0.2),
        "Fractions of the patients in train, validation and test; multiples of 0.05.",
        source="paper: bone U-Net §3, 386/129/129 scans",
    )
    size: int = param(256, "Image side in pixels.", source="assumed; the papers have 512", ge=16, le=2048)
    grid: tuple[int, int, int] = param(
        (128, 128, 128), "Voxels of the volume along z, y, x, over the patient's field of view.", source="assumed"
    )
    look: Literal["plain", "stand", "bedside", "hospital", "mixed"] = param(
        "plain",
        "Whose pictures they look like. plain: what the fields below say, alike for all. stand: PA at a chest stand; "
        "bedside: AP, lying or sitting; hospital: half of each; mixed: a third plain, the others as hospital. Of a "
        "hospital, view, frame, beam, processing, edges and markers are drawn by patient, except what is set below to "
        "other than its default, and physics=ct2xray, spectrum=chest, frame=lungs, display=film and grid=192,96,192 "
        "unless set.",
        source="assumed; greys, views and marks after hannover-cxr, covid-cxr-lungs and ChestX-ray14",
    )
    physics: Literal["drr", "ct2xray"] = param(
        "drr",
        "drr: parallel projection of mean attenuation. ct2xray: cone beam of ten energies through bone and tissue.",
        source="paper: lung U-Net §2.1 (drr); XraySyn, Eq. 4-6 (ct2xray)",
    )
    beta: float = param(0.02, "drr: factor in the exponent.", source="paper: lung U-Net §2.1", gt=0.0)
    mu_water: float = param(0.2, "drr: attenuation of water in 1/cm.", source="paper: lung U-Net §2.1", gt=0.0)
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
    frame: Literal["volume", "lungs"] = param(
        "volume",
        "What the image shows. volume: the CT's whole field. lungs: a square round the lungs with the margins that "
        "a technologist leaves, which differ from patient to patient.",
        source="assumed",
    )
    display: Literal["paper", "log", "film"] = param(
        "paper",
        "How the image shows the beam. paper: by the paper (drr: Eq. 3; ct2xray: Eq. 5). log: -ln of the intensity. "
        "film: the sigmoid of a film over it, exposed by what passes the lungs.",
        source="paper: lung U-Net §2.1, XraySyn Eq. 5",
    )
    film_gamma: float = param(1.0, "film: steepness of the sigmoid over ln(intensity).", source="assumed", gt=0.0)
    film_exposure: float = param(
        0.3, "film: the intensity that is shown as middle grey, over the lungs' median.", source="assumed", gt=0.0
    )
    detail: float = param(
        0.0,
        "log, film: gain of what is finer than detail_mm, as the processing of digital systems has it.",
        source="assumed",
        ge=0.0,
        le=10.0,
    )
    detail_mm: float = param(
        10.0, "Standard deviation of the Gaussian that tells fine from coarse.", source="assumed", gt=0.0, le=100.0
    )
    photons: float | None = param(
        None, "Photons that a pixel counts in free air; none: no quantum noise.", source="assumed", gt=0.0
    )
    scatter: float = param(0.0, "Scattered over primary radiation.", source="assumed", ge=0.0, le=10.0)
    blur_mm: float = param(
        0.0, "Standard deviation of the detector's point spread, at the isocentre.", source="assumed", ge=0.0, le=20.0
    )
    bone: Literal["anatomy", "window"] = param(
        "anatomy",
        "What bone_image shows and soft_tissue_image lacks. anatomy: all of the bones. window: of these the voxels in "
        "[bone_hu_min, bone_hu_max], as the paper has it and the data set lidc.",
        source="assumed; paper: bone U-Net §2.2 (window)",
    )
    bone_hu_min: float = param(300.0, "window: bone begins here.", source="paper: bone U-Net §2.2")
    bone_hu_max: float | None = param(
        700.0, "window: bone ends here; none keeps dense cortical bone.", source="paper: bone U-Net §2.2"
    )
    soft_tissue_fill_hu: float = param(40.0, "What bone becomes in soft_tissue_image.", source="assumed")
    prevalence: dict[str, float] | None = param(
        None,
        "Share of the patients by finding; none: the phantom's own.",
        source="assumed: about what ChestX-ray14 and LIDC-IDRI hold, rare ones raised",
    )
    contrast: float = param(
        0.0, "Share of the patients with enhanced vessels; radiographs are taken without.", source="assumed", ge=0, le=1
    )
    devices: float = param(0.08, "Share of the patients with each device.", source="assumed", ge=0.0, le=1.0)
    kernel: Literal["smooth", "standard", "sharp"] = param("standard", "The CT's kernel.", source="assumed")
    noise: float = param(1.0, "Factor on the CT's noise.", source="assumed", ge=0.0, le=10.0)

    @model_validator(mode="before")
    @classmethod
    def _as_it_looks(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and values.get("look", "plain") not in ("plain", "mixed"):
            own = {
                "physics": "ct2xray",
                "spectrum": "chest",
                "frame": "lungs",
                "display": "film",
                "grid": (192, 96, 192),
            }
            return own | dict(values)
        return values

    @field_validator("grid")
    @classmethod
    def _possible_grid(cls, value: tuple[int, int, int]) -> tuple[int, int, int]:
        if min(value) < 16 or max(value) > 512:
            raise ValueError(f"grid must be three sides from 16 to 512 voxels; got {value}")
        return value

    @field_validator("split")
    @classmethod
    def _whole_split(cls, value: tuple[float, float, float]) -> tuple[float, float, float]:
        return checked_split(value)

    @field_validator("prevalence")
    @classmethod
    def _known_findings(cls, value: dict[str, float] | None) -> dict[str, float] | None:
        return checked_prevalence(value)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.look == "mixed":
            for look in ("plain", "hospital"):
                self._looking(look)
            return self
        if not all(math.isfinite(a) and abs(a) <= 45 for a in self.pose):
            raise ValueError(f"pose must be two angles from -45 to 45 degrees; got {self.pose}")
        if self.look != "plain" and (self.physics == "drr" or self.display == "paper"):
            raise ValueError(f"look={self.look} needs physics=ct2xray and display=film or log")
        if self.look != "plain" and self.pose[0]:
            raise ValueError(f"look={self.look} is a frontal view: of pose the elevation alone can be set")
        if self.physics == "drr" and any(self.pose):
            raise ValueError("physics=drr has parallel frontal rays alone; physics=ct2xray takes a pose")
        if not 500 <= self.source_isocentre_mm <= self.source_detector_mm:
            raise ValueError(
                "source_isocentre_mm must lie between 500 and source_detector_mm; "
                f"got {self.source_isocentre_mm:g} and {self.source_detector_mm:g}"
            )
        if self.bone_hu_max is not None and self.bone_hu_max <= self.bone_hu_min:
            raise ValueError(f"bone_hu_max={self.bone_hu_max:g} must be above bone_hu_min={self.bone_hu_min:g}")
        return self

    def of_patient(self, index: int) -> Self:
        """Return what holds for one patient: itself, or of ``look=mixed`` the look that the patient's number draws."""
        if self.look != "mixed":
            return self
        plain = np.random.default_rng((_MIXED, self.seed, index)).random() < PLAIN_SHARE
        return self._looking("plain" if plain else "hospital")

    def _looking(self, look: str) -> Self:
        # A configuration is its values: what is at its default was not asked for, however it came to be so.
        fields = type(self).model_fields
        asked = {name: value for name in fields if (value := getattr(self, name)) != fields[name].default}
        return type(self).model_validate(asked | {"look": look})

    def of_pixels(self) -> dict[str, Any]:
        """Return the fields that change a case's pixels or targets."""
        return self.model_dump(mode="json", exclude={"patients", "split"})
