"""Adjusted p-values and simultaneous ranks, against a plain step-down over stored replicates."""

from __future__ import annotations

import numpy as np
import pytest

from radbench.stats import (
    adjusted_p_values,
    clustered,
    clustered_mean,
    clustered_means,
    cr2_error,
    simultaneous_ranks,
    studentised_draws,
)

R = 399


def plain_step_down(table, patients, replicates):
    """Gains by the largest of what is left, losses by the smallest, each at half the level."""
    rows = [clustered(row, patients) for row in table]
    t = np.array([row.mean / cr2_error(row) for row in rows])
    drawn = np.concatenate([studentised_draws(row.sums, row.sizes, replicates) for row in rows])
    p = np.empty(len(t))
    for sign in (1, -1):
        left, worst = list(range(len(t))), 0.0
        while left:
            k = max(left, key=lambda i: sign * t[i])
            beyond = int(((sign * drawn[left]).max(axis=0) >= sign * t[k]).sum())
            worst = max(worst, 2 * (1 + beyond) / (1 + replicates))
            if sign * t[k] > 0:
                p[k] = min(1.0, worst)
            left.remove(k)
    return p


@pytest.fixture
def table():
    random = np.random.default_rng(1)
    patients = [f"p{i}" for i in np.repeat(np.arange(12), random.integers(1, 5, 12))]
    common = random.normal(size=len(patients))
    return np.stack([k / 6 + common + random.normal(0, 1 + k / 3, len(patients)) for k in range(5)]), patients


def test_adjusted_p_is_the_step_down_and_never_below_the_single_one(table):
    family = adjusted_p_values(*table, replicates=R)
    alone = [clustered_mean(row, table[1], replicates=R).p_value for row in table[0]]
    np.testing.assert_allclose(family.p_value, alone, rtol=1e-9)
    np.testing.assert_allclose(family.adjusted, np.maximum(plain_step_down(*table, R), alone), atol=0.03)
    assert (family.adjusted >= family.p_value - 1e-15).all()
    assert family.size == 5


def test_step_down_equals_the_plain_one_where_the_t_is_not_the_larger():
    random = np.random.default_rng(3)
    table = random.normal(size=(6, 60)) + np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])[:, None]
    family = adjusted_p_values(table, replicates=R)
    plain = plain_step_down(table, None, R)
    bound = family.adjusted > family.p_value
    np.testing.assert_allclose(family.adjusted[bound], plain[bound], atol=1e-12)
    assert bound.sum() >= 4


def test_a_family_of_one_is_the_single_test(table):
    rows, patients = table
    for row in (*rows, np.random.default_rng(8).exponential(size=rows.shape[1]) - 0.6):
        one = adjusted_p_values(row, patients, replicates=R)
        assert one.adjusted[0] == one.p_value[0] == pytest.approx(clustered_mean(row, patients, replicates=R).p_value)


def test_the_order_of_enhancers_and_which_is_taken_from_which_change_no_rank(table):
    rows, patients = table
    first = simultaneous_ranks(rows, patients, replicates=R)
    turned = simultaneous_ranks(rows[::-1], patients, replicates=R)
    for name in ("rank", "low", "high"):
        assert getattr(first, name).tolist() == getattr(turned, name)[::-1].tolist()


def test_what_rounding_leaves_between_two_enhancers_is_no_difference():
    x = np.random.default_rng(4).normal(1, 0.3, 30)
    ranks = simultaneous_ranks([x, x + 1e-12 * np.random.default_rng(5).random(30)], replicates=R)
    assert (ranks.low.tolist(), ranks.high.tolist()) == ([1, 1], [2, 2])


def test_copies_of_a_comparison_cost_nothing():
    x = np.random.default_rng(5).normal(0.5, 1, (1, 30))
    assert adjusted_p_values(np.repeat(x, 4, axis=0), replicates=R).adjusted == pytest.approx(
        np.repeat(adjusted_p_values(x, replicates=R).adjusted, 4)
    )


def test_an_incomplete_row_gets_no_p_and_does_not_count(table):
    rows, patients = table[0].copy(), table[1]
    rows[0, 3] = np.nan
    family, rest = adjusted_p_values(rows, patients, replicates=R), adjusted_p_values(rows[1:], patients, replicates=R)
    assert np.isnan(family.adjusted[0])
    np.testing.assert_array_equal(family.adjusted[1:], rest.adjusted)
    assert family.size == 4


