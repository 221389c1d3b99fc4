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

from radbench_phantom.thorax.cage_shape import CageShape
from radbench_phantom.thorax.grid import Points, interpolated
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.traits import Traits
from radbench_phantom.thorax.tubes import Tubes, along_curve

Reals = NDArray[np.float64]

# Rows: height (mm), then the inner surface's distance (mm) from its axis at 0 (behind), 15, .. 180 degrees (in front).
_RADII = np.array(
    [
        (-190, 84, 85, 90, 100, 111, 119, 122, 122, 117, 108, 100, 95, 93),
        (-150, 85, 85, 89, 99, 113, 122, 124, 124, 120, 112, 103, 98, 95),
        (-110, 85, 85, 90, 101, 114, 122, 125, 125, 121, 113, 105, 99, 97),
        (-75, 87, 88, 94, 105, 115, 121, 122, 124, 122, 115, 106, 99, 97),
        (-45, 89, 91, 98, 107, 114, 117, 118, 122, 121, 115, 106, 99, 96),
        (-15, 90, 93, 100, 107, 110, 111, 113, 118, 120, 115, 106, 98, 96),
        (15, 89, 91, 98, 104, 106, 106, 108, 113, 116, 112, 104, 96, 95),
        (40, 82, 84, 91, 98, 101, 103, 106, 111, 112, 109, 101, 94, 92),
        (65, 66, 68, 77, 88, 96, 100, 103, 106, 106, 100, 93, 86, 82),
        (85, 52, 54, 63, 75, 86, 92, 94, 94, 91, 83, 74, 67, 65),
        (100, 46, 48, 55, 65, 75, 82, 83, 82, 76, 65, 54, 46, 45),
        (112, 39, 42, 48, 56, 64, 69, 70, 68, 62, 53, 43, 37, 36),
        (122, 28, 33, 39, 45, 50, 53, 54, 52, 47, 40, 34, 29, 28),
        (129, 18, 22, 27, 32, 35, 37, 37, 36, 32, 28, 23, 20, 19),
        (133, 12, 15, 18, 21, 23, 24, 24, 24, 21, 18, 15, 13, 12),
    ],
    dtype=np.float64,
)
_AXIS = np.array(
    [(-190, 4.6), (-110, -4.8), (-60, -0.8), (-10, 3.2), (40, 7.0), (75, 9.0), (100, 11.5), (124, 15.0), (133, 15.0)]
)
_TOP = 133.0
_LOW, _STEPS, _SECTORS = -190.0, 260, 145  # the fine table's range of heights and its nodes


def cage_distance(at: tuple[Tensor, Tensor, Tensor], traits: Traits) -> Tensor:
    """Return the approximate signed distance (mm) to the cage's inner surface."""
    from torch.nn.functional import grid_sample

    x, y, z = at
    sz, sy, sx = traits.scale
    zc = (z / sz).clamp(_LOW, _TOP)
    xc, dy = x / sx, y / sy - interpolated(zc, _AXIS[:, 0], _AXIS[:, 1])
    row = (zc - _LOW) * (2 / (_TOP - _LOW)) - 1
    where = torch.stack([torch.atan2(xc, dy) / np.pi, row.expand(xc.shape)], dim=-1)
    table = torch.from_numpy(_fine(traits.shape)).to(x.device)
    radius, steep = grid_sample(
        table[None], where.view(1, 1, -1, 2), mode="bilinear", padding_mode="border", align_corners=True
    ).view(2, *xc.shape)
    # A millimetre of the reference is as long as the patient is wide, deep or tall on the way out.
    d = (torch.hypot(xc, dy) - radius) * steep * ((sx + sy) / 2)
    return torch.maximum(d, z - _TOP * sz)


def cage_point(angle: Reals, z: Reals, out: float | Reals, shape: CageShape = CageShape()) -> Points:  # noqa: B008
    """Return points ``[N,3]`` (z, y, x mm) of a cage of reference size.

    Args:
        angle: 0 behind, pi/2 left, -pi/2 right, pi in front (rad).
        z: height (mm).
        out: distance outwards from the inner surface (mm).
        shape: the cage's.
    """
    r = cage_radius(angle, z, shape) + out
    return np.stack([z, cage_middle(z) + r * np.cos(angle), r * np.sin(angle)], axis=1)


def cage_normal(angle: Reals, z: Reals, shape: CageShape) -> Points:
    """Return the outward normals ``[N,3]`` (z, y, x) of a cage of reference size; see :func:`cage_point`."""
    e = 2.0
    r = cage_radius(angle, z, shape)
    around = (cage_radius(angle + e / 80, z, shape) - cage_radius(angle - e / 80, z, shape)) / (2 * e / 80) / r
    upwards = (cage_radius(angle, z + e, shape) - cage_radius(angle, z - e, shape)) / (2 * e)
    s, c = np.sin(angle), np.cos(angle)
    normal = np.stack([-upwards, c + around * s, s - around * c], axis=1)
    return np.asarray(normal / np.linalg.norm(normal, axis=1, keepdims=True))


def cage_middle(z: Reals | float) -> Reals:
    """Return the depth y (mm) of the axis that radii are measured from at height z."""
    from scipy.interpolate import PchipInterpolator

    return np.asarray(PchipInterpolator(_AXIS[:, 0], _AXIS[:, 1])(np.clip(z, _AXIS[0, 0], _AXIS[-1, 0])))


def cage_radius(angle: Reals, z: Reals, shape: CageShape) -> Reals:
    """Return the inner surface's distance (mm) from its axis; see :func:`cage_point`."""
    from scipy.ndimage import map_coordinates

    u = (np.clip(z, _LOW, _TOP - 3.0) - _LOW) / (_TOP - _LOW) * (_STEPS - 1)
    v = ((np.asarray(angle) + np.pi) % (2 * np.pi)) / (2 * np.pi) * (_SECTORS - 1)
    return np.asarray(map_coordinates(_fine(shape)[0].astype(np.float64), np.stack([u, v]), order=1, mode="nearest"))


@lru_cache(maxsize=8)
def _fine(shape: CageShape) -> NDArray[np.float32]:
    """Return radius (mm) and its share along the normal ``[2,_STEPS,_SECTORS]`` over height and angle -pi..pi."""
    from scipy.interpolate import CubicSpline, PchipInterpolator

    z, angle = np.linspace(_LOW, _TOP, _STEPS), np.linspace(-np.pi, np.pi, _SECTORS)
    known = np.deg2rad(np.arange(-180, 181, 15.0))
    both = np.concatenate([_RADII[:, :1:-1], _RADII[:, 1:]], axis=1)
    ring = CubicSpline(known, both, axis=1, bc_type="periodic")(angle)
    r = PchipInterpolator(_RADII[:, 0], ring, axis=0)(z)
    level, side = z[:, None], np.sin(angle)[None]
    # The apex stays where it is, and so does the front, where the sternum lies.
    held = np.clip((_TOP - level) / 110, 0, 1)
    held = held * held * (3 - 2 * held)
    wide = shape.flare * np.tanh((20 - level) / 90) + shape.barrel * np.exp(-(((level - 5) / 70) ** 2))
    r = r * (1 + held * (side**2 * wide + side**2 * np.sign(side) * shape.skew + shape.corner * np.sin(2 * angle) ** 2))
    around = np.gradient(r, angle, axis=1) / r
    upwards = np.gradient(r, z, axis=0)
    return np.stack([r, 1 / np.sqrt(1 + around**2 + upwards**2)]).astype(np.float32)


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
