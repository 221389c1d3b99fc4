"""Poses, cone-beam geometry and the rays' cut with the volume's planes."""

from __future__ import annotations

import math

import pytest

from radbench.xray.cone_rays import rays
from radbench.xray.geometry import ConeBeamGeometry, Pose, View, view


def dot(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return sum(p * q for p, q in zip(a, b, strict=True))


def test_frontal_view_is_posterior_anterior() -> None:
    seen = view(Pose(), ConeBeamGeometry(detector_spacing_mm=(0.5, 0.25)))
    assert seen == View((0, 1000, 0), (0, -1200, 0), (-0.5, 0, 0), (0, 0, 0.25))


def test_positive_azimuth_turns_the_source_towards_the_patients_left() -> None:
    assert view(Pose(azimuth_deg=90), ConeBeamGeometry()).source == (0, 0, 1000)
    z, y, x = view(Pose(azimuth_deg=18), ConeBeamGeometry()).source
    assert (z, y, x) == pytest.approx((0, 1000 * math.cos(math.pi / 10), 1000 * math.sin(math.pi / 10)))


def test_positive_elevation_raises_the_source() -> None:
    z, y, x = view(Pose(elevation_deg=30), ConeBeamGeometry()).source
    assert (z, y, x) == pytest.approx((500, 1000 * math.sqrt(0.75), 0))


def test_anterior_posterior_view_is_at_180_degrees_with_sides_exchanged() -> None:
    seen = view(Pose(azimuth_deg=180), ConeBeamGeometry())
    assert seen.source == (0, -1000, 0)
    assert seen.column == (0, 0, -1)


@pytest.mark.parametrize("pose", [Pose(), Pose(18, -9), Pose(-130, 70), Pose(400, -90)])
def test_detector_stands_at_right_angles_to_the_central_ray(pose: Pose) -> None:
    seen = view(pose, ConeBeamGeometry(1500, 1100, detector_spacing_mm=(0.4, 0.7)))
    assert math.sqrt(dot(seen.axis, seen.axis)) == pytest.approx(1500)
    assert math.sqrt(dot(seen.row, seen.row)) == pytest.approx(0.4)
    assert math.sqrt(dot(seen.column, seen.column)) == pytest.approx(0.7)
    for a, b in ((seen.axis, seen.row), (seen.axis, seen.column), (seen.row, seen.column)):
        assert dot(a, b) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("azimuth", [-270, -90, 0, 90, 180, 360])
def test_right_angles_are_exact(azimuth: int) -> None:
    assert set(map(abs, view(Pose(azimuth), ConeBeamGeometry()).source)) == {0, 1000}


def test_magnification_is_the_ratio_of_distances() -> None:
    assert ConeBeamGeometry(1800, 1500).magnification == 1.2


@pytest.mark.parametrize(
    ("pose", "depth"), [(Pose(), 1), (Pose(18, 9), 1), (Pose(46), 2), (Pose(-90), 2), (Pose(0, 46), 0), (Pose(180), 1)]
)
def test_planes_are_those_crossed_most_steeply(pose: Pose, depth: int) -> None:
    assert rays(pose, ConeBeamGeometry(), (8, 8, 8)).depth == depth


@pytest.mark.parametrize("pose", [Pose(), Pose(18, -9), Pose(100, 20), Pose(10, -80)])
def test_rays_meet_planes_on_the_line_from_source_to_pixel(pose: Pose) -> None:
    geometry = ConeBeamGeometry(700, 500, (5, 7), (3.0, 2.0), (1.5, 0.8, 1.1))
    shape = (9, 10, 11)
    seen, found = view(pose, geometry), rays(pose, geometry, shape)
    i, j, k = 4, 1, 6
    pixel = [
        s + a + (i - 2) * r + (j - 3) * c
        for s, a, r, c in zip(seen.source, seen.axis, seen.row, seen.column, strict=True)
    ]
    index = [0.0, 0.0, 0.0]
    index[found.depth] = k
    for place, a in enumerate(found.across):
        slope = found.slope[place].expand(5, 7)[i, j]
        index[a] = found.origin[place] + float(found.reach[k] * slope)
    mm = [(q - (n - 1) / 2) * s for q, n, s in zip(index, shape, geometry.voxel_spacing_mm, strict=True)]
    ways = [(m - s) / (p - s) for m, p, s in zip(mm, pixel, seen.source, strict=True) if abs(p - s) > 1e-6]
    assert max(ways) == pytest.approx(min(ways), rel=1e-9)
    assert float(found.reach[k] * found.fraction.expand(5, 7)[i, j]) == pytest.approx(ways[0], rel=1e-9)


def test_a_step_is_the_planes_distance_over_the_rays_cosine() -> None:
    found = rays(Pose(18), ConeBeamGeometry(detector_shape=(1, 1), voxel_spacing_mm=(1, 2, 1)), (4, 4, 4))
    assert float(found.step_mm) == pytest.approx(2 / math.cos(math.radians(18)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"source_detector_mm": 900.0},
        {"source_isocentre_mm": 0.0},
        {"source_detector_mm": math.inf},
        {"detector_shape": (0, 4)},
        {"detector_shape": (4,)},
        {"detector_shape": (2.5, 4)},
        {"detector_spacing_mm": (1.0, -1.0)},
        {"voxel_spacing_mm": (1.0, 1.0)},
        {"voxel_spacing_mm": (1.0, math.nan, 1.0)},
    ],
)
def test_impossible_geometry_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        ConeBeamGeometry(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("angles", [(math.nan, 0), (0, math.inf), (0, 91)])
def test_impossible_pose_is_refused(angles: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"finite angles|must lie in"):
        Pose(*angles)


def test_rays_along_the_planes_are_refused() -> None:
    with pytest.raises(ValueError, match="too wide for its distance at azimuth 45"):
        rays(Pose(45), ConeBeamGeometry(200, 100, (4, 400), (1.0, 2.0)), (8, 8, 8))
