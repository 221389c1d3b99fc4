"""What the plugin offers: the task ``fidelity``."""

from __future__ import annotations

from radbench.contracts.specs import MetricSpec, TaskSpec
from radbench.registry.hookspecs import hookimpl

_FINE = "NaN under 128 pixels, for a region under 100 pixels, or where the original has nothing fine in it"

DETAIL_CORRELATION = MetricSpec(
    "detail_correlation", "higher", data_range=1.0, empty=f"0 for a constant enhanced image; {_FINE}"
)
"""Correlation of the fine structure with the original's; by facet, that of a layer."""

DETAIL_KEPT = MetricSpec("detail_kept", "higher", data_range=1.0, empty=f"0 for a constant enhanced image; {_FINE}")
"""Share of the original's fine contrast that is left, at most 1."""

TONE_RESIDUAL = MetricSpec(
    "tone_residual_p99",
    "lower",
    data_range=1.0,
    empty="0 for a constant enhanced image; NaN under 64 pixels, or for a region under 100 pixels",
)
"""99th percentile of the coarse structure that no tone curve of the original explains, grey levels of [0,1]."""


@hookimpl
def radbench_tasks() -> list[TaskSpec]:
    """Offer fidelity to the original."""
    return [
        TaskSpec(
            name="fidelity",
            factory="radbench_fidelity.fidelity:Fidelity",
            summary="Does the image show what its original shows, and nothing else: fine detail kept, nothing added",
            reference="Barlow et al. 1972, Statistical Inference under Order Restrictions (isotonic regression); "
            "Knutsson & Westin 1993, Normalized and differential convolution (CVPR 515-523)",
            metrics=(DETAIL_CORRELATION, DETAIL_KEPT, TONE_RESIDUAL),
            wants_layers=("lung_image", "soft_tissue_image"),
            default_dataset="phantom-cxr[look=hospital]",
        )
    ]
