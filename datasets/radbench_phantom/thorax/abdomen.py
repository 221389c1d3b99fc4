"""What lies under the diaphragm: liver, spleen, stomach with its gas, kidneys and bowel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from radbench_phantom.thorax.canvas import Canvas
from radbench_phantom.thorax.grid import Box, ellipsoid, smooth_min
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.lungs import diaphragm_height

if TYPE_CHECKING:
    from radbench_phantom.thorax.patient import Thorax


def paint_abdomen(thorax: Thorax, canvas: Canvas, cage: Tensor, above: Tensor) -> None:
    """Paint the upper abdomen.

    Args:
        thorax: the patient.
        canvas: what to paint on.
        cage: signed distance to the cage's inner surface ``[D,H,W]``.
        above: signed distance to the space above the diaphragm ``[D,H,W]``, negative above.
    """
    traits, grid, rng = thorax.traits, canvas.grid, thorax.anatomy_rng(1)
    draws = rng.normal(0, 1, 16)
    # The diaphragm pushes its organs down.
    drop = -0.75 * traits.breath_mm
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
    face = -z - (123.0 - drop + 8 * draws[0]) * sz - 0.62 * (x + 60.0 * sx).clamp(min=0.0) * -1.0 + 0.18 * (y + 20.0)
    left_end = (x - (42.0 + 12 * draws[1]) * sx) * 0.9 + 0.25 * (z + 60.0 - drop)
    behind = torch.where(x > -30 * sx, (y - 30.0 * sy + 0.25 * (x + 30 * sx)), torch.full_like(y, -50.0))
    lower = -smooth_min(-face * 0.85, -torch.maximum(left_end, behind) * 0.9, 40.0)
    wavy = 2.5 * grid.texture((int(rng.integers(2**31)),), 28.0, box)
    liver = torch.maximum(under, lower + wavy)
    # Vessels and fat make an organ uneven, more where contrast fills its veins.
    uneven = (10.0 if traits.contrast else 5.0) * grid.texture(thorax.scan_seed(70), 9.0, box)
    canvas.paint(box, liver, traits.liver_hu + uneven, Anatomy.LIVER)
    spleen = ellipsoid(
        (x, y, z), traits.place(np.array([-90.0 + drop + 5 * draws[2], 42.0, 90.0])), np.array([50.0, 50.0, 36.0]) * sx
    )
    spleen = torch.maximum(
        torch.maximum(spleen, under),
        -ellipsoid((x, y, z), traits.place(np.array([-97.0 + drop, 26, 58])), np.array([40.0, 34, 30]) * sx),
    )
    canvas.paint(box, spleen, traits.spleen_hu + 0.6 * uneven, Anatomy.SPLEEN)
    _paint_stomach(thorax, canvas, box, torch.maximum(under, 2.0 - liver))
    for side in (1.0, -1.0):
        centre = traits.place(np.array([(-138.0 if side > 0 else -148.0) + drop + 5 * draws[5], 36.0, 62.0 * side]))
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
            np.array([-150.0 + drop - 14 * rng.random(), -62 + 34 * rng.random(), -70 + 19.0 * i + 8 * rng.normal()])
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
            level = float(at[0]) - grid.Z[small[0]] if thorax.config.upright else grid.Y[small] - at[1]
            canvas.paint(small, torch.maximum(loop + 4.0, level + 2.0), -820.0, Anatomy.BOWEL)
    _paint_flexure(thorax, canvas, cage, above, drop)


def _paint_stomach(thorax: Thorax, canvas: Canvas, box: Box, free: Tensor) -> None:
    traits, rng, grid = thorax.traits, thorax.anatomy_rng(72), canvas.grid
    middle = traits.place(np.array([0.0, -8.0 + rng.normal(0, 8), 52.0 + rng.normal(0, 7)]))
    size = rng.uniform(0.72, 1.08) * traits.scale[2]
    spot = [torch.tensor([float(middle[i])]) for i in (2, 1)]
    dome = float(diaphragm_height(spot[0], spot[1], traits)[0])
    # The fundus lies under the dome, the body runs down and to the middle from it.
    middle[0] = dome - (36.0 + 6 * rng.random()) * size
    own = grid.box(tuple(middle + np.array([-125.0, -62.0, -60.0])), tuple(middle + np.array([55.0, 50.0, 55.0])))
    if own is None:
        return
    part = tuple(slice(max(o.start, b.start), min(o.stop, b.stop)) for o, b in zip(own, box, strict=True))
    if any(p.start >= p.stop for p in part):
        return
    free = free[tuple(slice(p.start - b.start, p.stop - b.start) for p, b in zip(part, box, strict=True))]
    box = (part[0], part[1], part[2])
    at = grid.at(box)
    _, y, z = at
    fundus = ellipsoid(at, middle, np.array([40.0, 36.0, 37.0]) * size)
    body = ellipsoid(at, middle + np.array([-52.0, -16.0, -12.0]) * size, np.array([52.0, 27.0, 25.0]) * size)
    folds = 2.5 * grid.texture(thorax.scan_seed(71), 11.0, box)
    stomach = -smooth_min(-smooth_min(fundus, body, 20.0) - folds, -free, 14.0)
    canvas.paint(box, stomach, 38.0, Anatomy.STOMACH)
    # Gas rises: under the dome of who stands, to the front of who lies; nearly half have hardly any.
    bubble = thorax.anatomy_rng(75)
    gas = bubble.uniform(0.0, 5.0) if bubble.random() < 0.42 else bubble.uniform(11.0, 27.0)
    aside, wide = bubble.normal(0, 5.0, 2), bubble.uniform(0.55, 1.0, 2)
    if thorax.config.upright:
        top = min(float(middle[0]) + 40.0 * size, dome - 4.0) - 4.0
        level = top - gas - z
        seat, radii = (top - gas, middle[1] + aside[0], middle[2] + aside[1]), (gas, 34 * wide[0], 33 * wide[1])
    else:
        front = float(middle[1]) - 36.0 * size
        level = y - (front + 0.8 * gas)
        seat, radii = (middle[0] + aside[0], front + 0.8 * gas, middle[2] + aside[1]), (38 * wide[0], gas, 33 * wide[1])
    round_ = ellipsoid(at, np.array(seat), 1.05 * np.maximum(radii, 2.0))
    # The bubble fills a rounded hollow of the wall, not its corners.
    hollow = -smooth_min(-stomach - 4.0, -round_, 9.0)
    canvas.paint(box, torch.maximum(hollow, level), -985.0, Anatomy.STOMACH_GAS)


def _paint_flexure(thorax: Thorax, canvas: Canvas, cage: Tensor, above: Tensor, drop: float) -> None:
    """Paint the colon's bend under the left dome: a chain of pouches, many with gas."""
    traits, rng, grid = thorax.traits, thorax.anatomy_rng(73), canvas.grid
    gassy = rng.random() < 0.5
    start, end = np.array([-158.0 + drop, -22, 106]), np.array([-132.0 + drop, -66, 22])
    bend = np.array([-82.0 + drop + rng.normal(0, 10), -34 + rng.normal(0, 8), 88 + rng.normal(0, 6)])
    half = int(rng.integers(4, 7))
    line = [start + (bend - start) * k / half for k in range(half)]
    line += [bend + (end - bend) * k / half for k in range(half + 1)]
    box = grid.box(
        (-190.0 * traits.scale[0] + drop, -100.0 * traits.scale[1], 0.0), (-45.0 * traits.scale[0] + drop, 20.0, 135.0)
    )
    places = [traits.place(spot + rng.normal(0, 4.0, 3)) for spot in line]
    sizes = rng.uniform(0.75, 1.15, len(line)) * traits.scale[2]
    filled = rng.random(len(line)) < np.where(np.abs(np.arange(len(line)) - half) <= 1, 0.85, 0.4)
    if box is None:
        return
    at = grid.at(box)
    far = torch.full_like(at[0], 1e3)
    colon, gas = far, far
    for spot, size, full in zip(places, sizes, filled, strict=True):
        pouch = ellipsoid(at, spot, np.array([16.0, 15.0, 15.0]) * size)
        colon = smooth_min(colon, pouch, 4.0)
        if gassy and full:
            gas = smooth_min(gas, pouch, 5.0)
    rough = grid.texture(thorax.scan_seed(72), 8.0, box)
    wall = torch.maximum(4.0 - above[box], cage[box] + 4.0)
    canvas.paint(box, torch.maximum(colon, wall), 30.0, Anatomy.BOWEL)
    if gassy:
        stool = (0.35 + 0.3 * rough).clamp(0.0, 0.8)
        canvas.paint(box, torch.maximum(gas + 3.0 + 1.5 * rough, wall + 2.0), -980.0 + 900.0 * stool, Anatomy.BOWEL)
