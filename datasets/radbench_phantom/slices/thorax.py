"""The thorax at three levels: aortic arch, pulmonary trunk, heart."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from radbench_phantom.slices.canvas import Canvas, Tissue
from radbench_phantom.slices.curves import Curve, disc, ellipse, offset, path, spline, symmetric, tube, wobbled
from radbench_phantom.slices.patient import Patient
from radbench_phantom.slices.spine import paint_rib_heads, paint_vertebra
from radbench_phantom.slices.vessels import paint_bronchus, paint_lung_vessels
from radbench_phantom.slices.wall import paint_back, paint_chest_wall, paint_ribs, paint_sternum

_CAVITY = ((0, -85), (40, -85), (77, -71), (103, -38), (111, 4), (106, 45), (86, 74), (56, 87), (28, 88), (0, 86))

_LUNGS = {
    "arch": (
        [(-12, -72), (-40, -82), (-76, -69), (-101, -38), (-108, 4), (-103, 42), (-84, 70), (-56, 83), (-30, 78)],
        [(-21, 62), (-20, 44), (-16, 26), (-22, 8), (-37, -14), (-38, -38), (-20, -58)],
        [(9, -72), (40, -82), (76, -69), (101, -38), (108, 4), (103, 42), (84, 70), (56, 83), (30, 80)],
        [(20, 64), (20, 46), (32, 32), (41, 14), (34, -10), (24, -36), (14, -56)],
    ),
    "pulmonary": (
        [(-5, -79), (-42, -83), (-77, -69), (-103, -38), (-110, 4), (-105, 44), (-85, 72), (-56, 85), (-28, 80)],
        [(-20, 62), (-18, 40), (-27, 27), (-38, 16), (-47, 0), (-46, -26), (-32, -46), (-14, -62)],
        [(3, -79), (42, -83), (77, -69), (103, -38), (110, 4), (105, 44), (85, 72), (56, 85), (32, 82)],
        [(24, 68), (38, 54), (40, 38), (44, 22), (50, 8), (46, -16), (42, -40), (22, -62)],
    ),
    "heart": (
        [(-16, -80), (-44, -83), (-78, -69), (-104, -38), (-111, 4), (-106, 45), (-86, 74), (-56, 86), (-28, 82)],
        [(-20, 64), (-18, 44), (-26, 32), (-44, 22), (-54, 0), (-52, -28), (-40, -54), (-26, -68)],
        [(34, -80), (54, -80), (80, -67), (104, -37), (111, 4), (106, 45), (86, 74), (58, 86), (36, 83)],
        [(28, 70), (38, 54), (36, 38), (58, 32), (80, 14), (86, -14), (72, -46), (50, -66)],
    ),
}
"""Each lung's control points: its costal side, then its mediastinal side; first the right lung, then the left."""


def paint_thorax(canvas: Canvas, patient: Patient, level: str, rng: Generator) -> None:
    """Paint everything inside the shell of a thoracic slice.

    Args:
        canvas: what to paint on.
        patient: whose tissues.
        level: "arch", "pulmonary" or "heart".
        rng: source of variation.
    """
    cavity = _rounded(spline(symmetric(_CAVITY)))
    paint_chest_wall(
        canvas,
        patient,
        cavity,
        rng,
        pectoral={"arch": rng.uniform(9, 14), "pulmonary": rng.uniform(5, 9), "heart": 0.0}[level],
        scapula=level != "heart",
    )
    paint_back(canvas, patient, "chest", rng)
    sides = [-34.0, 0.0, 30.0, 58.0] + ([-52.0] if level == "heart" else [])
    shift = rng.uniform(-8, 8)
    paint_ribs(canvas, patient, cavity, [a + shift + rng.normal(0, 2) for a in sides], rng)
    shift = rng.uniform(-8, 8)
    paint_ribs(canvas, patient, cavity, [180 - a + shift + rng.normal(0, 2) for a in sides], rng)
    canvas.fill(offset(cavity, -0.6), patient.hu["fat"] + 6, Tissue.MEDIASTINAL_FAT, drift=0.05)
    paint_sternum(canvas, patient, -88.0, rng)
    lungs = []
    right_costal, right_medial, left_costal, left_medial = _LUNGS[level]
    for control in ([*right_costal, *right_medial], [*left_costal, *left_medial]):
        lung = wobbled(_rounded(spline(control)), rng, 1.1, harmonics=10, decay=0.7)
        canvas.fill(lung, patient.hu["lung"], Tissue.LUNG, slope=0.0, drift=0.25)
        lungs.append(lung)
    paint_rib_heads(canvas, patient, 56.0, rng)
    paint_vertebra(canvas, patient, "thoracic", 56.0, rng)
    {"arch": _arch, "pulmonary": _pulmonary, "heart": _heart}[level](canvas, patient, rng)
    _paint_strands(canvas, patient, rng)
    _paint_lung_content(canvas, patient, level, lungs, rng)


