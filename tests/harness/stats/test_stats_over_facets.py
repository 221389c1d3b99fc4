"""Means of AP and AUROC over facets: against one facet, independent facets by hand, and their limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats

from radbench.stats import (
    FacetClasses,
    ap_auroc,
    ap_auroc_replicates,
    average_precision_difference,
    detectable_difference,
    margin_p,
    mean_over_facets,
    mean_over_facets_difference,
    pooled_average_precision_difference,
    pooled_mean_over_facets,
    pooled_mean_over_facets_difference,
)
from radbench.stats.areas import logit_interval

R = 300
N = 120
WHO = [f"p{i}" for i in range(N)]


def findings(positives=(20, 12, 30), sets=1, seed=0):
    """Labels ``[F,N]`` and AP with its draws of ``sets`` score vectors: ``[K,F]`` and ``[K,F,R]``."""
    random = np.random.default_rng(seed)
    labels = np.zeros((len(positives), N))
    for row, p in zip(labels, positives, strict=True):
        row[random.permutation(N)[:p]] = 1
    scores = labels + random.normal(size=labels.shape) + 0.6 * random.normal(size=(sets, *labels.shape))
    values = np.array([[ap_auroc(y, s)[0] for y, s in zip(labels, one, strict=True)] for one in scores])
    draws = np.stack([ap_auroc_replicates(y, scores[:, f], WHO, R)[0] for f, y in enumerate(labels)], axis=1)
    return labels, scores, values, draws


def classes_of(labels):
    return FacetClasses.of(labels, [WHO] * len(labels))


def test_classes_are_counted_by_facet_and_patient():
    one = FacetClasses.of([[1, 0, np.nan, 0], [1, 1, 0]], [["a", "a", "b", "c"], ["c", "a", "d"]])
    # b has no label anywhere; a, c, d are left.
    assert one.positives.tolist() == [[1, 0, 0], [1, 1, 0]]
    assert one.negatives.tolist() == [[1, 1, 0], [0, 0, 1]]
    assert (one.missing, one.rarer.tolist(), one.rarer_in_any) == (1, [1, 1], 2)


def test_the_interval_is_the_logit_scales_with_the_smallest_facets_freedom_and_allows_for_bias():
    labels, _, values, draws = findings()
    one = mean_over_facets(values[0], draws[0], classes_of(labels))
    error = np.std(draws[0].mean(axis=0), ddof=1)
    assert (one.value, one.freedom) == (pytest.approx(values[0].mean()), 11)
    assert one.standard_error == pytest.approx(error)
    raw = logit_interval(one.value, error, 11)
    unbiased = logit_interval(one.value - (math.e - 1) * (draws[0].mean() - one.value), error, 11)
    assert unbiased[0] < raw[0]
    assert (one.low, one.high) == pytest.approx((unbiased[0], raw[1]))
    assert (one.n_positive, one.n_cases, one.n_patients) == (62, 3 * N, N)


def test_without_bias_the_interval_is_symmetric_on_the_logit_scale():
    labels, _, values, draws = findings()
    centred = draws[0] - draws[0].mean(axis=1, keepdims=True) + values[0][:, None]
    one = mean_over_facets(values[0], centred, classes_of(labels))
    ends = scipy.special.logit([one.low, one.value, one.high])
    assert ends[1] - ends[0] == pytest.approx(ends[2] - ends[1])


def test_one_facet_has_the_difference_of_average_precision():
    labels, scores, values, draws = findings((20,), 2)
    one = mean_over_facets_difference(values[0] - values[1], draws[0] - draws[1], classes_of(labels))
    expected = average_precision_difference(labels[0], *scores[:, 0], WHO, replicates=R)
    assert (one.low, one.high, one.p_value) == pytest.approx((expected.low, expected.high, expected.p_value))
    assert one.freedom == pytest.approx(expected.freedom)


def test_freedom_adds_up_over_independent_facets_and_not_over_equal_ones():
    half = np.zeros((2, N))
    half[0, :10] = half[1, 10:20] = 1
    assert classes_of(half).freedom(np.eye(2)) == pytest.approx(18)
    assert classes_of(half[[0, 0]]).freedom(np.ones((2, 2))) == 9
    uneven = np.zeros((2, N))
    uneven[0, :4] = uneven[1, 10:50] = 1
    one = classes_of(uneven)
    assert one.freedom(np.diag([1.0, 0.0])) == pytest.approx(3)
    assert one.freedom(np.diag([1.0, 3.0])) == pytest.approx(4**2 / (1 / 3 + 9 / 39))
    assert one.freedom(np.zeros((2, 2))) == 43


def test_a_difference_is_judged_by_students_t():
    labels, _, values, draws = findings(sets=2)
    delta, drawn = values[0] - values[1] + 0.05, draws[0] - draws[1]
    one = mean_over_facets_difference(delta, drawn, classes_of(labels))
    t = one.value / np.std(drawn.mean(axis=0), ddof=1)
    assert one.p_value == pytest.approx(2 * scipy.stats.t.sf(abs(t), one.freedom))
    assert (one.p_value <= 0.05) == (not one.low <= 0 <= one.high)
    assert 11 <= one.freedom <= 61
    assert 0 < margin_p(one, 0.1) < 1
    assert detectable_difference(one) > 0


def test_seeds_of_one_facet_are_those_of_average_precision():
    labels, scores, values, draws = findings((20,), 4)
    delta, drawn = values[:3] - values[3], draws[:3] - draws[3]
    one = pooled_mean_over_facets_difference(delta, drawn, classes_of(labels))
    expected = pooled_average_precision_difference(labels[0], scores[:3, 0], scores[3, 0], WHO, replicates=R)
    for name in ("patients_part", "seeds_part", "interaction_part"):
        assert getattr(one, name) == pytest.approx(getattr(expected, name), abs=1e-15), name
    assert one.estimate.p_value == pytest.approx(expected.estimate.p_value)
    assert one.seed_means == pytest.approx(expected.seed_means)


def test_equal_seeds_are_one():
    labels, _, values, draws = findings(sets=2)
    classes = classes_of(labels)
    one, alone = (
        pooled_mean_over_facets([values[0]] * 3, [draws[0]] * 3, classes),
        mean_over_facets(values[0], draws[0], classes),
    )
    assert (one.seeds_part, one.estimate.low) == (pytest.approx(0.0, abs=1e-15), pytest.approx(alone.low))
    assert one.estimate.high == pytest.approx(alone.high)
    two = pooled_mean_over_facets_difference([values[0] - values[1]] * 2, [draws[0] - draws[1]] * 2, classes)
    assert two.estimate.no_p == "fewer than 3 seeds: 2"
    assert two.estimate.low < two.estimate.high


def test_a_perfect_mean_is_bounded_by_the_smallest_facet():
    labels, _, _, draws = findings((20, 5, 30))
    classes = classes_of(labels)
    one = mean_over_facets(np.ones(3), np.ones_like(draws[0]), classes)
    assert (one.low, one.high) == (pytest.approx(0.025 ** (1 / 5)), 1.0)
    none = mean_over_facets(np.zeros(3), np.zeros_like(draws[0]), classes)
    assert (none.low, none.high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 5)))


def test_few_of_the_rarer_class_are_named():
    labels, _, values, draws = findings((20, 2, 30), 2)
    one = mean_over_facets(values[0], draws[0], classes_of(labels))
    assert one.no_interval == "fewer than 3 patients of the rarer class in a facet: 2"
    assert math.isnan(one.low)
    assert one.value == pytest.approx(values[0].mean())
    labels, _, values, draws = findings((4, 3), 2)
    delta = mean_over_facets_difference(values[0] - values[1], draws[0] - draws[1], classes_of(labels))
    assert delta.no_p.startswith("fewer than 10 patients of the rarer class")
    assert math.isnan(delta.p_value)
    assert delta.low < delta.high
    labels[0] = 0
    assert mean_over_facets(values[0], draws[0], classes_of(labels)).no_interval.startswith("only one class")


def test_equal_scores_do_not_differ_and_undefined_resamples_are_said():
    labels, _, values, draws = findings()
    classes = classes_of(labels)
    same = mean_over_facets_difference(np.zeros(3), np.zeros_like(draws[0]), classes)
    assert (same.value, same.no_p) == (0.0, "the difference does not vary")
    for one in (mean_over_facets, mean_over_facets_difference):
        assert (
            one(values[0], np.full_like(draws[0], np.nan), classes).no_interval == "too few resamples hold both classes"
        )


def test_the_order_of_facets_and_seeds_does_not_matter():
    labels, _, values, draws = findings(sets=3)
    one = pooled_mean_over_facets(values, draws, classes_of(labels)).estimate
    f, s = [2, 0, 1], [1, 2, 0]
    two = pooled_mean_over_facets(values[s][:, f], draws[s][:, f], classes_of(labels[f])).estimate
    assert (two.low, two.high) == pytest.approx((one.low, one.high))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: FacetClasses.of([], []), "labels and patients"),
        (lambda: FacetClasses.of([[0, 1]], [["a"]]), "1 patients for 2 labels"),
        (lambda: FacetClasses.of([[0, 2]], [["a", "b"]]), "0, 1 or NaN"),
        (lambda: mean_over_facets([0.5], np.ones((1, 9)), classes_of(np.eye(2, N))), "same 2 facets"),
        (lambda: mean_over_facets([0.5] * 2, np.ones((2, 9)), classes_of(np.eye(2, N)), 0.0), "level"),
        (lambda: pooled_mean_over_facets([[0.5] * 2], np.ones((1, 2, 9)), classes_of(np.eye(2, N))), "two seeds"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
