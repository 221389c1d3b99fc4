"""Geometric augmentation: one random map per sample, for the source, its targets and its masks alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from radbench.contracts.errors import ConfigurationError
from radbench.learn.draws import chance, generators, uniform


@dataclass(frozen=True)
class GeometryOptions:
    """How far a sample may be moved; every draw is uniform within its bounds, 0 leaves that movement out.

    Attributes:
        flip: probability of a horizontal flip.
        rotation_deg: largest rotation, in degrees either way.
        scale: largest change of size as a share of it: 0.3 draws from 0.7 to 1.3.
        scale_per_axis: draw height and width apart, as Keras's zoom does.
        shift: largest shift (down, right) as a share of height and width.
        shear_deg: largest shear, in degrees either way.
        crop: largest share of height and width, each, that is cut away before the rest is stretched over the whole.
        elastic: standard deviation of a smooth random displacement at its nodes, as a share of the height.
        elastic_nodes: nodes of its coarse grid along each axis; fewer are smoother.
        fill: what lies beyond the image: its edge, 0, or its reflection.
    """

    flip: float = 0.0
    rotation_deg: float = 0.0
    scale: float = 0.0
    scale_per_axis: bool = False
    shift: tuple[float, float] = (0.0, 0.0)
    shear_deg: float = 0.0
    crop: float = 0.0
    elastic: float = 0.0
    elastic_nodes: int = 4
    fill: Literal["border", "zeros", "reflection"] = "border"

    def __post_init__(self) -> None:
        if not 0 <= self.flip <= 1:
            raise ConfigurationError(f"flip is a probability in [0,1], got {self.flip}")
        if not 0 <= self.scale < 1 or not 0 <= self.crop < 1:
            raise ConfigurationError(f"scale and crop are shares in [0,1), got {self.scale} and {self.crop}")
        if self.elastic_nodes < 2:
            raise ConfigurationError(f"elastic_nodes must be at least 2, got {self.elastic_nodes}")
        if self.fill not in ("border", "zeros", "reflection"):
            raise ConfigurationError(f"fill '{self.fill}' must be border, zeros or reflection")

    @property
    def still(self) -> bool:
        """Whether nothing is ever moved."""
        return not any((self.flip, self.rotation_deg, self.scale, *self.shift, self.shear_deg, self.crop, self.elastic))


def draw_grid(
    options: GeometryOptions, seed: int, epoch: int, indices: Sequence[int], size: tuple[int, int], device: str = "cpu"
) -> Tensor | None:
    """Draw where each pixel of the augmented samples comes from.

    Args:
        options: the bounds.
        seed, epoch, indices: what the draws depend on, and nothing else.
        size: (H, W) in pixels.
        device: where the grid belongs.

    Returns:
        float32 ``[B,H,W,2]``: (x, y) in the samples, -1 and 1 at the outer edges of their pixels; None where nothing
        is ever moved, so that the identity is exact.
    """
    if options.still:
        return None
    height, width = size
    affine = _draw_affine(options, seed, epoch, indices, height / width).to(device)
    y = ((torch.arange(height, device=device) * 2 + 1) / height - 1)[None, :, None]
    x = ((torch.arange(width, device=device) * 2 + 1) / width - 1)[None, None, :]
    a = affine[:, :, :, None, None]
    # Products and sums pixel by pixel: a matrix product may round otherwise in another batch.
    grid = torch.stack([a[:, row, 0] * x + a[:, row, 1] * y + a[:, row, 2] for row in range(2)], dim=-1)
    if options.elastic:
        grid = grid + _draw_elastic(options, seed, epoch, indices, size).to(device)
    return grid


def warp(images: Tensor, grid: Tensor | None, fill: str = "border", nearest: bool = False) -> Tensor:
    """Fetch every pixel from where the grid points.

    Args:
        images: ``[B,C,H,W]``.
        grid: of :func:`draw_grid`; None returns the images themselves.
        fill: what lies beyond the image.
        nearest: take the nearest pixel instead of interpolating; always so for masks and whole numbers.

    Returns:
        ``[B,C,H,W]`` of the same type.
    """
    if grid is None:
        return images
    mode = "bilinear" if images.is_floating_point() and not nearest else "nearest"
    out = functional.grid_sample(images.float(), grid, mode=mode, padding_mode=fill, align_corners=False)
    return out > 0.5 if images.dtype == torch.bool else out.to(images.dtype)


def moved_boxes(
    boxes: Tensor, options: GeometryOptions, seed: int, epoch: int, indices: Sequence[int], size: tuple[int, int]
) -> Tensor:
    """Return the boxes round the moved corners of boxes, as :func:`draw_grid` with the same arguments moves pictures.

    Args:
        boxes: float32 ``[B,N,4]``, x,y,x,y in pixels.
        options, seed, epoch, indices, size: as for :func:`draw_grid`.

    Raises:
        ConfigurationError: the geometry is elastic, under which a box has no corners.
    """
    if options.elastic:
        raise ConfigurationError("boxes cannot be moved elastically: set elastic=0")
    height, width = size
    affine = _draw_affine(options, seed, epoch, indices, height / width).double()
    last = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64).expand(len(affine), 1, 3)
    # An augmented pixel's place times the map is its place in the lesson: boxes go the other way.
    back = torch.linalg.inv(torch.cat([affine, last], dim=1)).to(boxes.device)
    scale = torch.tensor([width, height], dtype=torch.float64, device=boxes.device)
    corners = boxes.double()[..., [0, 1, 2, 1, 0, 3, 2, 3]].unflatten(-1, (4, 2))
    unit = (corners * 2 + 1) / scale - 1
    ones = torch.ones_like(unit[..., :1])
    moved = torch.einsum("brc,bnkc->bnkr", back, torch.cat([unit, ones], dim=-1))[..., :2]
    pixels = ((moved + 1) * scale - 1) / 2
    return torch.cat([pixels.amin(dim=2), pixels.amax(dim=2)], dim=-1).to(boxes.dtype)


def _draw_affine(options: GeometryOptions, seed: int, epoch: int, indices: Sequence[int], aspect: float) -> Tensor:
    """Draw float32 ``[B,2,3]``: an augmented pixel's place times it is its place in the sample."""
    moves = uniform(generators(seed, epoch, indices, "geometry"), 10).tolist()
    flips = chance(generators(seed, epoch, indices, "flip"), options.flip).tolist()
    # Sample by sample: a batched matrix product may round otherwise in another batch.
    return torch.stack([_affine(options, u, flip, aspect) for u, flip in zip(moves, flips, strict=True)])


