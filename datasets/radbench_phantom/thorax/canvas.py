"""The canvas: Hounsfield units and labels of a grid, painted structure by structure with soft edges."""

from __future__ import annotations

import torch
from torch import Tensor

from radbench_phantom.thorax.grid import Box, Grid


class Canvas:
    """What has been painted so far.

    Attributes:
        grid: where the voxels lie.
        hu: float32 ``[D,H,W]``.
        labels: uint8 ``[D,H,W]`` of :class:`~radbench_phantom.thorax.labels.Anatomy`.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.hu = torch.full(grid.shape, -1000.0, device=grid.device)
        self.labels = torch.zeros(grid.shape, dtype=torch.uint8, device=grid.device)

    @property
    def whole(self) -> Box:
        """The box of the whole grid."""
        d, h, w = self.grid.shape
        return slice(0, d), slice(0, h), slice(0, w)

    def paint(self, box: Box | None, distance: Tensor, hu: Tensor | float, label: int | Tensor | None) -> None:
        """Fill a solid, edges by how much of each voxel lies inside.

        Args:
            box: the part of the grid that ``distance`` covers; None paints nothing.
            distance: signed distance (mm), negative inside.
            hu: its density.
            label: its label; None leaves the labels.
        """
        if box is not None:
            self.cover(box, self.grid.soft(distance), hu, label)

    def cover(self, box: Box, part: Tensor, hu: Tensor | float, label: int | Tensor | None) -> None:
        """Lay a material over what is there, with the part of each voxel that it takes."""
        here = self.hu[box]
        here += part * (hu - here)
        if label is None:
            return
        own = self.labels[box]
        inside = part > 0.5
        if isinstance(label, Tensor):
            own[inside] = label.expand(own.shape)[inside]
        else:
            own[inside] = label