def test_a_case_that_nobody_answers_is_left_out(table):
    rows, patients = table
    hole = np.insert(rows, 2, np.nan, axis=1)
    family = adjusted_p_values(hole, [*patients[:2], "nobody", *patients[2:]], replicates=R)
    np.testing.assert_array_equal(family.adjusted, adjusted_p_values(rows, patients, replicates=R).adjusted)


def test_p_is_withheld_of_the_same_comparisons_as_alone():
    random, found = np.random.default_rng(11), []
    for _ in range(20):
        table = random.choice([0.0, 0.0, 0.0, 0.0, 1.0, -1.0], size=(6, 16))
        alone = [one.p_value for one in clustered_means(table, replicates=R)]
        np.testing.assert_allclose(adjusted_p_values(table, replicates=R).p_value, alone, rtol=1e-9)
        found += np.isnan(alone).tolist()
    assert 0 < sum(found) < len(found)


def test_the_reference_itself_is_not_tested(table):
    rows, patients = table
    family = adjusted_p_values(np.vstack([rows, np.zeros(rows.shape[1])]), patients, replicates=R)
    assert np.isnan(family.adjusted[-1])
    assert family.size == 5


def test_ranks_follow_the_adjusted_p_of_all_pairs(table):
    rows, patients = table
    rows = rows + np.array([0.0, 0.1, 0.2, 3.0, 6.0])[:, None]
    ranks = simultaneous_ranks(rows, patients, replicates=R)
    first, second = np.triu_indices(5, 1)
    apart = adjusted_p_values(rows[first] - rows[second], patients, replicates=R).adjusted <= 0.05
    means = rows.mean(axis=1)
    beats = np.zeros((5, 5), dtype=bool)
    beats[first, second] = beats[second, first] = apart
    beats &= means[:, None] > means
    np.testing.assert_array_equal(ranks.low, 1 + beats.sum(axis=0))
    np.testing.assert_array_equal(ranks.high, 5 - beats.sum(axis=1))
    assert beats.any()


def test_lower_is_better_turns_the_ranks(table):
    rows, patients = table
    up, down = simultaneous_ranks(rows, patients, replicates=R), simultaneous_ranks(-rows, patients, "lower", R)
    for field in ("rank", "low", "high"):
        np.testing.assert_array_equal(getattr(up, field), getattr(down, field))


def test_an_incomplete_enhancer_gets_no_rank_and_an_infinite_one_is_told_apart_from_none():
    x = np.random.default_rng(6).normal(size=(4, 20)) + np.array([0.0, 9.0, 18.0, 0.0])[:, None]
    x[3, 0] = np.nan
    ranks = simultaneous_ranks(x, replicates=R)
    assert np.isnan(ranks.rank[3])
    np.testing.assert_array_equal(ranks.low[:3], [3, 2, 1])
    x[0, 0] = np.inf
    infinite = simultaneous_ranks(x, replicates=R)
    assert (infinite.rank[0], infinite.low[0], infinite.high[0]) == (1, 1, 3)


def test_fewer_than_six_patients_leave_every_rank_open():
    ranks = simultaneous_ranks([[1.0, 2.0, 3.0, 4.0, 5.0], [101.0, 103.0, 102.0, 104.0, 107.0]], replicates=R)
    np.testing.assert_array_equal(ranks.low, [1, 1])
    np.testing.assert_array_equal(ranks.high, [2, 2])


def test_family_wise_error_of_unequal_noise_and_skew():
    random, wrong = np.random.default_rng(7), 0
    for _ in range(200):
        loud = np.where(np.arange(8) % 2, 10.0, 1.0)[:, None]
        table = loud * (random.exponential(size=(8, 12)) - 1)
        wrong += bool((adjusted_p_values(table, replicates=R).adjusted <= 0.05).any())
    assert wrong / 200 < 0.12


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: adjusted_p_values([]), "at least one case"),
        (lambda: adjusted_p_values([[1.0, 2.0]], ["a"]), "1 for 2 cases"),
        (lambda: simultaneous_ranks([[1.0, 2.0]], direction="up"), "direction"),
        (lambda: simultaneous_ranks([[1.0, 2.0]], level=0.0), "level"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
