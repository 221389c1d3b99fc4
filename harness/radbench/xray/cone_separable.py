"""Ray sums of views at right angles to the volume, as small matrix products, and their exact transpose.

In a frontal view every plane casts a shadow that is the plane itself enlarged: one axis follows the detector's rows,
the other its columns. Bilinear sampling is then A V B', where A and B hold the interpolation weights of rows and
columns. They are banded, so the products are done in tiles of the detector with the part of the plane that a tile sees.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from radbench.xray.cone_rays import Rays

PLANES_AT_ONCE = 64
TILE = 64
"""Side of a tile in pixels: small enough to leave out most of the zeros, large enough for the matrix product."""


class Band(NamedTuple):
    """The interpolation weights of one strip of the detector in some planes.

    Attributes:
        pixels: the strip's rows or columns.
        voxels: the part of the plane's axis that they see.
        weights: [k, pixels, voxels].
    """

    pixels: slice
    voxels: slice
    weights: Tensor


def gather_separably(planes: Tensor, rays: Rays) -> Tensor:
    """Sum the samples of each ray over the planes, as `cone_gather.gather` does; only for ``rays.separable``."""
    count = planes.shape[0]
    rows, columns = rays.step_mm.shape
    images = planes.new_zeros((count, rows, columns))
    for chunk, first, second in _bands(planes, rays):
        for across in first:
            for n in range(count):  # one by one, so that no bit depends on the others
                strip = torch.bmm(across.weights, planes[n, chunk, across.voxels])
                for along in second:
                    tile = torch.bmm(strip[:, :, along.voxels], along.weights.transpose(1, 2))
                    images[n, across.pixels, along.pixels] += tile.sum(0)
    return images


def spread_separably(images: Tensor, rays: Rays, shape: tuple[int, int, int]) -> Tensor:
    """Add each ray's value to the voxels that it samples: the transpose of `gather_separably`."""
    planes = images.new_zeros((images.shape[0], *shape))
    for chunk, first, second in _bands(planes, rays):
        for across in first:
            for n in range(len(images)):
                strip = images.new_zeros((across.weights.shape[0], across.weights.shape[1], shape[2]))
                for along in second:
                    strip[:, :, along.voxels] += images[n, across.pixels, along.pixels] @ along.weights
                planes[n, chunk, across.voxels] += torch.bmm(across.weights.transpose(1, 2), strip)
    return planes


def _bands(planes: Tensor, rays: Rays) -> Iterator[tuple[slice, list[Band], list[Band]]]:
    """Yield, for some planes at a time, the bands along the planes' first and second axis."""
    count, *sides = planes.shape[1:]
    for start in range(0, count, PLANES_AT_ONCE):
        chunk = slice(start, min(start + PLANES_AT_ONCE, count))
        first, second = (
            _bands_along(rays.origin[a] + rays.reach[chunk, None] * rays.slope[a].reshape(1, -1), sides[a], planes)
            for a in (0, 1)
        )
        inside = rays.between(chunk)
        if inside is not None:
            first = [band._replace(weights=band.weights * inside.to(planes)) for band in first]
        yield chunk, first, second


def _bands_along(places: Tensor, size: int, like: Tensor) -> list[Band]:
    bands = []
    for start in range(0, places.shape[1], TILE):
        pixels = slice(start, min(start + TILE, places.shape[1]))
        part = places[:, pixels]
        low = min(max(int(part.min().floor()), 0), size)
        high = min(max(int(part.max().floor()) + 2, low), size)
        if low < high:
            voxels = torch.arange(low, high, dtype=like.dtype, device=like.device)
            weights = (part.to(like)[..., None] - voxels).abs_().neg_().add_(1).clamp_(min=0)
            bands.append(Band(pixels, slice(low, high), weights))
    return bands
