"""DeepLesion's eight types of lesion and the windows that their slices are shown in."""

from __future__ import annotations

from collections.abc import Mapping

LESION_TYPES = ("bone", "abdomen", "mediastinum", "liver", "lung", "kidney", "soft tissue", "pelvis")
"""DeepLesion's coarse types, in its order."""

WINDOWS: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(LESION_TYPES, (-175.0, 275.0)),
    "lung": (-1500.0, 500.0),
    "bone": (-450.0, 1050.0),
}
"""HU shown as 0 and 1. DeepLesion's commonest ``DICOM_windows`` for soft tissue and lung; bone: the usual 1500/300."""
