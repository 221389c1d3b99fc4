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
    bootstrap_ap_auroc,
    paired_ap_auroc,
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
    result = bootstrap_ap_auroc(labels, scores, who, 60, seed=3)
    counts = np.concatenate(list(resampled_counts(300, who, 60, 3)))
    expected = np.array([by_sklearn(labels, scores, row) for row in counts])
    np.testing.assert_allclose(result.ap_replicates, expected[:, 0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(result.auroc_replicates, expected[:, 1], rtol=0, atol=1e-12)


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
    first = bootstrap_ap_auroc(labels, scores, patients.tolist(), 100)
    second = bootstrap_ap_auroc(labels[order], scores[order], patients[order].tolist(), 100)
    assert np.array_equal(first.ap_replicates, second.ap_replicates)
    assert np.array_equal(first.auroc_replicates, second.auroc_replicates)
    assert (first.ap, first.auroc) == (second.ap, second.auroc)


def test_a_rising_transform_of_the_scores_changes_no_bit():
    labels, scores = findings()
    first, second = bootstrap_ap_auroc(labels, scores, None, 50), bootstrap_ap_auroc(labels, np.exp(scores), None, 50)
    assert np.array_equal(first.ap_replicates, second.ap_replicates)


def test_a_perfect_score_is_one_in_every_replicate():
    labels, _ = findings()
    result = bootstrap_ap_auroc(labels, labels, None, 50)
    assert (result.ap.value, result.ap.low, result.ap.high) == (1.0, 1.0, 1.0)
    assert (result.auroc_replicates == 1.0).all()


def test_a_constant_score_has_the_prevalence_as_ap_and_half_as_auroc():
    labels, _ = findings()
    assert ap_auroc(labels, np.zeros(300)) == (pytest.approx(labels.mean()), 0.5)


def test_replicates_of_one_class_are_nan_and_counted():
    labels, scores = np.array([1, 0, 0, 0]), np.array([0.9, 0.1, 0.5, 0.2])
    result = bootstrap_ap_auroc(labels, scores, None, 400)
    without = int(np.isnan(result.ap_replicates).sum())
    assert result.ap.n_undefined == result.auroc.n_undefined == without
    assert without / 400 == pytest.approx(0.75**4 + 0.25**4, abs=0.07)
    assert math.isfinite(result.ap.low)


def test_one_class_only_is_nan_throughout():
    result = bootstrap_ap_auroc([1, 1], [0.1, 0.2], None, 10)
    assert math.isnan(result.ap.value)
    assert math.isnan(result.auroc.low)
    assert result.ap.n_undefined == 10


def test_missing_scores_are_left_out_and_counted():
    labels, scores = findings()
    holes = scores.copy()
    holes[::10] = np.nan
    kept = ~np.isnan(holes)
    result = bootstrap_ap_auroc(labels, holes, None, 20)
    assert result.ap.n_missing == 30
    assert result.ap.value == pytest.approx(average_precision_score(labels[kept], scores[kept]), abs=1e-12)


def placements(labels, scores):
    positive, negative = scores[labels == 1], scores[labels == 0]
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    return wins.mean(axis=1), wins.mean(axis=0)


def delong_error(*terms):
    """Standard error of the sum of placement terms (DeLong, DeLong & Clarke-Pearson 1988)."""
    v10, v01 = terms
    return math.sqrt(v10.var(ddof=1) / len(v10) + v01.var(ddof=1) / len(v01))


def test_standard_error_of_auroc_is_delongs():
    labels, scores = findings(800, 0.3, 1)
    result = bootstrap_ap_auroc(labels, scores, None, 5000)
    assert result.auroc.standard_error == pytest.approx(delong_error(*placements(labels, scores)), rel=0.04)


def test_clusters_widen_the_interval_as_repeated_images_should():
    labels, scores = findings(150)
    patients = list(range(150)) * 4
    once = bootstrap_ap_auroc(labels, scores, None, 2000).auroc.standard_error
    repeated = bootstrap_ap_auroc(np.tile(labels, 4), np.tile(scores, 4), patients, 2000).auroc.standard_error
    naive = bootstrap_ap_auroc(np.tile(labels, 4), np.tile(scores, 4), None, 2000).auroc.standard_error
    assert repeated == pytest.approx(once, rel=0.05)
    assert naive == pytest.approx(once / 2, rel=0.1)


def test_interval_covers_the_true_auroc():
    truth = scipy.stats.norm.cdf(1 / math.sqrt(2))
    covered = 0
    for seed in range(300):
        labels, scores = findings(120, 0.4, seed=seed)
        interval = bootstrap_ap_auroc(labels, scores, None, 300).auroc
        covered += interval.low <= truth <= interval.high
    assert 0.91 <= covered / 300 <= 0.985


def test_paired_replicates_are_differences_on_the_same_resamples():
    labels, scores = findings()
    baseline = scores + np.random.default_rng(5).normal(size=300)
    paired = paired_ap_auroc(labels, scores, baseline, None, 200, 4)
    ours, theirs = (bootstrap_ap_auroc(labels, s, None, 200, 4) for s in (scores, baseline))
    assert np.array_equal(paired.ap_replicates, ours.ap_replicates - theirs.ap_replicates)
    assert np.array_equal(paired.auroc_replicates, ours.auroc_replicates - theirs.auroc_replicates)
    assert paired.ap.delta == ours.ap.value - theirs.ap.value


def test_paired_p_value_of_auroc_is_close_to_delongs_test():
    labels, scores = findings(600, 0.3)
    baseline = scores + 0.7 * np.random.default_rng(5).normal(size=600)
    first, second = placements(labels, scores), placements(labels, baseline)
    delta = first[0].mean() - second[0].mean()
    z = delta / delong_error(first[0] - second[0], first[1] - second[1])
    paired = paired_ap_auroc(labels, scores, baseline, None, 4000)
    assert paired.auroc.delta == pytest.approx(delta, abs=1e-12)
    assert paired.auroc.p_value == pytest.approx(2 * scipy.stats.norm.sf(abs(z)), abs=0.02)


def test_paired_p_value_of_equal_scores_is_one():
    labels, scores = findings()
    paired = paired_ap_auroc(labels, scores, scores, None, 100)
    assert paired.ap.p_value == paired.auroc.p_value == 1.0


def test_paired_p_value_is_never_zero():
    labels, scores = findings()
    assert paired_ap_auroc(labels, labels, -scores, None, 99).ap.p_value == 0.01


def test_paired_p_value_is_uniform_where_nothing_differs():
    p = []
    for seed in range(250):
        labels, scores = findings(150, 0.4, seed=seed)
        noise = np.random.default_rng(1000 + seed).normal(size=(2, 150))
        p.append(paired_ap_auroc(labels, scores + noise[0], scores + noise[1], None, 199).ap.p_value)
    assert 0.015 < np.mean(np.array(p) <= 0.05) < 0.09


def test_paired_cases_that_either_lacks_are_left_out_of_both():
    labels, scores = findings()
    ours, theirs = scores.copy(), -scores
    ours[:10], theirs[5:20] = np.nan, np.nan
    paired = paired_ap_auroc(labels, ours, theirs, None, 20)
    assert paired.ap.n_missing == 20
    expected = ap_auroc(labels[20:], scores[20:])[0] - ap_auroc(labels[20:], -scores[20:])[0]
    assert paired.ap.delta == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bootstrap_ap_auroc([], []), "at least one case"),
        (lambda: bootstrap_ap_auroc([0, 1], [0.5]), "2 labels"),
        (lambda: bootstrap_ap_auroc([0, 2], [0.5, 0.1]), "0 or 1"),
        (lambda: bootstrap_ap_auroc([0, np.nan], [0.5, 0.1]), "0 or 1"),
        (lambda: bootstrap_ap_auroc([0, 1], [0.5, np.inf]), "infinite"),
        (lambda: bootstrap_ap_auroc([0, 1], [0.5, 0.1], ["a"]), "1 patients for 2 cases"),
        (lambda: paired_ap_auroc([0, 1], [0.5, 0.1], [0.5]), "2 labels"),
        (lambda: bootstrap_ap_auroc([0, 1], [0.5, 0.1], level=2), "level"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
