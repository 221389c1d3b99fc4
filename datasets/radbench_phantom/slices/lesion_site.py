"""Where each type of lesion grows, how large, and with what attenuation against its surroundings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from radbench_phantom.slices.canvas import Tissue
from radbench_phantom.slices.patient import Patient

LEVELS: Mapping[str, Mapping[str, float]] = {
    "bone": {"heart": 0.22, "liver": 0.14, "kidney": 0.24, "iliac": 0.28, "hip": 0.12},
    "abdomen": {"liver": 0.2, "kidney": 0.45, "bowel": 0.35},
    "mediastinum": {"arch": 0.35, "pulmonary": 0.45, "heart": 0.2},
    "liver": {"liver": 1.0},
    "lung": {"arch": 0.3, "pulmonary": 0.35, "heart": 0.35},
    "kidney": {"kidney": 1.0},
    "soft tissue": {"arch": 0.2, "heart": 0.15, "kidney": 0.2, "bowel": 0.15, "iliac": 0.15, "hip": 0.15},
    "pelvis": {"iliac": 0.5, "hip": 0.5},
}
"""How often a type is shown at which level."""

# Median longest diameter (mm) and spread of its logarithm.
_SIZE = {
    "bone": (19.0, 0.45),
    "abdomen": (17.5, 0.50),
    "mediastinum": (15.0, 0.42),
    "liver": (19.0, 0.55),
    "lung": (14.5, 0.58),
    "kidney": (20.0, 0.50),
    "soft tissue": (18.0, 0.48),
    "pelvis": (19.0, 0.48),
}

_LUNG = (Tissue.LUNG, Tissue.LUNG_VESSEL)
_MEDIASTINUM = (Tissue.MEDIASTINAL_FAT, Tissue.FINE_VESSEL)
_ABDOMEN = (Tissue.ABDOMINAL_FAT, Tissue.FINE_VESSEL)
_BOWEL = (Tissue.BOWEL_WALL, Tissue.BOWEL_CONTENT)
_PELVIS = (Tissue.PELVIC_FAT, Tissue.FINE_VESSEL)
_BONE = (Tissue.MARROW, Tissue.CORTEX)
_KIDNEY = (Tissue.KIDNEY, Tissue.MEDULLA)


@dataclass(frozen=True)
class Growth:
    """What a lesion of one kind is like.

    Attributes:
        kind: in words, for the case's source.
        home: the tissues its centre lies in.
        covers: the tissues it may replace; the others bound it.
        home_share: how much of it, least and greatest, lies in ``home``.
        covers_share: how much of it lies at least in ``covers``.
        hu: attenuation.
        spread: standard deviation of the attenuation inside (HU).
        core: what its middle differs by (HU): necrosis is negative.
        rim: what its rim differs by (HU).
        margin_mm: width over which it fades into its surroundings.
        outline: one of :data:`radbench_phantom.slices.lesion_shape.OUTLINES`.
        near: tissue that must lie close by, or None.
    """

    kind: str
    home: tuple[Tissue, ...]
    covers: tuple[Tissue, ...]
    home_share: tuple[float, float]
    covers_share: float
    hu: float
    spread: float = 5.0
    core: float = 0.0
    rim: float = 0.0
    margin_mm: float = 1.5
    outline: str = "irregular"
    near: Tissue | None = None


def lesion_size(rng: Generator, lesion_type: str) -> float:
    """Draw a longest diameter in mm, within 7 to 58; medians as in the excerpt of DeepLesion's table."""
    median, spread = _SIZE[lesion_type]
    return float(np.clip(rng.lognormal(np.log(median), spread), 7.0, 58.0))


