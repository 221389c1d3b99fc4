"""The noise level that BM3D estimates: of white noise exactly, of photographs nearly, of what has none not at all."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage import data

from radbench.imaging import read_image
from radbench_bm3d.noise import noise_level, wavelet


def white(sigma: float, shape: tuple[int, int] = (256, 256), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, sigma, shape)


def level(image: np.ndarray) -> float:
    return noise_level(torch.from_numpy(image).float())


@pytest.mark.parametrize("sigma", [0.5, 5.0, 15.0, 25.0, 50.0])
@pytest.mark.parametrize("seed", range(3))
def test_white_noise_is_measured_within_two_percent(sigma: float, seed: int) -> None:
    assert level(128 + white(sigma, seed=seed)) == pytest.approx(sigma, rel=0.02)


@pytest.mark.parametrize("band", [1, 2, 3])
def test_every_band_measures_white_noise_alike(band: int) -> None:
    image = torch.from_numpy(white(20.0, (768, 768))).float()
    assert noise_level(image, band) == pytest.approx(20.0, rel=0.03)


@pytest.mark.parametrize(("band", "taps"), [(1, 4), (2, 10), (3, 22)])
def test_the_wavelet_has_norm_one_and_two_vanishing_moments(band: int, taps: int) -> None:
    samples = wavelet(band)
    assert samples.size == taps
    np.testing.assert_allclose([samples @ samples, samples.sum(), samples @ np.arange(taps)], [1, 0, 0], atol=1e-12)


def test_smoothed_noise_is_found_in_the_second_band() -> None:
    image = gaussian_filter(white(20.0, (512, 512)), 0.8)
    finest, second = (noise_level(torch.from_numpy(image).float(), band) for band in (1, 2))
    assert finest < 0.5 * image.std() < image.std() < second


def test_planes_are_no_noise() -> None:
    y, x = np.mgrid[:256, :256]
    assert level(20 + 0.4 * x + 0.3 * y) < 1e-3
    assert level(20 + 0.4 * x + 0.3 * y + white(5.0)) == pytest.approx(5.0, rel=0.02)


def test_clipped_background_is_left_out() -> None:
    y, x = np.mgrid[-1:1:256j, -1:1:256j]
    body = np.hypot(x, y) < 0.6
    image = np.where(body, 128 + white(8.0), 0.0)
    assert body.mean() < 0.5  # the median of all coefficients would be 0
    assert level(image) == pytest.approx(8.0, rel=0.03)


@pytest.mark.parametrize("name", ["camera", "coins", "moon", "brick"])
def test_noise_that_was_clipped_with_its_picture_is_found_as_far_as_it_is_left(name: str) -> None:
    image = getattr(data, name)()[:256, :256].astype(float)
    clipped = np.clip(image + white(50.0), 0, 255)
    left = clipped - image
    assert 0.92 * left.std() < level(clipped) < 1.1 * 50


@pytest.mark.parametrize("value", [0.0, 0.3, 255.0])
def test_a_constant_image_has_none(value: float) -> None:
    assert level(np.full((32, 32), value)) == 0.0


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (200, 3)])
def test_below_four_pixels_none_is_measured(shape: tuple[int, int]) -> None:
    assert level(white(10.0, shape)) == 0.0


def test_a_mask_has_none() -> None:
    assert level((white(1.0) > 0).astype(float)) == 0.0


@pytest.mark.parametrize("name", ["camera", "coins", "moon", "brick"])
def test_noise_added_to_a_photograph_is_found(name: str) -> None:
    image = getattr(data, name)().astype(float)
    # Texture counts as noise: 16.0 to 16.5 for 15 at worst.
    assert 15 * 0.98 < level(image + white(15.0, image.shape)) < 15 * 1.11
    assert 25 * 0.98 < level(image + white(25.0, image.shape)) < 25 * 1.06


def test_noise_added_to_a_real_radiograph_is_found(real_data) -> None:
    image = read_image(real_data / "nih-cxr" / "00000001_000.png").image[0].numpy() * 255
    before = level(image)
    assert 0 < before < 3
    assert level(image + white(10.0, image.shape)) == pytest.approx(np.hypot(before, 10), rel=0.03)
