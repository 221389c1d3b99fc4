"""Fine structure kept and coarse structure added: closed forms, invariants, direct sums, and degenerate inputs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from radbench.metrics.detail import COARSE, FINE, band_pass, detail, framed, tone_residual


def noise(seed, shape=(128, 160)):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def everywhere(image):
    return np.ones(image.shape, dtype=bool)


def disc(side, radius):
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    return np.hypot(y, x) <= radius


def scene(side):
    """Vessels, ribs and a slow shade, the same anatomy at any size; values and structure far coarser than a pixel."""
    y, x = (np.mgrid[:side, :side] + 0.5) / side
    ribs = 0.1 * np.cos(2 * np.pi * (9 * y + 2 * x**2))
    vessels = 0.08 * np.cos(2 * np.pi * 31 * (x + 0.3 * y)) * np.cos(2 * np.pi * 24 * y)
    return (0.5 + ribs + vessels + 0.2 * (y - 0.5)).astype(np.float32)


def blob(side, height, width):
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    return height * np.exp(-(y**2 + x**2) / (2 * width**2))


@pytest.mark.parametrize(("band", "period"), [(FINE, 16), (FINE, 8), (COARSE, 64), (COARSE, 128)])
@pytest.mark.parametrize("side", [512, 1024])
def test_a_wave_comes_through_by_the_difference_of_two_gaussians_transforms(band, period, side):
    scale = side // 512
    wave = np.cos(2 * np.pi * np.arange(side) / (period * scale))[None, :].repeat(side, axis=0)
    gain = [math.exp(-2 * (math.pi * sigma / period) ** 2) for sigma in band]
    inner = slice(3 * side // 8, 5 * side // 8)
    passed = band_pass(wave, everywhere(wave), band).reshape(side, side)[inner, inner]
    np.testing.assert_allclose(passed, (gain[0] - gain[1]) * wave[inner, inner], atol=2e-3)


def test_a_band_is_the_sum_over_the_regions_pixels_alone():
    image = noise(0, (160, 130)).astype(np.float64)
    region = noise(1, (160, 130)) < 0.4
    region[:20] = False
    places = np.argwhere(region)
    found = band_pass(image, region, FINE)
    scale = 160 / 512
    for n in (0, 7, len(places) // 2, len(places) - 1):
        means = []
        for sigma in (FINE[0] * scale, FINE[1] * scale):
            away = places - places[n]
            weight = np.exp(-(away**2).sum(axis=1) / (2 * sigma**2))
            weight[np.abs(away).max(axis=1) > int(4 * sigma + 0.5)] = 0.0
            means.append((weight * image[region]).sum() / weight.sum())
        assert found[n] == pytest.approx(means[0] - means[1], abs=1e-12)


def test_company_changes_no_bit_of_a_band():
    images, region = np.stack([noise(seed) for seed in range(3)]), noise(9) < 0.5
    together = band_pass(images, region, FINE)
    assert together.shape == (3, region.sum())
    for one, image in zip(together, images, strict=True):
        assert np.array_equal(one, band_pass(image, region, FINE))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 999), st.integers(128, 200), st.integers(60, 200), st.floats(0.1, 1.0))
def test_the_original_itself_scores_exactly_one_one_and_zero(seed, high, wide, share):
    image = noise(seed, (high, wide))
    region = noise(seed + 1, (high, wide)) < share
    assert detail(image, image, region) == (1.0, 1.0)
    assert tone_residual(image, image, region) == 0.0


@settings(max_examples=25, deadline=None)
@given(st.floats(0.01, 0.9), st.floats(0.0, 0.1))
def test_gain_and_offset_leave_the_correlation_and_a_low_gain_is_what_is_kept(gain, offset):
    image = noise(2)
    correlation, kept = detail(gain * image + offset, image, everywhere(image))
    assert correlation == pytest.approx(1.0, abs=1e-6)
    assert kept == pytest.approx(gain, rel=1e-4)


def test_raised_contrast_is_kept_not_more_than_kept_and_an_inverted_image_keeps_none():
    image = 0.4 + 0.2 * noise(3)
    assert detail(2.0 * image - 0.4, image, everywhere(image)) == pytest.approx((1.0, 1.0), abs=1e-6)
    assert detail(1.0 - image, image, everywhere(image)) == pytest.approx((-1.0, 0.0), abs=1e-6)


@pytest.mark.parametrize(
    "curve",
    [
        lambda v: v**2.2,
        lambda v: 1 - v,
        lambda v: np.clip(1.7 * v - 0.3, 0, 1),
        lambda v: np.floor(8 * v) / 8,
        lambda v: 1 / (1 + np.exp(-6 * (v - 0.4))),
    ],
    ids=["gamma", "inverted", "clipped", "posterised", "sigmoid"],
)
def test_what_a_tone_curve_does_leaves_nothing(curve):
    # As float64, in which a mean of equal values may be off by a bit.
    image = np.round(noise(4).astype(np.float64) * 255) / 255
    assert tone_residual(curve(image), image, noise(5) < 0.7) == 0.0


def test_a_gentle_tone_curve_keeps_the_fine_structure():
    image = scene(512)
    assert detail(image**1.3, image, everywhere(image))[0] > 0.99


@pytest.mark.parametrize("curve", [lambda v: v, lambda v: 0.8 * v**0.5, lambda v: 0.7 - 0.6 * v])
def test_an_added_blob_is_found_at_the_height_that_the_closed_form_gives(curve):
    # Every grey level of the original lies evenly over the blob, so that no tone curve can take part in it.
    y, x = np.mgrid[:512, :512]
    image = (((x + 3 * y) % 8) / 16).astype(np.float32)
    height, width, radius = 0.2, 20.0, 200.0
    # A hundredth of a disc's pixels lies within a tenth of its radius.
    away = (radius / 10) ** 2
    parts = [width**2 / (width**2 + s**2) * math.exp(-away / (2 * (width**2 + s**2))) for s in COARSE]
    found = tone_residual(curve(image) + blob(512, height, width), image, disc(512, radius))
    assert found == pytest.approx(height * (parts[0] - parts[1]), rel=0.01)
    taken_away = tone_residual(curve(image) + 0.2 - blob(512, height, width), image, disc(512, radius))
    assert taken_away == pytest.approx(found, rel=0.01)


def test_blur_follows_white_noise_as_the_filters_transforms_say():
    image = noise(6, (512, 512))
    blurred = gaussian_filter(image, 2.0, mode="wrap")
    f = np.fft.fftfreq(512)
    square = f[:, None] ** 2 + f[None, :] ** 2
    response = [np.exp(-2 * (math.pi * sigma) ** 2 * square) for sigma in (*FINE, 2.0)]
    band, blur = response[0] - response[1], response[2]
    power = (band**2).sum(), (band**2 * blur).sum(), (band**2 * blur**2).sum()
    correlation, kept = detail(blurred, image, disc(512, 240))
    assert correlation == pytest.approx(power[1] / math.sqrt(power[0] * power[2]), abs=0.01)
    assert kept == pytest.approx(power[1] / power[0], abs=0.01)
    assert correlation < 0.9


def test_another_images_structure_is_not_the_originals():
    first, second = noise(7, (256, 256)), noise(8, (256, 256))
    assert abs(detail(first, second, everywhere(first))[0]) < 0.05


def test_the_same_scene_scores_alike_at_any_size():
    found = []
    for side in (256, 512, 1024):
        image = scene(side)
        shown = gaussian_filter(image, 1.5 * side / 512) + blob(side, 0.1, 15 * side / 512)
        region = disc(side, 0.4 * side)
        found.append((*detail(shown, image, region), tone_residual(shown, image, region)))
    for other in (found[0], found[2]):
        np.testing.assert_allclose(other, found[1], rtol=0.02)
    assert found[1][1] < 0.9
    assert found[1][2] > 0.01


def test_what_lies_outside_the_region_has_no_say():
    image, shown, region = noise(10), noise(11), disc(160, 50)[16:144]
    other_image, other_shown = np.where(region, image, 1.0), np.where(region, shown, 0.0)
    assert detail(shown, image, region) == detail(other_shown, other_image, region)
    assert tone_residual(shown, image, region) == tone_residual(other_shown, other_image, region)


def test_constant_images_have_the_documented_answers():
    image, flat = noise(12), np.full((128, 160), 0.3, dtype=np.float32)
    everything = everywhere(image)
    assert detail(flat, image, everything) == (0.0, 0.0)
    assert tone_residual(flat, image, everything) == 0.0
    assert all(math.isnan(one) for one in detail(image, flat, everything))
    # Nothing of it was there.
    assert tone_residual(image, flat, everything) > 0.0


@pytest.mark.parametrize(("side", "fine", "coarse"), [(63, False, False), (64, False, True), (127, False, True)])
def test_below_a_bands_size_there_is_no_answer(side, fine, coarse):
    image = noise(13, (side, side))
    assert math.isnan(detail(image, image, everywhere(image))[0]) is not fine
    assert math.isnan(tone_residual(image, image, everywhere(image))) is not coarse


def test_a_region_too_small_or_a_pixel_in_it_that_is_not_finite_has_no_answer():
    image = noise(14)
    for count, known in ((0, False), (99, False), (100, True)):
        region = np.zeros(image.size, dtype=bool)
        region[1000 : 1000 + count] = True
        region = region.reshape(image.shape)
        assert math.isnan(detail(image, image, region)[0]) is not known
        assert math.isnan(tone_residual(image, image, region)) is not known
    broken = image.copy()
    broken[5, 5] = np.nan
    region = everywhere(image)
    for pair in ((broken, image), (image, broken)):
        assert all(math.isnan(one) for one in (*detail(*pair, region), tone_residual(*pair, region)))
    region[5, 5] = False
    for pair in ((broken, image), (image, broken)):
        assert detail(*pair, region) == (1.0, 1.0)
        assert tone_residual(*pair, region) == 0.0


@pytest.mark.parametrize("measure", [detail, tone_residual])
def test_other_shapes_are_refused(measure):
    image = noise(15)
    with pytest.raises(ValueError, match="of one shape"):
        measure(image[1:], image, everywhere(image))
    with pytest.raises(ValueError, match="of one shape"):
        measure(image[None], image[None], everywhere(image)[None])


def test_a_frame_is_the_constant_rows_and_columns_at_the_edges_alone():
    inner = noise(16, (20, 30))
    inner[10] = 0.0
    image = np.pad(inner, ((3, 0), (2, 5)))
    expected = np.zeros(image.shape, dtype=bool)
    expected[3:, 2:32] = True
    assert np.array_equal(framed(image), expected)
    white = np.pad(image, 4, constant_values=1.0)
    assert np.array_equal(framed(white), np.pad(expected, 4))
    assert framed(inner).all()
    assert not framed(np.full((7, 9), 0.5)).any()
