"""The skin's own relief: nipples, and folds on the back of patients who lie or sit against the detector."""

from __future__ import annotations

import torch
from torch import Tensor

from radbench_phantom.thorax.breasts import nipple_place
from radbench_phantom.thorax.grid import Grid
from radbench_phantom.thorax.traits import Traits


def raise_skin(grid: Grid, traits: Traits, skin: Tensor) -> None:
    """Raise nipples and folds out of the skin, in place.

    Args:
        grid: the grid.
        traits: the patient.
        skin: signed distance to the smooth skin ``[D,H,W]`` (mm).
    """
    stance = traits.stance
    for k, side in enumerate((1.0, -1.0)):
        if stance.nipple_mm[k] > 0:
            z0, x0 = nipple_place(traits, k)
            box = grid.box(
                (z0 - 16.0, -260.0, side * x0 - 16.0), (z0 + 16.0, -30.0 * traits.scale[1], side * x0 + 16.0)
            )
            if box is not None:
                x, _, z = grid.at(box)
                square = (z - z0) ** 2 + (x - side * x0) ** 2
                skin[box] -= stance.nipple_mm[k] * torch.exp(-square / 30.0)
        if stance.fold_mm[k] > 0:
            box = grid.box(
                (-130.0, 35.0, min(20.0 * side, 170.0 * side)), (95.0, 190.0, max(20.0 * side, 170.0 * side))
            )
            if box is not None:
                skin[box] -= stance.fold_mm[k] * _fold(grid.at(box), traits, k, side)


def _fold(at: tuple[Tensor, Tensor, Tensor], traits: Traits, k: int, side: float) -> Tensor:
    """Return the height of a fold, 0 to 1: it swells inwards to outwards and ends in an edge."""
    x, y, z = at
    stance = traits.stance
    edge = stance.fold_x_mm[k] * traits.scale[2] + stance.fold_tilt[k] * z - 0.0012 * z * z
    inwards = edge - side * x
    swell = (1.0 - inwards / 42.0).clamp(0.0, 1.0) * torch.sigmoid(inwards / 0.8)
    ends = torch.sigmoid((z + 95.0) / 12.0) * torch.sigmoid((60.0 - z) / 12.0)
    return swell * ends * torch.sigmoid((y - 48.0 * traits.scale[1]) / 5.0)
