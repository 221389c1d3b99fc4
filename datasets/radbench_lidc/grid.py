"""A chest CT on a grid of 2 mm, which anatomy is looked for in, with the shapes of planes that the rules speak of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GRID_MM = 2.0
"""Side of its voxels, by and large."""

WITHOUT = "readers_lungs=false takes the scan without lung_field_mask and aerated_lung_mask"
"""What to do where anatomy is not found."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Grid:
    """A chest CT in voxels of about 2 mm each way.

    Attributes:
        hu: float32 ``[D,H,W]``, from inferior to superior, anterior to posterior, the patient's right to left.
        lung: bool ``[D,H,W]``.
        spacing_mm: (dz, dy, dx), which cover the scan's field exactly.
    """

    hu: NDArray[np.float32]
    lung: Mask
    spacing_mm: tuple[float, float, float]


def in_voxels(mm: float) -> int:
    """Return a length in voxels of the grid, at least one."""
    return max(1, round(mm / GRID_MM))


def grid_of(hu: NDArray[np.float32], lung: Mask, spacing_mm: tuple[float, float, float]) -> Grid:
    """Return a scan and its lungs on the grid.

    Args:
        hu: float32 ``[D,H,W]``.
        lung: bool ``[D,H,W]``.
        spacing_mm: (slice, row, column).
    """
    import torch

    from radbench_lidc.volume import resampled, volume_spacing

    coarse = resampled(torch.from_numpy(np.ascontiguousarray(hu)), spacing_mm, GRID_MM)
    covered = resampled(torch.from_numpy(lung).float(), spacing_mm, GRID_MM) >= 0.5
    dz, dy, dx = volume_spacing(hu.shape, spacing_mm, GRID_MM)
    return Grid(coarse.numpy(), covered.numpy(), (dz, dy, dx))


def hull(plane: Mask) -> Mask:
    """Return the convex hull of a plane ``[H,W]``, filled."""
    import cv2

    filled = np.zeros(plane.shape, dtype=np.uint8)
    places = np.argwhere(plane)[:, ::-1]
    if len(places):
        cv2.fillConvexPoly(filled, cv2.convexHull(np.ascontiguousarray(places, dtype=np.int32)), 1)
    return filled.astype(bool)


def opened(plane: Mask, radius_mm: float) -> Mask:
    """Return a plane ``[H,W]`` without what a disk of that radius does not fit into."""
    import cv2

    reach = in_voxels(radius_mm)
    disk = np.hypot(*np.ogrid[-reach : reach + 1, -reach : reach + 1]) <= reach + 0.3
    fits: Mask = cv2.morphologyEx(plane.astype(np.uint8), cv2.MORPH_OPEN, disk.astype(np.uint8)).astype(bool)
    return fits


def largest(mask: Mask) -> Mask:
    """Return the largest piece of a mask of any dimension, nothing of an empty one."""
    from scipy import ndimage

    labels, count = ndimage.label(mask)
    if count == 0:
        return np.zeros_like(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    piece: Mask = labels == sizes.argmax()
    return piece
