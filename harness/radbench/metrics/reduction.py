"""Sums in a fixed order: the same bits whatever the batch, the number of threads or the device."""

from __future__ import annotations

import torch
from torch import Tensor


def fixed_order_sum(values: Tensor, dim: int = -1, overwrite: bool = False) -> Tensor:
    """Sum over one dimension by folding its halves onto each other.

    A library's sum may split its work by batch or by thread, and so round differently. Folding uses only
    element-wise additions, which IEEE 754 determines; its error grows with log N (pairwise summation).

    Args:
        values: float ``[...]``.
        dim: the dimension to sum, dropped from the result.
        overwrite: fold in place, which takes no memory and loses the values (and gradients).

    Returns:
        Zeros where the dimension is empty.
    """
    n = values.shape[dim]
    if n == 0:
        return values.sum(dim=dim)
    while n > 1:
        half = n // 2
        head, tail = values.narrow(dim, 0, half), values.narrow(dim, half, half)
        folded = head.add_(tail) if overwrite else head + tail
        if n % 2:
            folded.select(dim, 0).add_(values.select(dim, n - 1))
        values, n = folded, half
    return values.select(dim, 0)


def fixed_order_mean(values: Tensor) -> Tensor:
    """Average ``[...,N]`` over its last dimension; see :func:`fixed_order_sum`."""
    return fixed_order_sum(values) / values.shape[-1]


def region_mean(values: Tensor, region: Tensor) -> Tensor:
    """Average ``[B,H,W]`` over a region, bool ``[B,H,W]``, in a fixed order; NaN ``[B]`` where it is empty."""
    inside = torch.where(region, values, torch.zeros_like(values)).flatten(1)
    count = region.flatten(1).sum(dim=1).to(values.dtype)
    return torch.where(count > 0, fixed_order_sum(inside) / count.clamp(min=1.0), torch.full_like(count, torch.nan))
