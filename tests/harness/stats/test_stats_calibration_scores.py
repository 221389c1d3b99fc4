"""Brier score and calibration error: against scikit-learn, a plain loop over bins, resamples, and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from radbench.contracts.errors import PluginError
from radbench.stats import Resampling, clustered_mean, paired_difference
from radbench.stats.aggregations import Predictions, aggregation
from radbench.stats.biased import hull
from radbench.stats.calibration import (
    calibration_difference,
    calibration_error,
    calibration_replicates,
    expected_calibration_error,
)

RNG = np.random.default_rng(11)


def in_bins(labels, scores, bins):
    """Guo et al.'s equation 3, bin by bin."""
    error = 0.0
    for k in range(bins):
        here = (scores > k / bins) & (scores <= (k + 1) / bins)
        if k == 0:
            here |= scores == 0
        if here.any():
            error += here.sum() / len(scores) * abs(labels[here].mean() - scores[here].mean())
    return error


def sample(n, patients=None, factor=1.0):
    patients = patients or n
    who = np.arange(n) % patients
    eta = RNG.normal(size=n) * 1.5
    labels = (RNG.random(n) < 1 / (1 + np.exp(-eta))).astype(float)
    return labels, 1 / (1 + np.exp(-factor * eta)), tuple(f"p{i:03}" for i in who)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 30)), min_size=1, max_size=30), st.integers(1, 20))
def test_it_is_the_sum_over_bins_that_hold_their_upper_ends(rows, bins):
    labels, scores = np.array(rows, dtype=float).T
    scores = scores / 30
    assert expected_calibration_error(labels, scores, bins) == pytest.approx(in_bins(labels, scores, bins), abs=1e-12)


def test_one_bin_holds_the_mean_and_a_certain_predictor_its_errors():
    labels, scores, _ = sample(50)
    assert expected_calibration_error(labels, scores, 1) == pytest.approx(abs(labels.mean() - scores.mean()))
    assert expected_calibration_error([0, 1, 1, 0], [0.0, 1.0, 1.0, 1.0]) == pytest.approx(0.25)
    assert expected_calibration_error([0, 1], [0.0, 1.0]) == 0.0


def test_the_replicates_are_the_errors_of_the_resamples():
    labels, scores, patients = sample(30, 8)
    table = np.stack([scores, RNG.random(30)])
    table[1, 3:8] = np.nan
    found = calibration_replicates(labels, table, patients, 5, 40, 3)
    for k, cases in enumerate(Resampling(patients, 40, 3).drawn()):
        for row, one in zip(found, table, strict=True):
            known = cases[np.isfinite(one[cases])]
            assert row[k] == pytest.approx(in_bins(labels[known], one[known], 5))
    alone = calibration_replicates(labels, table[1], patients, 5, 40, 3)
    assert np.array_equal(alone[0], found[1]), "no enhancer changes another's bits"


def test_a_calibrated_predictor_has_a_lower_end_of_zero_and_a_shifted_one_has_not():
    labels, scores, patients = sample(600, 300)
    calibrated = calibration_error(labels, scores, patients)
    assert calibrated.value > 0.02
    assert (calibrated.low, calibrated.high > calibrated.value) == (0.0, True)
    off = calibration_error(labels, np.clip(scores + 0.3, 0, 1), patients)
    assert 0.1 < off.low < off.value < off.high


def test_with_one_bin_far_from_zero_it_is_the_interval_of_a_mean():
    """Nothing is added by absolute values then, so that both ends are those of the mean of the gaps."""
    labels, scores, patients = sample(200, 50)
    scores = np.clip(scores * 0.3, 0, 1)
    one, mean = calibration_error(labels, scores, patients, 1), clustered_mean(labels - scores, patients)
    assert (one.value, one.low, one.high) == pytest.approx((mean.value, mean.low, mean.high), abs=0.002)


@pytest.mark.parametrize("order", [slice(None, None, -1), RNG.permutation(120)], ids=["backwards", "shuffled"])
def test_the_order_of_cases_changes_no_bit(order):
    labels, scores, patients = sample(120, 40)
    other = np.clip(scores + RNG.normal(size=120) * 0.1, 0, 1)
    moved = tuple(np.array(patients)[order])
    one, two = (calibration_error(labels, scores, patients), calibration_error(labels[order], scores[order], moved))
    assert (one.value, one.low, one.high) == (two.value, two.low, two.high)
    one = calibration_difference(labels, scores, other, patients)
    two = calibration_difference(labels[order], scores[order], other[order], moved)
    assert (one.value, one.low, one.high, one.p_value) == (two.value, two.low, two.high, two.p_value)


def test_a_difference_turns_round_with_its_sides():
    labels, scores, patients = sample(150, 50)
    other = scores**3
    one = calibration_difference(labels, scores, other, patients)
    two = calibration_difference(labels, other, scores, patients)
    assert (one.value, one.low, one.high) == pytest.approx((-two.value, -two.high, -two.low))
    assert one.p_value == pytest.approx(two.p_value)
    assert one.value < 0
    assert one.p_value < 0.05


