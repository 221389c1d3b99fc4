"""The configuration of the data set ``deeplesion``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import field_validator

from radbench.contracts.config import Config, local, param


class DeepLesionConfig(Config):
    """Where the collection lies, which lesions count, and how slices become images."""

    root: Path = local(description="Folder of the collection, with DL_info.csv and Images_png.")
    table: Path | None = local(None, "The table, where it is not DL_info.csv in root.", source="assumed")
    images: Path | None = local(
        None, "Folder of the series' folders, where it is not Images_png in root.", source="assumed"
    )
    masks: Path | None = local(
        None,
        "Folder of masks; folders below it count, too. Named by slice, with the lesion's number where the slice has "
        "several: SERIES_SLICE.png, SERIES_SLICE-2.png, or SERIES_SLICE_lesion_01.nii.gz as in ULS23.",
        source="assumed",
    )
    unmasked: Literal["train", "leave-out", "refuse"] = param(
        "train",
        "Lesions without a mask, where masks is given. train: none of them is in the test split, all stay in train and "
        "validation; leave-out: none in any split; refuse: a fault when loaded.",
        source="paper: SGAN §3 has masks of its test lesions alone",
    )
    noisy: bool = param(
        False,
        "Whether lesions that the table calls possibly noisy are taken.",
        source="assumed, as ULS23's preparation of DeepLesion leaves them out",
    )
    absent: Literal["refuse", "leave-out"] = param(
        "refuse",
        "Lesions whose key slice is not there. refuse: a fault when loaded; leave-out: no case, for a part of the "
        "collection.",
        source="assumed",
    )
    window: tuple[float, float] | Literal["lesion"] = param(
        "lesion",
        "HU shown as 0 and 1. lesion: the table's DICOM_windows of each lesion, the first where it has several.",
        source="assumed: the SGAN paper states no window, the collection's table has one for each lesion",
    )
    neighbours: int = param(
        0,
        "Slices on either side of the key slice that volume_hu holds, as far as the table's Slice_range goes; 0: there "
        "is no volume_hu.",
        source="assumed",
        ge=0,
        le=100,
    )

    @field_validator("window")
    @classmethod
    def _rising(cls, value: tuple[float, float] | str) -> tuple[float, float] | str:
        if not isinstance(value, str) and not value[0] < value[1]:
            raise ValueError(f"window needs low < high, got {list(value)}")
        return value
