"""What lies under the diaphragm: liver, spleen, stomach with its gas, kidneys and bowel."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from radbench_phantom.thorax.canvas import Canvas
from radbench_phantom.thorax.grid import ellipsoid, smooth_min
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.traits import Traits


def paint_abdomen(canvas: Canvas, traits: Traits, cage: Tensor, above: Tensor, rng: np.random.Generator) -> None:
    """Paint the upper abdomen.

    Args:
        canvas: what to paint on.
        traits: the patient.
        cage: signed distance to the cage's inner surface ``[D,H,W]``.
        above: signed distance to the space above the diaphragm ``[D,H,W]``, negative above.
        rng: source of the organs' sizes.
    """
    grid = canvas.grid
    draws = rng.normal(0, 1, 16)
    gas = float(rng.uniform(8, 30))
    box = grid.box((-400, -400, -400), (0.0, 400, 400))
    if box is None:
        return
    x, y, z = grid.at(box)
    sz, sy, sx = traits.scale
    inner = torch.maximum(cage[box] + 1.0, 2.0 - above[box])
    canvas.paint(box, inner, -100.0, Anatomy.ABDOMEN)
    # Folds of bowel and vessels in the fat.
    folds = grid.texture((int(rng.integers(2**31)),), 12.0, box) + 0.5 * grid.texture(
        (int(rng.integers(2**31)),), 6.0, box
    )
    low = torch.maximum(inner + 8.0, (0.9 - 0.02 * traits.fat_mm - folds) * 6.0)
    canvas.paint(box, torch.maximum(low, z + 60.0), 30.0, Anatomy.BOWEL)
    lean = 1.6 if traits.bmi < 23 else 0.0
    canvas.paint(box, torch.maximum(inner, -3.0 - inner + lean), traits.muscle_hu, Anatomy.DIAPHRAGM)
    under = inner + 3.0
    # Liver: everything under the right dome down to a slanting lower face that rises to the left.
    face = -z - (112.0 + 8 * draws[0]) * sz - 0.62 * (x + 60.0 * sx).clamp(min=0.0) * -1.0 + 0.18 * (y + 20.0)
    left_end = (x - (42.0 + 12 * draws[1]) * sx) * 0.9 + 0.25 * (z + 60.0)
    behind = torch.where(x > -30 * sx, (y - 30.0 * sy + 0.25 * (x + 30 * sx)), torch.full_like(y, -50.0))
    lower = -smooth_min(-face * 0.85, -torch.maximum(left_end, behind) * 0.9, 40.0)
    wavy = 2.5 * grid.texture((int(rng.integers(2**31)),), 28.0, box)
    liver = torch.maximum(under, lower + wavy)
    canvas.paint(box, liver, traits.liver_hu, Anatomy.LIVER)
    spleen = ellipsoid(
        (x, y, z), traits.place(np.array([-88.0 + 5 * draws[2], 42.0, 92.0])), np.array([50.0, 48.0, 34.0]) * sx
    )
    spleen = torch.maximum(
        torch.maximum(spleen, under),
        -ellipsoid((x, y, z), traits.place(np.array([-95.0, 26, 60])), np.array([40.0, 34, 30]) * sx),
    )
    canvas.paint(box, spleen, traits.liver_hu - 8.0 + (20 if traits.contrast else 0), Anatomy.SPLEEN)
    place = traits.place(np.array([-84.0 + 6 * draws[3], -12.0 + 6 * draws[4], 58.0]))
    stomach = torch.maximum(ellipsoid((x, y, z), place, np.array([48.0, 50.0, 40.0]) * sx), under)
    stomach = torch.maximum(stomach, -(liver - 2.0))
    canvas.paint(box, stomach, 38.0, Anatomy.STOMACH)
    # Lying down, the gas rises to the front.
    level = torch.maximum(stomach + 4.0, y - (place[1] - 50.0 * sx + gas))
    canvas.paint(box, level, -985.0, Anatomy.STOMACH_GAS)
    for side in (1.0, -1.0):
        centre = traits.place(np.array([(-138.0 if side > 0 else -148.0) + 5 * draws[5], 36.0, 62.0 * side]))
        small = grid.box(tuple(centre - 60.0), tuple(centre + 60.0))
        if small is None:
            continue
        free = torch.maximum(cage[small] + 4.0, 5.0 - above[small])
        kidney = torch.maximum(ellipsoid(grid.at(small), centre, np.array([52.0, 24.0, 26.0]) * sx), free)
        canvas.paint(small, kidney, 130.0 if traits.contrast else 33.0, Anatomy.KIDNEY)
        inner_part = centre - np.array([0.0, 4.0, 8.0 * side])
        sinus = ellipsoid(grid.at(small), inner_part, np.array([30.0, 12.0, 12.0]) * sx)
        canvas.paint(small, sinus, -60.0, Anatomy.KIDNEY)
    for i in range(9):
        at = traits.place(
            np.array([-150.0 - 14 * rng.random(), -62 + 34 * rng.random(), -70 + 19.0 * i + 8 * rng.normal()])
        )
        radius = np.array([18.0, 18.0, 20.0]) * (0.8 + 0.4 * rng.random())
        gassy = rng.random() < 0.6
        small = grid.box(tuple(at - radius - 4.0), tuple(at + radius + 4.0))
        if small is None:
            continue
        wall = torch.maximum(-above[small] + 5.0, cage[small] + 4.0)
        loop = torch.maximum(ellipsoid(grid.at(small), at, radius), wall)
        canvas.paint(small, loop, 25.0, Anatomy.BOWEL)
        if gassy:
            canvas.paint(small, torch.maximum(loop + 4.0, grid.Y[small] - at[1] + 2.0), -820.0, Anatomy.BOWEL)
