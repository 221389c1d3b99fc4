"""What this plugin offers: the data set ``natural``."""

from __future__ import annotations

from radbench.contracts.specs import DatasetSpec
from radbench.registry.hookspecs import hookimpl


@hookimpl
def radbench_datasets() -> list[DatasetSpec]:
    """Return the data set."""
    return [
        DatasetSpec(
            name="natural",
            factory="radbench_natural.dataset:Natural",
            spec_for="radbench_natural.dataset:spec_of_natural",
            modality="natural",
            licence="CC0 and public domain (photographs, by name in docs/natural.md), Apache-2.0 (made images)",
            citation="van der Walt et al., scikit-image, PeerJ 2:e453, 2014",
            summary="Photographs, and made textures and shapes, to learn from without truth: natural[root=PATH]",
            reference="Tang et al., SGAN, MLMI 2018, §2.1; dead leaves: Lee, Mumford and Huang, IJCV 41, 2001",
        )
    ]
