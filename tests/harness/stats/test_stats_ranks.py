"""Ranks: ties share the better rank, intervals cover the true ranks and stay open where nothing is known."""

from __future__ import annotations

import numpy as np
import pytest

from radbench.stats import mean_replicates, rank_intervals, ranks_from_replicates


def noisy(means, n=200, noise=1.0, seed=0):
    random = np.random.default_rng(seed)
    return np.array(means)[:, None] + noise * random.normal(size=(len(means), n)) + random.normal(size=n)


def test_equal_values_share_the_better_rank():
    table = np.array([[1.0, 3.0], [3.0, 1.0], [0.0, 0.0], [5.0, 5.0]])
    assert rank_intervals(table, replicates=50).rank.tolist() == [2, 2, 4, 1]


def test_lower_is_better_turns_the_order():
    table = noisy([0.0, 5.0, 10.0])
    assert rank_intervals(table, direction="lower", replicates=200).rank.tolist() == [1, 2, 3]
    assert rank_intervals(table, direction="higher", replicates=200).rank.tolist() == [3, 2, 1]


def test_what_is_far_apart_has_closed_intervals():
    ranks = rank_intervals(noisy([0.0, 5.0, 10.0]), replicates=500)
    assert ranks.low.tolist() == ranks.high.tolist() == [3, 2, 1]


def test_identical_enhancers_are_never_told_apart():
    scores = np.random.default_rng(0).normal(size=50)
    ranks = rank_intervals([scores, scores, scores], replicates=200)
    assert ranks.rank.tolist() == ranks.low.tolist() == [1, 1, 1]
    assert ranks.high.tolist() == [3, 3, 3]


def test_a_difference_that_never_varies_is_certain():
    scores = np.random.default_rng(0).normal(size=50)
    ranks = rank_intervals([scores, scores + 0.1], replicates=200)
    assert ranks.low.tolist() == ranks.high.tolist() == [2, 1]


def test_an_enhancer_without_scores_has_no_rank_and_does_not_count():
    table = noisy([0.0, 9.0, 5.0])
    table[2] = np.nan
    ranks = rank_intervals(table, replicates=200)
    assert ranks.rank[:2].tolist() == [2, 1]
    assert ranks.high[:2].tolist() == [2, 1]
    assert np.isnan([ranks.rank[2], ranks.low[2], ranks.high[2]]).all()


def test_interval_holds_the_rank():
    ranks = rank_intervals(noisy(np.linspace(0, 0.5, 8), 60), replicates=500)
    assert (ranks.low <= ranks.rank).all()
    assert (ranks.rank <= ranks.high).all()


def test_one_patient_leaves_every_rank_open():
    ranks = rank_intervals(noisy([0.0, 9.0], 4), ["a"] * 4, replicates=50)
    assert ranks.rank.tolist() == [2, 1]
    assert ranks.low.tolist() == [1, 1]
    assert ranks.high.tolist() == [2, 2]


def test_cases_of_one_patient_count_as_one():
    random = np.random.default_rng(2)
    effect = random.normal(0.35, 1, 30)
    table = np.stack([np.zeros(600), np.repeat(effect, 20)])
    patients = np.repeat(np.arange(30), 20).tolist()
    naive, clustered = rank_intervals(table, replicates=500), rank_intervals(table, patients, replicates=500)
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
        ranks = rank_intervals(table, replicates=300)
        covered += (ranks.low[:4] <= 2).all() and (ranks.high[:4] == 5).all() and ranks.low[4] == 1
    assert covered / trials >= 0.925


def test_replicates_of_any_score_can_be_ranked():
    table = noisy([0.0, 5.0, 10.0])
    drawn = mean_replicates(table, replicates=300)
    direct = ranks_from_replicates(table.mean(axis=1), drawn, 200)
    whole = rank_intervals(table, replicates=300)
    assert direct.rank.tolist() == whole.rank.tolist()
    assert direct.high.tolist() == whole.high.tolist()


def test_an_infinite_mean_is_ranked_but_told_apart_from_none():
    table = noisy([0.0, 5.0, 10.0])
    table[0, 3] = np.inf
    ranks = rank_intervals(table, replicates=200)
    assert ranks.rank.tolist() == [1, 3, 2]
    assert ranks.low.tolist() == [1, 2, 1]
    assert ranks.high.tolist() == [3, 3, 2]


def test_undefined_replicates_are_dropped():
    table = noisy([0.0, 5.0])
    drawn = mean_replicates(table, replicates=300)
    drawn[0, ::3] = np.nan
    assert ranks_from_replicates(table.mean(axis=1), drawn, 200).high.tolist() == [2, 1]


def test_the_order_of_the_cases_changes_nothing():
    table = noisy(np.linspace(0, 1, 6), 40)
    patients = (np.arange(40) % 13).tolist()
    order = np.random.default_rng(1).permutation(40)
    first = rank_intervals(table, patients, replicates=300)
    second = rank_intervals(table[:, order], [patients[i] for i in order], replicates=300)
    assert first.rank.tolist() == second.rank.tolist()
    assert first.low.tolist() == second.low.tolist()
    assert first.high.tolist() == second.high.tolist()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: rank_intervals(np.zeros((2, 0))), "at least one case"),
        (lambda: rank_intervals(np.zeros((2, 3)), direction="up"), "'higher' or 'lower'"),
        (lambda: rank_intervals(np.zeros((2, 3)), ["a"]), "1 patients for 3 cases"),
        (lambda: ranks_from_replicates([1.0, 2.0], np.zeros((3, 5)), 4), "go together"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
