"""Breasts: the skin's bulge and the gland within, each side by itself."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from radbench_phantom.thorax.grid import Box, Grid
from radbench_phantom.thorax.traits import Traits

At = tuple[Tensor, Tensor, Tensor]


def breast_distance(at: At, traits: Traits, k: int, out: float) -> Tensor:
    """Return the approximate signed distance (mm) to a breast, widened by ``out`` mm.

    It is steep below and runs out slowly above and to the side; when the patient stands it hangs, and the chest stand
    presses it flat.

    Args:
        at: x, y, z (mm).
        traits: the patient.
        k: 0 left, 1 right.
        out: by how much to widen it (mm).
    """
    x, y, z = at
    sz, sy, sx = traits.scale
    stance = traits.stance
    stand = traits.breast_mm * stance.breast[k]
    hangs = 0.0 if stance.arms_up else 1.0
    drop = hangs * (stance.breast_drop_mm[k] * min(1.0, stand / 22.0) + 0.35 * stand)
    front = -108.0 * sy - 0.45 * traits.fat_mm
    middle = (
        (-2.0 - 0.55 * stand - 14.0 * hangs) * sz - drop,
        front + 28.0 - (0.75 - 0.2 * hangs) * stand,
        (72.0 + 0.25 * stand) * sx,
    )
    below, above = 46.0 + 0.34 * stand, 52.0 + 0.4 * stand + 1.1 * drop
    inner, outer = 48.0 + 0.3 * stand, 50.0 + (0.3 + 0.25 * hangs) * stand
    deep = 46.0 + 0.25 * stand
    dz = z - middle[0]
    dx = (x if k == 0 else -x) - middle[2]
    dy = y - middle[1]
    rz = torch.where(dz > 0, above + out, below + out)
    rx = torch.where(dx > 0, outer + out, inner + out)
    square = (dz / rz) ** 2 + (dx / rx) ** 2 + (dy / (deep + out)) ** 2
    steep = (dz / rz**2) ** 2 + (dx / rx**2) ** 2 + (dy / (deep + out) ** 2) ** 2
    e = torch.sqrt(square + 1e-6)
    return (e - 1) * e / torch.sqrt(steep + 1e-6 / deep**2)


def breast_box(grid: Grid, traits: Traits, k: int) -> Box | None:
    """Return the part of the grid that holds a breast."""
    low = np.array([-270.0, -270.0, -30.0])
    high = np.array([150.0, -30.0, 235.0])
    if k:
        low[2], high[2] = -high[2], -low[2]
    return grid.box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
