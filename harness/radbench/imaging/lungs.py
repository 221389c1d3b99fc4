"""Lungs in CT volumes: the 3-D lung mask by threshold, without trachea and gas outside the lungs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.errors import CaseError

if TYPE_CHECKING:
    from torch import Tensor

THRESHOLD_HU = -500.0
"""Tissue lies above, air and lung below (lung U-Net §2.2)."""

# [assumed] sizes of an adult's airway; where nothing of the kind is found nothing is dropped as an airway.
_LUMEN_MM2 = (40.0, 900.0)
_LUMEN_LENGTH_MM = 15.0
_AIRWAY_ML = 100.0
_AIRWAY_STEP = 1.5
_AIRWAY_HU = (-960.0, -940.0, -920.0, -900.0, -880.0, -860.0)
_AIRWAY_WALL_MM = 2.0
# [assumed] a piece of lung has this part of the largest piece's volume, or more.
_LEAST_PART = 0.03
# [assumed] what is filled in is lung so far above and below, too.
_SUPPORT_MM = 5.0
# [assumed] dropped pieces up to this size are lung again where the lung encloses them.
_GAS_ML = 5.0

_Mask = NDArray[np.bool_]


def body_mask_3d(hu: Any, *, threshold_hu: float = THRESHOLD_HU) -> Tensor:
    """Return the body: the largest 6-connected piece above the threshold, its holes filled slice by slice.

    Args:
        hu: ``[D,H,W]`` Hounsfield units (tensor or array), slices from inferior to superior.
        threshold_hu: tissue lies above.

    Returns:
        bool ``[D,H,W]``; empty where nothing lies above the threshold.

    Raises:
        CaseError: not three-dimensional, or not finite.
    """
    import torch

    return torch.from_numpy(_body(_checked(hu) > threshold_hu))


def lung_mask_3d(
    hu: Any,
    spacing_mm: tuple[float, float, float],
    *,
    threshold_hu: float = THRESHOLD_HU,
    hole_mm2: float = 1500.0,
    closing_mm: float = 5.0,
) -> Tensor:
    """Return the lungs: inside the filled body and below the threshold, vessels and nodules filled in.

    Lung U-Net §2.2 thresholds at -500 HU and takes "the filled structure" of each axial slice. Here: the body is
    the largest piece above the threshold, filled slice by slice; what lies inside it and below the threshold is air
    or lung. [assumed] Of that the trachea and the main bronchi are dropped (grown from the lumen in the upper
    slices until they would leak), then every piece that is small beside the largest, and every piece that lies
    wholly below the largest one's middle (gas in stomach or gut). What is left is filled slice by slice, so that
    vessels and nodules count as lung, and closed, so that those at its border do.

    Args:
        hu: ``[D,H,W]`` Hounsfield units (tensor or array), slices from inferior to superior.
        spacing_mm: (slice, row, column).
        threshold_hu: lung lies below.
        hole_mm2: holes of a slice up to this area are filled; the mediastinum, which may lie in a ring of lung, is
            larger.
        closing_mm: radius of the closing in each slice; 0 for none. Trachea and air outside the lungs stay out.

    Returns:
        bool ``[D,H,W]``.

    Raises:
        CaseError: not three-dimensional, not finite, a spacing that is not positive, or no lung found.
    """
    import torch

    values = _checked(hu)
    if len(spacing_mm) != 3 or not all(math.isfinite(s) and s > 0 for s in spacing_mm):
        raise CaseError(f"spacing_mm must be three positive lengths (slice, row, column), got {spacing_mm}")
    tissue = values > threshold_hu
    body = _body(tissue)
    air = body & ~tissue
    airway = _airway(values, air, body, spacing_mm)
    lung, gas = _pieces_of_lung(air & ~airway, spacing_mm)
    if not lung.any():
        raise CaseError(f"no lung found: nothing inside the body lies below {threshold_hu:g} HU")
    _smooth(lung, spacing_mm, hole_mm2, closing_mm)
    return torch.from_numpy(lung & body & ~airway & ~gas)


def _checked(hu: Any) -> NDArray[Any]:
    values = np.asarray(hu)
    if values.ndim != 3 or 0 in values.shape:
        raise CaseError(f"a CT volume must be [D,H,W], got {list(values.shape)}")
    if not np.isfinite(values).all():
        raise CaseError(f"the CT volume has {int((~np.isfinite(values)).sum())} NaN or infinite voxels")
    return values


def _body(tissue: _Mask) -> _Mask:
    body = _largest(tissue)
    for plane in body:
        plane |= _holes(plane)
    return body


def _largest(mask: _Mask) -> _Mask:
    from scipy import ndimage

    labels, count = ndimage.label(mask)
    if count == 0:
        return np.zeros_like(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest: _Mask = labels == sizes.argmax()
    return largest


def _holes(plane: _Mask, most: float = math.inf) -> _Mask:
    """Return what ``[H,W]`` encloses in pieces of up to so many pixels (4-connected outside)."""
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats((~plane).astype(np.uint8), connectivity=4)
    rows, columns = plane.shape
    inner = (
        (stats[:, cv2.CC_STAT_LEFT] > 0)
        & (stats[:, cv2.CC_STAT_TOP] > 0)
        & (stats[:, cv2.CC_STAT_LEFT] + stats[:, cv2.CC_STAT_WIDTH] < columns)
        & (stats[:, cv2.CC_STAT_TOP] + stats[:, cv2.CC_STAT_HEIGHT] < rows)
        & (stats[:, cv2.CC_STAT_AREA] <= most)
    )
    inner[0] = False  # label 0 is the plane itself
    holes: _Mask = inner[labels] if count > 1 else np.zeros_like(plane)
    return holes


def _airway(values: NDArray[Any], air: _Mask, body: _Mask, spacing: tuple[float, float, float]) -> _Mask:
    """Return trachea and main bronchi with their walls' partial volume, or nothing where no trachea is found."""
    from scipy import ndimage

    lumen = _lumen(air, body, spacing)
    if lumen is None:
        return np.zeros_like(air)
    box = _box_round(lumen, spacing, air.shape)
    dark, seeds = values[box], lumen[box] & (values[box] < _AIRWAY_HU[-1])
    if not seeds.any():
        return lumen
    voxel_ml = math.prod(spacing) / 1000.0
    most = _AIRWAY_ML / voxel_ml
    grown, size = seeds, float(seeds.sum())
    inside = air[box]
    for limit in _AIRWAY_HU:
        labels, _ = ndimage.label((dark < limit) & inside | seeds)
        chosen = np.unique(labels[seeds])
        candidate = np.isin(labels, chosen[chosen > 0])
        # A leak into the lungs shows as a jump in volume: keep what was grown before it.
        if candidate.sum() > min(most, max(_AIRWAY_STEP * size, size + 5.0 / voxel_ml)) and size > seeds.sum():
            break
        if candidate.sum() > most:
            break
        grown, size = candidate, float(candidate.sum())
    near = ndimage.distance_transform_edt(~grown, sampling=spacing) <= _AIRWAY_WALL_MM
    airway = lumen.copy()
    airway[box] |= near & inside
    return airway


