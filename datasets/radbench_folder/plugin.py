"""What this plugin offers: the data set ``folder``."""

from __future__ import annotations

from radbench.contracts.specs import DatasetSpec
from radbench.registry.hookspecs import hookimpl


@hookimpl
def radbench_datasets() -> list[DatasetSpec]:
    """Return the data set."""
    return [
        DatasetSpec(
            name="folder",
            factory="radbench_folder.dataset:FolderDataset",
            summary="Any folder of images, with masks beside them if there are any: folder[root=PATH]",
            modality="any",
            targets=(
                "lung_mask",
                "lung_field_mask",
                "aerated_lung_mask",
                "nodule_mask",
                "lesion_mask",
                "bone_mask",
                "heart_mask",
                "recist",
                "findings",
                "hu",
            ),
        )
    ]
