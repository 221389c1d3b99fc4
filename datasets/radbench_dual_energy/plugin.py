"""What this plugin offers: the data set ``dual-energy``."""

from __future__ import annotations

from radbench.contracts.specs import DatasetSpec
from radbench.registry.hookspecs import hookimpl


@hookimpl
def radbench_datasets() -> list[DatasetSpec]:
    """Return the data set."""
    return [
        DatasetSpec(
            name="dual-energy",
            factory="radbench_dual_energy.dataset:DualEnergy",
            summary="Radiographs with their soft-tissue images: dual-energy[of=folder[root=PATH],soft_tissue=PATH]",
            modality="any",
            targets=("soft_tissue_image",),
            spec_for="radbench_dual_energy.dataset:spec_of_dual_energy",
        )
    ]