def _rounded(curve: Curve) -> Curve:
    """Draw a curve in toward the midline in front and behind, as the rib cage narrows there."""
    narrow = 1 - 0.13 * (curve[:, 1] / 90) ** 2
    return np.stack([curve[:, 0] * narrow, curve[:, 1]], axis=1)


def _paint_lung_content(canvas: Canvas, patient: Patient, level: str, lungs: list[Curve], rng: Generator) -> None:
    blood = patient.hu["pulmonary"] * 0.9
    hila = {
        "arch": ((-40, 8), (42, 12)),
        "pulmonary": ((-46, 8), (49, 14)),
        "heart": ((-46, 26), (56, 34)),
    }[level]
    count = {"arch": (1, 120), "pulmonary": (5, 130), "heart": (5, 130)}[level]
    for lung, hilum in zip(lungs, hila, strict=True):
        if level != "arch":
            for _ in range(int(rng.integers(2, 5))):
                at = np.asarray(hilum) + rng.normal(0, 7, 2)
                canvas.fill(
                    disc(at, rng.uniform(2, 5), rng.uniform(2, 4), rng.uniform(0, 180)),
                    blood,
                    Tissue.LUNG_VESSEL,
                    within=(Tissue.LUNG,),
                )
        paint_lung_vessels(
            canvas,
            rng,
            lung,
            hilum,
            blood,
            patient.hu["lung"],
            trees=count[0],
            scattered=int(count[1] * rng.uniform(0.8, 1.2)),
        )
        away = np.sign(hilum[0])
        for _ in range(int(rng.integers(2, 6))):
            at = np.asarray(hilum) + np.array([away * rng.uniform(0, 22), rng.normal(0, 14)])
            along_it = float(rng.choice((0, 0, rng.uniform(4, 12))))
            heading = (0 if away > 0 else 180) + rng.normal(0, 45)
            paint_bronchus(canvas, rng, at, rng.uniform(1.0, 2.8), -60, heading, along_it)
        if rng.random() < 0.7:
            _paint_fissure(canvas, patient, hilum, rng)


def _paint_fissure(canvas: Canvas, patient: Patient, hilum: tuple[float, float], rng: Generator) -> None:
    side = np.sign(hilum[0])
    start = np.asarray(hilum, dtype=float) + np.array([side * 3, rng.uniform(-18, 14)])
    end = (side * 118, start[1] + rng.uniform(-35, 35))
    middle = (start + end) / 2 + (0, rng.normal(0, 6))
    line = path([start, middle, end])
    canvas.fill(
        tube(line, 0.4), patient.hu["lung"] + rng.uniform(60, 220), Tissue.LUNG, within=(Tissue.LUNG,), drift=0.5
    )


def _paint_strands(canvas: Canvas, patient: Patient, rng: Generator) -> None:
    """Paint small vessels, thymic strands and normal little nodes in the mediastinum's fat."""
    for _ in range(26):
        at = rng.uniform((-45, -75), (60, 55))
        r = float(np.clip(rng.lognormal(np.log(1.0), 0.5), 0.5, 3.2))
        value = rng.choice((patient.hu["vein"], 35.0)) * rng.uniform(0.5, 1.0) - 10
        canvas.fill(
            disc(at, r * rng.uniform(1, 2.6), r, rng.uniform(0, 180), 18),
            value,
            Tissue.FINE_VESSEL,
            within=(Tissue.MEDIASTINAL_FAT,),
            drift=0.3,
        )


def _vessel(canvas: Canvas, rng: Generator, curve: Curve, hu: float, wall: float = 0.0) -> None:
    shape = wobbled(curve, rng, 0.6, harmonics=4)
    if wall:
        canvas.fill(offset(shape, wall), 45, Tissue.BLOOD)
    canvas.fill(shape, hu, Tissue.BLOOD)