def growth_of(rng: Generator, lesion_type: str, patient: Patient, level: str) -> Growth:
    """Draw what a lesion of a type is like in a patient.

    Args:
        rng: source of the choice.
        lesion_type: one of :data:`radbench_phantom.lesion_types.LESION_TYPES`.
        patient: whose tissues it grows in.
        level: the slice's level.
    """
    outline = str(rng.choice(("smooth", "lobulated", "irregular"), p=(0.2, 0.4, 0.4)))
    margin = float(rng.uniform(0.8, 3.2))
    enhanced = patient.phase != "none"
    # Nodes and masses: soft tissue, some 40 HU brighter after contrast medium.
    mass = float(rng.uniform(66, 108) if enhanced else rng.uniform(30, 48))
    make = {
        "bone": _bone,
        "abdomen": _abdomen,
        "mediastinum": _mediastinum,
        "liver": _liver,
        "lung": _lung,
        "kidney": _kidney,
        "soft tissue": _soft_tissue,
        "pelvis": _pelvis,
    }[lesion_type]
    growth = make(rng, patient, mass, level)
    growth = replace(growth, outline=growth.outline if growth.outline != "irregular" else outline)
    return growth if growth.margin_mm != 1.5 else replace(growth, margin_mm=margin)


def _necrosis(rng: Generator, share: float, depth: tuple[float, float] = (12, 45)) -> float:
    return -float(rng.uniform(*depth)) if rng.random() < share else 0.0


def _bone(rng: Generator, patient: Patient, mass: float, level: str) -> Growth:
    # It breaks through toward fat or lung; against muscle it would have no edge to find.
    spreads = (Tissue.WALL_FAT, Tissue.PELVIC_FAT, Tissue.ABDOMINAL_FAT, Tissue.LUNG, Tissue.MEDIASTINAL_FAT)
    draw = rng.random()
    # What replaces the marrow is soft tissue; where the marrow is fatty itself, the lesion shows by contrast still.
    lytic = min(mass - 15.0, patient.hu["marrow"] - 95.0)
    if draw < 0.45:
        return Growth(
            "sclerotic metastasis", (Tissue.MARROW,), _BONE, (0.5, 1.0), 0.75, float(rng.uniform(560, 900)), spread=70.0
        )
    if draw < 0.88:
        return Growth("lytic metastasis", (Tissue.MARROW,), _BONE, (0.45, 1.0), 0.7, lytic, spread=14.0)
    return Growth("lytic mass", (Tissue.MARROW,), _BONE + spreads, (0.45, 0.8), 0.85, lytic, spread=10.0)


def _abdomen(rng: Generator, patient: Patient, mass: float, level: str) -> Growth:
    if level == "kidney" and rng.random() < 0.2:
        hu = patient.hu["pancreas"] - rng.uniform(25, 50)
        return Growth("pancreatic mass", (Tissue.GLAND,), (Tissue.GLAND, *_ABDOMEN), (0.35, 1.0), 0.8, hu)
    if rng.random() < 0.6:
        return Growth(
            "retroperitoneal or mesenteric node",
            (Tissue.ABDOMINAL_FAT,),
            _ABDOMEN,
            (0.7, 1.0),
            0.8,
            mass,
            core=_necrosis(rng, 0.2),
            near=Tissue.BLOOD,
        )
    return Growth(
        "peritoneal or mesenteric mass",
        (Tissue.ABDOMINAL_FAT,),
        _ABDOMEN + _BOWEL,
        (0.55, 1.0),
        0.85,
        mass,
        spread=8.0,
        core=_necrosis(rng, 0.4),
    )


def _mediastinum(rng: Generator, patient: Patient, mass: float, level: str) -> Growth:
    return Growth(
        "mediastinal or hilar node",
        (Tissue.MEDIASTINAL_FAT,),
        _MEDIASTINUM + _LUNG,
        (0.62, 1.0),
        0.78,
        mass,
        core=_necrosis(rng, 0.2),
    )


def _liver(rng: Generator, patient: Patient, mass: float, level: str) -> Growth:
    liver = patient.hu["liver"]
    covers = (Tissue.LIVER, Tissue.LIVER_VESSEL)
    if rng.random() < 0.15:
        return Growth(
            "cyst", (Tissue.LIVER,), covers, (0.8, 1.0), 0.9, float(rng.uniform(3, 18)), 2.0, outline="smooth"
        )
    if patient.phase == "arterial" and rng.random() < 0.5:
        return Growth("hypervascular lesion", (Tissue.LIVER,), covers, (0.8, 1.0), 0.88, liver + rng.uniform(28, 50))
    fall = rng.uniform(28, 60) if patient.phase != "none" else rng.uniform(18, 32)
    return Growth(
        "hypodense metastasis",
        (Tissue.LIVER,),
        covers,
        (0.8, 1.0),
        0.88,
        liver - fall,
        core=_necrosis(rng, 0.35, (6, 20)),
        rim=float(rng.uniform(4, 14)) if rng.random() < 0.3 else 0.0,
        margin_mm=float(rng.uniform(1.2, 4.5)),
    )


