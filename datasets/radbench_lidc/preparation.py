"""Preparation of a scan: its radiograph and the truth about it, projected, framed and resized."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.errors import CaseError
from radbench.imaging.read import read_bytes
from radbench_lidc.config import LidcConfig
from radbench_lidc.hiding import Anatomy, find_anatomy
from radbench_lidc.nodules import Nodule, consensus, counts, group, outlined
from radbench_lidc.rays import Rays, detector_of, rays_of
from radbench_lidc.readings import Mark, parse_reading
from radbench_lidc.scans import Scan
from radbench_lidc.volume import Volume, bone_in, volume_spacing

if TYPE_CHECKING:
    from torch import Tensor

_GENERATORS = {"drr": "parallel DRR", "ct2xray": "CT2Xray"}

# [assumed] how readers draw: over notches beside the spine, and no smaller pieces.
_NOTCH_MM = 50.0
_LEAST_PIECE_MM2 = 500.0

_Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Prepared:
    """What is made of a scan.

    Attributes:
        images: float32 ``[S,S]`` in [0,1]: "image", "lung_image", "bone_image", "soft_tissue_image".
        masks: bool ``[S,S]``: "lung_mask", "bone_mask"; where the scan was read, "nodule_mask"; where they are asked
            for, "lung_field_mask" and "aerated_lung_mask".
        spacing_mm: of the image's pixels (row, column).
        volume_spacing_mm: of the voxels of ``volume_hu`` (dz, dy, dx).
        provenance: how it was made; it can be written as JSON.
    """

    images: dict[str, NDArray[np.float32]]
    masks: dict[str, _Mask]
    spacing_mm: tuple[float, float]
    volume_spacing_mm: tuple[float, float, float]
    provenance: dict[str, Any]


def prepare_scan(scan: Scan, volume: Volume, config: LidcConfig) -> Prepared:
    """Make a scan's radiograph and targets.

    The image is Eq. 1-3 of the lung U-Net paper, or Eq. 4-6 of XraySyn with ``bone_volume`` for bone; ``lung_image``
    is the same of the lungs alone (lung U-Net, Eq. 4), ``bone_image`` of the bone alone (bone U-Net §2.2),
    ``soft_tissue_image`` with soft tissue in the bones' place. Each is scaled to [0,1] by itself. Masks are what any
    voxel along the ray is in; ``bone_mask`` is that of ``bone_volume`` at the scan's own voxels, without specks. The
    lungs as readers outline them are ``lung_mask`` less what hides it.

    Args:
        scan: with its reading.
        volume: its slices, read.
        config: physics, frame and what counts.

    Raises:
        CaseError: what is wrong with its reading, or that no lung, spine or diaphragm is found.
    """
    import torch

    from radbench.imaging.lungs import body_mask_3d, lung_mask_3d

    anatomy = None
    try:
        marks = _marks(scan)
        nodules = group([outlined(m, volume.grid) for m in marks if m.kind == "nodule"], volume.spacing_mm)
        hu = volume.hu
        if config.body_only:
            hu = np.where(body_mask_3d(hu).numpy(), hu, np.float32(-1000.0))
        lung = lung_mask_3d(
            hu,
            volume.spacing_mm,
            threshold_hu=config.lung_threshold_hu,
            hole_mm2=config.lung_hole_mm2,
            closing_mm=config.lung_closing_mm,
        ).numpy()
        if config.lung_with_nodules:
            _add(nodules, lung, volume, config.nodule_agreement)
        if config.readers_lungs:
            anatomy = find_anatomy(hu, lung, volume.spacing_mm, config.spine_bone_hu)
    except CaseError as error:
        raise type(error)(f"case '{scan.case_id}': {error}") from error
    bone = hu >= config.bone_hu_min
    if config.bone_hu_max is not None:
        bone &= hu <= config.bone_hu_max
    dense = bone_in(torch.from_numpy(np.ascontiguousarray(hu)), volume.spacing_mm, config).numpy()
    rays = rays_of(volume, config)
    frame = _Frame(volume, rays, config)
    least = config.bone_piece_ml / _voxel_ml(volume)
    masks = {"lung_mask": frame.mask(lung), "bone_mask": frame.mask(_without_specks(dense, least))}
    if anatomy is not None:
        masks |= frame.seen_lungs(masks["lung_mask"], anatomy)
    # Between tube and patient there is air, which a cone of rays crosses more of towards its edge.
    only = masks["lung_mask"] if config.physics == "ct2xray" else None
    images = {
        "image": frame.picture(rays.seen(hu, dense), display=config.display),
        "lung_image": frame.picture(rays.seen(hu, dense, lung, config.lung_fill_hu), within=only),
        "bone_image": frame.picture(rays.seen(hu, bone, bone, config.bone_fill_hu)),
        "soft_tissue_image": frame.picture(
            rays.seen(hu, dense, ~bone, config.soft_tissue_fill_hu), display=config.display
        ),
    }
    listed = [_listed(n, config, volume) for n in nodules]
    if scan.reading is not None:
        chosen = [n for n, facts in zip(nodules, listed, strict=True) if facts["counts"]]
        masks["nodule_mask"] = frame.small_masks(_voxels(n, volume, config.nodule_agreement) for n in chosen)
    kinds = Counter(m.kind for m in marks)
    provenance = {
        "format": "DICOM series",
        "series": scan.series_uid,
        "kernel": volume.provenance["kernel"],
        "slices": volume.provenance["slices"],
        "spacing_of_scan_mm": list(volume.spacing_mm),
        "turned_axes": list(volume.reversed_axes),
        "generator": _GENERATORS[config.physics],
        "polarity": "dense is bright",
        "frame": config.frame,
        "reading": None if scan.reading is None else scan.reading.name,
        "marks": dict(sorted(kinds.items())),
        "nodules": listed,
        "lung_ml": float(lung.sum()) * _voxel_ml(volume),
    }
    dz, dy, dx = volume_spacing(volume.hu.shape, volume.spacing_mm, config.volume_mm)
    return Prepared(images, masks, frame.spacing_mm, (dz, dy, dx), provenance)


def _marks(scan: Scan) -> tuple[Mark, ...]:
    if scan.reading is None:
        return ()
    reading = parse_reading(scan.reading.name, read_bytes(scan.reading, scan.listed))
    # What was listed names this series.
    assert reading is not None
    return tuple(reading.marks)


def _voxel_ml(volume: Volume) -> float:
    a, b, c = volume.spacing_mm
    return a * b * c / 1000.0


def _without_specks(mask: _Mask, least: float) -> _Mask:
    """Drop pieces below so many voxels, joined by faces: noise in the shadow of the shoulders lies above any bone."""
    from scipy import ndimage

    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    kept: _Mask = ((sizes >= least) & (sizes > 0))[labels]
    return kept


def _add(nodules: Iterable[Nodule], lung: _Mask, volume: Volume, agreement: float) -> None:
    """Add the nodules' voxels to the lungs, in place."""
    # A view in the files' axes, in which the readers drew.
    as_filed = np.flip(lung, volume.reversed_axes)
    for nodule in nodules:
        voxels, at = consensus(nodule, as_filed.shape, agreement)
        as_filed[at] |= voxels


