"""Pixel-wise errors of images against a reference: MAE, MSE, RMSE and PSNR."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from radbench.metrics.inputs import checked_pair, checked_region, scores_where
from radbench.metrics.reduction import fixed_order_mean, region_mean


def mae(images: Tensor, reference: Tensor, data_range: float = 1.0, region: Tensor | None = None) -> Tensor:
    """Mean absolute error, in the images' own grey levels: on 0-255 for ``data_range=255``.

    Differentiable.

    Args:
        images: float32 or float64 ``[B,1,H,W]`` in ``[0, data_range]``.
        reference: the same shape and range.
        data_range: the value that is white; it bounds the input and scales nothing.
        region: bool ``[B,1,H,W]``: average over these pixels alone; None for all.

    Returns:
        float64 ``[B]``; NaN where either image has NaN or infinite pixels, or the region none.

    Raises:
        ValueError: wrong type, shape or range.
    """
    a, b, finite = checked_pair(images, reference, data_range, "mae")
    return scores_where(finite, _average((a - b).abs(), images, region, "mae"))


def mse(images: Tensor, reference: Tensor, data_range: float = 1.0, region: Tensor | None = None) -> Tensor:
    """Mean squared error, in squared grey levels of the images; otherwise as :func:`mae`."""
    a, b, finite = checked_pair(images, reference, data_range, "mse")
    return scores_where(finite, _mean_square(a, b, images, region, "mse"))


def rmse(images: Tensor, reference: Tensor, data_range: float = 1.0, region: Tensor | None = None) -> Tensor:
    """Root mean squared error, in the images' own grey levels; otherwise as :func:`mae`.

    Its gradient is undefined between identical images.
    """
    a, b, finite = checked_pair(images, reference, data_range, "rmse")
    return scores_where(finite, _mean_square(a, b, images, region, "rmse").sqrt())


def psnr(images: Tensor, reference: Tensor, data_range: float = 1.0, region: Tensor | None = None) -> Tensor:
    """Peak signal-to-noise ratio ``10 log10(data_range^2 / MSE)``, dB; otherwise as :func:`mae`.

    Infinite for identical images: no constant is added to the error, unlike in piq, which stops at 80 dB.
    """
    a, b, finite = checked_pair(images, reference, data_range, "psnr")
    errors = _mean_square(a, b, images, region, "psnr")
    return scores_where(finite, decibel(errors, data_range))


def decibel(errors: Tensor, data_range: float) -> Tensor:
    """Return the PSNR ``[B]`` of mean squared errors ``[B]``, dB."""
    # One logarithm at a time: a library's may round the end of a long row differently from its middle.
    logarithms = [error.log10() for error in errors]
    return 20.0 * math.log10(data_range) - 10.0 * (torch.stack(logarithms) if logarithms else errors)


def _mean_square(a: Tensor, b: Tensor, images: Tensor, region: Tensor | None, metric: str) -> Tensor:
    difference = a - b
    return _average(difference * difference, images, region, metric)


def _average(values: Tensor, images: Tensor, region: Tensor | None, metric: str) -> Tensor:
    if region is None:
        return fixed_order_mean(values.flatten(1))
    return region_mean(values, checked_region(region, images, metric))
