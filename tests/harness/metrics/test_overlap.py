"""Dice, precision and recall against closed forms, scikit-learn and their laws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from radbench.metrics import dice, precision, recall

Metric = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def box(rows: slice, columns: slice) -> torch.Tensor:
    mask = torch.zeros(1, 1, 20, 30, dtype=torch.bool)
    mask[..., rows, columns] = True
    return mask


def test_overlapping_boxes_have_closed_forms() -> None:
    predicted, true = box(slice(0, 10), slice(0, 10)), box(slice(5, 15), slice(0, 20))
    assert dice(predicted, true).item() == 2 * 50 / (100 + 200)
    assert precision(predicted, true).item() == 50 / 100
    assert recall(predicted, true).item() == 50 / 200


EMPTY, FULL, OTHER = box(slice(0, 0), slice(0, 0)), box(slice(0, 4), slice(0, 4)), box(slice(9, 12), slice(9, 12))


@pytest.mark.parametrize("metric", [dice, precision, recall])
@pytest.mark.parametrize(
    ("predicted", "true", "score"),
    [(EMPTY, EMPTY, 1.0), (EMPTY, FULL, 0.0), (FULL, EMPTY, 0.0), (FULL, FULL, 1.0), (FULL, OTHER, 0.0)],
    ids=["both empty", "prediction empty", "truth empty", "equal", "disjoint"],
)
def test_degenerate_masks_have_defined_scores(
    metric: Metric, predicted: torch.Tensor, true: torch.Tensor, score: float
) -> None:
    assert metric(predicted, true).item() == score


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 100_000), height=st.integers(1, 9), width=st.integers(1, 9), density=st.floats(0.05, 0.95))
def test_equal_scikit_learn_wherever_a_mask_has_pixels(seed: int, height: int, width: int, density: float) -> None:
    p, t = np.random.default_rng(seed).random((2, height, width)) < density
    if not (p.any() or t.any()):
        return
    x, y = (torch.from_numpy(m)[None, None] for m in (p, t))
    assert dice(x, y).item() == pytest.approx(f1_score(t.ravel(), p.ravel(), zero_division=0))
    assert precision(x, y).item() == pytest.approx(precision_score(t.ravel(), p.ravel(), zero_division=0))
    assert recall(x, y).item() == pytest.approx(recall_score(t.ravel(), p.ravel(), zero_division=0))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_precision_is_recall_with_the_roles_exchanged(seed: int) -> None:
    p, t = (torch.from_numpy(m)[None, None] for m in np.random.default_rng(seed).random((2, 7, 7)) < 0.3)
    assert torch.equal(precision(p, t), recall(t, p))
    assert torch.equal(dice(p, t), dice(t, p))


@pytest.mark.parametrize("metric", [dice, precision, recall])
def test_a_batch_does_not_change_a_bit(metric: Metric) -> None:
    generator = torch.Generator().manual_seed(0)
    p, t = torch.rand(2, 5, 1, 33, 41, generator=generator) < 0.4
    assert torch.equal(metric(p, t), torch.cat([metric(p[i : i + 1], t[i : i + 1]) for i in range(5)]))


@pytest.mark.parametrize("metric", [dice, precision, recall])
def test_masks_that_are_not_bool_are_refused(metric: Metric) -> None:
    with pytest.raises(ValueError, match="prediction must be bool"):
        metric(FULL.float(), FULL)
    with pytest.raises(ValueError, match="truth must be bool"):
        metric(FULL, FULL.to(torch.uint8))


@pytest.mark.parametrize("metric", [dice, precision, recall])
def test_masks_of_different_shape_are_refused(metric: Metric) -> None:
    with pytest.raises(ValueError, match="must have the same shape"):
        metric(FULL, FULL[..., :-1])
