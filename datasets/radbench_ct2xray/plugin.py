"""What this plugin offers: the data set ``ct2xray``."""

from __future__ import annotations

from radbench.contracts.specs import DatasetSpec
from radbench.registry.hookspecs import hookimpl


@hookimpl
def radbench_datasets() -> list[DatasetSpec]:
    """Return the data set."""
    return [
        DatasetSpec(
            name="ct2xray",
            factory="radbench_ct2xray.dataset:Ct2Xray",
            summary="Radiographs simulated from another data set's CT volumes, whose other views are known",
            reference="Peng et al. 2021, XraySyn: Realistic View Synthesis from a Single Radiograph Through CT Priors",
            modality="cxr",
            targets=("bone_mask", "bone_image", "soft_tissue_image", "view_pose", "view_images"),
            slow=True,
            spec_for="radbench_ct2xray.dataset:spec_of_ct2xray",
        )
    ]
