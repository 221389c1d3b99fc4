"""Several seeds of AUROC, average precision and other scores as one row: by hand, against one seed, and its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
from sklearn.metrics import average_precision_score, roc_auc_score

from radbench.stats import (
    ap_auroc_replicates,
    area_covariance,
    auroc,
    auroc_difference,
    average_precision,
    average_precision_difference,
    clustered_means,
    detectable_difference,
    margin_p,
    pooled_auroc,
    pooled_auroc_difference,
    pooled_average_precision,
    pooled_average_precision_difference,
    pooled_ends,
)
from radbench.stats.areas import newcombe
from radbench.stats.pooled import covariance_of_draws

R = 400
VALUES = {
    "auroc": (pooled_auroc, auroc, {}),
    "ap": (pooled_average_precision, average_precision, {"replicates": R}),
}
DIFFERENCES = {
    "auroc": (pooled_auroc_difference, auroc_difference, {}),
    "ap": (pooled_average_precision_difference, average_precision_difference, {"replicates": R}),
}


def seeds(n_seeds, by_seed=0.0, own=0.5, n=90, seed=1):
    """Labels, scores ``[S,N]``, the score that all seeds share, and patients of one to several cases."""
    random = np.random.default_rng(seed)
    labels = (random.random(n) < 0.3).astype(int)
    shared = random.normal(size=n) + labels
    shift = by_seed * random.normal(size=(n_seeds, 1))
    scores = shared + labels * shift + own * random.normal(size=(n_seeds, n))
    return labels, scores, shared, [f"p{i}" for i in random.integers(0, 60, n)]


@pytest.mark.parametrize("which", VALUES)
def test_equal_seeds_are_one_seed(which):
    labels, _, shared, patients = seeds(2)
    pooled, alone, more = VALUES[which]
    one, expected = pooled(labels, [shared] * 3, patients, **more), alone(labels, shared, patients, **more)
    assert one.seeds_part == pytest.approx(0.0, abs=1e-15)
    assert one.interaction_part == pytest.approx(0.0, abs=1e-15)
    assert one.patients_part == pytest.approx(expected.standard_error**2)
    assert (one.estimate.low, one.estimate.high) == pytest.approx((expected.low, expected.high))
    assert (one.estimate.freedom, one.estimate.value) == pytest.approx((expected.freedom, expected.value))


@pytest.mark.parametrize("which", DIFFERENCES)
def test_a_difference_of_equal_seeds_is_that_of_one_seed(which):
    labels, scores, shared, patients = seeds(2)
    pooled, alone, more = DIFFERENCES[which]
    expected = alone(labels, shared, scores[0], patients, **more)
    for baseline in (scores[0], [scores[0]] * 4):
        one = pooled(labels, [shared] * 4, baseline, patients, **more).estimate
        assert (one.low, one.high, one.p_value) == pytest.approx((expected.low, expected.high, expected.p_value))


@pytest.mark.parametrize("by_seed", [0.0, 0.4, 3.0])
def test_two_seeds_of_areas_by_hand(by_seed):
    labels, scores, _, patients = seeds(2, by_seed)
    one = pooled_auroc(labels, scores, patients)
    a, b = (roc_auc_score(labels, row) for row in scores)
    _, ((v, c), (_, w)) = area_covariance(labels, scores, patients)
    assert one.estimate.value == pytest.approx((a + b) / 2)
    assert one.seed_means == pytest.approx([a, b])
    assert one.patients_part == pytest.approx((v + w + 2 * c) / 4)
    # The difference of two areas has variance v + w - 2 c: a quarter of it lies in their mean's spread.
    assert one.interaction_part == pytest.approx((v + w - 2 * c) / 4)
    assert one.seeds_part == pytest.approx(max(0.0, (a - b) ** 2 / 4 - one.interaction_part))
    assert one.estimate.standard_error == pytest.approx(math.sqrt(one.patients_part + one.seeds_part))
    if one.seeds_part > one.patients_part:
        assert one.estimate.freedom == 1


def test_the_interval_is_the_hull_of_newcombes_and_the_logit_scales():
    labels, scores, _, patients = seeds(3, 0.4)
    one = pooled_auroc(labels, scores, patients).estimate
    reach = scipy.stats.t.ppf(0.975, one.freedom) * one.standard_error / (one.value * (1 - one.value))
    low, high = scipy.special.expit(scipy.special.logit(one.value) + np.array([-reach, reach]))
    positives = len({p for p, y in zip(patients, labels, strict=True) if y})
    negatives = len({p for p, y in zip(patients, labels, strict=True) if not y})
    first = newcombe(one.value, positives, negatives)
    assert (one.low, one.high) == pytest.approx((min(low, first[0]), max(high, first[1])))


def test_the_parts_of_average_precision_are_those_of_its_draws():
    labels, scores, _, patients = seeds(3, 0.4)
    draws = ap_auroc_replicates(labels, scores, patients, R)[0]
    one = pooled_average_precision(labels, scores, patients, draws=draws)
    values = [average_precision_score(labels, row) for row in scores]
    rest = draws - draws.mean(axis=0)
    interaction = sum(np.var(row, ddof=1) for row in rest) / (3 * 2)
    assert one.patients_part == pytest.approx(np.var(draws.mean(axis=0), ddof=1))
    assert one.interaction_part == pytest.approx(interaction)
    assert one.seeds_part == pytest.approx(max(0.0, np.var(values, ddof=1) / 3 - interaction))
    again = pooled_average_precision(labels, scores, patients, replicates=R)
    assert (again.estimate.low, again.estimate.high) == (one.estimate.low, one.estimate.high)
    reach = scipy.stats.t.ppf(0.975, one.estimate.freedom) * one.estimate.standard_error
    reach /= one.estimate.value * (1 - one.estimate.value)
    assert one.estimate.low == pytest.approx(scipy.special.expit(scipy.special.logit(one.estimate.value) - reach))


@pytest.mark.parametrize("which", DIFFERENCES)
def test_a_difference_is_judged_by_its_own_t(which):
    labels, scores, shared, patients = seeds(3, 0.5)
    pooled, _, more = DIFFERENCES[which]
    one = pooled(labels, scores, shared - 0.3 * labels, patients, **more).estimate
    t = one.value / one.standard_error
    assert one.p_value == pytest.approx(2 * scipy.stats.t.sf(abs(t), one.freedom))
    assert (one.p_value <= 0.05) == (not one.low <= 0 <= one.high)
    assert 0 < margin_p(one, 0.1) < 1
    assert detectable_difference(one) > 0


@pytest.mark.parametrize("which", DIFFERENCES)
def test_p_needs_three_seeds_and_ten_patients_of_the_rarer_class(which):
    labels, scores, shared, _ = seeds(3)
    pooled, _, more = DIFFERENCES[which]
    two = pooled(labels, scores[:2], shared, **more).estimate
    assert (two.no_p, two.no_interval) == ("fewer than 3 seeds: 2", "")
    assert math.isnan(two.p_value)
    few = np.r_[np.ones(9), np.zeros(81)]
    one = pooled(few, scores, shared, **more).estimate
    assert one.no_p == "fewer than 10 patients of the rarer class: 9"
    assert math.isnan(one.p_value)
    assert one.low < one.value < one.high
    assert pooled(np.r_[1, 1, np.zeros(88)], scores, shared, **more).estimate.no_interval


@pytest.mark.parametrize("which", VALUES)
def test_a_perfect_order_by_all_seeds_is_bounded_by_the_positive_patients(which):
    pooled, _, more = VALUES[which]
    labels = [1] * 4 + [0] * 20
    one = pooled(labels, [np.arange(24)[::-1]] * 3, **more).estimate
    assert (one.value, one.low, one.high) == pytest.approx((1.0, 0.025 ** (1 / 4), 1.0))
    assert pooled_auroc(labels, [np.arange(24)] * 3).estimate.high == pytest.approx(1 - 0.025 ** (1 / 4))


@pytest.mark.parametrize("which", VALUES)
def test_two_patients_of_a_class_get_no_interval_and_one_class_no_value(which):
    _, scores, _, _ = seeds(3)
    pooled, _, more = VALUES[which]
    one = pooled(np.r_[1, 1, np.zeros(88)], scores, **more)
    assert one.estimate.no_interval == "fewer than 3 patients of the rarer class: 2"
    assert math.isnan(one.estimate.low)
    assert one.estimate.value == pytest.approx(one.seed_means.mean())
    none = pooled(np.zeros(90), scores, **more)
    assert none.estimate.no_interval == "only one class is there"
    assert math.isnan(none.estimate.value)
    assert math.isnan(none.seeds_part)


@pytest.mark.parametrize("which", DIFFERENCES)
def test_a_case_that_any_seed_lacks_is_left_out_of_all(which):
    labels, scores, shared, patients = seeds(3, 0.3)
    pooled, _, more = DIFFERENCES[which]
    holes, other = scores.copy(), shared.copy()
    holes[1, 4], other[7] = np.nan, np.nan
    keep = np.delete(np.arange(90), [4, 7])
    one = pooled(labels, holes, other, patients, **more).estimate
    rest = pooled(labels[keep], scores[:, keep], shared[keep], [patients[i] for i in keep], **more).estimate
    assert one.n_missing == 2
    assert one.value == pytest.approx(rest.value)
    # Resamples are of all patients: with bootstrap they are the same where no patient is lost.
    assert one.standard_error == pytest.approx(rest.standard_error, rel=1e-9 if which == "auroc" else 0.15)


@pytest.mark.parametrize("which", DIFFERENCES)
def test_neither_the_order_of_cases_nor_that_of_seeds_matters(which):
    labels, scores, shared, patients = seeds(3, 0.5)
    pooled, _, more = DIFFERENCES[which]
    order = np.random.default_rng(2).permutation(90)
    one = pooled(labels, scores, shared, patients, **more).estimate
    two = pooled(labels[order], scores[[2, 0, 1]][:, order], shared[order], [patients[i] for i in order], **more)
    assert (two.estimate.low, two.estimate.p_value) == pytest.approx((one.low, one.p_value))


def test_ends_join_what_patients_and_seeds_do_at_right_angles():
    found = pooled_ends([1.0, 2.0, 3.0], [(0.5, 1.6), (1.4, 2.8), (2.3, 3.4)])
    reach = scipy.stats.t.ppf(0.975, 2) * 1.0 / math.sqrt(3)
    assert found.estimate.value == 2.0
    assert found.estimate.low == pytest.approx(2.0 - math.hypot(0.6, reach))
    assert found.estimate.high == pytest.approx(2.0 + math.hypot(0.6, reach))
    assert math.isnan(found.estimate.p_value)
    assert found.estimate.no_p == "several seeds of this score are not tested"
    bounded = pooled_ends([0.9, 1.0], [(0.7, 1.0), (0.8, 1.0)], bounds=(0.0, 1.0)).estimate
    assert (bounded.low >= 0.0, bounded.high) == (True, 1.0)


def test_ends_of_means_cover_at_least_as_often_as_they_say():
    random, covered = np.random.default_rng(4), []
    for strength in (0.0, 1.0, 5.0):
        for _ in range(60):
            x = strength * 0.2 * random.normal(size=(3, 1)) + random.normal(size=30) + 0.5 * random.normal(size=(3, 30))
            each = clustered_means(x, replicates=399)
            found = pooled_ends([one.value for one in each], [(one.low, one.high) for one in each]).estimate
            covered.append(found.low <= 0.0 <= found.high)
    assert np.mean(covered) >= 0.95


def test_a_seed_without_an_interval_leaves_none():
    found = pooled_ends([1.0, 2.0], [(0.5, 1.5), (math.nan, math.nan)]).estimate
    assert math.isnan(found.low)
    assert found.no_interval == "a seed has no interval"


def test_a_covariance_is_over_the_resamples_that_define_both():
    random = np.random.default_rng(5)
    x = random.normal(size=(2, 60)) + random.normal(size=60)
    np.testing.assert_allclose(covariance_of_draws(x, 2), np.cov(x), rtol=1e-12)
    x[0, :10], x[1, 5:20] = np.nan, np.nan
    found = covariance_of_draws(x, 2)
    assert found[0, 0] == pytest.approx(np.var(x[0, 10:], ddof=1))
    assert found[0, 1] == pytest.approx(np.cov(x[:, 20:])[0, 1])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: pooled_auroc([0, 1], [0.1, 0.2]), "two seeds or more"),
        (lambda: pooled_auroc([0, 1], [[0.1, 0.2]]), "two seeds or more"),
        (lambda: pooled_auroc([0, 1], [[0.1, 0.2]] * 2, level=1.0), "level"),
        (lambda: pooled_auroc_difference([0, 1], [[0.1, 0.2]] * 2, [[0.1, 0.2]] * 3), "same seeds and cases"),
        (lambda: pooled_average_precision([0, 1, 1], [[0.1, 0.2]] * 2), "3 labels"),
        (lambda: pooled_average_precision([0, 1] * 5, np.ones((2, 10)), draws=np.ones((3, 9))), r"\[2,R\]"),
        (lambda: pooled_ends([1.0], [(0.0, 2.0)]), "two seeds or more"),
        (lambda: pooled_ends([1.0, 2.0], [(0.0, 2.0)]), r"\[2,2\]"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
