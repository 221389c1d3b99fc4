"""What the plugin offers: the task ``image-quality``."""

from __future__ import annotations

from radbench.contracts.specs import TaskSpec
from radbench.metrics.specs import BRISQUE, LPC_SI
from radbench.registry.hookspecs import hookimpl


@hookimpl
def radbench_tasks() -> list[TaskSpec]:
    """Offer no-reference image quality."""
    return [
        TaskSpec(
            name="image-quality",
            factory="radbench_quality.no_reference:ImageQuality",
            summary="No-reference quality of the enhanced image: BRISQUE, LPC-SI",
            reference="Mittal, Moorthy & Bovik 2012 (IEEE TIP 21:4695-4708); "
            "Hassen, Wang & Salama 2013 (IEEE TIP 22:2798-2810)",
            metrics=(BRISQUE, LPC_SI),
            default_dataset="phantom-lesions",
        )
    ]
