"""Doubt: how far what is found in a radiograph differs from what is found in its mirror image."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

CELLS = 32
"""Cells of an image in each direction, over which differences are averaged."""
_USUAL = 0.995
"""Share of the cells of the validation's radiographs with less than the usual doubt [assumed]."""
_AROUND = 5
"""Cells in each direction over which trust is averaged, so that no hole is cut into what is trusted [assumed]."""
TOLD = 0.1
"""Told of where more than this share of what was found is left out [assumed]."""


def doubt_of(found: Tensor, mirrored: Tensor) -> Tensor:
    """Return the mean absolute difference by cell, ``[B,1,32,32]``, of two pictures ``[B,1,H,W]`` in [0,1]."""
    return functional.adaptive_avg_pool2d((found - mirrored).abs(), CELLS)


def usual_doubt(doubts: Iterable[Tensor]) -> Tensor:
    """Return what :data:`_USUAL` of all cells stay below, a float32 scalar above 0; doubts lie on the processor."""
    every = np.concatenate([doubt.numpy().ravel() for doubt in doubts])
    return torch.tensor(max(float(np.quantile(every, _USUAL)), 1e-3))


def trust(doubt: Tensor, usual: Tensor) -> Tensor:
    """Return 1 where the doubt is usual, 0 from twice that on, and linearly between, ``[B,1,32,32]``."""
    return (2 - doubt / usual).clamp(0.0, 1.0)


def faded(found: Tensor, doubt: Tensor, usual: Tensor, what: str) -> Tensor:
    """Take what is doubted out of pictures ``[B,1,H,W]`` in [0,1], by as much as there is doubt in and around a place.

    Warns where much is taken out of one: such an image is unlike what was learnt from.

    Args:
        found: what is to be faded.
        doubt: see :func:`doubt_of`.
        usual: see :func:`usual_doubt`.
        what: the pictures' name, for people.
    """
    smooth = functional.avg_pool2d(trust(doubt, usual), _AROUND, 1, _AROUND // 2, count_include_pad=False)
    left = found * functional.interpolate(smooth, size=found.shape[2:], mode="bilinear")
    tell_what_is_left_out(found, left, what, "where its mirror image gives something else")
    return left


def tell_what_is_left_out(found: Tensor, left: Tensor, what: str, where: str) -> None:
    """Warn of each picture of ``[B,1,H,W]`` that much was taken out of: such an image is unlike what was learnt from.

    Args:
        found: the pictures before.
        left: what is left of them.
        what: their name, for people.
        where: it was taken out, for people.
    """
    for before, after in zip(found, left, strict=True):
        out = 1 - float(after.sum()) / max(float(before.sum()), 1e-6)
        if out > TOLD and float(before.mean()) > 1e-3:
            warnings.warn(
                f"{out:.0%} of the {what} was left out, {where}: this image is unlike what was learnt from",
                stacklevel=3,
            )
