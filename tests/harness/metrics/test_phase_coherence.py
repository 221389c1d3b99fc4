"""LPC-SI against reference values, a direct computation and its invariants."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from radbench.metrics import lpc_si
from radbench.metrics.phase_coherence import log_gabor_filters

GOLDENS = Path(__file__).parents[4] / "shared" / "data" / "metric-goldens"


def batch(*images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack(images).astype(np.float64))[:, None]


def step() -> np.ndarray:
    image = np.full((128, 160), 50.0)
    image[:, 80:] = 200.0
    return image


def disk() -> np.ndarray:
    y, x = np.mgrid[:128, :160]
    return np.where((x - 80) ** 2 + (y - 64) ** 2 < 1600, 200.0, 50.0)


def direct_lpc_si(image: np.ndarray) -> float:
    """The recipe written out: complex powers, angles, a full sort."""
    height, width = image.shape
    v, u = np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij")
    radius = np.hypot(u, v)
    low_pass = 1 / (1 + (radius / 0.45) ** 30)
    radius[0, 0] = 1
    theta = np.arctan2(-v, u)
    border = int(np.floor(min(height, width) / 16 + 0.5))
    inner = np.s_[border : height - border, border : width - border]
    spectrum = np.fft.fft2(image)
    numerator = denominator = 0
    for orientation in range(8):
        angle = orientation * np.pi / 8
        sine = np.sin(theta) * np.cos(angle) - np.cos(theta) * np.sin(angle)
        cosine = np.cos(theta) * np.cos(angle) + np.sin(theta) * np.sin(angle)
        spread = np.exp(-(np.arctan2(sine, cosine) ** 2) / (2 * (np.pi / 8 / 1.5) ** 2))
        product = np.ones((height, width), dtype=complex)
        for scale, weight in ((1, 1), (1.5, -3), (2, 2)):
            radial = np.exp(-(np.log(radius * 4 * scale) ** 2) / (2 * np.log(0.75) ** 2)) * low_pass
            radial[0, 0] = 0
            response = np.fft.ifft2(spectrum * radial * spread)
            product = product * response**weight
            if scale == 1:
                energy = np.abs(response)[inner]
        energy = np.maximum(energy - (energy.mean() + 2 * energy.std(ddof=1)), 0)
        numerator = numerator + energy * np.maximum(np.cos(np.angle(product[inner])), 0)
        denominator = denominator + energy
    strengths = np.sort((numerator / (denominator + 2)).ravel())[::-1]
    weights = np.exp(-(np.arange(strengths.size) / (strengths.size - 1)) / 1e-4)
    return float((strengths * weights).sum() / weights.sum())


def textured(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.clip(
        128 + 40 * gaussian_filter(np.random.default_rng(seed).standard_normal((height, width)), 1.5) * 5, 0, 255
    )


@pytest.mark.parametrize(
    ("image", "value"),
    [
        (step(), 0.906013558229),
        (disk(), 0.907780688717),
        (gaussian_filter(step(), 2, mode="nearest", truncate=4), 0.173248567514),
    ],
    ids=["step", "disk", "step_blur2"],
)
def test_reaches_the_reference_values(image: np.ndarray, value: float) -> None:
    assert lpc_si(batch(image), data_range=255).item() == pytest.approx(value, abs=1e-9)


def test_reaches_the_reference_value_of_a_photograph() -> None:
    try:
        photograph = skimage.data.camera()
    except Exception as reason:
        pytest.skip(f"needs scikit-image's camera image: {reason}")
    assert lpc_si(batch(photograph), data_range=255).item() == pytest.approx(0.94973826917, abs=1e-9)


def test_reaches_the_goldens_of_the_shared_folder() -> None:
    if not GOLDENS.is_dir():
        pytest.skip("needs ../shared/data/metric-goldens: not present")
    value = json.loads((GOLDENS / "goldens.json").read_text())["lpc_si"]["goldhill.gif"]
    with Image.open(GOLDENS / "goldhill.gif") as image:
        pixels = np.asarray(image, dtype=np.float64)
    assert lpc_si(batch(pixels), data_range=255).item() == pytest.approx(value, abs=1e-9)
    assert lpc_si(batch(pixels / 255).float()).item() == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize("size", [(64, 64), (61, 75), (40, 130), (16, 16)])
def test_equals_a_direct_computation(size: tuple[int, int]) -> None:
    image = textured(*size)
    assert lpc_si(batch(image), data_range=255).item() == pytest.approx(direct_lpc_si(image), abs=1e-10)


def test_filters_are_one_sided_and_blind_to_the_mean() -> None:
    radial, angular = log_gabor_filters(32, 48, torch.device("cpu"))
    assert radial.shape == (3, 32, 48)
    assert angular.shape == (8, 32, 48)
    assert (radial[:, 0, 0] == 0).all()
    along_x = angular[0, 0]
    assert along_x[1:24].min() == 1.0
    assert along_x[25:].max() < 1e-10


def test_finest_filter_peaks_at_four_pixels() -> None:
    radial, _ = log_gabor_filters(256, 256, torch.device("cpu"))
    peaks = radial[:, 0, :128].argmax(dim=1).tolist()
    assert peaks == [64, 43, 32]


def test_sharpness_falls_with_blur() -> None:
    image = disk()
    scores = lpc_si(batch(*(gaussian_filter(image, s) if s else image for s in (0, 1, 2, 4))), data_range=255)
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)


def test_a_batch_does_not_change_a_bit() -> None:
    images = batch(*(textured(45, 67, seed) for seed in range(4))).float()
    alone = torch.cat([lpc_si(images[i : i + 1], data_range=255) for i in range(4)])
    assert torch.equal(lpc_si(images, data_range=255), alone)


def test_the_number_of_threads_does_not_change_a_bit() -> None:
    image = batch(textured(300, 257))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = lpc_si(image, data_range=255)
        torch.set_num_threads(4)
        assert torch.equal(one, lpc_si(image, data_range=255))
    finally:
        torch.set_num_threads(before)


def test_adding_a_constant_hardly_changes_the_score() -> None:
    image = textured(64, 64) * 0.5
    scores = lpc_si(batch(image, image + 100), data_range=255)
    assert scores[0].item() == pytest.approx(scores[1].item(), abs=1e-9)


@pytest.mark.parametrize("grey", [0.0, 0.3, 1.0])
def test_a_constant_image_scores_zero(grey: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert lpc_si(torch.full((2, 1, 30, 47), grey)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("size", [(1, 1), (15, 64), (64, 15)])
def test_images_below_the_minimum_size_have_no_score(size: tuple[int, int]) -> None:
    assert lpc_si(torch.rand(2, 1, *size)).isnan().tolist() == [True, True]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_pixel_that_is_not_finite_costs_only_its_own_image(bad: float) -> None:
    images = batch(*(textured(32, 40, seed) for seed in range(3)))
    broken = images.clone()
    broken[1, 0, 5, 5] = bad
    scores = lpc_si(broken, data_range=255)
    assert scores[1].isnan()
    assert torch.equal(scores[[0, 2]], lpc_si(images, data_range=255)[[0, 2]])
