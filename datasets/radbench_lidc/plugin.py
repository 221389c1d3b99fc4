"""What this plugin offers: the data set ``lidc``."""

from __future__ import annotations

from radbench.contracts.specs import DatasetSpec
from radbench.registry.hookspecs import hookimpl


@hookimpl
def radbench_datasets() -> list[DatasetSpec]:
    """Return the data set."""
    return [
        DatasetSpec(
            name="lidc",
            factory="radbench_lidc.dataset:LidcIdri",
            summary="Radiographs simulated from LIDC-IDRI's chest CT, with lungs, bones and nodules: lidc[root=PATH]",
            modality="cxr",
            targets=(
                "lung_mask",
                "lung_image",
                "bone_mask",
                "bone_image",
                "soft_tissue_image",
                "nodule_mask",
                "findings",
                "view_pose",
                "volume_hu",
                "bone_volume",
            ),
            reference="Armato et al., Medical Physics 38, 2011; The Cancer Imaging Archive, CC BY 3.0",
        )
    ]
