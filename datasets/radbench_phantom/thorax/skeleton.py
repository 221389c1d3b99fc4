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
from radbench_phantom.thorax.grid import ellipsoid
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
    chalk = grid.texture(thorax.scan_seed(25), 6.0)
    canvas.paint(whole, gristle, 95.0 + 260.0 * traits.degeneration * (chalk - 0.4).clamp(min=0.0), Anatomy.CARTILAGE)
    spine = vertebrae(traits, thorax.anatomy_rng(6))
    for upper, lower in pairwise(spine):
        disc = disc_distance(grid, upper, lower)
        if disc is not None:
            canvas.paint(disc[0], disc[1], 78.0, Anatomy.DISC)
    cord = torch.full(grid.shape, _FAR, device=grid.device)
    line = cord_line(spine)
    stamp(grid, along_curve(line, 8.5, Anatomy.CORD, flat=8.0), cord)
    canvas.paint(whole, cord, -20.0, None)
    canvas.paint(whole, cord + 3.0, 30.0, Anatomy.CORD)
    distance = torch.full(grid.shape, _FAR, device=grid.device)
    labels = torch.zeros(grid.shape, dtype=torch.uint8, device=grid.device)
    ribs = rib_tubes(traits, thorax.anatomy_rng(7))
    breaks = broken(ribs, thorax.findings)
    tubes = [*ribs, sternum_tubes(traits), *girdle_tubes(traits), *arch_tubes(traits, spine)]
    stamp(grid, joined(tubes), distance, labels)
    stamp_bodies(grid, spine, distance, labels)
    # Thickness of the cortex (mm) and density of the marrow beside the patient's own (HU).
    cortex = torch.full((256,), 0.9)
    marrow = torch.zeros(256)
    for bone in BONE_LABELS:
        if bone >= Anatomy.VERTEBRA_C5:
            cortex[bone], marrow[bone] = 0.6, 20.0
        elif bone >= Anatomy.RIB_LEFT_1:
            cortex[bone], marrow[bone] = 0.8, -20.0
    cortex[int(Anatomy.STERNUM)], marrow[int(Anatomy.STERNUM)] = 0.5, -95.0
    for bone in (Anatomy.CLAVICLE_LEFT, Anatomy.CLAVICLE_RIGHT):
        cortex[int(bone)] = 1.7
    for bone in (Anatomy.SCAPULA_LEFT, Anatomy.SCAPULA_RIGHT):
        cortex[int(bone)] = 1.2
    cortex[int(Anatomy.HUMERUS)], marrow[int(Anatomy.HUMERUS)] = 3.2, -120.0
    index = labels.long()
    thickness = cortex.to(grid.device)[index]
    spongy = traits.marrow_hu + marrow.to(grid.device)[index]
    spongy = spongy + 35.0 * grid.texture(thorax.scan_seed(26), 4.0)
    part = grid.soft(distance)
    inner = grid.soft(distance + thickness)
    shell = (part - inner) / part.clamp(min=1e-3)
    canvas.cover(whole, part, spongy + shell * (traits.cortex_hu - spongy), labels)
    if not breaks:
        return {}
    mask = torch.zeros(grid.shape, dtype=torch.bool, device=grid.device)
    for centre in breaks:
        box = grid.box(tuple(centre - 14.0), tuple(centre + 14.0))
        if box is not None:
            mask[box] |= (ellipsoid(grid.at(box), centre, np.full(3, 11.0)) < 0) & (part[box] > 0.3)
    return {"fracture": mask}
