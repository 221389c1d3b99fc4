"""How a patient holds arms and shoulders, and how the two sides of the body differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Pair = tuple[float, float]
"""Values of the left and of the right side."""


@dataclass(frozen=True)
class Stance:
    """Arms and shoulders; (left, right) where the sides differ.

    Attributes:
        arms_up: whether the arms are raised over the head, as for CT; what follows to ``flexion_deg`` is then unused.
        roll: how far the shoulders are rolled forward, which draws the scapulae aside: 0 at rest, 1 all the way.
        height_mm: how much higher the shoulder stands than in the reference.
        abduction_deg: angle of the upper arm from the body, to the side.
        flexion_deg: angle of the upper arm to the front.
        clavicle_mm: upward bow of the clavicle's middle.
        width: breadth of the shoulders relative to the reference.
        bulk: thickness of the muscles relative to the reference.
        fat: depth of the subcutaneous fat relative to the patient's own.
        breast_drop_mm: how much lower the breast hangs than the patient's build says.
        breast: size of the breast relative to the patient's build.
        nipple_mm: how far the nipples stand out.
        fold_mm: thickness of a fold of the back's skin, 0 where there is none.
        fold_x_mm, fold_tilt: where the fold's edge runs: distance from the midline, and its change by height.
    """

    arms_up: bool = True
    roll: Pair = (0.5, 0.5)
    height_mm: Pair = (0.0, 0.0)
    abduction_deg: Pair = (15.0, 15.0)
    flexion_deg: Pair = (8.0, 8.0)
    clavicle_mm: Pair = (3.0, 3.0)
    width: float = 1.0
    bulk: Pair = (1.0, 1.0)
    fat: Pair = (1.0, 1.0)
    breast_drop_mm: Pair = (0.0, 0.0)
    breast: Pair = (1.0, 1.0)
    nipple_mm: Pair = (0.0, 0.0)
    fold_mm: Pair = (0.0, 0.0)
    fold_x_mm: Pair = (90.0, 90.0)
    fold_tilt: Pair = (0.0, 0.0)


def drawn_stance(
    rng: np.random.Generator, male: bool, age: float, bmi: float, upright: bool, at_stand: bool | None = None
) -> Stance:
    """Draw how a patient stands.

    Args:
        rng: source of everything here.
        male, age, bmi: the patient's.
        upright: whether for a radiograph, with hanging arms. The same numbers are drawn either way.
        at_stand: whether at a chest stand, where nearly all push the shoulders forward, or as they sit or lie, where
            few do; two thirds do where it is not known.
    """
    well = bool(rng.random() < (0.67 if at_stand is None else 0.9 if at_stand else 0.12))
    roll = rng.normal(0.82 if well else 0.25, 0.14) + rng.normal(0, 0.07, 2)
    height = rng.normal(-4.0 if well else 3.0, 5.0) + rng.normal(0, 3.0, 2)
    spread = rng.normal(24.0 if well else 9.0, 6.0) + rng.normal(0, 3.5, 2)
    front = rng.normal(14.0 if well else 2.0, 6.0) + rng.normal(0, 3.0, 2)
    bow = rng.normal(3.0, 2.5) + rng.normal(0, 1.2, 2)
    width = rng.normal(1.02 if male else 0.965, 0.025)
    strength = (1.08 if male else 0.82) - 0.004 * (age - 50) + 0.012 * (bmi - 25)
    bulk = strength * np.exp(rng.normal(0, 0.10) + rng.normal(0, 0.05, 2))
    fat = np.exp(rng.normal(0, 0.10, 2))
    drop = rng.normal(0, 7.0) + 0.45 * max(age - 40.0, 0.0) + rng.normal(0, 5.0, 2)
    breast = np.exp(rng.normal(0, 0.08, 2))
    nipple = np.clip(rng.normal(2.5, 2.0) + rng.normal(0, 0.8, 2), 0.0, 7.0)
    # Folds arise where the back is pushed against the detector, more often in the old and the lean.
    folded = rng.random(2) < (0.03 if well else 0.22) + (0.12 if age > 65 and bmi < 24 else 0.0)
    fold = np.where(folded & upright, rng.uniform(4.0, 12.0, 2), 0.0)
    fold_x, fold_tilt = rng.uniform(62.0, 108.0, 2), rng.normal(-0.05, 0.16, 2)

    def pair(values: np.ndarray, low: float, high: float) -> Pair:
        clipped = np.clip(values, low, high)
        return float(clipped[0]), float(clipped[1])

    return Stance(
        arms_up=not upright,
        roll=pair(roll, 0.0, 1.0),
        height_mm=pair(height, -16.0, 22.0),
        abduction_deg=pair(spread, 2.0, 42.0),
        flexion_deg=pair(front, -8.0, 32.0),
        clavicle_mm=pair(bow, -3.0, 9.0),
        width=float(np.clip(width, 0.9, 1.09)),
        bulk=pair(bulk, 0.55, 1.6),
        fat=pair(fat, 0.75, 1.3),
        breast_drop_mm=pair(drop, -12.0, 40.0),
        breast=pair(breast, 0.8, 1.25),
        nipple_mm=pair(nipple, 0.0, 7.0),
        fold_mm=pair(fold, 0.0, 12.0),
        fold_x_mm=pair(fold_x, 60.0, 110.0),
        fold_tilt=pair(fold_tilt, -0.4, 0.4),
    )
