"""The trunk's wall: table, clothes, skin, subcutaneous fat, muscle layers, ribs, sternum, scapulae."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from radbench_phantom.slices.canvas import Canvas, Tissue
from radbench_phantom.slices.curves import (
    Curve,
    along,
    band,
    bearing,
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

_HALF_TRUNK = {
    "thorax": ((0, -97), (42, -97), (90, -82), (126, -42), (138, 6), (134, 50), (108, 84), (66, 102), (28, 108)),
    "shoulder": ((0, -98), (42, -100), (92, -88), (130, -50), (144, 8), (146, 50), (122, 86), (72, 106), (28, 109)),
    "abdomen": ((0, -90), (50, -88), (100, -66), (131, -22), (134, 22), (117, 62), (84, 88), (42, 101), (14, 99)),
    "pelvis": ((0, -82), (58, -80), (112, -64), (150, -24), (156, 20), (136, 60), (94, 90), (44, 104), (12, 100)),
}
_NADIR = {"thorax": 103.0, "shoulder": 104.0, "abdomen": 94.0, "pelvis": 93.0}

# Thickness of the subcutaneous fat relative to the patient's mean, by direction: image right, posterior, anterior,
# and half-way between posterior and the side.
_FAT = {
    "thorax": (0.95, 0.7, 0.55, 0.85),
    "shoulder": (0.8, 0.7, 0.5, 0.6),
    "abdomen": (0.9, 0.65, 0.95, 1.35),
    "pelvis": (1.25, 1.1, 1.05, 1.75),
}


# What muscles may cover: they stay under the subcutaneous fat.
_WALL = (Tissue.WALL_FAT, Tissue.MUSCLE, Tissue.ABDOMINAL_FAT, Tissue.PELVIC_FAT, Tissue.MEDIASTINAL_FAT)


def trunk(region: str) -> Curve:
    """Return the outer surface of the trunk's muscles (standard anatomy, mm).

    Args:
        region: "shoulder", "thorax", "abdomen" or "pelvis".
    """
    return spline(symmetric([*_HALF_TRUNK[region], (0, _NADIR[region])]))


def skin(patient: Patient, region: str, rng: Generator) -> Curve:
    """Return the body's surface (standard anatomy, mm)."""
    side, back, front, oblique = _FAT[region]
    degrees = np.linspace(-180, 180, 240, endpoint=False)
    points, out = along(trunk(region), degrees)
    posterior = np.clip(np.sin(np.deg2rad(degrees)), 0, 1)
    anterior = np.clip(-np.sin(np.deg2rad(degrees)), 0, 1)
    lateral = np.abs(np.cos(np.deg2rad(degrees)))
    fat = side * lateral**2 + back * posterior**2 + front * anterior**2
    fat = fat + (oblique - (side + back) / 2) * (4 * posterior**2 * lateral**2)
    thick = 3.0 + patient.fat_mm * fat
    if patient.female and region in ("thorax", "shoulder"):
        breast = 14 + patient.fat_mm * rng.uniform(0.6, 1.3)
        for centre in (-52.0, -128.0):
            away = (degrees - centre + 180) % 360 - 180
            thick = thick + breast * np.exp(-0.5 * (away / 19.0) ** 2)
    surface = points + out * thick[:, None]
    kernel = np.exp(-0.5 * (np.arange(-12, 13) / 5.0) ** 2)
    kernel /= kernel.sum()
    ring = np.concatenate([surface[-12:], surface, surface[:12]])
    smooth = np.stack([np.convolve(ring[:, i], kernel, mode="valid") for i in (0, 1)], axis=1)
    return wobbled(smooth, rng, 1.2, harmonics=5, decay=1.2)


def paint_surroundings(canvas: Canvas, body: Curve, rng: Generator) -> None:
    """Paint the table under the body and clothes or blankets over it."""
    back = float(canvas.frame.body_mm(body)[:, 1].max())
    half = rng.uniform(180, 235)
    sag = rng.uniform(18, 45)
    x = np.linspace(-half, half, 60)
    y0 = back + rng.uniform(4, 16)
    surface = np.stack([x, y0 - sag * (x / half) ** 2], axis=1)
    depth = rng.uniform(14, 40)
    canvas.fill(
        tube(shifted(surface, 0, depth / 2), depth / 2), -940 + rng.normal(0, 15), Tissue.TABLE, drift=0, rigid=True
    )
    canvas.fill(tube(surface, 1.1), rng.uniform(-450, 60), Tissue.TABLE, drift=0, rigid=True)
    canvas.fill(tube(shifted(surface, 0, depth), 1.3), rng.uniform(-250, 250), Tissue.TABLE, drift=0, rigid=True)
    for _ in range(int(rng.integers(1, 4))):
        cloth = wobbled(offset(body, rng.uniform(3, 16)), rng, 2.2, harmonics=24, decay=0.35)
        start = int(rng.integers(len(cloth)))
        part = np.roll(cloth, start, 0)[: int(rng.integers(60, 200))]
        if part[:, 1].mean() < 60:
            canvas.fill(tube(part, 0.45), rng.uniform(-880, -640), Tissue.TABLE, drift=0.3)


