"""BRISQUE against the authors' values, a direct computation and the laws of its parts."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import scipy.special
import scipy.stats
import torch
from PIL import Image

from radbench.metrics import brisque
from radbench.metrics.natural_scene import brisque_features, fit_aggd, fit_ggd, live_regression, mscn
from radbench.metrics.windows import gaussian_filter, gaussian_taps, halve_bicubic

GOLDENS = Path(__file__).parents[4] / "shared" / "data" / "metric-goldens"


def natural(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """An image [1,1,H,W] in [0,1] with edges, texture and noise."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    image = 0.4 + 0.2 * np.sin(x / 5.0) * np.cos(y / 9.0) + 0.15 * ((x - width / 2) ** 2 + (y - height / 2) ** 2 < 400)
    image = image + 0.04 * generator.standard_normal((height, width))
    return torch.from_numpy(np.clip(image, 0, 1))[None, None]


def golden(name: str) -> torch.Tensor:
    if not GOLDENS.is_dir():
        pytest.skip("needs ../shared/data/metric-goldens: not present")
    with Image.open(GOLDENS / name) as image:
        pixels = np.asarray(image, dtype=np.float64)
    if pixels.ndim == 3:
        pixels = np.round(pixels @ [0.299, 0.587, 0.114])
    return torch.from_numpy(pixels)[None, None]


