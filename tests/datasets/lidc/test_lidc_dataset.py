"""LidcIdri: what a case of a small collection holds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from radbench.contracts.case import validate_case
from radbench.contracts.config import local_fields
from radbench.contracts.dataset import check_manifest
from radbench_lidc import volume
from radbench_lidc.dataset import LidcIdri
from radbench_lidc.plugin import radbench_datasets

from .collection import (  # noqa: F401
    DEPTH,
    GAP,
    HU,
    NODULE,
    PIXEL,
    SIDE,
    copy_fixture,
    dataset,
    folder_of,
    one_fixture,
    only,
    reading,
    write_series,
)


def test_a_case_keeps_the_contract(one):
    data = dataset(one)
    check_manifest("lidc", data.manifest())
    case = validate_case(data.load("LIDC-IDRI-0001"))
    assert set(case.targets) == data.targets
    assert case.image.shape == (1, 64, 64)
    assert case.patient_id == "LIDC-IDRI-0001"
    assert case.targets["findings"] == {"nodule": 1.0}
    assert data.collection == "LIDC-IDRI"
    assert set(local_fields(LidcIdri.Config)) == {"root", "readings"}


def test_the_plugin_tells_of_the_targets_that_the_data_set_has(one):
    spec = next(one for one in radbench_datasets() if one.name == "lidc")
    assert set(spec.targets) == dataset(one, readers_lungs=True).targets
    assert spec.slow
    assert spec.licence == "CC BY 3.0"


def test_superior_is_up_and_the_patients_right_is_left(one):
    mask = only(one, frame="stretch").targets["nodule_mask"][0].numpy()
    rows, columns = np.nonzero(mask)
    # 24 slices fill 64 rows from the top slice down.
    assert rows.mean() == pytest.approx((DEPTH - 1 - NODULE[0] + 0.5) * 64 / DEPTH - 0.5, abs=0.6)
    assert columns.mean() == pytest.approx(NODULE[2], abs=0.6)


def test_the_image_is_the_mean_attenuation_along_y(one):
    case = only(one, frame="stretch", size=64)
    mean = torch.from_numpy((HU.clip(-1000) + 1000).mean(axis=1)[::-1].copy())[None, None]
    square_pixels = torch.nn.functional.interpolate(mean, size=(48, 64), mode="bilinear", align_corners=False)
    drr = (0.02 * 0.2 * square_pixels / 1000).exp()
    expected = torch.nn.functional.interpolate(drr, size=(64, 64), mode="bilinear", align_corners=False)[0, 0]
    expected = (expected - expected.min()) / (expected.max() - expected.min())
    assert float((case.image[0] - expected).abs().max()) < 1e-6
    assert float(case.image.min()) == 0.0
    assert float(case.image.max()) == 1.0


def test_the_lung_image_shows_the_lungs_alone(one):
    case = only(one)
    outside = ~torch.nn.functional.max_pool2d(case.targets["lung_mask"].float(), 5, 1, 2).bool()
    assert float(case.targets["lung_image"][outside].max()) < 1e-6
    assert float(case.targets["lung_image"][case.targets["nodule_mask"]].mean()) > 0.5


def test_a_nodule_at_the_pleura_is_in_the_lung_image(tmp_path):
    hu = HU.copy()
    hu[:, :, :20] = np.where(hu[:, :, :20] == -850, 40, hu[:, :, :20])  # the nodule's inner side alone is free
    write_series(tmp_path, hu=hu)
    (tmp_path / "a.xml").write_text(reading())
    shown = [only(tmp_path, lung_with_nodules=w).targets for w in (True, False)]
    inside = shown[0]["nodule_mask"]
    assert bool(shown[0]["lung_mask"][inside].all())
    assert float(shown[0]["lung_image"][inside].mean()) > 2 * float(shown[1]["lung_image"][inside].mean())


def test_the_bone_image_shows_the_spine_alone(one):
    image = only(one, frame="stretch").targets["bone_image"][0]
    assert float(image[:, 28:36].min()) > 0.99
    assert float(image[:, :27].max()) == 0.0


def test_soft_tissue_stands_in_the_bones_place(one, tmp_path):
    write_series(tmp_path, hu=np.where(HU == 500, 40, HU))
    (tmp_path / "a.xml").write_text(reading())
    assert torch.equal(only(one).targets["soft_tissue_image"], only(tmp_path).image)


def test_bone_above_the_papers_range_counts_when_it_is_open(tmp_path):
    hu = np.where(HU == 500, 900.0, HU)
    write_series(tmp_path, hu=hu)
    (tmp_path / "a.xml").write_text(reading())
    assert float(only(tmp_path).targets["bone_image"].max()) == 0.0
    assert float(only(tmp_path, bone_hu_max=None).targets["bone_image"].max()) == 1.0


def test_the_reversed_sign_gives_nearly_the_same_image(one):
    assert float((only(one).image - only(one, sign=-1).image).abs().max()) < 2e-3


def test_a_prone_patient_comes_out_as_a_supine_one(one, tmp_path):
    turned = HU[:, ::-1, ::-1]
    write_series(tmp_path, hu=turned, orientation=[-1, 0, 0, 0, -1, 0])
    y, x = SIDE - 1 - NODULE[1], SIDE - 1 - NODULE[2]
    xml = reading()
    for axis, (own, other) in {"x": (NODULE[2], x), "y": (NODULE[1], y)}.items():
        for step in (-3, 3):
            xml = xml.replace(f"<{axis}Coord>{own + step}<", f"<{axis}Coord>#{other + step}<")
    (tmp_path / "a.xml").write_text(xml.replace("#", ""))
    prone, supine = only(tmp_path), only(one)
    assert torch.equal(prone.image, supine.image)
    assert torch.equal(prone.targets["nodule_mask"], supine.targets["nodule_mask"])
    assert torch.equal(prone.targets["volume_hu"], supine.targets["volume_hu"])


@pytest.mark.parametrize(
    ("frame", "spacing", "empty_rows"), [("pad", (6.0, 6.0), 16), ("crop", (4.5, 4.5), 0), ("stretch", (4.5, 6.0), 0)]
)
def test_frames_keep_count_of_the_spacing(one, frame, spacing, empty_rows):
    case = only(one, frame=frame)
    assert case.spacing_mm == pytest.approx(spacing)
    assert int((case.image[0].amax(dim=1) == 0).sum()) == empty_rows


def test_a_nodule_survives_a_small_size(one):
    assert bool(only(one, size=16).targets["nodule_mask"].any())


def test_nodules_that_do_not_count_leave_the_mask_empty(copy):
    (folder_of(copy) / "069.xml").write_text(reading(texture=3))
    case = only(copy)
    assert not case.targets["nodule_mask"].any()
    assert [n["counts"] for n in case.provenance["nodules"]] == [False]


def test_the_provenance_tells_the_nodules(one):
    (nodule,) = only(one).provenance["nodules"]
    assert nodule["readers"] == 3
    assert nodule["ratings"] == {"subtlety": 5, "texture": 5}
    assert nodule["ml"] == pytest.approx(3 * 5 * 5 * GAP * PIXEL * PIXEL / 1000)


def test_what_is_dense_through_and_through_is_blood_unless_told_otherwise(one):
    dense = torch.from_numpy(HU > 350)
    assert torch.equal(only(one, drop_blood_pools=False).targets["bone_volume"], dense)
    dropped = only(one).targets["bone_volume"]
    assert not (dropped & ~dense).any()
    assert dropped.sum() < dense.sum()


def test_volumes_are_loaded_when_asked_for(one, monkeypatch):
    case = only(one, drop_blood_pools=False)
    assert torch.equal(case.targets["volume_hu"], torch.from_numpy(HU.astype(np.float32)))
    assert torch.equal(case.targets["bone_volume"], torch.from_numpy(HU > 350))
    monkeypatch.setattr("radbench_lidc.volume.volume_hu", lambda *_: pytest.fail("worked a volume out"))
    assert "volume_hu" in case.targets
    assert len(list(case.targets)) == len(case.targets) == 11


def test_a_scan_is_read_once_for_all_that_is_looked_up_of_it(one, monkeypatch):
    read = []
    real = volume.read_volume_of
    monkeypatch.setattr(volume, "read_volume_of", lambda scan: (read.append(scan.case_id), real(scan))[1])
    data = dataset(one)
    case = data.load("LIDC-IDRI-0001")
    given = case.targets["volume_hu"]
    kept = given.clone()
    given.zero_()
    case.targets["bone_volume"].zero_()
    assert torch.equal(data.load("LIDC-IDRI-0001").targets["volume_hu"], kept)
    assert read == ["LIDC-IDRI-0001"]


def test_volumes_can_be_resampled(one):
    case = only(one, volume_mm=8.0)
    voxels = case.targets["volume_hu"]
    assert voxels.shape == (36, 48, 48)
    assert case.targets["volume_spacing_mm"].tolist() == [8.0, 8.0, 8.0]
    assert only(one).targets["volume_spacing_mm"].tolist() == pytest.approx([GAP, PIXEL, PIXEL])
    assert float(voxels.mean()) == pytest.approx(HU.mean(), abs=10)
    assert HU.min() <= float(voxels.min()) < float(voxels.max()) <= HU.max()


def test_padding_outside_the_field_counts_as_air(tmp_path):
    hu = HU.copy()
    hu[:, :3] = -2000
    write_series(tmp_path, hu=hu)
    (tmp_path / "a.xml").write_text(reading())
    case = only(tmp_path)
    assert float(case.targets["volume_hu"].min()) == -1024
    hu[:, :3] = -1000
    write_series(tmp_path, hu=hu)
    assert torch.equal(case.image, only(tmp_path).image)
