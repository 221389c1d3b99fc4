"""How far a predicted mask covers the true one: Dice, Jaccard, precision and recall.

Where prediction and truth are both empty they agree, and all score 1; where only one of them is empty there is
no overlap, and all score 0 (scikit-learn's ``zero_division=0``). No case drops out of a mean, so an empty
prediction never pays.
"""

from __future__ import annotations

import torch
from torch import Tensor

from radbench.metrics.inputs import checked_masks


def dice(prediction: Tensor, truth: Tensor) -> Tensor:
    """Dice similarity coefficient ``2 |P and T| / (|P| + |T|)`` (Dice 1945), in [0,1]; higher is better.

    Args:
        prediction: bool ``[B,1,H,W]``.
        truth: bool, the same shape.

    Returns:
        float64 ``[B]``; 1 where both masks are empty.

    Raises:
        ValueError: wrong type or shape.
    """
    both, predicted, true = _areas(prediction, truth, "dice")
    return _share(2.0 * both, predicted + true, predicted + true)


def jaccard(prediction: Tensor, truth: Tensor) -> Tensor:
    """Jaccard index ``|P and T| / |P or T|`` (Jaccard 1912), ``dice / (2 - dice)``; otherwise as :func:`dice`."""
    both, predicted, true = _areas(prediction, truth, "jaccard")
    return _share(both, predicted + true - both, predicted + true)


def precision(prediction: Tensor, truth: Tensor) -> Tensor:
    """Share of the predicted pixels that are true, ``|P and T| / |P|``; otherwise as :func:`dice`.

    0 where the prediction is empty and the truth is not; 1 where both are.
    """
    both, predicted, true = _areas(prediction, truth, "precision")
    return _share(both, predicted, predicted + true)


def recall(prediction: Tensor, truth: Tensor) -> Tensor:
    """Share of the true pixels that are predicted, ``|P and T| / |T|``; otherwise as :func:`dice`.

    0 where the truth is empty and the prediction is not; 1 where both are.
    """
    both, predicted, true = _areas(prediction, truth, "recall")
    return _share(both, true, predicted + true)


def _areas(prediction: Tensor, truth: Tensor, metric: str) -> tuple[Tensor, Tensor, Tensor]:
    p, t = checked_masks(prediction, truth, metric)
    both, predicted, true = (mask.sum(dim=1).to(torch.float64) for mask in (p & t, p, t))
    return both, predicted, true


def _share(part: Tensor, whole: Tensor, either: Tensor) -> Tensor:
    share = torch.where(whole > 0, part / whole.clamp(min=1.0), torch.zeros_like(part))
    return torch.where(either > 0, share, torch.ones_like(share))
