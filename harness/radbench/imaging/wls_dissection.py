"""Nested dissection of an image grid: in which order, and in which equal-shaped groups, its pixels are eliminated.

A box of pixels is halved by a one-pixel-wide separator, the halves again, down to boxes of at most
:data:`LEAF` pixels a side (George 1973, "Nested dissection of a regular finite element mesh"). Boxes of one
level that have the same shape and touch the image border on the same sides form a group, and are factored
together as one batch. Nothing is padded, so every image size is treated exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

LEAF = 3
"""Boxes up to this side are eliminated whole; below 3, halving could leave a box with no pixel."""

Sides = tuple[bool, bool, bool, bool]
"""Whether pixels lie beyond the left, right, top and bottom of a box."""

Run = tuple[int, int, int]
"""(first place in the child's rim, first place in the parent's front, length)."""


@dataclass(frozen=True)
class Part:
    """The halves that one group takes from a group of the level below.

    Attributes:
        group: index of that group in its level.
        start: the first of its boxes; as many follow as the parent group has.
        runs: where the rim of a half lies in the front of the whole.
    """

    group: int
    start: int
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Couplings:
    """Neighbouring pixels of a front that share an edge of the grid.

    Attributes:
        row: place in the separator.
        column: place in the separator, or in the rim.
        edge: offset of their weight from the box's origin; weights to the right come first, then those below.
    """

    row: NDArray[np.int64]
    column: NDArray[np.int64]
    edge: NDArray[np.int64]


@dataclass(frozen=True)
class Group:
    """Boxes of one shape; a *front* is a box's separator followed by its rim.

    Attributes:
        height, width: of each box, in pixels.
        sides: where the rim exists.
        origins: flat index of each box's first pixel.
        separator: offsets of the pixels that this level eliminates (all of them in a leaf).
        rim: number of pixels just outside the box, which stay coupled by the elimination.
        parts: the halves; none for a leaf.
        inner, outer: edges within the separator, and from it to the rim.
    """

    height: int
    width: int
    sides: Sides
    origins: NDArray[np.int64]
    separator: NDArray[np.int64]
    rim: int
    parts: tuple[Part, ...]
    inner: Couplings
    outer: Couplings

    @property
    def boxes(self) -> int:
        """Number of boxes."""
        return len(self.origins)

    @property
    def eliminated(self) -> int:
        """Number of pixels eliminated per box."""
        return len(self.separator)


Level = tuple[Group, ...]


@dataclass
class _Bin:
    """A group of the next level while its boxes are being collected."""

    index: int
    boxes: int = 0
    origins: list[NDArray[np.int64]] = field(default_factory=list)


_Key = tuple[int, int, Sides]


@lru_cache(maxsize=8)
def dissect(height: int, width: int) -> tuple[Level, ...]:
    """Return the levels of the dissection, the whole image first.

    Args:
        height, width: of the image, in pixels, both at least 1.
    """
    found: dict[_Key, NDArray[np.int64]] = {(height, width, (False, False, False, False)): np.zeros(1, dtype=np.int64)}
    levels: list[Level] = []
    while found:
        tallest, widest = max(h for h, _, _ in found), max(w for _, w, _ in found)
        axis = -1 if max(tallest, widest) <= LEAF else int(widest >= tallest)
        below: dict[_Key, _Bin] = {}
        levels.append(tuple(_group(key, origins, axis, (height, width), below) for key, origins in found.items()))
        found = {key: np.concatenate(b.origins) for key, b in below.items()}
    return tuple(levels)


def _group(key: _Key, origins: NDArray[np.int64], axis: int, image: tuple[int, int], below: dict[_Key, _Bin]) -> Group:
    """Describe one group, and hand its halves to the level below; ``axis`` -1 makes it a leaf."""
    h, w, sides = key
    halves, separator = _halve(h, w, sides, axis)
    rim = _rim(h, w, sides)
    place = np.full((h + 2, w + 2), -1, dtype=np.int64)
    place[separator[:, 0] + 1, separator[:, 1] + 1] = np.arange(len(separator))
    place[rim[:, 0] + 1, rim[:, 1] + 1] = len(separator) + np.arange(len(rim))
    parts = []
    for offset, half in halves:
        target = below.setdefault(half, _Bin(len(below)))
        inside = _rim(*half) + offset
        front = place[inside[:, 0] + 1, inside[:, 1] + 1]
        parts.append(Part(target.index, target.boxes, _runs(front, len(separator))))
        target.boxes += len(origins)
        target.origins.append(origins + offset[0] * image[1] + offset[1])
    inner, outer = _couplings(separator, place, image)
    return Group(
        h,
        w,
        sides,
        origins,
        separator[:, 0] * image[1] + separator[:, 1],
        len(rim),
        tuple(parts),
        inner,
        outer,
    )


def _halve(h: int, w: int, sides: Sides, axis: int) -> tuple[list[tuple[tuple[int, int], _Key]], NDArray[np.int64]]:
    """Return the halves (offset and key) and the separator's ``[S,2]`` (y,x) pixels."""
    left, right, top, bottom = sides
    if axis == 1:
        at = w // 2
        column = np.stack([np.arange(h), np.full(h, at)], axis=1)
        return [
            ((0, 0), (h, at, (left, True, top, bottom))),
            ((0, at + 1), (h, w - 1 - at, (True, right, top, bottom))),
        ], column
    if axis == 0:
        at = h // 2
        row = np.stack([np.full(w, at), np.arange(w)], axis=1)
        return [
            ((0, 0), (at, w, (left, right, top, True))),
            ((at + 1, 0), (h - 1 - at, w, (left, right, True, bottom))),
        ], row
    return [], np.stack(np.divmod(np.arange(h * w), w), axis=1)


