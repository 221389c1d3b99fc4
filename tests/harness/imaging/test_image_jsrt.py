"""JSRT's raw format against files made byte by byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radbench.contracts import ImageReadError
from radbench.imaging import read_image


def jsrt(path: Path) -> np.ndarray:
    values = (np.arange(2048 * 2048, dtype=np.uint32) % 4096).astype(np.uint16).reshape(2048, 2048)
    values[3, 7] = 0x0123
    path.write_bytes(values.astype(">u2").tobytes())
    return values


@pytest.mark.parametrize("name", ["JPCLN001.IMG", "JPCLN001.img"])
def test_optical_density_is_turned_to_dense_is_bright(tmp_path: Path, name: str) -> None:
    values = jsrt(tmp_path / name)
    read = read_image(tmp_path / name)
    assert np.array_equal(read.image[0].numpy(), (1 - values / 4095).astype(np.float32))
    assert read.spacing_mm == (0.175, 0.175)
    assert (read.provenance["format"], read.provenance["bits"]) == ("JSRT raw", 12)
    assert "optical density" in read.provenance["polarity"]


def test_polarity_can_be_undone(tmp_path: Path) -> None:
    values = jsrt(tmp_path / "a.IMG")
    assert np.allclose(read_image(tmp_path / "a.IMG", polarity="reversed").image[0].numpy(), values / 4095)


@pytest.mark.parametrize("size", [8388606, 100, 8388610])
def test_another_size_is_refused(tmp_path: Path, size: int) -> None:
    (tmp_path / "a.IMG").write_bytes(b"\1" * size)
    with pytest.raises(ImageReadError, match=f"has {size} bytes, not the 8388608"):
        read_image(tmp_path / "a.IMG")


def test_another_byte_order_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.IMG").write_bytes(np.full((2048, 2048), 4000, "<u2").tobytes())
    with pytest.raises(ImageReadError, match="beyond the 12 bits"):
        read_image(tmp_path / "a.IMG")
