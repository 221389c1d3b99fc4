"""The largest pieces of a mask, whole: what else was found is islands, and lungs have no holes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def without_islands(probability: Tensor, threshold: float, keep: int) -> Tensor:
    """Set islands of a mask to 0.

    Args:
        probability: float32 ``[B,1,H,W]``; pixels that reach the threshold and touch, by corners too, are a piece.
        threshold: of the mask.
        keep: how many of the largest pieces stay.

    Returns:
        float32 ``[B,1,H,W]``; what lies below the threshold stays as it is.
    """
    from scipy.ndimage import label

    out = probability.detach().cpu().numpy().copy()
    for image in out[:, 0]:
        pieces, count = label(image >= threshold, structure=np.ones((3, 3)))
        if count > keep:
            sizes = np.bincount(pieces.ravel())
            sizes[0] = 0
            # Of two pieces of one size the first stays: the order of the rows decides, not chance.
            stay = np.argsort(-sizes, kind="stable")[:keep]
            image[(pieces > 0) & ~np.isin(pieces, stay)] = 0.0
    return torch.from_numpy(out).to(probability.device)


def without_holes(probability: Tensor, threshold: float) -> Tensor:
    """Fill the holes of a mask.

    Args:
        probability: float32 ``[B,1,H,W]``; what the mask surrounds, its edges touching, is a hole.
        threshold: of the mask.

    Returns:
        float32 ``[B,1,H,W]``: halfway between threshold and 1 in holes.
    """
    from scipy.ndimage import binary_fill_holes

    out = probability.detach().cpu().numpy().copy()
    for image in out[:, 0]:
        mask = image >= threshold
        image[binary_fill_holes(mask) & ~mask] = (1 + threshold) / 2
    return torch.from_numpy(out).to(probability.device)
