"""Masks against the pixels that were set."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from radbench.contracts import ImageReadError
from radbench.imaging import read_mask

TRUTH = np.zeros((20, 24), bool)
TRUTH[5:12, 8:20] = True


@pytest.mark.parametrize("value", [1, 7, 128, 255])
@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
def test_lossless_mask_of_one_value_is_where_it_is_not_zero(tmp_path: Path, value: int, suffix: str) -> None:
    Image.fromarray((TRUTH * value).astype(np.uint8)).save(tmp_path / f"m.{suffix}")
    mask, source = read_mask(tmp_path / f"m.{suffix}")
    assert np.array_equal(mask[0].numpy(), TRUTH)
    assert source["rule"] == "not 0"
    assert source["set_pixels"] == TRUTH.sum()


def test_one_bit_mask_is_read(tmp_path: Path) -> None:
    Image.fromarray(TRUTH).save(tmp_path / "m.png")
    assert np.array_equal(read_mask(tmp_path / "m.png")[0][0].numpy(), TRUTH)


def test_jpeg_mask_is_split_at_half(tmp_path: Path) -> None:
    block = np.kron(TRUTH[:16, :24], np.ones((8, 8), bool))
    Image.fromarray((block * 255).astype(np.uint8)).save(tmp_path / "m.jpg", quality=40)
    mask, source = read_mask(tmp_path / "m.jpg")
    assert np.array_equal(mask[0].numpy(), block)
    assert source["rule"] == "above 0.5 of the stored range"


def test_lossless_mask_of_grey_levels_is_refused_without_a_threshold(tmp_path: Path) -> None:
    grey = np.where(TRUTH, 255, 0).astype(np.uint8)
    grey[0, 0] = 127
    Image.fromarray(grey).save(tmp_path / "m.png")
    with pytest.raises(ImageReadError, match=r"mask of 3 grey levels \(0, 127, 255\)"):
        read_mask(tmp_path / "m.png")
    assert np.array_equal(read_mask(tmp_path / "m.png", threshold=0.5)[0][0].numpy(), TRUTH)
    assert int(read_mask(tmp_path / "m.png", threshold=0.0)[0].sum()) == TRUTH.sum() + 1


def test_empty_and_full_masks_stay_so(tmp_path: Path) -> None:
    for name, value in (("empty", 0), ("full", 255)):
        Image.fromarray(np.full((4, 5), value, np.uint8)).save(tmp_path / f"{name}.png")
    assert int(read_mask(tmp_path / "empty.png")[0].sum()) == 0
    assert int(read_mask(tmp_path / "full.png")[0].sum()) == 20


def test_reversed_mask_can_be_turned(tmp_path: Path) -> None:
    Image.fromarray((~TRUTH * 255).astype(np.uint8)).save(tmp_path / "m.png")
    assert np.array_equal(read_mask(tmp_path / "m.png", polarity="reversed")[0][0].numpy(), TRUTH)


def test_nifti_label_map_of_any_integer_type_is_read(tmp_path: Path) -> None:
    for dtype in (np.uint8, np.int16, np.float32):
        values = TRUTH.T[::-1, ::-1, None].astype(dtype)
        nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "m.nii")
        assert np.array_equal(read_mask(tmp_path / "m.nii")[0][0].numpy(), TRUTH)


def test_mask_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.full((3, 3, 1), np.nan, np.float32), np.eye(4)), tmp_path / "m.nii")
    with pytest.raises(ImageReadError, match="NaN or infinite"):
        read_mask(tmp_path / "m.nii")


def test_real_masks_with_a_pacemaker_level_are_refused(real_data: Path) -> None:
    folder = real_data / "covid-cxr-lungs" / "masks"
    refused = []
    for path in sorted(folder.glob("*.jpg")):
        try:
            read_mask(path)
        except ImageReadError:
            refused.append(path.stem)
    assert refused == ["1880e301", "f64132c8"]
