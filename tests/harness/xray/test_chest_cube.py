"""The cube that a chest CT becomes: mass kept, nothing stretched, thin bone not lost; and what is seen of it."""

import math

import pytest
import torch

from radbench.xray import Pose, attenuated_intensity, density_from_hu
from radbench.xray.chest_cube import SIDE_MM, chest_cube, cube_geometry, cube_views, radiograph_of


def body(shape=(40, 30, 40), low=10, high=20, hu=0.0):
    """A slab of water across the whole field, from row `low` to `high` along y."""
    volume = torch.full(shape, -1000.0)
    volume[:, low:high] = hu
    return volume, torch.zeros(shape, dtype=torch.bool)


def mass(hu):
    return density_from_hu(hu)


def test_a_slab_keeps_its_mass_per_area_relative_to_the_cube():
    hu, bone = body()
    cube, share = chest_cube(hu, bone, (2.0, 2.0, 2.0), 16)
    # 20 mm of water in a field of 80 mm: a quarter of the cube's side.
    along = (mass(cube) - mass(torch.tensor(-1000.0))).sum(1) / 16
    wanted = float((mass(torch.tensor(0.0)) - mass(torch.tensor(-1000.0))) * 0.25)
    assert torch.allclose(along, torch.full_like(along, wanted), atol=1e-3)
    assert float(share.max()) == 0.0


def test_the_body_is_centred_along_y_and_air_is_put_round_it():
    hu, bone = body(low=2, high=12)
    cube, _ = chest_cube(hu, bone, (2.0, 2.0, 2.0), 16)
    profile = mass(cube).mean((0, 2))
    assert torch.allclose(profile, profile.flip(0), atol=1e-4)
    assert float(cube[:, 0].max()) < -990


def test_nothing_is_stretched_where_a_field_is_not_as_high_as_wide():
    hu = torch.full((60, 40, 40), -1000.0)
    z, y, x = torch.meshgrid(*(torch.arange(n) + 0.5 for n in hu.shape), indexing="ij")
    ball = ((z - 30) ** 2 + (y - 20) ** 2 + (x - 20) ** 2).sqrt() < 12
    hu[ball] = 0.0
    hu[:, 20] = 0.0
    cube, _ = chest_cube(hu, torch.zeros_like(ball), (1.0, 1.0, 1.0), 20)
    # The ball of 24 mm is as many voxels of 2 mm along every axis, and lies where it was below the CT's top.
    inside = (mass(cube) > 0.5) & ~((torch.arange(20) - 9.5).abs() < 1)[None, :, None]
    depth = inside.any(0).any(1).sum() + 2
    height, width = inside.any(1).any(1).sum(), inside.any(0).any(0).sum()
    assert max(int(depth), int(height), int(width)) - min(int(depth), int(height), int(width)) <= 1
    rows = inside.any(2).any(1).nonzero().flatten().double()
    assert abs(float(rows.mean()) - (9.5 - 10 / 2)) < 0.6


def test_the_cube_is_as_wide_as_the_body_in_half_of_the_planes_and_ends_at_the_top():
    hu = torch.full((40, 40, 60), -1000.0)
    hu[:15, 10:30, :], hu[15:, 10:30, 20:50] = 0.0, 0.0
    cube, _ = chest_cube(hu, torch.zeros(hu.shape, dtype=torch.bool), (1.0, 1.0, 1.0), 30)
    # Planes of 30 voxels about 35 are more than half: a side of 30 mm, from z = 10 to 40, filled across above z = 15.
    assert float(mass(cube[5:, 10:20]).min()) > 1.0
    assert float(cube[5:, 0].max()) < -900


def test_a_rib_thinner_than_a_voxel_keeps_its_bone():
    hu, bone = body((32, 32, 32), 4, 28, hu=50.0)
    hu[:, 15, 10:20], bone[:, 15, 10:20] = 900.0, True
    whole, share = chest_cube(hu, bone, (1.0, 1.0, 1.0), 32)
    coarse, coarse_share = chest_cube(hu, bone, (1.0, 1.0, 1.0), 8)
    fine = float((mass(whole) * share).sum()) / 32**3
    assert fine > 0
    assert math.isclose(float((mass(coarse) * coarse_share).sum()) / 8**3, fine, rel_tol=1e-3)


def test_what_is_dense_far_from_any_bone_is_no_bone():
    hu, bone = body((32, 32, 32), 4, 28, hu=50.0)
    hu[10:20, 10:20, 10:20] = 500.0
    assert float(chest_cube(hu, bone, (1.0, 1.0, 1.0), 16)[1].max()) == 0.0


def test_views_are_eq_5_scaled_and_thicknesses_of_the_cube():
    cube = torch.zeros(1, 1, 16, 16, 16)
    seen = cube_views(cube, torch.zeros_like(cube), Pose(), cube_geometry(16))
    # The cube of water is 12.8 cm deep at the middle, of 1.03 g/cm^3.
    assert abs(float(seen["tissue"][0, 0, 8, 8]) - 1.03 * SIDE_MM / 10) < 0.02
    assert float(seen["bone"].max()) == 0.0
    image = seen["radiograph"]
    assert float(image.min()) == 0.0
    assert float(image.max()) == 1.0
    intensity = attenuated_intensity(seen["bone"], seen["tissue"])
    eq_5 = intensity.max() - intensity
    assert torch.allclose(image, eq_5 / eq_5.max(), atol=1e-5)


def test_a_batch_is_scaled_image_by_image():
    bone, tissue = torch.rand(2, 1, 8, 8), torch.rand(2, 1, 8, 8) * 10
    both = radiograph_of(bone, tissue)
    assert torch.equal(both[1:], radiograph_of(bone[1:], tissue[1:]))


def test_the_detector_shows_five_sixths_at_any_number_of_pixels():
    for pixels in (32, 64):
        geometry = cube_geometry(64, pixels)
        assert geometry.detector_spacing_mm[0] * pixels / geometry.magnification == pytest.approx(SIDE_MM * 5 / 6)


@pytest.mark.parametrize(
    ("spacing", "voxels", "what"), [((0.0, 1.0, 1.0), 8, "positive"), ((1.0, 1.0, 1.0), 0, "positive")]
)
def test_what_cannot_be_is_refused(spacing, voxels, what):
    with pytest.raises(ValueError, match=what):
        chest_cube(*body(), spacing, voxels)


def test_a_volume_without_a_body_and_bones_of_another_shape_are_refused():
    air = torch.full((8, 8, 8), -1000.0)
    with pytest.raises(ValueError, match="no body"):
        chest_cube(air, torch.zeros(8, 8, 8, dtype=torch.bool), (1.0, 1.0, 1.0), 8)
    with pytest.raises(ValueError, match="alike"):
        chest_cube(air, torch.zeros(8, 8, 9, dtype=torch.bool), (1.0, 1.0, 1.0), 8)
