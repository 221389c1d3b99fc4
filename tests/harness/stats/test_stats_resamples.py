"""Resamples that are held small: the same to the last bit as drawn at once, in bounded room."""

import tracemalloc

import numpy as np
import pytest

from radbench.stats import both, signs, studentised
from radbench.stats.resampling import patient_counts
from radbench.stats.studentised import studentised_draws

SIZES = (2, 7, 100, 255, 256, 257, 1679, 2300)
"""Where counts need another type, where a product takes several blocks, and beyond what is kept."""


@pytest.mark.parametrize("n", SIZES)
def test_resamples_and_their_blocks_are_those_that_are_drawn_at_once(n):
    found = [*studentised.multiplicities(n, 999, 3)]
    expected = [*patient_counts(n, 999, 3, max(1, (1 << 20) // n))]
    assert [one.shape for one in found] == [one.shape for one in expected]
    assert all(np.array_equal(*two) for two in zip(found, expected, strict=True))
    assert {one.dtype for one in found} == {np.dtype(np.uint8)}


@pytest.mark.parametrize("evenly", [True, False])
@pytest.mark.parametrize("n", [2, 40, 300])
def test_studentised_means_are_those_of_resamples_drawn_at_once(n, evenly):
    draws = np.random.default_rng(n)
    sizes = np.ones(n) if evenly else draws.integers(1, 4, n)
    sums = draws.normal(0.2, 1.0, (4, n))
    at_once = patient_counts(n, 999, 3, max(1, (1 << 20) // n))
    found, expected = (studentised_draws(sums, sizes, 999, 3, counts) for counts in (None, at_once))
    assert np.array_equal(found, expected)


def room(work):
    tracemalloc.start(1)
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("n", [1000, 3000])
def test_judging_a_mean_takes_hardly_more_than_its_product(n):
    studentised._kept.cache_clear()
    values = np.random.default_rng(0).normal(size=(1, n))
    assert room(lambda: both.clustered_means(values)) < 18 * 2**20
    assert room(lambda: signs.sign_flips(values)) < 12 * 2**20


@pytest.mark.parametrize("n", [13, 1000, 1700])
def test_signs_are_those_of_one_draw(n):
    expected = np.random.Generator(np.random.PCG64(5)).integers(0, 2, (1999, n))
    found = np.concatenate([np.unpackbits(one, axis=1, count=n) for one in signs._flipped(n, 1999, 5)])
    assert np.array_equal(found, expected)
