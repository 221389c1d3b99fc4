"""Rendering: a patient becomes Hounsfield units and labels on a grid."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from radbench_phantom.thorax.abdomen import paint_abdomen
from radbench_phantom.thorax.cage import cage_distance
from radbench_phantom.thorax.canvas import Canvas
from radbench_phantom.thorax.devices import paint_devices
from radbench_phantom.thorax.disease import paint_lesions, paint_pleura
from radbench_phantom.thorax.grid import Box, Corner, Grid
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.lung_tissue import paint_lungs
from radbench_phantom.thorax.lungs import diaphragm_distance, lung_distance
from radbench_phantom.thorax.mediastinal_tissue import paint_mediastinum
from radbench_phantom.thorax.patient import Thorax
from radbench_phantom.thorax.scanner import scanned
from radbench_phantom.thorax.skeleton import paint_bones
from radbench_phantom.thorax.volume import Volume
from radbench_phantom.thorax.wall_tissue import paint_wall

_FAR = 1e3


def render(
    thorax: Thorax,
    shape: tuple[int, int, int] = (128, 128, 128),
    spacing_mm: tuple[float, float, float] | None = None,
    *,
    noise: bool = True,
    device: str = "cpu",
) -> Volume:
    """Render a patient on a grid; the anatomy is the same at every grid.

    Args:
        thorax: the patient.
        shape: voxels along z, y, x.
        spacing_mm: (dz, dy, dx); by default the patient's field of view over the voxels of each axis.
        noise: whether to add the scan's blur and noise.
        device: where to compute.

    Raises:
        ValueError: a side has fewer than 16 voxels or a spacing is not positive.
    """
    if len(shape) != 3 or min(shape) < 16:
        raise ValueError(f"shape must be three sides of at least 16 voxels, got {shape}")
    fov = thorax.traits.fov_mm
    spacing = spacing_mm or (fov / shape[0], fov / shape[1], fov / shape[2])
    if min(spacing) <= 0:
        raise ValueError(f"spacing_mm must be positive, got {spacing}")
    origin = tuple(o - (n - 1) / 2 * s for o, n, s in zip(thorax.traits.offset_mm, shape, spacing, strict=True))
    grid = Grid(shape, spacing, (origin[0], origin[1], origin[2]), thorax.traits.posture, device)
    canvas = Canvas(grid)
    masks = _paint(thorax, canvas)
    hu = canvas.hu
    if noise:
        # A CT stores no more than 12 bits; a radiograph's beam meets metal as dense as it is.
        most = 30000.0 if thorax.config.upright else 3071.0
        hu = scanned(hu, grid, thorax.config.kernel, thorax.config.noise, thorax.scan_seed(40), most)
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
    paint_wall(thorax, canvas, cage)
    canvas.paint(canvas.whole, torch.maximum(cage, above), -92.0, Anatomy.MEDIASTINUM)
    paint_abdomen(thorax, canvas, cage, above)
    low, high = (-175 * sz, -112 * sy, -134 * sx), (138 * sz, 102 * sy, 134 * sx)
    lungs = _within(grid, low, high, lambda b: lung_distance(grid.at(b), traits, cage[b]))
    masks = paint_lungs(thorax, canvas, lungs)
    masks |= paint_lesions(canvas, thorax.findings, traits, lungs)
    masks |= paint_pleura(canvas, thorax.findings, traits, lungs, thorax.config.upright)
    paint_mediastinum(thorax, canvas)
    masks |= paint_bones(thorax, canvas)
    paint_devices(canvas, thorax.devices, traits, thorax.anatomy_rng(71))
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
