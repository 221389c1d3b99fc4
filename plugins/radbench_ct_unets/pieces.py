"""The largest pieces of a mask, whole: what else was found is islands, and lungs have no holes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_LEAST = 0.1
"""Share of the largest piece that any other must have [assumed]: the smaller lung of a pair has far more."""
_HOLE = 0.1
"""Share of the piece round it that a hole has at most [assumed]: what two lungs that touch surround is no lung."""


def without_islands(probability: Tensor, threshold: float, keep: int) -> Tensor:
    """Set islands of a mask to 0.

    Args:
        probability: float32 ``[B,1,H,W]``; pixels that reach the threshold and touch, by corners too, are a piece.
        threshold: of the mask.
        keep: how many of the largest pieces stay, those that are a tenth of the largest.

    Returns:
        float32 ``[B,1,H,W]``; what lies below the threshold stays as it is.
    """
    from scipy.ndimage import label

    out = probability.detach().cpu().numpy().copy()
    for image in out[:, 0]:
        pieces, count = label(image >= threshold, structure=np.ones((3, 3)))
        if count > 1:
            sizes = np.bincount(pieces.ravel())
            sizes[0] = 0
            # Of two pieces of one size the first stays: the order of the rows decides, not chance.
            stay = np.argsort(-sizes, kind="stable")[:keep]
            stay = stay[sizes[stay] >= _LEAST * sizes.max()]
            image[(pieces > 0) & ~np.isin(pieces, stay)] = 0.0
    return torch.from_numpy(out).to(probability.device)


def without_holes(probability: Tensor, threshold: float) -> Tensor:
    """Fill the small holes of each piece of a mask.

    Args:
        probability: float32 ``[B,1,H,W]``; what one piece surrounds, its edges touching, is a hole.
        threshold: of the mask.

    Returns:
        float32 ``[B,1,H,W]``: halfway between threshold and 1 in holes of up to a tenth of the piece.
    """
    from scipy.ndimage import binary_fill_holes, label

    out = probability.detach().cpu().numpy().copy()
    for image in out[:, 0]:
        pieces, count = label(image >= threshold, structure=np.ones((3, 3)))
        for number in range(1, count + 1):
            piece = pieces == number
            holes, many = label(binary_fill_holes(piece) & ~piece)
            sizes = np.bincount(holes.ravel(), minlength=many + 1)
            small = np.flatnonzero(sizes <= _HOLE * piece.sum())
            image[np.isin(holes, small[small > 0]) & (pieces == 0)] = (1 + threshold) / 2
    return torch.from_numpy(out).to(probability.device)
