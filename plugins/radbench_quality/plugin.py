"""What the plugin offers: the task ``image-quality``."""

from __future__ import annotations

from radbench.contracts.specs import TaskSpec
from radbench.metrics.specs import BRISQUE, LPC_SI, MS_SSIM, OF_COSTS, PSNR, SSIM
from radbench.registry.hookspecs import hookimpl


@hookimpl
def radbench_tasks() -> list[TaskSpec]:
    """Offer image quality."""
    return [
        TaskSpec(
            name="image-quality",
            factory="radbench_quality.quality:ImageQuality",
            summary="No-reference quality (BRISQUE, LPC-SI) and what it costs: noise, halos, clipping, distance moved",
            reference="Mittal, Moorthy & Bovik 2012 (IEEE TIP 21:4695-4708); "
            "Hassen, Wang & Salama 2013 (IEEE TIP 22:2798-2810); Immerkær 1996 (CVIU 64:300-302); "
            "Wang et al. 2004 (IEEE TIP 13:600-612)",
            metrics=(BRISQUE, LPC_SI, *OF_COSTS, SSIM, MS_SSIM, PSNR),
            default_dataset="phantom-lesions",
        )
    ]
