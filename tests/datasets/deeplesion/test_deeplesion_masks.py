"""Masks of deeplesion: whose each is, where ULS23's volumes lie, and what is refused."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from radbench.cli.app import make_app
from radbench.contracts import CaseError
from radbench.contracts.case import validate_case
from radbench.contracts.errors import DatasetError
from radbench_deeplesion.dataset import DeepLesion

from . import made_collection as made

CASE = "000003_02_01_007-1"
NAME = "000003_02_01_007"


def run(*words):
    """Call a verb in this process, as the user would."""
    return CliRunner().invoke(make_app(None), [*words])


@pytest.fixture
def root(tmp_path):
    return made.three_patients(tmp_path / "DeepLesion")


def opened(root, masks, **fields):
    return DeepLesion(DeepLesion.Config(root=root, masks=masks, **fields))


def write_png(folder, name, mask):
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(mask, np.uint8) * 255).save(folder / f"{name}.png")


def stacked(what):
    """Stack slices 5 to 9 round key slice 7 of the range 5 to 11, as ULS23 does."""
    return np.stack([what(n) for n in range(5, 10)])


def lesion_of(number):
    return made.LESION & (number == 7)


def write_volume(root, corner=(10, 30, -2), size=(32, 32, 8), spacing=None, image=True, number=7):
    labels = root / "ULS23_DeepLesion3D" / "labels"
    made.write_uls23(labels / f"{NAME}_lesion_01.nii.gz", stacked(lesion_of), corner, size, spacing)
    if image:
        hu = stacked(lambda n: made.hu_of("000003_02_01", n + number - 7))
        made.write_uls23(labels.with_name("images") / f"{NAME}_lesion_01.nii.gz", hu, corner, size, spacing)
    return labels


@pytest.mark.parametrize("name", [NAME, CASE])
def test_a_png_is_its_lesions_mask(root, tmp_path, name):
    write_png(tmp_path / "masks", name, made.LESION)
    case = validate_case(opened(root, tmp_path / "masks").load(CASE))
    assert (case.targets["lesion_mask"][0].numpy() == made.LESION).all()


def test_only_the_test_split_is_cut_down_to_lesions_with_masks(root, tmp_path):
    write_png(tmp_path / "masks", NAME, made.LESION)

    def ids(**fields):
        return [e.case_id for e in opened(root, tmp_path / "masks", **fields).manifest()]

    assert ids() == ["000001_01_01_007-1", "000002_01_01_007-1", CASE]
    assert ids(unmasked="leave-out") == [CASE]
    refused = opened(root, tmp_path / "masks", unmasked="refuse")
    assert len(refused.manifest()) == 4
    with pytest.raises(CaseError, match="no mask of it"):
        refused.load("000003_02_01_007-2")
    assert "lesion_mask" not in opened(root, tmp_path / "masks").load("000001_01_01_007-1").targets


@pytest.mark.parametrize(
    ("corner", "size"),
    [((10, 30, -2), (32, 32, 8)), ((-9, 25, -20), (60, 60, 40)), ((0, 0, 0), (64, 64, 5)), ((17, 39, 2), (13, 9, 1))],
)
@pytest.mark.parametrize("spacing", [None, made.SPACING])
def test_a_volume_of_uls23_lies_where_it_was_cut_out(root, corner, size, spacing):
    """Whatever the volume holds of the lesion comes back at its place, and nothing else."""
    labels = write_volume(root, corner, size, spacing)
    case = validate_case(opened(root, labels).load(CASE))
    assert (case.targets["lesion_mask"][0].numpy() == made.LESION).all()
    assert case.provenance["mask"]["placed"].endswith("its image is the collection's slice there")


def test_a_volume_of_the_whole_range_is_taken_for_that(root):
    stack = np.stack([lesion_of(n) for n in range(5, 12)])
    labels = root / "labels"
    made.write_uls23(labels / f"{NAME}_lesion_01.nii.gz", stack, (0, 0, 0), (64, 64, 7))
    mask = opened(root, labels).load(CASE).targets["lesion_mask"]
    assert (mask[0].numpy() == made.LESION).all()


def test_a_volume_whose_image_is_another_slice_is_refused(root):
    labels = write_volume(root, number=8)
    with pytest.raises(CaseError, match="mask and slice do not belong together"):
        opened(root, labels).load(CASE)


def test_a_volume_that_lies_elsewhere_is_refused(root):
    labels = root / "labels"
    made.write_uls23(
        labels / f"{NAME}_lesion_01.nii.gz", np.roll(stacked(lesion_of), 30, axis=1), (0, 0, 0), (64, 64, 5)
    )
    with pytest.raises(CaseError, match="0% of its pixels in the lesion's bounding box"):
        opened(root, labels).load(CASE)


def test_a_volume_that_misses_the_key_slice_is_refused(root):
    labels = write_volume(root, corner=(0, 0, 3), size=(64, 64, 4), image=False)
    with pytest.raises(CaseError, match="does not reach key slice 7"):
        opened(root, labels).load(CASE)


def test_a_resampled_volume_is_refused(root):
    labels = write_volume(root, image=False)
    path = labels / f"{NAME}_lesion_01.nii.gz"
    image = nib.load(path)
    affine = image.affine.copy()
    affine[0, 3] += 0.4
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj), affine), path)
    with pytest.raises(CaseError, match="which is no whole one"):
        opened(root, labels).load(CASE)


def test_masks_that_grabcut_made_are_no_truth(root, tmp_path):
    made.write_uls23(
        tmp_path / "labels_grabcut" / f"{NAME}_sample_0.nii.gz", stacked(lesion_of), (0, 0, 0), (64, 64, 5)
    )
    with pytest.raises(DatasetError, match="made by GrabCut"):
        opened(root, tmp_path / "labels_grabcut").manifest()


def test_masks_of_no_lesion_are_noticed_and_two_of_one_refused(root, tmp_path):
    write_png(tmp_path / "masks", NAME, made.LESION)
    write_png(tmp_path / "masks", "000009_01_01_001", made.LESION)
    (tmp_path / "masks" / "a.nii.gz.zip").write_bytes(b"x")
    assert list(opened(root, tmp_path / "masks").noticed()) == [
        "'000009_01_01_001.png' in masks belongs to no lesion of the table",
        "'a.nii.gz.zip' in masks is neither PNG nor NIfTI",
    ]
    write_png(tmp_path / "masks", CASE, made.LESION)
    with pytest.raises(DatasetError, match="both are the mask of lesion"):
        opened(root, tmp_path / "masks").manifest()


@pytest.mark.parametrize(
    ("mask", "sentence"),
    [
        (np.zeros((64, 64)), "is empty in key slice 7"),
        (np.ones((32, 32)), "32 x 32 .* its slice 64 x 64"),
        (made.LESION.T, "bounding box"),
    ],
)
def test_a_mask_that_cannot_be_its_lesions_is_refused(root, tmp_path, mask, sentence):
    write_png(tmp_path / "masks", NAME, mask)
    with pytest.raises(CaseError, match=sentence):
        opened(root, tmp_path / "masks").load(CASE)


def test_grabcut_runs_on_masked_lesions(root, tmp_path):
    write_png(tmp_path / "masks", NAME, made.LESION)
    done = run(
        *("run", "-e", "original", "-t", "grabcut", "--out", str(tmp_path / "run"), "--jobs", "1"),
        *("-d", f"deeplesion[root={root},masks={tmp_path / 'masks'}]"),
    )
    assert done.exit_code == 0, done.stderr
    assert "lesion-type" in (tmp_path / "run" / "leaderboard.csv").read_text()
