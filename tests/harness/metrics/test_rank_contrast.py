"""Contrast order and gCNR: closed forms, all pairs by hand, and that no monotone map moves them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, norm
from sklearn.metrics import roc_auc_score

from radbench.metrics.contrast import contrast_to_noise
from radbench.metrics.rank_contrast import contrast_order, gcnr

BOTH = {"contrast_order": contrast_order, "gcnr": gcnr}
levels = st.lists(st.integers(0, 12), min_size=2, max_size=40)


def of(metric, inside, outside):
    image = np.concatenate([inside, outside])[None].astype(float)
    mask = (np.arange(image.size) < len(inside))[None]
    return metric(image, mask, ~mask)


@settings(max_examples=80, deadline=None)
@given(levels, levels)
def test_the_contrast_order_is_the_mean_sign_over_all_pairs_and_twice_the_auroc_less_one(inside, outside):
    found = of(contrast_order, inside, outside)
    signs = np.sign(np.subtract.outer(inside, outside))
    assert found == pytest.approx(signs.mean(), abs=1e-12)
    labels = [1] * len(inside) + [0] * len(outside)
    assert found == pytest.approx(2 * roc_auc_score(labels, [*inside, *outside]) - 1, abs=1e-12)
    u = mannwhitneyu(inside, outside).statistic
    assert found == pytest.approx(2 * u / (len(inside) * len(outside)) - 1, abs=1e-12)


@pytest.mark.parametrize("distance", [0.0, 0.5, 1.0, 2.0, 4.0])
def test_of_two_normal_distributions_they_are_what_these_have(distance):
    rng = np.random.default_rng(0)
    a, b = rng.normal(distance, 1, 40_000), rng.normal(0, 1, 60_000)
    assert of(contrast_order, a, b) == pytest.approx(2 * norm.cdf(distance / math.sqrt(2)) - 1, abs=0.01)
    # Chance alone, in as many bins as there are for so many pixels, tells identical distributions apart by 0.03.
    assert of(gcnr, a, b) == pytest.approx(2 * norm.cdf(distance / 2) - 1, abs=0.035)


def test_gcnr_sees_two_distributions_of_one_mean_apart_and_the_contrast_order_does_not():
    """Rodriguez-Molares' own case: with equal means and other widths nothing is brighter, and pixels can be told."""
    rng = np.random.default_rng(1)
    a, b = rng.normal(0, 1, 50_000), rng.normal(0, 4, 50_000)
    meet = math.sqrt(2 * math.log(4) / (1 - 1 / 16))
    expected = 2 * (norm.cdf(meet) - norm.cdf(meet / 4))
    assert of(gcnr, a, b) == pytest.approx(expected, abs=0.025)
    assert of(contrast_order, a, b) == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("metric", BOTH)
def test_apart_is_one_alike_is_nothing_and_the_contrast_order_has_a_sign(metric):
    assert of(BOTH[metric], [3, 4, 5], [0, 1, 2]) == 1.0
    assert of(BOTH[metric], [0, 1, 2], [3, 4, 5]) == (-1.0 if metric == "contrast_order" else 1.0)
    assert of(BOTH[metric], [0, 1, 2, 3], [0, 1, 2, 3]) == 0.0
    assert of(BOTH[metric], [5, 5], [5, 5, 5]) == 0.0


@settings(max_examples=80, deadline=None)
@given(levels, levels, st.integers(0, 2**31))
def test_no_strictly_monotone_map_moves_them_by_a_bit(inside, outside, seed):
    rising = np.cumsum(np.random.default_rng(seed).uniform(1e-9, 1.0, 13) ** 4 + 1e-12)
    a, b = np.array(inside), np.array(outside)
    for metric in BOTH.values():
        assert of(metric, rising[a], rising[b]) == of(metric, a, b)
    assert of(contrast_order, -rising[a], -rising[b]) == -of(contrast_order, a, b)


def test_a_compression_raises_the_cnr_and_neither_of_them():
    """What they stand beside it for: the ratio is raised by a curve that shows nothing more."""
    rng = np.random.default_rng(2)
    image = np.clip(rng.normal(0.5, 0.1, (40, 40)), 0, 1)
    image[10:30, 10:30] = np.clip(rng.normal(0.7, 0.1, (20, 20)), 0, 1)
    inside = np.zeros((40, 40), dtype=bool)
    inside[10:30, 10:30] = True
    compressed = 1 / (1 + np.exp(-25 * (image - 0.6)))
    before, after = (contrast_to_noise(one, inside, ~inside) for one in (image, compressed))
    assert after > 1.1 * before
    for metric in BOTH.values():
        assert metric(compressed, inside, ~inside) == metric(image, inside, ~inside)


def test_a_map_that_merges_levels_loses_what_told_them_apart():
    rng = np.random.default_rng(3)
    a, b = rng.normal(1, 1, 500), rng.normal(0, 1, 500)
    for metric in BOTH.values():
        whole, halves = of(metric, a, b), of(metric, (a > 1.5).astype(float), (b > 1.5).astype(float))
        assert 0 < halves < whole - 0.05


def test_few_pixels_seem_apart_by_chance_alone_as_the_docstring_says():
    rng = np.random.default_rng(4)
    found = np.mean([of(gcnr, rng.normal(size=50), rng.normal(size=50)) for _ in range(300)])
    assert found == pytest.approx(0.2, abs=0.08)


@pytest.mark.parametrize("metric", BOTH)
def test_empty_regions_have_no_answer_and_other_shapes_are_refused(metric):
    image, all_, none = np.zeros((3, 4)), np.ones((3, 4), dtype=bool), np.zeros((3, 4), dtype=bool)
    assert math.isnan(BOTH[metric](image, none, all_))
    assert math.isnan(BOTH[metric](image, all_, none))
    with pytest.raises(ValueError, match=f"{metric}: shapes differ"):
        BOTH[metric](image, all_, np.ones((4, 3), dtype=bool))
