"""How a patient breathes and what years have done to the lungs: the diaphragm's form, hyperinflation, interstitium."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Breath:
    """How diaphragm and lungs differ from the reference's. Lengths in mm.

    Attributes:
        flat: 0 to 1, how far hyperinflated lungs have pressed the domes flat.
        round_: exponent of the domes' arch beyond the reference's: greater is flatter on top and steeper at the rim.
        raised: how much higher each side stands (right, left).
        recess: how much lower the lungs reach at the rim.
        bumps: lobulations of the domes: (x, y, height, width) each.
        grain_hu: strength of the interstitium's fine texture.
    """

    flat: float = 0.0
    round_: float = 0.0
    raised: tuple[float, float] = (0.0, 0.0)
    recess: float = 0.0
    bumps: tuple[tuple[float, float, float, float], ...] = ()
    grain_hu: float = 18.0


def drawn_breath(rng: np.random.Generator, age: float) -> Breath:
    """Draw how a patient breathes.

    Args:
        rng: source of everything here.
        age: years; hyperinflation and coarse texture come with them.
    """
    normal = np.clip(rng.normal(0, 1, 4), -2.2, 2.2)
    old = float(np.clip((age - 35) / 50, 0, 1))
    smoker = bool(rng.random() < 0.28)
    flat = float(np.clip(rng.uniform(0.1, 1.0) * (0.25 + 0.75 * old), 0, 1)) if smoker else 0.08 * abs(normal[0])
    # One in twelve has a side that stands high; shallow lobulations are common, an eventration is not.
    high = float(rng.uniform(12.0, 30.0)) if rng.random() < 1 / 12 else 0.0
    right = rng.random() < 0.6
    bumps = []
    for side in (-1.0, 1.0):
        for _ in range(int(rng.integers(0, 3))):
            place = (side * rng.uniform(35, 90), rng.uniform(-60, 40))
            bumps.append((*place, float(rng.uniform(-3.0, 5.0)), float(rng.uniform(16, 32))))
    if rng.random() < 0.1:
        bumps.append(
            (-rng.uniform(35, 60), -rng.uniform(25, 55), float(rng.uniform(8, 18)), float(rng.uniform(24, 34)))
        )
    return Breath(
        flat=float(flat),
        round_=float(0.1 * normal[1]),
        raised=(high * right + 0.0, high * (not right) + 0.0),
        recess=float(6.0 * normal[2]),
        bumps=tuple((float(a), float(b), c, d) for a, b, c, d in bumps),
        grain_hu=float(15.0 + 5.0 * old + (5.0 if smoker else 0.0) + 2.0 * normal[3]),
    )
