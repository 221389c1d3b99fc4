"""The abdomen at three levels: liver and spleen, kidneys, and bowel below them."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from radbench_phantom.slices.bowel import paint_colon, paint_small_bowel, paint_stomach
from radbench_phantom.slices.canvas import Canvas, Tissue
from radbench_phantom.slices.curves import Curve, band, disc, ellipse, offset, path, shifted, spline, tube, wobbled
from radbench_phantom.slices.patient import Patient
from radbench_phantom.slices.spine import paint_vertebra
from radbench_phantom.slices.vessels import paint_mesentery, paint_parenchymal_vessels
from radbench_phantom.slices.wall import bone, muscle, paint_abdominal_wall, paint_back, paint_ribs

_FAT = (Tissue.ABDOMINAL_FAT,)


def paint_abdomen(canvas: Canvas, patient: Patient, level: str, rng: Generator) -> None:
    """Paint everything inside the shell of an abdominal slice.

    Args:
        canvas: what to paint on.
        patient: whose tissues.
        level: "liver", "kidney" or "bowel".
        rng: source of variation.
    """
    cavity = paint_abdominal_wall(canvas, patient, rng, flank=level != "bowel")
    canvas.fill(cavity, patient.hu["fat"] - 2, Tissue.ABDOMINAL_FAT, drift=0.05)
    paint_back(canvas, patient, "abdomen", rng)
    if level != "bowel":
        inner = offset(cavity, -1.5)
        places = (-48.0, -22.0, 4.0, 30.0, 52.0) if level == "liver" else (12.0, 40.0)
        for flip in (False, True):
            shift = rng.uniform(-7, 7)
            centres = [(180 - a if flip else a) + shift + rng.normal(0, 3) for a in places]
            paint_ribs(canvas, patient, inner, centres, rng)
    paint_vertebra(canvas, patient, "lumbar", 50.0, rng)
    {"liver": _liver_level, "kidney": _kidney_level, "bowel": _bowel_level}[level](canvas, patient, cavity, rng)


def _great_vessels(
    canvas: Canvas, patient: Patient, y: float, aorta: float, cava: tuple[float, float], rng: Generator
) -> None:
    hu = patient.hu
    r = aorta * rng.uniform(0.9, 1.1) * (1 + max(patient.age - 60, 0) / 200)
    ring = wobbled(ellipse(7, y, r), rng, 0.4)
    canvas.fill(offset(ring, 1.0), 45, Tissue.BLOOD)
    canvas.fill(ring, hu["aorta"], Tissue.BLOOD)
    if patient.age > 58:
        for _ in range(int(rng.poisson((patient.age - 52) / 7))):
            at = ring[rng.integers(len(ring))]
            canvas.fill(
                disc(at, rng.uniform(0.8, 3.2), rng.uniform(0.5, 1.1), rng.uniform(0, 180), 14),
                rng.uniform(350, 900),
                Tissue.CORTEX,
            )
    vein = wobbled(
        ellipse(-18, y - 2, cava[0] * rng.uniform(0.85, 1.15), cava[1] * rng.uniform(0.7, 1.1), 15), rng, 0.7
    )
    canvas.fill(vein, hu["vein"] + rng.normal(0, 6), Tissue.BLOOD)


def _psoas(canvas: Canvas, patient: Patient, x: float, y: float, rx: float, ry: float, rng: Generator) -> None:
    for side in (1, -1):
        shape = ellipse(side * x, y, rx * rng.uniform(0.9, 1.1), ry * rng.uniform(0.9, 1.1), side * 12)
        muscle(canvas, patient, shape, rng, 3)
        square = spline(
            [(side * (x + 14), y + 8), (side * (x + 30), y + 12), (side * (x + 34), y + 20), (side * (x + 16), y + 18)]
        )
        muscle(canvas, patient, square, rng, 2)


def _crura(canvas: Canvas, patient: Patient, y: float, rng: Generator) -> None:
    for side, x in ((-1, -8), (1, 20)):
        line = path([(side * 5 + 4, y - 13), (x, y - 3), (x + side * 1.5, y + 12), (x + side * 7, y + 24)])
        muscle(canvas, patient, tube(line, (2.4, rng.uniform(2.5, 4.5), 2.2)), rng)


def _kidney(canvas: Canvas, patient: Patient, x: float, y: float, rng: Generator, scale: float = 1.0) -> None:
    side = float(np.sign(x))
    t = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    # The hilum, a notch, looks toward the middle and the front.
    notch = np.exp(-0.5 * (((t - np.pi + np.pi) % (2 * np.pi) - np.pi) / 0.42) ** 2)
    r = (1 - rng.uniform(0.2, 0.5) * notch) * scale
    wide = rng.uniform(0.45, 0.95)
    bean = np.stack([-side * r * 24 * np.cos(t), r * 29 * np.sin(t)], axis=1)
    lean = side * rng.uniform(15, 40)
    c, s = np.cos(np.deg2rad(lean)), np.sin(np.deg2rad(lean))
    place = np.array([[c, s], [-s, c]])
    where = np.array([x, y])
    outline = wobbled(bean @ place + where, rng, 0.9, harmonics=9, decay=0.6)
    _perirenal(canvas, patient, outline, rng)
    hu = patient.hu
    canvas.fill(outline, hu["kidney"], Tissue.KIDNEY, slope=0.12, drift=0.15)
    depth = rng.uniform(5.0, 7.0)
    for angle in np.linspace(0.75, 2 * np.pi - 0.75, int(rng.integers(6, 9))) + rng.normal(0, 0.07):
        local = np.array(
            [-side * np.cos(angle) * (24 * scale - depth - 5.5), np.sin(angle) * (29 * scale - depth - 5.5)]
        )
        turn = float(np.rad2deg(np.arctan2(*(local @ place)[::-1])))
        shape = wobbled(disc(local @ place + where, rng.uniform(5, 6.5), rng.uniform(3.8, 5.4), turn), rng, 0.6)
        canvas.fill(shape, hu["medulla"] + rng.normal(0, 5), Tissue.MEDULLA, within=(Tissue.KIDNEY,))
    sinus = np.array(
        [[2, -7], [-7, -11], [-10, 0], [-7, 11], [2, 7], [14, 4], [24, 5], [24, -5], [14, -4]], dtype=float
    )
    sinus = wobbled(
        spline(sinus * (-side, 1) * (-scale * (0.6 + 0.4 * wide), scale * wide)) @ place + where,
        rng,
        1.4,
        harmonics=9,
        decay=0.4,
    )
    canvas.fill(sinus, hu["fat"] + 30, Tissue.RENAL_SINUS, within=(Tissue.KIDNEY, Tissue.MEDULLA))
    hilum = where + np.array([-side * 10.0, 0.0]) @ place
    urine = 8.0 if rng.random() < 0.75 or patient.phase == "none" else 350.0
    pelvis = tube(path([where, hilum, where + np.array([-side * 20.0, 2.0]) @ place]), (2.0, 3.6, 2.2))
    canvas.fill(wobbled(pelvis, rng, 0.6), urine, Tissue.FLUID, within=(Tissue.RENAL_SINUS, Tissue.ABDOMINAL_FAT))
    for _ in range(4):
        at = where + (np.array([-side * rng.uniform(-6, 14), rng.normal(0, 6)])) @ place
        canvas.fill(
            disc(at, rng.uniform(1, 2.4), 1.2, rng.uniform(0, 180), 14),
            hu["vein"],
            Tissue.RENAL_SINUS,
            within=(Tissue.RENAL_SINUS,),
        )
    if rng.random() < 0.7:
        target = np.array([-18.0 if side < 0 else 6.0, y - 13.0])
        vein = path([hilum, (hilum + target) / 2 + (0, -4), target])
        canvas.fill(tube(vein, (3.2, 4.2, 4.4)), hu["vein"], Tissue.BLOOD, within=_FAT, drift=0.4)
    if rng.random() < 0.5:
        artery = path([hilum + np.array([0, 3]), (hilum + np.array([6, y + 8])) / 2, (7, y - 6)])
        canvas.fill(tube(artery, 2.2), hu["aorta"] * 0.9, Tissue.BLOOD, within=_FAT, drift=0.4)


def _perirenal(canvas: Canvas, patient: Patient, outline: Curve, rng: Generator) -> None:
    """Paint Gerota's fascia and bridging septa around a kidney."""
    fascia = wobbled(offset(outline, rng.uniform(8, 14)), rng, 1.5)
    part = np.roll(fascia, int(rng.integers(len(fascia))), 0)[: int(len(fascia) * rng.uniform(0.5, 0.9))]
    curves = [tube(part, 0.4)]
    curves += [
        tube(np.stack([outline[i], fascia[i] + rng.normal(0, 4, 2)]), (0.35, 0.25))
        for i in rng.choice(len(outline), 7, replace=False)
    ]
    canvas.fill_all(curves, [patient.hu["fat"] + rng.uniform(40, 90)] * len(curves), Tissue.ABDOMINAL_FAT, _FAT)


