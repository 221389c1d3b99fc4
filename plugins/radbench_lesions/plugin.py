"""What the plugin offers: the tasks ``grabcut`` and ``hnn``."""

from __future__ import annotations

from radbench.contracts.specs import TaskSpec
from radbench.metrics.specs import DICE, PRECISION, RECALL
from radbench.registry.hookspecs import hookimpl


@hookimpl
def radbench_tasks() -> list[TaskSpec]:
    """Offer lesion segmentation by GrabCut, and by a network that learns from GrabCut's masks."""
    return [
        TaskSpec(
            name="grabcut",
            factory="radbench_lesions.grabcut:GrabCut",
            summary="Lesion segmentation by GrabCut from RECIST marks",
            reference="Tang et al. 2018, CT image enhancement using stacked GANs (MLMI), section 2.2; "
            "Rother, Kolmogorov & Blake 2004, GrabCut (ACM TOG 23:309-314)",
            metrics=(DICE, PRECISION, RECALL),
            modality="ct",
            needs_targets=("recist", "lesion_mask"),
            given=("recist",),
            truth=("lesion_mask",),
            spec_for="radbench_lesions.grabcut:spec_of_grabcut",
            default_dataset="phantom-lesions",
        ),
        TaskSpec(
            name="hnn",
            factory="radbench_lesions.hnn:HNN",
            summary="Lesion segmentation by a holistically nested network that learns from GrabCut's masks",
            reference="Tang et al. 2018, CT image enhancement using stacked GANs (MLMI), section 2.2; "
            "Xie & Tu 2015, Holistically-nested edge detection (ICCV, 1395-1403)",
            metrics=(DICE, PRECISION, RECALL),
            modality="ct",
            needs_targets=("recist", "lesion_mask"),
            given=("region of interest",),
            truth=("lesion_mask",),
            learns=True,
            spec_for="radbench_lesions.hnn:spec_of_hnn",
            default_dataset="phantom-lesions",
        ),
    ]
