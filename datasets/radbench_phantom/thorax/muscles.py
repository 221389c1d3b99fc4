"""The muscles that stand out of the trunk, the fat in the armpit, and the trunk's own bulges, each in its own box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from radbench_phantom.thorax.grid import Points
from radbench_phantom.thorax.shoulder import Shoulder, shoulders
from radbench_phantom.thorax.traits import Traits

At = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Part:
    """One muscle or one body of fat.

    Attributes:
        low, high: corners of the box that holds it (z, y, x mm).
        distance: signed distance (mm) at places x, y, z.
        fillet: width over which it melts into what it lies upon (mm).
        seam: whether a plane of fat parts it from its neighbours.
        fat: whether it is fat rather than muscle.
    """

    low: Points
    high: Points
    distance: Callable[[At], Tensor]
    fillet: float = 8.0
    seam: bool = True
    fat: bool = False


def muscles(traits: Traits) -> list[Part]:
    """Return what a patient's trunk has beside its core, in the order in which it is laid on."""
    out = [_erector(traits, side, k) for k, side in enumerate((1.0, -1.0))]
    if traits.stance.arms_up:
        return out
    for k, s in enumerate(shoulders(traits)):
        out += _hanging(traits, s, traits.stance.bulk[k])
    return out


def _erector(traits: Traits, side: float, k: int) -> Part:
    mirror = np.array([1.0, 1.0, side])
    line = [
        traits.place(np.array(p) * mirror) for p in ((-210.0, 72.0, 34.0), (-40, 92, 32), (60, 84, 28), (130, 50, 22))
    ]
    return _cones(line, np.array([27.0, 22, 18, 15]) * (0.7 + 0.3 * traits.stance.bulk[k]), fillet=10.0)


def _hanging(traits: Traits, s: Shoulder, bulk: float) -> list[Part]:
    mirror = np.array([1.0, 1.0, s.side])
    size = float(np.mean(traits.scale))

    def on(z: float, y: float, x: float) -> Points:
        return traits.place(np.array([z, y, x]) * mirror)

    thick = size * (0.6 + 0.4 * bulk)
    aside = np.array([0.0, 0.0, s.side])
    arm = s.elbow - s.head
    acromion, tip = s.at([(108.0, 32.0, 10.0)])[0], s.at([(28.0, -98.0, 0.0)])[0]
    socket, blade = s.at([(92.0, 0.0, 0.0)])[0], s.at([(8.0, 20.0, 4.0)])[0]
    insertion = s.head + 0.22 * arm
    return [
        # Trapezius and levator from the neck, and what covers the upper border of the scapula.
        _cones([on(182, 20, 34), on(144, 30, 70), acromion], np.array([27.0, 27, 17]) * thick, fillet=16.0),
        _sheet(on(100, 60, 50), blade, socket, 19.0 * thick, fillet=16.0),
        # Subscapularis and infraspinatus, teres and latissimus.
        _sheet(blade, socket, tip, 14.0 * thick),
        _cones([on(-95, 36, 122), on(-20, 40, 124), tip, insertion], np.array([8.0, 14, 15, 12]) * thick, fillet=16.0),
        _sheet(tip, on(-75, 30, 122), insertion, 10.0 * thick, fillet=14.0),
        # Pectoralis major: from clavicle and sternum to the humerus.
        _sheet(on(92, -58, 40), on(-22, -91, 70), insertion, 12.0 * thick * (0.75 + 0.25 * bulk), fillet=14.0),
        # Deltoid and upper arm.
        _cones(
            [s.head - 4.0 * aside, s.head + 7.0 * aside + 0.12 * arm, s.head + 0.5 * arm, s.head + 1.45 * arm],
            np.array([42.0, 43, 39, 33]) * thick,
            fillet=14.0,
        ),
        # The armpit's fat runs out along the chest wall.
        replace(
            _cones(
                [0.5 * (s.head + 0.1 * arm) + 0.5 * on(72, 2, 108), on(6, 6, 127), on(-70, 10, 125)],
                np.array([42.0, 28, 12]) * size,
                fillet=20.0,
            ),
            seam=False,
            fat=True,
        ),
    ]


def _cones(line: list[Points], radii: Points, fillet: float) -> Part:
    """Return a chain of round cones."""
    points, margin = np.stack(line), float(radii.max()) + 0.4 * fillet

    def distance(at: At) -> Tensor:
        out = None
        for a, b, ra, rb in zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True):
            part = round_cone(at, a, b, float(ra), float(rb))
            out = part if out is None else torch.minimum(out, part)
        assert out is not None
        return out

    return Part(points.min(0) - margin, points.max(0) + margin, distance, fillet)


def _sheet(a: Points, b: Points, c: Points, thick: float, fillet: float = 8.0) -> Part:
    """Return a triangle as thick as twice ``thick``, with round borders."""
    points, margin = np.stack([a, b, c]), thick + 0.4 * fillet
    return Part(points.min(0) - margin, points.max(0) + margin, lambda at: triangle(at, a, b, c) - thick, fillet)


def round_cone(at: At, a: Points, b: Points, ra: float, rb: float) -> Tensor:
    """Return the approximate signed distance (mm) to a round cone.

    Args:
        at: x, y, z (mm).
        a, b: its ends (z, y, x).
        ra, rb: its radii there (mm).
    """
    x, y, z = at
    way = [float(w) for w in b - a]
    d = (z - float(a[0]), y - float(a[1]), x - float(a[2]))
    t = (d[0] * way[0] + d[1] * way[1] + d[2] * way[2]) / sum(w * w for w in way)
    t = t.clamp(0.0, 1.0)
    square = (d[0] - t * way[0]) ** 2 + (d[1] - t * way[1]) ** 2 + (d[2] - t * way[2]) ** 2
    return torch.sqrt(square) - (ra + t * (rb - ra))


def triangle(at: At, a: Points, b: Points, c: Points) -> Tensor:
    """Return the distance (mm) to a flat triangle.

    Args:
        at: x, y, z (mm).
        a, b, c: its corners (z, y, x).
    """
    normal = np.cross(b - a, c - a)
    normal = normal / np.linalg.norm(normal)
    x, y, z = at

    def along(axis: Points, origin: Points) -> Tensor:
        return (
            (z - float(origin[0])) * float(axis[0])
            + (y - float(origin[1])) * float(axis[1])
            + (x - float(origin[2])) * float(axis[2])
        )

    # In the triangle's own plane it is a polygon.
    e1 = (b - a) / np.linalg.norm(b - a)
    e2 = np.cross(normal, e1)
    p, q, off = along(e1, a), along(e2, a), along(normal, a)
    corners = [((v - a) @ e1, (v - a) @ e2) for v in (a, b, c)]
    square = None
    inside = None
    for (px, py), (qx, qy) in zip(corners, corners[1:] + corners[:1], strict=True):
        wx, wy = float(qx - px), float(qy - py)
        dx, dy = p - float(px), q - float(py)
        t = ((dx * wx + dy * wy) / (wx * wx + wy * wy)).clamp(0.0, 1.0)
        part = (dx - t * wx) ** 2 + (dy - t * wy) ** 2
        left = dy * wx - dx * wy >= 0
        square = part if square is None else torch.minimum(square, part)
        inside = left if inside is None else inside & left
    assert square is not None
    assert inside is not None
    return torch.sqrt(torch.where(inside, torch.zeros_like(square), square) + off * off)
