"""What enhancing costs: noise gain, halo and clipping against closed forms, and what must not move them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from scipy.stats import norm

from radbench.metrics.clipping import clipped
from radbench.metrics.halo import halo, next_to_edges, overshoot
from radbench.metrics.noise_gain import flat_parts, noise, noise_gain

COSTS = {"noise_gain": noise_gain, "halo": halo, "clipped": clipped}
RNG = np.random.default_rng(0)
RAMP = np.linspace(0.35, 0.65, 200)[None].repeat(180, 0)
NOISE = RNG.normal(0, 1, RAMP.shape)


def batch(*planes):
    return torch.from_numpy(np.stack(planes))[:, None]


def one(metric, image, original, **options):
    return float(metric(batch(image), batch(original), **options))


@pytest.fixture(scope="module")
def scene():
    """A disk, a ramp and noise: edges, flat parts, and something to sharpen."""
    y, x = np.mgrid[:160, :200]
    picture = 0.35 + 0.1 * x / 200 + 0.25 * ((y - 80) ** 2 + (x - 90) ** 2 < 45**2)
    return gaussian_filter(picture, 1.2) + RNG.normal(0, 0.004, picture.shape)


# noise gain ----------------------------------------------------------------------------------------------------


def test_white_noise_is_measured_as_what_it_is_whatever_plane_it_lies_on():
    everywhere = np.ones(RAMP.shape, dtype=bool)
    assert noise(RAMP + 0.02 * NOISE, everywhere) == pytest.approx(0.02, rel=0.02)


@pytest.mark.parametrize("deviation", [1e-5, 1e-3, 0.02])
def test_a_gain_of_contrast_is_a_gain_of_noise_but_for_what_a_display_rounds(deviation):
    original = 0.5 + deviation * NOISE
    measured, rounding = noise(original, flat_parts(original)), 1 / 255 / math.sqrt(12)
    for factor in (0.25, 1.0, 3.0):
        found = one(noise_gain, 0.5 + factor * deviation * NOISE, original)
        expected = math.hypot(factor * measured, rounding) / math.hypot(measured, rounding)
        assert found == pytest.approx(expected, rel=1e-9)
        if deviation == 0.02:
            assert found == pytest.approx(factor, rel=0.03)
        if deviation == 1e-5:  # Many times as much of what nobody sees.
            assert found == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("added", [0.005, 0.01, 0.03])
def test_added_noise_adds_in_squares(added):
    original = RAMP + 0.01 * NOISE
    more = original + added * np.random.default_rng(1).normal(0, 1, RAMP.shape)
    assert one(noise_gain, more, original) == pytest.approx(math.hypot(1.0, added / 0.01), rel=0.04)


def test_the_mean_of_four_neighbours_leaves_what_a_linear_filter_must_leave():
    """Of white noise the mask's answer to a filtered image is the norm of the two convolved."""
    from scipy.signal import convolve2d

    kernel = np.full((2, 2), 0.25)
    mask = np.outer([1.0, -2.0, 1.0], [1.0, -2.0, 1.0])
    expected = np.linalg.norm(convolve2d(mask, kernel)) / np.linalg.norm(mask)
    smooth = 0.5 + 0.08 * convolve2d(NOISE, kernel, mode="same", boundary="symm")
    assert one(noise_gain, smooth, 0.5 + 0.08 * NOISE) == pytest.approx(expected, rel=0.03)


def test_edges_and_what_is_constant_are_no_flat_part(scene):
    collimated = scene.copy()
    collimated[:, :40] = 0.1
    flat = flat_parts(collimated)
    assert not flat[:, :36].any()
    assert not flat[80, 130:140].any()  # the disk's edge
    assert flat.sum() == pytest.approx(0.25 * 158 * 156, rel=0.1)


def test_where_there_is_no_noise_what_is_added_counts_against_the_display_s():
    smooth = 0.5 + 0.1 * np.sin(np.arange(200) / 20)[None].repeat(180, 0) * np.sin(np.arange(180) / 20)[:, None]
    expected = math.hypot(0.01, 1 / 255 / math.sqrt(12)) * 255 * math.sqrt(12)
    assert one(noise_gain, smooth + 0.01 * NOISE, smooth) == pytest.approx(expected, rel=0.03)
    assert one(noise_gain, smooth, smooth) == 1.0


def test_too_few_flat_pixels_and_a_constant_original_have_no_answer():
    assert math.isnan(one(noise_gain, RAMP + 0.01 * NOISE, np.full_like(RAMP, 0.5)))
    assert math.isnan(one(noise_gain, NOISE[:12, :12] * 0.01 + 0.5, NOISE[:12, :12] * 0.01 + 0.5))


# halo ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("amount", "sigma"), [(0.5, 2.0), (1.0, 2.0), (0.6, 4.0)])
def test_beside_a_sharpened_step_it_is_the_line_over_the_plateau(amount, sigma):
    """Unsharp masking raises a step by ``amount * height * (1 - Phi(x / sigma))`` at a distance x beyond it.

    Seen through a pixel's Gaussian, the highest of it over the plateau that a line through the 25 pixels around says.
    """
    low, height = 0.3, 0.3
    x = np.arange(-256, 256) + 0.5
    step = low + height * (x > 0)
    sharpened = step + amount * height * ((x > 0) - norm.cdf(x / sigma))
    t, e = gaussian_filter1d(step, 1.0), gaussian_filter1d(sharpened, 1.0)
    expected = 0.0
    for k in range(256, 272):
        around = slice(k - 12, k + 13)
        gain, offset = np.polyfit(t[around], e[around], 1)
        expected = max(expected, e[k] - gain * t[around].max() - offset)
    measured = one(halo, sharpened[None].repeat(64, 0), step[None].repeat(64, 0))
    assert measured == pytest.approx(255 * expected, rel=0.005)
    # What there is of the line before any plateau is fitted.
    assert 0.4 * (e.max() - low - height) < measured / 255 < e.max() - low - height


