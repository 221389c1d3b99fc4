"""The canvas: polygons in millimetres become Hounsfield units and tissue labels on several sub-slices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from radbench_phantom.slices.curves import Curve, normals

LAYERS = 3
"""Sub-slices across the slice thickness; their mean is the partial volume of oblique surfaces."""

SUPERSAMPLING = 2
"""Canvas pixels per image pixel and axis."""

_SHIFT = 4  # fractional bits of OpenCV's polygon coordinates


class Tissue(IntEnum):
    """What a canvas pixel is."""

    AIR = 0
    TABLE = 1
    SKIN = 2
    SUBCUTANEOUS_FAT = 3
    MUSCLE = 4
    CORTEX = 5
    MARROW = 6
    CARTILAGE = 7
    LUNG = 8
    LUNG_VESSEL = 9
    AIRWAY = 10
    MEDIASTINAL_FAT = 11
    ABDOMINAL_FAT = 12
    PELVIC_FAT = 13
    BLOOD = 14
    MYOCARDIUM = 15
    LIVER = 16
    LIVER_VESSEL = 17
    SPLEEN = 18
    KIDNEY = 19
    MEDULLA = 20
    RENAL_SINUS = 21
    GLAND = 22
    BOWEL_WALL = 23
    BOWEL_CONTENT = 24
    STOOL = 25
    GAS = 26
    FLUID = 27
    CORD = 28
    WALL_FAT = 29
    LESION = 30
    BREAST = 31
    FINE_VESSEL = 32


@dataclass(frozen=True)
class Frame:
    """Where the anatomy lies in the image.

    Attributes:
        size: image side (pixels).
        spacing: pixel spacing (mm).
        centre: image position of the anatomy's origin (pixels, x, y).
        scale: stretch of the standard anatomy (x, y).
        waves: ``[K,6]``: wave vector (rad/mm), phase, displacement (mm) and a spare phase of the patient's own warp.
    """

    size: int
    spacing: float
    centre: tuple[float, float]
    scale: tuple[float, float]
    waves: NDArray[np.float64]

    def body_mm(self, curve: Curve) -> Curve:
        """Take the standard anatomy to this patient's (mm)."""
        phase = curve @ self.waves[:, :2].T + self.waves[:, 2]
        moved = curve + np.stack([np.sin(phase) @ self.waves[:, 3], np.cos(phase) @ self.waves[:, 4]], axis=1)
        return moved * self.scale

    def pixels(self, curve: Curve) -> Curve:
        """Take the standard anatomy (mm) to canvas pixels."""
        return self.to_canvas(self.body_mm(curve))

    def to_canvas(self, millimetres: Curve) -> Curve:
        """Take the patient's millimetres to canvas pixels."""
        centre = (np.asarray(self.centre) + 0.5) * SUPERSAMPLING - 0.5
        return millimetres * (SUPERSAMPLING / self.spacing) + centre


