"""Sums in a fixed order: the same bits whatever the batch, the number of threads or the device."""

from __future__ import annotations

from torch import Tensor


def fixed_order_sum(values: Tensor, overwrite: bool = False) -> Tensor:
    """Sum ``[...,N]`` over its last dimension by folding halves onto each other.

    A library's sum may split its work by batch or by thread, and so round differently. Folding uses only
    element-wise additions, which IEEE 754 determines; its error grows with log N (pairwise summation).

    Args:
        values: what to sum.
        overwrite: fold in place, which takes no memory and loses the values (and gradients).

    Returns:
        ``[...]``; zero where N is 0.
    """
    n = values.shape[-1]
    if n == 0:
        return values.sum(dim=-1)
    while n > 1:
        half = n // 2
        head, tail = values[..., :half], values[..., half : 2 * half]
        folded = head.add_(tail) if overwrite else head + tail
        if n % 2:
            folded[..., 0] += values[..., n - 1]
        values, n = folded, half
    # A clone, or a score would keep the whole buffer alive.
    return values[..., 0].clone() if overwrite else values[..., 0]


def fixed_order_mean(values: Tensor, overwrite: bool = False) -> Tensor:
    """Average ``[...,N]`` over its last dimension; see :func:`fixed_order_sum`."""
    return fixed_order_sum(values, overwrite) / values.shape[-1]
