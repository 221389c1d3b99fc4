"""The ribs: twelve pairs on the surface of the cage, their cartilages, and how they break."""

from __future__ import annotations

import numpy as np

from radbench_phantom.thorax.cage import cage_middle, cage_point, spine_front, sternum_depth
from radbench_phantom.thorax.findings import Finding
from radbench_phantom.thorax.grid import Points
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.traits import Traits
from radbench_phantom.thorax.tubes import Tubes, along_curve, joined

# Per rib: height of head, lateral bend and front end; half-distance and depth of the front end from the midline.
_RIBS = np.array(
    [
        (127, 112, 95, 34, -62),
        (123, 101, 75, 41, -74),
        (111, 80, 48, 56, -78),
        (97, 58, 15, 62, -86),
        (77, 39, -14, 75, -88),
        (54, 12, -46, 88, -83),
        (28, -12, -72, 103, -72),
        (0, -38, -97, 114, -56),
        (-27, -62, -118, 120, -36),
        (-52, -84, -137, 123, -12),
        (-82, -112, -152, 118, 24),
        (-108, -122, -138, 66, 68),
    ],
    dtype=np.float64,
)


def rib_line(k: int) -> Points:
    """Return the centre line ``[24,3]`` of the left rib k (0..11) in the reference, from its head to its front end."""
    head, bend, end, x_end, y_end = _RIBS[k]
    last = float(np.arctan2(x_end, y_end - cage_middle(end)))
    s = np.linspace(0, 1, 22)
    power = np.log(max((head - bend) / (head - end), 0.03)) / np.log(0.52)
    first = 0.40 if k < 10 else 0.34
    z = head - (head - end) * s ** np.clip(power, 1.1, 2.4) + 3.0 * np.sin(np.pi * np.clip(s / 0.22, 0, 1))
    on_cage = cage_point(first + (last - first) * s**0.95, z, 5.0)
    body = float(spine_front(head))
    neck = np.array([[head - 1.0, body + 25.0, 17.0 - (2.0 if k < 3 else 0.0)]])
    return np.concatenate([neck, on_cage])


def rib_tubes(traits: Traits, rng: np.random.Generator) -> list[Tubes]:
    """Return the twelve pairs of ribs, left first; each rib is one Tubes."""
    thick = 3.1 * (traits.scale[2] * (1.05 if traits.sex == "male" else 0.95))
    out = []
    jitter = rng.normal(0, 1.0, (12, 2))
    for side in (1.0, -1.0):
        for k in range(12):
            line = rib_line(k)
            line[:, 0] += jitter[k, 0] + 0.4 * rng.normal()
            line[:, 2] *= side
            if k > 9:
                keep = int(len(line) * (1 - 0.12 * abs(jitter[k, 1])))
                line = line[: max(keep, 10)]
            points = traits.place(line)
            s = np.linspace(0, 1, len(points))
            outward = points.copy()
            outward[:, 0] *= 0.0
            outward[:, 1] -= 8.0
            if k < 2:
                outward[:, 0] = np.linalg.norm(outward[:, 1:], axis=1) * (2.2 if k == 0 else 0.7)
            tall = np.array([5.6, 5.6, 5.9, 6.2, 6.6, 6.9, 7.0, 6.8, 6.4, 6.0, 5.2, 4.0][k]) * thick / 3.35
            wax = (
                0.82
                + 0.18 * np.minimum(s / 0.25, 1)
                + (0.12 * np.clip((s - 0.8) / 0.2, 0, 1) if k < 10 else -0.45 * s**3)
            )
            slim = thick * (1.12 - 0.22 * s) * (1.0 if k < 10 else 0.85)
            label = (Anatomy.RIB_LEFT_1 if side > 0 else Anatomy.RIB_RIGHT_1) + k
            out.append(along_curve(points, tall * wax, label, flat=slim, across=outward))
    return out


def cartilage_tubes(traits: Traits) -> Tubes:
    """Return the costal cartilages: seven to the sternum, three to the cartilage above."""
    pieces = []
    joints = (98, 80, 58, 36, 14, -6, -22)
    for side in (1.0, -1.0):
        previous = None
        for k in range(10):
            end = rib_line(k)[-1]
            if k < 7:
                z = float(joints[k])
                goal = np.array([z, float(sternum_depth(z)) + 1.0, 21.0 if k == 0 else 17.0])
                sag = np.array([end[0] * 0.55 + z * 0.45 - (12.0 if k > 3 else 3.0), 0.0, 0.0])
                middle = (end + goal) / 2
                middle[0] = sag[0]
                middle[1] = min(middle[1], (end[1] + goal[1]) / 2) - 2.0
            else:
                assert previous is not None
                goal = previous
                middle = (end + goal) / 2
            line = np.stack([end, middle, goal])
            previous = line[1].copy()
            line[:, 2] *= side
            pieces.append(along_curve(traits.place(line), 6.0, Anatomy.CARTILAGE, flat=4.2, across=(0.0, 1.0, 0.0)))
    return joined(pieces)


def broken(ribs: list[Tubes], findings: tuple[Finding, ...]) -> list[Points]:
    """Break ribs where findings say so: the front part slips, in place.

    Args:
        ribs: what :func:`rib_tubes` returned.
        findings: the patient's.

    Returns:
        The places of the fractures (z, y, x mm).
    """
    places = []
    for f in findings:
        if f.name != "fracture":
            continue
        k = int(f.kind.split()[1]) - 1 + (0 if f.side > 0 else 12)
        rib = ribs[k]
        n = len(rib.centre)
        at = int(n * (0.35 + 0.4 * f.where[0]))
        out = rib.across[at] * (1.0 if f.where[1] < 0.5 else -1.0) + 0.5 * np.cross(rib.along[at], rib.across[at])
        fade = np.clip(1 - (np.arange(n) - at) / 14.0, 0, 1) * (np.arange(n) >= at)
        rib.centre[:] += fade[:, None] * out * f.size
        # The gap between the fragments.
        rib.half_length[at] *= 0.35
        places.append(rib.centre[at].copy())
    return places
