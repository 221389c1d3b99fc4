"""The rays of a cone-beam view, cut by the planes of voxel centres that they cross most steeply.

Each ray is sampled once in every plane of the volume, where trilinear interpolation is bilinear in the plane (P. M.
Joseph, IEEE Trans. Med. Imaging 1, 1982). With uniform planes this is the trapezoidal rule along the ray: its error is
of second order in the spacing of the planes, and it is exact for fields that are linear between planes along the ray.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from radbench.xray.geometry import ConeBeamGeometry, Pose, view

LEAST_COSINE = 0.1
"""Rays that run flatter than this to the volume's planes are refused: their samples would lie ten voxels apart."""


@dataclass(frozen=True)
class Rays:
    """One view's rays in the order of the volume's planes; [h,w] images, float64 on the CPU unless moved.

    Plane k of the axis ``depth`` is met at index coordinates ``origin[a] + reach[k] * slope[a]`` along the other two
    array axes a.

    Attributes:
        depth: the array axis (0 = z, 1 = y, 2 = x) across whose planes the rays run.
        across: the other two array axes, ascending.
        origin: the source's index coordinate along each of ``across``.
        slope: voxels that a ray moves along each of ``across`` per mm along ``depth``; broadcastable to [h,w].
        reach: mm from the source to each plane along ``depth``, signed, [K].
        step_mm: length of a ray between two planes, [h,w].
        fraction: a ray's part per mm along ``depth`` between source (0) and detector (1); broadcastable to [h,w].
    """

    depth: int
    across: tuple[int, int]
    origin: tuple[float, float]
    slope: tuple[Tensor, Tensor]
    reach: Tensor
    step_mm: Tensor
    fraction: Tensor

    @property
    def separable(self) -> bool:
        """Whether the first of ``across`` follows the detector's rows alone and the second its columns alone."""
        return self.slope[0].shape[1] == 1 and self.slope[1].shape[0] == 1 and self.fraction.numel() == 1

    def between(self, planes: slice) -> Tensor | None:
        """Return which rays meet the planes between source and detector, [k,h,w] or broadcastable, or None: all do."""
        part = self.reach[planes, None, None] * self.fraction
        inside = (part > 0) & (part <= 1)
        return None if bool(inside.all()) else inside


def rays(pose: Pose, geometry: ConeBeamGeometry, shape: tuple[int, int, int]) -> Rays:
    """Return the rays of a view through a volume.

    Args:
        pose: the view.
        geometry: source, detector and voxels.
        shape: the volume's (D, H, W).

    Raises:
        ValueError: some rays run nearly along the volume's planes, because the detector is very wide for its distance.
    """
    seen = view(pose, geometry)
    depth = max(range(3), key=lambda a: abs(seen.axis[a]))
    first, second = (a for a in range(3) if a != depth)
    rows, columns = geometry.detector_shape
    i = (torch.arange(rows, dtype=torch.float64) - (rows - 1) / 2)[:, None]
    j = (torch.arange(columns, dtype=torch.float64) - (columns - 1) / 2)[None, :]

    def component(axis: int) -> Tensor:
        # Terms of exactly zero are left out, so that the shape tells what a component depends on.
        value = torch.full((1, 1), seen.axis[axis], dtype=torch.float64)
        if seen.row[axis]:
            value = value + i * seen.row[axis]
        if seen.column[axis]:
            value = value + j * seen.column[axis]
        return value

    direction = [component(a) for a in range(3)]
    length = torch.sqrt(sum(((c * c) for c in direction), torch.zeros(1, 1, dtype=torch.float64)))
    cosine = direction[depth] / length
    if float(cosine.abs().min()) < LEAST_COSINE or bool((cosine > 0).any()) == bool((cosine < 0).any()):
        raise ValueError(
            f"the detector is too wide for its distance at azimuth {pose.azimuth_deg:g} and elevation "
            f"{pose.elevation_deg:g} degrees: some rays run along the volume's planes"
        )
    spacing = geometry.voxel_spacing_mm
    index = torch.arange(shape[depth], dtype=torch.float64)
    return Rays(
        depth=depth,
        across=(first, second),
        origin=(
            seen.source[first] / spacing[first] + (shape[first] - 1) / 2,
            seen.source[second] / spacing[second] + (shape[second] - 1) / 2,
        ),
        slope=(
            direction[first] / direction[depth] / spacing[first],
            direction[second] / direction[depth] / spacing[second],
        ),
        reach=(index - (shape[depth] - 1) / 2) * spacing[depth] - seen.source[depth],
        step_mm=(spacing[depth] / cosine.abs()).expand(rows, columns),
        fraction=1 / direction[depth],
    )
