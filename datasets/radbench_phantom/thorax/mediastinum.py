"""The mediastinum: heart chambers, great vessels, gullet, windpipe and the fat that holds them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from radbench_phantom.thorax.cage import spine_front, sternum_depth
from radbench_phantom.thorax.grid import ellipsoid, interpolated, smooth_min
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.traits import Traits
from radbench_phantom.thorax.tubes import Tubes, along_curve

At = tuple[Tensor, Tensor, Tensor]

_AXIS = np.array([-0.42, -0.50, 0.76])  # from the heart's base to its apex (z, y, x)
_SIDE = np.cross(_AXIS, [1.0, 0.0, 0.0])
_TURN = np.stack([_AXIS, _SIDE / np.linalg.norm(_SIDE), np.cross(_AXIS, _SIDE / np.linalg.norm(_SIDE))])
_PIVOT = np.array([-20.0, -25.0, 8.0])

# Centre (z, y, x), semi-axes, whether turned into the heart's axis, wall (mm).
CHAMBERS = {
    "left ventricle": ((-30.0, -34.0, 38.0), (48.0, 33.0, 34.0), True, 10.0),
    "right ventricle": ((-30.0, -56.0, 12.0), (46.0, 25.0, 33.0), True, 4.0),
    "right atrium": ((-16.0, -30.0, -18.0), (34.0, 27.0, 22.0), False, 3.0),
    "left atrium": ((4.0, 4.0, 5.0), (24.0, 20.0, 35.0), False, 3.0),
}


def chamber_distance(at: At, traits: Traits, name: str) -> Tensor:
    """Return the approximate signed distance (mm) to a chamber with its wall."""
    centre, radii, turned, _ = CHAMBERS[name]
    size = traits.heart * float(np.prod(traits.scale)) ** (1 / 3)
    # An enlarged heart grows to the left and downwards from its base; it follows the diaphragm's stand.
    c = traits.place(np.asarray(centre)) + traits.heart_shift(np.asarray(centre) - _PIVOT)
    return ellipsoid(at, c, np.asarray(radii) * size, _TURN if turned else None)


def heart_distance(at: At, traits: Traits) -> Tensor:
    """Return the approximate signed distance (mm) to the whole heart."""
    parts = [chamber_distance(at, traits, name) for name in CHAMBERS]
    out = parts[0]
    for p in parts[1:]:
        out = smooth_min(out, p, 14.0)
    return out


# Height, half width, middle and half depth of the mediastinum beside heart and spine.
_MIDDLE = np.array(
    [
        (-140, 20, 20, 40),
        (-60, 20, 20, 42),
        (-20, 21, 16, 44),
        (10, 25, 10, 44),
        (40, 25, 2, 44),
        (70, 26, -8, 42),
        (100, 26, -16, 36),
        (120, 28, -22, 34),
        (134, 34, -26, 34),
    ],
    dtype=np.float64,
)


def midline_distance(at: At, traits: Traits) -> Tensor:
    """Return the approximate signed distance (mm) to what lies between the lungs besides the heart."""
    x, y, z = at
    sz, sy, sx = traits.scale
    zc = z / sz
    half, middle, depth = (interpolated(zc, _MIDDLE[:, 0], _MIDDLE[:, i]) for i in (1, 2, 3))
    half, middle, depth = half * sx, middle * sy, depth * sy
    u, v = (x - 2.0) / half, (y - middle) / depth
    e = torch.sqrt(u * u + v * v + 1e-6)
    core = (e - 1) * e / torch.sqrt((u / half) ** 2 + (v / depth) ** 2 + 1e-8)
    front = torch.from_numpy(np.asarray(spine_front(zc.cpu().numpy().astype(np.float64)), dtype=np.float32)).to(
        z.device
    )
    front = front * sy
    breadth = interpolated(zc, np.array([-190.0, -10, 80, 130]), np.array([24.0, 17.5, 16.0, 17.0])) * sx
    spine = torch.hypot(x, (y - front - breadth * 0.95).clamp(max=0.0)) - breadth - 2.5
    widening = (y - front - breadth * 1.5).clamp(min=0.0) * 0.9
    spine = spine - widening
    sternum = torch.from_numpy(np.asarray(sternum_depth(zc.cpu().numpy()), dtype=np.float32)).to(z.device) * sy
    septum = torch.maximum((x - 3.0).abs() - 0.6, y - middle)
    behind_sternum = torch.hypot(x, (y - sternum - 2.0).clamp(min=0.0)) - 14.0
    return smooth_min(smooth_min(core, spine, 6.0), smooth_min(septum, behind_sternum, 8.0), 8.0)


def great_vessels(traits: Traits) -> dict[str, list[Tubes]]:
    """Return aorta, pulmonary arteries, caval and brachiocephalic vessels, gullet and airways as tubes."""
    w = traits.aorta
    reach = (w - 1.0) * 26.0  # an old aorta is longer and swings out
    a, size = Anatomy, traits.scale[2]

    def tube(
        points: list[tuple[float, float, float]], radius: list[float], label: int, flat: list[float] | None = None
    ) -> Tubes:
        f = None if flat is None else np.asarray(flat) * size
        return along_curve(
            traits.place(np.asarray(points)), np.asarray(radius) * size, label, flat=f, across=(0.2, 1.0, 0.0)
        )

    arch = 71.0 + 0.7 * reach
    aorta = tube(
        [
            (2, -24, 10),
            (22, -32, -2),
            (48, -28 - 0.2 * reach, -11 - 0.6 * reach),
            (arch - 8, -10, -3),
            (arch, 8, 10),
            (arch - 4, 26, 20 + 0.5 * reach),
            (arch - 22, 38, 25 + 0.6 * reach),
            (20, 42, 23 + 0.6 * reach),
            (-20, 40, 20 + 0.5 * reach),
            (-62, 34, 12),
            (-105, 16, 5),
            (-150, -8, 4),
            (-200, -24, 4),
        ],
        [15.5 * w, 15 * w, 15 * w, 13.5 * w, 13 * w, 12.5 * w, 12 * w, 11.5 * w, 11 * w, 10.5 * w, 10 * w, 9 * w, 8],
        a.AORTA,
    )
    branches = [
        tube(
            [(arch - 3, -8, -2), (88, -22, -10), (104, -24, -18), (130, -20, -22), (175, -20, -22)],
            [6.5, 6, 5, 3.6, 3.4],
            a.AORTA,
        ),
        tube([(104, -24, -18), (118, -18, -40), (124, -2, -70), (132, 8, -105)], [4.6, 4.4, 4.2, 4], a.AORTA),
        tube([(arch - 1, 4, 8), (100, -12, 14), (130, -14, 20), (175, -18, 22)], [4, 3.8, 3.5, 3.4], a.AORTA),
        tube(
            [(arch - 2, 16, 16), (104, 8, 26), (122, 0, 46), (126, 2, 74), (132, 8, 105)],
            [5, 4.8, 4.5, 4.2, 4],
            a.AORTA,
        ),
    ]
    pulmonary = [
        tube([(6, -48, 20), (24, -40, 26), (38, -22, 24), (40, -6, 20)], [13.5, 13.5, 13, 11.5], a.PULMONARY_ARTERY),
        tube([(38, -14, 22), (30, -6, 2), (27, -2, -16), (22, 4, -34)], [11.5, 10.5, 10, 8], a.PULMONARY_ARTERY),
        tube([(39, -12, 22), (40, 6, 30), (32, 16, 38), (22, 20, 40)], [11.5, 10.5, 9.5, 8], a.PULMONARY_ARTERY),
    ]
    veins = [
        tube([(92, -34, -20), (62, -30, -24), (30, -24, -24), (6, -24, -22)], [7.5, 9, 9.5, 10], a.VENA_CAVA),
        tube([(128, -24, -34), (110, -30, -26), (92, -34, -21)], [6, 6.5, 7], a.VENA_CAVA),
        tube([(126, -26, 42), (110, -38, 24), (98, -42, 2), (90, -36, -18)], [6, 6, 6, 6.5], a.VENA_CAVA),
        tube(
            [(-22, -22, -20), (-48, -16, -20), (-90, -8, -18), (-140, -10, -16), (-200, -14, -14)],
            [12, 12, 12, 11, 10],
            a.VENA_CAVA,
        ),
        tube([(6, 8, -26), (8, 8, -34), (12, 6, -42)], [8, 7, 6], a.VEIN),
        tube([(-6, 14, -24), (-10, 18, -34)], [8, 6.5], a.VEIN),
        tube([(10, 6, 32), (14, 4, 42), (18, 2, 50)], [8, 7, 6], a.VEIN),
        tube([(-4, 16, 30), (-8, 20, 40)], [8, 6.5], a.VEIN),
    ]
    gullet = tube(
        [(190, -8, 2), (140, 2, 4), (104, 14, 6), (70, 30, 6), (30, 30, 4), (-10, 26, 6), (-50, 14, 10), (-78, 0, 18)],
        [8, 8, 8, 8, 8, 8.5, 9, 9],
        a.ESOPHAGUS,
        [5, 5, 5, 5, 5, 6, 7, 8],
    )
    airway = [
        tube(
            [(200, -32, 0), (150, -26, 0), (118, -12, -1), (84, 4, -3), (46, 18, -3)],
            [7.8, 7.8, 8, 8, 8.4],
            a.TRACHEA,
            [7.6, 7.6, 7.4, 7.2, 7.2],
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
