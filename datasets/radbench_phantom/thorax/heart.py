"""The heart: four chambers, auricles and the roots of the great arteries, in a frame of its own.

The frame is that of the reference heart in millimetres: about a pivot at the heart's base it is scaled, tilted in the
frontal plane and stretched by breath, so that a tall thin patient's heart hangs and an obese patient's lies across.
Sizes and places were fitted to the labelled heart of LIDC-IDRI-0001 and to frontal radiographs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from radbench_phantom.thorax.grid import Points, ellipsoid, smooth_min
from radbench_phantom.thorax.traits import Traits

At = tuple[Tensor, Tensor, Tensor]

_AXIS = np.array([-0.46, -0.48, 0.75]) / np.linalg.norm([-0.46, -0.48, 0.75])  # base to apex (z, y, x)
_SIDE = np.cross(_AXIS, [1.0, 0.0, 0.0]) / np.linalg.norm(np.cross(_AXIS, [1.0, 0.0, 0.0]))
_TURN = np.stack([_AXIS, _SIDE, np.cross(_AXIS, _SIDE)])
_PIVOT = np.array([20.0, -15.0, 0.0])
# Below this height the heart is drawn out, so that it reaches the diaphragm however low that stands.
_SKIRT, _DRAWN = -30.0, 0.55

# Centre (z, y, x), semi-axes (mm), whether turned into the heart's axis.
CHAMBERS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float], bool]] = {
    "left ventricle": ((-24.0, -29.0, 32.0), (50.0, 35.0, 33.0), True),
    "right ventricle": ((-28.0, -55.0, 10.0), (46.0, 27.0, 31.0), True),
    "right atrium": ((-18.0, -30.0, -16.0), (38.0, 32.0, 27.0), False),
    "left atrium": ((6.0, 2.0, 3.0), (23.0, 19.0, 33.0), False),
    "left auricle": ((16.0, -24.0, 32.0), (20.0, 15.0, 12.0), False),
    "right auricle": ((4.0, -50.0, -14.0), (16.0, 13.0, 15.0), False),
    "outflow": ((4.0, -55.0, 20.0), (30.0, 15.0, 16.0), False),
}
WALL = {"left ventricle": 9.5, "right ventricle": 3.5}
"""Thickness of the muscle (mm); the atria's and auricles' is 2.5."""


def _factors(traits: Traits) -> tuple[float, float, float]:
    size = traits.heart * float(np.prod(traits.scale)) ** (1 / 3)
    return (
        size * (1 + 0.004 * traits.breath_mm),
        size,
        size * traits.heart_wide * (1 - 0.003 * traits.breath_mm),
    )


def _tilt(traits: Traits) -> tuple[float, float]:
    # A low diaphragm lets the apex hang.
    angle = traits.heart_tilt + 0.004 * traits.breath_mm
    return float(np.cos(angle)), float(np.sin(angle))


def _base(traits: Traits) -> Points:
    return traits.place(_PIVOT) + traits.heart_shift(np.zeros(3))


def heart_frame(at: At, traits: Traits) -> At:
    """Take places of the patient (x, y, z mm) to the reference heart's frame."""
    base, (fz, fy, fx) = _base(traits), _factors(traits)
    x, y, z = (at[i] - float(base[2 - i]) for i in range(3))
    c, s = _tilt(traits)
    u, w = c * x - s * z, c * z + s * x
    return (u / fx + float(_PIVOT[2]), y / fy + float(_PIVOT[1]), w / fz + float(_PIVOT[0]))


def from_heart(points: list[tuple[float, float, float]], traits: Traits) -> Points:
    """Take points ``[...,3]`` (z, y, x mm) of the reference heart to the patient."""
    d = (np.asarray(points, dtype=np.float64) - _PIVOT) * np.array(_factors(traits))
    c, s = _tilt(traits)
    turned = np.stack([c * d[..., 0] - s * d[..., 2], d[..., 1], c * d[..., 2] + s * d[..., 0]], axis=-1)
    return np.asarray(turned + _base(traits))


def chambers(frame: At) -> dict[str, Tensor]:
    """Return approximate signed distances (mm of the frame) to the chambers with their walls, by name."""
    x, y, z = frame
    z = torch.where(z < _SKIRT, _SKIRT + (z - _SKIRT) * _DRAWN, z)
    return {
        name: ellipsoid((x, y, z), np.asarray(centre), np.asarray(radii), _TURN if turned else None)
        for name, (centre, radii, turned) in CHAMBERS.items()
    }


def envelope(parts: dict[str, Tensor]) -> Tensor:
    """Return the distance to the whole heart within its fat: the chambers in one smooth skin."""
    ventricles = smooth_min(parts["left ventricle"], parts["right ventricle"], 16.0)
    left = smooth_min(smooth_min(parts["left atrium"], parts["left auricle"], 14.0), parts["outflow"], 16.0)
    right = smooth_min(parts["right atrium"], parts["right auricle"], 12.0)
    return smooth_min(smooth_min(ventricles, left, 26.0), right, 14.0)


def millimetres(traits: Traits) -> float:
    """Return how many of the patient's millimetres one of the heart's frame is."""
    return float(np.prod(_factors(traits))) ** (1 / 3)


def heart_distance(at: At, traits: Traits) -> Tensor:
    """Return the approximate signed distance (mm) to the whole heart.

    Args:
        at: x, y, z (mm): of a grid ``[D,H,W]``, ``[D,H,W]``, ``[D,1,1]``, or of single places ``[N]`` each.
        traits: the patient.
    """
    return coarsely(at, lambda a: envelope(chambers(heart_frame(a, traits))) * millimetres(traits))


def coarsely(at: At, of: Callable[[At], Tensor]) -> Tensor:
    """Return a smooth distance on a grid, worked out at every other voxel and interpolated.

    A distance bends so little over two voxels that an eighth of the work gives it within a small part of a voxel.
    Single places (one-dimensional) are worked out as they are.

    Args:
        at: x, y, z (mm).
        of: the distance of places like ``at``.
    """
    if at[0].ndim != 3 or min(at[0].shape) < 4:
        return of(at)
    shape = at[0].shape
    half = of((_halved(at[0]), _halved(at[1]), _halved(at[2])))
    whole = torch.nn.functional.interpolate(
        half[None, None], size=[2 * n - 1 for n in half.shape], mode="trilinear", align_corners=True
    )
    return whole[0, 0, : shape[0], : shape[1], : shape[2]]


def _halved(t: Tensor) -> Tensor:
    for axis in range(3):
        n = t.shape[axis]
        if n > 1:
            every = t.index_select(axis, torch.arange(0, n, 2, device=t.device))
            if n % 2 == 0:
                last, before = t.narrow(axis, n - 1, 1), t.narrow(axis, n - 2, 1)
                every = torch.cat([every, 2 * last - before], axis)
            t = every
    return t
