"""What the skeleton is made of: cartilage, discs, cord, and bones with cortex and marrow, painted in that order."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from radbench_phantom.thorax.cage import sternum_tubes
from radbench_phantom.thorax.canvas import Canvas
from radbench_phantom.thorax.girdle import girdle_tubes
from radbench_phantom.thorax.grid import Grid, ellipsoid
from radbench_phantom.thorax.labels import BONE_LABELS, Anatomy
from radbench_phantom.thorax.ribs import broken, cartilage_tubes, rib_tubes
from radbench_phantom.thorax.spine import arch_tubes, cord_line, disc_distance, stamp_bodies, vertebrae
from radbench_phantom.thorax.tubes import along_curve, joined, stamp

if TYPE_CHECKING:
    from radbench_phantom.thorax.patient import Thorax

_FAR = 1e3


def paint_bones(thorax: Thorax, canvas: Canvas) -> dict[str, Tensor]:
    """Paint the skeleton.

    Args:
        thorax: the patient.
        canvas: with all soft tissue painted.

    Returns:
        Mask of the fractures, where there are any.
    """
    traits, grid = thorax.traits, canvas.grid
    whole = canvas.whole
    gristle = torch.full(grid.shape, _FAR, device=grid.device)
    stamp(grid, cartilage_tubes(traits), gristle)
    canvas.paint(whole, gristle, _gristle(thorax, grid, gristle), Anatomy.CARTILAGE)
    spine = vertebrae(traits, thorax.anatomy_rng(6))
    for upper, lower in pairwise(spine):
        disc = disc_distance(grid, upper, lower)
        if disc is not None:
            canvas.paint(disc[0], disc[1], 95.0, Anatomy.DISC)
    cord = torch.full(grid.shape, _FAR, device=grid.device)
    line = cord_line(spine)
    # Ligaments and short muscles fill what the arches leave open.
    ligament = torch.full(grid.shape, _FAR, device=grid.device)
    stamp(grid, along_curve(line + np.array([0.0, 12.0, 0.0]), 15.0, Anatomy.CORD, flat=9.0), ligament)
    canvas.paint(whole, ligament, 62.0, None)
    stamp(grid, along_curve(line, 8.5, Anatomy.CORD, flat=8.0), cord)
    canvas.paint(whole, cord, -20.0, None)
    canvas.paint(whole, cord + 3.0, 30.0, Anatomy.CORD)
    distance = torch.full(grid.shape, _FAR, device=grid.device)
    labels = torch.zeros(grid.shape, dtype=torch.uint8, device=grid.device)
    ribs = rib_tubes(traits, thorax.anatomy_rng(7))
    breaks = broken(ribs, thorax.findings)
    tubes = [*ribs, sternum_tubes(traits), *girdle_tubes(traits), *arch_tubes(traits, spine)]
    stamp(grid, joined(tubes), distance, labels)
    plate = torch.full(grid.shape, _FAR, device=grid.device)
    stamp_bodies(grid, spine, distance, labels, plate)
    # Edges are as wide as voxels are across them.
    if grid.spacing[1] > grid.h:
        distance = distance * (grid.h / edge_width(grid, distance))
    part = grid.soft(distance)
    canvas.cover(whole, part, _density(thorax, grid, distance, labels, plate), labels)
    if not breaks:
        return {}
    mask = torch.zeros(grid.shape, dtype=torch.bool, device=grid.device)
    for centre in breaks:
        box = grid.box(tuple(centre - 14.0), tuple(centre + 14.0))
        if box is not None:
            mask[box] |= (ellipsoid(grid.at(box), centre, np.full(3, 11.0)) < 0) & (part[box] > 0.3)
    return {"fracture": mask}


def edge_width(grid: Grid, distance: Tensor) -> Tensor:
    """Return how wide voxels are (mm) across the surfaces of a signed distance: ``[D,H,W]``.

    Voxels that are long along y, the beam, would otherwise cut slanting bones in steps, which radiographs show as
    stripes.

    Args:
        grid: with voxels longer along y than ``Grid.h``.
        distance: float32 ``[D,H,W]`` mm.
    """
    dy = grid.spacing[1]
    slope = torch.zeros_like(distance)
    slope[:, 1:-1] = ((distance[:, 2:] - distance[:, :-2]) / (2 * dy)).abs_().clamp_(max=1.0)
    return grid.h + (dy - grid.h) * slope.square_()


def _density(thorax: Thorax, grid: Grid, distance: Tensor, labels: Tensor, plate: Tensor) -> Tensor:
    """Return what bones are made of ``[D,H,W]`` (HU): a cortex round marrow, dense under the endplates.

    Args:
        thorax: the patient.
        grid: the grid.
        distance: signed distance to the bones (mm).
        labels: which bone.
        plate: depth under a vertebral body's endplate (mm), large elsewhere.
    """
    traits = thorax.traits
    # Thickness of the cortex (mm) and density of the marrow beside the patient's own (HU).
    cortex, marrow = torch.full((256,), 0.9), torch.zeros(256)
    for bone in BONE_LABELS:
        if bone >= Anatomy.VERTEBRA_C5:
            cortex[bone] = 0.95
        elif bone >= Anatomy.RIB_LEFT_1:
            cortex[bone], marrow[bone] = 0.95, -75.0
    cortex[int(Anatomy.STERNUM)], marrow[int(Anatomy.STERNUM)] = 0.5, -95.0
    cortex[int(Anatomy.HUMERUS)], marrow[int(Anatomy.HUMERUS)] = 2.5, -150.0
    # Little of a grid is bone: only that is worked out.
    here = torch.nonzero(distance.view(-1) < grid.h / 2).squeeze(1)
    own, d, under = labels.view(-1)[here].long(), distance.view(-1)[here], plate.view(-1)[here]
    grain = grid.texture(thorax.scan_seed(50), 3.0).view(-1)[here]
    depth = grid.Y.expand(grid.shape).reshape(-1)[here] / traits.scale[1]
    body = under < _FAR
    # Towards their cartilages ribs thin out to hardly more than a shell of soft bone.
    rib = (own >= int(Anatomy.RIB_LEFT_1)) & (own < int(Anatomy.VERTEBRA_C5))
    front = ((12.0 + depth) / -70.0).clamp(0.0, 1.0) * rib
    thickness = torch.where(body, 0.42, cortex.to(grid.device)[own]) * (1 - 0.62 * front)
    # What is drawn spreads wider than whole vertebrae do in CT: from 150 HU on by half.
    own_marrow = 150.0 + 0.5 * (traits.marrow_hu - 150.0)
    spongy = own_marrow + marrow.to(grid.device)[own] - 75.0 * front + 45.0 * grain
    # Trabeculae thicken towards the endplates.
    gain = (0.5 * own_marrow + 70.0) * torch.exp(-under.clamp(min=0.0) / 3.6) - 65.0
    spongy = spongy + torch.where(body, gain, 0.0)
    part = grid.soft(d)
    shell = (part - grid.soft(d + thickness)) / part.clamp(min=1e-3)
    out = torch.zeros(distance.numel(), device=grid.device)
    out[here] = spongy + shell * (traits.cortex_hu - spongy)
    return out.view(grid.shape)


def _gristle(thorax: Thorax, grid: Grid, distance: Tensor) -> Tensor:
    """Return what costal cartilage is made of ``[D,H,W]`` (HU): with age lime lines its edges, or lies in its core.

    Args:
        thorax: the patient.
        grid: the grid.
        distance: signed distance to the cartilages (mm).
    """
    traits = thorax.traits
    chalk = grid.texture(thorax.scan_seed(51), 5.0)
    # Men's cartilage turns to bone from its edges, women's from its core.
    deep = -distance / 4.2
    layer = (1 - deep if traits.sex == "male" else deep).clamp(0.0, 1.0)
    lime = (chalk - 1.3 + 1.7 * traits.shape.calcified).clamp(0.0, 1.5) * layer
    return 90.0 + 420.0 * traits.shape.calcified * lime