def _oesophagus(canvas: Canvas, patient: Patient, x: float, y: float, rng: Generator) -> None:
    shape = wobbled(ellipse(x, y, rng.uniform(6, 9), rng.uniform(4.5, 6.5), rng.normal(0, 20)), rng, 0.6)
    canvas.fill(shape, patient.hu["bowel_wall"] * 0.8 + 8, Tissue.BOWEL_WALL)
    if rng.random() < 0.5:
        gas = wobbled(ellipse(x + rng.normal(0, 1), y - 0.5, rng.uniform(1, 3.5), rng.uniform(0.8, 2.2)), rng, 0.3)
        canvas.fill(gas, -850, Tissue.GAS, within=(Tissue.BOWEL_WALL,))


def _descending_aorta(canvas: Canvas, patient: Patient, x: float, y: float, rng: Generator) -> None:
    r = rng.uniform(11, 13.5) * (1 + max(patient.age - 60, 0) / 160)
    _vessel(canvas, rng, ellipse(x, y, r), patient.hu["aorta"], 1.1)
    _calcify(canvas, patient, ellipse(x, y, r), rng)


def _calcify(canvas: Canvas, patient: Patient, wall: Curve, rng: Generator) -> None:
    if patient.age < 58:
        return
    for _ in range(int(rng.poisson((patient.age - 55) / 9))):
        at = wall[rng.integers(len(wall))]
        canvas.fill(
            disc(at, rng.uniform(0.8, 2.8), rng.uniform(0.5, 1.0), rng.uniform(0, 180), 14),
            rng.uniform(350, 850),
            Tissue.CORTEX,
        )


def _arch(canvas: Canvas, patient: Patient, rng: Generator) -> None:
    hu = patient.hu
    if rng.random() < 0.4:
        # Above the arch: its three branches, and the left brachiocephalic vein before them.
        for x, y, r in ((-10, -14, 6.4), (7, -4, 4.2), (19, 10, 5.2)):
            at = np.array([x, y]) + rng.normal(0, 1.5, 2)
            _vessel(canvas, rng, disc(at, r * rng.uniform(0.9, 1.1)), hu["aorta"], 0.6)
        vein = path([(-24, -24), (-6, -30), (14, -26), (26, -16)])
        _vessel(canvas, rng, tube(vein, (6.0, 5.5, 5.0, 5.0)), hu["vein"] + rng.normal(10, 15))
    else:
        stray = rng.normal(0, 2.0, (5, 2))
        line = path(np.array([(-9, -33), (4, -20), (16, -3), (24, 17), (26, 32)]) + stray)
        arch = tube(line, (10, 12, 13, 12.5, 11.5))
        _vessel(canvas, rng, arch, hu["aorta"], 1.1)
        _calcify(canvas, patient, arch, rng)
    _vessel(canvas, rng, ellipse(-27, -20, rng.uniform(7, 10), rng.uniform(7, 9), 30), hu["vein"] + rng.normal(10, 15))
    canvas.fill(ellipse(-6, 6, 10.3, 10.0), 35, Tissue.AIRWAY)
    canvas.fill(wobbled(ellipse(-6, 6, 8.8, 8.6), rng, 0.5), -985, Tissue.AIRWAY)
    _oesophagus(canvas, patient, 5, 25, rng)
    _vessel(canvas, rng, ellipse(-13, 28, 3.2, 3.6), hu["vein"])


def _pulmonary(canvas: Canvas, patient: Patient, rng: Generator) -> None:
    hu = patient.hu
    lung_blood = hu["pulmonary"]
    trunk = tube(
        path(np.array([(22, -42), (18, -26), (8, -11), (-12, -4), (-32, 0), (-44, 4)]) + rng.normal(0, 1.5, (6, 2))),
        (13, 14, 11, 9.5, 8.5, 6.0),
    )
    _vessel(canvas, rng, trunk, lung_blood)
    if rng.random() < 0.55:
        left = tube(path([(22, -34), (31, -14), (40, 4), (45, 20)]), (12, 11, 8.5, 5))
        _vessel(canvas, rng, left, lung_blood)
    canvas.fill(ellipse(-11, -33, 17.5, 16.8), -70, Tissue.MEDIASTINAL_FAT)
    _vessel(canvas, rng, ellipse(-11, -33, rng.uniform(14.5, 17), rng.uniform(14, 16.5)), hu["aorta"], 0.9)
    _vessel(
        canvas,
        rng,
        ellipse(-33, -24, rng.uniform(7.5, 10), rng.uniform(7, 9), 60),
        hu["vein"] + rng.normal(10, 15),
        0.6,
    )
    for x, y, r in ((-20, 15, 7.2), (24, 19, 6.6)):
        lean = 25 * np.sign(x)
        canvas.fill(ellipse(x, y, r + 1.6, r * 0.85 + 1.5, lean), 30, Tissue.AIRWAY)
        canvas.fill(wobbled(ellipse(x, y, r, r * 0.85, lean), rng, 0.4), -980, Tissue.AIRWAY)
    _descending_aorta(canvas, patient, 27, 50, rng)
    _oesophagus(canvas, patient, 5, 32, rng)
    _vessel(canvas, rng, ellipse(-12, 40, 3.4, 3.8), hu["vein"])
    for side, x in ((-1, -42), (1, 46)):
        for _ in range(3):
            at = (x + rng.normal(0, 4), rng.uniform(-8, 26))
            _vessel(canvas, rng, disc(at, rng.uniform(3.5, 6), rng.uniform(3, 5), side * 30), lung_blood)


