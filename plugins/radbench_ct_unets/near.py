"""Near the lungs: what is extracted is held to the lungs that were found and what lies round and below them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radbench.learn.batch import resized
from radbench_ct_unets.doubt import tell_what_is_left_out

_KEPT_WITHIN, _GONE_BEYOND = 0.05, 0.1
"""Distances from the lungs, drawn out downwards by :data:`_REACHED`, as shares of the radiograph's side, up to which
all and from which nothing is left [assumed]."""
_REACHED = 0.1
"""How far below what is seen of the lungs, as a share of the side, they may reach behind heart and domes [assumed]."""


def near(lungs: Tensor) -> Tensor:
    """Return 1 in and near the lungs and what they may reach below, 0 far from them, and linearly between.

    Args:
        lungs: bool ``[B,1,S,S]``.

    Returns:
        float32 ``[B,1,S,S]``; 0 everywhere where there are none.
    """
    from scipy.ndimage import distance_transform_edt

    out = torch.zeros(lungs.shape, dtype=torch.float32)
    for i, mask in enumerate(lungs[:, 0].cpu().numpy()):
        if mask.any():
            away = torch.from_numpy(distance_transform_edt(~_reached(mask))).float() / mask.shape[-1]
            out[i, 0] = ((_GONE_BEYOND - away) / (_GONE_BEYOND - _KEPT_WITHIN)).clamp(0.0, 1.0)
    return out.to(lungs.device)


def near_lungs(picture: Tensor, lungs: Tensor) -> Tensor:
    """Take out of lung images ``[B,1,H,W]`` what lies far from the lungs ``[B,1,S,S]``; warns where that is much."""
    height, width = picture.shape[2:]
    left = picture * resized(near(lungs), (height, width))
    tell_what_is_left_out(picture, left, "lung image", "far from the lungs that were found")
    return left


def _reached(lungs: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return lungs ``[S,S]`` drawn out downwards."""
    out = lungs.copy()
    for rows in range(1, round(_REACHED * len(lungs)) + 1):
        out[rows:] |= lungs[:-rows]
    return out
