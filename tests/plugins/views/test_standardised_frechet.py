"""The Fréchet distance of standardised features: closed forms, units, frd-score where it is installed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radbench.stats.aggregations import aggregation
from radbench.stats.aggregations.evidence import FeatureSets
from radbench.stats.resampling import Resampling
from radbench_views.standardised import StandardisedFrechet, standardised

NAME = "radbench_views.standardised:StandardisedFrechet"


def sets(values, references):
    """Return one vector a case on each side."""
    return FeatureSets(tuple(v[None] for v in values), tuple(r[None] for r in references))


def drawn(seed, n=40, d=3):
    return np.random.default_rng(seed).normal(size=(n, d))


def distance(values, references):
    return aggregation(NAME).value(sets(values, references))


def test_a_shift_counts_in_deviations():
    references = drawn(0) * [1.0, 100.0, 0.01] + 5.0
    shift = 2.0 * references.std(axis=0)
    assert distance(references + shift, references) == pytest.approx(3 * 2.0**2)


def test_stretching_counts_in_deviations():
    references = drawn(0) * [1.0, 100.0, 0.01]
    stretched = references.mean(axis=0) + 1.5 * (references - references.mean(axis=0))
    # Covariances are over n - 1, the deviation over n.
    assert distance(stretched, references) == pytest.approx(3 * 0.5**2 * 40 / 39)


def test_units_do_not_matter():
    values, references = drawn(1) + 0.3, drawn(2)
    assert distance(values * [3, 0.1, 7] - 4, references * [3, 0.1, 7] - 4) == pytest.approx(
        distance(values, references)
    )


def test_what_does_not_vary_over_the_references_counts_for_nothing():
    values, references = drawn(1), drawn(2)
    references[:, 1] = 0.1
    assert distance(values, references) == pytest.approx(distance(values[:, [0, 2]], references[:, [0, 2]]))


def test_several_vectors_of_a_case_and_a_case_without():
    values, references = drawn(1, 60), drawn(2, 20)
    evidence = FeatureSets((*values.reshape(20, 3, 3), None), (*references[:, None], None))
    assert StandardisedFrechet().value(evidence) == pytest.approx(distance_of_all(values, references))
    assert math.isnan(StandardisedFrechet().value(FeatureSets((None,), (None,))))


def distance_of_all(values, references):
    return StandardisedFrechet().value(FeatureSets((values,), (references,)))


def test_interval_and_test_are_the_harness_s():
    references = drawn(0)
    near, far = sets(references + 0.05 * drawn(5), references), sets(references + 1.0, references)
    own, resampling = aggregation(NAME), Resampling(tuple(f"p{i}" for i in range(40)), 200, 0)
    draws = own.draws([near, far], resampling)
    assert draws.shape == (2, 200)
    value = own.value(far)
    low, high = own.interval(far, value, draws[1], resampling)
    assert 0 <= low < value < high
    (paired,) = own.differences([near, far], [(0, 1)], draws, resampling)
    assert paired.delta == pytest.approx(own.value(near) - value)
    assert paired.high < 0
    assert paired.p_value < 0.001


def test_it_is_the_distance_of_frd_score():
    frd = pytest.importorskip("frd_score.frd", reason="frd-score is not installed")
    values, references = drawn(1, 50, 6) * 3 + 1, drawn(2, 70, 6) * [1, 2, 3, 4, 5, 0] + 7
    theirs = [frd.z_score_normalize(v, base_distribution=references) for v in (references, values)]
    moments = [(v.mean(axis=0), np.cov(v, rowvar=False)) for v in theirs]
    expected = frd.calculate_frechet_distance(*moments[0], *moments[1])
    assert distance_of_all(values, references) == pytest.approx(float(np.real(expected)), rel=1e-6)


def test_standardised_references_have_mean_0_and_deviation_1():
    found = standardised(sets(drawn(1), drawn(2) * 4 + 2)).references
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(found.std(axis=0), 1, atol=1e-12)