def _voxels(nodule: Nodule, volume: Volume, agreement: float) -> _Mask:
    """Return a nodule's voxels: bool ``[D,H,W]`` in the patient's axes."""
    mask = np.zeros(volume.hu.shape, dtype=bool)
    _add([nodule], mask, volume, agreement)
    return mask


def _listed(nodule: Nodule, config: LidcConfig, volume: Volume) -> dict[str, Any]:
    voxels, _ = consensus(nodule, volume.hu.shape, config.nodule_agreement)
    return {
        "readers": nodule.readers,
        "ratings": dict(nodule.ratings),
        "ml": float(voxels.sum()) * _voxel_ml(volume),
        "counts": counts(
            nodule,
            texture_above=config.nodule_texture_above,
            subtlety_above=config.nodule_subtlety_above,
            min_readers=config.nodule_min_readers,
        ),
    }


def _between(lung: _Mask) -> _Mask:
    """Return where there is no lung between the first and the last of each row ``[S,S]``."""
    begun = np.maximum.accumulate(lung, axis=1)
    to_come = np.maximum.accumulate(lung[:, ::-1], axis=1)[:, ::-1]
    gap: _Mask = begun & to_come & ~lung
    return gap


def _closed_upright(mask: _Mask, most: int) -> _Mask:
    """Close what lies between two pixels of a column ``[S,S]`` with so many rows between them, or fewer."""
    rows = np.arange(len(mask))[:, None]
    above = np.maximum.accumulate(np.where(mask, rows, -(most + 2)), axis=0)
    below = np.minimum.accumulate(np.where(mask, rows, len(mask) + most + 2)[::-1], axis=0)[::-1]
    closed: _Mask = mask | (below - above - 1 <= most)
    return closed