def _pancreas(canvas: Canvas, patient: Patient, line: Curve, radii: tuple[float, ...], rng: Generator) -> None:
    """Paint a lobulated gland: parenchyma with fat between its lobules, more of it with age."""
    outline = wobbled(tube(line, radii), rng, 1.1, harmonics=22, decay=0.1)
    canvas.fill(outline, patient.hu["pancreas"], Tissue.GLAND, within=_FAT, slope=0.2)
    curves = []
    for _ in range(int(6 + max(patient.age - 35, 0) * 0.5)):
        at = line[rng.integers(len(line))] + rng.normal(0, np.mean(radii) * 0.7, 2)
        curves.append(tube(np.stack([at, at + rng.normal(0, 3.5, 2)]), (rng.uniform(0.3, 1.0), 0.3)))
    canvas.fill_all(curves, [patient.hu["fat"] + 45] * len(curves), Tissue.GLAND, (Tissue.GLAND,))


def _liver(
    canvas: Canvas,
    patient: Patient,
    control: ArrayLike,
    roots: ArrayLike,
    fine: int,
    rng: Generator,
) -> Curve:
    outline = wobbled(spline(control), rng, 2.0, harmonics=5)
    canvas.fill(outline, patient.hu["liver"], Tissue.LIVER, slope=0.2, drift=0.1)
    paint_parenchymal_vessels(
        canvas, rng, outline, roots, patient.hu["liver_vessel"], Tissue.LIVER, Tissue.LIVER_VESSEL, fine
    )
    return outline


