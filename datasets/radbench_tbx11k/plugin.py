"""What this plugin offers: the data set ``tbx11k``."""

from __future__ import annotations

from radbench.contracts.specs import DatasetSpec
from radbench.registry.hookspecs import hookimpl
from radbench_tbx11k.findings import TARGETS


@hookimpl
def radbench_datasets() -> list[DatasetSpec]:
    """Return the data set."""
    return [
        DatasetSpec(
            name="tbx11k",
            factory="radbench_tbx11k.dataset:Tbx11k",
            spec_for="radbench.imaging.radiograph_set:spec_by_size",
            summary="Radiographs of TBX11K, healthy, sick and with tuberculosis, in boxes: tbx11k[root=PATH]",
            modality="cxr",
            targets=TARGETS,
            reference="Liu, Wu, Ban, Wang & Cheng, CVPR 2020; Nankai University and InferVision",
            licence="CC BY 4.0, as its copies state; the authors ask for the citation",
            citation="Liu, Wu, Ban, Wang & Cheng 2020, Rethinking computer-aided tuberculosis diagnosis, CVPR; "
            "Liu, Wu, Zhang, Liu, Wu & Cheng 2023, Revisiting computer-aided tuberculosis diagnosis, IEEE TPAMI",
        )
    ]
