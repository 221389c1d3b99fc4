"""The transforms and the window of BM3D: closed forms, and other people's implementations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import fft, special

from radbench_bm3d.transforms import BIOR15_LOW_PASS, bior15, block_transform, dct, haar, kaiser


@pytest.mark.parametrize("size", [1, 2, 8, 11, 12])
def test_the_dct_is_scipys_orthonormal_one(size: int) -> None:
    np.testing.assert_allclose(dct(size), fft.dct(np.eye(size), axis=0, norm="ortho"), atol=1e-14)
    np.testing.assert_allclose(dct(size) @ dct(size).T, np.eye(size), atol=1e-14)


@pytest.mark.parametrize("size", [1, 2, 4, 8, 16, 32])
def test_haar_is_orthonormal_and_begins_with_the_mean(size: int) -> None:
    np.testing.assert_allclose(haar(size) @ haar(size).T, np.eye(size), atol=1e-14)
    np.testing.assert_allclose(haar(size)[0], size**-0.5, atol=1e-14)


def test_haar_of_four() -> None:
    half, root = 0.5, 2**-0.5
    expected = [[half, half, half, half], [half, half, -half, -half], [root, -root, 0, 0], [0, 0, root, -root]]
    np.testing.assert_allclose(haar(4), expected, atol=1e-15)


def test_the_low_pass_filters_of_bior15_are_dual() -> None:
    # Haar's low-pass filter, moved by an even number of samples, is its dual: the product is 1 at 0, else 0.
    products = BIOR15_LOW_PASS.reshape(5, 2).sum(1) / np.sqrt(2)
    np.testing.assert_allclose(products, [0, 0, 1, 0, 0], atol=1e-15)


def test_bior15_is_normalised_and_inverted() -> None:
    matrix = bior15(8)
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1.0, atol=1e-14)
    np.testing.assert_allclose(matrix[0], 8**-0.5, atol=1e-14)
    np.testing.assert_allclose(matrix[1:].sum(1), 0.0, atol=1e-14)
    np.testing.assert_allclose(matrix[4:], np.kron(np.eye(4), [2**-0.5, -(2**-0.5)]), atol=1e-14)
    # The authors' matrix, to four digits.
    np.testing.assert_allclose(matrix[1, :4], [0.2194, 0.4493, 0.4493, 0.2194], atol=5e-5)
    np.testing.assert_allclose(matrix[2, :5], [0.5694, 0.4023, -0.4023, -0.5694, -0.0835], atol=5e-5)


@pytest.mark.parametrize(("name", "size"), [("bior1.5", 4), ("bior1.5", 8), ("bior1.5", 16), ("dct", 8), ("dct", 11)])
def test_a_block_comes_back_from_its_spectrum(name: str, size: int) -> None:
    forward, backward = block_transform(name, size)
    np.testing.assert_allclose(backward @ forward, np.eye(size * size), atol=1e-12)


def test_the_block_transform_is_separable() -> None:
    block = np.random.default_rng(0).normal(size=(8, 8))
    expected = fft.dctn(block, norm="ortho")
    np.testing.assert_allclose((block_transform("dct", 8)[0] @ block.ravel()).reshape(8, 8), expected, atol=1e-13)


@pytest.mark.parametrize(("size", "beta"), [(8, 2.0), (11, 2.0), (8, 0.0)])
def test_the_window_is_kaisers(size: int, beta: float) -> None:
    place = np.linspace(-1, 1, size)
    one = special.i0(beta * np.sqrt(1 - place**2)) / special.i0(beta)
    np.testing.assert_allclose(kaiser(size, beta), one[:, None] * one, atol=1e-14)


def test_the_papers_window() -> None:
    # Beta 2, 8 x 8: corner and centre, as the authors print it.
    assert kaiser(8, 2.0)[0, 0] == pytest.approx(0.1924, abs=5e-5)
    assert kaiser(8, 2.0)[3, 3] == pytest.approx(0.9718, abs=5e-5)


@pytest.mark.parametrize("function", [haar, bior15])
def test_a_wavelet_transform_wants_a_power_of_two(function) -> None:
    with pytest.raises(ValueError, match="power of two, got 12"):
        function(12)
