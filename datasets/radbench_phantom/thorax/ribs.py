"""The ribs: twelve pairs on the surface of the cage, their cartilages, and how they break."""

from __future__ import annotations

import numpy as np

from radbench_phantom.thorax.cage import cage_middle, cage_normal, cage_point, cage_radius, spine_front, sternum_depth
from radbench_phantom.thorax.cage_shape import CageShape
from radbench_phantom.thorax.findings import Finding
from radbench_phantom.thorax.grid import Points
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.traits import Traits
from radbench_phantom.thorax.tubes import Tubes, along_curve, joined

# The left ribs' middle lines (z, y, x mm) in the reference, from the tubercle to the front end; the shares of the way.
_WAY = np.array([0.075, 0.2, 0.35, 0.5, 0.65, 0.825, 1.0])
_RIBS = np.array(
    [
        ((129, 12, 38), (125, 3, 50), (118, -9, 57), (112, -22, 57), (107, -34, 53), (100, -48, 47), (94, -60, 39)),
        ((126, 27, 46), (122, 21, 66), (112, 7, 80), (102, -14, 84), (92, -35, 78), (84, -58, 63), (77, -71, 45)),
        ((117, 46, 48), (114, 36, 73), (102, 16, 91), (87, -8, 99), (74, -33, 96), (60, -59, 80), (49, -76, 58)),
        ((102, 61, 52), (98, 46, 78), (86, 22, 98), (68, -6, 106), (50, -35, 104), (30, -65, 89), (15, -85, 64)),
        ((81, 73, 53), (79, 57, 79), (67, 29, 98), (49, -1, 108), (28, -30, 110), (3, -62, 101), (-16, -85, 76)),
        ((57, 83, 53), (54, 66, 80), (44, 36, 98), (26, 6, 108), (4, -24, 111), (-21, -58, 106), (-46, -83, 88)),
        ((31, 91, 52), (29, 75, 80), (20, 44, 98), (4, 13, 110), (-17, -16, 116), (-45, -49, 117), (-73, -75, 107)),
        ((3, 93, 51), (-1, 80, 79), (-9, 52, 98), (-24, 23, 112), (-44, -4, 121), (-71, -33, 124), (-100, -56, 116)),
        (
            (-25, 91, 50),
            (-31, 83, 76),
            (-39, 63, 99),
            (-52, 39, 114),
            (-69, 14, 124),
            (-91, -14, 127),
            (-116, -37, 121),
        ),
        (
            (-51, 86, 47),
            (-60, 83, 70),
            (-71, 71, 92),
            (-85, 54, 109),
            (-100, 34, 121),
            (-119, 9, 128),
            (-137, -16, 128),
        ),
        (
            (-82, 78, 42),
            (-91, 79, 60),
            (-103, 75, 77),
            (-115, 65, 91),
            (-127, 53, 104),
            (-141, 37, 118),
            (-152, 19, 124),
        ),
        (
            (-110, 66, 38),
            (-118, 67, 46),
            (-126, 67, 54),
            (-132, 66, 63),
            (-138, 66, 71),
            (-145, 63, 80),
            (-152, 61, 89),
        ),
    ],
    dtype=np.float64,
)
# Half height (mm) of each rib, and how height and thickness change on the way.
_TALL = np.array([6.3, 5.8, 6.0, 6.3, 6.5, 6.8, 7.0, 7.0, 6.7, 6.2, 5.4, 4.2])
_ALONG = np.array([0.0, 0.1, 0.25, 0.4, 0.6, 0.8, 0.93, 1.0])
_HEIGHT = np.array([0.66, 0.8, 1.06, 1.06, 0.98, 0.92, 1.0, 1.06])
_DEPTH = np.array([1.1, 1.14, 1.16, 0.94, 0.74, 0.78, 0.95, 1.0])
# From the cage's inner surface to a rib's middle line (mm) in a patient whose lung does not bulge between ribs.
_OFF_LUNG = 2.6


