"""What the plugin offers: the task ``bone-suppression``."""

from __future__ import annotations

from radbench.contracts.specs import MetricSpec, TaskSpec
from radbench.metrics.specs import MS_SSIM, PSNR, SSIM
from radbench.registry.hookspecs import hookimpl

RATIO = MetricSpec(
    "bone_suppression_ratio",
    "higher",
    primary=True,
    data_range=1.0,
    empty="NaN where radiograph and truth do not differ",
)
"""Share of the bones' energy that is gone, less what was spoilt (:func:`radbench_bones.suppression.ratio`)."""


@hookimpl
def radbench_tasks() -> list[TaskSpec]:
    """Offer bone suppression."""
    return [
        TaskSpec(
            name="bone-suppression",
            factory="radbench_bones.suppression:BoneSuppression",
            summary="Bones gone and nothing else: the enhanced image against the radiograph without bones",
            reference="Peng et al. 2021, XraySyn, Algorithm 1 and Figure 5; Yang et al. 2017, Cascade "
            "of multi-scale convolutional neural networks for bone suppression (Med. Image Anal. 35:421-433)",
            metrics=(RATIO, PSNR, SSIM, MS_SSIM),
            modality="cxr",
            needs_targets=("soft_tissue_image",),
            default_dataset="phantom-cxr",
        )
    ]
