"""The thoracic cage: the surface that the lungs fill, and the sternum upon it.

The tables give the reference thorax in millimetres from a point in the middle of the lungs, in front of the eighth
thoracic vertebra; they were fitted to extents measured in LIDC-IDRI-0001 (Armato et al. 2011), both sides averaged.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radbench_phantom.thorax.grid import Points, interpolated
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.traits import Traits
from radbench_phantom.thorax.tubes import Tubes, along_curve

# Height, half width, front and back of the inner surface.
_INNER = np.array(
    [
        (-190, 126, -104, 74),
        (-150, 126, -103, 80),
        (-110, 124, -101, 84),
        (-60, 120, -97, 88),
        (-10, 115, -93, 92),
        (15, 111, -90, 93),
        (40, 108, -84, 91),
        (65, 102, -74, 84),
        (90, 91, -56, 72),
        (105, 82, -40, 62),
        (115, 72, -25, 51),
        (124, 57, -11, 40),
        (130, 38, 0, 29),
        (133, 22, 6, 22),
    ],
    dtype=np.float64,
)
_TOP = 133.0
_FRONT, _BACK = 2.25, 2.6  # exponents of the superellipse before and behind its widest line


def cage_distance(at: tuple[Tensor, Tensor, Tensor], traits: Traits) -> Tensor:
    """Return the approximate signed distance (mm) to the cage's inner surface."""
    x, y, z = at
    sz, sy, sx = traits.scale
    zc = (z / sz).clamp(max=_TOP)
    a = interpolated(zc, _INNER[:, 0], _INNER[:, 1]) * sx
    front = interpolated(zc, _INNER[:, 0], _INNER[:, 2]) * sy
    back = interpolated(zc, _INNER[:, 0], _INNER[:, 3]) * sy
    middle = front + 0.52 * (back - front)
    u = x.abs() / a
    dy = y - middle
    anterior = dy < 0
    v = dy.abs() / torch.where(anterior, middle - front, back - middle)
    n = torch.where(anterior, _FRONT, _BACK)
    g = (u.clamp(min=1e-4) ** n + v.clamp(min=1e-4) ** n) ** (1 / n)
    # The radius towards this voxel turns the level into millimetres.
    radius = torch.hypot(x, dy) / g.clamp(min=1e-3)
    d = (g - 1) * radius.clamp(min=6.0)
    slope = (a - interpolated((zc + 2).clamp(max=_TOP), _INNER[:, 0], _INNER[:, 1]) * sx) / (2 * sz)
    slope = torch.where(zc > 60, slope, torch.zeros_like(slope))
    return torch.maximum(d / torch.sqrt(1 + slope**2), z - _TOP * sz)


def cage_point(angle: NDArray[np.float64], z: NDArray[np.float64], out: float | NDArray[np.float64]) -> Points:
    """Return points ``[N,3]`` of the reference cage.

    Args:
        angle: 0 behind, pi/2 left, pi in front (rad).
        z: height (mm).
        out: distance outwards from the inner surface (mm).
    """
    zc = np.minimum(z, _TOP - 3)
    a, front, back = (_table(i)(zc) for i in (1, 2, 3))
    middle = front + 0.52 * (back - front)
    s, c = np.sin(angle), np.cos(angle)
    n = np.where(c < 0, _FRONT, _BACK)
    depth = np.where(c < 0, middle - front, back - middle)
    r = (np.abs(s / a) ** n + np.abs(c / depth) ** n) ** (-1 / n) + out
    return np.stack([z, middle + r * c, r * s], axis=1)


def cage_middle(z: float) -> float:
    """Return the depth y (mm) of the reference cage's widest line at height z."""
    front, back = float(_table(2)(z)), float(_table(3)(z))
    return front + 0.52 * (back - front)


@lru_cache
def _table(column: int):  # type: ignore[no-untyped-def]
    from scipy.interpolate import PchipInterpolator

    return PchipInterpolator(_INNER[:, 0], _INNER[:, column], extrapolate=True)


def spine_front(z: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return the depth y (mm) of the vertebral bodies' front in the reference at height z."""
    knots = np.array([-200, -158, -130, -104, -77, -54, -32, -9, 15, 38, 59, 78, 96, 111, 125, 139, 165.0])
    depth = np.array([-12, -8, 5, 18, 29, 37, 42, 46, 47, 45, 38, 30, 20, 9, -3, -14, -26.0])
    from scipy.interpolate import PchipInterpolator

    return np.asarray(PchipInterpolator(knots, depth, extrapolate=True)(z))


def sternum_depth(z: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return the depth y (mm) of the sternum's middle plane in the reference at height z."""
    return np.asarray(np.interp(z, [-60, -15, 10, 40, 65, 85, 105, 115], [-96, -100, -100, -95, -88, -77, -66, -62]))


def sternum_tubes(traits: Traits) -> Tubes:
    """Return manubrium, body and xiphoid process."""
    z = np.array([112, 104, 94, 84, 80, 70, 50, 30, 10, -8, -22, -30, -42.0])
    half = np.array([17, 24, 22, 16, 14, 14, 15, 17, 18, 17, 13, 6, 4.0])
    flat = np.array([5.5, 6.2, 6, 5.4, 4.8, 5, 5.2, 5.4, 5.4, 5.2, 4.4, 3.0, 2.5])
    points = np.stack([z, sternum_depth(z), np.zeros_like(z)], axis=1)
    return along_curve(traits.place(points), half * traits.scale[2], Anatomy.STERNUM, flat=flat, across=(0.0, 1.0, 0.0))
