"""What the lungs are made of: parenchyma, fissures, opacities, vessels and airways, painted in that order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from radbench_phantom.thorax.canvas import Canvas
from radbench_phantom.thorax.disease import paint_opacities
from radbench_phantom.thorax.lungs import lobe_of, major_fissure, minor_fissure
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
    dependent = at[1] / (90.0 * traits.scale[1])
    hu = traits.lung_hu + 26.0 * dependent + 14.0 * (-at[2] / 100.0)
    for scale, strength, part in ((16.0, 10.0, 1), (7.0, 14.0, 2), (4.0, 20.0, 3)):
        hu = hu + strength * grid.texture(thorax.scan_seed(part), scale, box)
    canvas.paint(box, inside, hu, lobe)
    edge = grid.soft(inside + 1.0)
    sheets = torch.minimum(
        major_fissure(at, traits).abs(),
        torch.maximum(minor_fissure(at, traits).abs(), torch.maximum(at[0], -major_fissure(at, traits))),
    )
    thin = (0.9 / grid.h) * (1 - sheets / grid.h).clamp(min=0.0) if grid.h > 0.9 else grid.soft(sheets - 0.45)
    canvas.cover(box, thin * edge, -100.0, None)
    masks = paint_opacities(canvas, thorax.findings, traits, lungs)
    trees = lobar_trees(traits, thorax.anatomy_rng(3))
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
