"""Ranks: ties share the better rank, intervals cover the true ranks and stay open where nothing is known."""

from __future__ import annotations

import numpy as np
import pytest

from radbench.stats import ranks_where, simultaneous_ranks

R = 999


def noisy(means, n=200, noise=1.0, seed=0):
    random = np.random.default_rng(seed)
    return np.array(means)[:, None] + noise * random.normal(size=(len(means), n)) + random.normal(size=n)


def test_equal_values_share_the_better_rank():
    table = np.array([[1.0, 3.0], [3.0, 1.0], [0.0, 0.0], [5.0, 5.0]])
    assert simultaneous_ranks(table).rank.tolist() == [2, 2, 4, 1]


def test_lower_is_better_turns_the_order():
    table = noisy([0.0, 5.0, 10.0])
    assert simultaneous_ranks(table, direction="lower", replicates=R).rank.tolist() == [1, 2, 3]
    assert simultaneous_ranks(table, direction="higher", replicates=R).rank.tolist() == [3, 2, 1]


def test_what_is_far_apart_has_closed_intervals():
    ranks = simultaneous_ranks(noisy([0.0, 5.0, 10.0]))
    assert ranks.low.tolist() == ranks.high.tolist() == [3, 2, 1]


def test_identical_enhancers_are_never_told_apart():
    scores = np.random.default_rng(0).normal(size=50)
    ranks = simultaneous_ranks([scores, scores, scores], replicates=R)
    assert ranks.rank.tolist() == ranks.low.tolist() == [1, 1, 1]
    assert ranks.high.tolist() == [3, 3, 3]


def test_a_difference_that_never_varies_tells_nothing_of_chance():
    scores = np.random.default_rng(0).normal(size=50).round(3)
    ranks = simultaneous_ranks([scores, scores + 0.125], replicates=R)
    assert ranks.rank.tolist() == [2, 1]
    assert (ranks.low.tolist(), ranks.high.tolist()) == ([1, 1], [2, 2])


def test_an_enhancer_without_scores_has_no_rank_and_does_not_count():
    table = noisy([0.0, 9.0, 5.0])
    table[2] = np.nan
    ranks = simultaneous_ranks(table, replicates=R)
    assert ranks.rank[:2].tolist() == [2, 1]
    assert ranks.high[:2].tolist() == [2, 1]
    assert np.isnan([ranks.rank[2], ranks.low[2], ranks.high[2]]).all()


def test_interval_holds_the_rank():
    ranks = simultaneous_ranks(noisy(np.linspace(0, 0.5, 8), 60))
    assert (ranks.low <= ranks.rank).all()
    assert (ranks.rank <= ranks.high).all()


def test_one_patient_leaves_every_rank_open():
    ranks = simultaneous_ranks(noisy([0.0, 9.0], 4), ["a"] * 4)
    assert ranks.rank.tolist() == [2, 1]
    assert ranks.low.tolist() == [1, 1]
    assert ranks.high.tolist() == [2, 2]


def test_cases_of_one_patient_count_as_one():
    random = np.random.default_rng(2)
    effect = random.normal(0.35, 1, 30)
    table = np.stack([np.zeros(600), np.repeat(effect, 20)])
    patients = np.repeat(np.arange(30), 20).tolist()
    naive, clustered = simultaneous_ranks(table), simultaneous_ranks(table, patients)
    assert naive.high[1] == 1
    assert clustered.high[1] == 2


@pytest.mark.parametrize("n_patients", [6, 40])
def test_all_true_ranks_are_covered_together_ties_included(n_patients):
    # Four equal and one better: true ranks {1} and a tie over 2..5, so every tied rank must reach from 2 to 5.
    random = np.random.default_rng(3)
    trials, covered = 250, 0
    for _ in range(trials):
        shift = np.array([0.0, 0.0, 0.0, 0.0, 0.5])
        table = shift[:, None] + random.normal(size=(5, n_patients)) + 2 * random.normal(size=n_patients)
        ranks = simultaneous_ranks(table, replicates=R)
        covered += (ranks.low[:4] <= 2).all() and (ranks.high[:4] == 5).all() and ranks.low[4] == 1
    assert covered / trials >= 0.925


def test_ranks_follow_from_who_is_told_apart():
    apart = np.zeros((4, 4), dtype=bool)
    apart[0, 1] = apart[1, 0] = apart[0, 3] = apart[3, 0] = apart[2, 0] = apart[0, 2] = True
    ranks = ranks_where([0.9, 0.7, np.nan, 0.7], apart)
    np.testing.assert_array_equal(ranks.rank, [1, 2, np.nan, 2])
    np.testing.assert_array_equal(ranks.low, [1, 2, np.nan, 2])
    np.testing.assert_array_equal(ranks.high, [1, 3, np.nan, 3])
    turned = ranks_where([0.9, 0.7, np.nan, 0.7], apart, "lower")
    np.testing.assert_array_equal(turned.rank, [3, 1, np.nan, 1])
    np.testing.assert_array_equal(turned.high, [3, 2, np.nan, 2])


def test_an_infinite_mean_is_ranked_but_told_apart_from_none():
    table = noisy([0.0, 5.0, 10.0])
    table[0, 3] = np.inf
    ranks = simultaneous_ranks(table, replicates=R)
    assert ranks.rank.tolist() == [1, 3, 2]
    assert ranks.low.tolist() == [1, 2, 1]
    assert ranks.high.tolist() == [3, 3, 2]


def test_the_order_of_the_cases_changes_nothing():
    table = noisy(np.linspace(0, 1, 6), 40)
    patients = (np.arange(40) % 13).tolist()
    order = np.random.default_rng(1).permutation(40)
    first = simultaneous_ranks(table, patients, replicates=R)
    second = simultaneous_ranks(table[:, order], [patients[i] for i in order], replicates=R)
    assert first.rank.tolist() == second.rank.tolist()
    assert first.low.tolist() == second.low.tolist()
    assert first.high.tolist() == second.high.tolist()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: simultaneous_ranks(np.zeros((2, 0))), "at least one case"),
        (lambda: simultaneous_ranks(np.zeros((2, 3)), direction="up"), "'higher' or 'lower'"),
        (lambda: simultaneous_ranks(np.zeros((2, 3)), ["a"]), "got 1 for 3 cases"),
        (lambda: ranks_where([1.0, 2.0], np.zeros((3, 5))), "go together"),
        (lambda: ranks_where([1.0], np.zeros((1, 1)), "up"), "'higher' or 'lower'"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
