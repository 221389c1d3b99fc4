"""From a volume to the beam behind it: rays by either physics, with their length in lung, bone and the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from radbench.xray import ConeBeamGeometry, Pose, ct2xray, parallel_drr, project, spectrum
from radbench.xray.detector import spread
from radbench_phantom.cxr.config import PhantomCxrConfig

AIR_HU = -1000.0

CHEST = ((40, 0.5), (50, 0.9), (60, 1.1), (70, 0.8), (80, 0.65), (90, 0.5), (100, 0.35), (110, 0.15))
"""keV and photons of a chest stand's beam: 120 kV on tungsten behind a few mm of aluminium, by and large [assumed]."""


@dataclass(frozen=True)
class Projector:
    """One patient's rays.

    Attributes:
        config: the physics.
        spacing_mm: voxels (dz, dy, dx).
        shape: voxels along z, y, x.
    """

    config: PhantomCxrConfig
    spacing_mm: tuple[float, float, float]
    shape: tuple[int, int, int]

    @property
    def pixel_mm(self) -> float:
        """Distance between pixels, measured at the isocentre."""
        return min(self.spacing_mm[0], self.spacing_mm[2])

    @property
    def pixels(self) -> tuple[int, int]:
        """Rows and columns that cover the volume."""
        height, width = self.shape[0] * self.spacing_mm[0], self.shape[2] * self.spacing_mm[2]
        return max(1, round(height / self.pixel_mm)), max(1, round(width / self.pixel_mm))

    @property
    def pose(self) -> Pose:
        """The view."""
        return Pose(*self.config.pose)

    @property
    def geometry(self) -> ConeBeamGeometry:
        """Source and detector; the detector's pixels are ``pixel_mm`` at the isocentre."""
        c = self.config
        pixel = self.pixel_mm * c.source_detector_mm / c.source_isocentre_mm
        return ConeBeamGeometry(
            c.source_detector_mm, c.source_isocentre_mm, self.pixels, (pixel, pixel), self.spacing_mm
        )

    def log(self, hu: Tensor, bone: Tensor | None = None) -> Tensor:
        """Return -ln of the share of the beam that passes: float64 ``[1,1,h,w]``, 0 in free air.

        Args:
            hu: float32 ``[D,H,W]``.
            bone: bool or float ``[D,H,W]`` in [0,1], what ct2xray takes for bone of each voxel.
        """
        if self.config.physics == "ct2xray":
            mask = torch.zeros_like(hu) if bone is None else bone.to(hu.dtype)
            beam = None if self.config.spectrum == "paper" else spectrum(*zip(*CHEST, strict=True))
            seen = ct2xray(hu[None, None], mask[None, None], self.pose, self.geometry, output="log", spectrum=beam)
            return seen.double().clamp_min(0.0)
        return torch.log(self._drr(hu)) / self.config.beta * self.depth_cm

    def image(self, log: Tensor) -> Tensor:
        """Return the paper's image of what passes, dense is bright, before any scaling: Eq. 3, or XraySyn's Eq. 5.

        Args:
            log: as :meth:`log` gives it.
        """
        if self.config.physics == "ct2xray":
            intensity = torch.exp(-log)
            return intensity.amax((2, 3), keepdim=True) - intensity
        return torch.exp(self.config.beta * log / self.depth_cm)

    @property
    def depth_cm(self) -> float:
        """The volume's depth, over which Eq. 2 takes its mean."""
        return self.shape[1] * self.spacing_mm[1] / 10

    def _drr(self, hu: Tensor) -> Tensor:
        # float64: the printed beta leaves float32 too few grey levels. The mean is taken here, so that only it is
        # converted; a volume of one row then gives the same projection.
        mean = (hu.clamp(min=AIR_HU) - AIR_HU).sum(1, dtype=torch.float64) / hu.shape[1] + AIR_HU
        c = self.config
        return parallel_drr(mean[None, None, :, None, :], self.spacing_mm, "y", c.beta, 1, c.mu_water)

    def depth(self, mask: Tensor) -> Tensor:
        """Return how much of each ray lies in a mask: float32 ``[1,1,h,w]``, in voxels along y.

        Parallel rays of the volume's own pixels count voxels, so that ``depth >= 0.5`` is any() along the beam.
        """
        if self.config.physics == "ct2xray":
            return project(mask.float()[None, None], self.pose, self.geometry) / self.spacing_mm[1]
        any_along = mask.sum(1).float().flip(0)[None, None]
        if tuple(any_along.shape[2:]) == self.pixels:
            return any_along
        return torch.nn.functional.interpolate(
            any_along.clamp(max=1.0), size=self.pixels, mode="bilinear", align_corners=False
        )

    def length(self, mask: Tensor) -> Tensor:
        """Return the mm of each ray in a mask: float32 ``[1,1,h,w]``."""
        if self.config.physics == "ct2xray":
            return project(mask.float()[None, None], self.pose, self.geometry)
        along = mask.sum(1).float().flip(0)[None, None] * self.spacing_mm[1]
        if tuple(along.shape[2:]) == self.pixels:
            return along
        return torch.nn.functional.interpolate(along, size=self.pixels, mode="bilinear", align_corners=False)


def shown(log: Tensor, config: PhantomCxrConfig, middle: float, pixel_mm: float) -> Tensor:
    """Show -ln of an intensity as it is ("log") or through a film's sigmoid ("film"), dense is bright.

    Args:
        log: -ln of the intensity ``[1,1,h,w]``.
        config: display, gamma and detail.
        middle: the intensity that a film shows as 0.5.
        pixel_mm: distance between pixels.
    """
    if config.detail:
        log = log + config.detail * (log - spread(log, config.detail_mm / pixel_mm))
    if config.display == "log":
        return log
    return 1 / (1 + torch.exp(-config.film_gamma * (log + math.log(middle))))