def _liver_level(canvas: Canvas, patient: Patient, cavity: Curve, rng: Generator) -> None:
    hu = patient.hu
    if rng.random() < 0.45:
        for side in (1, -1):
            a, b = sorted((90 - side * 24, 90 - side * rng.uniform(62, 84)))
            canvas.fill(
                band(cavity, a, b, -rng.uniform(9, 17), 15, 0.6), hu["lung"] + 25, Tissue.LUNG, slope=0.9, within=_FAT
            )
    _crura(canvas, patient, 30, rng)
    _great_vessels(canvas, patient, 24, 10.5, (11.5, 9.0), rng)
    stomach = [(22, -58), (48, -66), (78, -50), (92, -22), (88, 6), (66, 14), (44, 4), (36, -18), (24, -34)]
    paint_stomach(canvas, patient, stomach, rng)
    reach = rng.uniform(6, 52)
    control: list[tuple[float, float]] = [
        (-6, -58),
        (-30, -74),
        (-64, -72),
        (-96, -52),
        (-114, -16),
        (-115, 22),
        (-101, 52),
        (-76, 66),
        (-50, 60),
    ]
    control += [
        (-34, 44),
        (-32, 26),
        (-26, 12),
        (-14, 6),
        (-2, -4),
        (4, -18),
        (reach, -34),
        (reach + 12, -50),
        (reach - 4, -62),
    ]
    roots = [(-22, -4), (-30, -8), (-26, 8), (-40, 2)]
    _liver(canvas, patient, control, roots, 26, rng)
    portal = tube(path([(-2, -2), (-16, -6), (-34, -4), (-52, -10)]), (5.0, 6.0, 4.6, 3.0))
    canvas.fill(offset(portal, 0.9), hu["fat"] + 70, Tissue.LIVER, within=(Tissue.LIVER,))
    canvas.fill(portal, hu["liver_vessel"], Tissue.LIVER_VESSEL)
    fissure = tube(path([(2, -22), (-4, -42), (-6, -60)]), (3.0, 1.6, 1.2))
    canvas.fill(
        wobbled(fissure, rng, 0.8), hu["fat"] + 35, Tissue.ABDOMINAL_FAT, within=(Tissue.LIVER, Tissue.LIVER_VESSEL)
    )
    grow = rng.uniform(0.85, 1.15)
    spleen = [(112, -8), (117, 18), (106, 46), (86, 60), (72, 56), (82, 44), (90, 26), (96, 8), (102, -8)]
    spleen_curve = wobbled(spline(np.array(spleen) * grow + np.array((100, 25)) * (1 - grow)), rng, 1.6, harmonics=6)
    canvas.fill(spleen_curve, hu["spleen"], Tissue.SPLEEN, slope=0.2)
    if patient.phase == "arterial":
        for _ in range(26):
            at = rng.uniform(spleen_curve.min(0), spleen_curve.max(0))
            canvas.fill(
                tube(path([at, at + rng.normal(0, 6, 2), at + rng.normal(0, 9, 2)]), (1.6, 1.0)),
                hu["spleen"] + 22,
                Tissue.SPLEEN,
                within=(Tissue.SPLEEN,),
            )
    line = path([(72, 34), (54, 24), (36, 14), (20, 8)])
    _pancreas(canvas, patient, line, (6, 8, 7, 6), rng)
    canvas.fill(tube(shifted(line, 0, 7), (2.5, 3.4, 4.2)), hu["portal"], Tissue.BLOOD, within=_FAT, drift=0.3)
    for x, y, sense in ((-27, 32, -1), (36, 34, 1)):
        for arm in ((sense * 5, 13), (sense * 12, 10)):
            limb = path([(x, y), (x + arm[0] * 0.5, y + arm[1] * 0.5), (x + arm[0], y + arm[1])])
            canvas.fill(tube(limb, (2.4, 1.8, 1.4)), hu["gland"] - 10, Tissue.GLAND, within=_FAT)
    for _ in range(int(rng.integers(1, 3))):
        paint_colon(canvas, patient, (rng.uniform(92, 104), rng.uniform(-48, -14)), rng.uniform(9, 14), rng)
    if rng.random() < 0.5:
        _kidney(canvas, patient, 68, 52, rng, 0.62)
    paint_mesentery(canvas, rng, ellipse(50, 0, 55, 50), (10, 5), hu["portal"], 46, _FAT)


