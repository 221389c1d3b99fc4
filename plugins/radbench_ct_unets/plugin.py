"""What the CT-trained U-Nets offer: the enhancers lung-unet and bone-unet."""

from __future__ import annotations

from collections.abc import Sequence

from radbench.contracts.specs import EnhancerSpec
from radbench.registry.hookspecs import hookimpl


@hookimpl
def radbench_enhancers() -> Sequence[EnhancerSpec]:
    """Return the enhancers; both learn from radiographs projected from CT, where the truth is known."""
    return [
        EnhancerSpec(
            name="lung-unet",
            factory="radbench_ct_unets.lung:LungUnet",
            summary="Lung structures extracted by a U-Net and added to the radiograph",
            reference=(
                "Gozes & Greenspan 2018, Lung Structures Enhancement in Chest Radiographs via CT based FCNN Training"
            ),
            modality="cxr",
            layers=("lung_image", "lung_mask"),
            learns=True,
            spec_for="radbench_ct_unets.lung:spec_of_lung_unet",
        ),
        EnhancerSpec(
            name="bone-unet",
            factory="radbench_ct_unets.bone:BoneUnet",
            summary="Bones extracted by a U-Net and added to the radiograph, or taken from it",
            reference=(
                "Gozes & Greenspan 2020, Bone Structures Extraction and Enhancement in Chest Radiographs "
                "via CNN Trained on Synthetic Data"
            ),
            modality="cxr",
            layers=("bone_image",),
            learns=True,
        ),
    ]
