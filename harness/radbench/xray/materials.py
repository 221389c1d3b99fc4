"""From Hounsfield units to materials: mass density, and which voxels, or what share of each, are bone."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

DENSITY_MODELS: Mapping[str, str] = {
    "deepdrr": "max(min(0.001029 HU, 0.0005886 HU) + 1.03, 0): two lines that meet at water; air weighs nothing",
    "xraysyn": "0.0008088 HU + 1.03: one line, the mean of those two; air weighs 0.22 g/cm^3",
}
"""How density follows from HU, by name."""


def density_from_hu(hu: Tensor, model: str = "deepdrr") -> Tensor:
    """Return mass density in g/cm^3.

    Args:
        hu: float, any shape, in Hounsfield units.
        model: "deepdrr": ``max(min(0.001029 HU, 0.0005886 HU) + 1.03, 0)``, the piecewise lines of DeepDRR (Unberath
            et al. 2018), our choice. "xraysyn": ``0.0008088 HU + 1.03``, the single line of XraySyn's released code;
            it leaves 0.22 g/cm^3 in air, so that the air of the volume attenuates, and is negative below -1273 HU.

    Returns:
        The densities, as ``hu``; differentiable except at the two bends.

    Raises:
        ValueError: no such model.
    """
    if model == "deepdrr":
        # Positive HU lies on the flatter line, negative on the steeper one; the bend is at 0 HU.
        return (torch.minimum(hu * 0.001029, hu * 0.0005886) + 1.03).clamp_min(0.0)
    if model == "xraysyn":
        return hu * 0.0008088 + 1.03
    raise ValueError(f"there is no density model '{model}'; there is {', '.join(DENSITY_MODELS)}")


def bone_mask_from_hu(hu: Tensor, threshold: float = 350.0) -> Tensor:
    """Return 1.0 where a voxel is bone: above the threshold.

    The paper does not say where its bone labels come from; 350 HU is our choice (PAPERS.md section 4). Calcium and
    metal count as bone; marrow mostly does not.

    Args:
        hu: float, any shape, in Hounsfield units.
        threshold: in HU.

    Returns:
        Zeros and ones of ``hu``'s type; no gradient.
    """
    return (hu.detach() > threshold).to(hu.dtype)


def bone_share_from_hu(hu: Tensor, *, tissue_hu: float = 50.0, bone_hu: float = 1100.0) -> Tensor:
    """Return what share of each voxel's mass is bone, if it is a mixture of tissue and compact bone.

    HU and density of a mixture are linear in the volume of its parts, so that the mass of bone along a ray does not
    depend on where voxels cut a bone: a mask of whole voxels leaves stripes along thin, slanting bones. The ends of
    the mixture are our choice [assumed]; marrow is mostly tissue by it.

    Args:
        hu: float, any shape, in Hounsfield units.
        tissue_hu: of what has no bone.
        bone_hu: of what is all bone.

    Returns:
        As ``hu``, in [0,1]: 0 up to ``tissue_hu``, 1 from ``bone_hu`` on, rising and continuous between; no gradient.

    Raises:
        ValueError: ``bone_hu`` not above ``tissue_hu``, or ``tissue_hu`` below 0.
    """
    if not 0.0 <= tissue_hu < bone_hu:
        raise ValueError(f"needs 0 <= tissue_hu < bone_hu; got {tissue_hu:g} and {bone_hu:g}")
    hu = hu.detach().clamp(max=bone_hu)
    volume = ((hu - tissue_hu) / (bone_hu - tissue_hu)).clamp(0.0, 1.0)
    whole = float(density_from_hu(torch.tensor(bone_hu)))
    return torch.where(volume > 0, volume * whole / density_from_hu(hu).clamp_min(1.0), volume).clamp(max=1.0)
