"""The pelvis at two levels: iliac wings with the sacrum, and hip joints with the bladder."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from radbench_phantom.slices.bowel import paint_colon, paint_loop, paint_small_bowel
from radbench_phantom.slices.canvas import Canvas, Tissue
from radbench_phantom.slices.curves import (
    Curve,
    band,
    disc,
    ellipse,
    mirrored,
    offset,
    path,
    spline,
    symmetric,
    tube,
    wobbled,
)
from radbench_phantom.slices.patient import Patient
from radbench_phantom.slices.vessels import paint_mesentery
from radbench_phantom.slices.wall import bone, muscle, trunk

_FAT = (Tissue.PELVIC_FAT,)


def paint_pelvis(canvas: Canvas, patient: Patient, level: str, rng: Generator) -> None:
    """Paint everything inside the shell of a pelvic slice.

    Args:
        canvas: what to paint on.
        patient: whose tissues.
        level: "iliac" or "hip".
        rng: source of variation.
    """
    outer = trunk("pelvis")
    for lo, hi in ((-88, -56), (-124, -92)):
        muscle(canvas, patient, band(outer, lo, hi, -rng.uniform(8, 10), rng.uniform(6, 8), 0.4), rng, 2)
    {"iliac": _iliac, "hip": _hip}[level](canvas, patient, rng)


def _both(canvas: Canvas, patient: Patient, control: ArrayLike, rng: Generator, streaks: int = 6) -> None:
    right = spline(control)
    for curve in (right, mirrored(right)):
        muscle(canvas, patient, curve, rng, streaks)


def _vessels(canvas: Canvas, patient: Patient, places: list[tuple[float, float, float, str]], rng: Generator) -> None:
    for x, y, r, name in places:
        for side in (1, -1):
            at = np.array([side * x, y]) + rng.normal(0, 1.5, 2)
            size = r * rng.uniform(0.88, 1.15)
            curve = wobbled(disc(at, size, size * rng.uniform(0.75, 1.0), rng.uniform(0, 180)), rng, 0.4)
            canvas.fill(curve, patient.hu[name] + rng.normal(0, 6), Tissue.BLOOD, drift=0.3)
            if name == "aorta" and patient.age > 60 and rng.random() < 0.5:
                spot = curve[rng.integers(len(curve))]
                canvas.fill(disc(spot, rng.uniform(0.8, 2.4), 0.8, rng.uniform(0, 180), 14), 600, Tissue.CORTEX)


def _iliac(canvas: Canvas, patient: Patient, rng: Generator) -> None:
    hu = patient.hu
    for side in (-1, 1):
        lo, hi = sorted((-56 if side > 0 else 236, -12 if side > 0 else 192))
        for layer in range(2):
            muscle(canvas, patient, band(trunk("pelvis"), lo, hi, -5 - 6 * layer, 4.5, 0.4), rng)
    _both(
        canvas,
        patient,
        [(112, -34), (134, -20), (147, 14), (132, 48), (104, 70), (72, 80), (66, 68), (88, 46), (106, 18), (112, -8)],
        rng,
        12,
    )
    _both(canvas, patient, [(62, 68), (100, 70), (82, 88), (52, 99), (34, 98), (40, 84)], rng, 10)
    shell = [(34, 96), (24, 92), (10, 92), (8, 80), (28, 78), (36, 88)]
    _both(canvas, patient, shell, rng, 8)
    cavity = spline(symmetric([(0, -72), (52, -71), (98, -54), (112, -30), (104, 6), (84, 36), (56, 52), (0, 60)]))
    canvas.fill(cavity, hu["fat"], Tissue.PELVIC_FAT)
    _both(canvas, patient, [(100, -30), (108, -12), (98, 14), (74, 38), (50, 44), (52, 32), (72, 18), (88, -4)], rng, 4)
    _both(canvas, patient, [(44, -2), (60, -10), (76, -4), (78, 12), (64, 26), (46, 22)], rng, 4)
    for side in (1, -1):
        wing = path(
            [(side * 47, 74), (side * 56, 60), (side * 78, 42), (side * 98, 16), (side * 110, -14), (side * 114, -32)]
        )
        bone(canvas, patient, tube(wing, (6.0, 8.5, 5.0, 3.6, 3.8, 5.5, 4.0)), rng.uniform(1.5, 2.2), rng)
    sacrum = spline(
        [
            (0, 30),
            (22, 33),
            (44, 44),
            (50, 58),
            (42, 72),
            (24, 78),
            (8, 84),
            (0, 92),
            (-8, 84),
            (-24, 78),
            (-42, 72),
            (-50, 58),
            (-44, 44),
            (-22, 33),
        ]
    )
    bone(canvas, patient, wobbled(sacrum, rng, 0.8), 1.2, rng)
    canvas.fill(spline([(-12, 66), (0, 63), (12, 66), (8, 74), (-8, 74)]), 5, Tissue.CORD)
    for side in (1, -1):
        canvas.fill(ellipse(side * 20, 58, 5.5, 4.2, side * 20), hu["fat"] + 60, Tissue.WALL_FAT)
        canvas.fill(ellipse(side * 20, 58, 2.8), 35, Tissue.CORD)
        canvas.fill(
            tube(path([(side * 44, 47), (side * 50, 58), (side * 44, 70)]), (0.8, 1.0, 1.2)), 60, Tissue.CARTILAGE
        )
    _vessels(
        canvas,
        patient,
        [(38, 18, 5.6, "aorta"), (42, 30, 7.0, "vein"), (31, 36, 3.4, "aorta"), (28, 42, 4.0, "vein")],
        rng,
    )
    paint_mesentery(canvas, rng, ellipse(0, -14, 76, 42), (0, 10), hu["vein"], 80, _FAT)
    region = spline([(-64, -46), (0, -58), (64, -46), (52, -18), (26, 12), (-26, 12), (-52, -18)])
    paint_small_bowel(canvas, patient, region, int(rng.integers(7, 14)), rng, 10.0)
    paint_colon(canvas, patient, (-78, rng.uniform(-36, -22)), rng.uniform(15, 21), rng)
    line = path([(82, -22), (66, -34 + rng.normal(0, 5)), (46, -20 + rng.normal(0, 6)), (38, -4)])
    outline = wobbled(tube(line, (8.5, 9.5, 8.0)), rng, 0.9, harmonics=14, decay=0.3)
    paint_loop(
        canvas, patient, outline, 2.4, str(rng.choice(("stool", "collapsed", "fluid"))), rng, rng.choice((0.0, 0.4))
    )


def _hip(canvas: Canvas, patient: Patient, rng: Generator) -> None:
    hu = patient.hu
    _both(
        canvas,
        patient,
        [(24, 92), (52, 98), (92, 88), (124, 62), (132, 44), (116, 46), (92, 58), (62, 66), (34, 78)],
        rng,
        22,
    )
    _both(canvas, patient, [(104, -40), (124, -34), (146, -8), (150, 20), (136, 26), (122, 2), (108, -20)], rng, 8)
    _both(canvas, patient, [(76, -52), (96, -58), (112, -46), (110, -30), (92, -28), (80, -38)], rng, 5)
    _both(canvas, patient, [(112, -64), (122, -58), (120, -48), (108, -54)], rng, 2)
    cavity = spline(symmetric([(0, -70), (40, -66), (54, -40), (52, -6), (52, 28), (42, 54), (20, 80), (0, 84)]))
    canvas.fill(cavity, hu["fat"] + 4, Tissue.PELVIC_FAT)
    _both(canvas, patient, [(62, -38), (78, -44), (92, -36), (90, -22), (72, -20)], rng, 3)
    _both(canvas, patient, [(58, -24), (60, 0), (58, 26), (50, 46), (43, 44), (46, 22), (48, -2), (50, -20)], rng, 2)
    _both(canvas, patient, [(62, 52), (96, 40), (118, 34), (116, 42), (92, 52), (66, 62)], rng, 4)
    for side in (1, -1):
        _joint(canvas, patient, side, rng)
    _both(canvas, patient, [(24, -54), (44, -58), (56, -52), (50, -42), (30, -44)], rng, 3)
    coccyx = wobbled(spline([(-11, 80), (0, 77), (11, 80), (7, 86), (0, 89), (-7, 86)]), rng, 0.7)
    bone(canvas, patient, coccyx, 1.0, rng)
    _vessels(
        canvas,
        patient,
        [(66, -54, 5.2, "aorta"), (58, -50, 6.4, "vein"), (44, 38, 2.2, "vein"), (47, 4, 2.0, "vein")],
        rng,
    )
    paint_mesentery(canvas, rng, ellipse(0, 10, 50, 60), (0, 20), hu["vein"], 46, _FAT)
    _viscera(canvas, patient, rng)


def _joint(canvas: Canvas, patient: Patient, side: int, rng: Generator) -> None:
    """Paint one hip: the acetabulum's columns around the head, neck and trochanter of the femur."""
    s = np.array([side, 1.0])
    front = wobbled(
        spline(np.array([(60, -28), (72, -34), (84, -26), (82, -16), (68, -8), (64, 8), (58, 4), (58, -14)]) * s),
        rng,
        0.6,
    )
    back = wobbled(
        spline(np.array([(58, 2), (64, 6), (66, 22), (80, 36), (84, 48), (74, 54), (62, 44), (56, 24)]) * s), rng, 0.6
    )
    for column in (front, back):
        bone(canvas, patient, column, 1.8, rng, marrow=30)
    canvas.fill(ellipse(side * 88, 8, 24.5), 70, Tissue.CARTILAGE)
    if rng.random() < 0.7:
        neck = tube(path([(side * 88, 8), (side * 108, 18), (side * 128, 26)]), (15, 12, 14))
        bone(canvas, patient, neck, 1.8, rng, marrow=-60)
    head = wobbled(ellipse(side * 88, 8, 22.8), rng, 0.3)
    canvas.fill(head, patient.hu["cortex"] - 150, Tissue.CORTEX)
    canvas.fill(offset(head, -1.2), patient.hu["marrow"] + 110, Tissue.MARROW)
    canvas.fill(ellipse(side * 96, 11, 13, 11, side * 20), patient.hu["marrow"] + 20, Tissue.MARROW)


