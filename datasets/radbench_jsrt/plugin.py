"""What this plugin offers: the data set ``jsrt``."""

from __future__ import annotations

from radbench.contracts.specs import DatasetSpec
from radbench.registry.hookspecs import hookimpl
from radbench_jsrt.targets import TARGETS


@hookimpl
def radbench_datasets() -> list[DatasetSpec]:
    """Return the data set."""
    return [
        DatasetSpec(
            name="jsrt",
            factory="radbench_jsrt.dataset:Jsrt",
            spec_for="radbench.imaging.radiograph_set:spec_by_size",
            summary="Radiographs of JSRT's database with and without a nodule, and SCR's lungs: jsrt[root=PATH]",
            modality="cxr",
            targets=TARGETS,
            reference="Shiraishi et al., AJR 174:71-74, 2000; van Ginneken, Stegmann & Loog, MedIA 10:19-40, 2006",
            licence="JSRT: free for research with attribution; SCR's outlines: research and education, neither "
            "redistribution nor commercial use",
            citation="Shiraishi et al. 2000, Development of a digital image database for chest radiographs with and "
            "without a lung nodule, AJR 174:71-74; outlines: van Ginneken, Stegmann & Loog 2006, Segmentation of "
            "anatomical structures in chest radiographs using supervised methods, Medical Image Analysis 10:19-40",
        )
    ]
