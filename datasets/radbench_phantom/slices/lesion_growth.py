"""A lesion grows into a painted slice: finding its place, replacing tissue, giving its exact mask."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from radbench_phantom.slices.canvas import LAYERS, SUPERSAMPLING, Canvas, Tissue
from radbench_phantom.slices.curves import Curve
from radbench_phantom.slices.lesion_shape import (
    GRID,
    LesionShape,
    largest_component,
    lesion_shape,
    longest_diameter,
    solidity,
)
from radbench_phantom.slices.lesion_site import Growth
from radbench_phantom.slices.scanner import smooth_field

LEAST_MM, GREATEST_MM = 5.0, 60.0
"""Longest diameters that a lesion may have."""

_ATTEMPTS = 14


@dataclass(frozen=True)
class Lesion:
    """A lesion that was grown.

    Attributes:
        mask: bool ``[H,W]``, one connected component: pixels at least half of which it fills.
        diameter_mm: longest distance between two of the mask's pixels.
        centre: of its outline (pixels, x, y).
    """

    mask: NDArray[np.bool_]
    diameter_mm: float
    centre: tuple[float, float]


@dataclass(frozen=True)
class _Patch:
    """The part of the canvas around a lesion: its place, and the distance to its boundary (mm) on every layer."""

    box: tuple[slice, slice]
    distance: NDArray[np.float32]
    allowed: NDArray[np.bool_]


def grow_lesion(canvas: Canvas, growth: Growth, wanted_mm: float, rng: Generator) -> Lesion | None:
    """Find a place for a lesion and paint it.

    Args:
        canvas: a painted slice; changed only if the lesion finds a place.
        growth: what it is like.
        wanted_mm: its longest diameter; it may turn out smaller where there is no room.
        rng: source of shape and place.

    Returns:
        The lesion, or None where the slice has no room for one of 5 mm.
    """
    labels = canvas.labels()
    spacing = canvas.frame.spacing
    diameter = wanted_mm
    for _ in range(_ATTEMPTS):
        aspect = float(np.clip(rng.normal(0.80, 0.13), 0.45, 1.0))
        shape = lesion_shape(rng, growth.outline, aspect)
        centre = _place(labels, growth, diameter / spacing, spacing, rng)
        if centre is not None:
            patch = _patch(canvas, growth, shape, centre, diameter)
            mask = _mask(canvas, patch)
            length = 0.0 if mask is None else longest_diameter(mask) * spacing
            fits = 0.62 * diameter <= length <= GREATEST_MM and length >= LEAST_MM
            if mask is not None and fits and solidity(mask) > 0.8:
                _paint(canvas, growth, shape, patch, centre, diameter, rng)
                return Lesion(mask, length, centre)
        diameter = max(diameter * 0.9, LEAST_MM * 1.2)
    return None


def _place(
    labels: NDArray[np.uint8], growth: Growth, diameter: float, spacing: float, rng: Generator
) -> tuple[float, float] | None:
    """Choose a pixel whose surroundings of a lesion's size fit the growth (diameter in pixels)."""
    side = max(3, round(diameter * 0.78))
    home = np.isin(labels, [int(t) for t in growth.home])
    room = np.isin(labels, [int(t) for t in growth.covers])
    home_share = cv2.blur(home.astype(np.float32), (side, side))
    room_share = cv2.blur(room.astype(np.float32), (side, side))
    low, high = growth.home_share
    good = room & (room_share >= growth.covers_share) & (home_share >= low) & (home_share <= high + 1e-6)
    if growth.near is not None:
        reach = (labels == int(growth.near)).astype(np.uint8)
        away = cv2.distanceTransform(1 - reach, cv2.DIST_L2, 3)
        good &= away * spacing < diameter * spacing / 2 + 9.0
    places = np.flatnonzero(good)
    if len(places) == 0:
        return None
    row, column = divmod(int(places[rng.integers(len(places))]), labels.shape[1])
    return column + float(rng.uniform(-0.5, 0.5)), row + float(rng.uniform(-0.5, 0.5))


