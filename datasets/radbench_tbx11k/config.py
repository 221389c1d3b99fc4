"""The configuration of the data set ``tbx11k``."""

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


class Tbx11kConfig(Config):
    """Where the collection lies, which annotations are read, and who is held out."""

    root: Path = local(description="Folder of the collection, with imgs, lists and annotations.")
    annotations: Literal["json", "xml"] = param(
        "json",
        "Which boxes are read: annotations/json, in pixels of the distributed images, or annotations/xml, whose sizes "
        "say what pixels they are in.",
        source="code: as the collection is distributed; assumed (which)",
    )
    validation: float = validation_field(
        0.1, source="assumed: the official test list has no labels, so that the official validation list is test"
    )
    split_seed: int = seed_field()
    size: int | None = size_field()
    side: Side = side_field()
    absent: Absent = absent_field()