def _heart(canvas: Canvas, patient: Patient, rng: Generator) -> None:
    hu = patient.hu
    outline = spline(
        [
            (-46, -22),
            (-34, -50),
            (-8, -63),
            (26, -62),
            (58, -46),
            (76, -18),
            (72, 8),
            (50, 25),
            (22, 33),
            (-8, 32),
            (-34, 20),
        ]
    )
    outline = wobbled(outline, rng, 1.6, harmonics=5)
    sac = wobbled(offset(outline, rng.uniform(2.0, 4.5)), rng, 0.8)
    canvas.fill(offset(sac, 0.9), 20, Tissue.MYOCARDIUM, within=(Tissue.MEDIASTINAL_FAT,))
    canvas.fill(sac, hu["fat"] + 14, Tissue.MEDIASTINAL_FAT)
    canvas.fill(outline, hu["myocardium"], Tissue.MYOCARDIUM, slope=0.15)
    mixed = hu["vein"] * 0.5 + hu["aorta"] * 0.5
    chambers = (
        (spline([(-40, -20), (-28, -36), (-14, -26), (-14, 4), (-26, 16), (-38, 4)]), hu["vein"] * 0.85 + mixed * 0.15),
        (
            spline([(-20, -48), (4, -58), (30, -54), (36, -42), (14, -22), (-8, -20), (-18, -34)]),
            hu["vein"] * 0.7 + mixed * 0.3,
        ),
        (spline([(18, -14), (40, -32), (58, -26), (64, -6), (54, 8), (32, 10), (18, 2)]), hu["aorta"] * 0.98),
        (spline([(-14, 14), (4, 9), (26, 13), (34, 21), (16, 29), (-8, 28)]), hu["aorta"]),
    )
    for curve, value in chambers:
        canvas.fill(wobbled(curve, rng, 1.3, harmonics=9, decay=0.5), value, Tissue.BLOOD, slope=0.3, drift=0.4)
    if patient.phase == "arterial":
        for _ in range(14):
            at = rng.uniform((10, -50), (58, 5))
            canvas.fill(
                disc(at, 2.2, 1.2, rng.uniform(0, 180), 12),
                hu["myocardium"] + 30,
                Tissue.BLOOD,
                within=(Tissue.BLOOD,),
            )
    # Fat of the grooves, wedges from the surface inward, with the coronary vessels cut across.
    for place in (0.06, 0.30, 0.55, 0.88):
        i = int((place + rng.normal(0, 0.03)) * len(outline)) % len(outline)
        inward = outline.mean(0) - outline[i]
        inward /= np.linalg.norm(inward)
        line = path([outline[i] - 5 * inward, outline[i] + 4 * inward, outline[i] + rng.uniform(8, 19) * inward])
        wedge = wobbled(tube(line, (rng.uniform(4, 8), rng.uniform(2, 4), 0.6)), rng, 0.9, 9, 0.4)
        canvas.fill(wedge, hu["fat"] + rng.uniform(15, 40), Tissue.MEDIASTINAL_FAT, drift=0.5)
        at = outline[i] + rng.uniform(0, 5) * inward
        canvas.fill(disc(at, rng.uniform(1.0, 2.0), 1.2, rng.uniform(0, 180), 14), hu["aorta"] * 0.75, Tissue.BLOOD)
    _descending_aorta(canvas, patient, 24, 50, rng)
    _oesophagus(canvas, patient, 5, 41, rng)
    _vessel(canvas, rng, ellipse(-10, 42, 3.2, 3.6), hu["vein"])
    if rng.random() < 0.35:
        dome = wobbled(
            spline([(-95, -16), (-80, -42), (-60, -45), (-49, -20), (-52, 12), (-70, 27), (-89, 14)]), rng, 3
        )
        canvas.fill(dome, hu["liver"], Tissue.LIVER, slope=1.3, within=(Tissue.LUNG,))
