"""Korn and Graubard's interval, against Clopper and Pearson's and its own definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.stats import bell_mccaffrey, clustered, cr2_error, proportion
from radbench.stats.proportions import effective_size


def test_clustered_scores_are_clopper_pearson_at_the_effective_size():
    random = np.random.default_rng(0)
    owners = np.repeat(np.arange(14), random.integers(1, 6, 14))
    scores = (random.random(len(owners)) < np.linspace(0.2, 0.9, 14)[owners]).astype(float)
    one, error = proportion(scores, owners.tolist()), cr2_error(clustered(scores, owners.tolist()))
    freedom = bell_mccaffrey(np.bincount(owners))
    n = one.value * (1 - one.value) / error**2
    n *= (scipy.stats.t.ppf(0.975, len(owners) - 1) / scipy.stats.t.ppf(0.975, freedom)) ** 2
    assert n < len(owners)
    k = n * one.value
    assert one.low == pytest.approx(scipy.stats.beta.ppf(0.025, k, n - k + 1), rel=1e-9)
    assert one.high == pytest.approx(scipy.stats.beta.ppf(0.975, k + 1, n - k), rel=1e-9)


@given(st.integers(1, 39))
@settings(max_examples=20, deadline=None)
def test_independent_cases_are_nearly_clopper_pearsons(hits):
    one = proportion([1.0] * hits + [0.0] * (40 - hits))
    exact = scipy.stats.binomtest(hits, 40).proportion_ci(method="exact")
    # The effective size is p (1 - p) over an unbiased variance: n - 1 of n.
    n = effective_size(one.value, one.standard_error, [1] * 40)
    assert n == pytest.approx(39)
    assert (one.low, one.high) == pytest.approx((exact.low, exact.high), abs=0.005)
    assert one.low <= exact.low
    assert one.high >= exact.high


def test_all_hits_of_independent_cases_are_the_exact_bound():
    one = proportion([1.0] * 20)
    assert (one.low, one.high) == pytest.approx((0.025 ** (1 / 20), 1.0))
    none = proportion([0.0] * 20)
    assert (none.low, none.high) == pytest.approx((0.0, 1 - 0.025 ** (1 / 20)))


def test_all_hits_of_few_patients_count_patients_and_not_cases():
    one = proportion([1.0] * 60, [i % 6 for i in range(60)])
    assert one.low == pytest.approx(0.025 ** (1 / 6))


def test_cases_that_vary_less_than_independent_ones_gain_nothing():
    scores, patients = [0.0, 1.0] * 10, [i // 2 for i in range(20)]
    assert proportion([0.0, 1.0, *scores], [10, 11, *patients]).low <= proportion([0.0, 1.0] * 11).low + 0.01
    assert effective_size(0.5, 1e-9, [2] * 10) == 20


def test_turning_the_scores_turns_the_interval():
    scores, patients = np.array([1.0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0]), [i // 2 for i in range(12)]
    one, other = proportion(scores, patients), proportion(1 - scores, patients)
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low))


def test_five_patients_get_none_and_missing_scores_are_left_out():
    one = proportion([0.0, 1.0, 1.0, 0.0, 1.0, np.nan])
    assert math.isnan(one.low)
    assert (one.value, one.n_missing, one.no_interval) == (0.6, 1, "fewer than 6 patients: 5")


def test_other_scores_are_refused():
    with pytest.raises(ValueError, match="0 or 1"):
        proportion([0.0, 0.5, 1.0])