def test_what_chance_adds_to_a_predictor_that_knows_is_no_difference():
    """Both are calibrated; the knowing one's error is twice as large, for it fills all bins."""
    labels, scores, patients = sample(200)
    constant = np.full(200, 0.5)
    one = calibration_difference(labels, scores, constant, patients)
    assert one.value > 0.02
    assert one.low < 0 < one.high
    assert one.p_value > 0.05


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=4), st.floats(0.1, 2), st.integers(2, 60))
def test_a_hull_leaves_out_zero_exactly_where_p_is_small(centres, error, freedom):
    (low, high), p, _ = hull(centres, error, float(freedom))
    assert (low > 0 or high < 0) == (p <= 0.05)


def test_few_patients_have_no_interval_and_no_p():
    labels, scores, patients = sample(40, 5)
    assert calibration_error(labels, scores, patients).no_interval == "fewer than 6 patients: 5"
    labels, scores, patients = sample(40, 11)
    other = calibration_difference(labels, scores, scores**2, patients)
    assert other.low < other.value < other.high
    assert (other.no_p, math.isnan(other.p_value)) == ("fewer than 12 patients: 11", True)


def test_equal_gaps_have_no_interval():
    one = calibration_error(np.zeros(20), np.full(20, 0.25))
    assert (one.value, one.no_interval) == (0.25, "all values are equal")
    same = calibration_difference(np.zeros(20), np.full(20, 0.25), np.full(20, 0.25))
    assert (same.value, same.no_interval) == (0.0, "the difference does not vary")


@pytest.mark.parametrize("strange", [-0.1, 1.5])
def test_what_is_no_probability_is_refused(strange):
    with pytest.raises(ValueError, match=rf"probabilities in \[0, 1\], got {strange:g}"):
        expected_calibration_error([0, 1], [0.5, strange])
    one = Predictions(np.arange(2), np.array([0.0, 1.0]), np.array([0.5, strange]))
    for name, what in (("brier", "the Brier score"), ("ece", "the calibration error")):
        with pytest.raises(PluginError, match=rf"{what} needs probabilities.*a score is {strange:g}"):
            aggregation(name).value(one)


@pytest.fixture
def given_twice():
    """Two enhancers on two places per case; each lacks some."""
    labels, scores, _ = sample(80)
    both = np.stack([scores, np.clip(scores + RNG.normal(size=80) * 0.2, 0, 1)])
    both[0, 5:9], both[1, 60:62] = np.nan, np.nan
    case = np.repeat(np.arange(40), 2)
    evidence = [Predictions(case, np.where(np.isnan(s), np.nan, labels), s) for s in both]
    return labels, both, evidence, Resampling(tuple(f"p{i // 2:02}" for i in range(40)), 300, 4)


def test_the_brier_score_is_a_mean_of_squares_with_places_as_cases(given_twice):
    labels, both, evidence, resampling = given_twice
    how, patients = aggregation("brier"), resampling.of(evidence[0].case)
    squares = (both - labels) ** 2
    known = np.isfinite(both[0])
    value = how.value(evidence[0])
    assert value == pytest.approx(brier_score_loss(labels[known], both[0][known]))
    draws = how.draws(evidence, resampling)
    mean = clustered_mean(squares[0], patients)
    assert how.interval(evidence[0], value, draws[0], resampling) == (mean.low, mean.high)
    for k, cases in enumerate(resampling.drawn(5)):
        taken = evidence[1].take(cases)
        assert draws[1, k] == pytest.approx(np.nanmean((taken.score - taken.label) ** 2))
    (paired,) = how.differences(evidence, [(0, 1)], draws, resampling)
    difference = paired_difference(*squares, patients)
    assert (paired.delta, paired.low, paired.p_value) == pytest.approx(
        (difference.value, difference.low, difference.p_value)
    )
    assert math.isfinite(paired.effect_size + paired.detectable + paired.p_wilcoxon)
    numbers, owners = how.numbers(evidence[0], resampling)
    assert np.nanmean(numbers) == pytest.approx(value)
    assert owners == patients


def test_the_calibration_error_of_evidence_is_that_of_its_places(given_twice):
    labels, both, evidence, resampling = given_twice
    how, patients = aggregation("ece", (("bins", 10),)), resampling.of(evidence[0].case)
    draws = how.draws(evidence, resampling)
    for one, scores, row in zip(evidence, both, draws, strict=True):
        known = np.isfinite(scores)
        value = how.value(one)
        assert value == pytest.approx(in_bins(labels[known], scores[known], 10))
        assert row.mean() == pytest.approx(value), "draws are re-centred"
        assert how.deviation(one, row) == pytest.approx(
            calibration_replicates(labels, scores, patients, 10, 300, 4).std(ddof=1)
        )
    found = calibration_error(labels, both[0], patients, 10)
    assert how.interval(evidence[0], found.value, draws[0], resampling) == (found.low, found.high)
    (paired,) = how.differences(evidence, [(0, 1)], draws, resampling)
    common = np.isfinite(both).all(axis=0)
    first, second = (in_bins(labels[common], s[common], 10) for s in both)
    assert paired.delta == pytest.approx(first - second)
    assert paired.low < paired.delta < paired.high


def test_nothing_answered_is_no_value(given_twice):
    *_, evidence, _ = given_twice
    nothing = evidence[0].only(np.zeros(80, dtype=bool))
    for name in ("brier", "ece", "sensitivity"):
        assert math.isnan(aggregation(name).value(nothing))
    (paired,) = aggregation("ece").differences([evidence[0], nothing], [(0, 1)], np.zeros((2, 3)), given_twice[3])
    assert math.isnan(paired.delta)