def _rim(h: int, w: int, sides: Sides) -> NDArray[np.int64]:
    """Return the ``[R,2]`` (y,x) pixels just outside a box: left, right, top, bottom; corners touch no pixel of it."""
    y, x = np.arange(h), np.arange(w)
    lines = (
        np.stack([y, np.full(h, -1)], axis=1),
        np.stack([y, np.full(h, w)], axis=1),
        np.stack([np.full(w, -1), x], axis=1),
        np.stack([np.full(w, h), x], axis=1),
    )
    kept = [line for line, there in zip(lines, sides, strict=True) if there]
    return np.concatenate(kept) if kept else np.zeros((0, 2), dtype=np.int64)


def _runs(front: NDArray[np.int64], separator: int) -> tuple[Run, ...]:
    """Cut a sequence of places into runs of consecutive ones that do not cross from separator into rim."""
    breaks = np.flatnonzero((np.diff(front) != 1) | (front[1:] == separator)) + 1
    starts = [0, *breaks.tolist()]
    return tuple((i, int(front[i]), j - i) for i, j in zip(starts, [*starts[1:], len(front)], strict=True) if j > i)


def _couplings(
    separator: NDArray[np.int64], place: NDArray[np.int64], image: tuple[int, int]
) -> tuple[Couplings, Couplings]:
    """Return the edges from the separator to itself (both ways) and to the rim."""
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]] = []
    y, x = separator[:, 0], separator[:, 1]
    for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        below = image[0] * image[1] if dy else 0
        edge = below + (y + min(dy, 0)) * image[1] + x + min(dx, 0)
        found.append((np.arange(len(separator)), place[y + 1 + dy, x + 1 + dx], edge))
    row, column, edge = (np.concatenate(a) for a in zip(*found, strict=True))
    inner = (column >= 0) & (column < len(separator))
    outer = column >= len(separator)
    return (
        Couplings(row[inner], column[inner], edge[inner]),
        Couplings(row[outer], column[outer] - len(separator), edge[outer]),
    )


def entries(levels: Sequence[Level]) -> int:
    """Return how many numbers a factor holds."""
    return sum(g.boxes * g.eliminated * (g.eliminated + g.rim) for level in levels for g in level)
