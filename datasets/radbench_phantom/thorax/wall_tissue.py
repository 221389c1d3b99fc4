"""What the chest wall is made of: skin, fat, glands and muscle, painted in that order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from radbench_phantom.thorax.canvas import Canvas
from radbench_phantom.thorax.grid import ellipsoid
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.wall import breast_distance, outline

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
    skin, muscle = outline(grid, traits)
    whole = canvas.whole
    canvas.paint(whole, skin, 15.0, Anatomy.SKIN)
    canvas.paint(whole, skin + 2.0, -103.0, Anatomy.FAT)
    if traits.breast_mm > 0:
        box = grid.box((-160.0, -260.0, -190.0), (90.0, -50.0, 190.0))
        if box is not None:
            lumps = grid.texture(thorax.scan_seed(21), 11.0, box)
            gland = breast_distance(grid.at(box), traits, -10.0) + 9.0 * lumps + 10.0 * (traits.age - 35) / 50
            canvas.paint(box, torch.maximum(gland, skin[box] + 6.0), 10.0, Anatomy.BREAST)
    streaks, islands = grid.texture(thorax.scan_seed(22), 14.0), grid.texture(thorax.scan_seed(23), 30.0)
    solid = torch.maximum(muscle, -cage - 2.0)
    canvas.paint(whole, solid, traits.muscle_hu + 6.0 * streaks, Anatomy.MUSCLE)
    # Fat between two layers of muscle, in the armpits and along the ribs.
    depth = -muscle - 11.0 - 2.5 * streaks
    sheet = torch.exp(-((depth / (1.2 + 0.05 * traits.fat_mm)) ** 2)) * (0.55 + 0.5 * islands).clamp(0.0, 1.0)
    place, radii = traits.place(np.array([78.0, -18.0, 0.0])), np.array([44.0, 34.0, 13.0 + 0.3 * traits.fat_mm])
    pocket = torch.full(grid.shape, _FAR, device=grid.device)
    for side in (1.0, -1.0):
        centre = place + np.array([0.0, 0.0, side * 128.0 * traits.scale[2]])
        armpit = grid.box(tuple(centre - radii - 14.0), tuple(centre + radii + 14.0))
        if armpit is not None:
            pocket[armpit] = ellipsoid(grid.at(armpit), centre, radii)
    pleural = torch.exp(-(((cage - 3.0) / 1.6) ** 2)) * (0.4 + 0.5 * islands).clamp(0.0, 0.7)
    fat = torch.maximum(torch.maximum(sheet, pleural) * 0.85, grid.soft(pocket + 3.0 * streaks))
    canvas.hu += fat * grid.soft(solid) * (-98.0 - canvas.hu)
