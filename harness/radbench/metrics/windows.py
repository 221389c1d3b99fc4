"""Gaussian windows over an image, and the antialiased bicubic halving between two scales."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor

# These filters are written as shifted sums: element-wise operations give the same bits in every batch and with every
# number of threads, and in float64 they are many times faster on a CPU than a dense convolution.


# An operation on no more elements than this (torch's grain size is one more) runs on the calling thread, out of its
# cache. Hundreds of short parallel operations would gain little, and lose all of it in waiting on a busy machine.
_SERIAL_ELEMENTS = 32_767


def tiles(height: int, width: int, halo: int, device: torch.device, step: int = 1) -> Iterator[tuple[slice, slice]]:
    """Cut an image into tiles that a CPU works on one after the other; any other device takes it whole.

    Args:
        height: rows to cover.
        width: columns to cover.
        halo: rows and columns of input that a tile needs beyond its own.
        device: where the image is.
        step: input pixels per output pixel, along each side.

    Yields:
        The rows and the columns of a tile.
    """
    across = down = 1
    if device.type == "cpu":
        across = math.ceil(step * width / 512)
        columns = step * math.ceil(width / across) + halo
        down = math.ceil(height / max(1, (_SERIAL_ELEMENTS // columns - halo) // step))
    tall, wide = math.ceil(height / down), math.ceil(width / across)
    for top in range(0, height, tall):
        for left in range(0, width, wide):
            yield slice(top, min(top + tall, height)), slice(left, min(left + wide, width))


@lru_cache(maxsize=16)
def gaussian_taps(size: int, sigma: float) -> tuple[float, ...]:
    """Return the weights of a Gaussian at the centre and at 1, 2, ... (size-1)/2 pixels from it.

    The whole window of ``size`` (odd) pixels sums to 1. The outer product of two such windows is the normalised
    two-dimensional Gaussian (MATLAB's ``fspecial('gaussian', size, sigma)``).
    """
    taps = [math.exp(-(d * d) / (2.0 * sigma * sigma)) for d in range(size // 2 + 1)]
    total = taps[0] + 2.0 * math.fsum(taps[1:])
    return tuple(t / total for t in taps)


def gaussian_filter(planes: Tensor, size: int, sigma: float) -> Tensor:
    """Filter with a Gaussian window, where it lies wholly inside the image.

    Args:
        planes: float ``[B,H,W]``, no side under ``size``.
        size: window side, odd.
        sigma: standard deviation, pixels.

    Returns:
        ``[B,H-size+1,W-size+1]``.
    """
    taps = gaussian_taps(size, sigma)
    return _symmetric_sum(_symmetric_sum(planes, taps, dim=-2), taps, dim=-1)


def _symmetric_sum(planes: Tensor, taps: tuple[float, ...], dim: int) -> Tensor:
    reach = len(taps) - 1
    n = planes.shape[dim] - 2 * reach
    total = planes.narrow(dim, reach, n) * taps[0]
    for d in range(1, reach + 1):
        ring = planes.narrow(dim, reach - d, n) + planes.narrow(dim, reach + d, n)
        total.add_(ring.mul_(taps[d]))
    return total


# A cubic kernel (Keys 1981, a = -1/2) stretched to twice its width has these values at 0.5, 1.5, 2.5 and 3.5 pixels
# from the middle between two pixels, where every pixel of the half-size image lies; all are exact in binary.
_HALVING_TAPS = (0.43359375, 0.11328125, -0.03515625, -0.01171875)
_HALVING_REACH = 3


def halve_bicubic(planes: Tensor) -> Tensor:
    """Halve images by antialiased bicubic interpolation, as MATLAB's ``imresize(image, 0.5)`` does.

    Borders are mirrored with the edge pixel repeated; odd sizes round up.

    Args:
        planes: float ``[B,H,W]``, at least 4 pixels high and wide.

    Returns:
        ``[B,ceil(H/2),ceil(W/2)]``; values may leave the input's range by the kernel's overshoot.
    """
    extended = _mirror(_mirror(planes, dim=-2), dim=-1)
    height, width = (math.ceil(side / 2) for side in planes.shape[-2:])
    halved = planes.new_empty(planes.shape[0], height, width)
    for rows, columns in tiles(height, width, 2 * _HALVING_REACH, planes.device, step=2):
        tile = extended[
            :,
            2 * rows.start : 2 * rows.stop + 2 * _HALVING_REACH,
            2 * columns.start : 2 * columns.stop + 2 * _HALVING_REACH,
        ]
        halved[:, rows, columns] = _halve(_halve(tile, dim=-2), dim=-1)
    return halved


def _mirror(planes: Tensor, dim: int) -> Tensor:
    size = planes.shape[dim]
    after = _HALVING_REACH + size % 2
    return torch.cat(
        (planes.narrow(dim, 0, _HALVING_REACH).flip(dim), planes, planes.narrow(dim, size - after, after).flip(dim)),
        dim,
    )


def _halve(extended: Tensor, dim: int) -> Tensor:
    # Even and odd pixels apart, so that each tap is a contiguous run.
    pairs = extended.unflatten(dim, (-1, 2))
    even, odd = pairs.select(dim, 0).contiguous(), pairs.select(dim, 1).contiguous()
    n = even.shape[dim] - _HALVING_REACH
    rings = []
    for d, tap in enumerate(_HALVING_TAPS):
        left, right = _HALVING_REACH - d, _HALVING_REACH + 1 + d
        ring = _every_second(even, odd, left, n, dim) + _every_second(even, odd, right, n, dim)
        rings.append(ring.mul_(tap))
    return rings[0].add_(rings[1]).add_(rings[2]).add_(rings[3])


def _every_second(even: Tensor, odd: Tensor, start: int, n: int, dim: int) -> Tensor:
    return (odd if start % 2 else even).narrow(dim, start // 2, n)
