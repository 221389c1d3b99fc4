"""What this plugin offers: the data set ``nih-cxr14``."""

from __future__ import annotations

from radbench.contracts.specs import DatasetSpec
from radbench.registry.hookspecs import hookimpl
from radbench_nih.findings import TARGETS


@hookimpl
def radbench_datasets() -> list[DatasetSpec]:
    """Return the data set."""
    return [
        DatasetSpec(
            name="nih-cxr14",
            factory="radbench_nih.dataset:NihChestXray14",
            spec_for="radbench.imaging.radiograph_set:spec_by_size",
            summary="Radiographs of NIH ChestX-ray14 with fourteen findings, official test list: nih-cxr14[root=PATH]",
            modality="cxr",
            targets=TARGETS,
            reference="Wang et al., ChestX-ray8, CVPR 2017; NIH Clinical Center",
            licence="NIH Clinical Center: free use with attribution",
            citation="Wang, Peng, Lu, Lu, Bagheri & Summers 2017, ChestX-ray8: hospital-scale chest X-ray database and "
            "benchmarks on weakly-supervised classification and localization of common thorax diseases, CVPR",
        )
    ]
