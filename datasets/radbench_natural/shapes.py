"""Shapes with edges, painted one over another: dead leaves, polygons, ellipses, strokes."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from radbench_natural.textures import slope, spectral

Plane = NDArray[np.float64]
Inside = Callable[[Plane, Plane], NDArray[np.bool_]]
"""Of pixels' middles y ``[H,1]`` and x ``[1,W]``: which of them a shape covers."""


def leaves(rng: np.random.Generator, side: int) -> Plane:
    """Return dead leaves: discs one over another, of density r^-3 between two radii, so that no scale is preferred.

    Enough fall to cover the square twice over; what none covers shows the ground.
    """
    least, most = rng.uniform(0.006, 0.02) * side, rng.uniform(0.15, 0.35) * side
    canvas = _ground(rng, side)
    # The mean area under r^-3: twice least squared by the logarithm of the range.
    mean_area = 2 * math.pi * math.log(most / least) / (least**-2 - most**-2)
    for _ in range(int(2 * side**2 / mean_area)):
        radius = (least**-2 - rng.random() * (least**-2 - most**-2)) ** -0.5
        cy, cx = rng.uniform(0.0, side, 2)
        _paint(rng, canvas, (cy, cx), radius, _disc(cy, cx, radius))
    return canvas


def polygons(rng: np.random.Generator, side: int) -> Plane:
    """Return 8 to 40 star-shaped polygons of 3 to 8 corners over smooth ground."""
    canvas = _ground(rng, side)
    for _ in range(rng.integers(8, 41)):
        corners = int(rng.integers(3, 9))
        reach = np.exp(rng.uniform(np.log(0.03), np.log(0.35))) * side
        centre = rng.uniform(0.0, side, 2)
        turns = (np.arange(corners) + rng.uniform(-0.35, 0.35, corners)) * 2 * np.pi / corners + rng.uniform(0, np.pi)
        reaches = reach * rng.uniform(0.45, 1.0, corners)
        points = centre + reaches[:, None] * np.stack([np.sin(turns), np.cos(turns)], axis=1)
        _paint(rng, canvas, (centre[0], centre[1]), reach, _polygon(points))
    return canvas


def ellipses(rng: np.random.Generator, side: int) -> Plane:
    """Return 8 to 40 ellipses over smooth ground, opaque and translucent."""
    canvas = _ground(rng, side)
    for _ in range(rng.integers(8, 41)):
        long = np.exp(rng.uniform(np.log(0.02), np.log(0.3))) * side
        short, angle = long * rng.uniform(0.3, 1.0), rng.uniform(0.0, np.pi)
        cy, cx = rng.uniform(0.0, side, 2)
        opacity = 1.0 if rng.random() < 0.6 else rng.uniform(0.2, 0.8)
        _paint(rng, canvas, (cy, cx), long, _ellipse(cy, cx, long, short, angle), opacity)
    return canvas


def strokes(rng: np.random.Generator, side: int) -> Plane:
    """Return lines of made-up writing: glyphs of two to four straight strokes, of several sizes, on smooth ground."""
    canvas = _ground(rng, side)
    top = rng.uniform(0.0, 0.05) * side
    while top < side:
        height = np.exp(rng.uniform(np.log(0.035), np.log(0.16))) * side
        width, thick, ink = height * rng.uniform(0.5, 0.8), height * rng.uniform(0.06, 0.2), rng.random()
        left = rng.uniform(0.0, 0.15) * side
        while left < side:
            if rng.random() < 0.85:
                nodes = rng.integers(0, (4, 3), (int(rng.integers(3, 6)), 2)) / (3, 2)
                points = (top, left) + nodes * (height - thick, width - thick) + thick / 2
                for a, b in pairwise(points):
                    middle, reach = (a + b) / 2, float(np.hypot(*(a - b))) / 2 + thick
                    _paint(rng, canvas, (middle[0], middle[1]), reach, _stroke(a, b, thick), 1.0, ink)
            left += width * 1.35
        top += height * rng.uniform(1.25, 1.7)
    return canvas


def _ground(rng: np.random.Generator, side: int) -> Plane:
    return rng.random() + rng.uniform(0.0, 0.12) * spectral(rng, side, rng.uniform(1.2, 2.5))


def _paint(
    rng: np.random.Generator,
    canvas: Plane,
    centre: tuple[float, float],
    reach: float,
    inside: Inside,
    opacity: float = 1.0,
    grey: float | None = None,
) -> None:
    """Paint a shape that lies within ``reach`` of its centre: in one grey, or one of its own that may slope."""
    side = len(canvas)
    (top, bottom), (left, right) = (
        (max(0, math.floor(c - reach)), min(side, math.ceil(c + reach) + 1)) for c in centre
    )
    y: Plane = np.arange(top, bottom, dtype=np.float64)[:, None] + 0.5
    x: Plane = np.arange(left, right, dtype=np.float64)[None] + 0.5
    colour: Plane | float
    if grey is not None:
        colour = grey
    elif rng.random() < 0.5:
        colour = rng.random()
    else:
        colour = rng.random() + slope(rng, (y - centre[0]) / (2 * reach), (x - centre[1]) / (2 * reach), 0.4)
    part = canvas[top:bottom, left:right]
    np.copyto(part, part * (1 - opacity) + opacity * colour, where=inside(y, x))


def _disc(cy: float, cx: float, radius: float) -> Inside:
    return lambda y, x: (y - cy) ** 2 + (x - cx) ** 2 <= radius**2


def _ellipse(cy: float, cx: float, long: float, short: float, angle: float) -> Inside:
    c, s = math.cos(angle), math.sin(angle)

    def inside(y: Plane, x: Plane) -> NDArray[np.bool_]:
        along, across = c * (x - cx) + s * (y - cy), c * (y - cy) - s * (x - cx)
        within: NDArray[np.bool_] = (along / long) ** 2 + (across / short) ** 2 <= 1
        return within

    return inside


def _polygon(points: Plane) -> Inside:
    """Cover the pixels from which a ray crosses the outline an odd number of times; points are (y, x)."""

    def inside(y: Plane, x: Plane) -> NDArray[np.bool_]:
        odd = np.zeros((len(y), x.shape[1]), bool)
        for (ay, ax), (by, bx) in zip(points, np.roll(points, -1, axis=0), strict=True):
            if ay != by:
                odd ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) * (bx - ax) / (by - ay))
        return odd

    return inside


def _stroke(a: Plane, b: Plane, thick: float) -> Inside:
    """Cover the pixels within half of ``thick`` from the stretch between two points (y, x)."""
    way = b - a
    length = max(float(way @ way), 1e-9)

    def inside(y: Plane, x: Plane) -> NDArray[np.bool_]:
        t = np.clip(((y - a[0]) * way[0] + (x - a[1]) * way[1]) / length, 0.0, 1.0)
        near: NDArray[np.bool_] = np.hypot(y - a[0] - t * way[0], x - a[1] - t * way[1]) <= thick / 2
        return near

    return inside