def _patch(canvas: Canvas, growth: Growth, shape: LesionShape, centre: tuple[float, float], diameter: float) -> _Patch:
    per_mm = SUPERSAMPLING / canvas.frame.spacing
    x, y = ((c + 0.5) * SUPERSAMPLING - 0.5 for c in centre)
    reach = int(np.ceil(diameter * per_mm)) + 4
    side = canvas.hu.shape[-1]
    # Even edges keep the patch aligned with the image's pixels.
    x0, y0 = (max(int(c) - reach, 0) // SUPERSAMPLING * SUPERSAMPLING for c in (x, y))
    x1, y1 = (min((int(c) + reach) // SUPERSAMPLING * SUPERSAMPLING, side) for c in (x, y))
    step = GRID / 2 / (diameter * per_mm)
    middle = (GRID - 1) / 2
    matrix = np.array([[step, 0, middle + step * (x0 - x)], [0, step, middle + step * (y0 - y)]])
    field = cv2.warpAffine(
        shape.distance,
        matrix,
        (x1 - x0, y1 - y0),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    # A lesion is about as deep as it is wide: off its equator it is smaller.
    depth = np.minimum(np.abs(canvas.depth_mm) / diameter, 0.5)
    shrink = 0.5 - np.sqrt(0.25 - depth**2)
    distance = (field[None] + shrink[:, None, None].astype(np.float32)) * np.float32(diameter)
    box = (slice(y0, y1), slice(x0, x1))
    table = np.zeros(256, dtype=bool)
    table[[int(t) for t in growth.covers]] = True
    return _Patch(box, distance.astype(np.float32), table[canvas.tissue[:, box[0], box[1]]])


def _mask(canvas: Canvas, patch: _Patch) -> NDArray[np.bool_] | None:
    """Return the lesion's pixels; None where nothing is left, or where it would enclose what it may not replace."""
    filled = ((patch.distance < 0) & patch.allowed).mean(axis=0, dtype=np.float32)
    rows, columns = (n // SUPERSAMPLING for n in filled.shape)
    share = filled.reshape(rows, SUPERSAMPLING, columns, SUPERSAMPLING).mean(axis=(1, 3))
    body = (share >= 0.5).astype(np.uint8)
    # A thread of pixels along an organ's edge is not part of what a reader would outline.
    body = cv2.morphologyEx(body, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3)))
    whole = largest_component(body.astype(bool))
    if not whole.any() or (whole & ~body.astype(bool)).sum() > 0.02 * whole.sum():
        return None
    size = canvas.frame.size
    mask = np.zeros((size, size), dtype=bool)
    top, left = patch.box[0].start // SUPERSAMPLING, patch.box[1].start // SUPERSAMPLING
    mask[top : top + rows, left : left + columns] = whole
    return mask


def _paint(
    canvas: Canvas,
    growth: Growth,
    shape: LesionShape,
    patch: _Patch,
    centre: tuple[float, float],
    diameter: float,
    rng: Generator,
) -> None:
    rows, columns = patch.box
    height, width = patch.distance.shape[1:]
    side = max(height, width)
    per_mm = SUPERSAMPLING / canvas.frame.spacing
    clumps = smooth_field(rng, side, max(0.16 * diameter, 1.2) * per_mm)[:height, :width]
    grains = smooth_field(rng, side, 1.0 * per_mm)[:height, :width]
    inside = growth.hu + growth.spread * (0.75 * clumps + 0.6 * grains)
    if len(shape.spicules):
        _paint_spicules(canvas, growth, shape, centre, diameter, rng)
    for k in range(LAYERS):
        distance = patch.distance[k]
        value = inside.copy()
        if growth.core:
            value += growth.core * np.clip((-distance / diameter - 0.12 + 0.05 * clumps) / 0.14, 0, 1)
        if growth.rim:
            value += growth.rim * np.exp(-0.5 * ((distance + 1.5) / 1.2) ** 2)
        t = np.clip(0.5 - distance / growth.margin_mm, 0, 1)
        blend = np.where(patch.allowed[k], t * t * (3 - 2 * t), 0).astype(np.float32)
        target = canvas.hu[k, rows, columns]
        target += blend * (value - target)
        canvas.tissue[k, rows, columns][blend > 0.5] = int(Tissue.LESION)


def _paint_spicules(
    canvas: Canvas, growth: Growth, shape: LesionShape, centre: tuple[float, float], diameter: float, rng: Generator
) -> None:
    per_mm = SUPERSAMPLING / canvas.frame.spacing
    middle = (np.asarray(centre) + 0.5) * SUPERSAMPLING - 0.5
    allowed = np.zeros(256, dtype=bool)
    allowed[[int(t) for t in growth.covers]] = True
    width = float(np.clip(0.018 * diameter, 0.35, 0.8)) * per_mm
    side = canvas.hu.shape[-1]
    for start, end in shape.spicules:
        line: Curve = np.stack([start, end]) * diameter * per_mm + middle
        away = line[1] - line[0]
        across = np.array([-away[1], away[0]]) / max(float(np.linalg.norm(away)), 1e-6) * width
        outline = np.stack([line[0] + across, line[1], line[0] - across])
        hu = growth.hu - float(rng.uniform(80, 420))
        x0, y0 = np.clip(np.floor(outline.min(0)).astype(int), 0, side)
        x1, y1 = np.clip(np.ceil(outline.max(0)).astype(int) + 1, 0, side)
        if x1 <= x0 or y1 <= y0:
            continue
        strand = np.zeros((y1 - y0, x1 - x0), dtype=np.uint8)
        cv2.fillPoly(strand, [np.round((outline - (x0, y0)) * 16).astype(np.int32)], 1, shift=4)
        for k in range(LAYERS):
            where = strand.astype(bool) & allowed[canvas.tissue[k, y0:y1, x0:x1]]
            canvas.hu[k, y0:y1, x0:x1][where] = hu
