"""A patient's build: sex, age, size, fat, posture, breath and tissue densities, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from radbench_phantom.thorax.breath import Breath
from radbench_phantom.thorax.cage_shape import CageShape
from radbench_phantom.thorax.grid import Points, Posture
from radbench_phantom.thorax.stance import Stance


@dataclass(frozen=True)
class Traits:
    """One patient's build. Lengths in mm, densities in HU.

    Attributes:
        sex: "female" or "male".
        age: years.
        bmi: body-mass index (kg/m^2).
        scale: size along z, y, x relative to the reference thorax.
        fat_mm: subcutaneous fat at the flank.
        breast_mm: how far the breasts stand out; 0 for men.
        breath_mm: how much lower the diaphragm stands than in the reference.
        dome_mm: how much higher the right dome stands than the left.
        heart: size of the heart relative to the reference.
        aorta: width and tortuosity of the aorta relative to the reference.
        contrast: whether the vessels are enhanced.
        blood_hu, lung_hu, marrow_hu, cortex_hu, liver_hu, muscle_hu: mean densities.
        degeneration: 0 to 1, of discs, endplates and costal cartilage.
        fov_mm: edge of the field of view that a cubic volume shows.
        offset_mm: centre of the field of view in the patient (z, y, x).
        posture: how the patient lies.
        stance: how the patient holds arms and shoulders, and how the sides differ.
        shape: how the cage differs from the reference beside its size.
        heart_tilt: how far the heart hangs, a turn in the frontal plane (rad); below 0 it lies across.
        heart_wide: width of the heart relative to its length.
        unfolded_mm: how far an aged aorta swings out.
        mediastinal_fat_mm: thickness of the mediastinum's fat beyond the reference's; less than 0 in the lean.
        blood_right_hu: density of the blood before it has passed the lungs.
        spleen_hu: density of the spleen.
        breath: form of the diaphragm, hyperinflation and the lungs' texture.
    """

    sex: str
    age: float
    bmi: float
    scale: tuple[float, float, float]
    fat_mm: float
    breast_mm: float
    breath_mm: float
    dome_mm: float
    heart: float
    aorta: float
    contrast: bool
    blood_hu: float
    lung_hu: float
    marrow_hu: float
    cortex_hu: float
    liver_hu: float
    muscle_hu: float
    degeneration: float
    fov_mm: float
    offset_mm: tuple[float, float, float]
    posture: Posture
    stance: Stance = field(default_factory=Stance)
    shape: CageShape = field(default_factory=CageShape)
    heart_tilt: float = 0.0
    heart_wide: float = 1.0
    unfolded_mm: float = 0.0
    mediastinal_fat_mm: float = 0.0
    blood_right_hu: float = 41.0
    spleen_hu: float = 50.0
    breath: Breath = field(default_factory=Breath)

    def place(self, points: Points) -> Points:
        """Take points ``[...,3]`` (z, y, x mm) of the reference thorax to this patient's size."""
        return np.asarray(points, dtype=np.float64) * np.asarray(self.scale)

    def heart_shift(self, from_pivot: Points) -> Points:
        """Return how far (z, y, x mm) a heart's part moves with the heart's size and the diaphragm's stand."""
        grown = (self.heart - 1.0) * np.asarray(from_pivot)
        return grown + np.array([-0.3 * self.breath_mm, 0.0, 10.0 * (self.heart - 1.0)])


def drawn_traits(rng: np.random.Generator, contrast_share: float) -> Traits:
    """Draw a patient.

    Args:
        rng: source of everything here; findings and scan have their own.
        contrast_share: share of the patients whose vessels are enhanced.
    """
    male = bool(rng.random() < 0.5)
    age = float(np.clip(rng.normal(58, 17), 20, 92))
    bmi = float(np.clip(rng.normal(26, 4.6), 17, 42))
    tall = float(np.clip(rng.normal(1.03 if male else 0.955, 0.04), 0.85, 1.15))
    wide = tall * (1 + 0.005 * (bmi - 25)) * float(np.exp(rng.normal(0, 0.025)))
    deep = tall * (1 + 0.007 * (bmi - 25) + 0.0012 * (age - 58)) * float(np.exp(rng.normal(0, 0.035)))
    contrast = bool(rng.random() < contrast_share)
    old = float(np.clip((age - 35) / 50, 0, 1))
    traits = Traits(
        sex="male" if male else "female",
        age=age,
        bmi=bmi,
        scale=(tall, deep, wide),
        fat_mm=float(np.clip(4 + 1.25 * (bmi - 17) + rng.normal(0, 2.0) + (0 if male else 3), 3, 40)),
        breast_mm=0.0 if male else float(np.clip(rng.normal(10 + 0.9 * (bmi - 20), 6), 4, 45)),
        breath_mm=float(np.clip(rng.normal(0, 9), -24, 18)),
        dome_mm=float(rng.normal(14, 6)),
        heart=float(np.exp(rng.normal(0, 0.05))),
        aorta=float(1 + 0.28 * old + rng.normal(0, 0.05)),
        contrast=contrast,
        blood_hu=float(rng.uniform(150, 460)) if contrast else float(rng.normal(41, 4)),
        lung_hu=float(np.clip(rng.normal(-888, 18), -920, -830)),
        marrow_hu=float(np.clip(rng.normal(255 - 2.1 * (age - 30), 35), 70, 330)),
        cortex_hu=float(np.clip(rng.normal(1250 - 3.5 * (age - 30), 90), 800, 1500)),
        liver_hu=float(rng.normal(58, 7)) + (28 if contrast else 0),
        muscle_hu=float(rng.normal(54 - 0.2 * (age - 40), 5)),
        degeneration=float(np.clip(old + rng.normal(0, 0.2), 0, 1)),
        fov_mm=float(np.clip(rng.normal(352 * max(wide, tall) + 0.5 * (bmi - 25), 8), 310, 420)),
        offset_mm=(float(rng.normal(0, 5)), float(rng.normal(4, 4)), float(rng.normal(0, 5))),
        posture=Posture(
            turn_deg=float(rng.normal(0, 1.8)),
            scoliosis_mm=float(rng.normal(0, 3.5 + 2 * old)),
            scoliosis_phase=float(rng.uniform(0, 2 * np.pi)),
            lean=float(rng.normal(0, 0.012)),
            kyphosis_mm=float(rng.normal(6 * old - 2, 3)),
        ),
    )
    heavy = bmi - 26.0
    phase = float(rng.uniform(0.75, 1.45))
    return replace(
        traits,
        heart_tilt=float(np.clip(rng.normal(-0.012 * heavy, 0.07), -0.25, 0.25)),
        heart_wide=float(np.clip(rng.normal(0.98 + 0.006 * heavy + 0.001 * (age - 55), 0.03), 0.86, 1.12)),
        unfolded_mm=float(np.clip(20.0 * old**2 * rng.normal(0.6, 0.5), 0.0, 26.0)),
        mediastinal_fat_mm=float(np.clip(rng.normal(0.45 * heavy, 1.2), -4.0, 8.0)),
        blood_right_hu=traits.blood_hu * phase if contrast else traits.blood_hu,
        spleen_hu=float(rng.normal(traits.blood_hu**0.5 * 8.3, 14)) if contrast else float(rng.normal(50, 5)),
    )
