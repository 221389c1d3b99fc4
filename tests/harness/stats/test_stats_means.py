"""Means in resampled patients, against closed forms, a plain loop and simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.stats import mean_replicates, percentile_interval, resampled_counts
from radbench.stats.means import mean


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


def error(scores, patients=None, replicates=5000):
    return np.std(mean_replicates(scores, patients, replicates)[0], ddof=1)


def test_variance_is_the_plug_in_variance_of_the_mean():
    scores = np.random.default_rng(2).normal(size=60)
    assert error(scores, replicates=40_000) == pytest.approx(scores.std(ddof=0) / math.sqrt(60), rel=0.015)


def test_variance_follows_the_cluster_formula_of_a_ratio():
    # Patients of many sizes: var = sum_p (S_p - m n_p)^2 / N^2, the linearised variance of a ratio of totals.
    random = np.random.default_rng(3)
    patients = np.repeat(np.arange(400), random.integers(1, 5, 400))
    scores = random.normal(size=400)[patients] + 0.3 * random.normal(size=len(patients))
    residuals = np.bincount(patients, weights=scores - scores.mean())
    analytic = math.sqrt((residuals**2).sum()) / len(scores)
    assert error(scores, patients.tolist(), 20_000) == pytest.approx(analytic, rel=0.03)
    assert error(scores) < 0.8 * analytic


@pytest.mark.parametrize(("n_patients", "lowest"), [(8, 0.925), (40, 0.93)])
def test_interval_covers_the_truth_as_often_as_it_says(n_patients, lowest):
    random = np.random.default_rng(4)
    trials, covered = 600, 0
    for _ in range(trials):
        patients = np.repeat(np.arange(n_patients), 3)
        scores = random.normal(size=n_patients)[patients] + random.normal(size=len(patients))
        low, high = percentile_interval(mean_replicates(scores, patients.tolist(), 400)[0], n_patients)
        covered += low <= 0.0 <= high
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
    shuffled = mean_replicates(scores[order], [patients[i] for i in order], 200)
    assert np.array_equal(shuffled, mean_replicates(scores, patients, 200), equal_nan=True)


@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
def test_the_chunk_changes_no_bit(clustered, chunk):
    scores, patients = clustered
    for who in (patients, None):
        assert np.array_equal(mean_replicates(scores, who, 300, 0, chunk=chunk), mean_replicates(scores, who, 300, 0))


def test_missing_scores_are_left_out():
    drawn = mean_replicates([1.0, np.nan, 3.0, np.nan], ["a", "a", "b", "c"], 100)[0]
    assert set(drawn[~np.isnan(drawn)]) <= {1.0, 3.0, 2.0, 5 / 3, 7 / 3}
    assert np.isnan(drawn).any()  # resamples of nobody but c
    assert np.isnan(mean_replicates([np.nan, np.nan], None, 10)).all()


def test_one_patient_has_no_percentile_interval():
    assert np.isnan(percentile_interval(mean_replicates([1.0, 2.0, 3.0], ["a", "a", "a"], 100)[0], 1)).all()


def test_resamples_stay_the_same_when_an_enhancer_misses_cases(clustered):
    scores, patients = clustered
    holes = np.where(np.arange(100) % 9 == 0, np.nan, scores)
    together = mean_replicates([scores, holes], patients, 50)
    assert np.array_equal(together[0], mean_replicates(scores, patients, 50)[0])
    assert np.array_equal(together[1], mean_replicates(holes, patients, 50)[0])


def test_an_infinite_score_is_an_answer_that_makes_the_mean_infinite():
    scores = [30.0, np.inf, 31.0, 32.0, 33.0]
    low, high = percentile_interval(mean_replicates(scores, None, 200)[0], 5)
    assert mean(np.array(scores)) == high == math.inf
    assert 30.0 <= low < math.inf


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mean_replicates([]), "at least one case"),
        (lambda: mean_replicates([1.0, 2.0], ["a"]), "1 patients for 2 cases"),
        (lambda: mean_replicates([1.0, 2.0], replicates=0), "at least 1"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