def _lumen(air: _Mask, body: _Mask, spacing: tuple[float, float, float]) -> _Mask | None:
    """Follow the trachea down the upper half: one round piece of air near the middle of the body in each slice."""
    import cv2

    pixel = spacing[1] * spacing[2]
    best: list[tuple[int, _Mask]] = []
    chain: list[tuple[int, _Mask]] = []
    for z in range(air.shape[0] - 1, air.shape[0] // 2, -1):
        columns = np.flatnonzero(body[z].any(axis=0))
        if columns.size == 0:
            continue
        middle, width = (columns[0] + columns[-1]) / 2, columns[-1] - columns[0] + 1
        count, labels, stats, centres = cv2.connectedComponentsWithStats(air[z].astype(np.uint8), connectivity=4)
        found: list[tuple[float, _Mask]] = []
        for i in range(1, count):
            area = stats[i, cv2.CC_STAT_AREA] * pixel
            high = stats[i, cv2.CC_STAT_HEIGHT] * spacing[1]
            wide = stats[i, cv2.CC_STAT_WIDTH] * spacing[2]
            aside = abs(centres[i][0] - middle)
            if not _LUMEN_MM2[0] <= area <= _LUMEN_MM2[1] or aside > 0.15 * width:
                continue
            if max(high, wide) > 2.2 * min(high, wide) or area < 0.55 * high * wide:
                continue
            piece = labels == i
            if chain and not (piece & chain[-1][1]).any():
                continue
            found.append((aside, piece))
        if found:
            chain.append((z, min(found, key=lambda f: f[0])[1]))
        else:
            best, chain = max(best, chain, key=len), []
    best = max(best, chain, key=len)
    if len(best) * spacing[0] < _LUMEN_LENGTH_MM or len(best) < 2:
        return None
    lumen = np.zeros_like(air)
    for z, piece in best:
        lumen[z] = piece
    return lumen


def _box_round(mask: _Mask, spacing: tuple[float, float, float], shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the box of a mask with room for the carina and the main bronchi."""
    box = []
    for axis, room in enumerate((120.0, 60.0, 80.0)):
        places = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        pixels = math.ceil(room / spacing[axis])
        box.append(slice(max(0, int(places[0]) - pixels), min(shape[axis], int(places[-1]) + pixels + 1)))
    return tuple(box)


def _pieces_of_lung(air: _Mask, spacing: tuple[float, float, float]) -> tuple[_Mask, _Mask]:
    """Return the pieces that are lung, and the larger ones of those that are not."""
    from scipy import ndimage

    labels, count = ndimage.label(air)
    if count == 0:
        return np.zeros_like(air), np.zeros_like(air)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    largest = int(sizes.argmax())
    boxes = ndimage.find_objects(labels)
    middle = _middle_slice(labels[boxes[largest - 1]] == largest) + boxes[largest - 1][0].start
    kept = np.zeros(count + 1, dtype=bool)
    for label, box in enumerate(boxes, start=1):
        kept[label] = sizes[label] >= _LEAST_PART * sizes[largest] and box[0].stop > middle
    gas = ~kept & (sizes * math.prod(spacing) > _GAS_ML * 1000.0)
    return kept[labels], gas[labels]


def _middle_slice(piece: _Mask) -> float:
    areas = piece.sum(axis=(1, 2))
    return float((areas * np.arange(len(areas))).sum() / areas.sum())


def _smooth(lung: _Mask, spacing: tuple[float, float, float], hole_mm2: float, closing_mm: float) -> None:
    """Fill and close each slice, in place."""
    import cv2

    most = hole_mm2 / (spacing[1] * spacing[2])
    radii = [round(closing_mm / s) for s in spacing[1:]]
    rows, columns = np.ogrid[-radii[0] : radii[0] + 1, -radii[1] : radii[1] + 1]
    disk = (rows / max(radii[0], 1)) ** 2 + (columns / max(radii[1], 1)) ** 2 <= 1.0
    added = np.zeros_like(lung)
    for plane, more in zip(lung, added, strict=True):
        if not plane.any():
            continue
        more |= _holes(plane, most)
        if min(radii) > 0:
            # Room round the plane, so that a lung at its edge is not eroded from outside.
            padded = np.pad((plane | more).astype(np.uint8), ((radii[0],) * 2, (radii[1],) * 2))
            closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, disk.astype(np.uint8), borderValue=0)
            more |= closed[radii[0] : -radii[0], radii[1] : -radii[1]].astype(bool) & ~plane
            more |= _holes(plane | more, most)
    # A vessel or nodule has lung above and below; the top of a dome of the diaphragm or the heart, which lies in a
    # ring of lung just as well, has not.
    step = max(1, round(_SUPPORT_MM / spacing[0]))
    full = lung | added
    above, below = np.zeros_like(full), np.zeros_like(full)
    above[:-step], below[step:] = full[step:], full[:-step]
    lung |= added & above & below
