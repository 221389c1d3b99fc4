"""What the plugin offers: the task ``cad``."""

from __future__ import annotations

from radbench.contracts.specs import MetricSpec, TaskSpec
from radbench.registry.hookspecs import hookimpl

_SPECIFICITY = 0.9


def _metric(name: str, better: str, **more: object) -> MetricSpec:
    return MetricSpec(name, better, of="finding", aggregation=name, over_facets="mean", **more)  # type: ignore[arg-type]


@hookimpl
def radbench_tasks() -> list[TaskSpec]:
    """Offer computer-aided detection."""
    return [
        TaskSpec(
            name="cad",
            factory="radbench_cad.cad:CAD",
            summary="Findings told by a DenseNet-121 that learns on the enhanced radiographs: average precision, AUROC",
            reference="Gozes & Greenspan 2018, Lung structures enhancement in chest radiographs via CT based FCNN "
            "training (RAMBO), section 3.3; Rajpurkar et al. 2017, CheXNet (arXiv 1711.05225)",
            metrics=(
                _metric("ap", "higher", primary=True, empty="NaN without a positive, or without a negative"),
                _metric("auroc", "higher", empty="NaN without a positive, or without a negative"),
                _metric("sensitivity", "higher", parameters=(("specificity", _SPECIFICITY),)),
                _metric("ece", "lower"),
                _metric("brier", "lower"),
            ),
            modality="cxr",
            needs_targets=("findings",),
            learns=True,
            spec_for="radbench_cad.cad:spec_of_cad",
            default_dataset="phantom-findings",
        )
    ]
