"""From Hounsfield units to materials: mass density, and the mask of bone."""

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
