"""AP and AUROC replicates, against scikit-learn on every resample, DeLong's variance and invariances."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from radbench.stats import (
    ap_auroc,
    ap_auroc_replicates,
    centred_p_value,
    resampled_counts,
)


def findings(n=300, prevalence=0.2, decimals=None, seed=0):
    random = np.random.default_rng(seed)
    labels = (random.random(n) < prevalence).astype(int)
    scores = random.normal(size=n) + labels
    return labels, scores if decimals is None else scores.round(decimals)


def by_sklearn(labels, scores, counts):
    taken = np.repeat(np.arange(len(labels)), counts)
    if len(set(labels[taken])) < 2:
        return math.nan, math.nan
    return average_precision_score(labels[taken], scores[taken]), roc_auc_score(labels[taken], scores[taken])


@pytest.mark.parametrize("prevalence", [0.02, 0.2, 0.9])
@pytest.mark.parametrize("decimals", [None, 1, 0])
@pytest.mark.parametrize("patients", [None, "clustered"])
def test_every_replicate_equals_scikit_learn(prevalence, decimals, patients):
    labels, scores = findings(300, prevalence, decimals)
    who = None if patients is None else (np.random.default_rng(1).integers(0, 60, 300)).tolist()
    ap, auroc = ap_auroc_replicates(labels, scores, who, 60, seed=3)
    counts = np.concatenate(list(resampled_counts(300, who, 60, 3)))
    expected = np.array([by_sklearn(labels, scores, row) for row in counts])
    np.testing.assert_allclose(ap[0], expected[:, 0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(auroc[0], expected[:, 1], rtol=0, atol=1e-12)


def test_a_patient_of_very_many_cases_is_counted_exactly():
    labels, scores = findings(9000, 0.1, 1)
    who = np.maximum(0, np.arange(9000) - 4500)  # together more than a float of four bytes counts
    ap, auroc = ap_auroc_replicates(labels, scores, who.tolist(), 12)
    counts = np.concatenate(list(resampled_counts(9000, who.tolist(), 12)))
    expected = np.array([by_sklearn(labels, scores, row) for row in counts])
    np.testing.assert_allclose([ap[0], auroc[0]], expected.T, rtol=0, atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(-3, 3)), min_size=2, max_size=25))
def test_values_equal_scikit_learn_on_any_data(pairs):
    labels, scores = np.array(pairs).T
    expected = by_sklearn(labels, scores.astype(float), np.ones(len(labels), dtype=int))
    np.testing.assert_allclose(ap_auroc(labels, scores), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("chunk", [1, 7, 64])
@pytest.mark.parametrize("decimals", [None, 0])
def test_the_chunk_changes_no_bit(chunk, decimals):
    labels, scores = findings(decimals=decimals)
    for chunked, whole in zip(
        ap_auroc_replicates(labels, scores, None, 150, 0, chunk),
        ap_auroc_replicates(labels, scores, None, 150, 0),
        strict=True,
    ):
        assert np.array_equal(chunked, whole)


def test_the_order_of_the_cases_changes_no_bit():
    labels, scores = findings(decimals=1)
    patients = np.random.default_rng(1).integers(0, 60, 300)
    order = np.random.default_rng(2).permutation(300)
    first = ap_auroc_replicates(labels, scores, patients.tolist(), 100)
    second = ap_auroc_replicates(labels[order], scores[order], patients[order].tolist(), 100)
    assert np.array_equal(first, second)
    assert ap_auroc(labels, scores) == ap_auroc(labels[order], scores[order])


def test_a_rising_transform_of_the_scores_changes_no_bit():
    labels, scores = findings()
    both = [ap_auroc_replicates(labels, one, None, 50) for one in (scores, np.exp(scores))]
    assert np.array_equal(*both)


def test_a_perfect_score_is_one_in_every_replicate():
    labels, _ = findings()
    assert ap_auroc(labels, labels) == (1.0, 1.0)
    assert (np.array(ap_auroc_replicates(labels, labels, None, 50)) == 1.0).all()


def test_a_constant_score_has_the_prevalence_as_ap_and_half_as_auroc():
    labels, _ = findings()
    assert ap_auroc(labels, np.zeros(300)) == (pytest.approx(labels.mean()), 0.5)


def test_replicates_of_one_class_are_nan():
    labels, scores = np.array([1, 0, 0, 0]), np.array([0.9, 0.1, 0.5, 0.2])
    ap, auroc = ap_auroc_replicates(labels, scores, None, 400)
    assert np.array_equal(np.isnan(ap), np.isnan(auroc))
    assert np.isnan(ap).mean() == pytest.approx(0.75**4 + 0.25**4, abs=0.07)
    for only in ([1, 1], [0, 0]):
        assert np.isnan(ap_auroc(only, [0.1, 0.2])).all()
        assert np.isnan(ap_auroc_replicates(only, [0.1, 0.2], None, 10)).all()


def test_missing_scores_are_left_out():
    labels, scores = findings()
    holes = scores.copy()
    holes[::10] = np.nan
    kept = ~np.isnan(holes)
    assert ap_auroc(labels, holes)[0] == pytest.approx(average_precision_score(labels[kept], scores[kept]), abs=1e-12)
    counts = np.concatenate(list(resampled_counts(300, None, 5)))
    expected = [by_sklearn(labels[kept], scores[kept], row[kept])[0] for row in counts]
    np.testing.assert_allclose(ap_auroc_replicates(labels, holes, None, 5)[0][0], expected, atol=1e-12)


def placements(labels, scores):
    positive, negative = scores[labels == 1], scores[labels == 0]
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    return wins.mean(axis=1), wins.mean(axis=0)


def delong_error(*terms):
    """Standard error of the sum of placement terms (DeLong, DeLong & Clarke-Pearson 1988)."""
    v10, v01 = terms
    return math.sqrt(v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01))


def auroc_error(labels, scores, patients, replicates):
    return np.std(ap_auroc_replicates(labels, scores, patients, replicates)[1][0], ddof=1)


def test_standard_error_of_auroc_is_delongs():
    labels, scores = findings(800, 0.3, 1)
    assert auroc_error(labels, scores, None, 5000) == pytest.approx(delong_error(*placements(labels, scores)), rel=0.04)


def test_clusters_widen_the_error_as_repeated_images_should():
    labels, scores = findings(150)
    patients = list(range(150)) * 4
    once = auroc_error(labels, scores, None, 2000)
    assert auroc_error(np.tile(labels, 4), np.tile(scores, 4), patients, 2000) == pytest.approx(once, rel=0.05)
    assert auroc_error(np.tile(labels, 4), np.tile(scores, 4), None, 2000) == pytest.approx(once / 2, rel=0.1)


def test_rows_share_the_resamples():
    labels, scores = findings()
    baseline = scores + np.random.default_rng(5).normal(size=300)
    both = ap_auroc_replicates(labels, [scores, baseline], None, 200, 4)
    for k, one in enumerate((scores, baseline)):
        alone = ap_auroc_replicates(labels, one, None, 200, 4)
        assert all(np.array_equal(table[k], row[0]) for table, row in zip(both, alone, strict=True))


def test_the_centred_p_value_of_auroc_is_close_to_delongs_test():
    labels, scores = findings(600, 0.3)
    baseline = scores + 0.7 * np.random.default_rng(5).normal(size=600)
    first, second = placements(labels, scores), placements(labels, baseline)
    delta = first[0].mean() - second[0].mean()
    z = delta / delong_error(first[0] - second[0], first[1] - second[1])
    drawn = ap_auroc_replicates(labels, [scores, baseline], None, 4000)[1]
    assert centred_p_value(delta, drawn[0] - drawn[1]) == pytest.approx(2 * scipy.stats.norm.sf(abs(z)), abs=0.02)


def test_the_centred_p_value_is_one_for_equal_scores_and_never_zero():
    labels, scores = findings()
    assert centred_p_value(0.0, np.zeros(100)) == 1.0
    drawn = ap_auroc_replicates(labels, [labels, -scores], None, 99)[0]
    assert centred_p_value(1.0 - ap_auroc(labels, -scores)[0], drawn[0] - drawn[1]) == 0.01


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ap_auroc_replicates([], []), "at least one case"),
        (lambda: ap_auroc_replicates([0, 1], [0.5]), "2 labels"),
        (lambda: ap_auroc_replicates([0, 2], [0.5, 0.1]), "0 or 1"),
        (lambda: ap_auroc_replicates([0, np.nan], [0.5, 0.1]), "0 or 1"),
        (lambda: ap_auroc_replicates([0, 1], [0.5, np.inf]), "infinite"),
        (lambda: ap_auroc_replicates([0, 1], [0.5, 0.1], ["a"]), "1 patients for 2 cases"),
        (lambda: ap_auroc([0, 1], [0.5]), "2 labels"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
