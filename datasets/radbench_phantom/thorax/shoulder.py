"""Where a hanging arm's shoulder lies: scapula, joint and humerus of each side, for the bones and for the muscles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from radbench_phantom.thorax.cage import cage_middle, cage_radius
from radbench_phantom.thorax.cage_shape import CageShape
from radbench_phantom.thorax.grid import Points
from radbench_phantom.thorax.traits import Traits

_WIDTH = 99.0  # of the scapula from the root of its spine to the middle of the glenoid
_LENGTH = 96.0  # from that root down to the inferior angle
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
    root = _behind(z, side * (0.80 + 0.34 * roll), traits.shape)
    tip = _behind(z - _LENGTH, side * (0.76 + 0.44 * roll), traits.shape)
    u = _towards_joint(root, side, 2.0 - 32.0 * roll, traits.shape)
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


def _behind(z: float, angle: float, shape: CageShape) -> Points:
    """Return the point on the scapula's bed at height z and an angle from behind (rad), as if it lay on the left."""
    r = float(cage_radius(np.array([angle]), np.array([z]), shape)[0]) + _BED
    return np.array([z, float(cage_middle(z)) + r * np.cos(angle), r * abs(np.sin(angle))])


def _towards_joint(root: Points, side: float, front: float, shape: CageShape) -> Points:
    """Return the direction from the root to the glenoid: along the cage, the humeral head no further than ``front``."""
    phi = np.deg2rad(np.arange(22.0, 60.0, 1.5))
    u = np.stack([np.zeros_like(phi), -np.sin(phi), np.cos(phi)], axis=1)
    along = root + np.array([30.0, 55.0, 80.0])[:, None, None] * u
    dy = along[..., 1] - cage_middle(root[0])
    on = cage_radius(np.arctan2(side * along[..., 2], dy).ravel(), np.full(dy.size, root[0]), shape)
    gap = np.hypot(along[..., 2], dy) - on.reshape(dy.shape)
    far = (gap.min(0) < _BED - 5.0) | (root[1] + (_WIDTH + _HEAD) * u[:, 1] < front)
    return u[max(int(np.argmax(far)) - 1, 0)] if far.any() else u[-1]
