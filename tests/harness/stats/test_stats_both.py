"""Means and differences by the farther of two ends: against a plain loop, closed forms and laws that always hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.stats import (
    Studentised,
    clustered,
    clustered_mean,
    clustered_means,
    cr2_error,
    margin_p,
    paired_difference,
    resampled_counts,
    standardised_difference,
    studentised_draws,
)

R = 399


@pytest.fixture
def uneven():
    random = np.random.default_rng(2)
    owners = np.repeat(np.arange(9), [1, 5, 2, 2, 8, 1, 3, 4, 1])
    return random.normal(0.4, 1, 9)[owners] + random.normal(size=len(owners)), [f"p{i}" for i in owners]


def plain_draws(values, patients, replicates, seed):
    """The bootstrap-t by its definition: every drawn copy of a patient is a patient of its own."""
    counts = np.concatenate(list(resampled_counts(len(values), patients, replicates, seed)))
    names, mean, drawn = np.array(patients), values.mean(), []
    for row in counts:
        x, who = [], []
        for name in np.unique(names):
            here = names == name
            for copy in range(row[here][0]):
                x += values[here].tolist()
                who += [f"{name}-{copy}"] * int(here.sum())
        drawn.append((np.mean(x) - mean) / cr2_error(clustered(x, who)))
    return np.array(drawn)


def test_draws_equal_a_loop_over_resamples(uneven):
    values, patients = uneven
    one = clustered(values, patients)
    drawn = studentised_draws(one.sums, one.sizes, 60, 5)[0]
    np.testing.assert_allclose(drawn, plain_draws(values, patients, 60, 5), rtol=1e-9)


def test_draws_of_equal_patients_equal_a_loop_over_resamples():
    values, patients = np.random.default_rng(0).normal(size=21), [f"p{i % 7}" for i in range(21)]
    one = clustered(values, patients)
    drawn = studentised_draws(one.sums, one.sizes, 60, 5)[0]
    np.testing.assert_allclose(drawn, plain_draws(values, patients, 60, 5), rtol=1e-9)


def test_a_patient_that_is_not_drawn_may_have_as_many_cases_as_all_that_are():
    values, patients = np.arange(12.0), ["large"] * 4 + [f"p{i}" for i in (0, 1, 2, 3, 3, 3, 3, 3)]
    one = clustered(values, patients)
    assert one.sizes.tolist() == [4, 1, 1, 1, 5]
    counts = np.array([[0, 2, 1, 1, 0]])  # four cases drawn, as many as the patient has that is not
    assert np.isfinite(studentised_draws(one.sums, one.sizes, counts=[counts])).all()


def test_the_t_alone_is_students(uneven):
    x = np.random.default_rng(1).normal(0.3, 1, 15)
    expected = scipy.stats.ttest_1samp(x, 0.0)
    rule = Studentised(x.mean(), x.std(ddof=1) / math.sqrt(15), 14)
    assert rule.p_value() == pytest.approx(expected.pvalue, rel=1e-12)
    assert rule.interval() == pytest.approx(tuple(expected.confidence_interval()), rel=1e-12)


def test_the_bootstrap_t_reads_the_opposite_order_statistics():
    draws = np.arange(-199.0, 200.0) / 50.0
    rule = Studentised(1.0, 0.5, 1e9, draws)
    # 399 draws: the 10th smallest and largest bound 95 %.
    assert rule.bootstrap_interval() == pytest.approx((1.0 - 0.5 * 190 / 50, 1.0 + 0.5 * 190 / 50), abs=1e-8)
    skewed = Studentised(1.0, 0.5, 1e9, np.where(draws > 0, 3 * draws, draws))
    assert skewed.bootstrap_interval() == pytest.approx((1.0 - 0.5 * 570 / 50, 1.0 + 0.5 * 190 / 50), abs=1e-8)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**31),
    st.sampled_from(["normal", "exponential", "coarse"]),
    st.floats(-1.0, 1.0),
    st.floats(0.5, 0.99),
)
def test_p_is_at_most_one_minus_the_level_exactly_when_the_interval_leaves_out_zero(seed, kind, shift, level):
    random = np.random.default_rng(seed)
    x = {
        "normal": lambda: random.normal(size=14),
        "exponential": lambda: random.exponential(size=14) - 1,
        "coarse": lambda: random.integers(-1, 2, 14) / 4.0,
    }[kind]() + (shift if kind != "coarse" else 0.25)
    patients = random.integers(0, 10, 14).tolist()
    one = clustered_mean(x, patients, level, R)
    if math.isnan(one.p_value):
        assert one.no_p
        return
    assert (one.p_value <= 1 - level) == (not one.low <= 0 <= one.high)
    at = one.rule.p_value()
    for nearby in (1 - at - 1e-7, 1 - at + 1e-7):
        if 0.5 < nearby < 0.995:
            low, high = one.rule.interval(nearby)
            assert (at <= 1 - nearby) == (not low <= 0 <= high)


def test_an_interval_is_the_farther_end_on_each_side_and_p_the_larger(uneven):
    one = clustered_mean(*uneven, replicates=R)
    t, b = one.rule.t_interval(), one.rule.bootstrap_interval()
    assert (one.low, one.high) == (min(t[0], b[0]), max(t[1], b[1]))
    alone = Studentised(one.value, one.standard_error, one.freedom)
    assert one.p_value >= alone.p_value()


def test_one_sided_p_goes_with_the_intervals_end(uneven):
    one = clustered_mean(*uneven, replicates=R)
    for null, above in ((one.low - 1e-6, True), (one.low + 1e-6, False)):
        assert (one.rule.p_above(null) <= 0.025) is above
    for null, below in ((one.high + 1e-6, True), (one.high - 1e-6, False)):
        assert (one.rule.p_below(null) <= 0.025) is below


def test_turning_the_sign_turns_the_interval(uneven):
    values, patients = uneven
    one, other = clustered_mean(values, patients, replicates=R), clustered_mean(-values, patients, replicates=R)
    assert (other.low, other.high, other.p_value) == pytest.approx((-one.high, -one.low, one.p_value), rel=1e-12)


@given(st.floats(1e-6, 1e6), st.floats(-5, 5))
@settings(max_examples=30, deadline=None)
def test_the_unit_of_the_score_scales_the_interval(scale, shift):
    x = np.random.default_rng(4).normal(size=12)
    one, other = clustered_mean(x, replicates=R), clustered_mean(scale * (x + shift), replicates=R)
    assert other.low == pytest.approx(scale * (one.low + shift), rel=1e-7, abs=1e-7 * scale)
    assert other.high == pytest.approx(scale * (one.high + shift), rel=1e-7, abs=1e-7 * scale)


@given(st.permutations(range(25)))
@settings(max_examples=20, deadline=None)
def test_the_order_of_the_cases_changes_no_bit(order):
    random = np.random.default_rng(6)
    x, patients = random.normal(size=25), random.integers(0, 9, 25).tolist()
    x[3] = np.nan
    one = clustered_mean(x[list(order)], [patients[i] for i in order], replicates=R)
    other = clustered_mean(x, patients, replicates=R)
    assert (one.low, one.high, one.p_value) == (other.low, other.high, other.p_value)


def test_many_rows_at_once_are_each_by_itself():
    table = np.random.default_rng(7).normal(size=(4, 12))
    table[1, 2] = np.nan
    for row, one in zip(table, clustered_means(table, replicates=R), strict=True):
        alone = clustered_mean(row, replicates=R)
        assert (one.low, one.high, one.p_value) == pytest.approx((alone.low, alone.high, alone.p_value), rel=1e-12)


def test_five_patients_get_neither_and_eleven_are_few():
    one = clustered_mean(np.arange(20.0), [i % 5 for i in range(20)])
    assert math.isnan(one.low)
    assert math.isnan(one.p_value)
    assert one.no_interval == one.no_p == "fewer than 6 patients: 5"
    assert one.value == 9.5
    assert clustered_mean(np.arange(11.0), replicates=R).few
    assert not clustered_mean(np.arange(12.0), replicates=R).few


def test_p_is_withheld_where_few_patients_differ_from_zero():
    one = clustered_mean([0.0] * 20 + [1.0, 1.1, 0.9, 1.2, 0.8], replicates=R)
    assert math.isnan(one.p_value)
    assert one.no_p == "fewer than 6 patients differ from zero: 5"
    assert math.isfinite(one.low)


def test_an_interval_that_the_resamples_do_not_bound_is_not_given():
    # One patient of many differs: a third of the resamples miss it and do not vary at all.
    one = clustered_mean([0.0] * 29 + [1.0], replicates=R)
    assert math.isnan(one.low)
    assert math.isnan(one.high)
    assert "too rarely" in one.no_interval


def test_equal_differences_have_no_interval():
    one = paired_difference(np.arange(20) * 0.1 + 0.3, np.arange(20) * 0.1, replicates=R)
    assert one.value == pytest.approx(0.3)
    assert math.isnan(one.low)
    assert one.no_interval == "all values are equal"


def test_an_infinite_value_has_a_mean_and_no_interval():
    one = clustered_mean([*range(10), np.inf], replicates=R)
    assert one.value == math.inf
    assert one.no_interval == "a value is infinite"
    both = paired_difference([np.inf, *range(9)], [np.inf, *range(1, 10)], replicates=R)
    assert (both.value, both.n_missing) == (-1.0, 1)


def test_nothing_known_gives_nan():
    one = clustered_mean([np.nan] * 8)
    assert math.isnan(one.value)
    assert (one.n_cases, one.n_patients, one.effective_patients) == (0, 0, 0.0)


def test_the_effective_number_of_patients_is_told(uneven):
    sizes = np.array([1, 5, 2, 2, 8, 1, 3, 4, 1])
    one = clustered_mean(*uneven, replicates=R)
    assert one.effective_patients == pytest.approx(sizes.sum() ** 2 / (sizes**2).sum())


def test_margin_p_is_small_exactly_when_the_interval_is_better_than_the_margin():
    x = np.random.default_rng(8).normal(0.0, 0.1, 30)
    one = clustered_mean(x, replicates=R)
    for direction, end in (("higher", -one.low), ("lower", one.high)):
        assert margin_p(one, end + 1e-6, direction) <= 0.025 < margin_p(one, end - 1e-6, direction)


def test_margin_p_is_withheld_with_the_p_value():
    assert math.isnan(margin_p(clustered_mean([0.0, 1.0, 2.0]), 0.5))


def test_false_positives_of_normal_and_exponential_differences_with_twelve_patients():
    random = np.random.default_rng(9)
    for draw, most in ((random.normal, 0.08), (lambda size: random.exponential(size=size) - 1, 0.10)):
        p = [one.p_value for one in clustered_means(draw(size=(600, 12)), replicates=999)]
        assert 0.015 < np.mean(np.array(p) <= 0.05) < most


def test_effect_size_is_cohens_d_z_with_the_noncentral_t():
    x = np.random.default_rng(10).normal(0.6, 1, 40)
    one = standardised_difference(x, np.zeros(40), replicates=R)
    assert one.value == pytest.approx(x.mean() / x.std(ddof=1))
    t = x.mean() / x.std(ddof=1) * math.sqrt(40)
    # The farther end is never inside that of the noncentral t.
    assert scipy.stats.nct.sf(t, 39, one.low * math.sqrt(40)) <= 0.025 + 1e-9
    assert scipy.stats.nct.cdf(t, 39, one.high * math.sqrt(40)) <= 0.025 + 1e-9


@given(st.integers(0, 2**31), st.floats(-1, 1))
@settings(max_examples=30, deadline=None)
def test_effect_size_leaves_out_zero_exactly_when_the_difference_does(seed, shift):
    x = np.random.default_rng(seed).normal(shift, 1, 12)
    one, size = clustered_mean(x, replicates=R), standardised_difference(x, np.zeros(12), replicates=R)
    assert (size.low <= 0 <= size.high) == (one.low <= 0 <= one.high)
    assert size.low <= size.value <= size.high


@pytest.mark.parametrize("direction", ["higher", "lower"])
@pytest.mark.parametrize("margin", [0.0, -1.0, math.nan, math.inf])
def test_a_margin_must_be_positive(margin, direction):
    with pytest.raises(ValueError, match="margin must be a positive number"):
        margin_p(clustered_mean(np.arange(9.0), replicates=R), margin, direction)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: clustered_mean([]), "at least one case"),
        (lambda: clustered_mean([1.0, 2.0], ["a"]), "1 patients for 2 cases"),
        (lambda: clustered_mean([1.0, 2.0], level=1.0), "level"),
        (lambda: clustered_mean(np.arange(9.0), replicates=38), "at least 39 for a level of 0.95"),
        (lambda: paired_difference([1.0, 2.0], [1.0]), "same cases"),
        (lambda: margin_p(clustered_mean([1.0]), 0.1, "up"), "direction"),
        (lambda: studentised_draws([[1.0, 2.0]], [1.0]), "must agree"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_rounding_of_single_precision_is_no_variation():
    """Thirteen of fourteen values are one number but for their last digits: no resample without the other varies."""
    exact = np.full(14, 0.34)
    exact[3] = 0.1
    rounded = exact + np.random.default_rng(0).normal(0, 2e-8, 14)
    for values in (exact, rounded):
        found = clustered_mean(values)
        assert math.isnan(found.low)
        assert found.no_interval == "values differ too rarely for the resamples to bound it"
        assert math.isnan(found.p_value)


def test_scores_that_agree_to_nine_digits_do_not_differ():
    x = np.random.default_rng(1).normal(0.8, 0.1, 24)
    found = paired_difference(x * (1 + 1e-12), x)
    assert (found.value, found.no_interval) == (0.0, "all values are equal")
    assert math.isnan(standardised_difference(x + 0.1, x).value)  # one difference, but for the last digits
