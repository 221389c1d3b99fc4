"""The configuration of the data set ``lidc-nodules``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

from pydantic import field_validator

from radbench.contracts.config import Config, local, param


class LidcNodulesConfig(Config):
    """Where the collection lies, which nodules count, and whose outline is the truth."""

    root: Path = local(
        description="Folder that the collection, or a part of it, was downloaded to; folders below it count, too.",
    )
    readings: Path | None = local(
        None, "Folder of the readers' XML, where it was downloaded apart from the images.", source="assumed"
    )
    level: float = param(
        0.5,
        "Part of the readers who outlined a nodule that must have a pixel inside it: the consensus, which is the truth "
        "unless reader is given, and chooses the slice in any case.",
        source="assumed: half, as pylidc's consensus has it",
        ge=0.0,
        le=1.0,
    )
    reader: int | None = param(
        None,
        "Whose outline is the truth instead of the consensus: the reading session of that number in the XML. Readers "
        "are not named, so that the same number is not the same person in another scan. Nodules that this reader has "
        "not outlined in the slice are no cases.",
        source="assumed",
        ge=1,
        le=4,
    )
    min_readers: int = param(
        2, "A nodule counts when so many readers outlined it.", source="paper: lung U-Net §2.3", ge=1, le=4
    )
    window: tuple[float, float] = param(
        (-1350.0, 150.0),
        "HU shown as 0 and 1.",
        source="assumed: the usual lung window, 1500 wide about -600",
    )
    slice_thickness_max_mm: float = param(
        2.5, "Scans with thicker slices are left out.", source="paper: lung U-Net §3.2", gt=0.0
    )
    unread: Literal["refuse", "leave-out"] = param(
        "refuse",
        "Patients of whom no CT series has a reading. refuse: a fault when loaded; leave-out: they have no cases.",
        source="assumed",
    )
    split: tuple[float, float, float] = param(
        (0.6, 0.2, 0.2),
        "Share of the patients in train, validation and test; a patient is in the split that lidc puts it into.",
        source="paper: bone U-Net §3, 386/129/129",
    )
    split_seed: int = param(0, "Another one deals the patients anew.", source="assumed", ge=0)

    @field_validator("split")
    @classmethod
    def _whole(cls, value: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(value) < 0 or not math.isclose(sum(value), 1.0, abs_tol=1e-9):
            raise ValueError(f"split must be three shares that sum to 1, got {list(value)}")
        return value

    @field_validator("window")
    @classmethod
    def _rising(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not value[0] < value[1]:
            raise ValueError(f"window needs low < high, got {list(value)}")
        return value
