"""Cone-beam projection against closed forms, its transpose, its gradient, rotated phantoms; the backprojector."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from radbench.xray import ConeBeamGeometry, Pose, adjoint, backproject, project
from radbench.xray.cone_gather import gather, spread
from radbench.xray.cone_rays import rays
from radbench.xray.cone_separable import gather_separably, spread_separably
from radbench.xray.geometry import view

POSES = [Pose(), Pose(18), Pose(-18, 9), Pose(30, -50), Pose(90), Pose(180), Pose(0, 90), Pose(217, 44), Pose(0, 18)]
DIAGNOSTIC = [Pose(), Pose(18), Pose(-18, 0), Pose(0, 18), Pose(9, -18)]
Point = tuple[float, float, float]


def coordinates(size: int, spacing: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    axis = (torch.arange(size, dtype=torch.float64) - (size - 1) / 2) * spacing
    return axis[:, None, None], axis[None, :, None], axis[None, None, :]


def ball(size: int, radius: float, centre: Point, spacing: float = 1.0) -> Tensor:
    """A ball of density 1 with partial volume, float64 [1,1,size,size,size]; radius and centre (z, y, x) in mm."""
    z, y, x = coordinates(size, spacing)
    distance = ((z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2).sqrt()
    return (0.5 + (radius - distance) / spacing).clamp(0, 1)[None, None]


def rays_of(pose: Pose, geometry: ConeBeamGeometry) -> tuple[Tensor, Tensor]:
    """The source and the unit vectors to the pixels [h,w,3], straight from the definition of a view."""
    source, axis, row, column = (torch.tensor(v, dtype=torch.float64) for v in view(pose, geometry))
    rows, columns = geometry.detector_shape
    i = torch.arange(rows, dtype=torch.float64)[:, None, None] - (rows - 1) / 2
    j = torch.arange(columns, dtype=torch.float64)[None, :, None] - (columns - 1) / 2
    ray = axis + i * row + j * column
    return source, ray / ray.norm(dim=-1, keepdim=True)


def chords_of_ball(pose: Pose, geometry: ConeBeamGeometry, radius: float, centre: Point) -> tuple[Tensor, Tensor]:
    """2 sqrt(R^2 - d^2) and d per pixel."""
    source, ray = rays_of(pose, geometry)
    towards = torch.tensor(centre, dtype=torch.float64) - source
    squared = (towards.square().sum() - (ray @ towards).square()).clamp(min=0)
    return 2 * (radius**2 - squared).clamp(min=0).sqrt(), squared.sqrt()


def chords_of_box(pose: Pose, geometry: ConeBeamGeometry, half: Point) -> Tensor:
    source, ray = rays_of(pose, geometry)
    ray = torch.where(ray.abs() < 1e-12, 1e-12, ray)
    sides = torch.tensor(half, dtype=torch.float64)
    one, other = (-sides - source) / ray, (sides - source) / ray
    enter, leave = torch.minimum(one, other).amax(-1), torch.maximum(one, other).amin(-1)
    return (leave - enter).clamp(min=0)


@pytest.mark.parametrize("pose", DIAGNOSTIC)
def test_slab_attenuates_by_mu_times_length(pose: Pose) -> None:
    geometry = ConeBeamGeometry(detector_shape=(16, 12), detector_spacing_mm=(3.0, 4.0), voxel_spacing_mm=(4, 1.5, 4))
    volume = torch.zeros(1, 1, 40, 20, 40)
    volume[:, :, :, 4:14] = 0.19
    _, ray = rays_of(pose, geometry)
    expected = 0.19 * 10 * 1.5 / ray[..., 1].abs()
    assert ((project(volume, pose, geometry)[0, 0] - expected).abs() / expected).max() < 1e-5


@pytest.mark.parametrize("centre", [(0.0, 0.0, 0.0), (10.0, -8.0, 14.0)])
@pytest.mark.parametrize("pose", DIAGNOSTIC)
def test_ball_shows_its_chords_on_and_off_the_axis(pose: Pose, centre: Point) -> None:
    geometry = ConeBeamGeometry(1200, 1000, (48, 48), (2.0, 2.0), voxel_spacing_mm=(0.5, 0.5, 0.5))
    image = project(ball(160, 25.0, centre, 0.5).float(), pose, geometry)[0, 0]
    chord, distance = chords_of_ball(pose, geometry, 25.0, centre)
    deep = distance < 20  # beyond, the voxels round the ball's rim off
    assert deep.any()
    assert ((image - chord).abs()[deep] / chord[deep]).max() < 0.005
    assert image[distance > 27].abs().max() == 0


@pytest.mark.parametrize("pose", DIAGNOSTIC)
def test_box_shows_its_chords(pose: Pose) -> None:
    geometry = ConeBeamGeometry(detector_shape=(40, 40), detector_spacing_mm=(2.0, 2.0))
    volume = torch.zeros(1, 1, 60, 60, 60, dtype=torch.float64)
    volume[:, :, 10:50, 20:40, 15:45] = 0.5
    chord = 0.5 * chords_of_box(pose, geometry, (20, 10, 15))
    inner = 0.5 * chords_of_box(pose, geometry, (18, 10, 13))
    through = (inner - chord).abs() < 1e-9  # rays that enter and leave by the large faces, clear of the edges
    image = project(volume, pose, geometry)[0, 0]
    through &= chord > 0
    assert through.sum() > 20
    assert ((image - chord).abs()[through] / chord[through]).max() < 0.005
    assert image.sum() == pytest.approx(float(chord.sum()), rel=0.005)


@pytest.mark.parametrize(("y", "enlargement"), [(0.0, 1200 / 1000), (20.0, 1200 / 980), (-20.0, 1200 / 1020)])
def test_shadows_are_enlarged_by_source_detector_over_source_object(y: float, enlargement: float) -> None:
    geometry = ConeBeamGeometry(detector_shape=(80, 80))
    image = project(ball(64, 6.0, (15.0, y, -10.0)), Pose(), geometry)[0, 0]
    at = torch.arange(80, dtype=torch.float64) - 39.5
    down, across = (float((image.sum(1 - a) * at).sum() / image.sum()) for a in (0, 1))
    assert -down / 15.0 == pytest.approx(enlargement, rel=0.005)
    assert -across / 10.0 == pytest.approx(enlargement, rel=0.005)


@pytest.mark.parametrize("pose", [Pose(18), Pose(-18), Pose(0, 18), Pose(12, -18)])
def test_turning_the_view_is_turning_the_patient_the_other_way(pose: Pose) -> None:
    geometry = ConeBeamGeometry(detector_shape=(64, 64), detector_spacing_mm=(1.5, 1.5))
    balls = [((10.0, 12.0, -8.0), 9.0), ((-12.0, -14.0, 10.0), 7.0), ((4.0, -10.0, -14.0), 6.0)]
    a, e = math.radians(pose.azimuth_deg), math.radians(pose.elevation_deg)

    def turned(p: Point) -> Point:
        z, y, x = p
        # About z by a, counter-clockwise from above; then about x, bowing the head by e away from the source.
        y, x = y * math.cos(a) + x * math.sin(a), x * math.cos(a) - y * math.sin(a)
        return (z * math.cos(e) - y * math.sin(e), y * math.cos(e) + z * math.sin(e), x)

    still = sum(ball(72, radius, centre) for centre, radius in balls)
    moved = sum(ball(72, radius, turned(centre)) for centre, radius in balls)
    difference = project(torch.as_tensor(still), pose, geometry) - project(torch.as_tensor(moved), Pose(), geometry)
    assert difference.square().mean().sqrt() < 0.005 * project(torch.as_tensor(moved), Pose(), geometry).max()


def test_frontal_radiograph_hangs_as_radiologists_look_at_it() -> None:
    volume = torch.zeros(1, 1, 8, 8, 8)
    volume[0, 0, 7, 4, 0] = 1.0  # superior, on the patient's right
    image = project(volume, Pose(), ConeBeamGeometry(detector_shape=(8, 8), detector_spacing_mm=(1.2, 1.2)))[0, 0]
    assert divmod(int(image.argmax()), 8) == (0, 0)


def test_what_lies_behind_the_detector_does_not_count() -> None:
    geometry = ConeBeamGeometry(100, 95, (6, 6))
    volume = torch.ones(1, 1, 8, 40, 8)
    front = volume.clone()
    front[:, :, :, :14] = 0  # y below -6 mm; the detector stands at -5 mm
    assert torch.equal(project(volume, Pose(), geometry), project(front, Pose(), geometry))
    slanted = project(volume, Pose(18), geometry)
    assert 0 < float(slanted.max()) < 40


def test_finely_sampled_rays_agree() -> None:
    pose, geometry = Pose(18, 9), ConeBeamGeometry(detector_shape=(24, 24), detector_spacing_mm=(3.0, 3.0))
    volume = ball(48, 20.0, (2.0, -1.0, 3.0)) * (1 + 0.2 * torch.sin(coordinates(48)[0] / 5))
    source, ray = rays_of(pose, geometry)
    way = torch.linspace(940, 1060, 2401, dtype=torch.float64)[:, None, None, None]
    points = (source + way * ray).flip(-1) / 24  # grid_sample wants x first; voxel edges at -1 and 1
    samples = torch.nn.functional.grid_sample(volume, points[None], align_corners=False)
    expected = samples[0, 0].sum(0) * 0.05
    error = (project(volume, pose, geometry)[0, 0] - expected).abs().max()
    assert error < 0.005 * expected.max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("pose", POSES)
def test_adjoint_is_the_transpose_at_any_pose(pose: Pose, dtype: torch.dtype) -> None:
    geometry = ConeBeamGeometry(100, 80, (17, 23), (1.3, 1.1), (1.5, 1.0, 0.8))
    generator = torch.Generator().manual_seed(0)
    volume = torch.rand(1, 1, 14, 18, 16, generator=generator, dtype=dtype)
    image = torch.rand(1, 1, 17, 23, generator=generator, dtype=dtype)
    left = (project(volume, pose, geometry).double() * image).sum()
    right = (volume.double() * adjoint(image, pose, geometry, (14, 18, 16))).sum()
    assert left > 0
    assert abs(left - right) <= (1e-5 if dtype == torch.float32 else 1e-12) * left


@pytest.mark.parametrize("pose", [Pose(), Pose(18), Pose(-18, 9)])
def test_gradients_agree_with_finite_differences(pose: Pose) -> None:
    geometry = ConeBeamGeometry(60, 50, (3, 4), (1.3, 1.1))
    generator = torch.Generator().manual_seed(1)
    volume = torch.rand(1, 1, 4, 3, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    image = torch.rand(1, 1, 3, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: project(v, pose, geometry), volume)
    assert torch.autograd.gradcheck(lambda i: adjoint(i, pose, geometry, (4, 3, 5)), image)
    assert torch.autograd.gradcheck(lambda i: backproject(i, pose, geometry, (4, 3, 5)), image)
    assert torch.autograd.gradgradcheck(lambda v: project(v, pose, geometry).square(), volume, fast_mode=True)


def test_nothing_but_the_view_is_kept_for_the_backward_pass() -> None:
    kept: list[Tensor] = []
    volume = torch.rand(1, 1, 8, 8, 8, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        project(volume, Pose(18), ConeBeamGeometry(detector_shape=(8, 8)))
    assert kept == []


@pytest.mark.parametrize("pose", [Pose(), Pose(18), Pose(-18, 9)])
def test_batch_changes_no_bit(pose: Pose) -> None:
    geometry = ConeBeamGeometry(detector_shape=(37, 41))
    volumes = torch.rand(4, 2, 19, 23, 21, generator=torch.Generator().manual_seed(2))
    images = project(volumes, pose, geometry)
    for b in range(4):
        alone = project(volumes[b : b + 1], pose, geometry)
        assert torch.equal(images[b : b + 1], alone)
        assert torch.equal(alone[:, :1], project(volumes[b : b + 1, :1], pose, geometry))
    for back in (adjoint, backproject):
        together = back(images, pose, geometry, (19, 23, 21))
        for b in range(4):
            assert torch.equal(together[b : b + 1], back(images[b : b + 1], pose, geometry, (19, 23, 21)))


def test_each_volume_may_have_its_own_pose() -> None:
    geometry = ConeBeamGeometry(detector_shape=(20, 20))
    volumes = torch.rand(3, 1, 16, 16, 16, generator=torch.Generator().manual_seed(3))
    poses = [Pose(9), Pose(), Pose(9)]
    images = project(volumes, poses, geometry)
    for b, pose in enumerate(poses):
        assert torch.equal(images[b], project(volumes[b : b + 1], pose, geometry)[0])


def test_single_precision_agrees_with_double() -> None:
    geometry = ConeBeamGeometry(detector_shape=(64, 64), detector_spacing_mm=(2.0, 2.0))
    volume = torch.rand(1, 1, 96, 96, 96, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    for pose in (Pose(), Pose(18, -9)):
        exact = project(volume, pose, geometry)
        assert (project(volume.float(), pose, geometry) - exact).abs().max() < 2e-5 * exact.max()


@pytest.mark.parametrize("pose", [Pose(), Pose(18), Pose(-18, 9), Pose(90)])
def test_projecting_a_backprojection_returns_the_image(pose: Pose) -> None:
    geometry = ConeBeamGeometry(detector_shape=(64, 64), detector_spacing_mm=(1.0, 1.0))
    coarse = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    image = interpolate(coarse, size=(64, 64), mode="bicubic") + 0.5
    met = project(torch.ones(1, 1, 64, 64, 64, dtype=torch.float64), pose, geometry) > 16
    for refinements, tolerance in ((0, 0.03), (1, 0.005), (4, 0.002)):
        volume = backproject(image, pose, geometry, (64, 64, 64), refinements)
        error = (project(volume, pose, geometry) - image).abs()[met]
        assert error.max() < tolerance * image.max()


def test_printed_backprojection_is_constant_along_a_ray() -> None:
    # Eq. 7: the central ray's voxels all hold its value over its length.
    geometry = ConeBeamGeometry(detector_shape=(33, 33))
    image = torch.zeros(1, 1, 33, 33, dtype=torch.float64)
    image[..., 12:21, 12:21] = 5.0
    volume = backproject(image, Pose(), geometry, (21, 21, 21), refinements=0)
    assert torch.allclose(volume[0, 0, 10, :, 10], torch.full((21,), 5.0 / 21, dtype=torch.float64))


def test_voxels_that_no_ray_passes_stay_empty() -> None:
    geometry = ConeBeamGeometry(detector_shape=(12, 12))
    volume = backproject(torch.ones(1, 1, 12, 12), Pose(), geometry, (40, 16, 40))
    assert volume[0, 0, :13].abs().max() == 0
    assert volume[0, 0, 18:22, :, 18:22].min() > 0


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda v, i, g: project(v[0], Pose(), g), "density must be"),
        (lambda v, i, g: project(v.int(), Pose(), g), "density must be floating point"),
        (lambda v, i, g: project(v[:, :, :0], Pose(), g), "density must be"),
        (lambda v, i, g: project(v, [Pose(), Pose()], g), "give one Pose, or one for each of the 1 items"),
        (lambda v, i, g: project(v, [(0, 0)], g), "give one Pose"),
        (lambda v, i, g: adjoint(i[..., 1:], Pose(), g, (4, 4, 4)), "image must have the detector's shape"),
        (lambda v, i, g: adjoint(i, Pose(), g, (4, 4)), "volume's shape must be"),
        (lambda v, i, g: backproject(i[0], Pose(), g, (4, 4, 4)), "image must be"),
        (lambda v, i, g: backproject(i, Pose(), g, (4, 0, 4)), "volume's shape must be"),
        (lambda v, i, g: backproject(i, Pose(), g, (4, 4, 4), -1), "refinements must not be negative"),
    ],
)
def test_wrong_arguments_are_refused(call: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call(torch.ones(1, 1, 4, 4, 4), torch.ones(1, 1, 6, 5), ConeBeamGeometry(detector_shape=(6, 5)))  # type: ignore[operator]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("pose", DIAGNOSTIC)
def test_cuda_agrees_with_cpu(pose: Pose) -> None:
    geometry = ConeBeamGeometry(detector_shape=(48, 48))
    volume = torch.rand(2, 1, 32, 32, 32, generator=torch.Generator().manual_seed(6))
    image = project(volume, pose, geometry)
    assert torch.allclose(project(volume.cuda(), pose, geometry).cpu(), image, rtol=1e-4, atol=1e-4)
    back = adjoint(image, pose, geometry, (32, 32, 32))
    assert torch.allclose(adjoint(image.cuda(), pose, geometry, (32, 32, 32)).cpu(), back, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("pose", [Pose(), Pose(90), Pose(180), Pose(0, 90)])
def test_matrix_products_agree_with_looking_up(pose: Pose) -> None:
    geometry = ConeBeamGeometry(120, 90, (70, 45), (1.3, 1.1), (1.5, 1.0, 0.8))
    generator = torch.Generator().manual_seed(7)
    volume = torch.rand(1, 2, 24, 70, 36, generator=generator, dtype=torch.float64)
    seen = rays(pose, geometry, (24, 70, 36))
    assert seen.separable
    planes = volume[0].movedim(seen.depth + 1, 1)
    expected = gather(planes, seen)
    assert torch.allclose(gather_separably(planes, seen), expected, rtol=1e-12, atol=1e-12)
    shape = (planes.shape[1], planes.shape[2], planes.shape[3])
    assert torch.allclose(
        spread_separably(expected, seen, shape), spread(expected, seen, shape), rtol=1e-11, atol=1e-11
    )
