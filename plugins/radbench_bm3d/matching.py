"""Block matching: for every reference block of a tile, the blocks that look most like it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Tile:
    """A grid of reference blocks, ``rows x columns`` of them.

    Attributes:
        top, left: the pixel at which the first of them starts.
        rows, columns: how many there are.
        step: pixels between neighbours.
    """

    top: int
    left: int
    rows: int
    columns: int
    step: int

    def seen(self, radius: int) -> tuple[int, int]:
        """Return how many positions in either direction lie within a radius of some reference block."""
        return (self.rows - 1) * self.step + 1 + 2 * radius, (self.columns - 1) * self.step + 1 + 2 * radius

    def parts(self, side: int) -> Iterator[Tile]:
        """Yield tiles of at most ``side x side`` reference blocks that make up this one, row by row."""
        for i in range(0, self.rows, side):
            for j in range(0, self.columns, side):
                yield Tile(
                    self.top + i * self.step,
                    self.left + j * self.step,
                    min(side, self.rows - i),
                    min(side, self.columns - j),
                    self.step,
                )


def tiles(height: int, width: int, block: int, step: int, side: int) -> Iterator[Tile]:
    """Yield tiles of reference blocks that cover an image, row by row.

    Blocks start at every ``step`` pixels; where the last does not reach the border, one more that does is added.
    """
    for top, rows in _runs(height - block, step, side):
        for left, columns in _runs(width - block, step, side):
            yield Tile(top, left, rows, columns, step)


def _runs(last: int, step: int, side: int) -> Iterator[tuple[int, int]]:
    count = last // step + 1
    for i in range(0, count, side):
        yield i * step, min(side, count - i)
    if last % step:
        yield last, 1


def blocks_of(image: Tensor, block: int) -> Tensor:
    """Return every block of an image, flattened by rows: ``[H,W]`` to ``[(H-block+1)(W-block+1), block^2]``."""
    return image.unfold(0, block, 1).unfold(1, block, 1).reshape(-1, block * block)


def match(
    features: Tensor, allowed: Tensor, tile: Tile, *, radius: int, most: int, farthest: float, part: int
) -> tuple[Tensor, Tensor]:
    """Return the blocks most like each reference block of a tile.

    Args:
        features: float32 ``[P,F]``, one row for each of the positions that the tile sees, in the order of rows; blocks
            are as alike as their features are near.
        allowed: float32 ``[P]``, 0 where a block lies in the image and infinity elsewhere.
        tile: the reference blocks.
        radius: how far from a reference block its likes may lie, in pixels, in either direction.
        most: how many blocks a group holds at most.
        farthest: the largest squared distance of features at which blocks still match.
        part: reference blocks are taken ``part x part`` at a time.

    Returns:
        Positions as rows of ``features``, int64 ``[R,M]``, the reference block first and the others by distance
        (M is ``most``, or all that the window holds); and how many of them match, int64 ``[R]``.
    """
    import torch

    height, width = tile.seen(radius)
    window = 2 * radius + 1
    count = min(most, window * window)
    # Distances come out as differences of norms: the smaller these, the fewer digits are lost.
    features = features - features.mean(0)
    norms = features.square().sum(1)
    grid = features.view(height, width, -1)
    reach, own = (norms + allowed).view(height, width), norms.view(height, width)
    found = torch.empty((tile.rows, tile.columns, count), dtype=torch.int64, device=features.device)
    enough = torch.empty((tile.rows, tile.columns), dtype=torch.int64, device=features.device)
    rows = torch.arange(height * width, device=features.device).view(height, width)
    for piece in tile.parts(part):
        down, right = piece.top - tile.top, piece.left - tile.left
        tall, wide = piece.seen(radius)
        seen = (slice(down, down + tall), slice(right, right + wide))
        refs = (
            slice(down + radius, down + tall - radius, tile.step),
            slice(right + radius, right + wide - radius, tile.step),
        )
        # |a - b|^2 = |a|^2 + |b|^2 - 2 a.b, and the first term does not change who is nearest.
        candidates = grid[seen].reshape(tall * wide, -1)
        references = grid[refs].reshape(piece.rows * piece.columns, -1)
        distances = torch.addmm(reach[seen].reshape(1, -1), references, candidates.T, alpha=-2.0)
        windows = distances.as_strided(
            (piece.rows, piece.columns, window, window),
            (
                piece.columns * tall * wide + tile.step * wide,
                tall * wide + tile.step,
                wide,
                1,
            ),
        ).reshape(piece.rows * piece.columns, window * window)
        windows[:, radius * window + radius] = -torch.inf
        nearest, where = windows.topk(count, dim=1, largest=False)
        first, second = down // tile.step, right // tile.step
        place = (slice(first, first + piece.rows), slice(second, second + piece.columns))
        start = rows[refs].reshape(-1, 1) - (radius * width + radius)
        where = start + where // window * width + where % window
        found[place] = where.view(piece.rows, piece.columns, count)
        near = nearest + own[refs].reshape(-1, 1) <= farthest
        enough[place] = near.sum(1).view(piece.rows, piece.columns)
    return found.view(-1, count), enough.view(-1)
