"""Friedman's test and Kendall's W: published data, SciPy's implementation, closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from radbench.stats.friedman import concordance, friedman, ranks_within

ROUNDING_FIRST = """
5.40 5.50 5.55  5.85 5.70 5.75  5.20 5.60 5.50  5.55 5.50 5.40  5.90 5.85 5.70  5.45 5.55 5.60  5.40 5.40 5.35
5.45 5.50 5.35  5.25 5.15 5.00  5.85 5.80 5.70  5.25 5.20 5.10  5.65 5.55 5.45  5.60 5.35 5.45  5.05 5.00 4.95
5.50 5.50 5.40  5.45 5.55 5.50  5.55 5.55 5.35  5.45 5.50 5.55  5.50 5.45 5.25  5.65 5.60 5.40  5.70 5.65 5.55
6.30 6.30 6.25
"""
"""Seconds of 22 baseball players by three ways of rounding first base: Hollander & Wolfe (1973), page 140 ff., whom R's
``friedman.test`` takes for its example and gives chi-squared 11.143, df 2, p 0.003805."""


def test_the_published_example_comes_out():
    found = friedman(np.array(ROUNDING_FIRST.split(), dtype=float).reshape(22, 3))
    assert found.statistic == pytest.approx(11.143, abs=5e-4)
    assert found.freedom == 2
    assert found.p_value == pytest.approx(0.003805, abs=5e-7)
    assert found.blocks == 22


@pytest.mark.parametrize("seed", range(5))
def test_it_is_scipys_with_and_without_ties(seed):
    draws = np.random.default_rng(seed)
    for table in (draws.normal(size=(15, 4)), draws.integers(1, 4, size=(15, 4)).astype(float)):
        expected = scipy.stats.friedmanchisquare(*table.T)
        found = friedman(table)
        assert found.statistic == pytest.approx(expected.statistic, rel=1e-12)
        assert found.p_value == pytest.approx(expected.pvalue, rel=1e-12)
        assert found.mean_ranks == pytest.approx(scipy.stats.rankdata(table, axis=1).mean(axis=0))


def test_ranks_within_are_scipys():
    table = np.random.default_rng(1).integers(0, 3, size=(30, 5)).astype(float)
    assert (ranks_within(table) == scipy.stats.rankdata(table, axis=1)).all()


def test_judges_of_one_mind_are_in_full_concordance_and_opposite_ones_in_none():
    assert concordance([[1, 2, 3, 4]] * 7) == pytest.approx(1.0)
    assert concordance([[1, 2, 3, 4], [4, 3, 2, 1]]) == pytest.approx(0.0)


def test_concordance_with_ties_is_kendalls_own_formula():
    """W = 12 S / (m^2 (n^3 - n) - m T), Kendall (1948), with S of the rank sums and T of the ties."""
    table = np.array([[1, 2, 2, 3, 1], [1, 1, 3, 2, 3], [2, 3, 3, 3, 1]], dtype=float)
    ranks = scipy.stats.rankdata(table, axis=1)
    m, n = ranks.shape
    s = float(((ranks.sum(axis=0) - m * (n + 1) / 2) ** 2).sum())
    t = sum(float((c**3 - c).sum()) for c in (np.unique(row, return_counts=True)[1] for row in table))
    assert concordance(table) == pytest.approx(12 * s / (m**2 * (n**3 - n) - m * t))


def test_a_block_that_lacks_a_treatment_is_left_out():
    table = np.random.default_rng(3).normal(size=(12, 3))
    holed = np.vstack([table, [1.0, np.nan, 2.0]])
    assert friedman(holed) == friedman(table)


def test_few_blocks_have_no_p_value_and_say_so():
    found = friedman([[1, 2, 3]] * 5)
    assert math.isnan(found.p_value)
    assert found.no_p == "fewer than 6 patients: 5"


def test_blocks_that_tell_nothing_apart_have_no_statistic():
    found = friedman(np.ones((8, 3)))
    assert math.isnan(found.statistic)
    assert math.isnan(found.concordance)
    assert found.no_p == "every block ranks all alike"


@pytest.mark.parametrize("table", [[[1.0], [2.0]], [1.0, 2.0], np.zeros((0, 3))])
def test_what_is_no_table_is_refused(table):
    with pytest.raises(ValueError, match=r"values must be \[N,K\]"):
        friedman(table)
