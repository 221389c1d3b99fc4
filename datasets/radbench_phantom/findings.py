"""The data set phantom-findings: many small radiographs of made-up patients for computer-aided detection."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import field_validator

from radbench.contracts.config import Config, param
from radbench_phantom.cxr.config import PhantomCxrConfig
from radbench_phantom.cxr.dataset import PhantomCxr
from radbench_phantom.splits import checked_prevalence, checked_split

if TYPE_CHECKING:
    from radbench_phantom.thorax.findings import Finding
    from radbench_phantom.thorax.patient import Thorax

_CHOSEN = "assumed: so that a classifier on the originals lands where the lung U-Net's Table 2 does"
_LARGEST_MM = 30.0
"""What is larger is a mass."""
_DIAMETER = 71
_SPREAD = 0.2
"""Of the logarithm of the nodules' diameters."""


class PhantomFindingsConfig(Config):
    """How many patients there are, what they have, and how they are shown."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {},
        "paper": {"size": 512, "grid": (192, 96, 192), "nodule_mm": 12.0},
    }

    seed: int = param(
        2,
        "Seed of all patients: others than enhancers learn from, and than those of seed 1, on whom the classifier's "
        "quick settings were chosen.",
        source="assumed",
        ge=0,
    )
    patients: int = param(2000, "Number of patients, over all splits.", source="assumed", ge=1)
    split: tuple[float, float, float] = param(
        (0.55, 0.1, 0.35),
        "Fractions of the patients in train, validation and test; multiples of 0.05.",
        source="assumed: a large test split decides more",
    )
    look: Literal["stand", "hospital", "bedside"] = param(
        "stand", "Whose pictures they look like, as phantom-cxr has it.", source="paper: lung U-Net §3.3, PA alone"
    )
    size: int = param(128, "Image side in pixels.", source="assumed; the paper has 512", ge=32, le=2048)
    grid: tuple[int, int, int] = param(
        (128, 64, 128), "Voxels of the volume along z, y, x.", source="assumed: no finer than the image"
    )
    nodule_mm: float = param(
        25.0,
        "Median diameter of a nodule; none is larger than 30 mm. On 128 pixels across a chest, 11 mm are not seen.",
        source=_CHOSEN,
        ge=4.0,
        le=_LARGEST_MM,
    )
    prevalence: dict[str, float] = param(
        {
            "mass": 0.16,
            "nodule": 0.22,
            "consolidation": 0.15,
            "effusion": 0.15,
            "pneumothorax": 0.08,
            "cardiomegaly": 0.12,
            "atelectasis": 0.12,
            "emphysema": 0.12,
            "fracture": 0.08,
            "granuloma": 0.12,
        },
        "Share of the patients by finding.",
        source=_CHOSEN,
    )

    @field_validator("split")
    @classmethod
    def _whole_split(cls, value: tuple[float, float, float]) -> tuple[float, float, float]:
        return checked_split(value)

    @field_validator("prevalence")
    @classmethod
    def _known_findings(cls, value: dict[str, float]) -> dict[str, float]:
        return checked_prevalence(value) or value

    def of_radiographs(self) -> PhantomCxrConfig:
        """Return the configuration of phantom-cxr that shows these patients."""
        return PhantomCxrConfig(**self.model_dump(exclude={"nodule_mm"}))


class PhantomFindings(PhantomCxr):
    """Radiographs of phantom-cxr at a chest stand, as many as a classifier needs to learn from.

    Its patients have the build and the numbers of those of ``phantom-cxr[seed=2]``, from whom no enhancer learns unless
    told, and findings as often as ``prevalence`` says, with nodules of a size of their own; these keep the readers'
    ratings of the size that was drawn first.
    """

    Config = PhantomFindingsConfig  # type: ignore[assignment]

    def __init__(self, config: PhantomFindingsConfig | None = None) -> None:
        self.asked = config or PhantomFindingsConfig()
        super().__init__(self.asked.of_radiographs())

    def thorax(self, case_id: str) -> Thorax:
        """Return a case's patient, with nodules of the size that is asked for.

        Raises:
            CaseError: there is no such case.
        """
        thorax = super().thorax(case_id)
        sizes = np.random.default_rng((_DIAMETER, thorax.seed, thorax.index)).lognormal(
            np.log(self.asked.nodule_mm), _SPREAD, len(thorax.findings)
        )
        return replace(thorax, findings=tuple(map(_resized, thorax.findings, sizes.tolist())))

    def _digest(self, index: int) -> str:
        return hashlib.sha256(f"{super()._digest(index)} {self.asked.nodule_mm!r}".encode()).hexdigest()


def _resized(finding: Finding, diameter_mm: float) -> Finding:
    """Return a nodule of another diameter and the same shape and ratings; another finding as it is."""
    if finding.name != "nodule":
        return finding
    return replace(finding, size=min(diameter_mm, _LARGEST_MM))