def rib_line(k: int, side: float, shape: CageShape) -> tuple[Points, Points]:
    """Return the centre line and outward normals ``[25,3]`` of rib k (0..11) at reference size, head to front end.

    Args:
        k: 0 for the first rib.
        side: 1 left, -1 right.
        shape: the cage's.
    """
    from scipy.interpolate import CubicSpline

    knots = _RIBS[k]
    axis = cage_middle(knots[:, 0])
    angle = np.arctan2(knots[:, 2], knots[:, 1] - axis)
    steep = shape.steep_mm * (0.35, 0.6)[k] if k < 2 else shape.steep_mm
    drop = np.maximum(steep, -10.0) * ((1 - np.cos(angle)) / 2) ** 1.2
    s = np.linspace(_WAY[0], 1, 24)
    apart = _OFF_LUNG - shape.bulge_mm
    out: Points | float = apart
    if k < 2:
        # The first two arch over the apex, away from the cage's inner surface in front.
        own = np.hypot(knots[:, 2], knots[:, 1] - axis)
        out = np.interp(s, _WAY, np.maximum(own - cage_radius(angle, knots[:, 0], CageShape()), apart))
    z = CubicSpline(_WAY, knots[:, 0] - drop)(s)
    around = CubicSpline(_WAY, angle)(s) * side
    body = float(spine_front(knots[0, 0]))
    head = np.array([[knots[0, 0] - 2.0, body + 25.0, side * (17.0 - (2.0 if k < 3 else 0.0))]])
    normal = cage_normal(around, z, shape)
    return np.concatenate([head, cage_point(around, z, out, shape)]), np.concatenate([normal[:1], normal])


def rib_tubes(traits: Traits, rng: np.random.Generator) -> list[Tubes]:
    """Return the twelve pairs of ribs, left first; each rib is one Tubes."""
    size = traits.scale[2] ** 0.7 * (0.97 if traits.sex == "male" else 0.94)
    out = []
    jitter = rng.normal(0, 1.0, (12, 2))
    sway = rng.normal(0, 1.5, (12, 4))
    for side in (1.0, -1.0):
        for k in range(12):
            line, outward = rib_line(k, side, traits.shape)
            line[:, 0] += jitter[k, 0] + 0.4 * rng.normal()
            # No rib stands out from the lung as far as its neighbours, nor equally far on all its way.
            own = np.interp(
                np.linspace(0, 1, len(line)), np.linspace(0, 1, 6), [0, *(sway[k] + rng.normal(0, 0.5, 4)), 0]
            )
            line += own[:, None] * outward
            keep = len(line)
            if k > 9:
                keep = max(int(keep * (1 - 0.12 * abs(jitter[k, 1]))), 10)
            s = np.linspace(0, 1, keep)
            tall = _TALL[k] * np.interp(s, _ALONG, _HEIGHT) * (1.0 if k < 10 else 1 - 0.45 * s**3)
            slim = 3.0 * np.interp(s, _ALONG, _DEPTH) * (1.0 if k < 10 else 0.85)
            label = (Anatomy.RIB_LEFT_1 if side > 0 else Anatomy.RIB_RIGHT_1) + k
            points = traits.place(line[:keep])
            out.append(along_curve(points, size * tall, label, flat=size * slim, across=outward[:keep]))
    return out


def cartilage_tubes(traits: Traits) -> Tubes:
    """Return the costal cartilages: seven to the sternum, three to the cartilage above."""
    pieces = []
    joints = (98, 80, 58, 36, 14, -6, -22)
    for side in (1.0, -1.0):
        previous = None
        for k in range(10):
            end = rib_line(k, side, traits.shape)[0][-1]
            end[2] *= side
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
            pieces.append(along_curve(traits.place(line), 6.8, Anatomy.CARTILAGE, flat=4.6, across=(0.0, 1.0, 0.0)))
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
