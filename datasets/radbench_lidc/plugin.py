"""What this plugin offers: the data sets ``lidc`` and ``lidc-nodules``."""

from __future__ import annotations

from radbench.contracts.specs import DatasetSpec
from radbench.registry.hookspecs import hookimpl
from radbench_lidc.targets import TARGETS


@hookimpl
def radbench_datasets() -> list[DatasetSpec]:
    """Return the data sets."""
    return [
        DatasetSpec(
            name="lidc",
            factory="radbench_lidc.dataset:LidcIdri",
            summary="Radiographs simulated from LIDC-IDRI's chest CT, with lungs, bones and nodules: lidc[root=PATH]",
            modality="cxr",
            targets=TARGETS,
            slow=True,
            reference="Armato et al., Medical Physics 38, 2011; The Cancer Imaging Archive",
            licence="CC BY 3.0",
            citation="Armato et al. 2011, The Lung Image Database Consortium (LIDC) and Image Database Resource "
            "Initiative (IDRI), Medical Physics 38:915-931; The Cancer Imaging Archive",
        ),
        DatasetSpec(
            name="lidc-nodules",
            factory="radbench_lidc.nodule_dataset:LidcNodules",
            summary="CT slices of LIDC-IDRI's nodules with the readers' masks and RECIST axes: lidc-nodules[root=PATH]",
            modality="ct",
            targets=("hu", "lesion_mask", "recist"),
            slow=True,
            reference="Armato et al., Medical Physics 38, 2011; The Cancer Imaging Archive",
            licence="CC BY 3.0",
            citation="Armato et al. 2011, The Lung Image Database Consortium (LIDC) and Image Database Resource "
            "Initiative (IDRI), Medical Physics 38:915-931; The Cancer Imaging Archive",
        ),
    ]
