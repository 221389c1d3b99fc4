"""Regions of an image: a square cut round a lesion, a resize, and the way back to the full image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from radbench.contracts.errors import CaseError

if TYPE_CHECKING:
    from torch import Tensor

Border = Literal["pad", "clip", "shift"]


@dataclass(frozen=True)
class Region:
    """A rectangle of whole pixels, which may reach beyond the image.

    Attributes:
        top: row of its first pixel; negative above the image.
        left: column of its first pixel; negative left of the image.
        height: its rows.
        width: its columns.
    """

    top: int
    left: int
    height: int
    width: int

    def points_to_region(self, points: Any) -> Tensor:
        """Turn x,y points ``[..., 2]`` of the image into points of the region; whole pixels stay whole."""
        return _moved(points, -self.left, -self.top)

    def points_to_image(self, points: Any) -> Tensor:
        """Turn x,y points ``[..., 2]`` of the region into points of the image."""
        return _moved(points, self.left, self.top)


def square_region(
    recist: Any,
    size: tuple[int, int],
    *,
    diameters: float = 2.0,
    border: Border = "pad",
    least: int = 8,
) -> Region:
    """Return the square region round a lesion, whose side is a multiple of the long diameter.

    Its centre is the centre of the box of the four RECIST points. Its side is ``ceil(diameters * long
    diameter)`` pixels, ``least`` or more.

    Args:
        recist: ``[4,2]`` x,y pixels (tensor or array): long axis a,b then short axis a,b.
        size: (H, W) of the image.
        diameters: the side in long diameters.
        border: where the square leaves the image: "pad" keeps it (:func:`crop` fills the outside), "clip"
            cuts it off (no longer square), "shift" moves it inside (and clips it where the image is smaller).
        least: the smallest side in pixels.

    Raises:
        CaseError: the points are not ``[4,2]`` and finite, or the square misses the image.
    """
    points = np.asarray(recist, dtype=np.float64)
    if points.shape != (4, 2) or not np.isfinite(points).all():
        raise CaseError(f"RECIST axes must be finite [4,2] x,y points, got {list(points.shape)}")
    diameter = float(np.hypot(*(points[1] - points[0])))
    # Rounding noise of float32 end points must not add a pixel.
    side = max(int(least), math.ceil(diameters * diameter - 1e-4))
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    left, top = (math.floor(c - side / 2 + 1.0) for c in centre)
    rows, columns = size
    if top >= rows or left >= columns or top + side <= 0 or left + side <= 0:
        raise CaseError(f"the RECIST axes lie outside the {rows} x {columns} image")
    region = Region(top, left, side, side)
    if border == "pad":
        return region
    if border == "shift":
        region = Region(_inside(top, side, rows), _inside(left, side, columns), side, side)
    return _clipped(region, rows, columns)


def crop(image: Tensor, region: Region, *, fill: float = 0.0) -> Tensor:
    """Cut a region out.

    Args:
        image: ``[..., H, W]`` of any type.
        region: what to cut; pixels outside the image become ``fill``.
        fill: the value outside.

    Returns:
        ``[..., region.height, region.width]``, a copy.
    """
    rows, columns = int(image.shape[-2]), int(image.shape[-1])
    out = image.new_full((*image.shape[:-2], region.height, region.width), fill)
    inside = _clipped(region, rows, columns)
    if inside.height > 0 and inside.width > 0:
        out[..., _rows(inside, region.top), _columns(inside, region.left)] = image[
            ..., _rows(inside, 0), _columns(inside, 0)
        ]
    return out


def paste(part: Tensor, region: Region, full: Tensor) -> Tensor:
    """Put a region back: a copy of ``full`` in which the region's pixels (those inside) are ``part``'s.

    Args:
        part: ``[..., region.height, region.width]``.
        region: where it was cut.
        full: ``[..., H, W]``: the image, or zeros for a mask.

    Raises:
        CaseError: the part is not the region's size.
    """
    if tuple(part.shape[-2:]) != (region.height, region.width):
        raise CaseError(f"the part is {list(part.shape[-2:])}, its region [{region.height}, {region.width}]")
    out = full.clone()
    inside = _clipped(region, int(full.shape[-2]), int(full.shape[-1]))
    if inside.height > 0 and inside.width > 0:
        out[..., _rows(inside, 0), _columns(inside, 0)] = part[
            ..., _rows(inside, region.top), _columns(inside, region.left)
        ]
    return out


@dataclass(frozen=True)
class Resized:
    """A resize, to go either way. Pixel centres are at whole numbers; edges of the image stay edges.

    Attributes:
        original: (H, W) before.
        size: (H, W) after.
    """

    original: tuple[int, int]
    size: tuple[int, int]

    def points_to_resized(self, points: Any) -> Tensor:
        """Turn x,y points ``[..., 2]`` of the original into points of the resized image."""
        return _scaled(points, self.original, self.size)

    def points_to_original(self, points: Any) -> Tensor:
        """Turn x,y points ``[..., 2]`` of the resized image into points of the original."""
        return _scaled(points, self.size, self.original)

    def mask_to_resized(self, mask: Tensor) -> Tensor:
        """Resize a mask or label map ``[..., H, W]``: each pixel takes the value at its centre."""
        return _nearest(mask, self.original, self.size)

    def mask_to_original(self, mask: Tensor) -> Tensor:
        """Take a mask or label map back. Exact after an enlargement by :meth:`mask_to_resized`."""
        return _nearest(mask, self.size, self.original)

    def image_to_resized(self, image: Tensor) -> Tensor:
        """Resize a float image ``[1,H,W]`` or ``[B,1,H,W]``: bilinear, antialiased where it shrinks."""
        return _bilinear(image, self.original, self.size)

    def image_to_original(self, image: Tensor) -> Tensor:
        """Take a float image back to the original size, in the same way."""
        return _bilinear(image, self.size, self.original)


def resize(image: Tensor, size: tuple[int, int]) -> tuple[Tensor, Resized]:
    """Resize an image, and return the mapping that leads points and masks back.

    Args:
        image: float ``[1,H,W]`` or ``[B,1,H,W]``.
        size: (H, W) wanted.

    Returns:
        The image, bilinear and antialiased where it shrinks, within the input's range; and the mapping.

    Raises:
        CaseError: the size has no pixels.
    """
    if min(size) < 1:
        raise CaseError(f"an image cannot be resized to {list(size)}")
    mapping = Resized((int(image.shape[-2]), int(image.shape[-1])), (int(size[0]), int(size[1])))
    return mapping.image_to_resized(image), mapping


def _inside(first: int, side: int, length: int) -> int:
    return max(0, min(first, length - side))


def _clipped(region: Region, rows: int, columns: int) -> Region:
    top, left = max(0, region.top), max(0, region.left)
    bottom = min(rows, region.top + region.height)
    right = min(columns, region.left + region.width)
    return Region(top, left, max(0, bottom - top), max(0, right - left))


def _rows(inside: Region, origin: int) -> slice:
    return slice(inside.top - origin, inside.top - origin + inside.height)


def _columns(inside: Region, origin: int) -> slice:
    return slice(inside.left - origin, inside.left - origin + inside.width)


def _as_points(points: Any) -> Tensor:
    import torch

    tensor = torch.as_tensor(points)
    return tensor if tensor.is_floating_point() else tensor.double()


def _moved(points: Any, x: int, y: int) -> Tensor:
    tensor = _as_points(points)
    return tensor + tensor.new_tensor((x, y))


def _scaled(points: Any, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
    tensor = _as_points(points)
    factor = tensor.double().new_tensor((new[1] / old[1], new[0] / old[0]))
    return ((tensor.double() + 0.5) * factor - 0.5).to(tensor.dtype)


def _nearest(mask: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
    _check_size(mask, old)
    rows, columns = (_centres(old[axis], new[axis]) for axis in (0, 1))
    return mask[..., rows, :][..., columns]


def _centres(old: int, new: int) -> Sequence[int]:
    # Whole numbers: the old pixel under the centre of each new one, never off by rounding.
    return [((2 * i + 1) * old) // (2 * new) for i in range(new)]


def _bilinear(image: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
    from torch.nn.functional import interpolate

    _check_size(image, old)
    if old == new:
        return image.clone()
    batch = image if image.ndim == 4 else image[None]
    out = interpolate(batch, size=new, mode="bilinear", align_corners=False, antialias=True)
    # Weights sum to 1 within rounding only; a value just above 1 would break the contract.
    low, high = batch.amin(dim=(-2, -1), keepdim=True), batch.amax(dim=(-2, -1), keepdim=True)
    out = out.clamp(low, high)
    return out if image.ndim == 4 else out[0]


def _check_size(image: Tensor, size: tuple[int, int]) -> None:
    if tuple(image.shape[-2:]) != size:
        raise CaseError(f"the image is {list(image.shape[-2:])}, the mapping is for {list(size)}")
