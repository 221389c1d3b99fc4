"""Aggregations: evidence as arrays, resamples that agree with the counts, and the bootstrap of any score."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from radbench.contracts.errors import PluginError
from radbench.contracts.evidence import Features, Prediction
from radbench.stats import Resampling, ap_auroc, ap_auroc_replicates, mean_replicates, resampled_counts
from radbench.stats.aggregations import (
    Facets,
    FeatureSets,
    Numbers,
    OverFacets,
    Predictions,
    aggregation,
    bootstrap_draws,
    gathered,
)
from radbench.stats.aggregations.clustered import facet_means
from radbench.stats.precision import average_precision
from radbench.stats.resampling import ranges

PATIENTS = ("b", "a", "b", "c", "a", "b", "d")
RESAMPLING = Resampling(PATIENTS, 50, 3)


def test_the_drawn_cases_are_those_that_the_counts_say():
    counts = np.concatenate(list(resampled_counts(7, PATIENTS, 50, 3)))
    drawn = np.stack([np.bincount(cases, minlength=7) for cases in RESAMPLING.drawn()])
    assert np.array_equal(drawn, counts)
    assert len(list(RESAMPLING.drawn(5))) == 5


def test_cases_are_counted_by_their_patients():
    assert RESAMPLING.count(np.array([0, 2, 5])) == 1
    assert RESAMPLING.count(np.array([True, True, False, False, False, False, True])) == 3


def test_what_several_scores_need_is_worked_out_once():
    made = []
    for _ in range(2):
        assert RESAMPLING.remember("key", lambda: made.append(1) or "value") == "value"
    assert made == [1]
    assert RESAMPLING.at(np.arange(3)) is RESAMPLING.at(np.arange(3))
    assert RESAMPLING.at(np.array([6, 0])).patients == ("d", "b")


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5)), max_size=8))
def test_ranges_are_those_written_one_after_the_other(runs):
    starts, sizes = (np.array([r[i] for r in runs], dtype=np.intp) for i in (0, 1))
    assert ranges(starts, sizes).tolist() == [start + k for start, size in runs for k in range(size)]


def test_what_is_no_number_is_no_answer_and_what_is_infinite_is_one():
    (one,) = gathered([[0.5, None, math.inf, -math.inf, math.nan, 1]])
    assert isinstance(one, Numbers)
    assert one.answered.tolist() == [True, False, True, True, False, True]
    assert one.take(np.array([5, 5, 0])).values.tolist() == [1.0, 1.0, 0.5]


def test_places_are_aligned_between_enhancers_and_follow_their_cases():
    ours = [Prediction([0, 1], [0.2, 0.9]), None, Prediction(1, 0.4)]
    theirs = [Prediction([0, 1], [0.3, math.nan]), Prediction(math.nan, 0.5), Prediction(1, 0.1)]
    a, b = gathered([ours, theirs])
    assert isinstance(a, Predictions)
    assert isinstance(b, Predictions)
    assert a.case.tolist() == b.case.tolist() == [0, 0, 1, 2]
    assert a.answered.tolist() == [True, True, False, True]
    assert b.answered.tolist() == [True, False, False, True]
    taken = a.take(np.array([2, 0, 2]))
    assert taken.case.tolist() == [0, 1, 1, 2]
    assert taken.score.tolist() == [0.4, 0.2, 0.9, 0.4]
    assert a.only(b.answered).answered.tolist() == [True, False, False, True]


def test_features_of_a_case_are_an_answer_only_where_all_are_finite():
    good, bad = Features(np.ones((2, 3)), np.zeros((1, 3))), Features(np.full((2, 3), np.nan), np.zeros((1, 3)))
    (one,) = gathered([[good, bad, None, good]])
    assert isinstance(one, FeatureSets)
    assert one.answered.tolist() == [True, False, False, True]
    assert (one.values.shape, one.references.shape) == ((4, 3), (2, 3))
    assert one.take(np.array([0, 0, 3])).values.shape == (6, 3)
    assert one.only(np.array([True, True, True, False])).values.shape == (2, 3)


@pytest.mark.parametrize(
    "answer", [Prediction(1.0, 0.5), Features(np.ones((2, 3)), np.ones((1, 3)))], ids=["predictions", "features"]
)
def test_a_bare_number_that_is_not_finite_is_no_answer_beside_any_kind(answer):
    ours, theirs = gathered([[answer, math.nan, answer], [math.inf, answer, None]])
    assert type(ours) is type(theirs) is type(gathered([[answer]])[0])
    assert ours.answered.tolist() == [True, False, True]
    assert theirs.answered.tolist() == [False, True, False]


def test_mixed_evidence_and_uneven_predictions_are_refused():
    with pytest.raises(PluginError, match="as features and as numbers"):
        gathered([[1.0, Features(np.ones((1, 1)), np.ones((1, 1)))]])
    with pytest.raises(PluginError, match=r"labels \[2\] and scores \[1\]"):
        gathered([[Prediction([0, 1], [0.5])]])


RNG = np.random.default_rng(1)
TABLE = RNG.random((3, 7)).round(2)
LABEL = np.array([1.0, 0, 1, 0, 0, 1, 0])


def test_the_mean_and_the_curves_have_the_replicates_of_radbench_stats():
    numbers = [Numbers(row) for row in TABLE]
    assert np.array_equal(aggregation("mean").draws(numbers, RESAMPLING), mean_replicates(TABLE, PATIENTS, 50, 3))
    predictions = [Predictions(np.arange(7), LABEL, row) for row in TABLE]
    ap, auroc = ap_auroc_replicates(LABEL, TABLE, PATIENTS, 50, 3)
    for name, expected in (("ap", ap), ("auroc", auroc)):
        np.testing.assert_array_equal(aggregation(name).draws(predictions, RESAMPLING), expected)
    whole = ap_auroc(LABEL, TABLE[0])[0]
    how = aggregation("ap")
    assert how.value(predictions[0]) == whole
    assert how.deviation(predictions[0], ap[0]) == np.nanstd(ap[0], ddof=1)
    expected = average_precision(LABEL, TABLE[0], PATIENTS, draws=ap[0])
    low, high = how.interval(predictions[0], whole, ap[0], RESAMPLING)
    assert (low, high) == pytest.approx((expected.low, expected.high), nan_ok=True)


def test_bootstrapping_any_function_agrees_with_the_fast_ways():
    predictions = [Predictions(np.arange(7), LABEL, row) for row in TABLE]

    def slow(evidence):
        both = len(set(evidence.label)) == 2
        return average_precision_score(evidence.label, evidence.score) if both else math.nan

    drawn = bootstrap_draws(slow, predictions, RESAMPLING)
    np.testing.assert_allclose(drawn, aggregation("ap").draws(predictions, RESAMPLING), atol=1e-12)
    means = bootstrap_draws(lambda one: one.values.mean(), [Numbers(TABLE[0])], RESAMPLING, 10)
    np.testing.assert_allclose(means, mean_replicates(TABLE[:1], PATIENTS, 10, 3), rtol=1e-12)


def test_the_mean_over_facets_averages_replicates_of_the_same_patients():
    how = aggregation("auroc")
    a, b = (Predictions(np.arange(7), label, TABLE[0]) for label in (LABEL, 1 - LABEL))
    both = OverFacets(how).draws([Facets({"a": a, "b": b})], RESAMPLING)
    np.testing.assert_allclose(both[np.isfinite(both)], 0.5)
    assert OverFacets(how).value(Facets({"a": a, "b": b})) == pytest.approx(0.5)
    lone = OverFacets(how).draws([Facets({"a": a})], RESAMPLING)
    np.testing.assert_array_equal(lone, how.draws([a], RESAMPLING))


def test_facets_that_only_one_has_stay_out_of_the_difference():
    numbers = [Numbers(row) for row in TABLE]
    ours, theirs = Facets({"a": numbers[0], "b": numbers[2]}), Facets({"a": numbers[1]})
    over, alone = OverFacets(aggregation("mean")), aggregation("mean")
    (paired,) = over.differences([ours, theirs], [(0, 1)], np.zeros((2, 50)), RESAMPLING)
    (expected,) = alone.differences(numbers[:2], [(0, 1)], np.zeros((2, 50)), RESAMPLING)
    assert paired.delta == pytest.approx(expected.delta)
    assert paired.p_wilcoxon == pytest.approx(expected.p_wilcoxon)
    assert paired.p_value == pytest.approx(expected.p_value, nan_ok=True)
    ends = (pytest.approx(expected.low, nan_ok=True), pytest.approx(expected.high, nan_ok=True))
    assert (paired.low, paired.high) == ends


def test_a_mean_over_facets_has_the_influence_of_each_case():
    """Where facets are missing, the numbers' mean is that of the facets' means, and they vary as it does."""
    numbers = RNG.normal(size=(3, 40))
    assert np.allclose(facet_means(numbers), numbers.mean(axis=0))
    numbers[0, :25] = np.nan
    numbers[1, 5] = np.nan
    found = facet_means(numbers)
    expected = np.mean([np.nanmean(row) for row in numbers])
    assert found.mean() == pytest.approx(expected)
    # The jackknife of that mean over facets, whose error the mean's own must be.
    without = [np.mean([np.nanmean(np.delete(row, k)) for row in numbers]) for k in range(40)]
    jackknife = np.sqrt(39 / 40 * ((without - np.mean(without)) ** 2).sum())
    assert found.std(ddof=1) / np.sqrt(40) == pytest.approx(jackknife, rel=0.05)
