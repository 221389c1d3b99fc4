"""The patient: habitus, contrast phase, Hounsfield units of the tissues, and how the scan was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, default_rng

from radbench_phantom.slices.canvas import Frame

PHASES = ("none", "portal", "arterial")

# Typical attenuation in HU by contrast phase: none, portal venous, late arterial.
_HU = {
    "aorta": (42, 152, 285),
    "vein": (40, 138, 85),
    "portal": (42, 165, 125),
    "pulmonary": (42, 140, 230),
    "myocardium": (43, 105, 112),
    "liver": (57, 106, 74),
    "liver_vessel": (40, 158, 98),
    "spleen": (49, 120, 138),
    "kidney": (34, 182, 205),
    "medulla": (31, 158, 98),
    "pancreas": (42, 92, 105),
    "gland": (42, 82, 78),
    "bowel_wall": (40, 82, 88),
    "muscle": (54, 61, 58),
    "thyroid": (100, 150, 170),
}


@dataclass(frozen=True)
class Patient:
    """One phantom patient.

    Attributes:
        female: changes the chest wall and the pelvic organs.
        age: in years; marrow loses density and muscle gains fat with it.
        scale: stretch of the standard anatomy (x, y).
        fat_mm: mean thickness of the subcutaneous fat.
        phase: contrast phase, one of :data:`PHASES`.
        oral: whether the bowel holds positive oral contrast.
        hu: Hounsfield units by tissue name.
        kernel: reconstruction kernel: "smooth", "standard" or "sharp".
        thickness_mm: slice thickness.
        noise_hu: standard deviation of the noise in the middle of a standard body.
        waves: the patient's own warp (see :class:`Frame`).
    """

    female: bool
    age: float
    scale: tuple[float, float]
    fat_mm: float
    phase: str
    oral: bool
    hu: Mapping[str, float]
    kernel: str
    thickness_mm: float
    noise_hu: float
    waves: np.ndarray

    def frame(self, rng: Generator, size: int, spacing: tuple[float, float], half_width_mm: float) -> Frame:
        """Choose the field of view: the body fits and is a little off centre.

        Args:
            rng: source of the choice.
            size: image side (pixels).
            spacing: allowed pixel spacing (mm), least and greatest, at 512 pixels.
            half_width_mm: half the body's width with its fat (mm).
        """
        low, high = (s * 512 / size for s in spacing)
        wanted = 2 * half_width_mm * rng.uniform(1.04, 1.24) / size
        # Scanners offer fields of view in steps of 10 mm.
        step = 10.0 / size
        pixel = float(np.clip(np.ceil(wanted / step) * step, low, high))
        centre = (size / 2 + rng.normal(0, 5) / pixel, size / 2 + rng.normal(-8, 8) / pixel)
        return Frame(size=size, spacing=pixel, centre=centre, scale=self.scale, waves=self.waves)


def patient_of(seed: int, index: int, noise_scale: float = 1.0) -> Patient:
    """Return the patient of an index; it depends on the seed and the index alone.

    Args:
        seed: the data set's seed.
        index: the patient's number.
        noise_scale: factor on the noise.
    """
    rng = default_rng((seed, 1, index))
    female = bool(rng.random() < 0.47)
    age = float(np.clip(rng.normal(58, 15), 20, 86))
    size = rng.normal(0.97 if female else 1.03, 0.045)
    girth = rng.normal(1.0, 0.05)
    fat = float(np.clip(rng.lognormal(np.log(17 if female else 13), 0.45), 5, 42))
    phase = str(rng.choice(PHASES, p=(0.2, 0.65, 0.15)))
    column = PHASES.index(phase)
    strength = rng.normal(1.0, 0.09)
    hu: dict[str, float] = {}
    for name, row in _HU.items():
        enhanced = row[0] + (row[column] - row[0]) * strength
        hu[name] = float(enhanced + rng.normal(0, 3.0))
    # Fatty liver is common: the parenchyma falls below the spleen.
    if rng.random() < 0.15:
        hu["liver"] -= rng.uniform(10, 25)
    hu["muscle"] -= max(0.0, (age - 55) * 0.35)
    hu["fat"] = float(rng.normal(-106, 4))
    hu["marrow"] = float(np.clip(rng.normal(265 - 1.9 * age, 28), 80, 260))
    hu["cortex"] = float(rng.normal(760 - 2.2 * max(age - 50, 0), 60))
    hu["lung"] = float(rng.normal(-862, 20))
    hu["cartilage"] = float(rng.normal(110, 20))
    hu["urine"] = float(rng.normal(6, 4))
    hu["skin"] = float(rng.normal(15, 12))
    kernel = str(rng.choice(("smooth", "standard", "sharp"), p=(0.35, 0.52, 0.13)))
    thickness = float(rng.choice((5.0, 5.0, 5.0, 2.5, 1.25)))
    noise = rng.uniform(7.5, 14.5) * {"smooth": 0.85, "standard": 1.1, "sharp": 1.7}[kernel]
    noise *= {5.0: 1.0, 2.5: 1.15, 1.25: 1.3}[thickness]
    number = 5
    length = rng.uniform(150, 330, number)
    direction = rng.uniform(0, 2 * np.pi, number)
    waves = np.zeros((number, 6))
    waves[:, 0] = 2 * np.pi / length * np.cos(direction)
    waves[:, 1] = 2 * np.pi / length * np.sin(direction)
    waves[:, 2] = rng.uniform(0, 2 * np.pi, number)
    waves[:, 3:5] = rng.normal(0, 2.2, (number, 2))
    return Patient(
        female=female,
        age=age,
        scale=(float(size * girth), float(size * (0.5 + girth / 2) * rng.normal(1.0, 0.04))),
        fat_mm=fat,
        phase=phase,
        oral=bool(rng.random() < 0.35),
        hu=hu,
        kernel=kernel,
        thickness_mm=thickness,
        noise_hu=float(noise * noise_scale),
        waves=waves,
    )
