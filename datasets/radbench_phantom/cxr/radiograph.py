"""From a rendered thorax to a radiograph and all its targets, framed and scaled."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from radbench.imaging.regions import Region, crop, resize
from radbench.xray import DetectorOptions, apply_detector, scale_to_unit
from radbench.xray.materials import bone_share_from_hu
from radbench_phantom.cxr.config import LEVELS, PhantomCxrConfig
from radbench_phantom.cxr.lung_area import hiding, three_lungs
from radbench_phantom.cxr.projection import AIR_HU, Projector, shown

if TYPE_CHECKING:
    from radbench_phantom.thorax.volume import Volume

_LEAST = 1e-6
_MINERAL_HU = 350.0
_FRAME, _DETECTOR = 61, 62


@dataclass(frozen=True)
class Radiograph:
    """A radiograph with its targets.

    Attributes:
        images: float32 ``[S,S]`` in [0,1] by name: "image", "lung_image", "bone_image", "soft_tissue_image".
        masks: bool ``[S,S]`` by target name.
        spacing_mm: of the pixels, measured at the isocentre.
    """

    images: dict[str, Tensor]
    masks: dict[str, Tensor]
    spacing_mm: tuple[float, float]


def bone_of(volume: Volume, config: PhantomCxrConfig) -> Tensor:
    """Return the voxels that bone_image shows: bool ``[D,H,W]``."""
    bone = volume.bone_mask
    if config.bone == "window":
        bone = bone & (volume.hu >= config.bone_hu_min)
        if config.bone_hu_max is not None:
            bone = bone & (volume.hu <= config.bone_hu_max)
    return bone


def mineral_of(volume: Volume) -> Tensor:
    """Return what share of each voxel's mass ct2xray takes for bone: float32 ``[D,H,W]`` in [0,1].

    The bones and what is next to them, by their HU; elsewhere calcium and metal, from 350 HU on.
    """
    near = torch.nn.functional.max_pool3d(volume.bone_mask.float()[None, None], 3, 1, 1)[0, 0] > 0
    share = bone_share_from_hu(volume.hu)
    return torch.where(near | (volume.hu > _MINERAL_HU), share, torch.zeros_like(share))


def radiograph_of(volume: Volume, config: PhantomCxrConfig, index: int) -> Radiograph:
    """Make a patient's radiograph and targets.

    Args:
        volume: the patient, rendered.
        config: physics, frame, display and detector.
        index: number of the patient, which the frame's margins and the detector's noise are drawn by.
    """
    rays = Projector(config, volume.spacing_mm, (volume.hu.shape[0], volume.hu.shape[1], volume.hu.shape[2]))
    hu, bone, lung = volume.hu, bone_of(volume, config), volume.lung_mask
    air = hu.new_tensor(AIR_HU)
    mineral = mineral_of(volume)
    depths = {
        "lung_mask": rays.depth(lung),
        "bone_mask": rays.depth(volume.bone_mask),
        "heart_mask": rays.depth(volume.heart_mask),
        "nodule_mask": rays.depth(volume.nodule_mask),
    }
    field = _field(rays, depths["lung_mask"] >= 0.5, config, index)
    masks = {name: field.mask(depth, small=name == "nodule_mask") for name, depth in depths.items()}
    # A small nodule at the lung's edge covers pixels that the lung covers by less than half.
    masks["lung_mask"] = masks["lung_mask"] | masks["nodule_mask"]
    bare = torch.where(bone, hu.new_tensor(config.soft_tissue_fill_hu), hu)
    whole = field.log(rays.log(hu, mineral))
    soft = field.log(rays.log(bare, mineral * ~bone))
    lungs = field.log(rays.log(torch.where(lung, hu, air), mineral * lung)) * masks["lung_mask"]
    bones = field.log(rays.log(torch.where(bone, hu, air), mineral * bone)) * masks["bone_mask"]
    measured = _measured(whole, field.spacing_mm[0], config, index)
    if config.display == "paper":
        pictures = {"image": rays.image(measured), "soft_tissue_image": rays.image(soft)}
    else:
        passes = torch.exp(-whole[masks["lung_mask"]].median())
        middle = max(float(passes) * config.film_exposure, _LEAST)
        pixel = field.spacing_mm[0]
        pictures = {
            "image": shown(measured, config, middle, pixel),
            "soft_tissue_image": shown(soft, config, middle, pixel),
        }
    pictures |= {"lung_image": rays.image(lungs), "bone_image": rays.image(bones)}
    images = {name: sixteen_bits(scale_to_unit(p)) for name, p in pictures.items()}
    masks |= three_lungs(masks["lung_mask"], hiding(volume), lambda m: field.log(rays.length(m)), field.spacing_mm[0])
    return Radiograph(images, {name: m[0, 0] for name, m in masks.items()}, field.spacing_mm)


def sixteen_bits(image: Tensor) -> Tensor:
    """Return ``[1,1,S,S]`` as float32 ``[S,S]`` in [0,1], in the 65,536 greys that 16 bits hold."""
    return ((image[0, 0].clamp(0, 1) * LEVELS).round() / LEVELS).float()


def _measured(log: Tensor, pixel_mm: float, config: PhantomCxrConfig, index: int) -> Tensor:
    """Return what a detector measures of -ln of the intensity, as such again."""
    if config.photons is None and not config.scatter and not config.blur_mm:
        return log
    options = DetectorOptions(
        pixel_mm=pixel_mm,
        photons_per_pixel=config.photons,
        scatter_to_primary=config.scatter,
        blur_sigma_mm=config.blur_mm,
        curve="log",
        least=_LEAST,
    )
    drawn = int(np.random.default_rng((_DETECTOR, config.seed, index)).integers(2**62))
    return apply_detector(torch.exp(-log), options, torch.Generator().manual_seed(drawn))


@dataclass(frozen=True)
class _Field:
    """The way from the detector's pixels to the image."""

    region: Region
    size: int
    pixel_mm: float

    @property
    def spacing_mm(self) -> tuple[float, float]:
        spacing = self.region.height * self.pixel_mm / self.size
        return spacing, self.region.width * self.pixel_mm / self.size

    def log(self, log: Tensor) -> Tensor:
        return resize(crop(log, self.region), (self.size, self.size))[0]

    def mask(self, depth: Tensor, *, small: bool) -> Tensor:
        """Return the pixels that rays through the mask cover by half, of a small mask the most covered at least."""
        through = (depth >= min(0.5, float(depth.max()) or 1.0) if small else depth >= 0.5).float()
        covered = resize(crop(through, self.region), (self.size, self.size))[0]
        return covered >= (min(0.5, float(covered.max()) or 1.0) if small else 0.5)


def _field(rays: Projector, lung: Tensor, config: PhantomCxrConfig, index: int) -> _Field:
    """Return what the image shows: the volume's field made square with air, or a square round the lungs."""
    rows, columns = rays.pixels
    seen = lung[0, 0].nonzero()
    if config.frame == "volume" or not len(seen):
        side = max(rows, columns)
        return _Field(Region((rows - side) // 2, (columns - side) // 2, side, side), config.size, rays.pixel_mm)
    draw = np.random.default_rng((_FRAME, config.seed, index))
    above, below, beside = draw.uniform((20, 0, 15), (45, 25, 35)) / rays.pixel_mm
    shift = draw.normal(0, 6) / rays.pixel_mm
    (top, left), (bottom, right) = seen.amin(0).tolist(), seen.amax(0).tolist()
    side = math.ceil(max(bottom - top + above + below, right - left + 2 * beside))
    side = min(side, rows, columns)
    first = min(max(round((top - above + bottom + below - side) / 2), 0), rows - side)
    across = min(max(round((left + right - side) / 2 + shift), 0), columns - side)
    return _Field(Region(first, across, side, side), config.size, rays.pixel_mm)
