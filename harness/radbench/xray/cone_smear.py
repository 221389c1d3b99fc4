"""Images laid along their rays: each voxel looks its value up where its ray meets the detector (XraySyn Eq. 7)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from radbench.xray.geometry import ConeBeamGeometry, Pose, view

SLICES_AT_ONCE = 32
"""Slices per call; memory is bounded by it."""


def smear(images: Tensor, pose: Pose, geometry: ConeBeamGeometry, shape: tuple[int, int, int]) -> Tensor:
    """Give every voxel the image's value where the ray through it ends, bilinearly, and 0 where none passes.

    Voxels up to one voxel beside the outermost rays take part, with the value at the image's edge: those rays'
    trilinear samples need them.

    Args:
        images: [N,h,w].
        pose: the view.
        geometry: source, detector and voxels.
        shape: (D, H, W).

    Returns:
        Volumes [N,D,H,W].
    """
    volumes = images.new_empty((images.shape[0], *shape))
    for chunk, grid, lit in _looks(images, pose, geometry, shape):
        found = grid_sample(
            images.expand(len(grid), *images.shape), grid, mode="bilinear", padding_mode="border", align_corners=False
        )
        volumes[:, chunk] = (found * lit[:, None]).transpose(0, 1)
    return volumes


def gather_back(volumes: Tensor, pose: Pose, geometry: ConeBeamGeometry) -> Tensor:
    """Apply the transpose of `smear`: [N,D,H,W] to [N,h,w]."""
    shape = (volumes.shape[1], volumes.shape[2], volumes.shape[3])
    images = volumes.new_zeros((volumes.shape[0], *geometry.detector_shape))
    for chunk, grid, lit in _looks(images, pose, geometry, shape):
        values = volumes[:, chunk].transpose(0, 1) * lit[:, None]
        like = values.new_zeros(()).expand(len(grid), *images.shape)
        spread = torch.ops.aten.grid_sampler_2d_backward(values, like, grid, 0, 1, False, [True, False])[0]
        images += spread.sum(0)
    return images


def _looks(
    images: Tensor, pose: Pose, geometry: ConeBeamGeometry, shape: tuple[int, int, int]
) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Yield, for some slices at a time, where voxels fall on the detector (as `grid_sample` counts), and which do."""
    seen = view(pose, geometry)
    z, y, x = (
        ((torch.arange(n, dtype=torch.float64) - (n - 1) / 2) * s - from_source)
        for n, s, from_source in zip(shape, geometry.voxel_spacing_mm, seen.source, strict=True)
    )

    def along(vector: tuple[float, float, float]) -> tuple[Tensor, Tensor]:
        """The scalar product of the vector with the way from the source to each voxel: slices' part, pixels' part."""
        length = sum(c * c for c in vector)
        part = (y[:, None] * vector[1] + x[None, :] * vector[2]) / length
        return (z * vector[0] / length).to(images)[:, None, None], part.to(images)

    depth_of_slice, depth = along(seen.axis)
    rows, columns = geometry.detector_shape
    widest = max(geometry.voxel_spacing_mm)
    for start in range(0, shape[0], SLICES_AT_ONCE):
        chunk = slice(start, min(start + SLICES_AT_ONCE, shape[0]))
        # Part of the way from the source to the detector's plane, measured along the central ray.
        part = depth_of_slice[chunk] + depth
        lit = part > 0
        enlargement = 1 / part.clamp(min=1e-6)
        lit &= part <= 1
        grid = images.new_empty((*part.shape, 2))
        for place, (vector, pixels) in enumerate(((seen.column, columns), (seen.row, rows))):
            of_slice, of_pixel = along(vector)
            offset = (of_slice[chunk] + of_pixel) * enlargement
            length = sum(c * c for c in vector) ** 0.5
            lit &= offset.abs() <= (pixels - 1) / 2 + enlargement * (widest / length)
            grid[..., place] = offset * (2 / pixels)
        yield chunk, grid, lit
