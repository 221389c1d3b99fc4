"""The first stage: volumes estimated from one radiograph, by 3DPN (Eq. 8-10) or as its ablations do it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from radbench.learn.batch import Batch
from radbench.learn.draws import Draws
from radbench.xray import (
    ConeBeamGeometry,
    Pose,
    attenuated_intensity,
    backproject,
    density_from_hu,
    project,
    scale_to_unit,
    tissue_thickness,
)
from radbench.xray.chest_cube import SIDE_MM, cube_geometry, hu_from_density, radiograph_of
from radbench_xraysyn.networks import Shape, SpreadUNet, VolumeUNet, seeded

Kind = Literal["3dpn", "x2ct", "drr"]

USUAL = (1.0, 10.0)
"""g/cm^2 of bone and of tissue that count as one: about what the cube's thickest rays hold [assumed]."""

_BRIGHT, _DARK = 3.7, 0.75
"""Eq. 6 where least and most is attenuated: medians of phantom-ct in the cube [assumed]."""

_LEAST_TISSUE, _MOST_TIMES = 0.1, 8.0
"""Less tissue than this, in g/cm^2, counts as this; and no more than so many times of it are asked for [assumed]."""

_HU_RANGE, _LEAST_HU, _MM_PER_CM = 5000.0, -1000.0, 10.0
_SHARES = 255.0


@dataclass(frozen=True)
class Prior:
    """How a radiograph becomes a volume, and a volume what is seen of it.

    Attributes:
        kind: "3dpn" sees the backprojected radiograph and tells bone from tissue; "x2ct" sees the radiograph, and does;
            "drr" sees the backprojected one, and projects one volume without materials.
        voxels: n, of the volume along each axis.
        shape: of the network.
        refinements: of the backprojection.
        anchored: whether tissue is scaled along every ray of the input's view until both show the radiograph.
    """

    kind: Kind
    voxels: int
    shape: Shape
    refinements: int = 0
    anchored: bool = False

    @property
    def geometry(self) -> ConeBeamGeometry:
        """Source, detector and voxels."""
        return cube_geometry(self.voxels)

    def network(self, seed: int) -> nn.Module:
        """Return a new network with weights from the seed."""
        kind = SpreadUNet if self.kind == "x2ct" else VolumeUNet
        return seeded(seed, lambda: kind(self.shape))

    def shown(self, radiographs: Tensor, poses: Sequence[Pose]) -> Tensor:
        """Return what the network is given of radiographs ``[B,1,n,n]`` in [0,1] that were taken at poses."""
        if self.kind == "x2ct":
            return radiographs
        side = (self.voxels,) * 3
        # Per mm it is less than a hundredth; over the cube's side it is as large as the radiograph.
        return backproject(radiographs, list(poses), self.geometry, side, self.refinements) * SIDE_MM

    def found(self, network: nn.Module, shown: Tensor, radiographs: Tensor, poses: Sequence[Pose]) -> Tensor:
        """Return what a network makes of :meth:`shown` of radiographs at poses, ``[B,3 or 1,n,n,n]`` in [0,1].

        An anchored one's tissue is scaled until it shows the radiograph, and may exceed 1.
        """
        found = network(shown).float()
        if not self.anchored:
            return found
        with torch.autocast(found.device.type, enabled=False):
            return self._anchored(found, radiographs, poses)

    def _anchored(self, found: Tensor, radiographs: Tensor, poses: Sequence[Pose]) -> Tensor:
        mask, bone = found[:, :1], found[:, 1:2]
        density = density_from_hu(_hu(found[:, 1:]))
        made = self.thicknesses(torch.cat([density[:, :1] * mask, density[:, 1:] * (1 - mask)], dim=1), poses)
        # Scaled to its own range, a radiograph is the same for any two intensities that this is thought to be.
        intensities = _BRIGHT - radiographs * (_BRIGHT - _DARK)
        # No gradient through what is asked for [assumed]: bone learns from its own truth, not from what tissue adds.
        asked = tissue_thickness(intensities, made[:, :1].detach()).clamp_min(0.0)
        times = (asked / made[:, 1:].clamp_min(_LEAST_TISSUE)).clamp_max(_MOST_TIMES)
        scaled = density[:, 1:] * self._along_rays(times, poses)
        return torch.cat([mask, bone, (hu_from_density(scaled) - _LEAST_HU) / _HU_RANGE], dim=1)

    def _along_rays(self, values: Tensor, poses: Sequence[Pose]) -> Tensor:
        """Return volumes ``[B,1,n,n,n]`` that hold in every voxel what images ``[B,1,n,n]`` have where it is seen.

        Few voxels at the cube's edges are seen beside even the widened detector, beyond nine degrees: they hold 0.
        """
        # Rays beside the detector pass voxels, too, which other views show: they see what its edge does.
        margin = self.voxels // 4
        wider = functional.pad(values, (margin,) * 4, mode="replicate")
        geometry = replace(self.geometry, detector_shape=(self.voxels + 2 * margin,) * 2)
        side = (self.voxels,) * 3
        # Backprojection divides by the ray's length in the volume: of ones it tells by what.
        shares = backproject(torch.ones_like(wider), list(poses), geometry, side, 0)
        return backproject(wider, list(poses), geometry, side, 0) / shares.clamp_min(1e-9)

    def masses(self, found: Tensor) -> Tensor:
        """Return densities in g/cm^3 of what a network gave: bone and tissue ``[B,2,n,n,n]``, or all ``[B,1,n,n,n]``.

        The released code's reading: the mask's share of bone's CT is bone, the rest of tissue's is tissue.
        """
        density = density_from_hu(_hu(found.float()))
        if self.kind == "drr":
            return density
        mask = found[:, :1].float()
        return torch.cat([density[:, 1:2] * mask, density[:, 2:] * (1 - mask)], dim=1)

    def ct(self, found: Tensor) -> Tensor:
        """Return the CT that a network gave, ``[B,1,n,n,n]`` in [0,1] for HU from -1000 to 4000."""
        if self.kind == "drr":
            return found.float()
        mask, bone, tissue = found.float().split(1, dim=1)
        return mask * bone + (1 - mask) * tissue

    def thicknesses(self, masses: Tensor, poses: Sequence[Pose]) -> Tensor:
        """Return g/cm^2 along the rays of one pose for each volume: ``[B,2 or 1,n,n]``."""
        with torch.autocast(masses.device.type, enabled=False):
            return project(masses.float(), list(poses), self.geometry) / _MM_PER_CM

    def radiographs(self, thicknesses: Tensor) -> Tensor:
        """Return radiographs ``[B,1,h,w]`` in [0,1]: CT2Xray of bone and tissue, or the DRR."""
        if self.kind == "drr":
            return scale_to_unit(thicknesses)
        return radiograph_of(thicknesses[:, :1], thicknesses[:, 1:])

    def darkening(self, thicknesses: Tensor) -> Tensor:
        """Return what :meth:`radiographs` scales, ``[B,1,h,w]``: intensities (Eq. 6) less than nothing, or the DRR."""
        if self.kind == "drr":
            return thicknesses
        return -attenuated_intensity(thicknesses[:, :1], thicknesses[:, 1:])


