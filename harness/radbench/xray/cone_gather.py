"""Ray sums of any view: one bilinear look-up per ray and plane, plane by plane, and their exact transpose."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from radbench.xray.cone_rays import Rays

PLANES_AT_ONCE = 32
"""Planes per call: few calls, because threads wait for each other after each; memory is bounded by it."""


def gather(planes: Tensor, rays: Rays) -> Tensor:
    """Sum the samples of each ray over the planes.

    Args:
        planes: volumes [N,K,P,Q], planes along ``rays.depth`` first.
        rays: the view.

    Returns:
        Images [N,h,w]: sums of the samples, without the length of a step.
    """
    total: Tensor | None = None
    for chunk, grid, inside in _looks(planes, rays):
        samples = grid_sample(
            planes[:, chunk].transpose(0, 1), grid, mode="bilinear", padding_mode="zeros", align_corners=False
        )
        if inside is not None:
            samples = samples * inside[:, None]
        part = samples.sum(0)
        total = part if total is None else total.add_(part)
    assert total is not None
    return total


def spread(images: Tensor, rays: Rays, shape: tuple[int, int, int]) -> Tensor:
    """Add each ray's value to the voxels that it samples: the transpose of `gather`.

    Args:
        images: [N,h,w].
        rays: the view.
        shape: (K, P, Q) of the planes.

    Returns:
        Volumes [N,K,P,Q].
    """
    planes = images.new_empty((images.shape[0], *shape))
    for chunk, grid, inside in _looks(planes, rays):
        like = planes[:, chunk].transpose(0, 1)
        values = images.expand(like.shape[0], *images.shape)
        if inside is not None:
            values = values * inside[:, None]
        # The second argument counts for its shape alone, because no gradient for the grid is asked for.
        planes[:, chunk] = torch.ops.aten.grid_sampler_2d_backward(
            values, values.new_zeros(()).expand_as(like), grid, 0, 0, False, [True, False]
        )[0].transpose(0, 1)
    return planes


def _looks(planes: Tensor, rays: Rays) -> Iterator[tuple[slice, Tensor, Tensor | None]]:
    """Yield, for some planes at a time, where each ray meets them in `grid_sample`'s coordinates [k,h,w,2]."""
    count, *sides = planes.shape[1:]
    rows, columns = rays.step_mm.shape
    slope, origin = planes.new_empty((2, rows, columns, 2))
    # Index q of n voxels is (2 q + 1) / n - 1 in grid_sample's coordinates; its last coordinate comes first.
    for place, axis in enumerate((1, 0)):
        slope[..., place] = rays.slope[axis] * (2 / sides[axis])
        origin[..., place] = (2 * rays.origin[axis] + 1) / sides[axis] - 1
    for start in range(0, count, PLANES_AT_ONCE):
        chunk = slice(start, min(start + PLANES_AT_ONCE, count))
        grid = torch.addcmul(origin, slope, rays.reach[chunk, None, None, None].to(planes))
        inside = rays.between(chunk)
        yield chunk, grid, None if inside is None else inside.to(planes.device)
