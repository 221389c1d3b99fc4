"""The spine: vertebral bodies with endplates, discs, arches and processes, cord, and what age does to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from radbench_phantom.thorax.cage import spine_front
from radbench_phantom.thorax.grid import Grid, Points
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.traits import Traits
from radbench_phantom.thorax.tubes import Tubes, along_curve

# Height of the middle of the bodies C5..L3 in the reference.
LEVELS = np.array(
    [168, 153, 139, 124, 108, 91, 73, 54, 34, 12, -11, -34, -57, -81, -106, -133, -161, -191], dtype=np.float64
)


@dataclass(frozen=True)
class Vertebra:
    """One vertebra, in the patient's millimetres.

    Attributes:
        label: its label.
        centre: middle of the body (z, y, x).
        up: unit vector along the spine (z, y, x).
        half: half height, half depth and half width of the body.
        osteophyte: how far the rims stand out (mm).
    """

    label: int
    centre: Points
    up: Points
    half: tuple[float, float, float]
    osteophyte: float


def vertebrae(traits: Traits, rng: np.random.Generator) -> list[Vertebra]:
    """Return C5 to L3."""
    out = []
    wedge = rng.exponential(0.35, len(LEVELS)) * traits.degeneration
    for k, z in enumerate(LEVELS):
        below = z - LEVELS[k + 1] if k + 1 < len(LEVELS) else 29.0
        above = LEVELS[k - 1] - z if k else 14.0
        depth = float(np.interp(z, [-190, -100, -10, 80, 125, 170], [18.5, 17.2, 16.4, 13.4, 10, 9.5]))
        width = float(np.interp(z, [-190, -100, -10, 80, 125, 170], [24.5, 22, 18.6, 16, 15.5, 13]))
        tilt = float(spine_front(z + 8) - spine_front(z - 8)) / 16
        up = np.array([1.0, tilt, 0.0])
        centre = np.array([z, float(spine_front(z)) + depth + 1.0, 0.0])
        height = 0.25 * (below + above) * (0.84 if z > -100 else 0.80)
        out.append(
            Vertebra(
                Anatomy.VERTEBRA_C5 + k,
                traits.place(centre),
                up / np.linalg.norm(up),
                (
                    height * traits.scale[0] * (1 - 0.05 * min(wedge[k], 2)),
                    depth * traits.scale[2],
                    width * traits.scale[2],
                ),
                float(2.5 * traits.degeneration * rng.random()),
            )
        )
    return out


def stamp_bodies(grid: Grid, bones: list[Vertebra], distance: Tensor, labels: Tensor) -> None:
    """Lower a signed-distance field to the vertebral bodies', in place."""
    for v in bones:
        local = _local(grid, v)
        if local is None:
            continue
        box, t, b, x = local
        hh, hd, hw = v.half
        waist = 1 - 0.10 * (1 - (t / hh).clamp(-1, 1) ** 2) + v.osteophyte / hw * (t.abs() / hh).clamp(max=1) ** 6
        e = torch.sqrt((b / hd) ** 2 + (x / hw) ** 2 + 1e-6)
        # The back of a body is flat.
        radial = torch.maximum((e - waist) * (hd + hw) / 2, b - 0.82 * hd)
        d = torch.maximum(radial, t.abs() - hh)
        part = distance[box]
        nearer = d < part
        part.copy_(torch.minimum(part, d))
        own = labels[box]
        own[nearer & (d < grid.h)] = v.label


