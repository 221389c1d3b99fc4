"""Power: against the noncentral t, textbook sizes, and a simulation of the printed interval's rule."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from radbench.stats import (
    clustered_mean,
    clustered_means,
    detectable_difference,
    detectable_with,
    patients_needed,
    pooled_mean,
)
from radbench.stats.both import Estimate
from radbench.stats.effects import noncentral, noncentral_below, noncentrality
from radbench.stats.studentised import Studentised


def pilot(error, freedom, patients):
    """An estimate that the t alone judges."""
    rule = Studentised(0.0, error, freedom)
    return Estimate(0.0, *rule.interval(), 0.95, 1.0, error, freedom, patients, patients, patients, rule=rule)


@pytest.mark.parametrize(("t", "freedom"), [(0.0, 5.0), (2.5, 4.2), (-3.0, 30.0), (12.0, 11.0)])
def test_noncentrality_inverts_the_noncentral_t(t, freedom):
    low, high = noncentrality(t, freedom)
    assert scipy.stats.nct.sf(t, freedom, low) == pytest.approx(0.025, abs=1e-7)
    assert scipy.stats.nct.cdf(t, freedom, high) == pytest.approx(0.025, abs=1e-7)


def test_far_beyond_the_noncentral_ts_reach_the_normal_approximation_takes_over():
    near, far = noncentral(29.9, 50.0, 0.2), noncentral(30.1, 50.0, 0.2)
    assert far - near == pytest.approx(0.2, abs=0.15)


def test_the_detectable_difference_has_the_stated_power():
    one = pilot(0.5, 19.0, 20)
    difference = detectable_difference(one)
    critical = scipy.stats.t.ppf(0.975, 19)
    assert scipy.stats.nct.sf(critical, 19, difference / 0.5) == pytest.approx(0.8, abs=1e-6)
    assert detectable_difference(one, 0.9) > difference


@pytest.mark.parametrize(("effect", "n"), [(0.8, 15), (0.5, 34), (0.2, 199)])
def test_patients_needed_are_the_textbooks(effect, n):
    # One-sample t, two-sided 5 %, power 80 % (Cohen 1988; the usual programs print these).
    assert patients_needed(pilot(1 / math.sqrt(20), 19.0, 20), effect) == pytest.approx(n, abs=1)


def test_the_number_needed_is_the_first_that_is_enough():
    one = clustered_mean(np.random.default_rng(0).normal(size=40), [i // 2 for i in range(40)], replicates=399)
    n = patients_needed(one, 0.3)
    assert detectable_with(one, n) <= 0.3 < detectable_with(one, n - 1)
    assert patients_needed(one, -0.3) == n
    assert patients_needed(one, 100.0) == 6


def test_as_many_patients_as_there_are_detect_what_the_data_detect():
    one = clustered_mean(np.random.default_rng(1).exponential(size=30), replicates=399)
    assert detectable_with(one, 30) == pytest.approx(detectable_difference(one))


def test_the_printed_rule_shows_it_about_as_often_as_stated():
    random = np.random.default_rng(2)
    typical = np.median(
        [detectable_difference(e) for e in clustered_means(random.normal(size=(60, 30)), replicates=999)]
    )
    shown = [e.p_value <= 0.05 for e in clustered_means(random.normal(typical, 1, (500, 30)), replicates=999)]
    assert np.mean(shown) == pytest.approx(0.8, abs=0.07)


def test_nothing_is_said_without_an_interval():
    one = clustered_mean([1.0, 2.0, 3.0])
    assert math.isnan(detectable_difference(one))
    with pytest.raises(ValueError, match="fewer than 6 patients: 3"):
        patients_needed(one, 0.1)
    with pytest.raises(ValueError, match="fewer than 6 patients: 3"):
        detectable_with(one, 50)


@pytest.mark.parametrize("difference", [0.0, math.nan, math.inf])
def test_the_difference_must_be_one(difference):
    with pytest.raises(ValueError, match="other than zero"):
        patients_needed(pilot(0.1, 9.0, 10), difference)


def test_power_must_lie_between_0_and_1_and_a_hopeless_difference_is_refused():
    with pytest.raises(ValueError, match="power must lie"):
        detectable_difference(pilot(0.1, 9.0, 10), 1.0)
    with pytest.raises(ValueError, match="needs more than"):
        patients_needed(pilot(0.1, 9.0, 10), 1e-9)


def of_seeds(by_seed, seed=0):
    random = np.random.default_rng(seed)
    x = by_seed * random.normal(size=(5, 1)) + random.normal(size=20) + 0.3 * random.normal(size=(5, 20))
    return pooled_mean(x, replicates=399)


def test_more_patients_do_not_lessen_what_seeds_add():
    one = of_seeds(0.4)
    rule = one.estimate.rule
    assert one.estimate.seeds_variance == one.seeds_part > 0
    quadruple = math.sqrt(one.patients_part / 4 + one.seeds_part)
    patients = one.patients_part / 4
    freedom = quadruple**4 / (patients**2 / 79 + one.seeds_part**2 / 4) if patients > one.seeds_part else 4
    ends = rule.interval()
    beyond = max(rule.estimate - ends[0], ends[1] - rule.estimate) / rule.error - scipy.stats.t.ppf(0.975, rule.freedom)
    reach = scipy.stats.t.ppf(0.975, freedom) + beyond / 2
    assert detectable_with(one.estimate, 80) == pytest.approx(quadruple * noncentral(reach, freedom, 0.2))
    limit = math.sqrt(one.seeds_part) * noncentral(scipy.stats.t.ppf(0.975, 4), 4.0, 0.2)
    assert detectable_with(one.estimate, 10**9) == pytest.approx(limit, rel=1e-3)
    assert math.isfinite(patients_needed(one.estimate, 1.05 * limit))
    with pytest.raises(ValueError, match="with 5 seeds: they vary too much"):
        patients_needed(one.estimate, 0.95 * limit)


def test_seeds_alike_are_as_one():
    x = np.random.default_rng(2).normal(size=30) + 0.2
    one, alone = pooled_mean([x, x, x], replicates=399).estimate, clustered_mean(x, replicates=399)
    assert patients_needed(one, 0.4) == patients_needed(alone, 0.4)


@pytest.mark.parametrize("freedom", [1.0, 2.0, 4.5, 23.0, 400.0])
def test_the_noncentral_t_is_scipys_where_that_has_one(freedom):
    for t in (-3.0, 0.0, 1.5, 8.0):
        for centre in (-4.0, 0.5, 6.0):
            expected = scipy.stats.nct.cdf(t, freedom, centre)
            assert noncentral_below(t, freedom, centre) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("t", [16.0, 30.0, 1e3, 1e6])
@pytest.mark.parametrize("freedom", [1.5, 2.0, 2.5])
def test_few_degrees_of_freedom_and_a_large_t_have_a_noncentrality(t, freedom):
    """SciPy's distribution function is NaN there, which three seeds with a clear effect meet."""
    for below in (0.025, 0.2, 0.975):
        assert noncentral_below(t, freedom, noncentral(t, freedom, below)) == pytest.approx(below, abs=1e-8)