def paint_shell(canvas: Canvas, patient: Patient, region: str, body: Curve, rng: Generator) -> None:
    """Paint skin and subcutaneous fat with its septa, and fill the trunk with the fat between its muscles."""
    hu = patient.hu
    canvas.fill(body, hu["skin"], Tissue.SKIN, drift=0.05)
    canvas.fill(offset(body, -rng.uniform(1.0, 1.7)), hu["fat"], Tissue.SUBCUTANEOUS_FAT, drift=0.05)
    degrees = rng.uniform(-180, 180, 30 + int(1.5 * patient.fat_mm))
    points, out = along(body, degrees)
    tangent = np.stack([-out[:, 1], out[:, 0]], axis=1)
    septa = []
    for p, n, t in zip(points, out, tangent, strict=True):
        depth = rng.uniform(3, 3 + patient.fat_mm)
        run = rng.uniform(4, 18) * t + rng.normal(0, 4) * n
        line = path([p - n * depth, p - n * (depth + rng.normal(0, 1.5)) + run / 2, p - n * depth + run], 3)
        septa.append(tube(line, (0.15, rng.uniform(0.25, 0.6), 0.15)))
    values = hu["fat"] + rng.uniform(30, 110, len(septa))
    fat = Tissue.SUBCUTANEOUS_FAT
    canvas.fill_all(septa, values.tolist(), fat, (fat,), drift=0.12)
    if patient.female and region in ("thorax", "shoulder"):
        _paint_breasts(canvas, patient, region, rng)
    canvas.fill(offset(trunk(region), 1.0), hu["fat"] + 4, Tissue.WALL_FAT)


def _paint_breasts(canvas: Canvas, patient: Patient, region: str, rng: Generator) -> None:
    outer = trunk(region)
    density = float(np.clip(rng.normal(1.0 - (patient.age - 40) / 60, 0.3), 0.1, 1.0))
    strands = []
    for centre in (-54.0, -126.0):
        for _ in range(int(6 + 16 * density)):
            at = centre + rng.normal(0, 10)
            points, out = along(outer, np.array([at]))
            base = points[0] + out[0] * rng.uniform(6, 10 + patient.fat_mm)
            tip = base + out[0] * rng.uniform(4, 16) + rng.normal(0, 11, 2)
            line = path([base, (base + tip) / 2 + rng.normal(0, 2.5, 2), tip], 3)
            strands.append(tube(line, (0.5, rng.uniform(0.4, 1.9) * (0.4 + density), 0.5)))
    values = rng.uniform(-55, 25, len(strands))
    canvas.fill_all(strands, values.tolist(), Tissue.BREAST, (Tissue.SUBCUTANEOUS_FAT,), drift=0.4)


def muscle(canvas: Canvas, patient: Patient, curve: Curve, rng: Generator, streaks: int = 0) -> None:
    """Paint one muscle; ``streaks`` lines of fat part its bundles, more of them with age."""
    hu = patient.hu["muscle"] + rng.normal(0, 2)
    shape = wobbled(curve, rng, 0.5, harmonics=9, decay=0.5)
    canvas.fill(shape, hu, Tissue.MUSCLE, within=_WALL)
    count = int(streaks * (0.5 + max(patient.age - 30, 0) / 40))
    if not count:
        return
    low, high = shape.min(0), shape.max(0)
    axis = np.linalg.svd(shape - shape.mean(0), full_matrices=False)[2][0]
    bundles = []
    for _ in range(count):
        start = rng.uniform(low, high)
        reach = rng.uniform(0.2, 0.55) * np.linalg.norm(high - low)
        heading = axis * rng.choice((-1, 1)) + rng.normal(0, 0.35, 2)
        line = path([start, start + heading * reach / 2 + rng.normal(0, 1.5, 2), start + heading * reach], 4)
        bundles.append(tube(line, (0.1, rng.uniform(0.25, 0.8), 0.1)))
    values = patient.hu["fat"] + rng.uniform(20, 90, count)
    canvas.fill_all(bundles, values.tolist(), Tissue.WALL_FAT, (Tissue.MUSCLE,), clip=shape)


