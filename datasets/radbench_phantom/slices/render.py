"""One slice from its seed: the patient, the level, the anatomy, the lesion, the scan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray

from radbench_phantom.slices.abdomen import paint_abdomen
from radbench_phantom.slices.canvas import Canvas
from radbench_phantom.slices.lesion_growth import grow_lesion
from radbench_phantom.slices.lesion_site import LEVELS, growth_of, lesion_size
from radbench_phantom.slices.patient import Patient, patient_of
from radbench_phantom.slices.pelvis import paint_pelvis
from radbench_phantom.slices.scanner import reconstructed, scan_noise, textured
from radbench_phantom.slices.thorax import paint_thorax
from radbench_phantom.slices.wall import paint_shell, paint_surroundings, skin

REGIONS: Mapping[str, str] = {
    "arch": "shoulder",
    "pulmonary": "shoulder",
    "heart": "thorax",
    "liver": "abdomen",
    "kidney": "abdomen",
    "bowel": "abdomen",
    "iliac": "pelvis",
    "hip": "pelvis",
}
"""The shape of the trunk at each level."""


@dataclass(frozen=True)
class Slice:
    """A rendered slice.

    Attributes:
        hu: float32 ``[H,W]`` HU, whole numbers in [-1024, 3071] as a scanner stores them.
        mask: bool ``[H,W]`` of the lesion.
        tissue: uint8 ``[H,W]`` of :class:`radbench_phantom.slices.canvas.Tissue`, the lesion among them.
        spacing_mm: pixel spacing.
        facts: how it came about: level, phase, kernel, noise, thickness, the lesion's kind, HU and size.
    """

    hu: NDArray[np.float32]
    mask: NDArray[np.bool_]
    tissue: NDArray[np.uint8]
    spacing_mm: float
    facts: Mapping[str, Any]


def painted(patient: Patient, level: str, size: int, spacing: tuple[float, float], key: tuple[int, ...]) -> Canvas:
    """Paint a patient's slice without a lesion.

    Args:
        patient: whose slice.
        level: one of :data:`REGIONS`.
        size: image side (pixels).
        spacing: least and greatest pixel spacing at 512 pixels (mm).
        key: seeds the slice's own variation.
    """
    rng = default_rng(key)
    region = REGIONS[level]
    body = skin(patient, region, rng)
    half = float(np.abs(body[:, 0]).max() * patient.scale[0]) + 3.0
    canvas = Canvas(patient.frame(rng, size, spacing, half), patient.thickness_mm, rng)
    paint_surroundings(canvas, body, rng)
    paint_shell(canvas, patient, region, body, rng)
    if region == "abdomen":
        paint_abdomen(canvas, patient, level, rng)
    elif region == "pelvis":
        paint_pelvis(canvas, patient, level, rng)
    else:
        paint_thorax(canvas, patient, level, rng)
    return canvas


def scanned(canvas: Canvas, patient: Patient, key: tuple[int, ...]) -> NDArray[np.float32]:
    """Scan a painted slice: texture, point spread, noise; float32 ``[H,W]`` whole HU in [-1024, 3071]."""
    rng = default_rng(key)
    spacing = canvas.frame.spacing
    hu = textured(canvas.image(), canvas.labels(), spacing, rng)
    hu = reconstructed(hu, patient.kernel, spacing)
    hu = hu + scan_noise(hu, patient.kernel, spacing, patient.noise_hu, rng)
    out: NDArray[np.float32] = np.clip(np.rint(hu), -1024, 3071).astype(np.float32)
    return out


def render(
    seed: int,
    patient_index: int,
    lesion_index: int,
    lesion_type: str,
    *,
    size: int = 512,
    spacing: tuple[float, float] = (0.6, 0.98),
    noise_scale: float = 1.0,
) -> Slice:
    """Render one slice with one lesion; it depends on nothing but the arguments.

    Args:
        seed: the data set's seed.
        patient_index: which patient.
        lesion_index: which of the patient's lesions.
        lesion_type: one of :data:`radbench_phantom.lesion_types.LESION_TYPES`.
        size: image side (pixels).
        spacing: least and greatest pixel spacing at 512 pixels (mm).
        noise_scale: factor on the noise.
    """
    patient = patient_of(seed, patient_index, noise_scale)
    own = (seed, patient_index, lesion_index)
    rng = default_rng((2, *own))
    wanted = lesion_size(rng, lesion_type)
    levels = LEVELS[lesion_type]
    lesion = None
    # A slice may have no room for the lesion (a thin patient's fat, say): then another slice is taken.
    for attempt in range(20):
        level = str(rng.choice(list(levels), p=list(levels.values())))
        growth = growth_of(rng, lesion_type, patient, level)
        canvas = painted(patient, level, size, spacing, (3, *own, attempt))
        lesion = grow_lesion(canvas, growth, wanted, rng)
        if lesion is not None:
            break
    if lesion is None:
        raise RuntimeError(f"no room for a {lesion_type} lesion in patient {patient_index} of seed {seed}")
    facts = {
        "level": level,
        "phase": patient.phase,
        "kernel": patient.kernel,
        "noise_hu": round(patient.noise_hu, 2),
        "slice_thickness_mm": patient.thickness_mm,
        "spacing_mm": round(canvas.frame.spacing, 6),
        "lesion_kind": growth.kind,
        "lesion_hu": round(growth.hu, 1),
        "lesion_core_hu": round(growth.core, 1),
        "lesion_margin_mm": round(growth.margin_mm, 2),
        "lesion_diameter_mm": round(lesion.diameter_mm, 2),
    }
    hu = scanned(canvas, patient, (4, *own))
    return Slice(hu, lesion.mask, canvas.labels(), canvas.frame.spacing, facts)
