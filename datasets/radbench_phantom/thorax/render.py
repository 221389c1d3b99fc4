"""Rendering: a patient becomes Hounsfield units and labels on a grid."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from radbench_phantom.thorax.abdomen import paint_abdomen
from radbench_phantom.thorax.cage import cage_distance, girdle_tubes, sternum_tubes
from radbench_phantom.thorax.canvas import Canvas
from radbench_phantom.thorax.devices import paint_devices
from radbench_phantom.thorax.disease import paint_lesions, paint_opacities, paint_pleura
from radbench_phantom.thorax.grid import Box, Corner, Grid, ellipsoid
from radbench_phantom.thorax.labels import BONE_LABELS, Anatomy
from radbench_phantom.thorax.lungs import diaphragm_distance, lobe_of, lung_distance, major_fissure, minor_fissure
from radbench_phantom.thorax.mediastinum import CHAMBERS, chamber_distance, great_vessels, heart_distance, nodes
from radbench_phantom.thorax.ribs import broken, cartilage_tubes, rib_tubes
from radbench_phantom.thorax.scanner import scanned
from radbench_phantom.thorax.spine import arch_tubes, cord_line, disc_distance, stamp_bodies, vertebrae
from radbench_phantom.thorax.tubes import along_curve, joined, stamp
from radbench_phantom.thorax.vasculature import lobar_trees, pieces, vessel_parts
from radbench_phantom.thorax.wall import breast_distance, outline

if TYPE_CHECKING:
    from radbench_phantom.thorax.patient import Thorax, Volume

_FAR = 1e3


def rendered(
    thorax: Thorax,
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    *,
    noise: bool,
    device: str,
) -> Volume:
    """Render a patient on a grid; see :meth:`Thorax.render`."""
    from radbench_phantom.thorax.patient import Volume

    origin = tuple(o - (n - 1) / 2 * s for o, n, s in zip(thorax.traits.offset_mm, shape, spacing, strict=True))
    grid = Grid(shape, spacing, (origin[0], origin[1], origin[2]), thorax.traits.posture, device)
    canvas = Canvas(grid)
    masks = _paint(thorax, canvas)
    hu = canvas.hu
    if noise:
        hu = scanned(hu, grid, thorax.config.kernel, thorax.config.noise, thorax.scan_seed(40))
    # Whole HU, as scanners store them.
    return Volume(hu.round(), canvas.labels, spacing, thorax.present, masks, thorax.facts)


def _paint(thorax: Thorax, canvas: Canvas) -> dict[str, Tensor]:
    traits, grid = thorax.traits, canvas.grid
    sz, sy, sx = traits.scale
    cage = _within(
        grid,
        (-500.0, -120 * sy, -142 * sx),
        (142 * sz, 108 * sy, 142 * sx),
        lambda b: cage_distance(grid.at(b), traits),
    )
    above = diaphragm_distance((grid.X, grid.Y, grid.Z), traits)
    _paint_wall(thorax, canvas, cage)
    canvas.paint(canvas.whole, torch.maximum(cage, above), -92.0, Anatomy.MEDIASTINUM)
    paint_abdomen(canvas, traits, cage, above, thorax.anatomy_rng(1))
    low, high = (-175 * sz, -112 * sy, -134 * sx), (138 * sz, 102 * sy, 134 * sx)
    lungs = _within(grid, low, high, lambda b: lung_distance(grid.at(b), traits, cage[b]))
    masks = _paint_lungs(thorax, canvas, lungs)
    masks |= paint_lesions(canvas, thorax.findings, traits, lungs)
    masks |= paint_pleura(canvas, thorax.findings, traits, lungs, thorax.config.upright)
    _paint_mediastinum(thorax, canvas)
    masks |= _paint_bones(thorax, canvas)
    paint_devices(canvas, thorax.devices, traits)
    if thorax.present["cardiomegaly"]:
        masks["cardiomegaly"] = canvas.labels == int(Anatomy.HEART)
    return masks


def _within(grid: Grid, low: Corner, high: Corner, distance: Callable[[Box], Tensor]) -> Tensor:
    """Return a signed distance ``[D,H,W]`` that is worked out within a box alone, and large outside."""
    out = torch.full(grid.shape, _FAR, device=grid.device)
    box = grid.box(low, high)
    if box is not None:
        out[box] = distance(box)
    return out


def _paint_wall(thorax: Thorax, canvas: Canvas, cage: Tensor) -> None:
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


def _paint_lungs(thorax: Thorax, canvas: Canvas, lungs: Tensor) -> dict[str, Tensor]:
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


def _paint_mediastinum(thorax: Thorax, canvas: Canvas) -> None:
    traits, grid = thorax.traits, canvas.grid
    size = float(np.prod(traits.scale)) ** (1 / 3) * traits.heart
    box = grid.box((-130 * size, -130, -90 * size), (70 * size, 70, 130 * size))
    if box is not None:
        at = grid.at(box)
        # The heart rests on the diaphragm.
        floor = diaphragm_distance(at, traits)
        heart = torch.maximum(heart_distance(at, traits), floor + 1.0)
        canvas.paint(box, heart, traits.muscle_hu - 6.0 + (45.0 if traits.contrast else 0.0), Anatomy.HEART)
        grooves = (
            chamber_distance(at, traits, "left ventricle") - chamber_distance(at, traits, "right ventricle")
        ).abs()
        fat = torch.maximum(grooves - 4.0, (heart + 3.5).abs() - 3.5)
        canvas.paint(box, torch.maximum(fat, heart), -70.0, None)
        for name, (_, _, _, wall) in CHAMBERS.items():
            d = torch.maximum(chamber_distance(at, traits, name) + wall, heart + 2.0)
            canvas.paint(box, d, traits.blood_hu * (0.95 if "left" in name else 1.05), None)
    for centre, radius, hu in nodes(traits, thorax.anatomy_rng(5)):
        b = grid.box(tuple(centre - 9), tuple(centre + 9))
        if b is not None:
            canvas.paint(b, ellipsoid(grid.at(b), centre, np.array([1.3, 0.8, 1.0]) * radius), hu, Anatomy.NODE)
    vessels = great_vessels(traits)
    for name, hu, wall in (
        ("gullet", 28.0, 0.0),
        ("veins", traits.blood_hu, 0.0),
        ("pulmonary", traits.blood_hu, 0.0),
        ("aorta", traits.blood_hu, 0.0),
        ("airway", 10.0, 1.3),
    ):
        distance = torch.full(grid.shape, _FAR, device=grid.device)
        labels = torch.zeros(grid.shape, dtype=torch.uint8, device=grid.device)
        stamp(grid, joined(vessels[name]), distance, labels)
        canvas.paint(canvas.whole, distance - wall, hu, labels)
        if name == "airway":
            canvas.paint(canvas.whole, distance, -985.0, labels)
        if name == "aorta" and traits.age > 55:
            plaques = grid.texture(thorax.scan_seed(24), 7.0) - 1.9 + 0.02 * (traits.age - 55)
            part = plaques.clamp(0.0, 1.0) * (1 - (distance.abs() - 0.5).clamp(min=0.0) / grid.h).clamp(min=0.0)
            canvas.hu += part * (700.0 - canvas.hu)


def _paint_bones(thorax: Thorax, canvas: Canvas) -> dict[str, Tensor]:
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
    cortex[int(Anatomy.HUMERUS)], marrow[int(Anatomy.HUMERUS)] = 2.5, -150.0
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