def bone(
    canvas: Canvas,
    patient: Patient,
    curve: Curve,
    cortex_mm: float,
    rng: Generator,
    marrow: float = 0.0,
    slope: float = 0.0,
) -> None:
    """Paint a bone.

    Args:
        canvas: what to paint on.
        patient: whose bone.
        curve: its surface (standard anatomy, mm).
        cortex_mm: mean thickness of its cortex.
        rng: source of variation.
        marrow: HU by which its marrow differs from the patient's.
        slope: how oblique it crosses the slice (see :meth:`Canvas.fill`).
    """
    canvas.fill(curve, patient.hu["cortex"] + rng.normal(0, 50), Tissue.CORTEX, slope=slope, drift=0.2)
    depth = cortex_mm * (
        1 + 0.3 * np.sin(np.linspace(0, 2 * np.pi, len(curve)) * rng.integers(2, 5) + rng.uniform(0, 6))
    )
    canvas.fill(
        offset(curve, -depth), patient.hu["marrow"] + marrow + rng.normal(0, 12), Tissue.MARROW, slope=slope, drift=0.2
    )


def paint_ribs(canvas: Canvas, patient: Patient, cavity: Curve, centres: list[float], rng: Generator) -> None:
    """Paint obliquely cut ribs along the cavity's contour at given directions (degrees)."""
    for centre in centres:
        half = rng.uniform(4, 14)
        at = centre + rng.normal(0, 2)
        curve = band(cavity, at - half, at + half, rng.uniform(0.4, 1.6), rng.uniform(4.5, 8.0), taper=0.5, n=16)
        bone(
            canvas, patient, curve, rng.uniform(0.7, 1.4), rng, 40.0, float(rng.choice((-1, 1)) * rng.uniform(0.1, 0.5))
        )


def paint_chest_wall(
    canvas: Canvas, patient: Patient, cavity: Curve, rng: Generator, *, pectoral: float, scapula: bool
) -> None:
    """Paint the thoracic wall around a cavity.

    Args:
        canvas: what to paint on.
        patient: whose tissues.
        cavity: inner surface of the wall (standard anatomy, mm).
        rng: source of variation.
        pectoral: thickness of the pectoral muscles (mm), 0 below them.
        scapula: whether the slice cuts the shoulder blades.
    """
    muscle(canvas, patient, offset(cavity, 6.5), rng)
    canvas.fill(offset(cavity, 0.8), patient.hu["fat"] + 30, Tissue.WALL_FAT)
    for side in (1, -1):
        mirror = (lambda a: a) if side == 1 else (lambda a: 180 - a)

        def strip(a: float, b: float, inner: float, thick: float, streaks: int = 2, flip=mirror) -> None:  # type: ignore[no-untyped-def]
            lo, hi = sorted((flip(a), flip(b)))
            muscle(canvas, patient, band(cavity, lo, hi, inner, thick), rng, streaks)

        strip(-42, 34, 8.0, rng.uniform(4, 7))
        if pectoral:
            strip(-84, -34, 8.5, pectoral, 5)
            strip(-72, -28, 8.5 + pectoral + 1.2, pectoral * 0.6, 3)
        if scapula:
            _paint_scapula(canvas, patient, cavity, mirror, rng)
            strip(8, 40, 26, rng.uniform(9, 14), 6)
        else:
            strip(12, 62, 9 + rng.uniform(4, 6), rng.uniform(6, 10), 5)
        strip(64, 84, 10.5, rng.uniform(3, 5), 2)


def _paint_scapula(canvas: Canvas, patient: Patient, cavity: Curve, flip, rng: Generator) -> None:  # type: ignore[no-untyped-def]
    start, stop = 26 + rng.normal(0, 3), 66 + rng.normal(0, 3)
    span = sorted((flip(start - 4), flip(stop + 2)))
    muscle(canvas, patient, band(cavity, span[0], span[1], 9.0, 9.0), rng, 5)
    muscle(canvas, patient, band(cavity, span[0], span[1], 20.0, 13.0), rng, 6)
    degrees = np.array([flip(a) for a in np.linspace(start, stop, 14)])
    points, out = along(cavity, degrees)
    line = points + out * (18 + 3.5 * np.sin(np.linspace(0, 3, 14)))[:, None]
    bone(canvas, patient, tube(line, (4.6, 2.2, 1.9, 2.0, 3.2)), 0.9, rng, 60.0)
    spine_at = along(cavity, np.array([flip(start + 9)]))
    root = spine_at[0][0] + spine_at[1][0] * 20
    blade = path([root, root + spine_at[1][0] * 8, root + spine_at[1][0] * 15])
    bone(canvas, patient, tube(blade, (1.8, 1.7, 2.6)), 0.8, rng, 60.0)


