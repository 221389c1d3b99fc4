"""Closed curves in millimetres: splines, offsets, bands along a contour, tapered tubes.

Axes: x to the image's right (the patient's left), y down (posterior). A curve is float64 ``[N,2]``, closed without
repeating its first point.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

Curve = NDArray[np.float64]

# A tube's round ends: cosine and sine of a few directions.
_CAP = np.stack([np.cos(np.linspace(-1.2, 1.2, 5)), np.sin(np.linspace(-1.2, 1.2, 5))], axis=1)


def spline(control: ArrayLike, per_segment: int = 8) -> Curve:
    """Return the closed Catmull-Rom curve through control points ``[M,2]`` (mm)."""
    p1 = np.asarray(control, dtype=np.float64)
    p0, p2, p3 = np.roll(p1, 1, 0), np.roll(p1, -1, 0), np.roll(p1, -2, 0)
    t = (np.arange(per_segment) / per_segment)[None, :, None]
    p0, p1, p2, p3 = (p[:, None, :] for p in (p0, p1, p2, p3))
    points = 0.5 * (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    return points.reshape(-1, 2)


def path(control: ArrayLike, per_segment: int = 8) -> Curve:
    """Return the open Catmull-Rom curve through control points ``[M,2]`` (mm)."""
    p = np.asarray(control, dtype=np.float64)
    ghost = np.concatenate([[2 * p[0] - p[1]], p, [2 * p[-1] - p[-2]]])
    p0, p1, p2, p3 = (ghost[i : len(ghost) - 3 + i, None, :] for i in range(4))
    t = (np.arange(per_segment) / per_segment)[None, :, None]
    points = 0.5 * (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    return np.concatenate([points.reshape(-1, 2), p[-1:]])


def ellipse(x: float, y: float, rx: float, ry: float | None = None, degrees: float = 0.0, n: int = 40) -> Curve:
    """Return an ellipse at (x, y) with half-axes (mm), turned by ``degrees`` (clockwise on screen)."""
    t = np.arange(n) * (2 * np.pi / n)
    local = np.stack([rx * np.cos(t), (rx if ry is None else ry) * np.sin(t)], axis=1)
    return shifted(turned(local, degrees), x, y)


def disc(centre: ArrayLike, rx: float, ry: float | None = None, degrees: float = 0.0, n: int = 40) -> Curve:
    """Return an :func:`ellipse` at a point."""
    x, y = np.asarray(centre, dtype=np.float64)
    return ellipse(float(x), float(y), rx, ry, degrees, n)


def shifted(curve: ArrayLike, x: float, y: float) -> Curve:
    """Move a curve by (x, y) mm."""
    return np.asarray(curve, dtype=np.float64) + np.array([x, y])


def symmetric(half: ArrayLike) -> Curve:
    """Add their mirror images to control points that go from the midline in front to the midline behind."""
    right = np.asarray(half, dtype=np.float64)
    return np.concatenate([right, mirrored(right[1:-1])])


def turned(curve: ArrayLike, degrees: float) -> Curve:
    """Turn a curve about the origin, clockwise on screen."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.asarray(curve, dtype=np.float64) @ np.array([[c, s], [-s, c]])


def mirrored(curve: ArrayLike) -> Curve:
    """Mirror a curve left to right, keeping its sense."""
    return (np.asarray(curve, dtype=np.float64) * (-1.0, 1.0))[::-1]


def normals(curve: Curve) -> Curve:
    """Return unit normals ``[N,2]`` pointing out of a closed curve."""
    tangent = np.roll(curve, -1, 0) - np.roll(curve, 1, 0)
    x, y = curve.T
    sense = np.sign(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) or 1.0
    out = np.stack([tangent[:, 1], -tangent[:, 0]], axis=1) * sense
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)


def offset(curve: Curve, distance: float | NDArray[np.float64]) -> Curve:
    """Move a closed curve outward by ``distance`` mm (a number or one per point; negative goes inward)."""
    return curve + normals(curve) * np.reshape(np.asarray(distance, dtype=np.float64), (-1, 1))