def _affine(options: GeometryOptions, u: Sequence[float], flip: bool, aspect: float) -> Tensor:
    angle = math.radians(u[0] * options.rotation_deg)
    shear = math.tan(math.radians(u[1] * options.shear_deg))
    scale_y = 1 + u[2] * options.scale
    scale_x = 1 + u[3] * options.scale if options.scale_per_axis else scale_y
    kept_y, kept_x = (1 - (v + 1) / 2 * options.crop for v in u[6:8])
    # Read from the right: what happens to an augmented pixel's place first.
    chain = (
        # What is kept may lie anywhere within the sample.
        [[kept_x, 0, u[9] * (1 - kept_x)], [0, kept_y, u[8] * (1 - kept_y)], [0, 0, 1]],
        [[1, 0, -2 * u[5] * options.shift[1]], [0, 1, -2 * u[4] * options.shift[0]], [0, 0, 1]],
        # In units of the height on both axes, a rotation is one also where the image is not square.
        [[aspect, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]],
        [[1, shear, 0], [0, 1, 0], [0, 0, 1]],
        [[1 / aspect, 0, 0], [0, 1, 0], [0, 0, 1]],
        # An augmented image is larger by the scale: its pixels come from a smaller area.
        [[1 / scale_x, 0, 0], [0, 1 / scale_y, 0], [0, 0, 1]],
        [[-1 if flip else 1, 0, 0], [0, 1, 0], [0, 0, 1]],
    )
    return torch.from_numpy(reduce(np.matmul, (np.array(m, dtype=np.float64) for m in chain))[:2].astype(np.float32))


def _draw_elastic(
    options: GeometryOptions, seed: int, epoch: int, indices: Sequence[int], size: tuple[int, int]
) -> Tensor:
    height, width = size
    n = options.elastic_nodes
    fields = []
    for generator in generators(seed, epoch, indices, "elastic"):
        nodes = torch.randn(1, 2, n, n, generator=generator) * options.elastic * 2
        # One sample at a time: interpolation may take another path for another batch.
        fields.append(functional.interpolate(nodes, size=size, mode="bicubic", align_corners=True)[0])
    field = torch.stack(fields)
    # A share of the height on both axes.
    return torch.stack([field[:, 0] * (height / width), field[:, 1]], dim=-1)
