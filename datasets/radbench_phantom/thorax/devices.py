"""Devices in and on the body: pacemaker, catheters, tubes, electrodes with their cables, and what surgery leaves."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

from radbench_phantom.thorax.cage import sternum_depth
from radbench_phantom.thorax.canvas import Canvas
from radbench_phantom.thorax.grid import Points
from radbench_phantom.thorax.heart import from_heart
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.mediastinum import great_vessels
from radbench_phantom.thorax.traits import Traits
from radbench_phantom.thorax.tubes import Tubes, along_curve, joined, splat, stamp
from radbench_phantom.thorax.wall import fat_depth, muscle_distance

METAL_HU = 18000.0
"""A pacemaker's can: what its few mm of titanium and battery need to stop most of a chest stand's beam [assumed]."""
_STEEL_HU, _COIL, _STRIPE, _CATHETER, _PLASTIC, _FOIL = 28000.0, 22000.0, 12000.0, 6500.0, 250.0, 900.0

Line = list[tuple[float, float, float]]
_VEIN: Line = [(112, -34, -32), (92, -37, -25), (62, -34, -27), (30, -28, -27)]
_NECK: Line = [(215, -34, -40), (160, -32, -38), (128, -27, -37)]
_SHOULDER: Line = [(104, -74, -92), (118, -44, -72), (121, -32, -52)]
_ACROSS: Line = [(104, -74, 92), (119, -42, 70), (114, -36, 44), (100, -44, 6), (90, -38, -18)]
_ARM: Line = [(60, 0, -190), (104, -10, -120), (120, -28, -74)]


@dataclass
class _Wires:
    """Wires and solids to be painted, by density."""

    traits: Traits
    lines: dict[float, list[Tubes]] = field(default_factory=dict)

    def lay(self, points: Points, radius: float, hu: float) -> None:
        self.lines.setdefault(hu, []).append(along_curve(points, radius, Anatomy.DEVICE, step=2.0))

    def paint(self, canvas: Canvas) -> None:
        grid = canvas.grid
        for hu in sorted(self.lines):
            tubes = joined(self.lines[hu])
            thin = tubes.radius[:, 0] < grid.h
            half = tubes.along * tubes.half_length[:, None]
            # Pieces overlap by a little, which their thinned length makes good.
            part = splat(
                grid, (tubes.centre - 0.8 * half)[thin], (tubes.centre + 0.8 * half)[thin], tubes.radius[thin, 0]
            )
            if not thin.all():
                names = ("centre", "along", "across", "half_length", "radius", "label")
                distance = torch.full(grid.shape, 1e3, device=grid.device)
                stamp(grid, Tubes(*(getattr(tubes, n)[~thin] for n in names)), distance)
                part = torch.maximum(part, grid.soft(distance))
            canvas.cover(canvas.whole, part, hu, Anatomy.DEVICE)


def paint_devices(canvas: Canvas, devices: tuple[str, ...], traits: Traits, rng: np.random.Generator) -> None:
    """Paint a patient's devices.

    Args:
        canvas: with the whole anatomy painted.
        devices: names out of ``labels.DEVICES``.
        traits: the patient.
        rng: source of where each lies; every device draws from a stream of its own.
    """
    streams = rng.integers(2**31, size=len(_LAID))
    for (name, lay), seed in zip(_LAID.items(), streams, strict=True):
        if name in devices:
            wires = _Wires(traits)
            lay(canvas, wires, np.random.default_rng(int(seed)))
            wires.paint(canvas)


def _pacemaker(canvas: Canvas, wires: _Wires, rng: np.random.Generator) -> None:
    traits = wires.traits
    side = 1.0 if rng.random() < 0.85 else -1.0
    place = traits.place(np.array([80.0 + rng.normal(0, 7), 0.0, side * (84.0 + rng.normal(0, 6))]))
    place[1] = _front(place, traits, 0.0) - 2.0
    way = _ACROSS if side > 0 else [*_SHOULDER, *_VEIN[:2]]
    entry = traits.place(np.array([*way, *(_VEIN[2:] if side > 0 else _VEIN[1:])]))
    entry = entry + rng.normal(0, 1.5, entry.shape)
    entry[0, 1] = min(entry[0, 1], _front(entry[0], traits, 0.0) + 3.0)
    ends: list[Line] = [[(2, -26, -22), (-26, -36, -16), (-44, -52, 8), (-50, -58, 38), (-46, -60, 50)]]
    defibrillator = rng.random() < 0.25
    if rng.random() < 0.6:
        ends.append([(-4, -28, -22), (-14, -42, -24), (4, -52, -18)])
    turn = rng.normal(0, 0.25)
    for k, line in enumerate(ends):
        # What is left of a lead lies in a loop behind the can.
        t = np.linspace(0, 1.4 * np.pi, 8) + rng.uniform(0, 3)
        loop = place + np.stack([20 * np.sin(t), np.full(8, 5.0), 22 * np.cos(t)], axis=1)
        inner = from_heart(line, traits)
        wires.lay(np.concatenate([loop, entry + 1.6 * k, inner]), 0.9, _COIL)
        if defibrillator and k == 0:
            wires.lay(inner[-3:], 1.7, METAL_HU)
        wires.lay(inner[-2:] * 0.2 + inner[-1:] * 0.8, 1.2, METAL_HU)
    box = canvas.grid.box(tuple(place - 45), tuple(place + 45))
    if box is None:
        return
    x, y, z = canvas.grid.at(box)
    size = rng.uniform(0.85, 1.05) * (1.2 if defibrillator else 1.0)
    dx, dz = x - float(place[2]), z - float(place[0])
    u = (float(np.cos(turn)) * dx - float(np.sin(turn)) * dz) / (24 * size)
    v = (float(np.cos(turn)) * dz + float(np.sin(turn)) * dx) / (20 * size)
    thick = 5.5 if defibrillator else 4.0
    rim = ((u.abs() ** 3 + v.abs() ** 3 + 1e-6) ** (1 / 3) - 1) * 22 * size
    slab = (y - float(place[1])).abs() - thick
    # The connector's clear block sits on top of the can.
    canvas.paint(box, torch.maximum(torch.maximum(rim, slab), 0.55 * 20 * size - v * 20 * size), 1800.0, Anatomy.DEVICE)
    canvas.paint(
        box, torch.maximum(torch.maximum(rim, slab), v * 20 * size - 0.5 * 20 * size), METAL_HU, Anatomy.DEVICE
    )


def _line(canvas: Canvas, wires: _Wires, rng: np.random.Generator) -> None:
    start = [_NECK, _SHOULDER, _ARM, _ACROSS][int(rng.choice(4, p=[0.5, 0.2, 0.2, 0.1]))]
    rest = _VEIN[1:] if start is _ACROSS else _VEIN
    points = wires.traits.place(np.array([*start, *rest]))
    tip = from_heart([(14.0 + rng.normal(0, 8), -27, -23)], wires.traits)
    wires.lay(np.concatenate([points, tip]), 1.2, _CATHETER)


def _port(canvas: Canvas, wires: _Wires, rng: np.random.Generator) -> None:
    traits = wires.traits
    side = -1.0 if rng.random() < 0.75 else 1.0
    place = traits.place(np.array([72.0 + rng.normal(0, 6), 0.0, side * (70.0 + rng.normal(0, 6))]))
    place[1] = _front(place, traits, 0.5)
    t = np.linspace(0, 2 * np.pi, 24)
    for radius, wire, hu in ((11.0, 1.4, _COIL), (5.0, 4.8, 1200.0)):
        wires.lay(place + np.stack([radius * np.sin(t), 0 * t, radius * np.cos(t)], axis=1), wire, hu)
    way = [*_SHOULDER[1:], *_VEIN] if side < 0 else [*_ACROSS[1:], *_VEIN[1:]]
    tip = from_heart([(12.0, -27, -23)], traits)
    wires.lay(
        np.concatenate([place[None] + np.array([4.0, 4.0, 0.0]), traits.place(np.array(way)), tip]), 1.2, _CATHETER
    )


def _electrodes(canvas: Canvas, wires: _Wires, rng: np.random.Generator) -> None:
    traits = wires.traits
    spots = np.array([(96.0, 0, -88), (96, 0, 88), (-66, 0, 100), (-72, 0, -98), (0, 0, 34)])
    upwards = rng.random() < 0.5
    gather = np.array([215.0, -70.0, rng.normal(0, 50)]) if upwards else np.array([-215.0, -130.0, rng.normal(70, 50)])
    for spot in spots[rng.permutation(5)[: int(rng.integers(3, 6))]]:
        at = traits.place(spot + rng.normal(0, 11, 3))
        at[1] = _front(at, traits, 1.0) - 4.0
        t = np.linspace(0, 2 * np.pi, 10)
        for radius, wire, hu in ((2.5, 2.3, 9000.0), (11.0, 1.4, _FOIL)):
            wires.lay(at + np.stack([radius * np.sin(t), 0 * t, radius * np.cos(t)], axis=1), wire, hu)
        wires.lay(np.stack([at, at + np.array([rng.normal(0, 3), -2, rng.normal(0, 12)])]), 2.0, 2500.0)
        share = np.array([0.0, 0.3, 0.65, 1.0])[:, None]
        cable = at + share * (traits.place(gather) - at)
        cable[1:3] += rng.normal(0, 22, (2, 3)) * [1.0, 0.1, 1.0]
        cable[:, 1] = at[1] - 8.0
        wires.lay(cable, 0.9, _STRIPE)


def _endotracheal(canvas: Canvas, wires: _Wires, rng: np.random.Generator) -> None:
    traits = wires.traits
    trachea = great_vessels(traits)["airway"][0]
    tip = (54.0 + rng.uniform(10, 55)) * traits.scale[0]
    own = trachea.centre[trachea.centre[:, 0] > tip]
    if len(own) < 3:
        return
    wires.lay(own, 5.0, _PLASTIC)
    wires.lay(own + np.array([0.0, -1.0, 4.4]), 0.8, _STRIPE)
    grid = canvas.grid
    wires.paint(canvas)
    wires.lines.clear()
    distance = torch.full(grid.shape, 1e3, device=grid.device)
    stamp(grid, along_curve(own, 3.9, Anatomy.DEVICE), distance)
    canvas.cover(canvas.whole, grid.soft(distance), -985.0, None)


def _nasogastric(canvas: Canvas, wires: _Wires, rng: np.random.Generator) -> None:
    traits = wires.traits
    gullet = great_vessels(traits)["gullet"][0].centre
    drop = -traits.breath_mm
    end = traits.place(np.array([(-96.0 + drop, -6, 34), (-108 + drop, -14, 56), (-118 + drop, -20, 50)]))
    way = np.concatenate([gullet[::4], end[: int(rng.integers(2, 4))]])
    wires.lay(way, 2.2, 500.0)
    wires.lay(way + np.array([0.0, 0.0, 1.2]), 0.8, _STRIPE)


def _sternotomy(canvas: Canvas, wires: _Wires, rng: np.random.Generator) -> None:
    traits = wires.traits
    for z in np.linspace(103, -2, int(rng.integers(5, 8))) + rng.normal(0, 2, 1):
        half, y = 10.0 + rng.normal(0, 1.5) + (4 if z > 85 else 0), float(sternum_depth(z))
        t = np.linspace(0, 2 * np.pi, 25)
        tilt = rng.normal(0, 0.25)
        ring = np.stack([z + tilt * half * np.cos(t), y + 8.5 * np.sin(t), half * np.cos(t)], axis=1)
        wires.lay(traits.place(ring), 0.55, _STEEL_HU)
        knot = np.array([z, y - 9.5, rng.normal(0, 2)])
        wires.lay(
            traits.place(np.stack([knot, knot + np.array([rng.normal(0, 4), -1.0, rng.normal(0, 4)])])), 1.0, _STEEL_HU
        )
    if rng.random() < 0.7:
        s = np.sort(rng.random(int(rng.integers(4, 11))))[:, None]
        row = np.array([56.0, -62, 6]) + s * np.array([-72.0, -14, 52]) + rng.normal(0, 4, (len(s), 3))
        for clip in from_heart([(c[0], c[1], c[2]) for c in row], traits):
            wires.lay(np.stack([clip, clip + rng.normal(0, 2.4, 3)]), 0.7, _STEEL_HU)


_LAID = {
    "pacemaker": _pacemaker,
    "line": _line,
    "electrodes": _electrodes,
    "endotracheal tube": _endotracheal,
    "nasogastric tube": _nasogastric,
    "sternotomy": _sternotomy,
    "port": _port,
}


def _front(place: Points, traits: Traits, through_fat: float) -> float:
    """Return the depth y (mm) of the chest's front at a place: of its muscle (0), its skin (1) or between."""
    y = torch.arange(-190.0, 0.0, 1.0)
    at = (torch.full_like(y, float(place[2])), y, torch.full_like(y, float(place[0])))
    inside = muscle_distance(at, traits) < 0
    if not inside.any():
        return -50.0
    front = y[int(inside.int().argmax())]
    thick = fat_depth((at[0][:1], front[None], at[2][:1]), traits)
    return float(front - through_fat * thick)
