"""The configuration of the data set ``ct2xray``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from radbench.contracts.config import Config, PartName, param, part


class Ct2XrayConfig(Config):
    """Whose volumes are seen, and how finely."""

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {"quick": {"grid": 64}, "paper": {}}

    of: PartName = part(
        "dataset",
        "phantom-ct",
        needs=("volume_hu", "bone_volume", "volume_spacing_mm"),
        description="The data set whose volumes are projected.",
        source="assumed; XraySyn, Dataset: LIDC-IDRI",
    )
    size: int = param(
        128, "Image side in pixels.", source="code: XraySyn, a detector of 128 x 128 pixels", ge=16, le=1024
    )
    grid: int = param(
        128,
        "Voxels along each side of the cube that a volume becomes.",
        source="paper: XraySyn, Dataset, 128 x 128 x 128",
        ge=16,
        le=512,
    )
    soft_tissue_hu: float = param(
        40.0,
        "What bone, and what is denser than this next to it, becomes in soft_tissue_image.",
        source="assumed: as phantom-cxr and lidc have it",
    )
