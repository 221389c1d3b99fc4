"""Fréchet distance: closed forms of normal distributions, SciPy's matrix root, few vectors, and its aggregation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg

from radbench.contracts.errors import PluginError
from radbench.stats import Resampling
from radbench.stats.aggregations import FeatureSets, aggregation
from radbench.stats.frechet import distance_by_chance, frechet_distance

RNG = np.random.default_rng(17)


def with_moments(n, mean, covariance):
    """Return vectors whose sample mean and covariance are exactly these."""
    x = RNG.normal(size=(n, len(mean)))
    x -= x.mean(axis=0)
    whitened = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T).reshape(len(mean), -1))).T
    return whitened @ np.linalg.cholesky(covariance).T + mean


def test_commuting_covariances_have_the_closed_form():
    a, b, shift = np.array([1.0, 4.0, 9.0]), np.array([4.0, 1.0, 0.25]), np.array([1.0, -2.0, 0.5])
    x, y = with_moments(40, np.zeros(3), np.diag(a)), with_moments(30, shift, np.diag(b))
    expected = (shift**2).sum() + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-10)


def test_one_dimension_is_the_distance_of_means_and_deviations():
    x, y = RNG.normal(2.0, 3.0, (50, 1)), RNG.normal(size=(20, 1))
    expected = (x.mean() - y.mean()) ** 2 + (x.std(ddof=1) - y.std(ddof=1)) ** 2
    assert frechet_distance(x, y) == pytest.approx(expected)


def test_it_agrees_with_the_matrix_root():
    x, y = RNG.normal(size=(60, 8)) @ RNG.normal(size=(8, 8)), RNG.normal(size=(45, 8)) + 0.5
    s, t = np.cov(x.T), np.cov(y.T)
    root = scipy.linalg.sqrtm(s @ t).real
    expected = ((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum() + np.trace(s + t - 2 * root)
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(y, x) == pytest.approx(expected, rel=1e-9)


def test_fewer_vectors_than_dimensions_have_the_distance_within_their_span():
    """Rotated into further dimensions, vectors keep their distance; singular covariances need no ridge."""
    x, y = RNG.normal(size=(5, 3)), RNG.normal(size=(4, 3)) + 1.0
    turn = np.linalg.qr(RNG.normal(size=(40, 40)))[0][:3]
    assert frechet_distance(x @ turn, y @ turn) == pytest.approx(frechet_distance(x, y), rel=1e-9)


def test_equal_sets_have_none_and_one_vector_tells_nothing():
    x = RNG.normal(size=(12, 5))
    assert frechet_distance(x, x[::-1]) == pytest.approx(0.0, abs=1e-12)
    assert math.isnan(frechet_distance(x[:1], x))
    assert math.isnan(frechet_distance(x, x[:1]))
    assert frechet_distance(np.ones((3, 2)), np.zeros((4, 2))) == 2.0


def test_vectors_of_different_dimensions_are_refused():
    with pytest.raises(ValueError, match=r"\[n,D\] and \[m,D\], got \[3, 2\] and \[3, 4\]"):
        frechet_distance(np.ones((3, 2)), np.ones((3, 4)))


@pytest.mark.parametrize(("n", "dimensions"), [(200, 4), (30, 20), (20, 60)])
def test_chance_gives_as_much_as_sets_that_do_not_differ_have(n, dimensions):
    found, chance = [], []
    for seed in range(20):
        x, y = RNG.normal(size=(2, n, dimensions))
        found.append(frechet_distance(x, y))
        chance.append(distance_by_chance(x, y, np.arange(n), np.arange(n), seed))
    assert np.mean(chance) == pytest.approx(np.mean(found), rel=0.15)


def test_chance_is_not_moved_by_a_shift():
    x, y = RNG.normal(size=(2, 50, 4))
    owners = np.arange(50), np.arange(50)
    assert distance_by_chance(x + 5.0, y, *owners) == pytest.approx(distance_by_chance(x, y, *owners))


def enhancers(n=20, vectors=3):
    """Three enhancers: alike, alike, shifted; two lack a case."""
    reference = RNG.normal(size=(n, vectors, 4))
    values = [RNG.normal(size=(n, vectors, 4)) + shift for shift in (0.0, 0.0, 2.0)]
    sets = [FeatureSets(tuple(one), tuple(reference)) for one in values]
    lacks = np.ones((3, n), dtype=bool)
    lacks[0, 2] = lacks[2, 4] = False
    given = [one.only(where) for one, where in zip(sets, lacks, strict=True)]
    return given, Resampling(tuple(f"p{i:02}" for i in range(n)), 5000, 3)


def test_the_aggregation_draws_two_hundred_resamples_around_the_value():
    given, resampling = enhancers()
    how = aggregation("frechet")
    values = [how.value(one) for one in given]
    assert values[1] == pytest.approx(frechet_distance(given[1].values, given[1].references))
    draws = how.draws(given, resampling)
    assert draws.shape == (3, 200)
    np.testing.assert_allclose(draws.mean(axis=1), values)
    raw = [frechet_distance(t.values, t.references) for t in (given[1].take(c) for c in resampling.drawn(200))]
    np.testing.assert_allclose(draws[1] - draws[1].mean(), raw - np.mean(raw), atol=1e-12)


def test_its_interval_reaches_down_to_zero_for_sets_that_do_not_differ_alone():
    given, resampling = enhancers()
    how = aggregation("frechet")
    ends = [how.interval(one, how.value(one), np.empty(0), resampling) for one in given]
    assert ends[0][0] == ends[1][0] == 0.0
    assert ends[2][0] > 5.0
    assert all(low <= how.value(one) <= high for one, (low, high) in zip(given, ends, strict=True))


def test_differences_are_of_the_cases_that_both_answered():
    given, resampling = enhancers()
    how = aggregation("frechet")
    draws = how.draws(given, resampling)
    alike, apart = how.differences(given, [(0, 1), (2, 0)], draws, resampling)
    both = given[0].answered & given[2].answered
    first, second = given[2].only(both), given[0].only(both)
    assert apart.delta == pytest.approx(how.value(first) - how.value(second))
    assert apart.low > 0
    assert apart.p_value < 0.001
    assert alike.low < 0 < alike.high
    assert alike.p_value > 0.05


def test_few_patients_have_no_interval_and_fewer_than_twelve_no_p():
    given, resampling = enhancers(5)
    how = aggregation("frechet")
    assert all(map(math.isnan, how.interval(given[1], how.value(given[1]), np.empty(0), resampling)))
    given, resampling = enhancers(11)
    (paired,) = how.differences(given, [(2, 1)], np.empty((3, 0)), resampling)
    assert paired.low < paired.delta < paired.high
    assert (math.isnan(paired.p_value), paired.test) == (True, "")


def test_the_order_of_cases_and_of_enhancers_changes_nothing():
    given, resampling = enhancers(12)
    order = RNG.permutation(12)
    moved, there = [one.take(order) for one in given[::-1]], Resampling(resampling.of(order), 5000, 3)
    how = aggregation("frechet")
    (one,) = how.differences(given, [(2, 1)], np.empty((3, 0)), resampling)
    (two,) = how.differences(moved, [(0, 1)], np.empty((3, 0)), there)
    assert (one.delta, one.low, one.high) == pytest.approx((two.delta, two.low, two.high), rel=1e-9)


@pytest.mark.parametrize(
    ("vectors", "says"),
    [
        ((np.ones((2, 3)), np.ones((2, 4))), "must all be of one dimension, got 3 and 4"),
        ((np.ones(3), np.ones(3)), r"must be vectors \[n,D\] of a case, got shape \[3\]"),
    ],
)
def test_features_that_are_no_vectors_of_one_dimension_are_refused(vectors, says):
    with pytest.raises(PluginError, match=says):
        aggregation("frechet").value(FeatureSets(vectors, vectors))
