"""Where a hanging arm's shoulder lies: scapula, joint and humerus of each side, for the bones and for the muscles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from radbench_phantom.thorax.grid import Points
from radbench_phantom.thorax.traits import Traits

_WIDTH = 99.0  # of the scapula from the root of its spine to the middle of the glenoid
_LENGTH = 96.0  # from that root down to the inferior angle
# The cage's back half: height, half width, depth of its widest line and of its back.
_CAGE = np.array(
    [
        (-110, 124, -5, 84),
        (-60, 120, -1, 88),
        (-10, 115, 3, 92),
        (15, 111, 5, 93),
        (40, 108, 7, 91),
        (65, 102, 8, 84),
        (90, 91, 11, 72),
        (105, 82, 13, 62),
        (115, 72, 15, 51),
        (124, 57, 16, 40),
    ],
    dtype=np.float64,
)
_HEAD = 20.0  # from there to the middle of the humeral head
_BED = 21.0  # serratus and subscapularis between lung and blade, with the ribs


@dataclass(frozen=True)
class Shoulder:
    """One side's shoulder in the patient's millimetres (z, y, x).

    Attributes:
        side: 1 left, -1 right.
        root: where the scapula's spine begins at the medial border.
        u, v, w: the scapula's axes: to the glenoid, up within the blade, and backwards; of the patient's scale.
        head: the middle of the humeral head.
        elbow: the lower end of the humerus.
        medial: the clavicle's end at the sternum.
    """

    side: float
    root: Points
    u: Points
    v: Points
    w: Points
    head: Points
    elbow: Points
    medial: Points

    def at(self, points: Points | list[tuple[float, float, float]]) -> Points:
        """Take points ``[N,3]`` (u, v, w mm) of the scapula to the patient's (z, y, x)."""
        p = np.asarray(points, dtype=np.float64)
        return np.asarray(self.root + p[..., :1] * self.u + p[..., 1:2] * self.v + p[..., 2:] * self.w)


@lru_cache(maxsize=64)
def shoulders(traits: Traits) -> tuple[Shoulder, Shoulder]:
    """Return the left and the right shoulder of a patient whose arms hang."""
    return _shoulder(traits, 0), _shoulder(traits, 1)


def _shoulder(traits: Traits, k: int) -> Shoulder:
    stance, side = traits.stance, (1.0, -1.0)[k]
    roll, z = stance.roll[k], 85.0 + stance.height_mm[k]
    root = _behind(z, 0.80 + 0.34 * roll)
    tip = _behind(z - _LENGTH, 0.76 + 0.44 * roll)
    u = _towards_joint(root, 2.0 - 32.0 * roll)
    v = root - tip
    v = v - (v @ u) * u
    v /= np.linalg.norm(v)
    # With the arm's abduction the glenoid turns upwards and the inferior angle to the side.
    turn = np.deg2rad(2.0 + 0.22 * stance.abduction_deg[k])
    u, v = np.cos(turn) * u + np.sin(turn) * v, np.cos(turn) * v - np.sin(turn) * u
    w = np.cross(u, v)
    w = w if w[1] > 0 else -w
    widen = np.array([1.0, 1.0, stance.width])
    joint = (root + (_WIDTH + _HEAD) * u - 2.0 * w) * widen
    out, front = np.deg2rad(stance.abduction_deg[k]), np.deg2rad(stance.flexion_deg[k])
    way = np.array([-np.cos(out) * np.cos(front), -np.sin(front), np.sin(out) * np.cos(front)])
    mirror = np.array([1.0, 1.0, side])
    medial = np.array([101.0 + 0.12 * stance.height_mm[k], -63.0, 21.0])

    def placed(p: Points) -> Points:
        return traits.place(p * mirror)

    return Shoulder(
        side,
        placed(root * widen),
        placed(u * widen),
        placed(v * widen),
        placed(w * widen),
        placed(joint),
        placed(joint + 290.0 * way),
        placed(medial),
    )


def _behind(z: float, angle: float) -> Points:
    """Return the left point on the scapula's bed at height z and an angle from behind (rad)."""
    middle, r = _ray(z, angle)
    r += _BED
    return np.array([z, middle + r * np.cos(angle), r * np.sin(angle)])


def _ray(z: float, angle: float) -> tuple[float, float]:
    """Return the depth of the cage's widest line and the cage's radius from it at an angle from behind (mm)."""
    half, middle, back = (float(np.interp(z, _CAGE[:, 0], _CAGE[:, i])) for i in (1, 2, 3))
    c = max(float(np.cos(angle)), 0.0)
    level = (np.sin(angle) / half) ** 2.6 + (c / (back - middle)) ** 2.6
    return middle, float(level ** (-1 / 2.6))


def _towards_joint(root: Points, front: float) -> Points:
    """Return the direction from the root to the glenoid: along the cage, the humeral head no further than ``front``."""
    best = np.deg2rad(22.0)
    for phi in np.deg2rad(np.arange(22.0, 60.0, 1.5)):
        u = np.array([0.0, -np.sin(phi), np.cos(phi)])
        near = min(_gap(root + s * u) for s in (30.0, 55.0, 80.0)) < _BED - 5.0
        if near or (root + (_WIDTH + _HEAD) * u)[1] < front:
            break
        best = phi
    return np.array([0.0, -np.sin(best), np.cos(best)])


def _gap(point: Points) -> float:
    """Return how far a point lies outside the reference cage, along the ray from its middle (mm)."""
    z, y, x = (float(c) for c in point)
    middle, _ = _ray(z, 0.0)
    return float(np.hypot(x, y - middle)) - _ray(z, float(np.arctan2(x, y - middle)))[1]