def test_more_of_it_is_more_and_grey_levels_are_those_of_255():
    step = np.full((64, 400), 0.4)
    step[:, 200:] = 0.6
    added = step - gaussian_filter(step, 3.0)
    found = [one(halo, step + amount * added, step) for amount in (0.0, 0.5, 1.0, 1.5)]
    assert found[0] == 0.0
    assert found == sorted(found)
    assert 0.1 * 255 * added.max() < found[2] < 255 * added.max()


@pytest.mark.parametrize(
    "tone", [np.sqrt, np.square, lambda x: 1 - x, lambda x: x.clip(0.4, 0.6), lambda x: np.round(20 * x) / 20]
)
def test_a_tone_curve_of_any_shape_has_none(scene, tone):
    assert one(halo, tone(scene), scene) == 0.0


def test_gain_that_goes_from_place_to_place_is_none_and_a_halo_on_top_of_it_counts(scene):
    shading = gaussian_filter(RNG.normal(0, 1, scene.shape), 60)
    shading = 1 + 0.1 * shading / np.abs(shading).max()
    sharpened = scene + 1.0 * (scene - gaussian_filter(scene, 4))
    assert one(halo, scene * shading, scene) < 0.15 * one(halo, sharpened, scene)
    assert one(halo, sharpened * shading, scene) == pytest.approx(one(halo, sharpened, scene), rel=0.3)


def test_blur_overshoots_nothing(scene):
    sharpened = scene + (scene - gaussian_filter(scene, 3))
    assert one(halo, gaussian_filter(scene, 3), scene) < 0.1 * one(halo, sharpened, scene)


def test_noise_is_hardly_taken_for_a_halo(scene):
    sharpened = scene + (scene - gaussian_filter(scene, 3))
    as_strong = np.random.default_rng(1).normal(0, (sharpened - scene).std(), scene.shape)
    assert one(halo, scene + as_strong, scene) < 0.6 * one(halo, sharpened, scene)


def test_a_constant_image_has_no_halo_and_a_constant_original_no_edges(scene):
    constant = np.full_like(scene, 0.5)
    assert one(halo, constant, scene) == 0.0
    assert math.isnan(one(halo, scene, constant))
    assert not next_to_edges(constant).any()
    assert overshoot(scene, scene).max() == 0.0


# clipping ------------------------------------------------------------------------------------------------------


def test_it_is_the_share_of_pixels_that_were_driven_to_an_end():
    original = np.array([[0.0, 0.1, 0.5, 0.9, 1.0, 0.3, 0.0, 1.0]])
    enhanced = np.array([[0.0, 0.0, 0.5, 1.0, 1.0, 0.3, 0.5, 0.0]])
    # The second and the fourth, and the last: it was white and is black.
    assert one(clipped, enhanced, original) == 3 / 8


def test_an_end_is_what_eight_bits_show_as_one():
    original = np.full((1, 4), 0.5)
    enhanced = np.array([[0.49 / 255, 0.51 / 255, 1 - 0.49 / 255, 1 - 0.51 / 255]])
    assert one(clipped, enhanced, original) == 0.5


def test_a_stretch_clips_what_lies_beyond_it():
    ramp = np.linspace(0.2, 0.8, 10_001)[None]
    assert one(clipped, ((ramp - 0.5) * 2 + 0.5).clip(0, 1), ramp) == pytest.approx(1 / 6, abs=0.005)


# all of them ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COSTS)
def test_the_original_costs_nothing(name, scene):
    assert one(COSTS[name], scene, scene) == (1.0 if name == "noise_gain" else 0.0)


@pytest.mark.parametrize("name", COSTS)
def test_another_range_changes_nothing(name, scene):
    sharpened = (scene + 2 * (scene - gaussian_filter(scene, 2))).clip(0, 0.6)
    assert one(COSTS[name], 255 * sharpened, 255 * scene, data_range=255.0) == pytest.approx(
        one(COSTS[name], sharpened, scene), rel=1e-9
    )


@pytest.mark.parametrize("name", COSTS)
def test_neither_company_nor_order_changes_a_bit_and_what_is_not_finite_has_no_answer(name, scene):
    sharpened = scene + (scene - gaussian_filter(scene, 2))
    broken = scene.copy()
    broken[3, 4] = np.nan
    together = COSTS[name](batch(scene, sharpened, broken), batch(scene, scene, scene))
    assert together.dtype == torch.float64
    assert float(together[1]) == one(COSTS[name], sharpened, scene)
    assert math.isnan(float(together[2]))


@pytest.mark.parametrize("name", COSTS)
def test_wrong_inputs_are_refused_by_name(name, scene):
    with pytest.raises(ValueError, match=f"^{name}: images .* must have the same shape"):
        COSTS[name](batch(scene), batch(scene[:-1]))
    with pytest.raises(ValueError, match=rf"^{name}: images must lie in \[0, 1\]"):
        COSTS[name](batch(scene + 1), batch(scene))