def paint_sternum(canvas: Canvas, patient: Patient, y: float, rng: Generator) -> None:
    """Paint the breastbone and the cartilages that reach it, its middle at height y (mm)."""
    half = rng.uniform(14, 20)
    for side in (1, -1):
        line = path([(side * (half + 3), y), (side * (half + 20), y + 3), (side * (half + 38), y + 11)])
        canvas.fill(
            tube(line, (4.0, 5.2, 4.5)), patient.hu["cartilage"] + rng.normal(0, 15), Tissue.CARTILAGE, drift=0.4
        )
        if patient.age > 55:
            for _ in range(3):
                at = line[rng.integers(len(line))] + rng.normal(0, 2, 2)
                canvas.fill(
                    tube(path([at, at + rng.normal(0, 5, 2)]), (0.3, 1.0)),
                    rng.uniform(250, 600),
                    Tissue.CORTEX,
                    within=(Tissue.CARTILAGE,),
                )
    plate = spline([(-half, y - 3), (0, y - 5), (half, y - 3), (half, y + 4), (0, y + 5), (-half, y + 4)])
    bone(canvas, patient, wobbled(plate, rng, 0.5), 0.8, rng, marrow=-40)


def paint_back(canvas: Canvas, patient: Patient, region: str, rng: Generator) -> None:
    """Paint the erector muscles beside the spinous process (region: "chest", "abdomen" or "pelvis")."""
    shapes = {
        "chest": ((5, 82), (22, 84), (42, 89), (50, 96), (38, 102), (18, 106), (5, 105)),
        "abdomen": ((6, 76), (20, 74), (40, 70), (62, 72), (72, 82), (58, 93), (32, 99), (9, 97)),
        "pelvis": ((7, 86), (20, 84), (30, 88), (27, 96), (14, 99), (7, 98)),
    }
    right = spline(shapes[region])
    for curve in (right, mirrored(right)):
        muscle(canvas, patient, curve, rng, 12)


def paint_abdominal_wall(canvas: Canvas, patient: Patient, rng: Generator, *, flank: bool) -> Curve:
    """Paint the flat muscles of the belly and return the cavity's contour (standard anatomy, mm).

    Args:
        canvas: what to paint on.
        patient: whose tissues.
        rng: source of variation.
        flank: whether the slice cuts latissimus and serratus besides (upper abdomen).
    """
    outer = trunk("abdomen")
    angle = bearing(outer)
    sheet = rng.uniform(2.8, 5.0)
    depth = 0.0
    for side in (1, -1):
        mirror = (lambda a: a) if side == 1 else (lambda a: 180 - a)
        depth = 0.0
        for _ in range(3):
            thick = sheet * rng.uniform(0.75, 1.3)
            depth += thick + rng.uniform(0.1, 0.6)
            lo, hi = sorted((mirror(-60 + rng.uniform(0, 10)), mirror(36 - rng.uniform(0, 14))))
            muscle(canvas, patient, band(outer, lo, hi, -depth, thick, 0.3), rng, 1)
        lo, hi = sorted((mirror(-87.5), mirror(-58)))
        muscle(canvas, patient, band(outer, lo, hi, -rng.uniform(9, 11), rng.uniform(7.5, 10.5), 0.4), rng, 2)
        sheath = band(outer, min(mirror(-86), mirror(-50)), max(mirror(-86), mirror(-50)), -rng.uniform(5, 7), 0.9, 0.1)
        canvas.fill(sheath, patient.hu["muscle"] - 30, Tissue.MUSCLE, within=(Tissue.WALL_FAT,))
        if flank:
            lo, hi = sorted((mirror(5), mirror(56)))
            muscle(canvas, patient, band(outer, lo, hi, -1.0, rng.uniform(4, 7)), rng, 4)
    depth += 1.5
    return offset(outer, np.where(angle > 30, np.where(angle < 150, -depth * 0.75, -depth), -depth))
