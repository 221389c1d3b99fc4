"""Wilcoxon's test and Holm's correction, against SciPy, enumeration and the closed-testing principle."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.stats import holm, holm_over_families, wilcoxon


@pytest.mark.parametrize("n", [1, 2, 5, 6, 20, 50])
def test_exact_p_equals_scipy_without_ties(n):
    d = np.random.default_rng(n).normal(0.3, 1, n)
    assert wilcoxon(d) == pytest.approx(scipy.stats.wilcoxon(d, method="exact").pvalue, abs=1e-14)


@pytest.mark.parametrize("n", [51, 200])
def test_large_samples_equal_scipys_normal_approximation_with_ties_and_zeros(n):
    d = np.random.default_rng(n).normal(0.1, 1, n).round(1)
    expected = scipy.stats.wilcoxon(d[d != 0].tolist() + [0.1] * 20, method="approx").pvalue
    assert wilcoxon([*d, *[0.1] * 20, 0.0, 0.0]) == pytest.approx(expected, abs=1e-13)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-4, 4).filter(bool), min_size=1, max_size=9))
def test_exact_p_with_ties_is_the_share_of_sign_flips_at_least_as_extreme(d):
    ranks = scipy.stats.rankdata(np.abs(d))
    flips = [
        sum(r for r, s in zip(ranks, signs, strict=True) if s) for signs in itertools.product((0, 1), repeat=len(d))
    ]
    observed = ranks[np.array(d) > 0].sum()
    upper = np.mean([w >= observed for w in flips])
    lower = np.mean([w <= observed for w in flips])
    assert wilcoxon(d) == pytest.approx(min(1.0, 2 * min(upper, lower)), abs=1e-12)


def test_five_patients_can_never_reach_five_percent():
    assert wilcoxon([1.0, 2.0, 3.0, 4.0, 5.0]) == 2 / 32


def test_no_non_zero_difference_gives_one():
    assert wilcoxon([0.0, 0.0, 0.0]) == 1.0
    assert wilcoxon([0.0]) == 1.0


def test_one_non_zero_difference_gives_one():
    assert wilcoxon([0.0, 3.0]) == 1.0


def test_nothing_known_gives_nan():
    assert math.isnan(wilcoxon([np.nan, np.nan]))


def test_missing_differences_are_left_out():
    assert wilcoxon([1.0, np.nan, -2.0, 3.0]) == wilcoxon([1.0, -2.0, 3.0])


def test_an_infinite_difference_ranks_above_all_others():
    assert wilcoxon([1.0, -2.0, 3.0, np.inf]) == wilcoxon([1.0, -2.0, 3.0, 9.0])


def test_a_patient_enters_once_with_its_mean_difference():
    d = np.array([1.0, 3.0, -1.0, 5.0, 0.5, 0.25])
    assert wilcoxon(d, ["a", "a", "b", "c", "c", "d"]) == wilcoxon([2.0, -1.0, 2.75, 0.25])


def test_repeating_every_case_of_a_patient_gives_no_more_evidence():
    d = np.random.default_rng(0).normal(0.5, 1, 12)
    patients = list(range(12))
    assert wilcoxon(np.tile(d, 3), patients * 3) == pytest.approx(wilcoxon(d, patients), abs=1e-14)
    assert wilcoxon(np.tile(d, 3)) < wilcoxon(d)


@given(st.permutations(range(8)))
def test_the_order_of_the_cases_changes_no_bit(order):
    d = np.array([0.1, 0.2, -0.3, 0.7, 0.11, -0.05, 0.4, 0.33])
    patients = ["a", "b", "a", "c", "c", "a", "d", "e"]
    assert wilcoxon(d[list(order)], [patients[i] for i in order]) == wilcoxon(d, patients)


def test_p_is_uniform_where_nothing_differs():
    random = np.random.default_rng(9)
    p = [wilcoxon(random.normal(size=60)) for _ in range(800)]
    assert 0.03 < np.mean(np.array(p) < 0.05) < 0.07


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02], atol=1e-15)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closed_test_of_bonferroni(p):
    # A hypothesis falls when every intersection that contains it falls by Bonferroni (Marcus, Peritz & Gabriel 1976).
    m = len(p)
    for i, adjusted in enumerate(holm(p)):
        subsets = [s for k in range(1, m + 1) for s in itertools.combinations(range(m), k) if i in s]
        assert adjusted == pytest.approx(max(min(1.0, len(s) * min(p[j] for j in s)) for s in subsets), abs=1e-12)


def test_holm_leaves_nan_and_does_not_count_it():
    adjusted = holm([0.01, np.nan, 0.04])
    np.testing.assert_allclose(adjusted[[0, 2]], [0.02, 0.04])
    assert math.isnan(adjusted[1])


def test_families_of_one_are_holms_and_one_family_stays_as_it_is():
    p = [0.01, 0.04, 0.03, 0.005]
    np.testing.assert_allclose(np.concatenate(holm_over_families([[x] for x in p])), holm(p), atol=1e-15)
    np.testing.assert_array_equal(holm_over_families([p])[0], p)


def test_a_family_is_left_behind_when_all_of_it_is_rejected():
    # At 0.05: the first family falls whole at 0.025, so that the second is judged at 0.05; 0.04 of it is then rejected.
    first, second = holm_over_families([[0.01, 0.02], [0.04, 0.3, math.nan]])
    np.testing.assert_allclose(first, [0.02, 0.04])
    np.testing.assert_allclose(second, [0.04, 0.3, math.nan])
    # It does not where a hypothesis of the first stands.
    first, second = holm_over_families([[0.01, 0.6], [0.04, 0.3]])
    np.testing.assert_allclose(first, [0.02, 0.6])
    np.testing.assert_allclose(second, [0.08, 0.6])


@pytest.mark.parametrize("n_null", [1, 2, 3])
def test_families_together_err_no_more_often_than_one(n_null):
    random = np.random.default_rng(n_null)
    wrong = 0
    for _ in range(2000):
        # Two hypotheses of each family of three, null in the first n_null; each family is adjusted by Holm within.
        p = random.random((3, 2))
        p[n_null:] = 1e-6
        adjusted = holm_over_families([holm(row) for row in p])
        wrong += any((one <= 0.05).any() for one in adjusted[:n_null])
    assert wrong / 2000 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 2000)


def test_holm_of_nothing_but_nan_is_nan():
    assert np.isnan(holm([np.nan, np.nan])).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: wilcoxon([]), "at least one value"),
        (lambda: wilcoxon([1.0, 2.0], ["a"]), "1 patients for 2 cases"),
        (lambda: holm([0.5, 1.5]), r"\[0, 1\]"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
