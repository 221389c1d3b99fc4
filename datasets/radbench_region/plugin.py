"""What this plugin offers: the data set ``region``."""

from __future__ import annotations

from radbench.contracts.specs import DatasetSpec
from radbench.registry.hookspecs import hookimpl


@hookimpl
def radbench_datasets() -> list[DatasetSpec]:
    """Return the data set."""
    return [
        DatasetSpec(
            name="region",
            factory="radbench_region.dataset:Region",
            summary="A region of another data set's images: region[of=phantom-cxr,around=heart_mask]",
            spec_for="radbench_region.dataset:spec_of_region",
        )
    ]