def disc_distance(grid: Grid, upper: Vertebra, lower: Vertebra) -> tuple[tuple[slice, slice, slice], Tensor] | None:
    """Return the box and signed distance (mm) of the disc between two vertebrae, or None outside the grid."""
    centre = (upper.centre - upper.up * upper.half[0] + lower.centre + lower.up * lower.half[0]) / 2
    gap = float((upper.centre - lower.centre) @ lower.up) - upper.half[0] - lower.half[0]
    depth, width = (upper.half[1] + lower.half[1]) / 2, (upper.half[2] + lower.half[2]) / 2
    disc = Vertebra(Anatomy.DISC, centre, lower.up, (gap / 2 + 0.6, depth, width), 0.0)
    local = _local(grid, disc)
    if local is None:
        return None
    box, t, b, x = local
    e = torch.sqrt((b / depth) ** 2 + (x / width) ** 2 + 1e-6)
    radial = torch.maximum((e - 1) * (depth + width) / 2, b - 0.85 * depth)
    return box, torch.maximum(radial, t.abs() - disc.half[0])


def _local(grid: Grid, v: Vertebra) -> tuple[tuple[slice, slice, slice], Tensor, Tensor, Tensor] | None:
    reach = max(v.half) + v.osteophyte + 2 * grid.h
    low, high = v.centre - reach, v.centre + reach
    box = grid.box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
    if box is None:
        return None
    x, y, z = grid.at(box)
    dz, dy = z - float(v.centre[0]), y - float(v.centre[1])
    t = float(v.up[0]) * dz + float(v.up[1]) * dy
    b = float(v.up[0]) * dy - float(v.up[1]) * dz
    return box, t, b, x - float(v.centre[2])


def arch_tubes(traits: Traits, bones: list[Vertebra]) -> list[Tubes]:
    """Return pedicles, laminae, articular, transverse and spinous processes."""
    out = []
    for v in bones:
        z, y, _ = v.centre
        hh, hd, hw = v.half
        cervical, lumbar = v.label < Anatomy.VERTEBRA_C5 + 3, v.label > Anatomy.VERTEBRA_C5 + 14
        canal = 8.5 * traits.scale[2]
        back = y + 0.82 * hd
        droop = 0.0 if lumbar else (0.5 if cervical else 0.75)
        for side in (1.0, -1.0):
            knee = np.array([z + 0.15 * hh, back + 11, side * (canal + 3.5)])
            out.append(
                along_curve(
                    np.array([[z + 0.35 * hh, back - 4, side * (canal + 1.5)], knee]),
                    5.6 if lumbar else 4.8,
                    v.label,
                    flat=3.4,
                    across=(0, 0, 1),
                )
            )
            out.append(
                along_curve(
                    np.stack([knee, np.array([z - 0.25 * hh, back + 19, side * 2.0])]),
                    7.6,
                    v.label,
                    flat=2.6,
                    across=(0.0, 1.0, side * 0.9),
                )
            )
            facets = [knee + np.array([sign * hh * 1.05, 1.5, side * 1.0]) for sign in (1.0, -1.0)]
            out += [along_curve(np.stack([knee, f]), 4.4, v.label, flat=3.4, across=(0, 1, 0)) for f in facets]
            reach = hw + (14 if not lumbar else 20) - (6 if cervical else 0)
            tip = np.array([z + 0.3 * hh, back + (13 if not lumbar else 8) - (8 if cervical else 0), side * reach])
            out.append(along_curve(np.stack([knee, tip]), 4.2, v.label, flat=3.6, across=(0, 1, 0)))
        long = 17 if not lumbar else 28
        root = np.array([z - 0.3 * hh, back + 18, 0.0])
        tip = root + np.array([-droop * 12, long * (1 - 0.3 * droop), 0.0])
        out.append(
            along_curve(
                np.stack([root, tip]),
                np.array([4.4, 3.6]) if not lumbar else np.array([9.0, 10.0]),
                v.label,
                flat=np.array([1.7, 2.2]),
                across=(0, 0, 1),
            )
        )
    return out


def cord_line(bones: list[Vertebra]) -> Points:
    """Return the middle of the spinal canal ``[K,3]``."""
    return np.stack([v.centre + np.array([0.0, 0.82 * v.half[1] + 9.0, 0.0]) for v in bones])
