"""Cone-beam projection against closed forms, its transpose, and rotated phantoms."""

from __future__ import annotations

import pytest
import torch

from radbench.xray import ConeBeamGeometry, Pose, adjoint, project

POSES = [Pose(), Pose(18), Pose(-18, 9), Pose(30, -50), Pose(90), Pose(180), Pose(0, 90), Pose(217, 44)]


def ball(radius: float, centre: tuple[float, float, float], size: int, factor: int = 4) -> torch.Tensor:
    """A ball of density 1 with partial volume, float64 [1,1,size,size,size], 1 mm voxels; centre in (z, y, x) mm."""
    fine = size * factor
    axis = (torch.arange(fine, dtype=torch.float64) + 0.5) / factor - size / 2
    z, y, x = (axis - c for c in centre)
    inside = (z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2 <= radius**2).double()
    return torch.nn.functional.avg_pool3d(inside[None, None], factor)


@pytest.mark.parametrize("pose", POSES)
def test_adjoint_is_the_transpose_at_any_pose(pose: Pose) -> None:
    geometry = ConeBeamGeometry(100, 80, (17, 23), (1.3, 1.1), (1.5, 1.0, 0.8))
    generator = torch.Generator().manual_seed(0)
    volume = torch.rand(1, 1, 14, 18, 16, generator=generator)
    image = torch.rand(1, 1, 17, 23, generator=generator)
    left = (project(volume, pose, geometry).double() * image).sum()
    right = (volume.double() * adjoint(image, pose, geometry, (14, 18, 16))).sum()
    assert left != 0
    assert abs(left - right) <= 1e-5 * abs(left)


@pytest.mark.parametrize("pose", [Pose(), Pose(18), Pose(9, -18)])
def test_ball_shows_its_chords(pose: Pose) -> None:
    geometry = ConeBeamGeometry(1200, 1000, (64, 64), (1.0, 1.0))
    radius, centre = 20.0, (3.0, -2.0, 5.0)
    image = project(ball(radius, centre, 64), pose, geometry)[0, 0]
    from radbench.xray.geometry import view

    seen = view(pose, geometry)
    source, axis, row, column = (torch.tensor(v, dtype=torch.float64) for v in seen)
    i, j = (torch.arange(64, dtype=torch.float64) - 31.5 for _ in range(2))
    ray = axis + i[:, None, None] * row + j[None, :, None] * column
    ray = ray / ray.norm(dim=-1, keepdim=True)
    towards = torch.tensor(centre, dtype=torch.float64) - source
    squared = towards.square().sum() - (ray @ towards).square()
    chord = 2 * (radius**2 - squared).clamp(min=0).sqrt()
    deep = squared.clamp(min=0).sqrt() < 0.8 * radius
    assert ((image - chord).abs()[deep] / chord[deep]).max() < 0.02
    assert abs(((image - chord)[deep] / chord[deep]).mean()) < 0.005
