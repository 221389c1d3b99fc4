"""The square of an image that the holistically nested network looks at: cut out and scaled, and put back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from radbench.contracts.errors import CaseError
from radbench.learn.batch import resized

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Square:
    """Whole pixels of an image, as far as it reaches; beyond, its edge goes on.

    Attributes:
        top, left: the first row and column; they may lie outside the image.
        side: in pixels.
    """

    top: int
    left: int
    side: int

    def cut(self, pictures: Tensor, size: int) -> Tensor:
        """Return what it shows, scaled.

        Args:
            pictures: float32 ``[C,H,W]``, or a mask, bool, of which nothing lies beyond the image.
            size: side of the result in pixels.

        Returns:
            ``[C,size,size]`` of the same type.
        """
        (rows, within_rows), (columns, within_columns) = (
            self._places(first, length, pictures.device)
            for first, length in zip((self.top, self.left), pictures.shape[1:], strict=True)
        )
        seen = pictures[:, rows][:, :, columns]
        if seen.dtype == torch.bool:
            seen = seen & within_rows[:, None] & within_columns
        return resized(seen[None], (size, size))[0]

    def put_back(self, found: Tensor, shape: tuple[int, int]) -> Tensor:
        """Return float32 ``[C,S,S]`` at its place in an image of (height, width) ``shape``, 0 elsewhere."""
        whole = found.new_zeros(len(found), *shape)
        scaled = functional.interpolate(found[None], size=(self.side, self.side), mode="bilinear", antialias=True)[0]
        top, left = max(self.top, 0), max(self.left, 0)
        bottom, right = min(self.top + self.side, shape[0]), min(self.left + self.side, shape[1])
        inside = scaled[:, top - self.top : bottom - self.top, left - self.left : right - self.left]
        whole[:, top:bottom, left:right] = inside
        return whole

    def _places(self, first: int, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
        places = torch.arange(first, first + self.side, device=device)
        return places.clamp(0, length - 1), (places >= 0) & (places < length)


def whole_image(shape: tuple[int, int]) -> Square:
    """Return the smallest square that holds an image of (height, width) ``shape``."""
    side = max(shape)
    return Square((shape[0] - side) // 2, (shape[1] - side) // 2, side)


def roi_of(recist: Tensor, shape: tuple[int, int], scale: float, min_box: float) -> Square:
    """Return the region of interest of Tang et al. 2018 (section 3), to whole pixels.

    Args:
        recist: ``[4,2]`` x,y pixels, long axis then short axis.
        shape: (height, width) of the image.
        scale: its side in long diameters.
        min_box: least long diameter in pixels, for marks of almost no length.

    Raises:
        CaseError: the marks are not finite ``[4,2]``, or their centre lies outside the image.
    """
    points = recist.detach().cpu().double()
    if points.shape != (4, 2) or not bool(torch.isfinite(points).all()):
        raise CaseError(f"recist must be four finite x,y points [4,2], got {points.tolist()}")
    height, width = shape
    x, y = ((points.amin(dim=0) + points.amax(dim=0)) / 2).tolist()
    if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5):
        raise CaseError(f"the RECIST marks centre on ({x:.1f}, {y:.1f}), outside the {width}x{height} image")
    diameter = max(math.dist(points[0].tolist(), points[1].tolist()), min_box)
    side = max(2, math.floor(scale * diameter + 0.5))
    # A pixel reaches half a pixel to either side of its centre.
    top, left = (math.floor(middle - side / 2 + 1) for middle in (y, x))
    return Square(top, left, side)
