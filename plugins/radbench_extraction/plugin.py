"""What the plugin offers: the tasks ``lung-segmentation``, ``lung-extraction`` and ``bone-extraction``."""

from __future__ import annotations

from radbench.contracts.specs import TaskSpec
from radbench.metrics.specs import (
    ASSD,
    DICE,
    HD95,
    JACCARD,
    MAE,
    MS_SSIM,
    MSE,
    PRECISION,
    PSNR,
    RECALL,
    RMSE,
    SSIM,
    in_lungs,
    on_lung_scale,
    on_range,
)
from radbench.registry.hookspecs import hookimpl

_FIDELITY = (MAE, MSE, PSNR, SSIM)


@hookimpl
def radbench_tasks() -> list[TaskSpec]:
    """Offer the tasks that compare an enhancer's layers with the truth of the same name."""
    return [
        TaskSpec(
            name="lung-segmentation",
            factory="radbench_extraction.segmentation:LungSegmentation",
            summary="Overlap of the enhancer's lung mask with the true one",
            reference="Gozes & Greenspan 2018, Lung structures enhancement in chest radiographs, section 3.1",
            metrics=(DICE, JACCARD, PRECISION, RECALL, HD95, ASSD),
            modality="cxr",
            needs_targets=("lung_mask",),
            needs_layers=("lung_mask",),
            baseline="lung-unet",
            default_dataset="phantom-cxr",
            spec_for="radbench_extraction.segmentation:spec_of_lung_segmentation",
        ),
        TaskSpec(
            name="lung-extraction",
            factory="radbench_extraction.lungs:LungExtraction",
            summary="Fidelity of the enhancer's lung image to the true one",
            reference="Gozes & Greenspan 2018, Lung structures enhancement in chest radiographs, section 3.2, Table 1",
            metrics=(
                *_FIDELITY,
                *(on_lung_scale(m) for m in _FIDELITY),
                *(in_lungs(m) for m in _FIDELITY),
            ),
            modality="cxr",
            needs_targets=("lung_image", "lung_mask"),
            needs_layers=("lung_image",),
            truth=("lung_image",),
            baseline="lung-unet",
            default_dataset="phantom-cxr",
        ),
        TaskSpec(
            name="bone-extraction",
            factory="radbench_extraction.bones:BoneExtraction",
            summary="Fidelity of the enhancer's bone image to the true one",
            reference="Gozes & Greenspan 2020, Bone structures extraction and enhancement in chest "
            "radiographs, Table 1",
            metrics=(RMSE, on_range(RMSE, 255), PSNR, SSIM, MS_SSIM),
            modality="cxr",
            needs_targets=("bone_image",),
            needs_layers=("bone_image",),
            baseline="bone-unet",
            default_dataset="phantom-cxr",
        ),
    ]
