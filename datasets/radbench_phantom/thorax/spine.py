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

_REACH = np.array([26.0, 30.0, 36.0, 32.0, 29.0, 20.0])  # of the transverse processes at C6, C7, T1, T4, T9, T12 (mm)
# How far the spinous processes fall and reach back at C7, T2, T5, T8, T11, T12 (mm).
_SPINOUS = ((8.0, 13.0, 21.0, 20.0, 9.0, 5.0), (21.0, 18.0, 13.0, 13.0, 17.0, 19.0))


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
    # No two endplates lie quite alike to the beam; a stream of its own leaves the others' draws.
    lean = np.clip(rng.spawn(1)[0].normal(0, 0.04, len(LEVELS)), -0.08, 0.08)
    for k, z in enumerate(LEVELS):
        below = z - LEVELS[k + 1] if k + 1 < len(LEVELS) else 29.0
        above = LEVELS[k - 1] - z if k else 14.0
        depth = float(np.interp(z, [-190, -100, -10, 80, 125, 170], [18.5, 17.2, 16.4, 13.4, 10, 9.5]))
        width = float(np.interp(z, [-190, -100, -10, 80, 125, 170], [24.5, 22, 18.6, 16, 15.5, 13]))
        tilt = float(spine_front(z + 8) - spine_front(z - 8)) / 16
        up = np.array([1.0, tilt + lean[k], 0.0])
        centre = np.array([z, float(spine_front(z)) + depth + 1.0, 0.0])
        height = 0.25 * (below + above) * (0.88 if z > -100 else 0.83)
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


def stamp_bodies(grid: Grid, bones: list[Vertebra], distance: Tensor, labels: Tensor, plate: Tensor) -> None:
    """Lower a signed-distance field to the vertebral bodies', in place.

    Args:
        grid: the grid.
        bones: the vertebrae.
        distance: float32 ``[D,H,W]`` mm.
        labels: uint8 ``[D,H,W]``: set to the label of the nearest body.
        plate: float32 ``[D,H,W]``: set to the depth under the nearest endplate (mm) in bodies.
    """
    for v in bones:
        local = _local(grid, v)
        if local is None:
            continue
        box, t, b, x = local
        hh, hd, hw = v.half
        level = (t.abs() / hh).clamp(max=1.0)
        spur = v.osteophyte / hw * level**6 * (1.0 + 0.5 * torch.sign(x) * torch.sign(t))
        waist = 1 - 0.15 * (1 - level**2) + spur
        # A body is as wide at its back as in front, and hollow towards the canal.
        e = ((b / hd).abs() ** 2.4 + (x / hw).abs() ** 2.4 + 1e-6) ** (1 / 2.4)
        radial = torch.maximum((e - waist) * (hd + hw) / 2, b - (0.82 - 0.1 * (1 - (x / hw) ** 2)) * hd)
        # Endplates are dished, and their rims round.
        depth = hh * (1 - 0.17 * (1 - e**2).clamp(min=0.0)) - t.abs()
        u, w = (radial + 2.0).clamp(min=0.0), (2.0 - depth).clamp(min=0.0)
        d = torch.where((u > 0) & (w > 0), torch.hypot(u, w) - 2.0, torch.maximum(radial, -depth))
        part = distance[box]
        nearer = d < part
        part.copy_(torch.minimum(part, d))
        own = labels[box]
        own[nearer & (d < grid.h)] = v.label
        plate[box] = torch.where(nearer & (d < grid.h), depth, plate[box])


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
    # As thick in the middle as the endplates are dished.
    bulge = 0.17 * (upper.half[0] + lower.half[0]) / 2 * (1 - e**2).clamp(min=0.0)
    return box, torch.maximum(radial, t.abs() - disc.half[0] - bulge)


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
        level = v.label - Anatomy.VERTEBRA_C5 - 2  # 1 for T1, 12 for T12
        cervical, lumbar = level < 1, level > 12
        canal = 8.5 * traits.scale[2]
        back = y + 0.82 * hd
        for side in (1.0, -1.0):
            knee = np.array([z + 0.15 * hh, back + 9, side * (canal + 3.5)])
            root = np.array([z + 0.35 * hh, back - 2, side * (canal + 1.5)])
            tall = 6.4 if lumbar else 5.4
            out.append(along_curve(np.stack([root, knee]), tall, v.label, flat=3.8, across=(0, 0, 1)))
            lamina = np.stack([knee - np.array([0.1 * hh, 0, 0]), np.array([z - 0.35 * hh, back + 19, side * 2.0])])
            out.append(along_curve(lamina, 9.0, v.label, flat=2.7, across=(0.0, 1.0, side * 0.9)))
            facets = [knee + np.array([sign * hh * 1.05, 1.5, side * 1.0]) for sign in (1.0, -1.0)]
            out += [along_curve(np.stack([knee, f]), 4.6, v.label, flat=3.4, across=(0, 1, 0)) for f in facets]
            # The transverse processes bear the ribs' tubercles; the last two are stumps.
            reach = 30.0 * traits.scale[2] if lumbar else float(np.interp(level, [-1, 0, 1, 4, 9, 12], _REACH))
            rise, behind = (0.1, 8.0) if lumbar else (0.45, 5.0 if cervical else 15.0)
            tip = np.array(
                [z + rise * hh, back + behind, side * (reach * traits.scale[2] if not lumbar else reach + hw)]
            )
            club = np.array([4.0, 4.0, 3.4]) if lumbar else np.array([4.4, 4.4, 5.6])
            bone = np.stack([knee, (knee + tip) / 2, tip])
            out.append(along_curve(bone, club, v.label, flat=club * 0.8, across=(0, 1, 0)))
        fall, long = (0.0, 28.0) if lumbar else (float(np.interp(level, [0, 2, 5, 8, 11, 12], row)) for row in _SPINOUS)
        stem = np.array([z - 0.35 * hh, back + 18, 0.0])
        tip = stem + np.array([-fall, long, 0.0]) * traits.scale[2]
        tall_flat = ([9.0, 9.5, 10.0], [1.8, 2.2, 3.4]) if lumbar else ([5.6, 4.6, 4.6], [1.8, 2.2, 3.4])
        bone = np.stack([stem, (stem + tip) / 2, tip])
        out.append(along_curve(bone, np.array(tall_flat[0]), v.label, flat=np.array(tall_flat[1]), across=(0, 0, 1)))
    return out


def cord_line(bones: list[Vertebra]) -> Points:
    """Return the middle of the spinal canal ``[K,3]``."""
    return np.stack([v.centre + np.array([0.0, 0.82 * v.half[1] + 9.0, 0.0]) for v in bones])
