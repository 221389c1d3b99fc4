"""What the plugin offers: the task ``nodule-visibility``."""

from __future__ import annotations

from radbench.contracts.specs import TaskSpec
from radbench.metrics.specs import CHO_2AFC, CHO_AUC, CHO_FPR, CHO_SENSITIVITY, CNR, CONTRAST_ORDER, GCNR
from radbench.registry.hookspecs import hookimpl


@hookimpl
def radbench_tasks() -> list[TaskSpec]:
    """Offer nodule visibility."""
    return [
        TaskSpec(
            name="nodule-visibility",
            factory="radbench_nodules.visibility:NoduleVisibility",
            summary="Nodules: contrast (CNR, gCNR, contrast order), detectability by an observer, false positives",
            reference="Barrett & Myers 2004, Foundations of Image Science, section 13.2.12; Gallas & Barrett 2003, "
            "Validating the use of channels to estimate the ideal linear observer (JOSA A 20:1725-1738); "
            "Rodriguez-Molares et al. 2020, The generalized contrast-to-noise ratio (IEEE TUFFC 67:745-759)",
            metrics=(CNR, GCNR, CONTRAST_ORDER, CHO_AUC, CHO_2AFC, CHO_SENSITIVITY, CHO_FPR),
            modality="cxr",
            needs_targets=("nodule_mask", "lung_mask"),
            learns=True,
            training="measurement",
            default_dataset="phantom-cxr",
        )
    ]
