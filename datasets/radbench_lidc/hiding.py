"""What hides the lungs of a chest CT from readers: spine, abdomen, heart and great vessels, by plain anatomy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.errors import CaseError
from radbench_lidc.diaphragm import below_domes
from radbench_lidc.grid import WITHOUT, Mask, grid_of, hull, in_voxels, largest, opened
from radbench_lidc.spine import find_spine

# [assumed]
_ABOVE_MM = 20.0
_WALL_MM = 4.0
_SLIVER_MM = 6.0
_TISSUE_HU = -200.0


@dataclass(frozen=True)
class Anatomy:
    """What was found.

    Attributes:
        spine: vertebral bodies and canal, bool ``[D,H,W]``.
        abdomen: what lies below the domes, within the thoracic cage.
        heart: heart, great vessels and whatever else lies between the lungs, before the spine, above the domes.
        spacing_mm: (dz, dy, dx) of these voxels.
    """

    spine: Mask
    abdomen: Mask
    heart: Mask
    spacing_mm: tuple[float, float, float]


def find_anatomy(
    hu: NDArray[np.float32], lung: Mask, spacing_mm: tuple[float, float, float], bone_hu: float
) -> Anatomy:
    """Find what hides the lungs, on a grid of about 2 mm.

    Args:
        hu: float32 ``[D,H,W]``, from inferior to superior, anterior to posterior, the patient's right to left.
        lung: bool ``[D,H,W]``, vessels and nodules filled in.
        spacing_mm: (slice, row, column).
        bone_hu: vertebrae begin here.

    Raises:
        CaseError: there is no lung, no spinal canal or no dome of the diaphragm.
    """
    grid = grid_of(hu, lung, spacing_mm)
    if not grid.lung.any():
        raise CaseError(f"no lung found that is larger than a voxel of 2 mm; {WITHOUT}")
    column = find_spine(grid, bone_hu)
    spine = column.voxels(grid.lung.shape) & ~grid.lung
    abdomen = below_domes(grid)
    heart = np.zeros_like(abdomen)
    before = np.arange(abdomen.shape[1])[:, None] < column.back_wall[:, None, None]
    tissue = (grid.hu > _TISSUE_HU) & before & ~spine
    up = in_voxels(_ABOVE_MM)
    for z, plane in enumerate(grid.lung):
        # The lowest slices hold crescents of lung alone, which do not enclose the abdomen any more.
        nearby: Mask = np.any(grid.lung[z : z + up + 1], axis=0)
        abdomen[z] &= hull(nearby)
        heart[z] = opened(hull(plane) & ~plane & tissue[z] & ~abdomen[z], _SLIVER_MM)
        # Chest wall between the ribs, which lies in the lungs' hull as well, is thin.
        abdomen[z] = opened(abdomen[z], _WALL_MM)
    return Anatomy(spine, abdomen, largest(heart), grid.spacing_mm)
