"""What this plugin offers: the data set ``chexpert``."""

from __future__ import annotations

from radbench.contracts.specs import DatasetSpec
from radbench.registry.hookspecs import hookimpl
from radbench_chexpert.findings import TARGETS


@hookimpl
def radbench_datasets() -> list[DatasetSpec]:
    """Return the data set."""
    return [
        DatasetSpec(
            name="chexpert",
            factory="radbench_chexpert.dataset:CheXpert",
            spec_for="radbench.imaging.radiograph_set:spec_by_size",
            summary="Radiographs of CheXpert with fourteen observations, uncertain ones by choice: chexpert[root=PATH]",
            modality="cxr",
            targets=TARGETS,
            reference="Irvin, Rajpurkar et al., CheXpert, AAAI 2019; Stanford ML Group",
            licence="Stanford University Dataset Research Use Agreement: non-commercial research",
            citation="Irvin, Rajpurkar, Ko et al. 2019, CheXpert: a large chest radiograph dataset with uncertainty "
            "labels and expert comparison, AAAI 33:590-597",
        )
    ]