@dataclass(frozen=True)
class Simulated:
    """Prepare a batch of CTs: radiographs of each from drawn poses, and what the network is given of the first.

    A batch holds afterwards ``shown``; ``poses`` ``[B,V,2]``; of all views ``radiographs`` ``[B,V,1,n,n]`` and
    ``thicknesses`` ``[B,V,M,n,n]``; and of the CT ``ct`` and ``mask``, ``[B,1,n,n,n]`` in [0,1].

    Attributes:
        prior: whose physics.
        angle: greatest azimuth and elevation, in degrees.
        others: views beside the input's.
    """

    prior: Prior
    angle: float
    others: int

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """Return the batch with what is seen."""
        angles = draws.uniform("poses", 1 + self.others, 2) * self.angle
        hu, share = batch["hu"].float(), batch["bone"].float() / _SHARES
        mass = density_from_hu(hu)
        masses = mass if self.prior.kind == "drr" else torch.cat([mass * share, mass * (1 - share)], dim=1)
        seen = [self.prior.thicknesses(masses, poses_of(angles[:, view])) for view in range(1 + self.others)]
        radiographs = [self.prior.radiographs(thicknesses) for thicknesses in seen]
        return Batch(
            {
                "shown": self.prior.shown(radiographs[0], poses_of(angles[:, 0])),
                "poses": angles,
                "radiographs": torch.stack(radiographs, dim=1),
                "thicknesses": torch.stack(seen, dim=1),
                "ct": ((hu - _LEAST_HU) / _HU_RANGE).clamp(0.0, 1.0),
                "mask": share,
            },
            batch.places,
        )


@dataclass(frozen=True)
class PriorLoss:
    """Equations 9 and 10: CT, bone's mask, and both views in radiograph and thicknesses.

    Attributes:
        prior: whose physics.
        ct, mask, xray: weights.
    """

    prior: Prior
    ct: float
    mask: float
    xray: float

    def __call__(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the loss of each lesson, ``[B]``; over several other views, their mean."""
        found = self.prior.found(network, batch["shown"], batch["radiographs"][:, 0], poses_of(batch["poses"][:, 0]))
        with torch.autocast(found.device.type, enabled=False):
            loss = self.ct * _mean((self.prior.ct(found) - batch["ct"]).abs())
            if self.prior.kind != "drr":
                # Written out: the network gives shares, not logits, and a clamp keeps the logarithm finite.
                share, truth = found[:, :1].clamp(1e-6, 1 - 1e-6), batch["mask"]
                loss = loss - self.mask * _mean(truth * share.log() + (1 - truth) * (1 - share).log())
            masses = self.prior.masses(found)
            views = batch["poses"].shape[1]
            for view in range(views):
                weight = self.xray if view == 0 else self.xray / (views - 1)
                loss = loss + weight * self._of_view(masses, batch, view)
        return loss

    def _of_view(self, masses: Tensor, batch: Batch, view: int) -> Tensor:
        made = self.prior.thicknesses(masses, poses_of(batch["poses"][:, view]))
        wrong = _mean((self.prior.radiographs(made) - batch["radiographs"][:, view]).abs())
        if self.prior.kind == "drr":
            return wrong
        apart = (made - batch["thicknesses"][:, view]).abs()
        for material, usual in enumerate(USUAL):
            wrong = wrong + _mean(apart[:, material : material + 1]) / usual
        return wrong


def poses_of(angles: Tensor) -> list[Pose]:
    """Return the poses of azimuths and elevations ``[B,2]`` in degrees."""
    return [Pose(azimuth, elevation) for azimuth, elevation in angles.double().tolist()]


def packed(hu: Tensor, bone_share: Tensor) -> dict[str, Tensor]:
    """Return a cube ``[n,n,n]`` as a lesson: HU in whole numbers, shares in 255ths."""
    return {
        "hu": hu.clamp(-32000, 32000).round().to(torch.int16)[None],
        "bone": (bone_share * _SHARES).round().to(torch.uint8)[None],
    }


def _hu(values: Tensor) -> Tensor:
    return values * _HU_RANGE + _LEAST_HU


def _mean(values: Tensor) -> Tensor:
    return values.flatten(1).mean(1)
