"""AUROC intervals and differences: against definitions by pairs, closed forms and the published polynomial."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from radbench.stats import area_covariance, auroc, auroc_difference
from radbench.stats.areas import logit_interval, newcombe


@pytest.fixture
def reading():
    random = np.random.default_rng(1)
    labels = (random.random(90) < 0.3).astype(int)
    patients = [f"p{i}" for i in random.integers(0, 40, 90)]
    first = (random.normal(size=90) + labels).round(1)
    return labels, first, (first + random.normal(0, 0.8, 90)).round(1), patients


def by_pairs(labels, scores, patients):
    """Obuchowski's (1997) covariance of areas, from the matrix of all pairs."""
    labels, who = np.asarray(labels), np.asarray(patients)
    names, areas, x, y = np.unique(who), [], [], []
    for row in scores:
        gap = row[labels == 1][:, None] - row[labels == 0]
        wins = (gap > 0) + 0.5 * (gap == 0)
        areas.append(wins.mean())
        x.append([(wins.mean(axis=1) - wins.mean())[who[labels == 1] == name].sum() for name in names])
        y.append([(wins.mean(axis=0) - wins.mean())[who[labels == 0] == name].sum() for name in names])
    x, y = np.array(x), np.array(y)
    m, n, total = (labels == 1).sum(), (labels == 0).sum(), len(names)
    with_m, with_n = len(set(who[labels == 1])), len(set(who[labels == 0]))
    cross = total / (total - 1) * (x @ y.T + y @ x.T) / (m * n)
    return np.array(areas), (with_m / (with_m - 1) * x @ x.T / m**2 + with_n / (with_n - 1) * y @ y.T / n**2 + cross)


def test_areas_and_covariance_equal_the_definition_by_pairs(reading):
    labels, first, second, patients = reading
    areas, covariance = area_covariance(labels, [first, second], patients)
    expected = by_pairs(labels, [first, second], patients)
    np.testing.assert_allclose(areas, expected[0], atol=1e-14)
    np.testing.assert_allclose(covariance, expected[1], atol=1e-14)
    assert areas[0] == pytest.approx(roc_auc_score(labels, first))


def test_independent_cases_have_delongs_variance(reading):
    labels, first, _, _ = reading
    gap = first[labels == 1][:, None] - first[labels == 0]
    wins = (gap > 0) + 0.5 * (gap == 0)
    delong = wins.mean(axis=1).var(ddof=1) / wins.shape[0] + wins.mean(axis=0).var(ddof=1) / wins.shape[1]
    assert auroc(labels, first).standard_error == pytest.approx(math.sqrt(delong), rel=1e-12)


def test_degrees_of_freedom_are_brunner_and_munzels(reading):
    labels, first, _, _ = reading
    expected = scipy.stats.brunnermunzel(first[labels == 0], first[labels == 1], distribution="t")
    one = auroc(labels, first)
    p = 2 * scipy.stats.t.sf(abs(one.value - 0.5) / one.standard_error, one.freedom)
    assert p == pytest.approx(expected.pvalue, rel=1e-9)


def test_the_interval_takes_the_farther_end_on_each_side(reading):
    labels, first, _, patients = reading
    one = auroc(labels, first, patients)
    who = np.array(patients)
    a = newcombe(one.value, len(set(who[labels == 1])), len(set(who[labels == 0])))
    b = logit_interval(one.value, one.standard_error, one.freedom)
    assert (one.low, one.high) == pytest.approx((min(a[0], b[0]), max(a[1], b[1])))
    assert (one.n_positive, one.positive_patients) == (labels.sum(), len(set(who[labels == 1])))


@given(st.floats(0.02, 0.98), st.integers(2, 60), st.integers(2, 60))
@settings(max_examples=40, deadline=None)
def test_newcombes_ends_are_roots_of_his_quartic(area, m, n):
    star, z2 = (m + n) / 2 - 1, scipy.stats.norm.ppf(0.975) ** 2
    theta = np.polynomial.Polynomial([0, 1])
    both = (2 - theta) * (1 + theta)
    spread = both + star * ((1 - theta) * (1 + theta) + theta * (2 - theta))
    quartic = m * n * (theta - area) ** 2 * both - z2 * theta * (1 - theta) * spread
    roots = quartic.roots()
    inside = sorted(float(r.real) for r in roots if abs(r.imag) < 1e-7 and 0 < r.real < 1)
    assert newcombe(area, m, n) == pytest.approx((inside[0], inside[-1]), abs=1e-6)


