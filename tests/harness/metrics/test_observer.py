"""The channelized Hotelling observer against closed forms, orthogonality and independent implementations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special
from scipy.stats import norm
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score

from radbench.metrics.observer import (
    GABOR_FREQUENCIES,
    GABOR_ORIENTATIONS,
    Channels,
    auc_of_detectability,
    ball_signal,
    channel_outputs,
    gabor,
    laguerre_gauss,
    pooled_covariance,
    proportion_correct,
    train_hotelling,
    with_internal_noise,
)

SIDE = np.arange(-4.0, 4.0, 0.02)


def draws(seed, n0=400, n1=60, c=5, shift=0.7):
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(c, c))
    return rng.normal(size=(n0, c)) @ mix, rng.normal(size=(n1, c)) @ mix + shift


def test_laguerre_gauss_channels_are_orthonormal_over_the_plane():
    bank = laguerre_gauss(SIDE[None, :], SIDE[:, None], 6)
    gram = np.einsum("iyx,jyx->ij", bank, bank) * 0.02**2
    assert gram == pytest.approx(np.eye(6), abs=1e-6)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_laguerre_gauss_channels_are_the_polynomials_of_scipy(count):
    x, y = np.random.default_rng(0).normal(size=(2, 50))
    squared = x**2 + y**2
    expected = [
        math.sqrt(2) * np.exp(-math.pi * squared) * special.eval_laguerre(j, 2 * math.pi * squared)
        for j in range(count)
    ]
    assert laguerre_gauss(x, y, count) == pytest.approx(np.stack(expected), abs=1e-10)


def test_gabor_channels_peak_at_their_frequency_with_an_octave_between_half_maxima():
    bank = gabor(SIDE[None, :], np.zeros((1, 1)))[:, 0]
    for i, frequency in enumerate(GABOR_FREQUENCIES):
        channel = bank[i * len(GABOR_ORIENTATIONS)]
        grid = np.arange(0.2, 3.2, 0.005)
        spectrum = np.abs(np.exp(-2j * np.pi * grid[:, None] * SIDE[None, :]) @ channel)
        passed = grid[spectrum >= spectrum.max() / 2]
        assert grid[spectrum.argmax()] == pytest.approx(frequency, abs=0.01)
        assert passed[-1] / passed[0] == pytest.approx(2.0, abs=0.07)


def test_a_channel_averages_so_that_its_output_does_not_depend_on_the_diameter():
    channels = Channels("laguerre-gauss", 5, 1.0)
    seen = []
    for diameter in (24.0, 48.0):
        y, x = np.mgrid[:301, :301] - 150.0
        profile = np.sqrt(np.clip(1 - 4 * (x**2 + y**2) / diameter**2, 0, None))
        seen.append(channel_outputs(profile, (150.0, 150.0), diameter, channels))
    assert seen[0] == pytest.approx(seen[1], abs=2e-3)


def test_the_ball_is_seen_as_its_integral_in_polar_coordinates():
    width = 1.3
    seen = ball_signal(Channels("laguerre-gauss", 4, width))
    for order in range(4):

        def integrand(r, order=order):
            ball = math.sqrt(max(0.0, 1 - (2 * width * r) ** 2))
            channel = math.sqrt(2) * math.exp(-math.pi * r * r) * special.eval_laguerre(order, 2 * math.pi * r * r)
            return 2 * math.pi * r * ball * channel

        assert seen[order] == pytest.approx(integrate.quad(integrand, 0, 0.5 / width)[0], abs=2e-3)


def test_sub_pixel_places_move_the_channels_along():
    channels, diameter = Channels(), 12.0
    y, x = np.mgrid[:121, :121]
    for centre in ((60.0, 60.0), (60.4, 59.7)):
        blob = np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / 30.0)
        seen = channel_outputs(blob, centre, diameter, channels)
        if centre == (60.0, 60.0):
            first = seen
    assert seen == pytest.approx(first, abs=1e-4)


@pytest.mark.parametrize("kind", ["laguerre-gauss", "gabor"])
def test_white_noise_and_a_known_signal_give_the_auc_of_the_closed_form(kind):
    # One diameter: K = sigma^2 U U', so that d'^2 = s' K^-1 s is known without any sample.
    channels, sigma, diameter, n = Channels(kind, 4), 0.3, 8.0, 3000
    reach = channels.reach_px(diameter)
    centre, side = (float(reach), float(reach)), 2 * reach + 1
    bank, _ = channels.at(centre, diameter)
    y, x = np.mgrid[:side, :side] - reach
    blob = 0.12 * np.exp(-(x**2 + y**2) / 18.0)
    flat = bank.reshape(len(channels), -1)
    signal = flat @ blob.ravel()
    squared = signal @ np.linalg.solve(sigma**2 * flat @ flat.T, signal)
    rng = np.random.default_rng(1)

    def outputs(count, present):
        planes = rng.normal(scale=sigma, size=(count, side, side)) + present * blob
        assert flat @ planes[0].ravel() == pytest.approx(channel_outputs(planes[0], centre, diameter, channels))
        return planes.reshape(count, -1) @ flat.T

    expected = norm.cdf(math.sqrt(squared / 2))
    assert 0.7 < expected < 0.97
    learnt = train_hotelling(outputs(n, 0), outputs(n, 1))
    known = train_hotelling(outputs(n, 0), outputs(2, 1), signal=signal)
    absent, present = outputs(n, 0), outputs(n, 1)
    for observer in (learnt, known):
        assert auc_of_detectability(observer.detectability) == pytest.approx(expected, abs=0.012)
        assert proportion_correct(observer.responses(present), observer.responses(absent)) == pytest.approx(
            expected, abs=0.02
        )


def test_a_signal_in_the_span_of_the_channels_is_seen_as_well_as_by_the_ideal_observer():
    channels, sigma, diameter = Channels("laguerre-gauss", 3), 0.5, 20.0
    bank, _ = channels.at((60.0, 60.0), diameter)
    flat = bank.reshape(3, -1)
    blob = 40.0 * flat[0] - 25.0 * flat[2]
    signal = flat @ blob
    exact = sigma**2 * flat @ flat.T
    rng = np.random.default_rng(0)
    absent = rng.multivariate_normal(np.zeros(3), exact, 40000)
    observer = train_hotelling(absent, absent[:2], signal=signal)
    assert observer.detectability == pytest.approx(np.linalg.norm(blob) / sigma, rel=0.02)


def test_the_template_is_that_of_linear_discriminant_analysis():
    absent, present = draws(0)
    x, y = np.concatenate([absent, present]), np.repeat([0, 1], [len(absent), len(present)])
    rival = LinearDiscriminantAnalysis(solver="lsqr").fit(x, y)
    ours = train_hotelling(absent, present).template
    assert ours / np.linalg.norm(ours) == pytest.approx(rival.coef_[0] / np.linalg.norm(rival.coef_[0]), abs=1e-9)


@pytest.mark.parametrize("shrinkage", [0.0, 0.2, 1.0])
def test_detectability_is_the_quadratic_form_of_the_shrunk_covariance(shrinkage):
    absent, present = draws(1)
    k = (np.cov(absent.T) * (len(absent) - 1) + np.cov(present.T) * (len(present) - 1)) / (
        len(absent) + len(present) - 2
    )
    assert pooled_covariance(absent, present) == pytest.approx(k, rel=1e-9)
    shrunk = (1 - shrinkage) * k + shrinkage * np.diag(np.diag(k))
    difference = present.mean(axis=0) - absent.mean(axis=0)
    expected = math.sqrt(difference @ np.linalg.inv(shrunk) @ difference)
    assert train_hotelling(absent, present, shrinkage).detectability == pytest.approx(expected, rel=1e-9)


def test_responses_without_a_signal_have_mean_0_and_variance_1():
    absent, present = draws(2, n1=2)
    answers = train_hotelling(absent, present).responses(absent)
    assert answers.mean() == pytest.approx(0.0, abs=1e-9)
    assert answers.std() == pytest.approx(1.0, abs=0.01)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.01, 100.0), min_size=5, max_size=5), st.floats(-5.0, 5.0))
def test_units_of_the_channels_do_not_matter(factors, offset):
    absent, present = draws(3)
    plain = train_hotelling(absent, present, 0.3).responses(present)
    units = np.array(factors)
    scaled = train_hotelling(absent * units + offset, present * units + offset, 0.3)
    assert scaled.responses(present * units + offset) == pytest.approx(plain, abs=1e-6)


def test_channels_that_show_nothing_are_left_out_and_no_difference_gives_equal_responses():
    absent, present = draws(4)
    absent[:, 2] = present[:, 2] = 0.5
    assert train_hotelling(absent, present).template[2] == 0.0
    same = np.full((10, 3), 0.25)
    blank = train_hotelling(same, same)
    assert blank.detectability == 0.0
    assert set(blank.responses(same)) == {0.0}


def test_internal_noise_lowers_detectability_as_if_it_were_in_the_outputs():
    absent, present = draws(5, n0=20000, n1=20000)
    spread = np.sqrt(np.diag(pooled_covariance(absent, present)))
    told = train_hotelling(absent, present, internal_noise=0.8)
    heard = train_hotelling(*(with_internal_noise(x, spread, 0.8, i) for i, x in enumerate((absent, present))))
    assert told.detectability < train_hotelling(absent, present).detectability
    assert told.detectability == pytest.approx(heard.detectability, rel=0.05)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_proportion_correct_is_the_area_under_the_curve(present, absent):
    labels = [1] * len(present) + [0] * len(absent)
    assert proportion_correct(present, np.array(absent, dtype=float)) == pytest.approx(
        roc_auc_score(labels, present + absent)
    )


def test_proportion_correct_of_nothing_is_no_answer():
    assert math.isnan(proportion_correct([], np.array([1.0])))
    assert math.isnan(proportion_correct([1.0], np.zeros(0)))


def test_a_place_at_the_corner_of_a_constant_image_sees_what_one_in_the_middle_sees():
    image, channels = np.full((90, 90), 0.4), Channels()
    middle = channel_outputs(image, (45.0, 45.0), 9.0, channels)
    assert channel_outputs(image, (0.0, 89.0), 9.0, channels) == pytest.approx(middle, abs=1e-12)


def test_what_cannot_be_is_refused():
    good = np.random.default_rng(0).normal(size=(5, 3))
    with pytest.raises(ValueError, match="outside"):
        channel_outputs(np.zeros((8, 8)), (9.0, 1.0), 3.0, Channels())
    with pytest.raises(ValueError, match="one of gabor"):
        Channels("wavelet")
    with pytest.raises(ValueError, match="needs"):
        train_hotelling(good[:1], good)
    with pytest.raises(ValueError, match="finite"):
        train_hotelling(good, good * np.nan)
    with pytest.raises(ValueError, match="shrinkage"):
        train_hotelling(good, good, 1.5)
