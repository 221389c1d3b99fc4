"""The body's outline: skin, fat and muscle of the chest wall, breasts, neck and raised arms."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from radbench_phantom.thorax.grid import Grid, ellipsoid, interpolated, smooth_min
from radbench_phantom.thorax.traits import Traits

At = tuple[Tensor, Tensor, Tensor]

# Height, half width, front and back of the muscular body under the subcutaneous fat.
_MUSCLE = np.array(
    [
        (-200, 138, -116, 94),
        (-140, 139, -116, 102),
        (-85, 139, -115, 107),
        (-35, 141, -110, 113),
        (-10, 145, -108, 115),
        (15, 150, -107, 115),
        (40, 155, -103, 113),
        (65, 160, -96, 110),
        (85, 162, -90, 105),
        (100, 158, -86, 100),
        (115, 146, -80, 94),
        (130, 124, -72, 86),
        (145, 100, -66, 78),
        (160, 80, -62, 70),
        (178, 66, -60, 62),
        (215, 58, -60, 58),
    ],
    dtype=np.float64,
)
_EXPONENT = 2.35


def muscle_distance(at: At, traits: Traits) -> Tensor:
    """Return the approximate signed distance (mm) to the body without skin and subcutaneous fat, and without arms."""
    x, y, z = at
    sz, sy, sx = traits.scale
    zc = z / sz
    half, front, back = (interpolated(zc, _MUSCLE[:, 0], _MUSCLE[:, i]) for i in (1, 2, 3))
    half, front, back = half * sx, front * sy, back * sy
    middle = front + 0.55 * (back - front)
    dy = y - middle
    u = (x.abs() / half).clamp(min=1e-4)
    v = (dy.abs() / torch.where(dy < 0, middle - front, back - middle)).clamp(min=1e-4)
    g = (u**_EXPONENT + v**_EXPONENT) ** (1 / _EXPONENT)
    d = (g - 1) * (torch.hypot(x, dy) / g).clamp(min=20.0)
    slope = (interpolated(zc + 3, _MUSCLE[:, 0], _MUSCLE[:, 1]) * sx - half) / (3 * sz)
    # The furrow along the spine.
    furrow = 6.0 * torch.exp(-((x / 14.0) ** 2)) * (dy > 0)
    return (d + furrow) / torch.sqrt(1 + slope**2)


def fat_depth(at: At, traits: Traits) -> Tensor:
    """Return the depth of the subcutaneous fat (mm) on the way out from a place."""
    x, y, z = at
    side = (x.abs() / (150.0 * traits.scale[2])).clamp(max=1.0)
    low = torch.sigmoid((-z - 60.0) / 30.0)
    weight = 0.45 + 0.4 * side**2 + 0.35 * low + 0.15 * (y > 40)
    return traits.fat_mm * weight


def breast_distance(at: At, traits: Traits, out: float) -> Tensor:
    """Return the approximate signed distance (mm) to both breasts, widened by ``out`` mm."""
    x, y, z = at
    sz, sy, sx = traits.scale
    stand = traits.breast_mm
    front = -108.0 * sy - 0.45 * traits.fat_mm
    centre = np.array([(-2.0 - 0.55 * stand) * sz, front + 0.62 * 46.0 - 0.75 * stand, 0.0])
    radii = np.array([50.0 + 0.5 * stand, 46.0 + 0.25 * stand, 48.0 + 0.3 * stand]) + out
    return ellipsoid((x.abs() - 68.0 * sx, y, z), centre, radii)


def arm_distance(at: At, traits: Traits) -> Tensor:
    """Return the approximate signed distance (mm) to the raised upper arms' muscle: two round cones a side."""
    x, y, z = at
    out = None
    joints = traits.place(np.array([(98.0, 6, 112), (150, 4, 158), (196, -2, 180), (330, -12, 214)]))
    radii = np.array([40.0, 46, 42, 36]) * traits.scale[2]
    for a, b, ra, rb in zip(joints[:-1], joints[1:], radii[:-1], radii[1:], strict=True):
        way = b - a
        d = (z - float(a[0]), y - float(a[1]), x.abs() - float(a[2]))
        t = sum(c * float(w) for c, w in zip(d, way, strict=True)) / float(way @ way)
        assert isinstance(t, Tensor)
        t = t.clamp(0.0, 1.0)
        apart = [(c - t * float(w)) ** 2 for c, w in zip(d, way, strict=True)]
        part = torch.sqrt(apart[0] + apart[1] + apart[2]) - (float(ra) + t * float(rb - ra))
        out = part if out is None else torch.minimum(out, part)
    assert out is not None
    return out


def outline(grid: Grid, traits: Traits) -> tuple[Tensor, Tensor]:
    """Return signed distances (mm) to the skin and to the muscle under the fat, ``[D,H,W]`` each.

    Args:
        grid: the grid.
        traits: the patient.
    """
    at = (grid.X, grid.Y, grid.Z)
    muscle = muscle_distance(at, traits)
    shoulders = int((grid.axes[0] < 40.0 * traits.scale[0]).sum())
    if shoulders < grid.shape[0]:
        upper = (grid.X[shoulders:], grid.Y[shoulders:], grid.Z[shoulders:])
        muscle[shoulders:] = smooth_min(muscle[shoulders:], arm_distance(upper, traits), 18.0)
    skin = muscle - fat_depth(at, traits) - 2.0
    if traits.breast_mm > 0:
        skin = smooth_min(skin, breast_distance(at, traits, 2.0), 22.0)
    return skin, muscle
