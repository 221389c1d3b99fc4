"""What the metrics accept: shape, type and range of images and masks, and which images of a batch have a score."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

_FLOATS = (torch.float32, torch.float64)


def checked_images(images: Tensor, data_range: float, metric: str, what: str = "images") -> tuple[Tensor, Tensor]:
    """Return images fit for computing, and which of them are finite.

    Args:
        images: float32 or float64 ``[B,1,H,W]`` in ``[0, data_range]``; NaN and infinite pixels are let through.
        data_range: the largest value there can be.
        metric: who asks, for the message.
        what: the argument's name, for the message.

    Returns:
        float64 ``[B,H,W]``, images with a NaN or infinite pixel replaced by zeros; bool ``[B]``, False for those.

    Raises:
        ValueError: another type, shape or range.
    """
    _require_range(data_range, metric)
    if not isinstance(images, Tensor):
        raise ValueError(f"{metric}: {what} must be a torch tensor [B,1,H,W], got {type(images).__name__}")
    if images.dtype not in _FLOATS:
        raise ValueError(f"{metric}: {what} must be float32 or float64, got {images.dtype}")
    _require_shape(images, metric, what)
    planes = images[:, 0].to(torch.float64).contiguous()
    finite = torch.ones(planes.shape[0], dtype=torch.bool, device=planes.device)
    if planes.shape[0] == 0:
        return planes, finite
    low, high = (float(v) for v in torch.stack(torch.aminmax(planes.detach())).tolist())
    if not (math.isfinite(low) and math.isfinite(high)):
        finite = torch.isfinite(planes.detach()).flatten(1).all(dim=1)
        planes = torch.where(finite[:, None, None], planes, torch.zeros((), dtype=planes.dtype, device=planes.device))
        low, high = (float(v) for v in torch.stack(torch.aminmax(planes.detach())).tolist())
    if low < 0.0 or high > data_range:
        raise ValueError(
            f"{metric}: {what} must lie in [0, {data_range:g}] (data_range={data_range:g}), got [{low:.6g}, {high:.6g}]"
        )
    return planes, finite


def checked_pair(images: Tensor, reference: Tensor, data_range: float, metric: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return two batches fit for comparing, and which pairs are finite; see :func:`checked_images`.

    Raises:
        ValueError: as there, or shapes or devices differ.
    """
    a, finite_a = checked_images(images, data_range, metric)
    b, finite_b = checked_images(reference, data_range, metric, "reference")
    _require_same(images, reference, metric, "images", "reference")
    return a, b, finite_a & finite_b


def checked_masks(prediction: Tensor, truth: Tensor, metric: str) -> tuple[Tensor, Tensor]:
    """Return two batches of masks as bool ``[B,H*W]``.

    Raises:
        ValueError: not bool ``[B,1,H,W]``, or shapes or devices differ.
    """
    for mask, what in ((prediction, "prediction"), (truth, "truth")):
        if not isinstance(mask, Tensor):
            raise ValueError(f"{metric}: {what} must be a torch tensor [B,1,H,W], got {type(mask).__name__}")
        if mask.dtype != torch.bool:
            raise ValueError(f"{metric}: {what} must be bool (threshold it first), got {mask.dtype}")
        _require_shape(mask, metric, what)
    _require_same(prediction, truth, metric, "prediction", "truth")
    return prediction.flatten(1), truth.flatten(1)


def checked_region(region: Tensor, images: Tensor, metric: str) -> Tensor:
    """Return the pixels that a metric is taken over as bool ``[B,H,W]``.

    Raises:
        ValueError: not bool ``[B,1,H,W]`` like the images, or on another device.
    """
    if not isinstance(region, Tensor) or region.dtype != torch.bool:
        raise ValueError(f"{metric}: the region must be a bool tensor [B,1,H,W]")
    _require_same(region, images, metric, "region", "images")
    return region[:, 0]


def scores_where(finite: Tensor, scores: Tensor) -> Tensor:
    """Return the scores ``[B]`` with NaN where the image had NaN or infinite pixels."""
    return torch.where(finite, scores, torch.full_like(scores, torch.nan))


def no_scores(planes: Tensor) -> Tensor:
    """Return NaN for each of the planes ``[B,H,W]``: they are too small for the metric."""
    return torch.full((planes.shape[0],), torch.nan, dtype=torch.float64, device=planes.device)


def one_by_one(score: Callable[..., Tensor], *batches: Tensor) -> Tensor:
    """Score each image by itself, for metrics whose library calls (FFT) may round differently in a batch.

    Args:
        score: takes one plane ``[H,W]`` of each batch, gives a scalar.
        batches: ``[B,H,W]`` each.
    """
    planes = zip(*(batch.unbind(0) for batch in batches), strict=True)
    scores = [score(*(plane.clone() for plane in group)) for group in planes]
    return torch.stack(scores) if scores else batches[0].new_zeros(0)


def _require_range(data_range: float, metric: str) -> None:
    if isinstance(data_range, bool) or not isinstance(data_range, int | float):
        raise ValueError(f"{metric}: data_range must be a number, got {type(data_range).__name__}")
    if not math.isfinite(data_range) or data_range <= 0:
        raise ValueError(f"{metric}: data_range must be positive and finite, got {data_range}")


def _require_shape(tensor: Tensor, metric: str, what: str) -> None:
    if tensor.ndim != 4 or tensor.shape[1] != 1:
        raise ValueError(f"{metric}: {what} must be [B,1,H,W] (one grey channel), got {list(tensor.shape)}")
    if tensor.shape[2] == 0 or tensor.shape[3] == 0:
        raise ValueError(f"{metric}: {what} have no pixels (shape {list(tensor.shape)})")


def _require_same(a: Tensor, b: Tensor, metric: str, name_a: str, name_b: str) -> None:
    if a.shape != b.shape:
        raise ValueError(f"{metric}: {name_a} {list(a.shape)} and {name_b} {list(b.shape)} must have the same shape")
    if a.device != b.device:
        raise ValueError(f"{metric}: {name_a} on {a.device} and {name_b} on {b.device} must be on the same device")
