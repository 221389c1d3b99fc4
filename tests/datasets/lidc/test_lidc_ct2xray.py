"""LidcIdri with physics=ct2xray: the image, what it shows alone, views, and where the masks lie."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from radbench.contracts.case import validate_case
from radbench.xray import ConeBeamGeometry, Pose, ct2xray

from .collection import DEPTH, GAP, HU, NODULE, PIXEL, SIDE, dataset, one_fixture, only, reading, write_series  # noqa: F401

CONE = {"physics": "ct2xray", "drop_blood_pools": False}


def test_a_case_keeps_the_contract(one):
    data = dataset(one, **CONE)
    case = validate_case(data.load("LIDC-IDRI-0001"))
    assert set(case.targets) == data.targets
    assert case.targets["view_pose"] == Pose()
    assert case.targets["findings"] == {"nodule": 1.0}
    assert case.provenance["generator"].startswith("CT2Xray")


def test_the_image_is_that_of_the_volume_and_the_bone_that_the_case_gives(one):
    case = only(one, **CONE, size=48, frame="crop")
    pixel = PIXEL * 1800 / 1600
    geometry = ConeBeamGeometry(1800, 1600, (48, 64), (pixel, pixel), (GAP, PIXEL, PIXEL))
    hu, bone = case.targets["volume_hu"], case.targets["bone_volume"].float()
    expected = ct2xray(hu[None, None], bone[None, None], Pose(), geometry)[0, 0, :, 8:56]
    expected = (expected - expected.min()) / (expected.max() - expected.min())
    assert float((case.image[0] - expected).abs().max()) < 1e-4


def test_the_logarithm_shows_the_mass_along_the_rays(one):
    case = only(one, **CONE, display="log", frame="crop", size=48)
    pixel = PIXEL * 1800 / 1600
    geometry = ConeBeamGeometry(1800, 1600, (48, 64), (pixel, pixel), (GAP, PIXEL, PIXEL))
    hu, bone = case.targets["volume_hu"], case.targets["bone_volume"].float()
    expected = ct2xray(hu[None, None], bone[None, None], Pose(), geometry, output="log")[0, 0, :, 8:56]
    expected = (expected - expected.min()) / (expected.max() - expected.min())
    assert float((case.image[0] - expected).abs().max()) < 1e-4
    assert torch.equal(case.targets["bone_image"], only(one, **CONE, frame="crop", size=48).targets["bone_image"])


def test_parallel_rays_look_alike_by_exponential_and_logarithm(one):
    assert float((only(one).image - only(one, display="log").image).abs().max()) < 2e-3
    assert float((only(one, sign=-1, display="log").image - only(one, display="log").image).abs().max()) < 1e-6


def test_lungs_and_bones_are_shown_alone(one):
    targets = only(one, **CONE, frame="stretch").targets
    assert float(targets["lung_image"][~targets["lung_mask"]].max()) == 0.0
    spine = targets["bone_image"][0, 32]
    assert float(spine[28:36].min()) > 0.9
    assert float(spine[:24].max()) == 0.0
    assert bool(targets["bone_mask"][0, 32, 28:36].all())


def test_soft_tissue_stands_in_the_bones_place(one, tmp_path):
    write_series(tmp_path, hu=np.where(HU == 500, 40, HU))
    (tmp_path / "a.xml").write_text(reading())
    assert torch.equal(only(one, **CONE).targets["soft_tissue_image"], only(tmp_path, **CONE).image)


def test_a_turned_view_moves_the_nodule_by_its_depth(one):
    columns = []
    for azimuth in (-9.0, 9.0):
        case = only(one, **CONE, pose=(azimuth, 0.0), frame="stretch", size=256)
        assert case.targets["view_pose"] == Pose(azimuth, 0.0)
        columns.append(float(np.nonzero(case.targets["nodule_mask"][0].numpy())[1].mean()) / 4)
    x, y = ((n - (SIDE - 1) / 2) * PIXEL for n in (NODULE[2], NODULE[1]))
    expected = []
    for azimuth in (-9.0, 9.0):
        sine, cosine = np.sin(np.radians(azimuth)), np.cos(np.radians(azimuth))
        across, towards = x * cosine - y * sine, x * sine + y * cosine
        expected.append(across * 1600 / (1600 - towards) / PIXEL + (SIDE - 1) / 2)
    assert columns == pytest.approx(expected, abs=0.5)


def test_a_frontal_nodule_lies_where_the_parallel_one_does_but_for_magnification(one):
    masks = [only(one, frame="stretch", **options).targets["nodule_mask"][0] for options in (CONE, {})]
    centres = [np.argwhere(m.numpy()).mean(axis=0) for m in masks]
    assert np.abs(centres[0] - centres[1]).max() < 1.5
    assert bool((masks[0] & masks[1]).any())


def test_bones_weigh_more_than_tissue_of_their_density(one):
    plain = only(one, **CONE, frame="stretch").image[0]
    all_tissue = only(one, **CONE, bone_volume_hu=3000.0, frame="stretch").image[0]
    gain = (plain - all_tissue)[:, 28:36]
    assert float(gain.max()) > 1e-3
    assert float((plain - all_tissue)[:, :20].abs().max()) < 1e-3  # through the scale of the whole


@pytest.mark.parametrize(
    "options", [{"pose": (9.0, 0.0)}, {"physics": "ct2xray", "pose": (60.0, 0.0)}, {"source_isocentre_mm": 1900.0}]
)
def test_views_that_the_physics_cannot_have_are_refused(one, options):
    with pytest.raises(ValueError, match=r"pose|source_isocentre_mm"):
        dataset(one, **options)


def test_the_options_of_the_view_change_the_digest(one):
    digests = {
        dataset(one, **options).manifest()[0].digest
        for options in (
            {},
            CONE,
            {**CONE, "pose": (5.0, 0.0)},
            {**CONE, "spectrum": "chest"},
            {**CONE, "source_detector_mm": 1900.0},
        )
    }
    assert len(digests) == 5


def test_the_volume_s_depth_is_the_scan_s(one):
    assert only(one, **CONE).targets["volume_hu"].shape == (DEPTH, SIDE, SIDE)
    assert torch.equal(only(one, **CONE).targets["volume_hu"], torch.from_numpy(HU.astype(np.float32)))
