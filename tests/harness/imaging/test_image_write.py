"""Written images against what they read back as, and what is left when writing fails."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from radbench.imaging import ImageWriteError, read_image, write_image

IMAGE = torch.rand(1, 19, 23, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF"])
@pytest.mark.parametrize("bits", [8, 16])
def test_image_reads_back_within_half_a_step(tmp_path: Path, suffix: str, bits: int) -> None:
    path = write_image(tmp_path / f"a{suffix}", IMAGE, bits=bits)
    read = read_image(path)
    assert read.provenance["bits"] == bits
    assert (read.image - IMAGE).abs().max().item() <= 0.5 / (2**bits - 1) + 1e-7


@pytest.mark.parametrize("bits", [8, 16])
def test_other_readers_see_the_same_numbers(tmp_path: Path, bits: int) -> None:
    path = write_image(tmp_path / "a.png", IMAGE, bits=bits)
    truth = np.rint(IMAGE[0].double().numpy() * (2**bits - 1))
    assert np.array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), truth)


def test_quantised_values_come_back_exactly(tmp_path: Path) -> None:
    exact = torch.arange(256, dtype=torch.float32).reshape(1, 16, 16) / 255
    assert torch.equal(read_image(write_image(tmp_path / "a.png", exact)).image, exact)


def test_jpeg_is_written_with_eight_bits(tmp_path: Path) -> None:
    smooth = torch.linspace(0, 1, 64).repeat(64, 1)[None]
    assert (read_image(write_image(tmp_path / "a.jpg", smooth)).image - smooth).abs().max().item() < 0.03
    with pytest.raises(ImageWriteError, match="JPEG is not written with bits=16"):
        write_image(tmp_path / "a.jpg", smooth, bits=16)


def test_missing_folders_are_made_and_two_dimensions_taken(tmp_path: Path) -> None:
    path = write_image(tmp_path / "deep" / "er" / "a.png", IMAGE[0])
    assert Image.open(path).size == (23, 19)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 1.1])
def test_pixels_outside_the_range_are_refused(tmp_path: Path, value: float) -> None:
    image = IMAGE.clone()
    image[0, 3, 3] = value
    with pytest.raises(ImageWriteError, match=r"'a\.png'"):
        write_image(tmp_path / "a.png", image)
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize("shape", [(2, 5, 5), (1, 0, 5), (1, 1, 5, 5)])
def test_what_is_not_one_image_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageWriteError, match=r"must be \[1,H,W\]"):
        write_image(tmp_path / "a.png", torch.zeros(shape))


def test_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageWriteError, match=r"\.png"):
        write_image(tmp_path / "a.webp", IMAGE)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: Any, step: str) -> None:
    path = write_image(tmp_path / "a.png", IMAGE)
    before = path.read_bytes()

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if step == "fsync" else Path, step, full)
    with pytest.raises(ImageWriteError, match="No space left on device"):
        write_image(path, 1 - IMAGE)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.suffix != ""] == ["a.png"]


def test_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(ImageWriteError, match="cannot be written"):
        write_image(tmp_path / "a" / "b.png", IMAGE)


def test_file_mode_follows_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        path = write_image(tmp_path / "a.png", IMAGE)
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o640
