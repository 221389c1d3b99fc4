"""Sensitivity at a specificity: against scikit-learn's ROC points, resample by resample, and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from radbench.stats import Resampling, proportion
from radbench.stats.aggregations import Predictions, aggregation
from radbench.stats.thresholds import (
    sensitivity,
    sensitivity_at_specificity,
    sensitivity_difference,
    sensitivity_replicates,
    share_interval,
)

RNG = np.random.default_rng(3)


def by_roc_points(labels, scores, specificity):
    false, true, _ = roc_curve(labels, scores, drop_intermediate=False)
    return true[1.0 - false >= specificity - 1e-12].max()


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=2, max_size=40).filter(
        lambda rows: len({label for label, _ in rows}) == 2
    ),
    st.sampled_from([0.5, 0.75, 0.8, 0.9, 0.95]),
)
def test_it_is_the_best_roc_point_of_at_least_that_specificity(rows, specificity):
    labels, scores = np.array(rows, dtype=float).T
    expected = by_roc_points(labels, scores, specificity)
    assert sensitivity_at_specificity(labels, scores, specificity) == pytest.approx(expected, abs=1e-12)


def test_ties_are_called_alike_and_one_of_ten_negatives_may_be_called():
    labels = np.array([0] * 10 + [1] * 4)
    scores = np.array([*range(10), 9, 8, 7, 12], dtype=float)
    assert sensitivity_at_specificity(labels, scores, 0.9) == 0.5  # above 8: 9 and 12
    assert sensitivity_at_specificity(labels, scores, 0.95) == 0.25  # above 9: 12 alone
    assert sensitivity_at_specificity(labels, np.ones(14), 0.9) == 0.0


def test_the_replicates_are_the_scores_of_the_resamples():
    patients = ("b", "a", "b", "c", "a", "b", "d", "e", "e", "f")
    labels, table = RNG.integers(0, 2, 10), RNG.integers(0, 5, (3, 10)).astype(float)
    table[1, 2] = np.nan
    found = sensitivity_replicates(labels, table, patients, 0.7, 60, 2)
    for k, cases in enumerate(Resampling(patients, 60, 2).drawn()):
        for row, scores in zip(found, table, strict=True):
            known = cases[np.isfinite(scores[cases])]
            if len(set(labels[known])) < 2:
                assert math.isnan(row[k])
            else:
                assert row[k] == pytest.approx(by_roc_points(labels[known], scores[known], 0.7))


def test_the_chunk_changes_no_bit():
    labels, scores = RNG.integers(0, 2, 50), RNG.normal(size=(2, 50))
    whole = sensitivity_replicates(labels, scores, replicates=40)
    assert np.array_equal(whole, sensitivity_replicates(labels, scores, replicates=40, chunk=7))
    assert np.array_equal(whole[1], sensitivity_replicates(labels, scores[1], replicates=40)[0])


def test_a_known_threshold_has_the_interval_of_a_share():
    """With very many negatives the threshold does not move, and single cases are Clopper and Pearson's."""
    labels = np.concatenate([np.ones(20), np.zeros(4000)])
    scores = np.concatenate([np.where(np.arange(20) < 13, 5.0, -5.0), RNG.random(4000)])
    one = sensitivity(labels, scores)
    share = proportion((np.arange(20) < 13).astype(float))
    assert one.value == 0.65
    assert (one.low, one.high) == pytest.approx((share.low, share.high), abs=0.02)


def test_at_the_ends_patients_with_a_positive_are_the_size():
    labels = np.array([1] * 12 + [0] * 20)
    who = [f"p{i // 2}" for i in range(12)] + [f"n{i}" for i in range(20)]
    scores = np.where(labels == 1, 9.0, RNG.random(32))
    one = sensitivity(labels, scores, who, replicates=200)
    assert (one.value, one.high) == (1.0, 1.0)
    assert one.low == pytest.approx(0.025 ** (1 / 6))
    none = sensitivity(labels, -scores, who, replicates=200)
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 6))