def wobbled(curve: Curve, rng: Generator, amplitude: float, harmonics: int = 7, decay: float = 1.0) -> Curve:
    """Let a closed curve stray along its normals: a periodic sum of harmonics of standard deviation ``amplitude`` mm.

    Args:
        curve: closed curve (mm).
        rng: source of the phases and weights.
        amplitude: standard deviation of the stray (mm).
        harmonics: how many, from the second upward.
        decay: the n-th has weight ``n**-decay``.
    """
    n = np.arange(2, harmonics + 2)
    weight = rng.normal(size=(2, harmonics)) * n**-decay
    scale = amplitude / np.sqrt(np.sum(n ** (-2 * decay)))
    t = np.arange(len(curve))[:, None] * (2 * np.pi / len(curve)) * n
    return offset(curve, scale * (np.cos(t) @ weight[0] + np.sin(t) @ weight[1]))


def bearing(curve: Curve) -> NDArray[np.float64]:
    """Return each point's direction from the origin in degrees: 0 image right, 90 posterior, -90 anterior."""
    return np.rad2deg(np.arctan2(curve[:, 1], curve[:, 0]))


def along(contour: Curve, degrees: NDArray[np.float64]) -> tuple[Curve, Curve]:
    """Return points and outward normals of a star-shaped contour at given directions (degrees).

    Returns:
        ``(points, normals)``, each ``[len(degrees),2]``.
    """
    angle = bearing(contour)
    order = np.argsort(angle)
    n = normals(contour)
    columns = [np.interp(degrees, angle[order], v[order], period=360.0) for v in (*contour.T, *n.T)]
    return np.stack(columns[:2], axis=1), np.stack(columns[2:], axis=1)


def band(
    contour: Curve, start: float, stop: float, inner: float, thickness: float, taper: float = 0.5, n: int = 40
) -> Curve:
    """Return the crescent that follows a contour between two directions.

    Args:
        contour: star-shaped about the origin (mm).
        start: first direction (degrees, see :func:`bearing`).
        stop: last direction (degrees), may pass 180.
        inner: distance of its near edge outside the contour (mm, negative is inside).
        thickness: greatest thickness (mm).
        taper: exponent of the sine that thins its ends; 0 keeps them blunt.
        n: points per edge.
    """
    s = np.linspace(0.0, 1.0, n)
    points, out = along(contour, start + (stop - start) * s)
    thick = thickness * np.sin(np.pi * np.clip(s, 0.02, 0.98)) ** taper if taper else np.full(n, thickness)
    middle = inner + thickness / 2
    near = points + out * (middle - thick / 2)[:, None]
    far = points + out * (middle + thick / 2)[:, None]
    return np.concatenate([near, far[::-1]])


def tube(line: Curve, radii: float | Sequence[float] | NDArray[np.float64]) -> Curve:
    """Return the outline of a tube along an open line with one radius (mm), or radii from its start to its end."""
    n = len(line)
    if isinstance(radii, (int, float)):
        radius = np.full(n, float(radii))
    else:
        place = np.arange(n) * ((len(radii) - 1) / (n - 1))
        radius = np.interp(place, np.arange(len(radii)), radii)
    tangent = np.empty_like(line)
    tangent[1:-1] = line[2:] - line[:-2]
    tangent[0], tangent[-1] = line[1] - line[0], line[-1] - line[-2]
    tangent /= np.maximum(np.sqrt((tangent * tangent).sum(axis=1, keepdims=True)), 1e-9)
    side = tangent[:, ::-1] * (-1.0, 1.0)
    width = side * radius[:, None]
    end = line[-1] + radius[-1] * (_CAP[:, :1] * tangent[-1] - _CAP[:, 1:] * side[-1])
    begin = line[0] - radius[0] * (_CAP[:, :1] * tangent[0] - _CAP[:, 1:] * side[0])
    return np.concatenate([line + width, end, (line - width)[::-1], begin])


def inside(curve: Curve, points: ArrayLike) -> NDArray[np.bool_]:
    """Say which points ``[M,2]`` lie inside a closed curve."""
    p = np.asarray(points, dtype=np.float64)
    a, b = curve[None], np.roll(curve, -1, 0)[None]
    x, y = p[:, None, 0], p[:, None, 1]
    crosses = (a[..., 1] > y) != (b[..., 1] > y)
    rise = np.where(b[..., 1] == a[..., 1], 1e-12, b[..., 1] - a[..., 1])
    at = a[..., 0] + (y - a[..., 1]) * (b[..., 0] - a[..., 0]) / rise
    return (np.sum(crosses & (x < at), axis=1) % 2).astype(bool)
