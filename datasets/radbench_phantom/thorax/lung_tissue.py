"""What the lungs are made of: parenchyma, fissures, opacities, vessels and airways, painted in that order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from radbench_phantom.thorax.canvas import Canvas
from radbench_phantom.thorax.disease import paint_opacities
from radbench_phantom.thorax.lungs import fissure_sheets, lobe_of
from radbench_phantom.thorax.tubes import joined, stamp
from radbench_phantom.thorax.vasculature import lobar_trees, pieces, vessel_parts

if TYPE_CHECKING:
    from radbench_phantom.thorax.patient import Thorax

_FAR = 1e3


def paint_lungs(thorax: Thorax, canvas: Canvas, lungs: Tensor) -> dict[str, Tensor]:
    """Paint the lungs.

    Args:
        thorax: the patient.
        canvas: with wall and abdomen painted.
        lungs: signed distance to both lungs ``[D,H,W]`` (mm).

    Returns:
        Masks of the opacities, by finding.
    """
    traits, grid = thorax.traits, canvas.grid
    box = grid.box((-180, -160, -170), (165, 160, 170))
    if box is None:
        return {}
    at = grid.at(box)
    inside = lungs[box]
    lobe = lobe_of(at, traits)
    # Blood and weight make the lung denser towards where it hangs: the bases of who stands, the back of who lies.
    back, base = at[1] / (90.0 * traits.scale[1]), at[2] / (-100.0 * traits.scale[0])
    upright = thorax.config.upright
    hu = traits.lung_hu - 7.0 + (6.0 * back + 24.0 * base if upright else 26.0 * back + 10.0 * base)
    for scale, strength, part in ((42.0, 7.0, 1), (9.0, 7.0, 2), (3.6, traits.breath.grain_hu, 3)):
        # What is finer than a voxel averages out within it.
        seen = scale / (scale + 0.6 * max(grid.h - 0.7, 0.0))
        hu = hu + strength * seen * grid.texture(thorax.scan_seed(part), scale, box)
    canvas.paint(box, inside, hu, lobe)
    sheets, gone = fissure_sheets(at, traits, thorax.anatomy_rng(60))
    thick = 0.45 * grid.soft(inside + 1.0) * gone
    thin = (thick / grid.h) * (1 - sheets / grid.h).clamp(min=0.0)
    canvas.cover(box, thin.clamp(max=1.0), 0.0, None)
    masks = paint_opacities(canvas, thorax.findings, traits, lungs)
    trees = lobar_trees(traits, thorax.anatomy_rng(3), upright)
    blood = traits.blood_hu
    whole = canvas.whole
    deep = grid.soft(lungs)
    for which, tree in enumerate((trees.arteries, trees.veins)):
        thin_part, thick = vessel_parts(grid, tree, 100 + which)
        vessels = torch.maximum(thin_part, grid.soft(thick)) * deep
        canvas.cover(whole, vessels, blood, None)
    wall, lumen = [], []
    for lobe_label in sorted(trees.bronchi):
        t = trees.bronchi[lobe_label]
        keep = t.radius > 1.7
        wall.append(pieces(t.start[keep], t.end[keep], t.radius[keep] * 0.95 + 0.35))
        lumen.append(pieces(t.start[keep], t.end[keep], t.radius[keep] * 0.78))
    outer = torch.full(grid.shape, _FAR, device=grid.device)
    inner = torch.full(grid.shape, _FAR, device=grid.device)
    stamp(grid, joined(wall), outer)
    stamp(grid, joined(lumen), inner)
    canvas.cover(whole, grid.soft(outer) * deep, 0.0, None)
    canvas.cover(whole, grid.soft(inner) * deep, -960.0, None)
    return masks
