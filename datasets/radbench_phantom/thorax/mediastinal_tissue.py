"""What the mediastinum is made of: heart, nodes, gullet, great vessels and airway, painted in that order."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import torch

from radbench_phantom.thorax.canvas import Canvas
from radbench_phantom.thorax.grid import ellipsoid, smooth_min
from radbench_phantom.thorax.heart import WALL, chambers, envelope, from_heart, heart_frame, millimetres
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.lungs import diaphragm_distance
from radbench_phantom.thorax.mediastinum import great_vessels, hilar_tissue, nodes
from radbench_phantom.thorax.tubes import joined, stamp

if TYPE_CHECKING:
    from radbench_phantom.thorax.patient import Thorax

_FAR = 1e3


def paint_mediastinum(thorax: Thorax, canvas: Canvas) -> None:
    """Paint the mediastinum.

    Args:
        thorax: the patient.
        canvas: with wall, abdomen and lungs painted.
    """
    traits, grid = thorax.traits, canvas.grid
    _paint_heart(thorax, canvas)
    for centre, radius, hu in [*nodes(traits, thorax.anatomy_rng(5)), *hilar_tissue(traits, thorax.anatomy_rng(74))]:
        b = grid.box(tuple(centre - 9), tuple(centre + 9))
        if b is not None:
            canvas.paint(b, ellipsoid(grid.at(b), centre, np.array([1.3, 0.8, 1.0]) * radius), hu, Anatomy.NODE)
    vessels = great_vessels(traits)
    for name, hu, wall in (
        ("gullet", 28.0, 0.0),
        ("veins", traits.blood_right_hu, 0.0),
        ("pulmonary", 0.5 * (traits.blood_hu + traits.blood_right_hu), 0.0),
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


def _paint_heart(thorax: Thorax, canvas: Canvas) -> None:
    traits, grid = thorax.traits, canvas.grid
    low, high = from_heart([(-70.0, -95.0, -52.0), (40.0, 30.0, 88.0)], traits)
    tilt = 25.0 + 0.5 * max(0.0, -low[0] - 60.0)
    box = grid.box((low[0] - tilt - 30.0, low[1], low[2] - tilt), (high[0] + tilt, high[1], high[2] + tilt))
    if box is None:
        return
    at, mm = grid.at(box), millimetres(traits)
    parts = chambers(heart_frame(at, traits))
    # The heart rests on the diaphragm.
    floor = diaphragm_distance(at, traits) + 1.0
    whole = torch.maximum(envelope(parts) * mm, floor)
    canvas.paint(box, whole, -88.0, Anatomy.MEDIASTINUM)
    snug = functools.reduce(torch.minimum, parts.values()) * mm
    canvas.paint(box, torch.maximum(snug - 0.5, floor), -60.0, Anatomy.HEART)
    muscle = traits.muscle_hu - 6.0 + (0.22 * traits.blood_hu if traits.contrast else 0.0)
    deep = torch.maximum(whole + 1.0, floor + 2.0)
    right, left = traits.blood_right_hu, traits.blood_hu
    ventricle = parts["left ventricle"]
    for names, wall, blood in (
        (("right ventricle", "outflow"), WALL["right ventricle"], 0.5 * (right + left)),
        (("right atrium", "right auricle"), 2.5, right),
        (("left atrium", "left auricle"), 2.5, left),
        (("left ventricle",), WALL["left ventricle"], left),
    ):
        d = parts[names[0]]
        for other in names[1:]:
            d = smooth_min(d, parts[other], 8.0)
        canvas.paint(box, torch.maximum(d * mm, deep), muscle, None)
        inner = torch.maximum((d + wall) * mm, deep + wall)
        if names[0] == "right ventricle":
            inner = torch.maximum(inner, (2.0 - ventricle) * mm)
        canvas.paint(box, inner, blood, None)
