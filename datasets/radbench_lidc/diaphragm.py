"""The diaphragm in a chest CT: the surface that the lungs' bases lie on, continued beneath the heart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.errors import CaseError
from radbench_lidc.grid import GRID_MM, WITHOUT, Grid, Mask, hull, largest

# [assumed] which columns of lung stand on the diaphragm.
_SURELY_BASE = 25.0
_SURELY_HEART = 0.6
_NEAR_HEART_MM = 16.0
_TOP_PERCENTILE = 99.0

_Map = NDArray[np.float64]


def below_domes(grid: Grid) -> Mask:
    """Return what lies below the diaphragm, lungs apart, within the lungs' footprint: bool ``[D,H,W]``.

    Each column of lung ends on something: on the diaphragm, or on heart and hilum. The lowest quarter of the columns
    end on the diaphragm; where there is no lung between the lungs, or only in the upper 40 % of their height, there
    is heart or spine. From both the rest is flooded, steps between neighbouring columns last (a watershed), for the
    heart's border is a step. Columns within 16 mm of the heart, or higher than the dome of their side, are left out.
    Where nothing is known of it, beneath the heart above all, the diaphragm is the smoothest surface between
    (Laplace's equation).

    Args:
        grid: HU and lungs.

    Raises:
        CaseError: no column of lung stands on the diaphragm.
    """
    there: Mask = np.any(grid.lung, axis=0)
    footprint = hull(there)
    slices = np.flatnonzero(grid.lung.any(axis=(1, 2)))
    bottom = np.where(there, grid.lung.argmax(axis=0), slices[-1]).astype(np.float64)
    known = _on_diaphragm(bottom, there, footprint, (int(slices[0]), int(slices[-1])), grid)
    if not known.any():
        raise CaseError(f"no dome of the diaphragm found below the lungs, which end there for readers; {WITHOUT}")
    surface = _continued(bottom, known, footprint)
    below: Mask = (np.arange(len(grid.lung))[:, None, None] < surface) & footprint & ~grid.lung
    return below


def _on_diaphragm(bottom: _Map, there: Mask, footprint: Mask, ends: tuple[int, int], grid: Grid) -> Mask:
    """Return the columns ``[H,W]`` whose lung stands on the diaphragm."""
    from scipy import ndimage
    from skimage.segmentation import watershed

    between = largest(footprint & ~there)
    markers = np.zeros(bottom.shape, dtype=np.int32)
    markers[there & (bottom <= np.percentile(bottom[there], _SURELY_BASE))] = 1
    markers[between | there & (bottom >= ends[0] + _SURELY_HEART * (ends[1] - ends[0]))] = 2
    flooded = watershed(_steps(bottom), markers, mask=footprint)
    distance = ndimage.distance_transform_edt(flooded != 2) * GRID_MM
    dome = there & (flooded == 1)
    middle = np.median(np.nonzero(between)[1]) if between.any() else np.median(np.nonzero(footprint)[1])
    column = np.arange(bottom.shape[1])[None, :]
    known = np.zeros_like(there)
    for side in (dome & (column < middle), dome & (column >= middle)):
        if not side.any():
            continue
        half = distance[side].max() / 2
        top = np.percentile(bottom[side & (distance >= half)], _TOP_PERCENTILE) + 1
        known |= side & (distance >= min(_NEAR_HEART_MM, half)) & (bottom <= top)
    return known


def _steps(bottom: _Map) -> _Map:
    """Return the highest step to one of the four neighbours."""
    steps = np.zeros_like(bottom)
    for axis in (0, 1):
        step = np.abs(np.diff(bottom, axis=axis))
        low, high = ((slice(None),) * axis + (s,) for s in (slice(None, -1), slice(1, None)))
        steps[low] = np.maximum(steps[low], step)
        steps[high] = np.maximum(steps[high], step)
    return steps


def _continued(height: _Map, known: Mask, footprint: Mask) -> _Map:
    """Solve Laplace's equation where the height is not known; nothing flows over the footprint's rim."""
    from scipy.sparse import csr_array
    from scipy.sparse.linalg import spsolve

    surface = np.where(known, height, 0.0)
    # Only what hangs together with a known place has a solution.
    unknown = _reached(known, footprint) & ~known
    count = int(unknown.sum())
    if count == 0:
        return surface
    number = np.full(height.shape, -1)
    number[unknown] = np.arange(count)
    rows, columns = np.nonzero(unknown)
    neighbours, given = np.zeros(count), np.zeros(count)
    at, to = [], []
    for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        y, x = rows + down, columns + right
        inside = (y >= 0) & (y < height.shape[0]) & (x >= 0) & (x < height.shape[1])
        y, x = y.clip(0, height.shape[0] - 1), x.clip(0, height.shape[1] - 1)
        inside &= known[y, x] | unknown[y, x]
        neighbours += inside
        given += np.where(inside & known[y, x], height[y, x], 0.0)
        free = np.flatnonzero(inside & unknown[y, x])
        at.append(free)
        to.append(number[y[free], x[free]])
    i, j = np.concatenate([*at, np.arange(count)]), np.concatenate([*to, np.arange(count)])
    values = np.concatenate([np.full(len(i) - count, -1.0), neighbours])
    surface[unknown] = spsolve(csr_array((values, (i, j)), shape=(count, count)).tocsc(), given)
    return surface


def _reached(known: Mask, footprint: Mask) -> Mask:
    from scipy import ndimage

    labels, _ = ndimage.label(footprint | known)
    reached: Mask = np.isin(labels, np.unique(labels[known]))
    return reached