class Canvas:
    """Paints curves in order; what is painted later lies on top.

    Attributes:
        hu: float32 ``[LAYERS,S,S]`` Hounsfield units, S = size x supersampling.
        tissue: uint8 ``[LAYERS,S,S]`` of :class:`Tissue`.
        depth_mm: position of each sub-slice.
    """

    def __init__(self, frame: Frame, thickness_mm: float, rng: Generator) -> None:
        side = frame.size * SUPERSAMPLING
        self.frame = frame
        self.rng = rng
        self.hu = np.full((LAYERS, side, side), -1000.0, dtype=np.float32)
        self.tissue = np.zeros((LAYERS, side, side), dtype=np.uint8)
        self.depth_mm = (np.arange(LAYERS) - (LAYERS - 1) / 2) * (thickness_mm / LAYERS)

    def fill(
        self,
        curve: Curve,
        hu: float,
        tissue: Tissue,
        *,
        slope: float = 0.0,
        drift: float = 0.12,
        within: Iterable[Tissue] | None = None,
        clip: Curve | None = None,
        rigid: bool = False,
    ) -> None:
        """Paint the inside of a closed curve.

        Args:
            curve: standard anatomy (mm).
            hu: its Hounsfield units.
            tissue: its label.
            slope: outward growth per mm of depth: how oblique its surface stands to the slice.
            drift: standard deviation of its sideways shift per mm of depth.
            within: paint only over these tissues.
            clip: paint only inside this other curve (standard anatomy, mm).
            rigid: the curve is not anatomy (the table, clothes): leave the patient's stretch and warp out.
        """
        pixels = self.frame.to_canvas(curve) if rigid else self.frame.pixels(curve)
        per_mm = SUPERSAMPLING / self.frame.spacing
        shift = self.rng.normal(0.0, drift, 2) * per_mm
        grow = normals(pixels) * (slope * per_mm) if slope else None
        clip_pixels = None if clip is None else self.frame.pixels(clip)
        allowed = None if within is None else _table(within)
        for k, depth in enumerate(self.depth_mm):
            moved = pixels + shift * depth + (0.0 if grow is None else grow * depth)
            if allowed is None and clip_pixels is None:
                polygon = _fixed(moved)
                cv2.fillPoly(self.hu[k], [polygon], float(hu), shift=_SHIFT)
                cv2.fillPoly(self.tissue[k], [polygon], int(tissue), shift=_SHIFT)
            else:
                self._fill_masked(k, moved, hu, tissue, allowed, clip_pixels)

    def fill_all(
        self,
        curves: Sequence[Curve],
        hu: Sequence[float],
        tissue: Tissue,
        within: Iterable[Tissue],
        drift: float = 0.25,
        clip: Curve | None = None,
    ) -> None:
        """Paint many small curves over some tissues at once, later ones on top.

        Args:
            curves: standard anatomy (mm).
            hu: one value per curve.
            tissue: their label.
            within: paint only over these tissues.
            drift: standard deviation of each one's sideways shift per mm of depth.
            clip: paint only inside this other curve (standard anatomy, mm).
        """
        if not curves:
            return
        ends = np.cumsum([len(c) for c in curves])[:-1]
        joined = self.frame.pixels(np.concatenate(curves))
        shifts = self.rng.normal(0.0, drift, (len(curves), 2)) * (SUPERSAMPLING / self.frame.spacing)
        each = np.repeat(shifts, [len(c) for c in curves], axis=0)
        allowed = _table(within)
        side = self.hu.shape[-1]
        low = np.clip(np.floor(joined.min(0)).astype(int) - 4, 0, side)
        high = np.clip(np.ceil(joined.max(0)).astype(int) + 5, 0, side)
        if (high <= low).any():
            return
        box = (slice(low[1], high[1]), slice(low[0], high[0]))
        shape = (high[1] - low[1], high[0] - low[0])
        open_to = np.full(shape, clip is None)
        if clip is not None:
            mask = np.zeros(shape, dtype=np.uint8)
            cv2.fillPoly(mask, [_fixed(self.frame.pixels(clip) - low)], 1, shift=_SHIFT)
            open_to = mask.astype(bool)
        for k, depth in enumerate(self.depth_mm):
            sheet = np.full(shape, -9999.0, dtype=np.float32)
            fixed = _fixed(joined + each * depth - low)
            for polygon, value in zip(np.split(fixed, ends), hu, strict=True):
                cv2.fillPoly(sheet, [polygon], float(value), shift=_SHIFT)
            where = (sheet > -9000) & open_to & allowed[self.tissue[k][box]]
            np.copyto(self.hu[k][box], sheet, where=where)
            self.tissue[k][box][where] = tissue

    def _fill_masked(
        self,
        k: int,
        polygon: Curve,
        hu: float,
        tissue: Tissue,
        allowed: NDArray[np.bool_] | None,
        clip: Curve | None,
    ) -> None:
        side = self.hu.shape[-1]
        x0, y0 = (max(int(v) - 1, 0) for v in polygon.min(0))
        x1, y1 = (min(int(v) + 3, side) for v in polygon.max(0))
        if x1 <= x0 or y1 <= y0:
            return
        low, high = (x0, y0), (x1, y1)
        shape = (high[1] - low[1], high[0] - low[0])
        mask = np.zeros(shape, dtype=np.uint8)
        cv2.fillPoly(mask, [_fixed(polygon - low)], 1, shift=_SHIFT)
        if clip is not None:
            other = np.zeros(shape, dtype=np.uint8)
            cv2.fillPoly(other, [_fixed(clip - low)], 1, shift=_SHIFT)
            mask &= other
        box = (slice(low[1], high[1]), slice(low[0], high[0]))
        where = mask.astype(bool)
        if allowed is not None:
            where &= allowed[self.tissue[k][box]]
        self.hu[k][box][where] = hu
        self.tissue[k][box][where] = tissue

    def labels(self) -> NDArray[np.uint8]:
        """Return the middle sub-slice's tissues at image resolution, uint8 ``[H,W]``."""
        half = SUPERSAMPLING // 2
        return np.ascontiguousarray(self.tissue[LAYERS // 2, half::SUPERSAMPLING, half::SUPERSAMPLING])

    def image(self) -> NDArray[np.float32]:
        """Return the mean of the sub-slices at image resolution, float32 ``[H,W]`` HU."""
        side = self.frame.size
        mean = self.hu.sum(axis=0) / np.float32(LAYERS)
        return np.asarray(cv2.resize(mean, (side, side), interpolation=cv2.INTER_AREA), dtype=np.float32)


def _fixed(polygon: Curve) -> NDArray[np.int32]:
    return np.round(polygon * (1 << _SHIFT)).astype(np.int32)


def _table(tissues: Iterable[Tissue]) -> NDArray[np.bool_]:
    table = np.zeros(256, dtype=bool)
    table[[int(t) for t in tissues]] = True
    return table
