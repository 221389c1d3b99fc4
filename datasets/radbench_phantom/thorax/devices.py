"""Devices: a pacemaker with its lead, and a central venous line."""

from __future__ import annotations

import numpy as np
import torch

from radbench_phantom.thorax.canvas import Canvas
from radbench_phantom.thorax.grid import Points, ellipsoid
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.traits import Traits
from radbench_phantom.thorax.tubes import along_curve, splat, stamp
from radbench_phantom.thorax.wall import muscle_distance

_LEAD = [
    (78, -104, 88),
    (104, -74, 92),
    (118, -40, 70),
    (112, -36, 44),
    (98, -42, 4),
    (88, -35, -17),
    (40, -26, -24),
    (6, -24, -24),
    (-22, -34, -18),
    (-42, -54, 8),
    (-48, -60, 34),
]
_LINE = [(185, -34, -36), (140, -30, -32), (112, -30, -27), (80, -32, -22), (44, -27, -24), (26, -24, -24)]


def paint_devices(canvas: Canvas, devices: tuple[str, ...], traits: Traits) -> None:
    """Paint a patient's devices.

    Args:
        canvas: with the whole anatomy painted.
        devices: names out of ``labels.DEVICES``.
        traits: the patient.
    """
    grid = canvas.grid
    for name in devices:
        line = traits.place(np.array(_LEAD if name == "pacemaker" else _LINE, dtype=np.float64))
        radius, hu = (1.1, 3000.0) if name == "pacemaker" else (1.0, 1500.0)
        if name == "pacemaker":
            line[0, 1] = _muscle_front(line[0], traits) - 4.0
            line[1, 1] = _muscle_front(line[1], traits) + 4.0
        tube = along_curve(line, radius, Anatomy.DEVICE, step=2.0)
        half = tube.along * tube.half_length[:, None]
        if radius < grid.h:
            part = splat(grid, tube.centre - half * 0.8, tube.centre + half * 0.8, tube.radius[:, 0])
        else:
            distance = torch.full(grid.shape, 1e3, device=grid.device)
            stamp(grid, tube, distance)
            part = grid.soft(distance)
        canvas.cover(canvas.whole, part, hu, Anatomy.DEVICE)
        if name == "pacemaker":
            centre = line[0] + np.array([-14.0, 0.0, 4.0])
            centre[1] = _muscle_front(centre, traits) - 3.0
            box = grid.box(tuple(centre - 40), tuple(centre + 40))
            if box is not None:
                case = ellipsoid(grid.at(box), centre, np.array([24.0, 5.0, 27.0]))
                canvas.paint(box, case, 3000.0, Anatomy.DEVICE)


def _muscle_front(place: Points, traits: Traits) -> float:
    """Return the depth y (mm) where the chest's muscle begins in front of a place."""
    y = torch.arange(-190.0, 0.0, 1.0)
    at = (torch.full_like(y, float(place[2])), y, torch.full_like(y, float(place[0])))
    return float(y[int((muscle_distance(at, traits) < 0).int().argmax())])
