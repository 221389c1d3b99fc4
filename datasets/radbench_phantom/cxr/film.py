"""From a rendered thorax to a hospital's film of it: view, frame and turn of the detector, then greys and marks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from radbench.xray import ConeBeamGeometry, Pose, project, scale_to_unit, spectrum, ten_energies
from radbench.xray.detector import spread
from radbench.xray.intensity import log_intensity
from radbench.xray.materials import density_from_hu
from radbench_phantom.cxr.config import PhantomCxrConfig
from radbench_phantom.cxr.looks import Look, look_of
from radbench_phantom.cxr.lung_area import hiding, three_lungs
from radbench_phantom.cxr.marks import with_blades, with_marks
from radbench_phantom.cxr.processing import Levels, greys, measured
from radbench_phantom.cxr.projection import CHEST
from radbench_phantom.cxr.radiograph import Radiograph, bone_of, mineral_of, sixteen_bits
from radbench_phantom.thorax.render import render

if TYPE_CHECKING:
    from radbench_phantom.thorax.patient import Thorax
    from radbench_phantom.thorax.volume import Volume

_NOISE = 64
_BODY_MM = 100.0
_SHARPENED = 2
FIELD = (1.14, 0.9, 1.14)
"""What is rendered for a film along z, y and x, over the patient's field of view: shoulders, arms and neck as well."""


def render_for_film(thorax: Thorax, config: PhantomCxrConfig) -> Volume:
    """Render a patient as wide as a film may show, without a CT scanner's blur and noise."""
    fov = thorax.traits.fov_mm
    z, y, x = (fov * part / n for part, n in zip(FIELD, config.grid, strict=True))
    return render(thorax, config.grid, (z, y, x), noise=False)


def tilted(field: Tensor, degrees: float, view: str, spacing_mm: tuple[float, float, float]) -> Tensor:
    """Return a volume sheared so that a level beam shows what a tilted one would on a detector that stays level.

    A point at depth y (from the middle, towards posterior) moves along z by ``tan(degrees) * y`` against the tube: seen
    from a source in height h at distance D it falls where ``z - h y / D`` would from the middle. What leaves the volume
    is lost; at the other end its last plane goes on.

    Args:
        field: float ``[D,H,W]``.
        degrees: how far the tube stands above the middle.
        view: "PA" (tube behind the patient) or "AP".
        spacing_mm: voxels (dz, dy, dx).
    """
    if not degrees:
        return field
    count, depth, _ = field.shape
    slope = math.tan(math.radians(degrees)) * spacing_mm[1] / spacing_mm[0] * (1 if view == "PA" else -1)
    out = torch.empty_like(field)
    for k in range(depth):
        shift = (k - (depth - 1) / 2) * slope
        whole = math.floor(shift)
        at = torch.arange(whole, whole + count + 1).clamp(0, count - 1)
        plane = field[at, k]
        out[:, k] = plane[:-1] + (plane[1:] - plane[:-1]) * (shift - whole)
    return out


@dataclass(frozen=True)
class _Frame:
    """Where the image's pixels lie, in mm at the isocentre from the central ray (down, towards the patient's left).

    Attributes:
        middle: of the image.
        height, width: of the image.
        turn_deg: clockwise.
        size: pixels along each side.
    """

    middle: tuple[float, float]
    height: float
    width: float
    turn_deg: float
    size: int

    @property
    def spacing_mm(self) -> tuple[float, float]:
        return self.height / self.size, self.width / self.size

    def places(self) -> tuple[Tensor, Tensor]:
        """Return how far down and to the left side each pixel lies: float64 ``[S,S]``."""
        at = (torch.arange(self.size, dtype=torch.float64) + 0.5) / self.size - 0.5
        down, across = at[:, None] * self.height, at[None] * self.width
        c, s = math.cos(math.radians(self.turn_deg)), math.sin(math.radians(self.turn_deg))
        return self.middle[0] + c * down + s * across, self.middle[1] + c * across - s * down


