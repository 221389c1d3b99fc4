"""The sign test and Bradley and Terry's model: SciPy, closed forms, and the likelihood itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize
import scipy.stats

from radbench.stats.paired_comparisons import bradley_terry, sign_test


@pytest.mark.parametrize(("first", "second"), [(9, 3), (6, 6), (0, 8), (15, 14)])
def test_the_sign_test_is_scipys_binomial(first, second):
    found = sign_test([1.0] * first + [-1.0] * second + [0.0] * 4)
    assert (found.for_first, found.for_second, found.undecided) == (first, second, 4)
    assert found.p_value == pytest.approx(scipy.stats.binomtest(first, first + second).pvalue)


def test_a_patient_speaks_once():
    found = sign_test([1, 1, -1, *[-1] * 6, 1, -1], [*"aaa", *"bcdefg", *"hh"])
    assert (found.for_first, found.for_second, found.undecided) == (1, 6, 1)


def test_thirds_that_cancel_out_are_no_preference():
    assert sign_test([1 / 3, 1 / 3, -2 / 3], [*"aaa"]).undecided == 1


def test_few_that_speak_have_no_p_value():
    found = sign_test([1, 1, 1, 1, 1, 0, 0])
    assert math.isnan(found.p_value)
    assert found.no_p == "fewer than 6 patients speak for either: 5"


def test_two_things_have_their_shares_for_abilities():
    assert bradley_terry([[0, 30], [10, 0]]) == pytest.approx([0.75, 0.25])


def test_abilities_maximise_the_likelihood():
    wins = np.array([[0, 14.5, 9, 17], [5.5, 0, 6, 11], [11, 14, 0, 12], [3, 9, 8, 0]], dtype=float)

    def against(free):
        logs = np.append(free, 0.0)
        return -(wins * (logs[:, None] - np.logaddexp(logs[:, None], logs[None]))).sum()

    best = scipy.optimize.minimize(against, np.zeros(3), method="BFGS", options={"gtol": 1e-10}).x
    expected = np.exp(np.append(best, 0.0))
    assert bradley_terry(wins) == pytest.approx(expected / expected.sum(), abs=1e-6)


def test_one_that_always_wins_has_no_ability():
    assert np.isnan(bradley_terry([[0, 5, 5], [0, 0, 3], [0, 2, 0]])).all()


def test_abilities_that_the_iteration_does_not_come_to_are_none(monkeypatch):
    # Two pairs that a single choice each way joins, among ten thousand within each: slow, but there is a maximum.
    wins = [[0, 1e4, 0, 0], [1e4, 0, 1, 0], [0, 2, 0, 1e4], [0, 0, 1e4, 0]]
    monkeypatch.setattr("radbench.stats.paired_comparisons._STEPS", 2000)
    assert np.isnan(bradley_terry(wins)).all()
    monkeypatch.setattr("radbench.stats.paired_comparisons._STEPS", 10)
    assert bradley_terry([[0, 30], [10, 0]]) == pytest.approx([0.75, 0.25])


@pytest.mark.parametrize("wins", [[[0, 1]], [[0, -1], [1, 0]], [[0]]])
def test_what_is_no_table_of_wins_is_refused(wins):
    with pytest.raises(ValueError, match="wins must be"):
        bradley_terry(wins)
