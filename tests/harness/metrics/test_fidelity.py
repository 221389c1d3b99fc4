"""MAE, MSE, RMSE, PSNR, SSIM and MS-SSIM against scikit-image, piq, a direct computation and their invariants."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import piq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import convolve2d
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from radbench.metrics import mae, ms_ssim, mse, psnr, rmse, ssim

Metric = Callable[..., torch.Tensor]
METRICS = [mae, mse, rmse, psnr, ssim, ms_ssim]
SMALL = [mae, mse, rmse, psnr, ssim]


def pair(height: int, width: int, count: int = 1, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(height) / 9.0, torch.arange(width) / 6.0, indexing="ij")
    clean = (0.5 + 0.3 * torch.sin(x) * torch.cos(y)).double().expand(count, 1, height, width)
    noisy = (clean + 0.1 * torch.randn(count, 1, height, width, generator=generator).double()).clamp(0, 1)
    return noisy, clean.contiguous()


def test_mean_squared_error_equals_scikit_image() -> None:
    a, b = pair(33, 47)
    assert mse(a, b).item() == pytest.approx(mean_squared_error(a[0, 0].numpy(), b[0, 0].numpy()), rel=1e-13)


@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_psnr_equals_scikit_image(data_range: float) -> None:
    a, b = (t * data_range for t in pair(33, 47))
    expected = peak_signal_noise_ratio(b[0, 0].numpy(), a[0, 0].numpy(), data_range=data_range)
    assert psnr(a, b, data_range=data_range).item() == pytest.approx(expected, rel=1e-13)


def test_a_constant_difference_has_closed_forms() -> None:
    a, b = torch.full((1, 1, 5, 7), 0.75), torch.full((1, 1, 5, 7), 0.5)
    assert mae(a, b).item() == 0.25
    assert mse(a, b).item() == 0.0625
    assert rmse(a, b).item() == 0.25
    assert psnr(a, b).item() == pytest.approx(20 * math.log10(4), rel=1e-15)


def test_errors_are_in_the_images_own_grey_levels() -> None:
    a, b = pair(16, 16)
    assert mae(a * 255, b * 255, data_range=255).item() == pytest.approx(255 * mae(a, b).item())
    assert mse(a * 255, b * 255, data_range=255).item() == pytest.approx(255**2 * mse(a, b).item())
    assert rmse(a * 255, b * 255, data_range=255).item() == pytest.approx(255 * rmse(a, b).item())


@pytest.mark.parametrize("metric", [psnr, ssim, ms_ssim])
def test_relative_metrics_do_not_depend_on_the_scale(metric: Metric) -> None:
    a, b = pair(161, 170)
    assert metric(a * 255, b * 255, data_range=255).item() == pytest.approx(metric(a, b).item(), rel=1e-12)


def test_identical_images_have_no_error() -> None:
    a, _ = pair(161, 161)
    assert mae(a, a).item() == mse(a, a).item() == rmse(a, a).item() == 0.0
    assert psnr(a, a).item() == math.inf
    assert ssim(a, a).item() == pytest.approx(1.0, abs=1e-12)
    assert ms_ssim(a, a).item() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("size", [(11, 11), (33, 64)])
def test_ssim_equals_scikit_image(size: tuple[int, int]) -> None:
    a, b = pair(*size)
    expected = structural_similarity(
        a[0, 0].numpy(),
        b[0, 0].numpy(),
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        K1=0.01,
        K2=0.03,
    )
    assert ssim(a, b).item() == pytest.approx(expected, rel=1e-12)


def test_ssim_equals_piq_with_its_arguments_pinned() -> None:
    a, b = pair(300, 270)
    expected = piq.ssim(
        a, b, kernel_size=11, kernel_sigma=1.5, data_range=1.0, reduction="none", downsample=False, k1=0.01, k2=0.03
    )
    assert ssim(a, b).item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("size", [(161, 161), (176, 192), (163, 200), (170, 181)])
def test_ms_ssim_equals_piq_with_its_arguments_pinned(size: tuple[int, int]) -> None:
    a, b = pair(*size)
    # piq takes weights of its own as printed when it is given none.
    expected = piq.multi_scale_ssim(
        a, b, kernel_size=11, kernel_sigma=1.5, data_range=1.0, reduction="none", scale_weights=None, k1=0.01, k2=0.03
    )
    assert ms_ssim(a, b).item() == pytest.approx(expected.item(), rel=1e-11)


def test_ms_ssim_equals_a_direct_computation() -> None:
    a, b = (t[0, 0].numpy() for t in pair(176, 192))
    d = np.arange(-5, 6)
    window = np.exp(-(d[:, None] ** 2 + d[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()

    def local(image: np.ndarray) -> np.ndarray:
        return convolve2d(image, window, "valid")

    score, x, y = 1.0, a, b
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        covariance = local(x * y) - local(x) * local(y)
        variances = local(x * x) - local(x) ** 2 + local(y * y) - local(y) ** 2
        factor = (2 * covariance + 9e-4) / (variances + 9e-4)
        if scale == 4:
            factor = factor * (2 * local(x) * local(y) + 1e-4) / (local(x) ** 2 + local(y) ** 2 + 1e-4)
        score *= factor.mean() ** weight
        if scale == 4:
            break
        x, y = ((t[:-1:2] + t[1::2])[:, :-1:2] / 4 + (t[:-1:2] + t[1::2])[:, 1::2] / 4 for t in (x, y))
    assert ms_ssim(*pair(176, 192)).item() == pytest.approx(score, rel=1e-11)


def test_ssim_of_smooth_images_stays_at_most_one() -> None:
    ramp = torch.linspace(0.9, 0.95, 256).expand(1, 1, 256, 256)
    wave = (ramp + 1e-4 * torch.sin(torch.arange(256.0))).clamp(0, 1)
    assert ssim(ramp, wave).item() <= 1.0


def test_ssim_of_constant_images_compares_brightness() -> None:
    a, b = torch.full((1, 1, 16, 16), 0.2), torch.full((1, 1, 16, 16), 0.6)
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert ssim(a, b).item() == pytest.approx(expected, rel=1e-6)
    assert ssim(a, a).item() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_is_symmetric(metric: Metric) -> None:
    a, b = pair(161, 161)
    assert metric(a, b).item() == pytest.approx(metric(b, a).item(), rel=1e-13)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_batch_does_not_change_a_bit(metric: Metric, dtype: torch.dtype) -> None:
    a, b = (t.to(dtype) for t in pair(163, 171, count=4))
    alone = torch.cat([metric(a[i : i + 1], b[i : i + 1]) for i in range(4)])
    assert torch.equal(metric(a, b), alone)
    assert metric(a, b).dtype == torch.float64


@pytest.mark.parametrize("metric", METRICS)
def test_the_number_of_threads_does_not_change_a_bit(metric: Metric) -> None:
    a, b = pair(300, 257)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = metric(a, b)
        torch.set_num_threads(4)
        assert torch.equal(one, metric(a, b))
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("side", [0, 1])
def test_a_pixel_that_is_not_finite_costs_only_its_own_pair(metric: Metric, bad: float, side: int) -> None:
    images = pair(161, 161, count=3)
    broken = [t.clone() for t in images]
    broken[side][1, 0, 5, 5] = bad
    scores = metric(*broken)
    assert scores[1].isnan()
    assert torch.equal(scores[[0, 2]], metric(*images)[[0, 2]])


def test_one_pixel_has_an_error_but_no_structure() -> None:
    a, b = torch.full((1, 1, 1, 1), 0.5), torch.full((1, 1, 1, 1), 0.25)
    assert mae(a, b).item() == 0.25
    assert ssim(a, b).isnan().all()


@pytest.mark.parametrize("size", [(160, 300), (300, 160)])
def test_ms_ssim_below_its_minimum_size_has_no_score(size: tuple[int, int]) -> None:
    a, b = pair(*size, count=2)
    assert ms_ssim(a, b).isnan().tolist() == [True, True]


def test_an_empty_batch_gives_no_scores() -> None:
    empty = torch.zeros(0, 1, 170, 170)
    assert [metric(empty, empty).shape for metric in METRICS] == [(0,)] * len(METRICS)


@pytest.mark.parametrize("metric", SMALL)
def test_gradient_equals_finite_differences(metric: Metric) -> None:
    a, b = (t * 0.9 + 0.05 for t in pair(12, 13))
    assert torch.autograd.gradcheck(lambda image: metric(image, b), (a.requires_grad_(),), eps=1e-6, atol=1e-5)


def test_ms_ssim_has_a_gradient() -> None:
    a, b = pair(161, 161)
    a = (0.9 * a + 0.05).requires_grad_()
    score = ms_ssim(a, b)
    (slope,) = torch.autograd.grad(score.sum(), a)
    step = 1e-4 * slope / slope.abs().max()
    predicted = (slope * step).sum().item()
    assert (ms_ssim(a.detach() + step, b) - score).item() == pytest.approx(predicted, rel=1e-2)


@settings(max_examples=25, deadline=None)
@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 10_000))
def test_errors_equal_numpy_at_every_size(height: int, width: int, seed: int) -> None:
    a, b = np.random.default_rng(seed).random((2, 1, 1, height, width))
    x, y = torch.from_numpy(a), torch.from_numpy(b)
    assert mae(x, y).item() == pytest.approx(np.abs(a - b).mean(), rel=1e-12)
    assert mse(x, y).item() == pytest.approx(((a - b) ** 2).mean(), rel=1e-12)
    assert mae(x, y).item() <= rmse(x, y).item() * (1 + 1e-12)
