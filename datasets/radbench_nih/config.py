"""The configuration of the data set ``nih-cxr14``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from radbench.contracts.config import Config, local, param
from radbench.imaging.radiograph_set import (
    Absent,
    Side,
    absent_field,
    seed_field,
    side_field,
    size_field,
    validation_field,
)


class NihConfig(Config):
    """Where the collection lies, which views count, who is held out, and how large the images are."""

    root: Path = local(description="Folder of the collection, with its tables and lists and the folders of images.")
    table: Path | None = local(
        None, "The table, where it is not Data_Entry_2017.csv or Data_Entry_2017_v2020.csv in root.", source="assumed"
    )
    images: Path | None = local(
        None,
        "Folder of the images, folders below it too, where they are not in images, images_001/images and so on, or "
        "root itself.",
        source="assumed",
    )
    views: Literal["PA", "AP", "both"] = param(
        "PA", "Which views count, by the table's View Position.", source="paper: lung U-Net §3.3"
    )
    validation: float = validation_field(source="paper: lung U-Net §3.3, 11,245 of 56,216; assumed: by patient")
    split_seed: int = seed_field()
    pixels: int | None = param(
        1024,
        "Side in pixels that every file must have; none takes any, for a copy that was resized.",
        source="code: as the collection is distributed",
        ge=1,
    )
    size: int | None = size_field()
    side: Side = side_field()
    absent: Absent = absent_field()
