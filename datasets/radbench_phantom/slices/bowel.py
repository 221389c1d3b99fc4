"""Stomach, small bowel and colon: wall, folds, contents, gas above its level."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from radbench_phantom.slices.canvas import Canvas, Tissue
from radbench_phantom.slices.curves import Curve, ellipse, inside, offset, path, spline, tube, wobbled
from radbench_phantom.slices.patient import Patient

_OVER = (
    Tissue.ABDOMINAL_FAT,
    Tissue.PELVIC_FAT,
    Tissue.FINE_VESSEL,
    Tissue.BOWEL_WALL,
    Tissue.BOWEL_CONTENT,
    Tissue.STOOL,
    Tissue.GAS,
)


def paint_loop(
    canvas: Canvas, patient: Patient, outline: Curve, wall_mm: float, content: str, rng: Generator, gas: float = 0.0
) -> None:
    """Paint one cut through a bowel.

    Args:
        canvas: what to paint on.
        patient: whose bowel.
        outline: its outer surface (standard anatomy, mm).
        wall_mm: thickness of its wall.
        content: "fluid", "contrast", "stool", "food" or "collapsed".
        rng: source of variation.
        gas: how much of its height gas fills, from the front, 0 to 1.
    """
    hu = patient.hu["bowel_wall"] + rng.normal(0, 7)
    canvas.fill(outline, hu, Tissue.BOWEL_WALL, within=_OVER, drift=0.3)
    lumen = offset(outline, -wall_mm)
    if content == "collapsed":
        slit = lumen.mean(0) + (lumen - lumen.mean(0)) * (0.45, 0.3)
        canvas.fill(slit, rng.uniform(0, 30), Tissue.BOWEL_CONTENT, clip=outline, within=(Tissue.BOWEL_WALL,))
        return
    tissue = Tissue.STOOL if content == "stool" else Tissue.BOWEL_CONTENT
    value = {
        "fluid": rng.uniform(8, 30),
        "contrast": rng.uniform(140, 420),
        "stool": rng.uniform(10, 70),
        "food": rng.uniform(20, 60),
    }[content]
    canvas.fill(lumen, value, tissue, clip=outline, within=(Tissue.BOWEL_WALL,), drift=0.3)
    if gas > 0:
        low, high = lumen.min(0), lumen.max(0)
        level = low[1] + gas * (high[1] - low[1])
        tilt = rng.normal(0, 0.4)
        roof = np.array(
            [
                (low[0] - 2, low[1] - 4),
                (high[0] + 2, low[1] - 4),
                (high[0] + 2, level + tilt),
                (low[0] - 2, level - tilt),
            ]
        )
        canvas.fill(roof, rng.uniform(-990, -930), Tissue.GAS, clip=lumen, within=(tissue,), drift=0.1)


def paint_colon(
    canvas: Canvas, patient: Patient, centre: ArrayLike, size: float, rng: Generator, stretch: float = 1.2
) -> None:
    """Paint a haustral cut through the colon with stool, gas, or both (size: radius in mm)."""
    x, y = np.asarray(centre, dtype=np.float64)
    outline = wobbled(
        ellipse(x, y, size * rng.uniform(0.9, 1.1), size * stretch, rng.uniform(-30, 30)), rng, size * 0.09, 5, 0.4
    )
    content = str(rng.choice(("stool", "stool", "fluid", "collapsed"), p=(0.45, 0.25, 0.2, 0.1)))
    gas = float(rng.choice((0.0, rng.uniform(0.15, 0.45), rng.uniform(0.5, 0.85)), p=(0.4, 0.35, 0.25)))
    paint_loop(canvas, patient, outline, rng.uniform(1.2, 2.2), content, rng, gas)


def paint_small_bowel(
    canvas: Canvas, patient: Patient, region: Curve, count: int, rng: Generator, radius: float = 9.5
) -> list[Curve]:
    """Paint loops of small bowel in a region, as sausages and rounds that press on one another.

    Returns:
        Their outlines.
    """
    low, high = region.min(0), region.max(0)
    points = rng.uniform(low, high, (count * 12, 2))
    points = points[inside(region, points)]
    taken: list[np.ndarray] = []
    outlines: list[Curve] = []
    shared = "contrast" if patient.oral else "fluid"
    for p in points:
        if len(outlines) >= count:
            break
        if any(np.linalg.norm(p - q) < 1.75 * radius for q in taken):
            continue
        r = radius * rng.uniform(0.75, 1.2)
        length = r * rng.uniform(0.0, 3.2)
        direction = rng.uniform(0, 2 * np.pi)
        step = length / 2 * np.array([np.cos(direction), np.sin(direction)])
        side = rng.normal(0, 0.25) * np.array([-step[1], step[0]])
        line = path([p - step, p + side, p + step], 5)
        outline = wobbled(
            tube(line, (r, r * rng.uniform(0.8, 1.15), r * rng.uniform(0.85, 1.0))), rng, r * 0.07, 9, 0.3
        )
        taken += [p - step, p, p + step]
        content = str(rng.choice((shared, "collapsed", "fluid"), p=(0.45, 0.35, 0.2)))
        gas = float(rng.uniform(0.2, 0.6)) if rng.random() < 0.15 else 0.0
        paint_loop(canvas, patient, outline, rng.uniform(1.6, 3.2), content, rng, gas)
        if content != "contrast":
            _paint_folds(canvas, patient, line, r, rng)
        outlines.append(outline)
    return outlines


def _paint_folds(canvas: Canvas, patient: Patient, line: Curve, radius: float, rng: Generator) -> None:
    """Paint the feathery folds of the jejunum across a loop."""
    curves = []
    for i in range(1, len(line) - 1):
        if rng.random() < 0.6:
            along = line[i + 1] - line[i - 1]
            across = np.array([-along[1], along[0]]) / max(np.linalg.norm(along), 1e-6)
            reach = rng.choice((-1, 1)) * radius * 0.9
            curves.append(tube(np.stack([line[i] + across * reach, line[i] + across * reach * 0.1]), (0.7, 0.4)))
    canvas.fill_all(curves, [patient.hu["bowel_wall"]] * len(curves), Tissue.BOWEL_WALL, (Tissue.BOWEL_CONTENT,))


def paint_stomach(canvas: Canvas, patient: Patient, control: ArrayLike, rng: Generator) -> Curve:
    """Paint the stomach: rugal folds, food or fluid, often gas in front. Returns its outline."""
    outline = wobbled(spline(control), rng, 2.5, harmonics=6)
    wall = rng.uniform(3, 5.5)
    content = "contrast" if patient.oral and rng.random() < 0.7 else str(rng.choice(("fluid", "food")))
    gas = float(rng.uniform(0.15, 0.55)) if rng.random() < 0.75 else 0.0
    paint_loop(canvas, patient, outline, wall, content, rng, gas)
    curves = []
    lumen = offset(outline, -wall)
    centre = lumen.mean(0)
    for i in rng.choice(len(lumen), 14, replace=False):
        inward = (centre - lumen[i]) / np.linalg.norm(centre - lumen[i])
        curves.append(tube(np.stack([lumen[i], lumen[i] + inward * rng.uniform(2, 6)]), (1.5, 0.9)))
    canvas.fill_all(curves, [patient.hu["bowel_wall"] + 5] * len(curves), Tissue.BOWEL_WALL, (Tissue.BOWEL_CONTENT,))
    return outline
