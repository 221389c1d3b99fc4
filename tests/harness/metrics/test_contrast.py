"""The contrast-to-noise ratio of a region against its ring: closed forms and degenerate inputs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from radbench.metrics.contrast import DISPLAY_NOISE, contrast_to_noise, ring_around

Y, X = np.mgrid[:64, :64]
AWAY = np.hypot(Y - 32, X - 32)
DISK, EVERYWHERE = AWAY <= 6, np.ones((64, 64), dtype=bool)


def test_the_ring_keeps_its_gap_and_width():
    ring = ring_around(DISK, EVERYWHERE, 2.0, 3.0)
    away = cdist(np.argwhere(EVERYWHERE), np.argwhere(DISK)).min(axis=1).reshape(64, 64)
    assert np.array_equal(ring, (away > 2.0) & (away <= 5.0))
    assert ring.sum() == pytest.approx(math.pi * (11**2 - 8**2), rel=0.1)


def test_the_ring_stays_in_the_lungs_and_keeps_clear_of_other_nodules():
    lungs = X < 40
    other = np.hypot(Y - 32, X - 22) <= 2
    ring = ring_around(DISK, lungs, 1.0, 5.0, other)
    assert not ring[~lungs].any()
    assert cdist(np.argwhere(ring), np.argwhere(other)).min() > 1.0
    assert ring.any()


def test_an_empty_region_has_no_ring():
    assert not ring_around(np.zeros((64, 64)), EVERYWHERE, 1.0, 3.0).any()


def test_the_ratio_is_contrast_over_the_standard_deviation_of_the_ring():
    ring = ring_around(DISK, EVERYWHERE, 1.0, 4.0)
    image = np.where((X + Y) % 2, 0.5, 0.3)
    image[DISK] = 0.8
    around = image[ring]
    assert contrast_to_noise(image, DISK, ring, 0.0) == pytest.approx((0.8 - around.mean()) / around.std())
    assert contrast_to_noise(1 - image, DISK, ring, 0.0) == pytest.approx(-(0.8 - around.mean()) / around.std())


def test_a_flat_ring_is_as_noisy_as_a_display():
    ring = ring_around(DISK, EVERYWHERE, 1.0, 4.0)
    image = np.where(DISK, 0.6, 0.5)
    assert contrast_to_noise(image, DISK, ring) == pytest.approx(0.1 / DISPLAY_NOISE)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.05, 20.0), st.floats(-3.0, 3.0))
def test_brightness_and_contrast_of_the_whole_image_change_nothing(gain, offset):
    ring = ring_around(DISK, EVERYWHERE, 1.0, 4.0)
    image = np.random.default_rng(0).random((64, 64))
    plain = contrast_to_noise(image, DISK, ring, 0.0)
    assert contrast_to_noise(gain * image + offset, DISK, ring, 0.0) == pytest.approx(plain, rel=1e-6)


def test_degenerate_inputs_have_the_documented_answers():
    ring = ring_around(DISK, EVERYWHERE, 1.0, 4.0)
    nothing = np.zeros((64, 64), dtype=bool)
    assert contrast_to_noise(np.full((64, 64), 0.5), DISK, ring) == 0.0
    assert math.isnan(contrast_to_noise(X / 64, nothing, ring))
    assert math.isnan(contrast_to_noise(X / 64, DISK, nothing))
    with pytest.raises(ValueError, match="shapes differ"):
        contrast_to_noise(np.zeros((3, 3)), DISK, ring)
