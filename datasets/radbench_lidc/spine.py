"""The vertebral column in a chest CT: the spinal canal, which bone encloses, and the bodies before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.errors import CaseError
from radbench_lidc.grid import GRID_MM, WITHOUT, Grid, Mask, in_voxels

# [assumed] sizes of an adult's canal and vertebral bodies, in mm.
_WALL_MM = 18.0
_ASIDE_MM = 80.0
_BEHIND_MM = 20.0
_LEVEL_MM = 24.0
_AROUND_MM = 10.0
_CANAL_SHARE = 0.35
_LEAST_LENGTH_MM = 60.0
_STRAIGHT_MM = 30.0
_HALF_CANAL_MM = 8.0
_BODY_MM = (10.0, 26.0)
_HALF_WIDTH_MM = (12.0, 26.0)
_RIB_HEADS_MM = 40.0
# The width is that of most heights within so many mm, for rib heads widen some.
_WIDTH_PERCENTILE = 40.0
_DEPTH_OF_WIDTH = 0.9
_TISSUE_HU = -100.0

_Line = NDArray[np.float64]


@dataclass(frozen=True)
class Spine:
    """The column, slice by slice.

    Attributes:
        rows: ``[D]``, where the middle of the canal lies.
        columns: ``[D]``, likewise.
        half_width_mm: ``[D]``, of the vertebral bodies.
    """

    rows: _Line
    columns: _Line
    half_width_mm: _Line

    @property
    def back_wall(self) -> _Line:
        """The row ``[D]`` at which the bodies end and the canal begins."""
        return self.rows - _HALF_CANAL_MM / GRID_MM

    def voxels(self, shape: tuple[int, ...]) -> Mask:
        """Return bodies and canal, bool ``[D,H,W]``: a box in each slice, the body nearly as deep as it is wide."""
        rows, columns = np.arange(shape[1])[None, :, None], np.arange(shape[2])[None, None, :]
        half = self.half_width_mm[:, None, None] / GRID_MM
        wall = self.back_wall[:, None, None]
        front, back = wall - 2 * _DEPTH_OF_WIDTH * half, wall + 2 * _HALF_CANAL_MM / GRID_MM
        box: Mask = (abs(columns - self.columns[:, None, None]) <= half) & (rows >= front) & (rows <= back)
        return box


def find_spine(grid: Grid, bone_hu: float) -> Spine:
    """Find the vertebral column.

    The canal is soft tissue with bone within 18 mm to its right, left, front and back, behind the lungs' middle and
    within 80 mm of the midline between their outer borders (far, for one lung may be missing); the piece of it that
    runs through most slices counts, straightened over 30 mm. A vertebral body is as wide as the bone 10 to 26 mm before
    the canal's middle runs to both sides of it, on that side where it runs less far: beside the other may lie an aorta
    full of contrast agent. Discs and bodies with little bone take the width of their neighbours.

    Args:
        grid: HU and lungs.
        bone_hu: bone begins here.

    Raises:
        CaseError: there is no canal of 60 mm or more.
    """
    from scipy import ndimage

    bone = grid.hu > bone_hu
    at, rows, columns = _canal(grid, bone)
    every = np.arange(len(bone))

    def straight(values: _Line) -> _Line:
        filled = np.interp(every, at, values)
        middle = ndimage.median_filter(filled, in_voxels(_STRAIGHT_MM), mode="nearest")
        line: _Line = ndimage.gaussian_filter1d(middle, in_voxels(_STRAIGHT_MM) / 3, mode="nearest")
        return line

    rows, columns = straight(rows), straight(columns)
    widths = np.array([_half_width(bone[z], rows[z], columns[z]) for z in every])
    low, high = _HALF_WIDTH_MM
    window = in_voxels(_RIB_HEADS_MM)
    usual = ndimage.percentile_filter(widths, _WIDTH_PERCENTILE, size=window, mode="nearest").clip(low, high)
    return Spine(rows, columns, ndimage.gaussian_filter1d(usual, window / 5, mode="nearest"))


def _canal(grid: Grid, bone: Mask) -> tuple[NDArray[np.int64], _Line, _Line]:
    """Return the slices of the canal, and the row and column of its middle in each."""
    from scipy import ndimage

    inside = ~bone & (grid.hu > _TISSUE_HU) & ~grid.lung
    for axis in (1, 2):
        for step in (1, -1):
            inside &= _within_reach(bone, in_voxels(_WALL_MM), axis, step)
    rows, columns = (np.flatnonzero(grid.lung.any(axis=(0, 3 - axis))) for axis in (1, 2))
    row, column = np.arange(bone.shape[1])[None, :, None], np.arange(bone.shape[2])[None, None, :]
    inside &= abs(column - (columns[0] + columns[-1]) / 2) <= _ASIDE_MM / GRID_MM
    inside &= (row >= (rows[0] + rows[-1]) / 2) & (row <= rows[-1] + _BEHIND_MM / GRID_MM)
    # Between two vertebrae the canal is open to the sides, and noise makes holes in thin walls.
    around = (in_voxels(_LEVEL_MM), in_voxels(_AROUND_MM), in_voxels(_AROUND_MM))
    share = ndimage.uniform_filter(inside.astype(np.float32), around)
    labels, count = ndimage.label(share > _CANAL_SHARE)
    lengths = [box[0].stop - box[0].start for box in ndimage.find_objects(labels)]
    if count == 0 or max(lengths) * GRID_MM < _LEAST_LENGTH_MM:
        raise CaseError(f"no spinal canal found behind the lungs, which end there for readers; {WITHOUT}")
    weight = np.where(labels == int(np.argmax(lengths)) + 1, share, 0.0)
    mass = weight.sum(axis=(1, 2))
    at = np.flatnonzero(mass > 0)
    middle = [(weight * place).sum(axis=(1, 2))[at] / mass[at] for place in (row, column)]
    return at, middle[0], middle[1]


def _within_reach(bone: Mask, reach: int, axis: int, step: int) -> Mask:
    """Return where bone lies within so many voxels along an axis."""
    ahead = np.flip(bone, axis) if step < 0 else bone
    count = np.cumsum(ahead, axis=axis, dtype=np.int32)
    last = np.minimum(np.arange(bone.shape[axis]) + reach, bone.shape[axis] - 1)
    met: Mask = np.take(count, last, axis=axis) > count
    return np.flip(met, axis) if step < 0 else met


def _half_width(bone: Mask, row: float, column: float) -> float:
    """Return how far the bone of a body runs to that side of the middle where it runs less far, in mm."""
    first, last = (round(row - mm / GRID_MM) for mm in reversed(_BODY_MM))
    band = bone[max(first, 0) : max(last + 1, 0)]
    reach, middle = round(_STRAIGHT_MM / GRID_MM), round(column)
    far = []
    for side in (band[:, middle::-1], band[:, middle:]):
        near = side[:, :reach]
        ends = np.where(near.any(axis=1), near.shape[1] - near[:, ::-1].argmax(axis=1) - 0.5, 0.0)
        far.append(float(np.median(ends)) * GRID_MM if len(ends) else 0.0)
    return min(far)
