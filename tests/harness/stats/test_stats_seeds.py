"""Seeds pooled: against the analysis of variance of a crossed design, written out, and its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radbench.stats import clustered_mean, pooled_difference, pooled_mean

R = 399


def crossed(seeds, patients, by_seed, by_patient, by_both, seed=0):
    random = np.random.default_rng(seed)
    return (
        by_seed * random.normal(size=(seeds, 1))
        + by_patient * random.normal(size=patients)
        + by_both * random.normal(size=(seeds, patients))
    )


@pytest.mark.parametrize("by_seed", [0.2, 0.6, 5.0])
def test_parts_equal_the_mean_squares_of_a_crossed_design(by_seed):
    x = crossed(4, 15, by_seed, 1.0, 0.5)
    one = pooled_mean(x, replicates=R)
    S, m = x.shape
    rest = x - x.mean(axis=0) - x.mean(axis=1, keepdims=True) + x.mean()
    ms_seed = m * x.mean(axis=1).var(ddof=1)
    ms_patient = S * x.mean(axis=0).var(ddof=1)
    ms_both = (rest**2).sum() / ((S - 1) * (m - 1))
    seeds = max(0.0, ms_seed - ms_both)
    assert one.patients_part == pytest.approx(ms_patient / (S * m))
    assert one.interaction_part == pytest.approx(ms_both / (S * m))
    assert one.seeds_part == pytest.approx(seeds / (S * m), abs=1e-15)
    assert one.seed_deviation == pytest.approx(math.sqrt(seeds / m))
    total = ms_patient + seeds
    assert one.estimate.standard_error == pytest.approx(math.sqrt(total / (S * m)))
    if seeds > ms_patient:
        expected = S - 1
    elif seeds == 0:
        expected = m - 1
    else:
        expected = total**2 / (ms_patient**2 / (m - 1) + ms_seed**2 / (S - 1) + ms_both**2 / ((S - 1) * (m - 1)))
    assert one.estimate.freedom == pytest.approx(expected)
    np.testing.assert_allclose(one.seed_means, x.mean(axis=1), rtol=1e-12)


def test_equal_seeds_are_one():
    x = np.random.default_rng(1).normal(size=20)
    one, alone = pooled_mean([x, x, x], replicates=R).estimate, clustered_mean(x, replicates=R)
    assert (one.low, one.high, one.p_value) == pytest.approx((alone.low, alone.high, alone.p_value))


def test_the_interval_holds_that_of_the_seed_averaged_scores():
    x, patients = crossed(3, 30, 0.5, 1.0, 0.5), [i // 2 for i in range(30)]
    one = pooled_mean(x, patients, replicates=R).estimate
    average = clustered_mean(x.mean(axis=0), patients, replicates=R)
    b = average.rule.bootstrap_interval()
    assert one.low <= b[0]
    assert one.high >= b[1]
    assert one.value == pytest.approx(average.value)


def test_two_seeds_give_an_interval_and_no_p():
    one = pooled_mean(crossed(2, 20, 1.0, 1.0, 0.1), replicates=R).estimate
    assert math.isfinite(one.low)
    assert math.isnan(one.p_value)
    assert one.no_p == "fewer than 3 seeds: 2"
    assert math.isfinite(pooled_mean(crossed(3, 20, 1.0, 1.0, 0.1), replicates=R).estimate.p_value)


def test_p_and_interval_agree():
    for seed in range(40):
        one = pooled_mean(crossed(3, 12, 0.4, 1.0, 0.4, seed) + 0.6, replicates=R).estimate
        assert (one.p_value <= 0.05) == (not one.low <= 0 <= one.high)


def test_the_baseline_may_have_seeds_or_none():
    x, y = crossed(3, 20, 1.0, 1.0, 0.3), crossed(3, 20, 0.5, 1.0, 0.3, 5)
    one = pooled_difference(x, y, replicates=R).estimate
    assert one.low == pytest.approx(pooled_mean(x - y, replicates=R).estimate.low)
    assert pooled_difference(x, y[0], replicates=R).estimate.value == pytest.approx((x - y[0]).mean())


def test_a_case_that_one_seed_lacks_is_left_out_of_all():
    x = crossed(3, 20, 1.0, 1.0, 0.3)
    hole = x.copy()
    hole[1, 4] = np.nan
    one = pooled_mean(hole, replicates=R)
    assert one.estimate.n_missing == 1
    assert one.estimate.value == pytest.approx(np.delete(x, 4, axis=1).mean())


def test_five_patients_get_neither_however_many_seeds():
    one = pooled_mean(crossed(9, 5, 1.0, 1.0, 0.3)).estimate
    assert one.no_interval == one.no_p == "fewer than 6 patients: 5"


def test_an_infinite_score_has_a_mean_and_no_interval():
    x = crossed(3, 20, 1.0, 1.0, 0.3)
    x[1, 4] = np.inf
    one = pooled_mean(x, replicates=R)
    assert one.estimate.value == one.seed_means[1] == np.inf
    assert np.isfinite(one.seed_means[[0, 2]]).all()
    assert one.estimate.no_interval == "a value is infinite"


@pytest.mark.parametrize("by_seed", [0.0, 0.3, 2.0])
def test_coverage_with_five_seeds(by_seed):
    covered = 0
    for seed in range(300):
        one = pooled_mean(crossed(5, 12, by_seed, 1.0, 0.5, seed), replicates=R).estimate
        covered += one.low <= 0 <= one.high
    assert covered / 300 > 0.90


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: pooled_mean([[1.0, 2.0]]), "two seeds or more"),
        (lambda: pooled_mean([1.0, 2.0]), "two seeds or more"),
        (lambda: pooled_difference([[1.0, 2.0]] * 2, [[1.0, 2.0]] * 3), "same cases"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