def direct_features(image: np.ndarray) -> np.ndarray:
    """The 36 features written out as the release states them: dense convolution, resampling matrix, brute search."""

    def shape_ratio(a: np.ndarray) -> np.ndarray:
        return scipy.special.gamma(2 / a) ** 2 / (scipy.special.gamma(1 / a) * scipy.special.gamma(3 / a))

    shapes = np.arange(0.2, 10.0005, 0.001)
    ratios = shape_ratio(shapes)

    def scale(image: np.ndarray) -> list[float]:
        d = np.arange(-3, 4)
        window = np.exp(-(d[:, None] ** 2 + d[None] ** 2) / (2 * (7 / 6) ** 2))
        window /= window.sum()
        mean = scipy.signal.convolve2d(image, window, "same")
        variance = scipy.signal.convolve2d(image**2, window, "same") - mean**2
        m = (image - mean) / (np.sqrt(np.abs(variance)) + 1)
        out = [shapes[np.argmin(np.abs(np.mean(m**2) / np.mean(np.abs(m)) ** 2 - 1 / ratios))], np.mean(m**2)]
        for shift in ((0, 1), (1, 0), (1, 1), (-1, 1)):
            p = m * np.roll(m, shift, (0, 1))
            left, right = np.sqrt(np.mean(p[p < 0] ** 2)), np.sqrt(np.mean(p[p > 0] ** 2))
            g = left / right
            r = np.mean(np.abs(p)) ** 2 / np.mean(p**2) * (g**3 + 1) * (g + 1) / (g**2 + 1) ** 2
            a = shapes[np.argmin(np.abs(ratios - r))]
            out += [a, (right - left) * np.sqrt(shape_ratio(a)), left**2, right**2]
        return out

    def halving_matrix(n: int) -> np.ndarray:
        def cubic(t: np.ndarray) -> np.ndarray:
            t = np.abs(t)
            near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
            return np.where(t <= 1, near, np.where(t <= 2, far, 0))

        matrix = np.zeros((-(-n // 2), n))
        for i in range(len(matrix)):
            for j in range(2 * i - 6, 2 * i + 8):
                mirrored = -1 - j if j < 0 else (2 * n - 1 - j if j >= n else j)
                matrix[i, mirrored] += 0.5 * cubic(np.array(0.5 * (2 * i + 0.5 - j)))
        return matrix / matrix.sum(axis=1, keepdims=True)

    height, width = image.shape
    half = halving_matrix(height) @ image @ halving_matrix(width).T
    return np.array(scale(image) + scale(half))


@pytest.mark.parametrize(("name", "published"), [("goldhill.gif", 8.425548118925917), ("I01.BMP", 10.259409019043119)])
def test_reaches_the_authors_values(name: str, published: float) -> None:
    assert brisque(golden(name), data_range=255).item() == pytest.approx(published, rel=1e-4)
    assert brisque((golden(name) / 255).float()).item() == pytest.approx(published, rel=1e-4)


def test_goldens_file_is_reached_within_its_tolerance() -> None:
    golden("goldhill.gif")
    values = json.loads((GOLDENS / "goldens.json").read_text())["brisque_live"]
    for name in ("goldhill.gif", "I01.BMP"):
        assert brisque(golden(name) / 255).item() == pytest.approx(values[name], rel=1e-3)


@pytest.mark.parametrize("size", [(64, 80), (61, 47), (14, 15)])
def test_features_equal_a_direct_computation(size: tuple[int, int]) -> None:
    image = natural(*size)[0] * 255
    features = brisque_features(image)[0].numpy()
    np.testing.assert_allclose(features, direct_features(image[0].numpy()), rtol=1e-9, atol=1e-12)


def test_regression_is_the_support_vector_sum() -> None:
    svr = live_regression(torch.device("cpu"))
    image = natural(64, 64)
    low, high = svr.feature_min.numpy(), svr.feature_max.numpy()
    x = 2 * (direct_features(image[0, 0].numpy() * 255) - low) / (high - low) - 1
    kernel = np.exp(-0.05 * ((svr.support_vectors.numpy() - x) ** 2).sum(axis=1))
    assert svr.support_vectors.shape == (774, 36)
    assert brisque(image).item() == pytest.approx(kernel @ svr.coefficients.numpy() + 153.591, abs=1e-6)


def test_carries_the_live_notice() -> None:
    import radbench.metrics

    notice = Path(radbench.metrics.__file__).parent / "data" / "LIVE-NOTICE.txt"
    assert "The University of Texas at Austin" in notice.read_text()
    if (GOLDENS / "LIVE-NOTICE.txt").is_file():
        assert notice.read_bytes() == (GOLDENS / "LIVE-NOTICE.txt").read_bytes()


@pytest.mark.parametrize("shape", [0.6, 1.0, 2.0, 4.0])
def test_ggd_fit_recovers_shape_and_variance(shape: float) -> None:
    draws = scipy.stats.gennorm(shape, scale=1.3).rvs(400_000, random_state=1)
    found, variance = fit_ggd(torch.from_numpy(draws)[None])
    assert found.item() == pytest.approx(shape, rel=0.02)
    assert variance.item() == pytest.approx(scipy.stats.gennorm(shape, scale=1.3).var(), rel=0.02)


@pytest.mark.parametrize(("shape", "left", "right"), [(0.8, 0.5, 1.0), (2.0, 1.0, 1.0), (1.5, 2.0, 0.7)])
def test_aggd_fit_recovers_known_parameters(shape: float, left: float, right: float) -> None:
    # An asymmetric generalised Gaussian has the mass of each side proportional to its scale.
    generator = np.random.default_rng(2)
    magnitudes = np.abs(scipy.stats.gennorm(shape).rvs(400_000, random_state=3))
    below = generator.random(400_000) < left / (left + right)
    found, mean, left_variance, right_variance = fit_aggd(
        torch.from_numpy(np.where(below, -left * magnitudes, right * magnitudes))[None]
    )
    unit = scipy.special.gamma(3 / shape) / scipy.special.gamma(1 / shape)
    assert found.item() == pytest.approx(shape, rel=0.02)
    assert left_variance.item() == pytest.approx(left**2 * unit, rel=0.02)
    assert right_variance.item() == pytest.approx(right**2 * unit, rel=0.02)
    expected = (right - left) * scipy.special.gamma(2 / shape) / scipy.special.gamma(1 / shape)
    assert mean.item() == pytest.approx(expected, abs=0.02)


def test_gaussian_window_sums_to_one_and_equals_dense_convolution() -> None:
    taps = gaussian_taps(7, 7 / 6)
    assert taps[0] + 2 * sum(taps[1:]) == pytest.approx(1, abs=1e-15)
    window = np.array([*taps[:0:-1], *taps])
    image = natural(20, 31)[0]
    dense = scipy.signal.convolve2d(image[0].numpy(), np.outer(window, window), "valid")
    np.testing.assert_allclose(gaussian_filter(image, 7, 7 / 6)[0].numpy(), dense, rtol=1e-13)


def test_halving_equals_pillow_away_from_the_border() -> None:
    image = natural(64, 50)[0].float()
    pillow = Image.fromarray(image[0].numpy(), mode="F").resize((25, 32), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(
        halve_bicubic(image.double())[0, 3:-3, 3:-3].numpy(), np.asarray(pillow)[3:-3, 3:-3], atol=1e-6
    )


def test_halving_keeps_a_constant_and_rounds_odd_sizes_up() -> None:
    half = halve_bicubic(torch.full((1, 15, 8), 0.3, dtype=torch.float64))
    assert half.shape == (1, 8, 4)
    torch.testing.assert_close(half, torch.full_like(half, 0.3), rtol=0, atol=1e-15)


def test_halving_keeps_a_ramp() -> None:
    ramp = torch.arange(40, dtype=torch.float64).expand(1, 40, 40)
    middle = halve_bicubic(ramp)[0, 10, 3:-3]
    torch.testing.assert_close(middle, 2.0 * torch.arange(3, 17, dtype=torch.float64) + 0.5, rtol=0, atol=1e-12)


def test_flat_regions_have_no_contrast_whatever_their_grey_level() -> None:
    image = torch.full((1, 40, 40), 200.1, dtype=torch.float64)
    assert (mscn(image)[0, 3:-3, 3:-3] == 0).all()


def test_a_batch_does_not_change_a_bit() -> None:
    images = torch.cat([natural(45, 67, seed) for seed in range(4)]).float()
    alone = torch.cat([brisque(images[i : i + 1]) for i in range(4)])
    assert torch.equal(brisque(images), alone)


def test_the_number_of_threads_does_not_change_a_bit() -> None:
    image = natural(300, 257)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = brisque(image)
        torch.set_num_threads(4)
        assert torch.equal(one, brisque(image))
    finally:
        torch.set_num_threads(before)


def test_data_range_only_names_the_scale() -> None:
    image = natural(64, 64)
    assert brisque(image * 255, data_range=255).item() == pytest.approx(brisque(image).item(), rel=1e-9)


def test_blur_scores_worse_than_the_original() -> None:
    image = golden("goldhill.gif") / 255
    blurred = scipy.ndimage.gaussian_filter(image[0, 0].numpy(), 3)
    assert brisque(torch.from_numpy(blurred)[None, None]).item() > brisque(image).item() + 20


@pytest.mark.parametrize("grey", [0.0, 0.3, 1.0])
def test_constant_images_have_no_score_and_no_warning(grey: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert brisque(torch.full((1, 1, 32, 32), grey)).isnan().all()


@pytest.mark.parametrize("size", [(1, 1), (13, 64), (64, 13)])
def test_images_below_the_minimum_size_have_no_score(size: tuple[int, int]) -> None:
    assert brisque(torch.rand(2, 1, *size)).isnan().tolist() == [True, True]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_pixel_that_is_not_finite_costs_only_its_own_image(bad: float) -> None:
    images = torch.cat([natural(32, 40, seed) for seed in range(3)])
    broken = images.clone()
    broken[1, 0, 5, 5] = bad
    scores = brisque(broken)
    assert scores[1].isnan()
    assert torch.equal(scores[[0, 2]], brisque(images)[[0, 2]])


def test_leaves_its_input_alone() -> None:
    image = natural(32, 32)
    before = image.clone()
    brisque(image)
    assert torch.equal(image, before)


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ValueError, match="variant must be one of live, got 'opencv'"):
        brisque(torch.rand(1, 1, 32, 32), variant="opencv")
