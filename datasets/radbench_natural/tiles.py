"""Tiles: the equal parts that a large photograph is cut into, and how large it is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from radbench.contracts.errors import ImageReadError
from radbench.imaging.answers import answered
from radbench.imaging.raster import FORMATS

_EXIF_ORIENTATION = 0x0112
_LYING = (5, 6, 7, 8)
"""EXIF orientations in which rows and columns change places."""


@dataclass(frozen=True)
class Tile:
    """A part of a photograph, in pixels: rows from ``top`` to ``bottom``, without it; columns likewise."""

    top: int
    bottom: int
    left: int
    right: int


def tiles_of(rows: int, columns: int, most: int) -> list[Tile]:
    """Return the fewest equal parts, side by side and without overlap, that have at most ``most`` pixels a side.

    They are equal to within a pixel, and longer than half of ``most`` where a side is cut.
    """
    return [Tile(top, bottom, left, right) for top, bottom in _cut(rows, most) for left, right in _cut(columns, most)]


def _cut(length: int, most: int) -> list[tuple[int, int]]:
    parts = max(1, -(-length // most))
    edges = [length * i // parts for i in range(parts + 1)]
    return list(pairwise(edges))


def size_of(path: Path) -> tuple[int, int] | None:
    """Return (rows, columns) of a photograph as it is shown, from its header; None where that cannot be told."""
    from PIL import Image

    try:
        # A pipe would keep its reader waiting.
        if not path.is_file():
            return None
        with answered(path), Image.open(path, formats=FORMATS) as picture:
            width, height = picture.size
            turn = int(picture.getexif().get(_EXIF_ORIENTATION, 1))
    except (ImageReadError, OSError):
        # What is wrong shows when it is loaded.
        return None
    return (width, height) if turn in _LYING else (height, width)
