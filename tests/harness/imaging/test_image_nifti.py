"""NIfTI files written by nibabel with known anatomy, read back as a radiologist looks at them."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from radbench.contracts import ImageReadError
from radbench.imaging import read_image, read_volume


def world(shape: tuple[int, int, int] = (4, 5, 6)) -> np.ndarray:
    """Return HU by position, axes right, anterior, superior: every voxel says where it is."""
    r, a, s = np.meshgrid(*map(np.arange, shape), indexing="ij")
    return (100 * r + 10 * a + s).astype(np.int16)


def nifti(
    path: Path, codes: str, spacing: tuple[float, float, float] = (0.5, 0.75, 2.0), dtype: Any = np.int16
) -> Path:
    """Write :func:`world` with its axes stored in the order and directions of ``codes`` (like "LAS")."""
    image = nibabel.Nifti1Image(world().astype(dtype), np.diag([*spacing, 1.0]))
    start = nibabel.orientations.axcodes2ornt("RAS")
    turned = image.as_reoriented(nibabel.orientations.ornt_transform(start, nibabel.orientations.axcodes2ornt(codes)))
    nibabel.save(turned, path)
    return path


ORIENTATIONS = [
    "".join(pick) for axes in itertools.permutations(["RL", "AP", "SI"]) for pick in itertools.product(*axes)
]


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_axial_slice_looks_the_same_however_it_is_stored(tmp_path: Path, codes: str) -> None:
    read = read_image(nifti(tmp_path / "a.nii.gz", codes), slice_number=3, window=(-1000, 1000), modality="ct")
    # Third slice from inferior; rows to posterior; columns from the patient's right to left.
    truth = world()[::-1, ::-1, 2].T
    assert read.hu is not None
    assert np.array_equal(read.hu[0].numpy(), truth)
    assert read.spacing_mm == (0.75, 0.5)


@pytest.mark.parametrize("codes", ["RAS", "LAS", "LPS", "SAR", "PIL"])
def test_coronal_and_sagittal_slices_have_superior_on_top(tmp_path: Path, codes: str) -> None:
    path = nifti(tmp_path / "a.nii", codes)
    coronal = read_image(path, plane="coronal", slice_number=2, window=(-1000, 1000), modality="ct")
    assert coronal.hu is not None
    assert np.array_equal(coronal.hu[0].numpy(), world()[::-1, 1, ::-1].T)
    assert coronal.spacing_mm == (2.0, 0.5)
    sagittal = read_image(path, plane="sagittal", slice_number=1, window=(-1000, 1000), modality="ct")
    assert sagittal.hu is not None
    # Slice 1 is the first along the right axis, columns run to posterior.
    assert np.array_equal(sagittal.hu[0].numpy(), world()[0, ::-1, ::-1].T)


@pytest.mark.parametrize("codes", ORIENTATIONS)
def test_volume_is_turned_to_superior_posterior_left(tmp_path: Path, codes: str) -> None:
    volume = read_volume(nifti(tmp_path / "a.nii", codes))
    assert np.array_equal(volume.hu.numpy(), world()[::-1, ::-1, :].T)
    assert volume.spacing_mm == (2.0, 0.75, 0.5)
    # The first voxel is the rightmost, most anterior, lowest: in LPS (-3 * 0.5, -4 * 0.75, 0).
    assert np.allclose(volume.origin, [-1.5, -3.0, 0.0])
    assert np.allclose(volume.direction, [[0, 0, 1], [0, 1, 0], [1, 0, 0]])
    assert np.allclose(volume.positions[2], [-1.5, -3.0, 4.0])


def test_volume_and_slice_agree_on_real_ct(real_data: Path) -> None:
    path = real_data / "lidc-0001" / "ct.nii.gz"
    volume = read_volume(path)
    read = read_image(path, slice_number=60, window=(-1000, 400), modality="ct")
    assert read.hu is not None
    assert np.array_equal(volume.hu[59].numpy(), read.hu[0].numpy())
    # As stored, axes left, anterior, superior: row from anterior means turning the second axis round.
    raw = np.asarray(nibabel.load(path).dataobj[:, :, 59])
    assert np.array_equal(read.hu[0].numpy(), raw[:, ::-1].T)


def test_real_organs_lie_where_anatomy_has_them(real_data: Path) -> None:
    labels = read_volume(real_data / "lidc-0001" / "labels.nii.gz").hu.numpy()[::2, ::4, ::4]
    with (real_data / "lidc-0001" / "structures.csv").open() as file:
        number = {row["structure"]: int(row["id"]) for row in csv.DictReader(file)}

    def centre(name: str) -> np.ndarray:
        return np.argwhere(labels == number[name]).mean(axis=0)

    # Slices run to superior, rows to posterior, columns to the patient's left.
    assert centre("lung_upper_lobe_left")[0] > centre("liver")[0]
    assert centre("vertebrae_T8")[1] > centre("heart")[1]
    assert centre("spleen")[2] > centre("liver")[2]


def test_volume_is_refused_as_an_image_until_a_slice_is_chosen(tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii", "RAS")
    with pytest.raises(ImageReadError, match=r"volume of 6 axial slices: choose one with slice_number=1\.\.6"):
        read_image(path, window=(0, 1))
    with pytest.raises(ImageReadError, match="no slice_number=7"):
        read_image(path, window=(0, 1), slice_number=7)


def test_values_without_a_range_need_a_window(tmp_path: Path) -> None:
    with pytest.raises(ImageReadError, match=r"use window=\[low,high\]"):
        read_image(nifti(tmp_path / "a.nii", "RAS"), slice_number=1)


def test_eight_bit_values_fill_their_range(tmp_path: Path) -> None:
    values = np.arange(20, dtype=np.uint8).reshape(4, 5, 1)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([1, 1, 1, 1])), tmp_path / "a.nii")
    read = read_image(tmp_path / "a.nii")
    assert np.allclose(read.image[0].numpy(), values[::-1, ::-1, 0].T / 255)


def test_two_dimensions_are_one_slice(tmp_path: Path) -> None:
    values = np.arange(20, dtype=np.uint8).reshape(4, 5)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([1, 1, 1, 1])), tmp_path / "a.nii")
    assert np.allclose(read_image(tmp_path / "a.nii").image[0].numpy(), values[::-1, ::-1].T / 255)


def test_scaled_integers_are_scaled(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.array([[[0], [10]], [[20], [30]]], dtype=np.float64), np.eye(4))
    image.set_data_dtype(np.int16)
    nibabel.save(image, tmp_path / "a.nii")
    read = read_image(tmp_path / "a.nii", window=(0, 30))
    assert read.provenance["scl"][0] != 1.0
    assert np.allclose(read.image[0].numpy(), np.array([[30, 10], [20, 0]]) / 30, atol=1e-3)


def test_no_orientation_is_recorded_and_only_transposed(tmp_path: Path) -> None:
    values = np.arange(20, dtype=np.uint8).reshape(4, 5, 1)
    image = nibabel.Nifti1Image(values, None)
    image.header["qform_code"] = image.header["sform_code"] = 0
    nibabel.save(image, tmp_path / "a.nii")
    read = read_image(tmp_path / "a.nii")
    assert "none stated" in read.provenance["orientation"]
    assert np.allclose(read.image[0].numpy(), values[:, :, 0].T / 255)
    with pytest.raises(ImageReadError, match="states no orientation"):
        read_volume(tmp_path / "a.nii")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(tmp_path: Path, bad: float) -> None:
    values = np.zeros((3, 3, 2), np.float32)
    values[1, 1, 0] = bad
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(ImageReadError, match="1 NaN or infinite pixels"):
        read_image(tmp_path / "a.nii", slice_number=1)
    with pytest.raises(ImageReadError, match="1 NaN or infinite voxels"):
        read_volume(tmp_path / "a.nii")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("part", [0.1, 0.6, 0.95])
def test_truncated_file_is_refused(tmp_path: Path, suffix: str, part: float) -> None:
    noise = np.random.default_rng(0).integers(0, 99, (16, 16, 4)).astype(np.int16)
    path = tmp_path / f"a{suffix}"
    nibabel.save(nibabel.Nifti1Image(noise, np.eye(4)), path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(ImageReadError, match=r"'a\.nii"):
        read_image(path, slice_number=4, window=(0, 1))
    with pytest.raises(ImageReadError, match=r"'a\.nii"):
        read_volume(path)


def test_four_dimensions_are_refused(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 3, 2, 2), np.float32), np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(ImageReadError, match=r"shape \[3, 3, 2, 2\]"):
        read_image(tmp_path / "a.nii", slice_number=1)
    with pytest.raises(ImageReadError, match="three dimensions"):
        read_volume(tmp_path / "a.nii")


def test_analyze_pair_is_refused_and_not_taken_for_jsrt(tmp_path: Path) -> None:
    values = np.zeros((2048, 2048, 1), np.int16)
    nibabel.save(nibabel.AnalyzeImage(values, np.eye(4)), tmp_path / "a.img")
    assert (tmp_path / "a.img").stat().st_size == 8388608
    with pytest.raises(ImageReadError, match="does not state its orientation; save it as NIfTI"):
        read_image(tmp_path / "a.img")


def test_empty_and_missing_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.nii").touch()
    with pytest.raises(ImageReadError, match="empty"):
        read_image(tmp_path / "a.nii")
    with pytest.raises(ImageReadError, match="does not exist"):
        read_volume(tmp_path / "b.nii")