class _Frame:
    """The way from the detector ``[1,1,h,w]`` to the image: a square field, the configured size."""

    def __init__(self, volume: Volume, rays: Rays, config: LidcConfig) -> None:
        self._rays, self._config = rays, config
        shape = detector_of(volume)
        extents = (volume.hu.shape[0] * volume.spacing_mm[0], volume.hu.shape[2] * volume.spacing_mm[2])
        sides = list(shape)
        if config.frame != "stretch":
            sides = [max(sides) if config.frame == "pad" else min(sides)] * 2
        self._sides = (sides[0], sides[1])
        spacing = [e / n * s / config.size for e, n, s in zip(extents, shape, sides, strict=True)]
        self.spacing_mm = (spacing[0], spacing[1])

    def picture(self, seen: Tensor, *, within: _Mask | None = None, display: str = "paper") -> NDArray[np.float32]:
        """Return the picture ``[S,S]`` in [0,1] of what rays show, blank but within a mask ``[S,S]``."""
        import torch

        framed = self._framed(seen, self._rays.blank)
        if within is not None:
            framed = torch.where(torch.from_numpy(within), framed, framed.new_tensor(self._rays.blank))
        return self._rays.image(framed, display)[0, 0].clamp(0.0, 1.0).to(torch.float32).numpy()

    def mask(self, voxels: _Mask) -> _Mask:
        """Return a mask ``[S,S]``: pixels that the shadow of ``[D,H,W]`` covers by half or more."""
        covered: _Mask = self._coverage(voxels) >= 0.5
        return covered

    def small_masks(self, each: Iterable[_Mask]) -> _Mask:
        """Return the union of small masks, of each at least the pixels that it covers most."""
        union = np.zeros((self._config.size,) * 2, dtype=bool)
        for voxels in each:
            coverage = self._coverage(voxels)
            most = float(coverage.max())
            if most > 0.0:
                union |= coverage >= min(0.5, most)
        return union

    def seen_lungs(self, lung: _Mask, anatomy: Anatomy) -> dict[str, _Mask]:
        """Return the lungs ``[S,S]`` as readers outline them, in pieces of 5 cm² or more."""
        import torch

        from radbench.imaging.lung_area import DOME_MM, HEART_MM, SPINE_MM, seen_lung

        def length(voxels: _Mask) -> Tensor:
            return self._framed(self._rays.length(voxels, anatomy.spacing_mm), 0.0)

        pixel_mm = math.sqrt(math.prod(self.spacing_mm))
        # Along the spine readers draw one line: no strips of lung beside where there is none, and no notches.
        spine = length(anatomy.spine)
        hidden = (spine >= SPINE_MM).numpy()[0, 0] | _between(lung)
        straight = torch.from_numpy(_closed_upright(hidden, round(_NOTCH_MM / self.spacing_mm[0])))
        spine = torch.where(straight, torch.inf, spine)
        whole = torch.from_numpy(lung)[None, None]
        field = seen_lung(whole, [(spine, SPINE_MM), (length(anatomy.abdomen), DOME_MM)], pixel_mm)
        aerated = seen_lung(field, [(length(anatomy.heart), HEART_MM)], pixel_mm)
        named = {"lung_field_mask": field, "aerated_lung_mask": aerated}
        least = _LEAST_PIECE_MM2 / pixel_mm**2
        return {name: _without_specks(seen[0, 0].numpy(), least) for name, seen in named.items()}

    def _coverage(self, voxels: _Mask) -> NDArray[np.float32]:
        covered: NDArray[np.float32] = self._framed(self._rays.shadow(voxels), 0.0)[0, 0].numpy()
        return covered

    def _framed(self, image: Tensor, fill: float) -> Tensor:
        from radbench.imaging import Region, crop, resize

        rows, columns = image.shape[-2:]
        top, left = ((n - side) // 2 for n, side in zip((rows, columns), self._sides, strict=True))
        square = crop(image, Region(top, left, *self._sides), fill=fill)
        return resize(square, (self._config.size, self._config.size))[0]
