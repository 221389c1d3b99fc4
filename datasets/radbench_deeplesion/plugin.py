"""What this plugin offers: the data set ``deeplesion``."""

from __future__ import annotations

from radbench.contracts.specs import DatasetSpec
from radbench.registry.hookspecs import hookimpl
from radbench_deeplesion.targets import TARGETS


@hookimpl
def radbench_datasets() -> list[DatasetSpec]:
    """Return the data set."""
    return [
        DatasetSpec(
            name="deeplesion",
            factory="radbench_deeplesion.dataset:DeepLesion",
            summary="CT slices of DeepLesion with the RECIST marks of their lesions: deeplesion[root=PATH]",
            modality="ct",
            targets=TARGETS,
            reference="Yan, Wang, Lu & Summers, Journal of Medical Imaging 5:036501, 2018; NIH Clinical Center",
            licence="NIH Clinical Center: free use with attribution",
            citation="Yan, Wang, Lu & Summers 2018, DeepLesion: automated mining of large-scale lesion annotations and "
            "universal lesion detection with deep learning, Journal of Medical Imaging 5(3):036501",
        )
    ]
