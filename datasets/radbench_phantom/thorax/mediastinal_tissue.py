"""What the mediastinum is made of: heart, nodes, gullet, great vessels and airway, painted in that order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from radbench_phantom.thorax.canvas import Canvas
from radbench_phantom.thorax.grid import ellipsoid
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.lungs import diaphragm_distance
from radbench_phantom.thorax.mediastinum import CHAMBERS, chamber_distance, great_vessels, heart_distance, nodes
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
