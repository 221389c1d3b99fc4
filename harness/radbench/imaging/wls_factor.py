"""The multifrontal Cholesky factor of I + lambda L on an image grid, and solving with it: batched dense algebra only.

Each front is factored by dense operations over all boxes of its group at once, so that the work is done by
matrix products, on a CPU and on a GPU alike (Duff & Reid 1983, "The multifrontal solution of indefinite
sparse symmetric linear equations"; for an n x n image O(n^3) operations, O(n^2 log n) numbers).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from radbench.imaging.wls_dissection import Couplings, Group, Level, dissect, entries

_FEW_EDGES = 8
"""Up to here, one strided subtraction per edge is quicker than an indexed one for all."""


@dataclass(frozen=True)
class _Front:
    """The factor of one group: n boxes times B images, s eliminated pixels, r rim pixels.

    Attributes:
        pixels: ``[n,s]`` flat index of the eliminated pixels.
        inverse: ``[nB,s,s]`` inverse of the lower Cholesky factor of the eliminated block.
        coupling: ``[nB,s,r]`` ``inverse`` times the block between eliminated and rim pixels.
    """

    group: Group
    pixels: Tensor
    inverse: Tensor
    coupling: Tensor


@dataclass(frozen=True)
class Factor:
    """A factored operator.

    Attributes:
        levels: fronts by level, the whole image first.
        images: how many images it holds.
    """

    levels: tuple[tuple[_Front, ...], ...]
    images: int


def factor(diagonal: Tensor, right: Tensor, below: Tensor, dtype: torch.dtype) -> Factor:
    """Factor the symmetric five-point operators of B images.

    Args:
        diagonal: ``[B,H,W]``, the sum of the pixel's edge weights plus its data weight.
        right: ``[B,H,W]``, weight of the edge to the right neighbour; the last column is not read.
        below: ``[B,H,W]``, weight of the edge to the neighbour below; the last row is not read.
        dtype: precision of the factor. About 60 numbers per pixel are kept (1024 x 1024), as many again
            are needed while factoring.

    Returns:
        The factor; where a block is not positive definite in this precision it holds NaN.
    """
    images, height, width = diagonal.shape
    levels = dissect(height, width)
    on_pixels = diagonal.reshape(images, -1).T.to(dtype)
    on_edges = torch.cat([right.reshape(images, -1), below.reshape(images, -1)], dim=1).T.to(dtype)
    device = diagonal.device

    store = _Arena(entries(levels) * images, _fronts(levels), dtype, device)
    largest = [max((_rims(level) for level in levels[parity::2]), default=0) * images for parity in (0, 1)]
    updates = [_Arena(size, _fronts(levels), dtype, device) for size in largest]
    groups = [g for level in levels for g in level]
    own = _Arena(max(g.boxes * g.eliminated**2 for g in groups) * images, 1, dtype, device)
    shared = _Arena(max(g.boxes * g.eliminated * g.rim for g in groups) * images, 1, dtype, device)

    factored: list[tuple[_Front, ...]] = []
    lower: list[Tensor] = []
    for depth in range(len(levels) - 1, -1, -1):
        update_arena = updates[depth % 2]
        update_arena.clear()
        fronts, upper = [], []
        for g in levels[depth]:
            n, s, r = g.boxes * images, g.eliminated, g.rim
            own.clear()
            shared.clear()
            block, cross = own.take(n, s, s).zero_(), shared.take(n, s, r).zero_()
            update = update_arena.take(n, r, r).zero_()
            inverse, coupling = store.take(n, s, s), store.take(n, s, r)
            _gather(g, lower, images, block, cross, update)
            origins = torch.from_numpy(g.origins)[:, None].to(device)
            pixels = origins + torch.from_numpy(g.separator).to(device)
            block.diagonal(dim1=1, dim2=2).add_(_by_box(on_pixels[pixels]))
            _subtract_edges(block, g.inner, origins, on_edges)
            _subtract_edges(cross, g.outer, origins, on_edges)
            _invert_cholesky(block, inverse)
            torch.bmm(inverse, cross, out=coupling)
            torch.baddbmm(update, coupling.mT, coupling, alpha=-1, out=update)
            fronts.append(_Front(g, pixels, inverse, coupling))
            upper.append(update)
        factored.append(tuple(fronts))
        lower = upper
    return Factor(tuple(reversed(factored)), images)


def solve_factored(factored: Factor, right_hand_side: Tensor) -> Tensor:
    """Return the solution for one right-hand side per image.

    Args:
        factored: what :func:`factor` returned.
        right_hand_side: ``[B,H,W]``, any precision.

    Returns:
        ``[B,H,W]`` in the precision of the right-hand side, accurate to that of the factor.
    """
    images = factored.images
    dtype, device = factored.levels[0][0].inverse.dtype, right_hand_side.device
    values = right_hand_side.reshape(images, -1).T.to(dtype)
    reduced: list[list[Tensor]] = []
    lower: list[Tensor] = []
    for level in reversed(factored.levels):
        kept, upper = [], []
        for front in level:
            g, n = front.group, front.group.boxes * images
            own = _by_box(values[front.pixels])
            rim = torch.zeros(n, g.rim, dtype=dtype, device=device)
            for part in g.parts:
                half = lower[part.group][part.start * images :][:n]
                for i, j, length in part.runs:
                    if j < g.eliminated:
                        own[:, j : j + length] += half[:, i : i + length]
                    else:
                        rim[:, j - g.eliminated :][:, :length] = half[:, i : i + length]
            u = _times(own, front.inverse.mT)
            kept.append(u)
            upper.append(rim.sub_(_times(u, front.coupling)))
        reduced.append(kept)
        lower = upper
    return _substitute_back(factored, reduced[::-1], values).T.reshape(right_hand_side.shape).to(right_hand_side.dtype)


def _substitute_back(factored: Factor, reduced: Sequence[Sequence[Tensor]], values: Tensor) -> Tensor:
    """Return ``[N,B]``, from the whole image down to the leaves."""
    images = factored.images
    solution = torch.empty_like(values)
    rims = [values.new_empty(images, 0)]
    for depth, level in enumerate(factored.levels):
        below = factored.levels[depth + 1] if depth + 1 < len(factored.levels) else ()
        next_rims = [values.new_empty(f.group.boxes * images, f.group.rim) for f in below]
        for front, u, rim in zip(level, reduced[depth], rims, strict=True):
            g, n = front.group, front.group.boxes * images
            own = _times(u - _times(rim, front.coupling.mT), front.inverse)
            solution[front.pixels] = own.reshape(g.boxes, images, -1).transpose(1, 2)
            for part in g.parts:
                half = next_rims[part.group][part.start * images :][:n]
                for i, j, length in part.runs:
                    source = own[:, j:] if j < g.eliminated else rim[:, j - g.eliminated :]
                    half[:, i : i + length] = source[:, :length]
        rims = next_rims
    return solution


class _Arena:
    """One block of memory, handed out in pieces and reused: fresh pages would cost more than the arithmetic."""

    _ALIGN = 16  # numbers: pieces start on a cache line, or the matrix library's bits would vary with the address

    def __init__(self, size: int, pieces: int, dtype: torch.dtype, device: torch.device) -> None:
        room = size + self._ALIGN * (2 * pieces + 1)
        if device.type == "cpu":
            # NumPy asks the system for large pages, which torch does not by default.
            self._memory = torch.from_numpy(np.empty(room, np.float32 if dtype == torch.float32 else np.float64))
        else:
            self._memory = torch.empty(room, dtype=dtype, device=device)
        line = self._ALIGN * self._memory.element_size()
        self._first = (-self._memory.data_ptr() % line) // self._memory.element_size()
        self._next = self._first

    def clear(self) -> None:
        """Take back every piece."""
        self._next = self._first

    def take(self, *shape: int) -> Tensor:
        """Return an uninitialised piece."""
        count = int(np.prod(shape))
        piece = self._memory[self._next : self._next + count].view(shape)
        self._next += -(-count // self._ALIGN) * self._ALIGN
        return piece


def _fronts(levels: Sequence[Level]) -> int:
    return sum(len(level) for level in levels)


def _rims(level: Level) -> int:
    return sum(g.boxes * g.rim**2 for g in level)


def _times(vectors: Tensor, matrices: Tensor) -> Tensor:
    """Return ``[n,l]`` from ``[n,k]`` and ``[n,k,l]``: as rows, which the CPU multiplies several times faster."""
    return torch.bmm(vectors[:, None, :], matrices)[:, 0]


def _by_box(values: Tensor) -> Tensor:
    """``[n,k,B]`` as ``[nB,k]``: the images of a box follow one another."""
    n, k, images = values.shape
    return values.transpose(1, 2).reshape(n * images, k)


def _gather(g: Group, lower: Sequence[Tensor], images: int, block: Tensor, cross: Tensor, update: Tensor) -> None:
    """Add the halves' updates into the front: eliminated block, coupling to the rim, rim."""
    s = g.eliminated
    for part in g.parts:
        half = lower[part.group][part.start * images :][: g.boxes * images]
        for i, a, length_a in part.runs:
            for j, b, length_b in part.runs:
                piece = half[:, i : i + length_a, j : j + length_b]
                if a < s and b < s:
                    block[:, a : a + length_a, b : b + length_b] += piece
                elif a < s:
                    cross[:, a : a + length_a, b - s : b - s + length_b] = piece
                elif b >= s:
                    update[:, a - s : a - s + length_a, b - s : b - s + length_b] = piece


