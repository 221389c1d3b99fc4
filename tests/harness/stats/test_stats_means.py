"""Bootstrap of means and paired differences, against closed forms, a plain loop and simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.stats import bootstrap_difference, bootstrap_mean, mean_replicates, resampled_counts
from radbench.stats.intervals import percentile_interval


@pytest.fixture
def clustered():
    random = np.random.default_rng(1)
    patients = random.integers(0, 30, 100)
    return random.normal(size=30)[patients] + random.normal(size=100), [f"p{p}" for p in patients]


def test_replicates_are_the_means_of_the_resampled_cases(clustered):
    scores, patients = clustered
    counts = np.concatenate(list(resampled_counts(100, patients, 40, 7)))
    by_hand = [np.repeat(scores, row).mean() for row in counts]
    np.testing.assert_allclose(mean_replicates(scores, patients, 40, 7)[0], by_hand, rtol=0, atol=1e-13)


def test_value_and_std_are_those_of_the_cases(clustered):
    scores, patients = clustered
    interval = bootstrap_mean(scores, patients, 50)
    assert interval.value == pytest.approx(scores.mean(), abs=1e-14)
    assert interval.std == pytest.approx(scores.std(ddof=1), abs=1e-14)
    assert (interval.n_cases, interval.n_patients) == (100, len(set(patients)))


def test_variance_is_the_plug_in_variance_of_the_mean():
    scores = np.random.default_rng(2).normal(size=60)
    interval = bootstrap_mean(scores, replicates=40_000)
    assert interval.standard_error == pytest.approx(scores.std(ddof=0) / math.sqrt(60), rel=0.015)


def test_variance_follows_the_cluster_formula_of_a_ratio():
    # Patients of many sizes: var = sum_p (S_p - m n_p)^2 / N^2, the linearised variance of a ratio of totals.
    random = np.random.default_rng(3)
    patients = np.repeat(np.arange(400), random.integers(1, 5, 400))
    scores = random.normal(size=400)[patients] + 0.3 * random.normal(size=len(patients))
    residuals = np.bincount(patients, weights=scores - scores.mean())
    analytic = math.sqrt((residuals**2).sum()) / len(scores)
    clustered = bootstrap_mean(scores, patients.tolist(), 20_000).standard_error
    assert clustered == pytest.approx(analytic, rel=0.03)
    assert bootstrap_mean(scores, None, 5000).standard_error < 0.8 * analytic


@pytest.mark.parametrize(("n_patients", "lowest"), [(8, 0.925), (40, 0.93)])
def test_interval_covers_the_truth_as_often_as_it_says(n_patients, lowest):
    random = np.random.default_rng(4)
    trials, covered = 600, 0
    for _ in range(trials):
        patients = np.repeat(np.arange(n_patients), 3)
        scores = random.normal(size=n_patients)[patients] + random.normal(size=len(patients))
        interval = bootstrap_mean(scores, patients.tolist(), 400)
        covered += interval.low <= 0.0 <= interval.high
    assert lowest <= covered / trials <= 0.985


def test_expanded_percentiles_approach_plain_ones_with_many_patients():
    replicates = np.random.default_rng(0).normal(size=5000)
    plain = np.quantile(replicates, [0.025, 0.975])
    assert percentile_interval(replicates, 10**7) == pytest.approx(plain, abs=1e-5)
    few = percentile_interval(replicates, 5)
    assert few[0] < plain[0]
    assert few[1] > plain[1]


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_cases_changes_no_bit(shuffler):
    random = np.random.default_rng(5)
    scores, patients = random.normal(size=40), random.integers(0, 9, 40).tolist()
    scores[3] = np.nan
    order = list(range(40))
    shuffler.shuffle(order)
    assert bootstrap_mean(scores[order], [patients[i] for i in order], 200) == bootstrap_mean(scores, patients, 200)


@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
def test_the_chunk_changes_no_bit(clustered, chunk):
    scores, patients = clustered
    for who in (patients, None):
        assert np.array_equal(mean_replicates(scores, who, 300, 0, chunk=chunk), mean_replicates(scores, who, 300, 0))


def test_missing_scores_are_left_out_and_counted():
    scores = [1.0, np.nan, 3.0, np.nan]
    interval = bootstrap_mean(scores, ["a", "a", "b", "c"], 100)
    assert (interval.value, interval.n_cases, interval.n_patients, interval.n_missing) == (2.0, 2, 2, 2)
    assert interval.n_undefined > 0  # resamples of nobody but c


def test_nothing_known_gives_nan_and_no_error():
    interval = bootstrap_mean([np.nan, np.nan], replicates=10)
    assert math.isnan(interval.value)
    assert math.isnan(interval.low)
    assert interval.n_cases == 0


def test_one_patient_has_a_value_but_no_interval():
    interval = bootstrap_mean([1.0, 2.0, 3.0], ["a", "a", "a"], 100)
    assert interval.value == 2.0
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)


def test_difference_of_a_constant_shift_is_that_shift_without_width():
    baseline = np.arange(20) / 16
    difference = bootstrap_difference(baseline + 0.25, baseline, replicates=500)
    assert (difference.delta, difference.low, difference.high) == (0.25, 0.25, 0.25)


def test_difference_is_the_mean_of_paired_differences_on_the_same_resamples(clustered):
    scores, patients = clustered
    baseline = scores + np.random.default_rng(0).normal(size=100)
    both = mean_replicates([scores, baseline], patients, 2000)
    difference = bootstrap_difference(scores, baseline, patients, 2000)
    low, high = percentile_interval(both[0] - both[1], len(set(patients)))
    assert difference.delta == pytest.approx(scores.mean() - baseline.mean(), abs=1e-13)
    assert (difference.low, difference.high) == pytest.approx((low, high), abs=1e-13)


def test_difference_is_over_the_cases_that_both_answer():
    difference = bootstrap_difference([1.0, np.nan, 5.0, 2.0], [0.0, 1.0, np.nan, 1.0], replicates=50)
    assert (difference.delta, difference.n_cases, difference.n_missing) == (1.0, 2, 2)


def test_resamples_stay_the_same_when_an_enhancer_misses_cases(clustered):
    scores, patients = clustered
    holes = np.where(np.arange(100) % 9 == 0, np.nan, scores)
    together = mean_replicates([scores, holes], patients, 50)
    assert np.array_equal(together[0], mean_replicates(scores, patients, 50)[0])
    assert np.array_equal(together[1], mean_replicates(holes, patients, 50)[0])


def test_an_infinite_score_is_an_answer_that_makes_the_mean_infinite():
    interval = bootstrap_mean([30.0, np.inf, 31.0, 32.0, 33.0], replicates=200)
    assert interval.value == interval.high == math.inf
    assert 30.0 <= interval.low < math.inf
    assert math.isnan(interval.std)
    assert interval.n_cases == 5


def test_a_difference_of_infinities_is_no_answer():
    difference = bootstrap_difference([np.inf, 1.0, 2.0], [np.inf, 0.0, 1.0], replicates=50)
    assert (difference.delta, difference.n_missing) == (1.0, 1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bootstrap_mean([]), "at least one case"),
        (lambda: bootstrap_mean([1.0, 2.0], ["a"]), "1 patients for 2 cases"),
        (lambda: bootstrap_mean([1.0, 2.0], level=1.0), "level"),
        (lambda: bootstrap_difference([1.0, 2.0], [1.0]), "2 and 1 values"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