def test_an_error_of_independent_cases_gives_clopper_and_pearson():
    low, high = share_interval(0.3, math.sqrt(0.3 * 0.7 / 20), np.ones(20))
    exact = scipy.stats.binomtest(6, 20).proportion_ci(0.95, "exact")
    assert (low, high) == pytest.approx((exact.low, exact.high))


@pytest.mark.parametrize(
    ("positives", "negatives", "why"),
    [
        (2, 30, "fewer than 3 patients of the rarer class: 2"),
        (8, 9, "too few negatives for a specificity of 0.9: 9"),
        (8, 0, "only one class is there"),
    ],
)
def test_what_cannot_be_known_is_said(positives, negatives, why):
    labels, scores = np.array([1] * positives + [0] * negatives), RNG.random(positives + negatives)
    one = sensitivity(labels, scores, replicates=50)
    assert one.no_interval == why
    assert math.isnan(one.low)
    both = sensitivity_difference(labels, scores, scores[::-1].copy(), replicates=50)
    assert (both.no_interval, math.isnan(both.p_value)) == (why, True)


def test_no_p_below_ten_patients_of_the_rarer_class():
    labels = np.array([1] * 9 + [0] * 40)
    one = sensitivity_difference(labels, RNG.random(49), RNG.random(49), replicates=100)
    assert one.no_p == "fewer than 10 patients of the rarer class: 9"
    assert one.low < one.value < one.high


def test_a_difference_is_by_the_error_of_the_resampled_differences():
    labels = np.array([1] * 15 + [0] * 40)
    a, b = labels + RNG.normal(size=55), labels + RNG.normal(size=55)
    draws = np.subtract(*sensitivity_replicates(labels, np.stack([a, b]), None, 0.8, 400))
    one = sensitivity_difference(labels, a, b, None, 0.8, replicates=400)
    t = one.value / draws.std(ddof=1)
    assert one.p_value == pytest.approx(2 * scipy.stats.t.sf(abs(t), 14))
    reach = scipy.stats.t.ppf(0.975, 14) * draws.std(ddof=1)
    assert (one.low, one.high) == pytest.approx((one.value - reach, one.value + reach))


def test_equal_scores_have_no_difference_to_test():
    labels, scores = np.array([1] * 15 + [0] * 40), RNG.random(55)
    one = sensitivity_difference(labels, scores, scores, replicates=50)
    assert (one.value, one.no_interval) == (0.0, "the difference does not vary")


@pytest.mark.parametrize("specificity", [0.0, 1.0, 90.0])
def test_a_specificity_outside_0_to_1_is_refused(specificity):
    with pytest.raises(ValueError, match="specificity must lie between 0 and 1"):
        sensitivity_at_specificity([0, 1], [0.1, 0.2], specificity)


def test_the_aggregation_compares_on_what_both_answered():
    n = 60
    patients = tuple(f"p{i}" for i in range(n))
    labels = np.array([1.0] * 20 + [0.0] * 40)
    scores = labels + RNG.normal(size=(2, n))
    scores[0, :4], scores[1, 25:30] = np.nan, np.nan
    given = [Predictions(np.arange(n), np.where(np.isnan(s), np.nan, labels), s) for s in scores]
    how, resampling = aggregation("sensitivity", (("specificity", 0.8),)), Resampling(patients, 200, 5)
    draws = how.draws(given, resampling)
    (paired,) = how.differences(given, [(0, 1)], draws, resampling)
    common = np.isfinite(scores).all(axis=0)
    first, second = (by_roc_points(labels[common], s[common], 0.8) for s in scores)
    assert paired.delta == pytest.approx(first - second)
    expected = sensitivity_difference(labels, *scores, patients, 0.8, replicates=200, seed=5)
    assert (paired.low, paired.high, paired.p_value) == (expected.low, expected.high, expected.p_value)
