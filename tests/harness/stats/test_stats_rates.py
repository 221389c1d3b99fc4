"""Rates of counts: Garwood's published limits, effective exposures, and agreement with Poisson tail probabilities."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from radbench.contracts.errors import PluginError
from radbench.stats import Resampling, clustered_mean, mean_replicates
from radbench.stats.aggregations import Numbers, aggregation
from radbench.stats.clusters import bell_mccaffrey
from radbench.stats.rates import effective_exposure, garwood, rate

RNG = np.random.default_rng(7)


@pytest.mark.parametrize(
    ("events", "low", "high"),
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (5, 1.623, 11.668), (10, 4.795, 18.390), (50, 37.111, 65.919)],
)
def test_garwood_s_limits_are_the_published_ones(events, low, high):
    assert garwood(events) == pytest.approx((low, high), abs=6e-4)


@given(st.integers(1, 200), st.sampled_from([0.8, 0.95, 0.99]))
def test_each_limit_leaves_half_of_the_rest_beyond_the_count(events, level):
    low, high = garwood(events, level)
    assert scipy.stats.poisson.sf(events - 1, low) == pytest.approx((1 - level) / 2, rel=1e-6)
    assert scipy.stats.poisson.cdf(events, high) == pytest.approx((1 - level) / 2, rel=1e-6)


def test_without_events_the_patients_are_the_exposure():
    one = rate(np.zeros(40), np.repeat(np.arange(10), 4).tolist())
    assert (one.value, one.low) == (0.0, 0.0)
    assert one.high == pytest.approx(-math.log(0.025) / 10)


def test_poisson_counts_of_single_cases_are_nearly_their_own_exposure():
    counts = RNG.poisson(3.0, 4000).astype(float)
    one = rate(counts)
    low, high = garwood(counts.sum())
    assert (one.low, one.high) == pytest.approx((low / 4000, high / 4000), rel=0.01)


def test_patients_whose_cases_repeat_count_once():
    counts = RNG.negative_binomial(1, 0.3, 30).astype(float)  # spread beyond Poisson's, so that no cap is met
    alone, repeated = rate(counts), rate(np.repeat(counts, 5), np.repeat(np.arange(30), 5).tolist())
    assert (repeated.value, repeated.low, repeated.high) == pytest.approx(
        (alone.value, alone.low, alone.high), rel=0.02
    )


def test_the_exposure_is_that_of_the_variance_and_never_more_than_the_cases():
    sizes = np.ones(25)
    ratio = scipy.stats.norm.ppf(0.025) / scipy.stats.t.ppf(0.025, bell_mccaffrey(sizes))
    assert effective_exposure(2.0, 0.4, sizes) == pytest.approx(2.0 / 0.16 * ratio**2)
    assert effective_exposure(2.0, 0.01, sizes) == 25.0
    assert effective_exposure(0.0, 0.0, [2, 2, 4]) == pytest.approx(64 / 24)


def test_the_ends_are_never_nearer_than_those_of_the_mean():
    counts = RNG.negative_binomial(0.5, 0.2, 60).astype(float)
    who = np.repeat(np.arange(20), 3).tolist()
    one, mean = rate(counts, who), clustered_mean(counts, who)
    assert one.value == mean.value
    assert 0.0 <= one.low <= max(0.0, mean.low)
    assert one.high >= mean.high


def test_few_patients_have_no_interval_and_missing_cases_are_counted():
    one = rate([1.0, 0.0, 2.0, math.nan, 0.0, 1.0])
    assert (one.value, one.n_missing) == (0.8, 1)
    assert math.isnan(one.low)
    assert one.no_interval == "fewer than 6 patients: 5"


@pytest.mark.parametrize("strange", [-1.0, 0.5, math.inf])
def test_what_is_no_count_is_refused(strange):
    with pytest.raises(ValueError, match=f"whole numbers from 0 on, got {strange:g}"):
        rate([0.0, strange, 1.0])


@pytest.mark.parametrize("strange", [-1.0, 0.5])
def test_an_aggregation_says_which_number_is_no_count(strange):
    with pytest.raises(PluginError, match=f"a rate takes counts, whole numbers from 0 on, and a case has {strange:g}"):
        aggregation("rate").value(Numbers(np.array([1.0, strange])))


def test_the_aggregation_is_the_mean_with_this_interval():
    patients = tuple(f"p{i // 2}" for i in range(40))
    resampling, how = Resampling(patients, 300, 1), aggregation("rate")
    values = RNG.poisson(0.4, (2, 40)).astype(float)
    values[1, :3] = np.nan
    ours, theirs = map(Numbers, values)
    draws = how.draws([ours, theirs], resampling)
    assert draws[0].std(ddof=1) == pytest.approx(mean_replicates(values[0], patients, 300, 1)[0].std(ddof=1))
    one = rate(values[0], patients)
    assert how.interval(ours, one.value, draws[0], resampling) == (one.low, one.high)
    (paired,) = how.differences([ours, theirs], [(0, 1)], draws, resampling)
    assert paired.delta == pytest.approx((values[0] - values[1])[3:].mean())
    assert paired.p_value == aggregation("mean").differences([ours, theirs], [(0, 1)], draws, resampling)[0].p_value
    numbers, owners = how.numbers(theirs, resampling)
    assert (np.isnan(numbers).sum(), owners) == (3, patients)
