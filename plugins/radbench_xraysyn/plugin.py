"""What the plugin offers: the enhancers xraysyn, x2ct, 3dpn-drr and 2d-refiner, which render views."""

from __future__ import annotations

from collections.abc import Sequence

from radbench.contracts.specs import EnhancerSpec
from radbench.registry.hookspecs import hookimpl

_PENG = (
    "Peng, Liao, Wong, Luo, Zhou & Chellappa 2021, XraySyn: Realistic View Synthesis From a Single Radiograph Through "
    "CT Priors (AAAI)"
)
_MATERIALS = ("bone_image", "soft_tissue_image", "bone_thickness", "tissue_thickness")


@hookimpl
def radbench_enhancers() -> Sequence[EnhancerSpec]:
    """Return the enhancers; all learn from CT, xraysyn from radiographs without labels, too."""
    return [
        EnhancerSpec(
            name="xraysyn",
            factory="radbench_xraysyn.xraysyn:XraySyn",
            summary="Bones taken from a radiograph, and new views of it, by a volume estimated from it and refined",
            reference=_PENG,
            modality="cxr",
            layers=_MATERIALS,
            learns=True,
            renders=True,
        ),
        EnhancerSpec(
            name="x2ct",
            factory="radbench_xraysyn.ablations:X2Ct",
            summary="The same by 2-D features copied along the third axis, without geometry: XraySyn's ablation",
            reference=f"{_PENG}; Ying et al. 2019, X2CT-GAN (CVPR)",
            modality="cxr",
            layers=_MATERIALS,
            learns=True,
            renders=True,
        ),
        EnhancerSpec(
            name="3dpn-drr",
            factory="radbench_xraysyn.ablations:ThreeDpnDrr",
            summary="New views by plain projection of one volume, without materials: XraySyn's ablation",
            reference=_PENG,
            modality="cxr",
            learns=True,
            renders=True,
        ),
        EnhancerSpec(
            name="2d-refiner",
            factory="radbench_xraysyn.ablations:TwoDRefiner",
            summary="New views from image to image by a residual dense network: XraySyn's ablation",
            reference=f"{_PENG}; Zhang et al. 2018, Residual Dense Network (CVPR)",
            modality="cxr",
            learns=True,
            renders=True,
        ),
    ]
