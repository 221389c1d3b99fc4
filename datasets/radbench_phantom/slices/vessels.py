"""Branching vessels: in the lung, inside a parenchyma, and in the mesentery's fat."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from radbench_phantom.slices.canvas import Canvas, Tissue
from radbench_phantom.slices.curves import Curve, inside, path, tube


def tree(
    rng: Generator, start: ArrayLike, heading: float, radius: float, length: float, depth: int, spread: float = 32.0
) -> list[tuple[Curve, float, float]]:
    """Grow a vessel that forks; each branch leaves the slice after a while.

    Args:
        rng: source of variation.
        start: where it begins (mm).
        heading: its direction (degrees).
        radius: at its beginning (mm).
        length: of its first segment (mm).
        depth: how often it may fork.
        spread: standard deviation of the fork's angle (degrees).

    Returns:
        Segments ``(line, radius at start, radius at end)``.
    """
    begin = np.asarray(start, dtype=np.float64)
    mid = begin + length / 2 * _unit(heading + rng.normal(0, 16))
    end = begin + length * _unit(heading)
    after = radius * rng.uniform(0.72, 0.9)
    segments = [(path([begin, mid, end], 6), radius, after)]
    if depth > 0 and after > 0.4:
        for sign in (-1, 1):
            if rng.random() < 0.85:
                turn = sign * abs(rng.normal(spread * 0.8, spread * 0.4))
                share = after * rng.uniform(0.62, 0.95)
                segments += tree(rng, end, heading + turn, share, length * rng.uniform(0.55, 0.95), depth - 1, spread)
    else:
        # A blunt end is a vessel that leaves the slice; a fine one peters out.
        tip = end + length * 0.3 * _unit(heading + rng.normal(0, 20))
        segments.append((path([end, (end + tip) / 2, tip], 3), after, 0.2))
    return segments


def paint_tree(
    canvas: Canvas,
    segments: Sequence[tuple[Curve, float, float]],
    hu: float,
    tissue: Tissue,
    within: Iterable[Tissue],
    background: float | None = None,
) -> None:
    """Paint trees inside some tissues.

    Args:
        canvas: what to paint on.
        segments: as :func:`tree` returns them.
        hu: of the blood.
        tissue: its label.
        within: the tissues it may cover.
        background: HU around it; a vessel thinner than the slice only partly fills it.
    """
    values = [
        hu if background is None else background + _share(canvas, (first + last) / 2) * (hu - background)
        for _, first, last in segments
    ]
    # Thick ones last, so that a fork shows no seam.
    order = np.argsort([first for _, first, _ in segments], kind="stable")
    curves = [tube(segments[i][0], (segments[i][1], segments[i][2])) for i in order]
    canvas.fill_all(curves, [values[i] for i in order], tissue, within)


def _share(canvas: Canvas, radius: float) -> float:
    """Return how much of the slice a vessel of a radius (mm) fills."""
    thickness = float(canvas.depth_mm[-1] - canvas.depth_mm[0]) * 1.5
    return float(np.clip(2.0 * radius / max(thickness, 1.0), 0.16, 1.0))


def paint_lung_vessels(
    canvas: Canvas,
    rng: Generator,
    lung: Curve,
    hilum: ArrayLike,
    hu: float,
    background: float,
    *,
    trees: int,
    scattered: int,
) -> None:
    """Paint a lung's vessels: trees from the hilum, and the many that merely cross the slice.

    Args:
        canvas: what to paint on.
        rng: source of variation.
        lung: its contour (standard anatomy, mm).
        hilum: where the trees begin (mm).
        hu: of the blood.
        background: of the lung.
        trees: how many start at the hilum.
        scattered: how many cross the slice elsewhere.
    """
    root = np.asarray(hilum, dtype=np.float64)
    within = (Tissue.LUNG, Tissue.LUNG_VESSEL)
    outward = float(np.rad2deg(np.arctan2(*(lung.mean(0) - root)[::-1])))
    grown = []
    for _ in range(trees):
        heading = outward + rng.uniform(-80, 80)
        radius = rng.uniform(1.0, 3.0)
        grown += tree(rng, root + rng.normal(0, 5, 2), heading, radius, rng.uniform(8, 17), int(rng.integers(2, 4)), 26)
    low, high = lung.min(0), lung.max(0)
    reach = float(np.linalg.norm(high - low)) * 0.55
    points = rng.uniform(low, high, (scattered * 2, 2))
    points = points[inside(lung, points)][:scattered]
    away = points - root
    near = 1 - np.clip(np.linalg.norm(away, axis=1) / reach, 0, 1)
    radii = np.clip(np.exp(rng.normal(np.log(0.38 + 0.95 * near**1.5), 0.36)), 0.3, 3.0)
    headings = np.rad2deg(np.arctan2(away[:, 1], away[:, 0])) + rng.normal(0, 30, len(points))
    lengths = radii * np.exp(rng.normal(np.log(5.5), 0.75, len(points)))
    lengths[rng.random(len(points)) < 0.4] = 0.0
    for p, radius, heading, length in zip(points, radii, headings, lengths, strict=True):
        if length and rng.random() < 0.25:
            grown += tree(rng, p, heading, radius, length, 1, 30)
        else:
            run = max(length, radius * 0.3) * _unit(heading)
            bend = rng.normal(0, 0.1) * np.array([-run[1], run[0]])
            grown.append((np.array([p, p + run / 2 + bend, p + run]), radius, radius * rng.uniform(0.5, 0.95)))
    paint_tree(canvas, grown, hu, Tissue.LUNG_VESSEL, within, background)


def paint_bronchus(
    canvas: Canvas, rng: Generator, at: ArrayLike, radius: float, wall_hu: float, heading: float, length: float
) -> None:
    """Paint a bronchus, cut across (``length`` 0) or along its course."""
    start = np.asarray(at, dtype=np.float64)
    end = start + max(length, radius * 0.4) * _unit(heading)
    line = path([start, (start + end) / 2 + rng.normal(0, 0.6, 2), end])
    within = (Tissue.LUNG, Tissue.LUNG_VESSEL, Tissue.MEDIASTINAL_FAT)
    canvas.fill(tube(line, (radius + 0.9, radius * 0.8 + 0.8)), wall_hu, Tissue.AIRWAY, within=within)
    canvas.fill(tube(line, (radius, radius * 0.8)), -960, Tissue.AIRWAY, within=(Tissue.AIRWAY,))


def paint_parenchymal_vessels(
    canvas: Canvas, rng: Generator, outline: Curve, roots: ArrayLike, hu: float, host: Tissue, tissue: Tissue, fine: int
) -> None:
    """Paint the vessels inside an organ: trees from their roots toward its far side, and fine ones cut across.

    Args:
        canvas: what to paint on.
        rng: source of variation.
        outline: the organ (standard anatomy, mm).
        roots: ``[R,2]`` where the trees begin (mm).
        hu: of the blood.
        host: the organ's tissue.
        tissue: the vessels' tissue.
        fine: how many fine ones.
    """
    centre = outline.mean(0)
    within = (host, tissue)
    for root in np.asarray(roots, dtype=np.float64):
        toward = float(np.rad2deg(np.arctan2(*(centre - root)[::-1])))
        grown = tree(
            rng,
            root,
            toward + rng.normal(0, 25),
            rng.uniform(2.6, 4.6),
            rng.uniform(16, 30),
            int(rng.integers(2, 4)),
            40,
        )
        paint_tree(canvas, grown, hu, tissue, within)
    points = rng.uniform(outline.min(0), outline.max(0), (fine * 2, 2))
    curves = []
    for p in points[inside(outline, points)][:fine]:
        radius = float(np.clip(rng.lognormal(np.log(1.1), 0.4), 0.6, 3.0))
        line = np.stack([p, p + rng.uniform(0.5, 7) * radius * _unit(rng.uniform(0, 360))])
        curves.append(tube(line, (radius, radius * 0.6)))
    canvas.fill_all(curves, [hu - 12] * len(curves), tissue, within, drift=0.4)


def paint_mesentery(
    canvas: Canvas, rng: Generator, outline: Curve, root: ArrayLike, hu: float, count: int, within: Iterable[Tissue]
) -> None:
    """Paint the small vessels that fan out through a fat from a root."""
    start = np.asarray(root, dtype=np.float64)
    points = rng.uniform(outline.min(0), outline.max(0), (count * 2, 2))
    curves, values = [], []
    for p in points[inside(outline, points)][:count]:
        away = p - start
        heading = float(np.rad2deg(np.arctan2(away[1], away[0]))) + rng.normal(0, 28)
        radius = float(np.clip(rng.lognormal(np.log(1.0), 0.4), 0.5, 2.4))
        length = radius * rng.lognormal(np.log(3.5), 0.8)
        bend = p + length / 2 * _unit(heading + rng.normal(0, 25))
        line = np.stack([p, bend, p + length * _unit(heading)])
        curves.append(tube(line, (radius, radius * 0.7)))
        values.append(hu * rng.uniform(0.55, 1.0) - 20)
    canvas.fill_all(curves, values, Tissue.FINE_VESSEL, within, drift=0.35)


def _unit(degrees: float) -> Curve:
    a = np.deg2rad(degrees)
    return np.array([np.cos(a), np.sin(a)])
