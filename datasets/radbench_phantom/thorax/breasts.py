"""Breasts: how they thicken the chest wall and where their glands lie, each side by itself."""

from __future__ import annotations

import torch
from torch import Tensor

from radbench_phantom.thorax.grid import Box, Grid
from radbench_phantom.thorax.traits import Traits

At = tuple[Tensor, Tensor, Tensor]


def nipple_place(traits: Traits, k: int) -> tuple[float, float]:
    """Return the height z and the distance from the midline (mm) of a nipple."""
    if not traits.breast_mm:
        return 2.0 * traits.scale[0], 98.0 * traits.scale[2]
    middle, aside = _middle(traits, k)[:2]
    return middle - 4.0, aside + 4.0


def _middle(traits: Traits, k: int) -> tuple[float, float, float, float]:
    """Return a breast's height z, distance from the midline, drop, and how far it stands out (mm)."""
    stance = traits.stance
    stand = traits.breast_mm * stance.breast[k]
    hangs = 0.0 if stance.arms_up else 1.0
    drop = hangs * (10.0 + 0.3 * stand + stance.breast_drop_mm[k] * min(1.0, stand / 22.0))
    return (-12.0 - 0.4 * stand) * traits.scale[0] - drop, (74.0 + 0.25 * stand) * traits.scale[2], drop, stand


def breast_depth(at: At, traits: Traits, k: int) -> tuple[Tensor, Tensor]:
    """Return how thick a breast is on the chest wall and how far outside its gland a place is, from the front (mm).

    It is steep below and runs out slowly above and towards the armpit. When the patient stands it hangs, and the chest
    stand spreads it.

    Args:
        at: x, y, z (mm).
        traits: the patient.
        k: 0 left, 1 right.
    """
    x, y, z = at
    height, aside, drop, stand = _middle(traits, k)
    below, above = 46.0 + 0.35 * stand, 62.0 + 0.7 * stand + 1.2 * drop
    inner, outer = 50.0 + 0.35 * stand, 56.0 + 0.6 * stand
    dz, dx = z - height, (x if k == 0 else -x) - aside
    # The upper slope leans towards the armpit.
    dx = dx - 0.25 * dz.clamp(min=0.0)
    up = torch.sigmoid(dz / 8.0)
    square = (dz / torch.where(dz > 0, above, below)) ** 2 + (dx / torch.where(dx > 0, outer, inner)) ** 2
    profile = (1.0 - square).clamp(min=1e-4) ** (0.75 + 0.8 * up)
    front = torch.sigmoid((-18.0 * traits.scale[1] - y) / 12.0)
    depth = (6.0 + 1.05 * stand) * profile * front
    return depth, (torch.sqrt(square) - 0.8) * (40.0 + 0.3 * stand)


def breast_box(grid: Grid, traits: Traits, k: int) -> Box | None:
    """Return the part of the grid that holds a breast."""
    reach = 64.0 + 1.1 * traits.breast_mm
    low, high = 10.0, 74.0 * traits.scale[2] + reach + 60.0
    if k:
        low, high = -high, -low
    bottom = (-12.0 - 0.4 * traits.breast_mm) * traits.scale[0] - 110.0 - 0.7 * traits.breast_mm
    return grid.box((bottom, -230.0, low), (130.0, 20.0, high))
