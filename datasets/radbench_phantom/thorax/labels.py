"""What the voxels of a thorax are called, and the findings that a thorax may have."""

from __future__ import annotations

from enum import IntEnum


class Anatomy(IntEnum):
    """Label of a voxel: the structure that fills most of it. Ribs: RIB_LEFT_1 + k and RIB_RIGHT_1 + k, k = 0..11.

    Vertebrae: VERTEBRA_C5 + k from above: C5, C6, C7, T1..T12, L1, L2, L3 (k = 0..17).
    """

    AIR = 0
    SKIN = 1
    FAT = 2
    MUSCLE = 3
    BREAST = 4
    CARTILAGE = 5
    DISC = 6
    CORD = 7
    MEDIASTINUM = 8
    NODE = 9
    LUNG_UPPER_LEFT = 10
    LUNG_LOWER_LEFT = 11
    LUNG_UPPER_RIGHT = 12
    LUNG_MIDDLE_RIGHT = 13
    LUNG_LOWER_RIGHT = 14
    TRACHEA = 15
    BRONCHUS = 16
    ARTERY = 17
    VEIN = 18
    ESOPHAGUS = 19
    HEART = 20
    AORTA = 21
    PULMONARY_ARTERY = 22
    VENA_CAVA = 23
    DIAPHRAGM = 24
    LIVER = 25
    SPLEEN = 26
    STOMACH = 27
    STOMACH_GAS = 28
    KIDNEY = 29
    BOWEL = 30
    ABDOMEN = 31
    STERNUM = 32
    CLAVICLE_LEFT = 33
    CLAVICLE_RIGHT = 34
    SCAPULA_LEFT = 35
    SCAPULA_RIGHT = 36
    HUMERUS = 37
    RIB_LEFT_1 = 40
    RIB_RIGHT_1 = 52
    VERTEBRA_C5 = 64
    PLEURAL_FLUID = 90
    PLEURAL_AIR = 91
    LESION = 92
    DEVICE = 93


LUNG_LABELS = tuple(range(Anatomy.LUNG_UPPER_LEFT, Anatomy.LUNG_LOWER_RIGHT + 1))
"""The five lobes."""

BONE_LABELS = tuple(range(Anatomy.STERNUM, Anatomy.VERTEBRA_C5 + 18))
"""Sternum, clavicles, scapulae, humeri, ribs and vertebrae."""

VERTEBRAE = ("C5", "C6", "C7", *(f"T{i}" for i in range(1, 13)), "L1", "L2", "L3")
"""From above: label VERTEBRA_C5 + k is VERTEBRAE[k]."""

_PAIRS = 12

FINDINGS = (
    "nodule",
    "mass",
    "consolidation",
    "effusion",
    "pneumothorax",
    "cardiomegaly",
    "atelectasis",
    "emphysema",
    "fracture",
    "granuloma",
)
"""The order of the data sets' ``findings`` vector."""

DEVICES = ("pacemaker", "line", "electrodes", "endotracheal tube", "nasogastric tube", "sternotomy", "port")
"""Devices; they are told in ``source``, never in ``findings``."""


def label_names() -> dict[int, str]:
    """Return the name of every label, ribs and vertebrae one by one."""
    single = (a for a in Anatomy if a not in (Anatomy.RIB_LEFT_1, Anatomy.RIB_RIGHT_1, Anatomy.VERTEBRA_C5))
    names = {int(structure): structure.name.lower() for structure in single}
    for side, first in (("left", Anatomy.RIB_LEFT_1), ("right", Anatomy.RIB_RIGHT_1)):
        names |= {first + k: f"rib_{side}_{k + 1}" for k in range(_PAIRS)}
    return names | {Anatomy.VERTEBRA_C5 + k: f"vertebra_{name}" for k, name in enumerate(VERTEBRAE)}
