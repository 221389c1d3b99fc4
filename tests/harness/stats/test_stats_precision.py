"""Average precision's interval and difference: the bootstrap's error on the logit scale, and its bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
from sklearn.metrics import average_precision_score

from radbench.stats import ap_auroc_replicates, average_precision, average_precision_difference

R = 500


@pytest.fixture
def reading():
    random = np.random.default_rng(1)
    labels = (random.random(90) < 0.3).astype(int)
    first = random.normal(size=90) + labels
    return labels, first, first + random.normal(0, 0.8, 90), [f"p{i}" for i in random.integers(0, 40, 90)]


def test_the_interval_is_the_bootstraps_error_on_the_logit_scale(reading):
    labels, first, _, patients = reading
    one = average_precision(labels, first, patients, replicates=R)
    draws = ap_auroc_replicates(labels, first, patients, R)[0][0]
    value = average_precision_score(labels, first)
    df = len({p for p, y in zip(patients, labels, strict=True) if y}) - 1
    reach = scipy.stats.t.ppf(0.975, df) * np.std(draws, ddof=1) / (value * (1 - value))
    expected = scipy.special.expit(scipy.special.logit(value) + np.array([-reach, reach]))
    assert (one.value, one.freedom) == (pytest.approx(value), df)
    assert (one.low, one.high) == pytest.approx(tuple(expected))


def test_known_draws_are_taken_as_they_are(reading):
    labels, first, second, patients = reading
    draws = ap_auroc_replicates(labels, [first, second], patients, R)[0]
    one = average_precision(labels, first, patients, draws=draws[0])
    assert (one.low, one.high) == (lambda e: (e.low, e.high))(average_precision(labels, first, patients, replicates=R))
    both = average_precision_difference(labels, first, second, patients, draws=draws[0] - draws[1])
    assert both.p_value == average_precision_difference(labels, first, second, patients, replicates=R).p_value


def test_a_perfect_order_is_bounded_by_the_positive_patients():
    one = average_precision([1] * 4 + [0] * 20, np.arange(24)[::-1], replicates=R)
    assert (one.value, one.low, one.high) == pytest.approx((1.0, 0.025 ** (1 / 4), 1.0))


def test_a_difference_is_judged_by_the_t_of_positive_patients(reading):
    labels, first, second, patients = reading
    one = average_precision_difference(labels, first, second, patients, replicates=R)
    draws = ap_auroc_replicates(labels, [first, second], patients, R)[0]
    t = one.value / np.std(draws[0] - draws[1], ddof=1)
    assert one.p_value == pytest.approx(2 * scipy.stats.t.sf(abs(t), one.freedom))
    assert (one.p_value <= 0.05) == (not one.low <= 0 <= one.high)


def test_few_positives_get_an_interval_and_no_p(reading):
    _, first, second, _ = reading
    labels = np.r_[np.ones(9), np.zeros(81)]
    one = average_precision_difference(labels, first, second, replicates=R)
    assert math.isnan(one.p_value)
    assert one.no_p == "fewer than 10 patients of the rarer class: 9"
    assert one.low < one.value < one.high
    two = average_precision(np.r_[1, 1, np.zeros(88)], first, replicates=R)
    assert math.isnan(two.low)
    assert (two.n_positive, two.positive_patients) == (2, 2)


def test_one_class_has_no_value_and_equal_scores_no_p(reading):
    labels, first, _, _ = reading
    assert math.isnan(average_precision([0, 0], [1.0, 2.0], replicates=R).value)
    same = average_precision_difference(labels, first, first, replicates=R)
    assert (same.value, same.no_p) == (0.0, "the difference does not vary")


def test_cases_that_either_lacks_are_left_out_of_both(reading):
    labels, first, second, _ = reading
    hole = second.copy()
    hole[:5] = np.nan
    one = average_precision_difference(labels, first, hole, replicates=R)
    two = average_precision_difference(labels[5:], first[5:], second[5:], replicates=R)
    assert (one.value, one.n_missing) == (pytest.approx(two.value), 5)
