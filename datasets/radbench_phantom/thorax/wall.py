"""The body's outline: skin, fat and muscle of the chest wall, breasts, neck and arms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from radbench_phantom.thorax.breasts import breast_box, breast_depth
from radbench_phantom.thorax.grid import Corner, Grid, Points, interpolated, smooth_min
from radbench_phantom.thorax.muscles import muscles, round_cone
from radbench_phantom.thorax.skin import raise_skin
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
# The same where the arms hang: no more than the cage's own muscles; shoulders and arms are laid on.
_TRUNK = np.array(
    [
        (-200, 138, -116, 94),
        (-140, 139, -116, 102),
        (-85, 139, -115, 107),
        (-35, 138, -110, 113),
        (-10, 136, -108, 115),
        (15, 133, -106, 114),
        (40, 129, -101, 110),
        (65, 123, -92, 104),
        (85, 115, -82, 97),
        (100, 106, -76, 90),
        (115, 96, -71, 82),
        (130, 83, -66, 74),
        (145, 71, -62, 67),
        (160, 63, -60, 62),
        (178, 58, -58, 58),
        (215, 55, -57, 56),
    ],
    dtype=np.float64,
)
# Coefficients of (1 + r^2.35)^(1 / 2.35) in r from 0 to 1, least squares.
_ROUND = (1.000078, -0.005250, 0.193729, 0.428999, -0.375952, 0.101497)
_UPON_CAGE = 13.0  # least thickness of ribs and muscles (mm)


def muscle_distance(at: At, traits: Traits) -> Tensor:
    """Return the approximate signed distance (mm) to the body without skin and subcutaneous fat, and without arms."""
    x, y, z = at
    sz, sy, sx = traits.scale
    zc = z / sz
    table = _MUSCLE if traits.stance.arms_up else _TRUNK
    half, front, back = (interpolated(zc, table[:, 0], table[:, i]) for i in (1, 2, 3))
    half, front, back = half * sx, front * sy, back * sy
    middle = front + 0.55 * (back - front)
    dy = y - middle
    behind = dy > 0
    u, v = x.abs() / half, dy.abs() / torch.where(behind, back - middle, middle - front)
    g = _superellipse(u, v)
    d = (g - 1) * (torch.hypot(x, dy) / g.clamp(min=1e-4)).clamp_(min=20.0)
    slope = (interpolated(zc + 3, table[:, 0], table[:, 1]) * sx - half) / (3 * sz)
    # The furrow along the spine.
    furrow = 6.0 * torch.exp((x / 14.0) ** 2 * -1.0) * behind
    return (d + furrow) / torch.sqrt(1 + slope**2)


def _superellipse(u: Tensor, v: Tensor) -> Tensor:
    """Return (u^n + v^n)^(1/n) for n = 2.35, to 0.05 %; a polynomial is far faster than powers."""
    large, small = torch.maximum(u, v), torch.minimum(u, v)
    r = small / large.clamp(min=1e-4)
    out = torch.full_like(r, _ROUND[-1])
    for c in _ROUND[-2::-1]:
        out.mul_(r).add_(c)
    return out.mul_(large)


def fat_depth(at: At, traits: Traits) -> Tensor:
    """Return the depth of the subcutaneous fat (mm) on the way out from a place."""
    x, y, z = at
    left, right = traits.stance.fat
    weight = (x / (150.0 * traits.scale[2])).square_().clamp_(max=1.0).mul_(0.4)
    weight += 0.45 + 0.35 * torch.sigmoid((-z - 60.0) / 30.0)
    weight += ((y - 38.0) * 0.0375).clamp_(0.0, 0.15)
    uneven = (x / 50.0).clamp_(-1.0, 1.0).mul_(0.5 * traits.fat_mm * (left - right))
    return weight * uneven.add_(0.5 * traits.fat_mm * (left + right))


def raised_arm_distance(at: At, traits: Traits) -> Tensor:
    """Return the approximate signed distance (mm) to the raised upper arms' muscle: two round cones a side."""
    x, y, z = at
    joints = traits.place(np.array([(98.0, 6, 112), (150, 4, 158), (196, -2, 180), (330, -12, 214)]))
    radii = np.array([40.0, 46, 42, 36]) * traits.scale[2]
    out = None
    for a, b, ra, rb in zip(joints[:-1], joints[1:], radii[:-1], radii[1:], strict=True):
        part = round_cone((x.abs(), y, z), a, b, float(ra), float(rb))
        out = part if out is None else torch.minimum(out, part)
    assert out is not None
    return out


@dataclass(frozen=True)
class Outline:
    """Surfaces of the body on a grid, ``[D,H,W]``.

    Attributes:
        skin, muscle: signed distances (mm) to the skin and to the muscle under the fat.
        seams: 0 to 1, planes of fat between muscles.
    """

    skin: Tensor
    muscle: Tensor
    seams: Tensor


def outline(grid: Grid, traits: Traits, cage: Tensor, uneven: Tensor) -> Outline:
    """Return the body's surfaces.

    Args:
        grid: the grid.
        traits: the patient.
        cage: signed distance to the cage's inner surface ``[D,H,W]`` (mm); ribs and their muscles lie upon it.
        uneven: mm ``[D,H,W]`` by which the muscle's surface lies further in.
    """
    at = (grid.X, grid.Y, grid.Z)
    # Towards the apex the cage's distance is no longer one, and the trunk is far wider than the cage.
    upon = _UPON_CAGE - 3.0 * (grid.Z / traits.scale[0] - 90.0).clamp(min=0.0)
    muscle = torch.minimum(muscle_distance(at, traits), cage - upon) + uneven
    if traits.stance.arms_up:
        shoulders = int((grid.axes[0] < 40.0 * traits.scale[0]).sum())
        if shoulders < grid.shape[0]:
            upper = (grid.X[shoulders:], grid.Y[shoulders:], grid.Z[shoulders:])
            muscle[shoulders:] = smooth_min(muscle[shoulders:], raised_arm_distance(upper, traits), 18.0)
    seams = torch.zeros(grid.shape, device=grid.device)
    width = 1.1 + 0.05 * traits.fat_mm
    fat = []
    margin = 4.0 + 1.15 * traits.fat_mm * max(traits.stance.fat)
    for part in muscles(traits):
        box = grid.box(_corner(part.low - margin), _corner(part.high + margin))
        if box is None:
            continue
        d = part.distance(grid.at(box))
        if part.fat:
            fat.append((box, d, part.fillet))
            continue
        d += uneven[box]
        if part.seam:
            seam = (d - width).mul_(1 / (1.6 * width)).square_().neg_().add_(1.0)
            seams[box] = torch.maximum(seams[box], seam)
        muscle[box] = smooth_min(muscle[box], d, part.fillet)
    skin = muscle - fat_depth(at, traits) - 2.0
    for box, d, fillet in fat:
        skin[box] = smooth_min(skin[box], d, fillet)
    if traits.breast_mm > 0:
        for k in (0, 1):
            box = breast_box(grid, traits, k)
            if box is not None:
                skin[box] -= breast_depth(grid.at(box), traits, k)[0]
    raise_skin(grid, traits, skin)
    return Outline(skin, muscle, seams)


def _corner(point: Points) -> Corner:
    return float(point[0]), float(point[1]), float(point[2])
