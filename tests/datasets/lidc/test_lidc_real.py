"""LIDC-IDRI-0001 as it is distributed: its nodules, lungs and bones against what is known of them."""

from __future__ import annotations

import json
from statistics import median

import numpy as np
import pytest
import torch
from scipy import ndimage

from radbench.contracts.case import validate_case
from radbench.imaging import read_volume
from radbench_lidc.dataset import LidcIdri

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def truth(real_data):
    folder = real_data / "lidc-0001"
    labels = read_volume(folder / "labels.nii.gz").hu.numpy().astype(np.uint8)
    return {"readings": json.loads((folder / "nodules.json").read_text())["readings"], "labels": labels}


@pytest.fixture(scope="module")
def case(real_collection, tmp_path_factory):
    """The case, read once; its volume, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RADBENCH_CACHE", str(tmp_path_factory.mktemp("lidc-real") / "cache"))
        data = LidcIdri(LidcIdri.Config(root=real_collection, size=512))
        (entry,) = data.manifest()
        loaded = data.load(entry.case_id)
    return {"case": validate_case(loaded), "entry": entry, "hu": loaded.targets["volume_hu"].numpy()}


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def projected(voxels):
    """Project along y as the image lies, at its own pixels (133 slices of 2.5 mm to 473 rows of 0.703 mm, padded)."""
    flat = torch.from_numpy(voxels.any(axis=1)[::-1].astype(np.float32))[None, None]
    square = torch.nn.functional.interpolate(flat, size=(473, 512), mode="bilinear", align_corners=False)[0, 0] >= 0.5
    return np.pad(square.numpy(), ((19, 20), (0, 0)))


def test_the_case_is_the_patient(case):
    assert case["entry"].case_id == case["entry"].patient_id == "LIDC-IDRI-0001"
    assert case["case"].spacing_mm == pytest.approx((0.703, 0.703), abs=1e-3)


def test_the_readers_make_one_nodule_with_their_ratings(case, truth):
    (nodule,) = case["case"].provenance["nodules"]
    assert nodule["readers"] == len(truth["readings"]) == 4
    assert case["case"].provenance["marks"] == {"nodule": 4}
    for name, value in nodule["ratings"].items():
        assert value == median(r["characteristics"][name] for r in truth["readings"])
    assert len(nodule["ratings"]) == 9
    assert nodule["counts"]


def test_the_nodule_lies_where_the_readers_drew_it(case, truth):
    points = np.array([p for r in truth["readings"] for c in r["contours"] for p in c["xy"]])
    z = np.array([c["z"] for r in truth["readings"] for c in r["contours"]])
    rows, columns = np.nonzero(case["case"].targets["nodule_mask"][0].numpy())
    assert points[:, 0].min() < columns.min() < columns.max() < points[:, 0].max()
    # Row of a slice: from the top slice down, 2.5 mm in pixels of 0.703 mm, below 19 rows of padding.
    row = 19 + (132 - (z + 340) / 2.5 + 0.5) * 473 / 133
    assert row.min() - 2 < rows.min() < rows.max() < row.max() + 2


def test_the_volume_is_the_scan(case, real_data):
    assert (case["hu"] == read_volume(real_data / "lidc-0001" / "ct.nii.gz").hu.numpy()).all()


def test_the_lung_mask_covers_the_lobes(case, truth):
    lobes = (truth["labels"] >= 10) & (truth["labels"] <= 14)
    assert case["case"].provenance["lung_ml"] == pytest.approx(lobes.sum() * 2.5 * 0.703125**2 / 1000, rel=0.03)
    assert dice(case["case"].targets["lung_mask"][0].numpy(), projected(lobes)) > 0.97


def test_readers_lungs_end_at_spine_domes_and_heart(case, truth):
    labels, targets = truth["labels"], case["case"].targets
    field, aerated = (targets[name][0].numpy() for name in ("lung_field_mask", "aerated_lung_mask"))
    vertebrae = (labels >= 27) & (labels <= 40)
    thick = vertebrae.sum(axis=1, keepdims=True) * 0.703125 >= 18.0
    vertebrae, heart = projected(vertebrae & thick), projected(labels == 51)
    lungs, liver = projected((labels >= 10) & (labels <= 14)), projected(labels == 5)
    assert [ndimage.label(mask)[1] for mask in (field, aerated)] == [2, 2]
    # The rim of the heart and edges of the liver are thinner than what hides a lung.
    assert (field & vertebrae).sum() < 0.1 * (lungs & vertebrae).sum()
    assert (field & liver).sum() < 0.04 * liver.sum()
    assert (aerated & heart).sum() < 0.05 * heart.sum()
    behind = heart & lungs & ~vertebrae & ~liver
    assert (field & behind).sum() > 0.8 * behind.sum()
    clear = lungs & ~vertebrae & ~projected((labels >= 51) & (labels <= 63)) & ~projected((labels <= 8) & (labels > 0))
    # Fat below the domes has no label.
    assert (field & clear).sum() > 0.93 * clear.sum()
    assert (aerated & clear).sum() > 0.9 * clear.sum()


def test_the_bone_mask_covers_the_ribs_and_the_spine(case, truth):
    labels = truth["labels"]
    bone = (labels >= 25) & (labels <= 50) | (labels >= 92) & (labels <= 116)
    mask = case["case"].targets["bone_mask"][0].numpy()
    assert mask[projected(bone)].mean() > 0.7


def test_bone_is_told_from_the_blood_full_of_contrast_agent(case, truth):
    labels = truth["labels"]
    skeleton = (labels >= 25) & (labels <= 50) | (labels >= 69) & (labels <= 78) | (labels >= 92) & (labels <= 116)
    blood = (labels >= 51) & (labels <= 68)
    dense, bone = case["hu"] > 350, case["case"].targets["bone_volume"].numpy()
    assert (dense & blood).sum() > 0.35 * dense.sum()
    assert (bone & blood).sum() < 0.15 * bone.sum()
    assert (bone & skeleton).sum() > 0.9 * (dense & skeleton).sum()


def test_the_lung_image_holds_vessels_and_the_nodule(case):
    image, mask = case["case"].targets["lung_image"][0], case["case"].targets["lung_mask"][0]
    assert float(image[~mask].mean()) < 0.01
    assert float(image[case["case"].targets["nodule_mask"][0]].mean()) > 3 * float(image[mask].mean())