def _viscera(canvas: Canvas, patient: Patient, rng: Generator) -> None:
    hu = patient.hu
    full = rng.uniform(0.65, 1.15)
    bladder = wobbled(
        spline(
            np.array([(0, -48), (26, -44), (38, -24), (32, -4), (0, 4), (-32, -4), (-38, -24), (-26, -44)]) * full
            + (0, -22 * (1 - full))
        ),
        rng,
        1.6,
    )
    canvas.fill(bladder, hu["gland"] - 18, Tissue.BOWEL_WALL, slope=0.3)
    canvas.fill(offset(bladder, -rng.uniform(2.0, 4.5)), hu["urine"], Tissue.FLUID, slope=0.3)
    if patient.female and rng.random() < 0.75:
        uterus = wobbled(
            ellipse(rng.normal(0, 6), 20, rng.uniform(20, 30), rng.uniform(13, 18), rng.normal(0, 10)), rng, 1.5
        )
        canvas.fill(uterus, hu["gland"] + 12, Tissue.GLAND, slope=0.3)
        canvas.fill(wobbled(disc(uterus.mean(0), 7, 2.4), rng, 0.6), hu["gland"] - 22, Tissue.GLAND)
    elif not patient.female:
        for side in (1, -1):
            vesicle = wobbled(tube(path([(0, 17), (side * 14, 16), (side * 28, 10)]), (4, 6, 4)), rng, 1.0, 12, 0.2)
            canvas.fill(vesicle, 36, Tissue.GLAND, within=_FAT)
    rectum = wobbled(ellipse(rng.normal(0, 3), 50, rng.uniform(13, 19), rng.uniform(13, 18)), rng, 1.2)
    content = str(rng.choice(("stool", "fluid", "collapsed"), p=(0.5, 0.2, 0.3)))
    paint_loop(canvas, patient, rectum, rng.uniform(2.5, 4.0), content, rng, float(rng.choice((0.0, 0.35, 0.6))))
    _mesorectum(canvas, patient, rectum, rng)
    if rng.random() < 0.6:
        region = ellipse(0, -58, 34, 10) if full < 0.8 else ellipse(34, 6, 10, 14)
        paint_small_bowel(canvas, patient, region, 3, rng, 8.5)


def _mesorectum(canvas: Canvas, patient: Patient, rectum: Curve, rng: Generator) -> None:
    fascia = offset(rectum, rng.uniform(9, 14))
    canvas.fill_all([tube(fascia[:-3], 0.4)], [patient.hu["fat"] + 60], Tissue.PELVIC_FAT, _FAT)