class _Detector:
    """The rays of one film, sampled where the frame's pixels are."""

    def __init__(self, volume: Volume, look: Look, frame: _Frame) -> None:
        down, across = frame.places()
        self.pixel = min(frame.spacing_mm)
        rows, columns = (2 * math.ceil(float(v.abs().max()) / self.pixel + 2) for v in (down, across))
        self.geometry = geometry(volume, look, (rows, columns), self.pixel)
        self.pose = Pose(180.0 if look.view == "AP" else 0.0)
        self.at = torch.stack([across / (columns * self.pixel / 2), down / (rows * self.pixel / 2)], dim=-1)[None]
        self.look, self.spacing_mm = look, volume.spacing_mm
        self.voxel_mm = math.sqrt(volume.spacing_mm[0] * volume.spacing_mm[2])

    def sum(self, field: Tensor) -> Tensor:
        """Return a field's sum along each ray of the detector: ``[1,1,h,w]`` in its unit times mm."""
        if not bool(field.any()):
            return torch.zeros((1, 1, *self.geometry.detector_shape))
        level = tilted(field.float(), self.look.tilt_deg, self.look.view, self.spacing_mm)
        seen = project(level[None, None], self.pose, self.geometry)
        return seen.flip(-1) if self.pose.azimuth_deg else seen

    def look_up(self, image: Tensor, mode: str) -> Tensor:
        """Return an image of the detector at the frame's pixels."""
        return grid_sample(image, self.at.to(image), mode=mode, padding_mode="border", align_corners=False)

    def image(self, seen: Tensor) -> Tensor:
        """Return ray sums at the frame's pixels, in cm times their unit: float64 ``[1,1,S,S]``."""
        sharp = seen
        # Voxels are means over their width, and rays run between them linearly: a blur of known width, undone here
        # (Van Cittert) as far as it can be without ringing.
        for _ in range(_SHARPENED if bool(seen.any()) else 0):
            sharp = sharp + (seen - spread(sharp, min(self.voxel_mm / 2 / self.pixel, 1.0)))
        return self.look_up(sharp, "bicubic").clamp_min(0.0).double() / 10

    def length(self, seen: Tensor) -> Tensor:
        """Return ray sums at the frame's pixels as they are, for a mask the mm of the rays in it."""
        return self.look_up(seen, "bilinear")

    def mask(self, seen: Tensor, *, small: bool = False) -> Tensor:
        """Return the pixels that rays through the mask cover by half, of a small mask the most covered at least."""
        depth = seen / self.spacing_mm[1]
        through = (depth >= min(0.5, float(depth.max()) or 1.0) if small else depth >= 0.5).float()
        covered = self.look_up(through, "bilinear")
        return covered >= (min(0.5, float(covered.max()) or 1.0) if small else 0.5)


def geometry(volume: Volume, look: Look, pixels: tuple[int, int], pixel_mm: float) -> ConeBeamGeometry:
    """Return source and detector of a look, with pixels of ``pixel_mm`` at the isocentre."""
    larger = pixel_mm * look.source_detector_mm / look.source_isocentre_mm
    return ConeBeamGeometry(
        look.source_detector_mm, look.source_isocentre_mm, pixels, (larger, larger), volume.spacing_mm
    )


