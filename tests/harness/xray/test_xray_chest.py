"""ChestBeam: magnification, lengths and what passes against closed forms; what no chest stand can be is refused."""

import math

import pytest
import torch

from radbench.xray import density_from_hu, ten_energies
from radbench.xray.chest import ChestBeam, shown_as_paper

SPACING = (3.0, 2.0, 2.0)


def test_the_detector_covers_the_field_with_square_pixels_measured_at_the_isocentre():
    geometry = ChestBeam().geometry((20, 50, 40), SPACING)
    assert geometry.detector_shape == (30, 40)
    assert geometry.detector_spacing_mm == pytest.approx((2.0 * 1800 / 1600,) * 2)
    assert geometry.voxel_spacing_mm == SPACING


def test_depth_counts_voxels_along_the_central_ray():
    mask = torch.zeros(21, 50, 41, dtype=torch.bool)
    mask[:, 10:27] = True
    depth = ChestBeam().depth(mask, SPACING)
    assert float(depth[0, 0, depth.shape[2] // 2, 20]) == pytest.approx(17, rel=1e-3)


@pytest.mark.parametrize("nearer", [1, -1])
def test_a_plate_is_shown_larger_the_nearer_it_lies_to_the_tube(nearer):
    mask = torch.zeros(60, 61, 81, dtype=torch.bool)
    mask[:, 30 + 20 * nearer, 31:50] = True  # 19 voxels wide, 40 mm off the isocentre; the tube stands behind
    depth = ChestBeam().depth(mask, (2.0, 2.0, 2.0))[0, 0]
    width = float(depth[30].sum() / depth[30].max())
    assert width == pytest.approx(19 * 1600 / (1600 - nearer * 40.0), rel=5e-3)


@pytest.mark.parametrize("bone", [True, False])
def test_a_slab_attenuates_by_the_table(bone):
    hu = torch.full((21, 30, 41), -1024.0)
    hu[:, 5:25] = 600.0 if bone else 40.0
    seen = ChestBeam().log(hu, hu > 350, SPACING)[0, 0]
    energies = ten_energies()
    density = float(density_from_hu(torch.tensor([600.0 if bone else 40.0]), "deepdrr"))
    name = "bone" if bone else "tissue"
    mass = getattr(energies, name)
    share = sum(w * math.exp(-m * density * 20 * 0.2) for w, m in zip(energies.weights, mass, strict=True))
    expected = -math.log(share / energies.total)
    assert float(seen[seen.shape[0] // 2, 20]) == pytest.approx(expected, rel=5e-3)


def test_free_air_lets_everything_pass():
    seen = ChestBeam().log(torch.full((8, 9, 10), -1024.0), torch.zeros(8, 9, 10, dtype=torch.bool), SPACING)
    assert float(seen.abs().max()) == 0.0


def test_a_chest_stand_s_beam_shows_less_bone_than_the_paper_s():
    hu = torch.full((8, 30, 10), 40.0)
    plate = hu.clone()
    plate[:, 10:13] = 800.0
    contrast = []
    for name in ("paper", "chest"):
        beam = ChestBeam(spectrum=name)
        added = beam.log(plate, plate > 350, SPACING) - beam.log(hu, hu > 350, SPACING)
        contrast.append(float(added[0, 0, 6, 5]))
    assert contrast[1] < contrast[0]


def test_the_paper_s_image_is_dark_where_least_is_in_the_way():
    log = torch.tensor([[[[0.0, 1.0], [2.0, 5.0]]]], dtype=torch.float64)
    image = shown_as_paper(log)
    assert torch.equal(image, 1 - (-log).exp())
    assert image.flatten().tolist() == sorted(image.flatten().tolist())


@pytest.mark.parametrize(
    "fields",
    [
        {"pose": (46.0, 0.0)},
        {"pose": (0.0, math.nan)},
        {"source_isocentre_mm": 400.0},
        {"source_detector_mm": 1500.0},
        {"spectrum": "mammography"},
    ],
)
def test_what_no_chest_stand_can_be_is_refused_by_name(fields):
    with pytest.raises(ValueError, match=r"pose|source_isocentre_mm|spectrum"):
        ChestBeam(**fields)
