"""What the chest wall is made of: skin, fat, glands and muscle, painted in that order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from radbench_phantom.thorax.breasts import breast_box, breast_depth
from radbench_phantom.thorax.canvas import Canvas
from radbench_phantom.thorax.grid import Grid, ellipsoid
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.wall import outline

if TYPE_CHECKING:
    from radbench_phantom.thorax.patient import Thorax

_FAR = 1e3


def paint_wall(thorax: Thorax, canvas: Canvas, cage: Tensor) -> None:
    """Paint the chest wall.

    Args:
        thorax: the patient.
        canvas: still all air.
        cage: signed distance to the cage's inner surface ``[D,H,W]`` (mm).
    """
    traits, grid = thorax.traits, canvas.grid
    streaks, islands = grid.texture(thorax.scan_seed(22), 14.0), grid.texture(thorax.scan_seed(23), 30.0)
    surfaces = outline(grid, traits, cage, 1.4 * islands)
    skin, muscle = surfaces.skin, surfaces.muscle
    whole = canvas.whole
    canvas.paint(whole, skin, 15.0, Anatomy.SKIN)
    canvas.paint(whole, skin + 2.0, -103.0, Anatomy.FAT)
    if traits.breast_mm > 0:
        for k in (0, 1):
            box = breast_box(grid, traits, k)
            if box is not None:
                lumps = grid.texture(thorax.scan_seed(21), 11.0, box)
                depth, border = breast_depth(grid.at(box), traits, k)
                gland = border + 9.0 * lumps + 10.0 * (traits.age - 35) / 50
                gland = torch.maximum(torch.maximum(gland, 4.0 - depth), skin[box] + 6.0)
                canvas.paint(box, gland, 10.0, Anatomy.BREAST)
    solid = torch.maximum(muscle, -cage - 2.0)
    canvas.paint(whole, solid, traits.muscle_hu + 6.0 * streaks, Anatomy.MUSCLE)
    # Fat between two layers of muscle, in the armpits and along the ribs.
    depth = -muscle - 11.0 - 2.5 * streaks
    patchy = (0.55 + 0.5 * islands).clamp(0.0, 1.0)
    sheet = torch.exp(-((depth / (1.2 + 0.05 * traits.fat_mm)) ** 2)) * patchy
    pleural = torch.exp(-(((cage - 3.0) / 1.6) ** 2)) * (0.4 + 0.5 * islands).clamp(0.0, 0.7)
    fat = torch.maximum(torch.maximum(sheet, pleural), surfaces.seams) * 0.85
    if traits.stance.arms_up:
        fat = torch.maximum(fat, _armpits(thorax, grid, streaks))
    canvas.hu += fat * grid.soft(solid) * (-98.0 - canvas.hu)


def _armpits(thorax: Thorax, grid: Grid, streaks: Tensor) -> Tensor:
    """Return what part of each voxel is fat of the armpits under raised arms."""
    traits = thorax.traits
    place, radii = traits.place(np.array([78.0, -18.0, 0.0])), np.array([44.0, 34.0, 13.0 + 0.3 * traits.fat_mm])
    pocket = torch.full(grid.shape, _FAR, device=grid.device)
    for side in (1.0, -1.0):
        centre = place + np.array([0.0, 0.0, side * 128.0 * traits.scale[2]])
        armpit = grid.box(tuple(centre - radii - 14.0), tuple(centre + radii + 14.0))
        if armpit is not None:
            pocket[armpit] = ellipsoid(grid.at(armpit), centre, radii)
    return grid.soft(pocket + 3.0 * streaks)
