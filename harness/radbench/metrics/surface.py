"""How far apart the outlines of two masks lie: the 95 % Hausdorff distance and the average surface distance."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from radbench.metrics.inputs import checked_masks

Summary = Callable[[NDArray[np.float64], NDArray[np.float64]], float]


def hd95_px(prediction: Tensor, truth: Tensor) -> Tensor:
    """95th percentile Hausdorff distance between outlines, pixels; lower is better.

    The outline is the pixels of a mask that have a neighbour (of four) outside it; the image's edge counts as outside.
    The distances of each outline's pixels to the other outline give a 95th percentile each; theirs is the larger
    (Huttenlocher, Klanderman & Rucklidge 1993; the convention of Taha & Hanbury 2015 and of the BraTS challenge).

    Args:
        prediction: bool ``[B,1,H,W]``.
        truth: bool, the same shape.

    Returns:
        float64 ``[B]``; 0 where both masks are empty, the image's diagonal where one of them is.

    Raises:
        ValueError: wrong type or shape.
    """

    def worst(there: NDArray[np.float64], back: NDArray[np.float64]) -> float:
        return float(max(np.percentile(there, 95), np.percentile(back, 95)))

    return _per_image(prediction, truth, "hd95_px", worst)


def assd_px(prediction: Tensor, truth: Tensor) -> Tensor:
    """Average symmetric surface distance, pixels: the mean over both outlines' pixels; otherwise as :func:`hd95_px`.

    Heimann et al., IEEE TMI 28 (2009).
    """

    def average(there: NDArray[np.float64], back: NDArray[np.float64]) -> float:
        return float((there.sum() + back.sum()) / (there.size + back.size))

    return _per_image(prediction, truth, "assd_px", average)


def _per_image(prediction: Tensor, truth: Tensor, metric: str, summary: Summary) -> Tensor:
    checked_masks(prediction, truth, metric)
    scores = [_distance(p, t, summary) for p, t in zip(_planes(prediction), _planes(truth), strict=True)]
    return torch.tensor(scores, dtype=torch.float64, device=prediction.device)


def _planes(masks: Tensor) -> NDArray[np.bool_]:
    planes: NDArray[np.bool_] = masks[:, 0].detach().cpu().numpy()
    return planes


def _distance(prediction: NDArray[np.bool_], truth: NDArray[np.bool_], summary: Summary) -> float:
    from scipy.ndimage import binary_erosion, distance_transform_edt

    if not prediction.any() and not truth.any():
        return 0.0
    if not prediction.any() or not truth.any():
        return math.hypot(*prediction.shape)
    outlines = [mask & ~binary_erosion(mask) for mask in (prediction, truth)]
    there = distance_transform_edt(~outlines[1])[outlines[0]]
    back = distance_transform_edt(~outlines[0])[outlines[1]]
    return summary(there, back)