@pytest.mark.parametrize("m", [3, 8])
def test_perfect_separation_is_bounded_by_the_rarer_class(m):
    labels = [1] * m + [0] * 20
    one, other = auroc(labels, np.arange(m + 20)[::-1]), auroc(labels, np.arange(m + 20))
    assert (one.value, one.low, one.high) == pytest.approx((1.0, 0.025 ** (1 / m), 1.0))
    assert (other.value, other.low, other.high) == pytest.approx((0.0, 0.0, 1 - 0.025 ** (1 / m)))
    flipped = auroc([0] * m + [1] * 20, np.arange(m + 20))
    assert flipped.low == pytest.approx(0.025 ** (1 / m))


def test_turning_the_scores_turns_the_interval(reading):
    labels, first, _, patients = reading
    one, other = auroc(labels, first, patients), auroc(labels, -first, patients)
    assert (other.low, other.high) == pytest.approx((1 - one.high, 1 - one.low), abs=1e-9)


def test_a_difference_is_delongs_with_satterthwaites_degrees_of_freedom(reading):
    labels, first, second, patients = reading
    one = auroc_difference(labels, first, second, patients)
    areas, covariance = by_pairs(labels, [first, second], patients)
    error = math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    assert (one.value, one.standard_error) == pytest.approx((areas[0] - areas[1], error))
    assert one.p_value == pytest.approx(2 * scipy.stats.t.sf(abs(one.value) / error, one.freedom))
    assert (one.p_value <= 0.05) == (not one.low <= 0 <= one.high)


def test_differences_at_their_bounds_stay_in_range():
    labels = [1] * 10 + [0] * 10
    one = auroc_difference(labels, np.arange(20)[::-1], np.arange(20) + np.random.default_rng(0).normal(0, 5, 20))
    assert one.value + 2 * one.standard_error > 1.0
    assert one.high == 1.0


def test_p_is_withheld_below_ten_patients_of_the_rarer_class(reading):
    labels, first, second, _ = reading
    few = auroc_difference(labels, first, second, [f"p{i // 10}" for i in range(90)])
    assert math.isnan(few.p_value)
    assert few.no_p == "fewer than 10 patients of the rarer class: 9"
    assert few.low < few.value < few.high
    assert math.isfinite(auroc_difference(labels, first, second).p_value)


def test_equal_scores_have_no_p(reading):
    labels, first, _, _ = reading
    one = auroc_difference(labels, first, 2 * first + 1)
    assert (one.value, one.no_p) == (0.0, "the difference does not vary")
    assert math.isnan(one.p_value)


def test_two_patients_of_a_class_get_no_interval_and_one_class_no_value():
    two = auroc([1, 1, 0, 0, 0, 0], [3.0, 1.0, 2.0, 0.0, 0.1, 0.2])
    assert math.isnan(two.low)
    assert two.value == pytest.approx(0.875)
    assert two.no_interval == "fewer than 3 patients of the rarer class: 2"
    one = auroc([1, 1, 1], [1.0, 2.0, 3.0])
    assert math.isnan(one.value)
    assert one.no_interval == "only one class is there"
    assert math.isnan(auroc_difference([1, 1], [1.0, 2.0], [2.0, 1.0]).value)


def test_cases_that_either_lacks_are_left_out_of_both(reading):
    labels, first, second, patients = reading
    hole = first.copy()
    hole[4] = np.nan
    one = auroc_difference(labels, hole, second, patients)
    rest = np.arange(90) != 4
    two = auroc_difference(labels[rest], first[rest], second[rest], [p for i, p in enumerate(patients) if i != 4])
    assert (one.value, one.low, one.n_missing) == pytest.approx((two.value, two.low, 1))


def test_constant_scores_keep_an_interval_around_one_half():
    one = auroc([0, 1] * 8, [1.0] * 16)
    assert one.value == 0.5
    assert one.low < 0.4
    assert one.high > 0.6


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: auroc([], []), "at least one case"),
        (lambda: auroc([0, 2], [1.0, 2.0]), "labels must be 0 or 1"),
        (lambda: auroc([0, 1], [1.0, np.inf]), "finite"),
        (lambda: auroc([0, 1], [1.0, 2.0], level=0.0), "level"),
        (lambda: auroc_difference([0, 1], [1.0, 2.0], [1.0]), "same cases"),
        (lambda: area_covariance([0, 1], [[1.0, 2.0]]), "two patients of each class"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