def film_of(volume: Volume, config: PhantomCxrConfig, index: int) -> Radiograph:
    """Make a patient's film and targets by the look that is drawn for it.

    Args:
        volume: the patient, as :func:`render_for_film` gives it.
        config: with ``look`` other than "plain".
        index: number of the patient.

    Returns:
        Images and masks that all lie under the same rays and the same turn of the detector. Scatter, noise, blur, edges
        and marks are in the image alone; ``soft_tissue_image`` has the image's processing and curve.
    """
    look = look_of(config, index)
    frame = _framed(volume, look, config)
    rays = _Detector(volume, look, frame)
    bone, lung, mineral = bone_of(volume, config), volume.lung_mask, mineral_of(volume)
    density = density_from_hu(volume.hu)
    lime = density * mineral
    rest = density - lime
    hard, tissue, *parted = (
        rays.image(rays.sum(part)) for part in (lime, rest, lime * bone, rest * bone, lime * lung, rest * lung)
    )
    bony, in_lung = parted[:2], parted[2:]
    sums = {
        "lung_mask": rays.sum(lung),
        "bone_mask": rays.sum(volume.bone_mask),
        "heart_mask": rays.sum(volume.heart_mask),
        "nodule_mask": rays.sum(volume.nodule_mask),
    }
    masks = {name: rays.mask(seen, small=name == "nodule_mask") for name, seen in sums.items()}
    filled = sums["bone_mask"] if config.bone == "anatomy" else rays.sum(bone)
    spared = rays.image(filled) * float(density_from_hu(torch.tensor(config.soft_tissue_fill_hu)))
    masks["lung_mask"] = masks["lung_mask"] | masks["nodule_mask"]
    whole = _log(hard, tissue, config)
    soft = _log((hard - bony[0]).clamp_min(0.0), (tissue - bony[1]).clamp_min(0.0) + spared, config)
    parts = {
        "lung_image": _log(in_lung[0], in_lung[1], config) * masks["lung_mask"],
        "bone_image": _log(bony[0], bony[1], config) * masks["bone_mask"],
    }
    pictures = {name: scale_to_unit(1 - torch.exp(-log)) for name, log in parts.items()}
    deep = rays.length(sums["lung_mask"])
    levels = Levels((deep >= 0.5 * deep.max()) & ~masks["heart_mask"], masks["heart_mask"])
    pixel = math.sqrt(frame.spacing_mm[0] * frame.spacing_mm[1])
    noise = int(np.random.default_rng((_NOISE, config.seed, index)).integers(2**62))
    image, pictures["soft_tissue_image"] = greys(
        [measured(whole, look, pixel, noise), soft], levels, look, config, pixel
    )
    steps = 2**look.bits - 1
    pictures["image"] = (with_marks(with_blades(image, look.blades), look.marks).clamp(0, 1) * steps).round() / steps
    masks |= three_lungs(masks["lung_mask"], hiding(volume), lambda m: rays.length(rays.sum(m)), pixel)
    return Radiograph(
        {name: sixteen_bits(p) for name, p in pictures.items()},
        {name: m[0, 0] for name, m in masks.items()},
        frame.spacing_mm,
    )


def _log(bone: Tensor, tissue: Tensor, config: PhantomCxrConfig) -> Tensor:
    """Return -ln of the share of the beam that passes these g/cm^2."""
    beam = spectrum(*zip(*CHEST, strict=True)) if config.spectrum == "chest" else ten_energies()
    return (math.log(beam.total) - log_intensity(bone, tissue, beam)).clamp_min(0.0)


def _framed(volume: Volume, look: Look, config: PhantomCxrConfig) -> _Frame:
    """Return what the film shows: the lungs with the look's margins, as far as the volume reaches."""
    dz, _, dx = volume.spacing_mm
    count, _, columns = volume.hu.shape
    pixel = min(dz, dx)
    pixels = (math.ceil(count * dz / pixel), math.ceil(columns * dx / pixel))
    pose = Pose(180.0 if look.view == "AP" else 0.0)
    lung = tilted(volume.lung_mask.float(), look.tilt_deg, look.view, volume.spacing_mm)
    depth = project(lung[None, None], pose, geometry(volume, look, pixels, pixel))[0, 0]
    depth = depth.flip(-1) if pose.azimuth_deg else depth
    # What rays pass that leave the volume within the body is not all there.
    near = look.source_isocentre_mm / (look.source_isocentre_mm + _BODY_MM)
    reach = (0.5 * count * dz * near, 0.5 * columns * dx * near)
    seen = (depth >= 0.5 * volume.spacing_mm[1]).nonzero()
    if config.frame == "volume" or not len(seen):
        side = 2 * min(reach)
        return _Frame((0.0, 0.0), side, side, 0.0, config.size)
    low, high = (
        [(float(v) + 0.5 - n / 2) * pixel for v, n in zip(corner, pixels, strict=True)]
        for corner in (seen.amin(0), seen.amax(0))
    )
    above, below, right, left = look.margins_mm
    top, bottom, first, last = low[0] - above, high[0] + below, low[1] - right, high[1] + left
    height = max(bottom - top, (last - first) / look.aspect)
    turned = 1 + abs(math.sin(math.radians(look.turn_deg)))
    height = min(height, 2 * reach[0] / turned, 2 * reach[1] / turned / look.aspect)
    width = height * look.aspect
    middle = ((top + bottom) / 2, (first + last) / 2)
    free = (max(reach[0] - turned * height / 2, 0.0), max(reach[1] - turned * width / 2, 0.0))
    down, across = (min(max(m, -f), f) for m, f in zip(middle, free, strict=True))
    return _Frame((down, across), height, width, look.turn_deg, config.size)
