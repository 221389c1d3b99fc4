"""The vertebra and its rib heads, at a thoracic or a lumbar level."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from radbench_phantom.slices.canvas import Canvas, Tissue
from radbench_phantom.slices.curves import (
    Curve,
    ellipse,
    mirrored,
    offset,
    path,
    shifted,
    spline,
    symmetric,
    tube,
    wobbled,
)
from radbench_phantom.slices.patient import Patient
from radbench_phantom.slices.wall import bone

# The vertebral body's outline about its own centre, half of it, in units of its half-width and half-depth.
_BODY = {
    "thoracic": ((0, -1.0), (0.55, -0.9), (0.95, -0.3), (1.0, 0.35), (0.82, 0.85), (0.4, 0.92)),
    "lumbar": ((0, -1.0), (0.6, -0.92), (0.98, -0.4), (1.0, 0.25), (0.8, 0.82), (0.35, 0.86)),
}


def paint_vertebra(canvas: Canvas, patient: Patient, kind: str, y: float, rng: Generator) -> None:
    """Paint one vertebra with canal, arch and processes, its body's centre at (0, y) mm.

    Args:
        canvas: what to paint on.
        patient: whose bone.
        kind: "thoracic" or "lumbar".
        y: height of the body's centre (mm).
        rng: source of variation.
    """
    thoracic = kind == "thoracic"
    rx, ry = (17.0, 14.5) if thoracic else (23.0, 16.5)
    rx, ry = rx * rng.uniform(0.93, 1.08), ry * rng.uniform(0.93, 1.08)
    half = np.array(_BODY[kind]) * (rx, ry)
    body = wobbled(shifted(spline(symmetric([*half, (0, 0.8 * ry)])), 0, y), rng, 0.35, harmonics=11)
    canal_y = y + ry * 0.85 + 8.5
    canal = ellipse(0, canal_y, 9.5 if thoracic else 11.5, 8.0)
    parts = _arch(thoracic, rx, y + ry, canal_y, rng)
    disc = rng.random() < 0.2 and not thoracic
    cortex = rng.uniform(0.5, 1.0)
    for part in parts:
        canvas.fill(part, patient.hu["cortex"] + rng.normal(0, 60), Tissue.CORTEX)
    for part in parts:
        canvas.fill(
            offset(part, -rng.uniform(0.7, 1.4)), patient.hu["marrow"] + 60 + rng.normal(0, 30), Tissue.MARROW, drift=0
        )
    if disc:
        canvas.fill(body, rng.uniform(75, 105), Tissue.CARTILAGE)
    else:
        bone(canvas, patient, body, cortex, rng)
        # The basivertebral veins leave a dark Y behind the middle of the body.
        if rng.random() < 0.5:
            vein = path([(0, y + ry * 0.8), (rng.normal(0, 1), y + ry * 0.35), (rng.normal(0, 3), y)])
            canvas.fill(tube(vein, (2.0, 1.2, 0.4)), 60, Tissue.MARROW, within=(Tissue.MARROW,))
    canvas.fill(offset(canal, 1.4), patient.hu["cortex"] - 120, Tissue.CORTEX, within=(Tissue.MARROW, Tissue.CORTEX))
    canvas.fill(canal, patient.hu["fat"] + 25, Tissue.WALL_FAT)
    canvas.fill(ellipse(0, canal_y - 0.6, 7.6 if thoracic else 8.8, 6.6), 22 + rng.normal(0, 4), Tissue.CORD)
    if thoracic:
        canvas.fill(ellipse(0, canal_y - 0.5, 4.6, 3.6), 42, Tissue.CORD)


def _arch(thoracic: bool, rx: float, back: float, canal_y: float, rng: Generator) -> list[Curve]:
    """Return pedicles, laminae, transverse and spinous processes."""
    pedicle = tube(path([(rx * 0.62, back - 6), (rx * 0.68 + 1.0, canal_y - 1), (12.5, canal_y + 5)]), (4.2, 3.0, 4.0))
    lamina = tube(path([(12.5, canal_y + 4), (8, canal_y + 10), (0, canal_y + 13.5)]), (3.6, 2.6, 3.2))
    length = rng.uniform(8, 24) if thoracic else rng.uniform(12, 26)
    spinous = tube(
        path([(0, canal_y + 10), (rng.normal(0, 0.8), canal_y + 12 + length / 2), (0, canal_y + 12 + length)]),
        (3.0, 1.8, 3.2),
    )
    right: list[Curve] = [pedicle, lamina]
    transverse = None
    if thoracic and rng.random() < 0.8:
        reach = rng.uniform(27, 33)
        transverse = ((12, canal_y + 1), (20, canal_y + 4), (reach, canal_y + 10)), (3.6, 2.6, 3.8)
    elif not thoracic and rng.random() < 0.4:
        reach = rng.uniform(33, 44)
        transverse = ((15, canal_y - 3), (25, canal_y - 4), (reach, canal_y + rng.uniform(-3, 3))), (2.6, 1.7, 2.3)
    if transverse is not None:
        right.append(tube(path(transverse[0]), transverse[1]))
    if not thoracic:
        facet = [(10, canal_y + 3), (18, canal_y + 1), (21, canal_y + 7), (16, canal_y + 14), (10, canal_y + 11)]
        right.append(spline(facet))
    return [wobbled(c, rng, 0.35, 9, 0.4) for c in (*right, *(mirrored(c) for c in right), spinous)]


def paint_rib_heads(canvas: Canvas, patient: Patient, y: float, rng: Generator) -> None:
    """Paint the ribs' heads and necks from the body's flank to the transverse process."""
    for side in (1, -1):
        if rng.random() < 0.45:
            continue
        end = rng.uniform(30, 46)
        line = path([(side * 18, y + 8), (side * 27, y + 14), (side * end, y + 24 + rng.normal(0, 2))])
        shape = wobbled(tube(line, (4.0, 2.6, 3.2)), rng, 0.5, 9, 0.4)
        bone(canvas, patient, shape, 0.9, rng, 40.0, float(rng.normal(0, 0.3)))