def _kidney_level(canvas: Canvas, patient: Patient, cavity: Curve, rng: Generator) -> None:
    hu = patient.hu
    _psoas(canvas, patient, 30, 52, 9.5, 13, rng)
    _crura(canvas, patient, 30, rng) if rng.random() < 0.4 else None
    for side in (1, -1):
        _kidney(canvas, patient, side * rng.uniform(60, 70), rng.uniform(28, 38), rng, rng.uniform(0.85, 1.1))
    _great_vessels(canvas, patient, 22, 9.5, (12, 8.5), rng)
    if rng.random() < 0.7:
        low = rng.uniform(-6, 26)
        control = [
            (-76, -58),
            (-98, -48),
            (-114, -16),
            (-116, low),
            (-106, low + 22),
            (-96, low + 8),
            (-88, -8),
            (-72, -24),
            (-64, -44),
        ]
        _liver(canvas, patient, control, [(-84, -30)], 12, rng)
        if rng.random() < 0.55:
            bladder = wobbled(ellipse(-62, -38, rng.uniform(9, 15), rng.uniform(12, 19), 20), rng, 0.8)
            canvas.fill(bladder, hu["bowel_wall"], Tissue.BOWEL_WALL)
            canvas.fill(offset(bladder, -1.6), rng.uniform(4, 16), Tissue.FLUID)
    _pancreas(canvas, patient, path([(-26, 6), (-14, -2), (0, 2), (6, 8)]), (9, 11, 8, 4), rng)
    for x, y, r, name in ((3, 0, 3.2, "aorta"), (-8, -3, 5.4, "portal")):
        canvas.fill(ellipse(x, y, r + 1.6), hu["fat"] + 15, Tissue.ABDOMINAL_FAT)
        canvas.fill(ellipse(x, y, r), hu[name], Tissue.BLOOD)
    duodenum = wobbled(tube(path([(-38, -12), (-40, 4), (-34, 16)]), (9, 10, 9)), rng, 1.0)
    canvas.fill(duodenum, hu["bowel_wall"], Tissue.BOWEL_WALL, within=_FAT)
    canvas.fill(
        offset(duodenum, -2.6),
        28 if not patient.oral else 220,
        Tissue.BOWEL_CONTENT,
        clip=duodenum,
        within=(Tissue.BOWEL_WALL,),
    )
    paint_mesentery(canvas, rng, ellipse(15, -22, 75, 42), (-4, 2), hu["portal"], 90, _FAT)
    paint_small_bowel(
        canvas,
        patient,
        spline([(28, 8), (30, -36), (70, -52), (98, -24), (92, 6), (60, 4)]),
        int(rng.integers(5, 10)),
        rng,
    )
    paint_colon(canvas, patient, (-88, rng.uniform(10, 24)), rng.uniform(13, 19), rng)
    paint_colon(canvas, patient, (103, rng.uniform(2, 24)), rng.uniform(8, 13), rng)
    for across in np.arange(-50, 60, rng.uniform(26, 40)):
        place = float(across)
        paint_colon(
            canvas,
            patient,
            (place + rng.normal(0, 4), -60 + abs(place) * 0.1 + rng.normal(0, 3)),
            rng.uniform(10, 16),
            rng,
            0.85,
        )


