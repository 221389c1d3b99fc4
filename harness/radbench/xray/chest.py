"""A chest stand's beam through a CT volume: where tube and detector stand, its energies, what of it passes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radbench.xray.geometry import ConeBeamGeometry, Pose

if TYPE_CHECKING:
    from torch import Tensor

SPECTRA = ("paper", "chest")
"""Beams by name: "paper" is XraySyn's ten unweighted energies; "chest" is :data:`CHEST`, which shows less bone."""

CHEST = ((40, 0.5), (50, 0.9), (60, 1.1), (70, 0.8), (80, 0.65), (90, 0.5), (100, 0.35), (110, 0.15))
"""keV and photons of a chest stand's beam: 120 kV on tungsten behind a few mm of aluminium, by and large [assumed]."""

_STEEPEST_DEG = 45.0
_NEAREST_MM = 500.0


@dataclass(frozen=True)
class ChestBeam:
    """Where the tube stands and what it sends.

    Attributes:
        pose: azimuth and elevation of the view in degrees, (0, 0) frontal.
        source_detector_mm: source to detector.
        source_isocentre_mm: source to the volume's centre.
        spectrum: one of :data:`SPECTRA`.

    Raises:
        ValueError: an angle beyond 45 degrees, distances that no chest stand has, an unknown spectrum.
    """

    pose: tuple[float, float] = (0.0, 0.0)
    source_detector_mm: float = 1800.0
    source_isocentre_mm: float = 1600.0
    spectrum: str = "paper"

    def __post_init__(self) -> None:
        if not all(math.isfinite(a) and abs(a) <= _STEEPEST_DEG for a in self.pose):
            raise ValueError(f"pose must be two angles from -45 to 45 degrees; got {self.pose}")
        if not _NEAREST_MM <= self.source_isocentre_mm <= self.source_detector_mm:
            raise ValueError(
                "source_isocentre_mm must lie between 500 and source_detector_mm; "
                f"got {self.source_isocentre_mm:g} and {self.source_detector_mm:g}"
            )
        if self.spectrum not in SPECTRA:
            raise ValueError(f"spectrum must be {' or '.join(SPECTRA)}; got '{self.spectrum}'")

    def geometry(self, shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> ConeBeamGeometry:
        """Return source and detector for a volume ``[D,H,W]`` with voxels (dz, dy, dx).

        The detector covers the volume's field with square pixels, which are at the isocentre the finer of dz and dx.
        """
        pixel = min(spacing_mm[0], spacing_mm[2])
        rows, columns = (max(1, round(shape[axis] * spacing_mm[axis] / pixel)) for axis in (0, 2))
        on_detector = pixel * self.source_detector_mm / self.source_isocentre_mm
        return ConeBeamGeometry(
            self.source_detector_mm, self.source_isocentre_mm, (rows, columns), (on_detector, on_detector), spacing_mm
        )

    def log(self, hu: Tensor, bone: Tensor, spacing_mm: tuple[float, float, float]) -> Tensor:
        """Return -ln of the share of the beam that passes (XraySyn, Eq. 4-6): float64 ``[1,1,h,w]``, 0 in free air.

        Args:
            hu: float32 ``[D,H,W]``; axes z from inferior, y from anterior, x from the patient's right.
            bone: bool ``[D,H,W]``, what is bone; the rest is tissue.
            spacing_mm: (dz, dy, dx).
        """
        from radbench.xray.attenuation import spectrum
        from radbench.xray.simulation import ct2xray

        depth, rows, columns = hu.shape
        geometry = self.geometry((depth, rows, columns), spacing_mm)
        beam = None if self.spectrum == "paper" else spectrum(*zip(*CHEST, strict=True))
        mask = bone.to(hu.dtype)[None, None]
        seen = ct2xray(hu[None, None], mask, Pose(*self.pose), geometry, output="log", spectrum=beam)
        return seen.double().clamp_min(0.0)

    def depth(self, mask: Tensor, spacing_mm: tuple[float, float, float]) -> Tensor:
        """Return how much of each ray lies in a mask ``[D,H,W]``: float32 ``[1,1,h,w]``, in voxels along y."""
        from radbench.xray.cone import project

        depth, rows, columns = mask.shape
        geometry = self.geometry((depth, rows, columns), spacing_mm)
        return project(mask.float()[None, None], Pose(*self.pose), geometry) / spacing_mm[1]


def shown_as_paper(log: Tensor) -> Tensor:
    """Return XraySyn's image of what passes, ``max(I) - I`` (Eq. 5) with I over the free beam; dense is bright.

    Args:
        log: ``[1,1,h,w]``, as :meth:`ChestBeam.log` gives it.
    """
    intensity = (-log).exp()
    return intensity.amax((2, 3), keepdim=True) - intensity
