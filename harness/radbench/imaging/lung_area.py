"""What readers see of projected lungs, whose outline ends where a ray lies far enough in what hides them."""

from __future__ import annotations

import torch
from torch import Tensor

SPINE_MM = 18.0
DOME_MM = 8.0
HEART_MM = 12.0
"""Lengths of a ray in spine, abdomen, heart and great vessels from which on readers see these alone [assumed]."""

_CHINK_MM = 16.0


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
