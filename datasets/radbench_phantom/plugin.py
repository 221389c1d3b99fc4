"""The plugin: tells radbench of the built-in phantoms."""

from __future__ import annotations

from radbench.contracts.specs import DatasetSpec
from radbench.registry.hookspecs import hookimpl
from radbench_phantom.targets import CT_TARGETS, CXR_TARGETS


@hookimpl
def radbench_datasets() -> list[DatasetSpec]:
    """Return the phantom data sets."""
    return [
        DatasetSpec(
            name="phantom-lesions",
            factory="radbench_phantom.lesions:PhantomLesions",
            modality="ct",
            targets=("hu", "lesion_mask", "recist"),
            licence="Apache-2.0",
            citation="radbench",
            summary="Axial CT slices painted from a seed, one lesion each, in DeepLesion's eight types",
            reference="radbench; lesion types, sizes and windows after Yan et al., DeepLesion, CVPR 2018",
        ),
        DatasetSpec(
            name="phantom-ct",
            factory="radbench_phantom.ct:PhantomCt",
            modality="ct",
            targets=CT_TARGETS,
            slow=True,
            licence="Apache-2.0",
            citation="radbench",
            summary="Thorax CT volumes of made-up patients, with labels, masks and findings",
            reference="radbench; extents after LIDC-IDRI-0001 (Armato et al., Med. Phys. 38, 2011)",
        ),
        DatasetSpec(
            name="phantom-cxr",
            factory="radbench_phantom.cxr.dataset:PhantomCxr",
            modality="cxr",
            targets=CXR_TARGETS,
            slow=True,
            licence="Apache-2.0",
            citation="radbench",
            summary="Radiographs of made-up thoraces, with lungs, bones, nodules and findings",
            reference="radbench; physics after Gozes and Greenspan, and Peng et al., XraySyn, AAAI 2021",
        ),
        DatasetSpec(
            name="phantom-findings",
            factory="radbench_phantom.findings:PhantomFindings",
            modality="cxr",
            targets=CXR_TARGETS,
            slow=True,
            licence="Apache-2.0",
            citation="radbench",
            summary="Many small radiographs of made-up patients with findings, for computer-aided detection",
            reference="radbench; physics after Peng et al., XraySyn, AAAI 2021",
        ),
    ]
