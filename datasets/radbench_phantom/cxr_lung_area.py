"""What counts as lung in a radiograph: all that the rays pass, or the fields as readers outline them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from radbench_phantom.thorax.labels import Anatomy

if TYPE_CHECKING:
    from radbench_phantom.thorax.patient import Volume

SPINE_MM = 18.0
DOME_MM = 8.0
HEART_MM = 12.0
"""Lengths of a ray in spine, abdomen, heart and great vessels from which on readers see these alone."""

_CHINK_MM = 16.0

_SPINE = (int(Anatomy.VERTEBRA_C5), int(Anatomy.VERTEBRA_C5) + 17)
_ABDOMEN = (int(Anatomy.DIAPHRAGM), int(Anatomy.ABDOMEN))
_VESSELS = (int(Anatomy.AORTA), int(Anatomy.VENA_CAVA))


def hiding(volume: Volume, area: str) -> list[tuple[Tensor, float]]:
    """Return what hides the lungs from readers: voxels bool ``[D,H,W]``, and the mm of a ray in them that do.

    Args:
        volume: the patient, rendered.
        area: "any": nothing does. "field": the spine, and abdomen below the domes; lung behind the heart counts, as in
            masks of covid-cxr-lungs. "clear": heart and great vessels too, as in masks of JSRT and Montgomery.
    """
    if area == "any":
        return []
    labels = volume.labels

    def within(bounds: tuple[int, int]) -> Tensor:
        return (labels >= bounds[0]) & (labels <= bounds[1])

    hidden = [(within(_SPINE) | (labels == int(Anatomy.DISC)), SPINE_MM), (within(_ABDOMEN), DOME_MM)]
    if area == "clear":
        hidden.append((volume.heart_mask | within(_VESSELS), HEART_MM))
    return hidden


def seen_lung(lung: Tensor, lengths: list[tuple[Tensor, float]], pixel_mm: float) -> Tensor:
    """Return the lungs' shadow less what hides it.

    Args:
        lung: bool ``[1,1,h,w]``.
        lengths: mm of each ray in what hides the lungs, float ``[1,1,h,w]``, and from how many on it does.
        pixel_mm: distance between pixels.
    """
    reach = 2 * round(_CHINK_MM / 2 / pixel_mm) + 1
    for length, least in lengths:
        # Readers draw one line: chinks between neighbouring structures are closed.
        over = torch.nn.functional.max_pool2d((length >= least).float(), reach, 1, reach // 2)
        lung = lung & ~(-torch.nn.functional.max_pool2d(-over, reach, 1, reach // 2) > 0.5)
    return lung