def _lung(rng: Generator, patient: Patient, mass: float, level: str) -> Growth:
    outline = str(rng.choice(("smooth", "lobulated", "irregular", "spiculated"), p=(0.2, 0.25, 0.2, 0.35)))
    pleural = rng.random() < 0.35
    share = (0.6, 0.9) if pleural else (0.85, 1.0)
    sharp = float(rng.uniform(0.6, 1.8))
    if rng.random() < 0.06:
        return Growth(
            "ground-glass nodule",
            (Tissue.LUNG,),
            _LUNG,
            share,
            0.7,
            float(rng.uniform(-560, -360)),
            45.0,
            80.0,
            0.0,
            3.0,
            outline,
        )
    hu = float(rng.uniform(10, 60) if patient.phase == "none" else rng.uniform(20, 85))
    kind = "pleura-based nodule" if pleural else "solid nodule"
    return Growth(kind, (Tissue.LUNG,), _LUNG, share, 0.7, hu, 12.0, _necrosis(rng, 0.15), 0.0, sharp, outline)


def _kidney(rng: Generator, patient: Patient, mass: float, level: str) -> Growth:
    covers = (*_KIDNEY, Tissue.RENAL_SINUS, Tissue.FLUID, *_ABDOMEN)
    # In the arterial phase medulla and tumour look alike, without contrast medium so do cortex and tumour.
    if rng.random() < {"none": 1.0, "arterial": 0.7, "portal": 0.35}[patient.phase]:
        return Growth(
            "cyst", _KIDNEY, covers, (0.2, 0.7), 0.88, float(rng.uniform(-2, 14)), 2.0, margin_mm=0.9, outline="smooth"
        )
    hu = min(mass + rng.uniform(-10, 25), patient.hu["kidney"] - 85)
    return Growth(
        "renal mass", _KIDNEY, covers, (0.25, 0.7), 0.88, hu, 11.0, core=_necrosis(rng, 0.5), outline="lobulated"
    )


def _soft_tissue(rng: Generator, patient: Patient, mass: float, level: str) -> Growth:
    draw = rng.random()
    if level == "arch" and draw < 0.5:
        return Growth(
            "axillary or chest-wall node", (Tissue.WALL_FAT,), (Tissue.WALL_FAT, Tissue.MUSCLE), (0.45, 1.0), 0.85, mass
        )
    if draw < 0.68:
        covers = (Tissue.SUBCUTANEOUS_FAT, Tissue.BREAST, Tissue.WALL_FAT)
        return Growth(
            "subcutaneous nodule", (Tissue.SUBCUTANEOUS_FAT,), covers, (0.75, 1.0), 0.8, mass - rng.uniform(0, 20)
        )
    muscle = patient.hu["muscle"]
    change = rng.uniform(36, 60) if patient.phase != "none" and rng.random() < 0.5 else -rng.uniform(34, 52)
    return Growth(
        "intramuscular mass",
        (Tissue.MUSCLE,),
        (Tissue.MUSCLE, Tissue.WALL_FAT),
        (0.75, 1.0),
        0.85,
        muscle + change,
        rim=float(rng.uniform(5, 20)) if change < 0 else 0.0,
    )


def _pelvis(rng: Generator, patient: Patient, mass: float, level: str) -> Growth:
    if rng.random() < 0.2:
        return Growth(
            "cystic mass",
            (Tissue.PELVIC_FAT,),
            _PELVIS + _BOWEL,
            (0.5, 1.0),
            0.85,
            float(rng.uniform(4, 25)),
            3.0,
            rim=25.0,
            outline="lobulated",
        )
    return Growth(
        "iliac node or pelvic mass",
        (Tissue.PELVIC_FAT,),
        _PELVIS if rng.random() < 0.6 else _PELVIS + _BOWEL,
        (0.6, 1.0),
        0.8,
        mass,
        spread=7.0,
        core=_necrosis(rng, 0.3),
    )
