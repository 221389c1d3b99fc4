"""The shoulder girdle of hanging arms, as radiographs show it: clavicles, scapulae and humeri."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radbench_phantom.thorax.grid import Points
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.shoulder import Shoulder, shoulders
from radbench_phantom.thorax.traits import Traits
from radbench_phantom.thorax.tubes import Tubes, along_curve

Profile = list[tuple[float, float, float]]

# Height in the blade (v), its medial and its lateral border (u, mm).
_BLADE = np.array(
    [
        (42, 13, 22),
        (37, 9, 34),
        (30, 4, 58),
        (20, 2, 80),
        (8, 0, 90),
        (-8, 1, 90),
        (-24, 4, 84),
        (-42, 8, 73),
        (-60, 13, 61),
        (-78, 18, 50),
        (-92, 23, 42),
        (-99, 29, 36),
    ],
    dtype=np.float64,
)
_HEAD = 23.5  # radius of the humeral head


def hanging_girdle(traits: Traits) -> list[Tubes]:
    """Return clavicles, scapulae and upper arms, the arms hanging."""
    out = []
    for k, shoulder in enumerate(shoulders(traits)):
        size = float(np.mean(traits.scale)) * (1.03 if traits.sex == "male" else 0.95)
        left = shoulder.side > 0
        out += _scapula(shoulder, Anatomy.SCAPULA_LEFT if left else Anatomy.SCAPULA_RIGHT, size)
        label = Anatomy.CLAVICLE_LEFT if left else Anatomy.CLAVICLE_RIGHT
        out.append(_clavicle(shoulder, label, size, traits.stance.clavicle_mm[k]))
        out += _humerus(shoulder, size)
    return out


def _scapula(s: Shoulder, label: int, size: float) -> list[Tubes]:
    """Return blade, borders, spine with acromion, coracoid process, neck and glenoid."""

    def tube(points: Profile, radius: float | list[float], flat: float | list[float], across: Points) -> Tubes:
        return along_curve(
            s.at(points), np.asarray(radius) * size, label, flat=np.asarray(flat) * size, across=across, step=4.0
        )

    v, medial, lateral = _BLADE.T
    # The blade is hollow towards the ribs.
    bend = 5.0 * np.sin(np.pi * np.clip((v + 99) / 145, 0, 1))
    blade = along_curve(
        s.at(np.stack([(medial + lateral) / 2, v, bend], axis=1)),
        (lateral - medial) / 2 * 1.04 * size,
        label,
        flat=1.9 * size,
        across=s.w,
        step=4.0,
    )
    border: list[Tubes] = [
        tube(
            [(13, 41, 0), (3, 28, 2), (0, 8, 4), (3, -24, 4), (13, -60, 3), (24, -93, 0)],
            2.6,
            [2, 2, 2, 1.8, 2, 3],
            s.w,
        ),
        tube(
            [(88, -16, 0), (82, -26, 2), (72, -43, 3), (60, -61, 3), (48, -79, 2), (33, -98, 0)],
            [6, 4.6, 4.2, 3.8, 3.6, 4],
            [6, 5, 4.5, 4, 3.6, 3],
            s.w,
        ),
        tube([(13, 41, 0), (34, 35, 1), (60, 28, 1), (80, 22, 0)], 1.8, 1.6, s.w),
    ]
    spine = [
        # The plate that stands on the blade, and its crest.
        tube([(2, 8, 4), (25, 13, 8), (50, 18, 11), (75, 23, 13)], 2.2, [2, 6, 10, 11], s.w),
        tube(
            [(0, 8, 5), (25, 14, 13), (50, 20, 21), (75, 27, 26), (95, 33, 27)],
            [3.2, 4.2, 4.6, 5.2, 6],
            [2.6, 3.4, 3.6, 3.6, 3.6],
            s.w,
        ),
        tube(
            [(93, 33, 28), (107, 36, 22), (117, 37, 8), (116, 36, -6)],
            [7, 11, 12, 7],
            [4, 4.2, 4, 3],
            s.v,
        ),
    ]
    coracoid = tube(
        [(82, 16, -2), (85, 24, -8), (91, 28, -20), (101, 24, -31), (106, 19, -37)],
        [7, 6.5, 6.5, 6, 4.5],
        [6, 5.5, 5, 4.5, 3.5],
        s.v,
    )
    glenoid = [
        tube([(76, 0, 1), (86, 0, 0), (93, 0, -1), (97, 0, -2)], [11, 13.5, 18, 17], [4, 7, 11, 11], s.w),
    ]
    return [blade, *border, *spine, coracoid, *glenoid]


def _clavicle(s: Shoulder, label: int, size: float, bow: float) -> Tubes:
    """Return the clavicle: S-shaped, stout at the sternum, flat at the acromion."""
    end = s.at([(104.0, 37.0, 4.0)])[0]
    t = np.array([0.0, 0.08, 0.22, 0.38, 0.54, 0.70, 0.85, 1.0])
    line = s.medial + t[:, None] * (end - s.medial)
    line[:, 1] -= 15.0 * size * np.sin(2 * np.pi * t**0.92) * (1 - 0.2 * t)
    line[:, 0] += bow * np.sin(np.pi * t) + 3.5 * np.sin(2 * np.pi * t)
    tall = np.array([12.0, 10.5, 7.6, 6.1, 5.6, 5.8, 6.2, 5.2]) * size
    deep: NDArray[np.float64] = np.array([10.0, 8.6, 6.6, 6.0, 6.2, 7.4, 9.4, 9.0]) * size
    return along_curve(line, tall, label, flat=deep, across=(0.0, 1.0, 0.0), step=3.5)


def _humerus(s: Shoulder, size: float) -> list[Tubes]:
    """Return the humerus: round head, greater tubercle, shaft."""
    way = s.elbow - s.head
    way = way / np.linalg.norm(way)
    outward = np.array([0.0, 0.0, s.side])
    outward = outward - (outward @ way) * way
    at = np.array([-0.98, -0.9, -0.72, -0.45, -0.15, 0.2, 0.55])
    r = _HEAD * size
    ball = along_curve(s.head + at[:, None] * r * way, r * np.sqrt(1 - at**2), Anatomy.HUMERUS, step=3.0)
    # Longer than life: no field of view reaches the elbow.
    down = np.array([0.1, 0.8, 1.5, 2.4, 4.0, 9.0, 17.5]) * r
    aside = np.array([0.24, 0.28, 0.32, 0.34, 0.34, 0.3, 0.2]) * r
    shaft = along_curve(
        s.head + down[:, None] * way + aside[:, None] * outward,
        np.array([19.0, 18.5, 15.5, 13.0, 11.6, 11.0, 11.5]) * size,
        Anatomy.HUMERUS,
        step=6.0,
    )
    knob = s.head + np.array([[-0.55], [0.0], [0.7]]) * r * way + 0.72 * r * outward
    tubercle = along_curve(knob, np.array([7.0, 10.5, 8.0]) * size, Anatomy.HUMERUS)
    return [ball, shaft, tubercle]
