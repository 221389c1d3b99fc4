"""Detector effects: noise against Poisson's law, scatter's ratio, blur against its MTF, monotone curves."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from torch import Tensor

from radbench.xray.detector import CURVES, DetectorOptions, apply_detector, display, spread


def beam(batch: int = 1, size: tuple[int, int] = (37, 53)) -> Tensor:
    return torch.rand(batch, 1, *size, generator=torch.Generator().manual_seed(0))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_without_options_the_input_comes_back():
    image = beam()
    assert torch.equal(apply_detector(image, DetectorOptions()), image)


@pytest.mark.parametrize(("level", "photons"), [(1.0, 20.0), (0.2, 50.0), (0.03, 1e4)])
def test_noise_has_poissons_mean_and_variance(level, photons):
    n = 400 * 500
    found = apply_detector(torch.full((1, 1, 400, 500), level), DetectorOptions(photons_per_pixel=photons), seeded())
    counts = (found * photons).double()
    expected = level * photons
    assert counts.mean().item() == pytest.approx(expected, abs=5 * math.sqrt(expected / n))
    # Var of a Poisson sample's variance: (expected + 2 expected^2) / n.
    assert counts.var().item() == pytest.approx(expected, abs=5 * math.sqrt((expected + 2 * expected**2) / n))


def test_noise_counts_whole_photons():
    counts = apply_detector(beam(), DetectorOptions(photons_per_pixel=100), seeded()) * 100
    assert (counts - counts.round()).abs().max() < 1e-3


def test_noise_follows_the_seed():
    options = DetectorOptions(photons_per_pixel=50)
    one, again, other = (apply_detector(beam(), options, seeded(s)) for s in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("ratio", [0.3, 2.5])
@pytest.mark.parametrize("sigma_mm", [5.0, 400.0])
def test_scatter_over_primary_is_as_stated(ratio, sigma_mm):
    image = beam().double()
    options = DetectorOptions(scatter_to_primary=ratio, scatter_sigma_mm=sigma_mm, pixel_mm=1.5)
    scatter = apply_detector(image, options) - image
    assert (scatter.sum() / image.sum()).item() == pytest.approx(ratio, rel=1e-9)
    assert scatter.min() > 0


def test_wide_scatter_is_nearly_even():
    scatter = spread(beam(), 500.0)
    assert (scatter - scatter.mean()).abs().max() < 1e-4


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.1, 60))
@settings(max_examples=40, deadline=None)
def test_blur_keeps_the_mean_and_constants(rows, columns, sigma):
    image = torch.rand(1, 1, rows, columns, generator=seeded(), dtype=torch.float64)
    assert spread(image, sigma).mean().item() == pytest.approx(image.mean().item(), rel=1e-9)
    assert torch.allclose(spread(torch.ones_like(image), sigma), torch.ones_like(image), rtol=1e-9)


@pytest.mark.parametrize("sigma", [0.7, 2.0, 6.0])
def test_blur_agrees_with_scipys(sigma):
    image = beam()[0, 0].double()
    theirs = gaussian_filter(image.numpy(), sigma, mode="reflect", truncate=9)
    assert torch.allclose(spread(image[None, None], sigma)[0, 0], torch.from_numpy(theirs), atol=1e-9)


@pytest.mark.parametrize("sigma_mm", [0.2, 0.5])
def test_blur_has_the_mtf_of_its_gaussian(sigma_mm):
    pixel, n = 0.2, 128
    line = torch.zeros(1, 1, 1, n, dtype=torch.float64)
    line[..., n // 2] = 1
    seen = apply_detector(line, DetectorOptions(blur_sigma_mm=sigma_mm, pixel_mm=pixel))[0, 0, 0]
    frequency = torch.fft.rfftfreq(n, pixel).double()
    expected = torch.exp(-2 * (math.pi * sigma_mm * frequency) ** 2)
    below = frequency < 0.6 / (2 * pixel)
    assert (torch.fft.rfft(seen).abs() - expected)[below].abs().max() < 2e-3


def test_blur_smooths_the_noise_too():
    flat = torch.full((1, 1, 200, 200), 0.5)
    sharp = apply_detector(flat, DetectorOptions(photons_per_pixel=100), seeded())
    soft = apply_detector(flat, DetectorOptions(photons_per_pixel=100, blur_sigma_mm=1.0), seeded())
    # White noise through a Gaussian of standard deviation s keeps 1 / (4 pi s^2) of its variance.
    assert (soft.var() / sharp.var()).item() == pytest.approx(1 / (4 * math.pi), rel=0.05)


@pytest.mark.parametrize(("curve", "sign"), [("linear", 1), ("log", -1), ("film", -1)])
def test_curves_are_monotone(curve, sign):
    intensity = torch.logspace(-5, 0, 300, dtype=torch.float64)
    assert (sign * display(intensity, DetectorOptions(curve=curve)).diff() > 0).all()


def test_log_is_the_negative_logarithm_and_survives_black():
    options = DetectorOptions(curve="log", least=1e-4)
    assert torch.allclose(display(torch.tensor([1.0, math.exp(-2)]), options), torch.tensor([0.0, 2.0]), atol=1e-6)
    assert display(torch.zeros(1), options).item() == pytest.approx(-math.log(1e-4))


def test_film_is_a_sigmoid_over_log_exposure():
    options = DetectorOptions(curve="film", film_middle=0.2, film_gamma=1.7)
    intensity = torch.tensor([0.0, 0.02, 0.2, 1.0], dtype=torch.float64)
    assert torch.allclose(display(intensity, options), 1 / (1 + (intensity / 0.2) ** 1.7), atol=1e-4)
    assert display(torch.tensor(0.2), options).item() == pytest.approx(0.5)


@pytest.mark.parametrize("curve", CURVES)
def test_a_batch_gives_the_bits_of_its_images_one_after_another(curve):
    options = DetectorOptions(
        photons_per_pixel=500, scatter_to_primary=0.5, scatter_sigma_mm=9, blur_sigma_mm=0.8, curve=curve
    )
    images = beam(4)
    together = apply_detector(images, options, seeded(7))
    generator = seeded(7)
    assert torch.equal(together, torch.cat([apply_detector(i[None], options, generator) for i in images]))


@pytest.mark.parametrize("curve", CURVES)
def test_gradients_agree_with_finite_differences(curve):
    image = (beam(2, (4, 5)).double() * 0.8 + 0.1).requires_grad_()
    options = DetectorOptions(scatter_to_primary=0.5, scatter_sigma_mm=3, blur_sigma_mm=0.8, curve=curve)
    assert torch.autograd.gradcheck(lambda i: apply_detector(i, options), [image])


def test_noise_passes_the_gradient_of_its_mean():
    image = beam().requires_grad_()
    apply_detector(image, DetectorOptions(photons_per_pixel=10), seeded()).sum().backward()
    assert torch.equal(image.grad, torch.ones_like(image))


def test_wrong_calls_are_refused_in_words():
    with pytest.raises(ValueError, match="noise needs a generator"):
        apply_detector(beam(), DetectorOptions(photons_per_pixel=10))
    with pytest.raises(ValueError, match=r"takes \[B,1,h,w\]"):
        apply_detector(beam()[0], DetectorOptions())
    with pytest.raises(ValueError, match="finite and not negative"):
        apply_detector(beam() - 0.5, DetectorOptions())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pixel_mm", 0),
        ("photons_per_pixel", -1),
        ("scatter_to_primary", -0.1),
        ("blur_sigma_mm", math.inf),
        ("curve", "gamma"),
    ],
)
def test_options_outside_their_range_are_refused_by_name(field, value):
    with pytest.raises(ValueError, match=field if field != "curve" else "no curve 'gamma'"):
        DetectorOptions(**{field: value})
