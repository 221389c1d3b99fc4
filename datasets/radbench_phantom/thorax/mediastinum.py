"""The mediastinum: great vessels, gullet, windpipe, nodes and the fat that holds them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radbench_phantom.thorax.cage import spine_front, sternum_depth
from radbench_phantom.thorax.grid import ellipsoid, interpolated, smooth_min
from radbench_phantom.thorax.heart import coarsely, from_heart, heart_frame, millimetres
from radbench_phantom.thorax.heart import heart_distance as heart_distance
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.traits import Traits
from radbench_phantom.thorax.tubes import Tubes, along_curve

At = tuple[Tensor, Tensor, Tensor]

# Height; right edge, left edge, middle and half depth of what lies before and beside the windpipe: the great veins, the
# arch and its branches; behind it lungs reach in towards windpipe and gullet, which have a narrower band.
_VESSELS = np.array(
    [
        (-140, -20, 20, 0, 20),
        (-30, -24, 22, -20, 22),
        (0, -31, 25, -30, 26),
        (20, -34, 26, -32, 28),
        (40, -34, 27, -30, 30),
        (60, -34, 25, -30, 29),
        (75, -33, 24, -30, 27),
        (90, -34, 23, -32, 23),
        (105, -36, 28, -30, 22),
        (120, -42, 40, -26, 22),
        (134, -48, 48, -22, 24),
    ],
    dtype=np.float64,
)
_MIDDLE = np.array(
    [
        (-140, -23, 24, 20, 40),
        (-60, -21, 24, 22, 40),
        (-20, -22, 25, 20, 40),
        (20, -21, 25, 18, 36),
        (45, -19, 24, 17, 32),
        (60, -16, 25, 14, 31),
        (75, -14, 23, 10, 30),
        (90, -13, 15, 6, 27),
        (110, -13, 14, -4, 26),
        (134, -17, 18, -12, 26),
    ],
    dtype=np.float64,
)


def _band(at: At, table: NDArray[np.float64], traits: Traits, fat: float) -> Tensor:
    x, y, z = at
    sz, sy, sx = traits.scale
    right, left, middle, depth = (interpolated(z / sz, table[:, 0], table[:, i]) for i in (1, 2, 3, 4))
    half, across = (left - right) / 2 * sx + fat, (left + right) / 2 * sx
    middle, depth = middle * sy, depth * sy + fat
    u, v = (x - across) / half, (y - middle) / depth
    e = torch.sqrt(u * u + v * v + 1e-6)
    return (e - 1) * e / torch.sqrt((u / half) ** 2 + (v / depth) ** 2 + 1e-8)


def _pads(at: At, traits: Traits) -> Tensor:
    """Return the distance (mm) to the fat in the angles between heart and diaphragm."""
    frame, fat = heart_frame(at, traits), 1 + 0.08 * traits.mediastinal_fat_mm
    left = ellipsoid(frame, np.array([-62.0, -62.0, 60.0]), np.array([26.0, 20.0, 21.0]) * fat)
    right = ellipsoid(frame, np.array([-56.0, -60.0, -26.0]), np.array([22.0, 22.0, 19.0]) * fat)
    return torch.minimum(left, right) * millimetres(traits)


def midline_distance(at: At, traits: Traits) -> Tensor:
    """Return the approximate signed distance (mm) to what lies between the lungs besides the heart."""
    x, y, z = at
    sz, sy, sx = traits.scale

    def solid(places: At) -> Tensor:
        x, y, z = places
        zc, fat = z / sz, traits.mediastinal_fat_mm
        core = smooth_min(_band(places, _VESSELS, traits, fat), _band(places, _MIDDLE, traits, 0.4 * fat), 10.0)
        front = torch.from_numpy(np.asarray(spine_front(zc.cpu().numpy().astype(np.float64)), dtype=np.float32)).to(
            z.device
        )
        front = front * sy
        breadth = interpolated(zc, np.array([-190.0, -10, 80, 130]), np.array([24.0, 17.5, 16.0, 17.0])) * sx
        spine = torch.hypot(x, (y - front - breadth * 0.95).clamp(max=0.0)) - breadth - 2.5
        spine = spine - (y - front - breadth * 1.5).clamp(min=0.0) * 0.9
        return smooth_min(torch.minimum(core, _pads(places, traits)), spine, 6.0)

    middle = interpolated(z / sz, _VESSELS[:, 0], _VESSELS[:, 3]) * sy
    sternum = torch.from_numpy(np.asarray(sternum_depth((z / sz).cpu().numpy()), dtype=np.float32)).to(z.device) * sy
    septum = torch.maximum((x - 3.0).abs() - 0.6, y - middle)
    # Below, heart and fat lie against the sternum and the cartilages beside it.
    reach = interpolated(z / sz, np.array([-80.0, -20, 25, 60]), np.array([31.0, 29, 15, 14]))
    behind_sternum = torch.hypot(x, (y - sternum - 2.0).clamp(min=0.0)) - reach - traits.mediastinal_fat_mm
    return smooth_min(coarsely(at, solid), smooth_min(septum, behind_sternum, 8.0), 8.0)


def great_vessels(traits: Traits) -> dict[str, list[Tubes]]:
    """Return aorta, pulmonary arteries, caval and brachiocephalic vessels, gullet and airways as tubes."""
    w = traits.aorta
    reach = (w - 1.0) * 20.0 + traits.unfolded_mm  # an old aorta is longer and swings out
    a, size = Anatomy, traits.scale[2]

    def tube(
        points: list[tuple[float, float, float]],
        radius: list[float],
        label: int,
        flat: list[float] | None = None,
        *,
        first: int = 0,
        last: int = 0,
    ) -> Tubes:
        """Return a tube whose ``first`` or ``last`` points go with the heart."""
        f = None if flat is None else np.asarray(flat) * size
        line = traits.place(np.asarray(points))
        line[:first] = from_heart(points[:first], traits) if first else line[:first]
        line[len(line) - last :] = from_heart(points[len(points) - last :], traits) if last else line[len(line) :]
        return along_curve(line, np.asarray(radius) * size, label, flat=f, across=(0.2, 1.0, 0.0))

    arch = 70.0 + 0.5 * reach
    aorta = tube(
        [
            (-4, -30, 10),
            (20, -36, -4),
            (48, -30 - 0.2 * reach, -12 - 0.4 * reach),
            (arch - 8, -12, -4),
            (arch, 7, 9),
            (arch - 4, 25, 17 + 0.4 * reach),
            (arch - 22, 36, 18 + 0.7 * reach),
            (20, 40, 17 + 0.8 * reach),
            (-20, 38, 17 + 0.65 * reach),
            (-62, 32, 12 + 0.3 * reach),
            (-105, 16, 5),
            (-150, -8, 4),
            (-200, -24, 4),
        ],
        [14 * w, 15 * w, 14.5 * w, 13 * w, 12 * w, 11.5 * w, 11 * w, 10.5 * w, 10 * w, 9.5 * w, 9 * w, 8 * w, 7.5],
        a.AORTA,
        first=2,
    )
    branches = [
        tube(
            [(arch - 3, -8, -2), (88, -22, -10), (104, -24, -18), (130, -20, -22), (175, -20, -22)],
            [6.5, 6, 5, 3.6, 3.4],
            a.ARTERY,
        ),
        tube([(104, -24, -18), (118, -18, -40), (124, -2, -70), (132, 8, -105)], [4.6, 4.4, 4.2, 4], a.ARTERY),
        tube([(arch - 1, 4, 8), (100, -12, 14), (130, -14, 20), (175, -18, 22)], [4, 3.8, 3.5, 3.4], a.ARTERY),
        tube(
            [(arch - 2, 16, 16), (104, 8, 26), (122, 0, 46), (126, 2, 74), (132, 8, 105)],
            [5, 4.8, 4.5, 4.2, 4],
            a.ARTERY,
        ),
    ]
    pulmonary = [
        tube(
            [(2, -54, 21), (22, -45, 24), (34, -28, 20), (37, -10, 13)],
            [13.5, 13.5, 12.5, 11],
            a.PULMONARY_ARTERY,
            first=2,
        ),
        tube([(36, -14, 15), (30, -6, 0), (27, -2, -17), (22, 4, -36)], [11.5, 10.5, 10, 8], a.PULMONARY_ARTERY),
        tube([(36, -13, 15), (39, 4, 26), (33, 15, 37), (22, 20, 41)], [11, 10, 9.2, 8], a.PULMONARY_ARTERY),
    ]
    veins = [
        tube([(92, -36, -24), (62, -34, -25), (30, -27, -25), (4, -26, -20)], [8, 9, 9.5, 10], a.VENA_CAVA, last=1),
        tube([(128, -26, -38), (110, -34, -32), (92, -36, -25)], [6, 6.5, 7], a.VENA_CAVA),
        tube([(126, -26, 42), (110, -38, 24), (98, -46, 2), (90, -38, -20)], [6, 6, 6, 6.5], a.VENA_CAVA),
        tube(
            [(-22, -22, -20), (-48, -16, -20), (-90, -8, -18), (-140, -10, -16), (-200, -14, -14)],
            [12, 12, 12, 11, 10],
            a.VENA_CAVA,
            first=1,
        ),
        tube([(6, 8, -26), (8, 8, -34), (12, 6, -42)], [8, 7, 6], a.VEIN, first=1),
        tube([(-6, 14, -24), (-10, 18, -34)], [8, 6.5], a.VEIN, first=1),
        tube([(10, 6, 32), (14, 4, 42), (18, 2, 50)], [8, 7, 6], a.VEIN, first=1),
        tube([(-4, 16, 30), (-8, 20, 40)], [8, 6.5], a.VEIN, first=1),
    ]
    gullet = tube(
        [(190, -8, 2), (140, 2, 4), (104, 14, 6), (70, 30, 6), (30, 30, 4), (-10, 26, 6), (-50, 14, 10), (-78, 0, 18)],
        [8, 8, 8, 8, 8, 8.5, 9, 9],
        a.ESOPHAGUS,
        [5, 5, 5, 5, 5, 6, 7, 8],
    )
    airway = [
        tube(
            [(200, -32, 0), (150, -26, 0), (118, -12, -1), (82, 4, -5), (64, 11, -5), (46, 18, -2)],
            [8.2, 8.2, 8.4, 8.4, 8.6, 9.0],
            a.TRACHEA,
            [8.2, 8.2, 8, 7.8, 7.6, 7.4],
        ),
        tube([(50, 17, -4), (34, 19, -18), (24, 18, -31), (8, 20, -38)], [7.6, 7, 6.4, 5.2], a.BRONCHUS),
        tube([(50, 17, -2), (30, 22, 20), (18, 22, 36), (4, 25, 43)], [7, 6.3, 5.8, 4.6], a.BRONCHUS),
    ]
    return {"aorta": [aorta, *branches], "pulmonary": pulmonary, "veins": veins, "gullet": [gullet], "airway": airway}


def nodes(traits: Traits, rng: np.random.Generator) -> list[tuple[np.ndarray, float, float]]:
    """Return lymph nodes: centre (z, y, x mm), radius (mm) and HU; small, some calcified."""
    sites = np.array(
        [
            (62, 2, -14),
            (44, 22, -14),
            (30, 30, 4),
            (50, 2, 14),
            (70, -20, -16),
            (20, 14, -32),
            (20, 20, 34),
            (64, -24, 12),
        ]
    )
    out = []
    for site in sites:
        for _ in range(int(rng.integers(0, 3))):
            calcified = rng.random() < 0.05
            centre = traits.place(site + rng.normal(0, 4.0, 3))
            out.append((centre, float(rng.uniform(2.0, 4.8)), 420.0 if calcified else float(rng.normal(38, 8))))
    return out


def hilar_tissue(traits: Traits, rng: np.random.Generator) -> list[tuple[np.ndarray, float, float]]:
    """Return what fills the hila between bronchi and vessels, nodes and their bed, as :func:`nodes` does."""
    out = []
    for side, low in ((-1.0, 28.0), (1.0, 34.0)):
        for k in range(8):
            height = low - 5.5 * k + rng.normal(0, 3.0)
            # The hilum leans outwards as it goes down, along the lower lobe's artery.
            across = side * (36.0 + 1.9 * k + rng.normal(0, 2.5))
            centre = traits.place(np.array([height, 8.0 + 2.2 * k + rng.normal(0, 4.0), across]))
            out.append((centre, float(rng.uniform(3.2, 6.2) - 0.22 * k), float(rng.normal(25, 8))))
    return out