def _subtract_edges(matrix: Tensor, edges: Couplings, origins: Tensor, on_edges: Tensor) -> None:
    """Subtract the weights of the edges at their places, each of which occurs once."""
    if not len(edges.row):
        return
    weight = _by_box(on_edges[origins + torch.from_numpy(edges.edge).to(matrix.device)])
    if len(edges.row) <= _FEW_EDGES:
        for k, (i, j) in enumerate(zip(edges.row.tolist(), edges.column.tolist(), strict=True)):
            matrix[:, i, j] -= weight[:, k]
    else:
        place = torch.from_numpy(edges.row * matrix.shape[2] + edges.column).to(matrix.device)
        matrix.view(len(matrix), -1)[:, place] -= weight


def _invert_cholesky(block: Tensor, out: Tensor) -> None:
    """Write the inverse of the lower Cholesky factor; NaN where the block is not positive definite."""
    if block.shape[1] == 1:
        # The lowest levels hold most boxes, and a library call for each costs more than the square root.
        torch.rsqrt(block, out=out)
        return
    lower, info = torch.linalg.cholesky_ex(block)
    unit = torch.eye(block.shape[1], dtype=block.dtype, device=block.device).expand_as(block)
    torch.linalg.solve_triangular(lower, unit, upper=False, out=out)
    out[info != 0] = torch.nan
