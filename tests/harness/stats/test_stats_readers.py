"""Obuchowski and Rockette's analysis, against published output for the Van Dyke study.

The figures are the printed output of OR-DBM MRMC 2.51 (Schartz, Hillis, Pesce & Berbaum, University of Iowa) for the
data of Van Dyke et al. (1993): 2 modalities, 5 readers, 114 cases, trapezoidal areas, jackknife covariances. The
output gives the covariances as averages, which is all that the analysis uses; a matrix with those averages is made
from them here.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from radbench.stats import area_covariance, jackknife_covariance, obuchowski_rockette

AREAS = np.array(
    [
        [0.91964573, 0.85877617, 0.90386473, 0.97310789, 0.82979066],
        [0.94782609, 0.90531401, 0.92173913, 0.99935588, 0.92995169],
    ]
)
VARIANCE, COV1, COV2, COV3 = (0.00101410, 0.00059047), 0.00034661, (0.00048396, 0.00020419), 0.00023903


@pytest.fixture
def covariance():
    matrix = np.full((2, 5, 2, 5), COV3)
    for i in range(2):
        matrix[i, :, i] = COV2[i]
        for j in range(5):
            matrix[i, j, i, j] = VARIANCE[i]
            matrix[i, j, 1 - i, j] = COV1
    return matrix


def test_mean_squares_and_components_are_the_published_ones(covariance):
    parts = obuchowski_rockette(AREAS, covariance).components
    assert (parts.ms_modality, parts.ms_reader, parts.ms_interaction) == pytest.approx(
        (0.00479617, 0.00383620, 0.00055103), abs=6e-9
    )
    assert (parts.variance, parts.cov1, parts.cov2, parts.cov3) == pytest.approx(
        (0.00080229, 0.00034661, 0.00034407, 0.00023903), abs=1.1e-8
    )
    assert (parts.reader_variance, parts.interaction_variance) == pytest.approx((0.00153500, 0.00020040), abs=2e-8)


def test_random_readers_are_the_published_analysis(covariance):
    one = obuchowski_rockette(AREAS, covariance)
    assert one.statistic == pytest.approx(4.46, abs=0.005)
    assert one.freedom == pytest.approx(15.26, abs=0.005)
    assert one.p_value == pytest.approx(0.0517, abs=5e-5)
    (difference,) = one.differences
    assert (difference.first, difference.second) == (0, 1)
    assert (difference.value, difference.standard_error) == pytest.approx((-0.04380, 0.02075), abs=6e-6)
    assert (difference.low, difference.high) == pytest.approx((-0.08796, 0.00036), abs=6e-6)
    assert difference.p_value == pytest.approx(0.0517, abs=5e-5)


def test_single_modalities_with_random_readers_are_the_published_ones(covariance):
    first, second = obuchowski_rockette(AREAS, covariance).means
    assert (first.value, first.standard_error) == pytest.approx((0.89703704, 0.03317360), abs=1e-7)
    assert (first.low, first.high) == pytest.approx((0.82522360, 0.96885048), abs=1e-6)
    assert (second.value, second.standard_error) == pytest.approx((0.94083736, 0.02156637), abs=1e-6)
    assert (second.low, second.high) == pytest.approx((0.89413783, 0.98753689), abs=2e-6)
    assert (first.freedom, second.freedom) == pytest.approx((12.74, 12.71), abs=0.006)


def test_fixed_readers_are_the_published_analysis(covariance):
    one = obuchowski_rockette(AREAS, covariance, "fixed")
    assert one.statistic == pytest.approx(5.47595, abs=2e-4)
    assert one.p_value == pytest.approx(0.0193, abs=5e-5)
    (difference,) = one.differences
    assert difference.standard_error == pytest.approx(0.01872, abs=6e-6)
    assert (difference.low, difference.high) == pytest.approx((-0.08049, -0.00711), abs=6e-6)
    first, second = one.means
    assert (first.standard_error, second.standard_error) == pytest.approx((0.02428971, 0.01677632), abs=2e-7)
    assert (first.low, second.high) == pytest.approx((0.84943008, 0.97371835), abs=1e-6)


def test_without_shared_errors_two_modalities_are_the_paired_t_test_over_readers():
    # The published third analysis: random readers, fixed cases.
    one = obuchowski_rockette(AREAS, np.zeros((10, 10)))
    expected = scipy.stats.ttest_rel(AREAS[0], AREAS[1])
    assert one.statistic == pytest.approx(expected.statistic**2)
    assert (one.freedom, one.p_value) == (pytest.approx(4), pytest.approx(expected.pvalue))
    assert (one.statistic, one.p_value) == (pytest.approx(8.70, abs=0.005), pytest.approx(0.0420, abs=5e-5))


def test_three_modalities_equal_the_repeated_measures_analysis_without_shared_errors():
    x = np.random.default_rng(0).normal(size=(3, 6)) + np.arange(3)[:, None]
    one = obuchowski_rockette(x, np.zeros((18, 18)))
    rest = x - x.mean(axis=0) - x.mean(axis=1, keepdims=True) + x.mean()
    F = (6 * ((x.mean(axis=1) - x.mean()) ** 2).sum() / 2) / ((rest**2).sum() / 10)
    assert one.statistic == pytest.approx(F)
    assert one.p_value == pytest.approx(scipy.stats.f.sf(F, 2, 10))
    assert [(d.first, d.second) for d in one.differences] == [(0, 1), (0, 2), (1, 2)]


def test_the_jackknife_of_areas_agrees_with_obuchowskis_covariance():
    random = np.random.default_rng(1)
    labels = np.r_[np.ones(60), np.zeros(60)]
    ratings = random.normal(size=(4, 120)) + labels + random.normal(size=120)
    areas, covariance = area_covariance(labels, ratings)
    left_out = [area_covariance(np.delete(labels, i), np.delete(ratings, i, axis=1))[0] for i in range(120)]
    np.testing.assert_allclose(jackknife_covariance(left_out), covariance, rtol=0.06, atol=2e-5)
    one = obuchowski_rockette(areas.reshape(2, 2), covariance)
    assert 0 < one.p_value <= 1


def test_jackknife_of_means_is_the_covariance_of_means():
    x = np.random.default_rng(2).normal(size=(30, 3))
    left_out = (x.sum(axis=0) - x) / 29
    np.testing.assert_allclose(jackknife_covariance(left_out), np.cov(x.T) / 30, rtol=1e-10)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: obuchowski_rockette(AREAS[:1], np.zeros((5, 5))), "two modalities and two readers"),
        (lambda: obuchowski_rockette(AREAS, np.zeros((4, 4))), r"covariance must be \[T\*R,T\*R\]"),
        (lambda: obuchowski_rockette(AREAS, np.triu(np.ones((10, 10)))), "symmetric"),
        (lambda: obuchowski_rockette(AREAS * math.nan, np.zeros((10, 10))), "finite"),
        (lambda: obuchowski_rockette(AREAS, np.zeros((10, 10)), "some"), "'random' or 'fixed'"),
        (lambda: obuchowski_rockette(np.ones((2, 3)), np.zeros((6, 6))), "leave no error"),
        (lambda: jackknife_covariance([[1.0]]), "two patients"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
