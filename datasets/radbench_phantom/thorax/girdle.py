"""The shoulder girdle of raised arms, as for CT; which girdle a patient has."""

from __future__ import annotations

import numpy as np

from radbench_phantom.thorax.grid import Points
from radbench_phantom.thorax.hanging import hanging_girdle
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.traits import Traits
from radbench_phantom.thorax.tubes import Tubes, along_curve


def girdle_tubes(traits: Traits) -> list[Tubes]:
    """Return clavicles, scapulae and upper arms as the patient holds them."""
    return _raised_girdle(traits) if traits.stance.arms_up else hanging_girdle(traits)


def _raised_girdle(traits: Traits) -> list[Tubes]:
    out = []
    for side, clavicle, scapula in (
        (1.0, Anatomy.CLAVICLE_LEFT, Anatomy.SCAPULA_LEFT),
        (-1.0, Anatomy.CLAVICLE_RIGHT, Anatomy.SCAPULA_RIGHT),
    ):
        mirror = np.array([1.0, 1.0, side])

        def tube(
            points: list[tuple[float, float, float]],
            radius: list[float] | float,
            label: int,
            flat: list[float] | float | None = None,
            across: tuple[float, float, float] | None = None,
            mirror: Points = mirror,
        ) -> Tubes:
            placed = traits.place(np.asarray(points) * mirror)
            r = np.asarray(radius, dtype=np.float64)
            f = None if flat is None else np.asarray(flat, dtype=np.float64)
            axis = None if across is None else np.asarray(across) * mirror
            return along_curve(placed, r, label, flat=f, across=axis)

        out.append(
            tube(
                [(104, -63, 20), (111, -58, 38), (121, -44, 58), (132, -24, 82), (143, -10, 105), (152, -2, 124)],
                [7.5, 6, 5.2, 5.2, 6, 7],
                clavicle,
            )
        )
        blade = (0.15, 0.75, 0.62)
        out += [
            tube(
                [(2, 88, 104), (30, 84, 105), (62, 74, 106), (95, 56, 108), (120, 34, 114), (134, 20, 122)],
                [5, 15, 26, 30, 20, 9],
                scapula,
                flat=[2.0, 1.7, 1.5, 1.6, 3.0, 8.0],
                across=blade,
            ),
            tube([(2, 88, 106), (40, 76, 122), (85, 52, 128), (125, 22, 126)], [4, 4.5, 5, 7], scapula),
            tube(
                [(88, 84, 84), (108, 72, 102), (128, 50, 118), (150, 22, 132), (158, 4, 134)],
                [3, 6, 7, 7, 6],
                scapula,
                flat=[2, 3, 3.5, 4, 4],
                across=(1.0, 0.0, 0.0),
            ),
            tube([(134, 16, 118), (142, -4, 112), (138, -18, 108)], [7, 5.5, 4.5], scapula),
            tube(
                [(140, 6, 144), (152, 2, 150), (175, 0, 156), (215, -4, 168), (300, -10, 190)],
                [20, 20, 13, 11, 11],
                Anatomy.HUMERUS,
            ),
        ]
    return out
