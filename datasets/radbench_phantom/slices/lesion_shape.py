"""The shape of a lesion in its slice: a signed distance field, irregular, lobulated or smooth."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from radbench_phantom.slices.scanner import smooth_field

GRID = 160
"""Side of a shape's grid; it spans twice the lesion's longest diameter."""

OUTLINES = ("smooth", "lobulated", "irregular", "spiculated")

# Spread of the boundary's stray by outline: coarse, fine; and the most lobes.
_STRAY = {
    "smooth": (0.035, 0.012, 0),
    "lobulated": (0.055, 0.018, 4),
    "irregular": (0.085, 0.032, 3),
    "spiculated": (0.075, 0.040, 3),
}


@dataclass(frozen=True)
class LesionShape:
    """A lesion's outline in units of its longest diameter, its centroid in the middle of the grid.

    Attributes:
        distance: float32 ``[GRID,GRID]``, about the distance to the boundary, negative inside.
        spicules: ``[K,2,2]`` strands that leave the boundary (start and end, x,y); they are no part of the lesion.
    """

    distance: NDArray[np.float32]
    spicules: NDArray[np.float64]


def lesion_shape(rng: Generator, outline: str, aspect: float) -> LesionShape:
    """Draw a shape.

    Args:
        rng: source of the shape.
        outline: one of :data:`OUTLINES`.
        aspect: short over long axis of the ellipse it starts from, in (0, 1].
    """
    coarse, fine, most_lobes = _STRAY[outline]
    axis = (np.arange(GRID, dtype=np.float32) + 0.5) * (2.0 / GRID) - 1.0
    x, y = np.meshgrid(axis, axis)
    for scale, stray in ((GRID / 7, coarse), (GRID / 20, fine)):
        x = x + stray * smooth_field(rng, GRID, scale)
        y = y + stray * smooth_field(rng, GRID, scale)
    turn = rng.uniform(0, np.pi)
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    u, v = c * x + s * y, c * y - s * x
    long_half = 0.42
    distance = _ellipse_distance(u, v, long_half, long_half * aspect)
    for _ in range(int(rng.integers(0, most_lobes + 1))):
        at = rng.uniform(0, 2 * np.pi)
        size = long_half * rng.uniform(0.32, 0.62)
        px, py = long_half * np.cos(at) * 0.75, long_half * aspect * np.sin(at) * 0.85
        lobe = _ellipse_distance(u - np.float32(px), v - np.float32(py), size, size * rng.uniform(0.7, 1.0))
        distance = _smooth_union(distance, lobe, 0.06)
    distance = _normalised(distance)
    return LesionShape(distance, _spicules(rng, distance) if outline == "spiculated" else np.zeros((0, 2, 2)))


def _ellipse_distance(u: NDArray[np.float32], v: NDArray[np.float32], a: float, b: float) -> NDArray[np.float32]:
    level = np.sqrt((u / a) ** 2 + (v / b) ** 2)
    slope = np.sqrt((u / a**2) ** 2 + (v / b**2) ** 2) / np.maximum(level, 1e-3)
    out: NDArray[np.float32] = ((level - 1) / np.maximum(slope, 1e-3)).astype(np.float32)
    return out


def _smooth_union(a: NDArray[np.float32], b: NDArray[np.float32], k: float) -> NDArray[np.float32]:
    h = np.clip(0.5 + 0.5 * (b - a) / k, 0, 1)
    out: NDArray[np.float32] = (b * (1 - h) + a * h - k * h * (1 - h)).astype(np.float32)
    return out


def _normalised(distance: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale and centre a field so that its body's longest diameter is one unit."""
    body = largest_component(distance < 0)
    corners = hull(body)
    gaps = np.linalg.norm(corners[:, None] - corners[None], axis=-1)
    scale = float(gaps.max() + 1) * (2.0 / GRID)
    rows, columns = np.nonzero(body)
    cx, cy = float(columns.mean()), float(rows.mean())
    middle = (GRID - 1) / 2
    matrix = np.array([[scale, 0, cx - scale * middle], [0, scale, cy - scale * middle]])
    out = cv2.warpAffine(
        distance, matrix, (GRID, GRID), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    scaled: NDArray[np.float32] = (out / np.float32(scale)).astype(np.float32)
    return scaled


def _spicules(rng: Generator, distance: NDArray[np.float32]) -> NDArray[np.float64]:
    body = distance < 0
    edge = np.argwhere(body & ~cv2.erode(body.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool))
    chosen = edge[rng.choice(len(edge), min(len(edge), int(rng.integers(5, 13))), replace=False)]
    start = (chosen[:, ::-1] + 0.5) * (2.0 / GRID) - 1.0
    heading = start / np.maximum(np.linalg.norm(start, axis=1, keepdims=True), 1e-6) + rng.normal(0, 0.35, start.shape)
    end = start + heading * rng.uniform(0.12, 0.5, (len(start), 1))
    out: NDArray[np.float64] = np.stack([start * 0.93, end], axis=1)
    return out


def largest_component(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest 8-connected component of a mask with its holes filled, bool ``[H,W]``."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 2:
        return mask.astype(bool)
    body = (labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))).astype(np.uint8)
    outer, _ = cv2.findContours(body, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros_like(body), outer, -1, 1, thickness=cv2.FILLED)
    return filled.astype(bool)


def hull(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the corners of the convex hull of a mask's pixels, ``[N,2]`` x,y; none for an empty mask."""
    rows, columns = np.nonzero(mask)
    if len(rows) == 0:
        return np.zeros((0, 2))
    points = np.stack([columns, rows], axis=1).astype(np.int32)
    return np.asarray(cv2.convexHull(points)[:, 0], dtype=np.float64)


def longest_diameter(mask: NDArray[np.bool_]) -> float:
    """Return the greatest distance between two of a mask's pixel centres (pixels), 0 for an empty one."""
    corners = hull(mask)
    if len(corners) == 0:
        return 0.0
    return float(np.linalg.norm(corners[:, None] - corners[None], axis=-1).max())


def solidity(mask: NDArray[np.bool_]) -> float:
    """Return the area of a mask over that of its convex hull (1 when convex)."""
    corners = hull(mask)
    filled = np.zeros(mask.shape, dtype=np.uint8)
    cv2.fillConvexPoly(filled, np.round(corners).astype(np.int32), 1)
    return float(mask.sum() / max(int(filled.sum()), 1))