def _bowel_level(canvas: Canvas, patient: Patient, cavity: Curve, rng: Generator) -> None:
    hu = patient.hu
    _psoas(canvas, patient, 38, 44, 15, 18, rng)
    if rng.random() < 0.5:
        for side in (1, -1):
            crest = path([(side * 66, 62), (side * 88, 48), (side * 104, 24)])
            bone(canvas, patient, tube(crest, (4.5, 4.0, 5.0)), 1.5, rng)
    split = rng.random() < 0.5
    if split:
        for x, y, r, name in (
            (-9, 22, 6.0, "aorta"),
            (14, 22, 6.0, "aorta"),
            (-20, 28, 8, "vein"),
            (-6, 31, 7, "vein"),
        ):
            canvas.fill(wobbled(ellipse(x, y, r * rng.uniform(0.9, 1.15), r * 0.9), rng, 0.5), hu[name], Tissue.BLOOD)
    else:
        _great_vessels(canvas, patient, 21, 8.8, (12, 8), rng)
    paint_mesentery(canvas, rng, ellipse(0, -16, 92, 46), (0, 0), hu["portal"], 120, _FAT)
    region = spline([(-70, -46), (-30, -62), (30, -62), (76, -44), (80, -4), (40, 10), (0, 2), (-46, 8), (-72, -8)])
    paint_small_bowel(canvas, patient, region, int(rng.integers(11, 20)), rng, 10.5)
    paint_colon(canvas, patient, (-90, rng.uniform(-12, 12)), rng.uniform(16, 22), rng)
    paint_colon(canvas, patient, (98, rng.uniform(0, 24)), rng.uniform(9, 13), rng)
    for side in (1, -1):
        canvas.fill(
            ellipse(side * 34, 20 + rng.normal(0, 3), 2.2), 30 if rng.random() < 0.7 else 300, Tissue.FLUID, within=_FAT
        )
