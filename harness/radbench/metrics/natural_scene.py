"""BRISQUE: how far the statistics of an image are from those of natural scenes, by the LIVE release's regression."""

from __future__ import annotations

import math
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

import torch
from torch import Tensor

from radbench.metrics.inputs import checked_images, no_scores, scores_where
from radbench.metrics.reduction import fixed_order_sum
from radbench.metrics.windows import gaussian_filter, halve_bicubic, tiles

VARIANTS = ("live",)
MINIMUM_SIDE = 14
"""Below it the second scale has no whole 7x7 window."""

_WINDOW, _SIGMA = 7, 7 / 6
_C = 1.0
# A window of equal pixels has a deviation of zero. What rounding leaves of it in float64 on 0-255 is under 1e-12, and
# as a sign it would be counted by the asymmetric fit.
_ROUNDING = 1e-9
_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (-1, 1))
_PIXELS_AT_ONCE = 1 << 24


class SupportVectorRegression(NamedTuple):
    """The LIVE release's regression: float64 tensors on one device.

    Attributes:
        support_vectors: ``[774,36]`` scaled features.
        coefficients: ``[774]``.
        rho: offset, subtracted.
        gamma: width of the radial basis function.
        feature_min: ``[36]``, maps to -1.
        feature_max: ``[36]``, maps to 1.
    """

    support_vectors: Tensor
    coefficients: Tensor
    rho: float
    gamma: float
    feature_min: Tensor
    feature_max: Tensor


@torch.no_grad()
def brisque(images: Tensor, variant: str = "live", data_range: float = 1.0) -> Tensor:
    """Blind/referenceless image spatial quality evaluator; lower is better, natural images lie in about 0-100.

    Mittal, Moorthy, Bovik, "No-reference image quality assessment in the spatial domain", IEEE TIP 21 (2012), in the
    LIVE software release of 2011 [code]: mean-subtracted contrast-normalised (MSCN) coefficients on 0-255 with a 7x7
    Gaussian window of sigma 7/6, zeros outside the image and C = 1; two scales, the second by antialiased bicubic
    halving; per scale a generalised Gaussian fit of the coefficients and asymmetric fits of their products with four
    neighbours (cyclic at the border), the shape parameter looked up on 0.2:0.001:10; support-vector regression.
    The figures of the regression are LIVE's: see ``data/LIVE-NOTICE.txt``. Grey levels are not rounded.

    Not differentiable (the shape parameters are looked up); no gradient is kept.

    Args:
        images: float32 or float64 ``[B,1,H,W]`` in ``[0, data_range]``.
        variant: "live", the only one there is.
        data_range: the value that is white.

    Returns:
        float64 ``[B]``. NaN for an image with NaN or infinite pixels, under 14 pixels high or wide, or whose
        coefficients or neighbour products are not of both signs, as in a constant image: the fits are then undefined.

    Raises:
        ValueError: wrong type, shape, range or variant.
    """
    if variant not in VARIANTS:
        raise ValueError(f"brisque: variant must be one of {', '.join(VARIANTS)}, got '{variant}'")
    planes, finite = checked_images(images, data_range, "brisque")
    if min(planes.shape[1:]) < MINIMUM_SIDE or planes.shape[0] == 0:
        return no_scores(planes)
    planes = planes * (255.0 / data_range)
    # On a CPU one image at a time stays in its caches; element-wise arithmetic makes the bits the same either way.
    at_once = 1 if planes.device.type == "cpu" else max(1, _PIXELS_AT_ONCE // planes[0].numel())
    features = torch.cat([brisque_features(chunk) for chunk in planes.split(at_once)])
    return scores_where(finite, _regress(features))


def brisque_features(planes: Tensor) -> Tensor:
    """Return the 36 features of BRISQUE, 18 per scale.

    Args:
        planes: float64 ``[B,H,W]`` on 0-255.

    Returns:
        float64 ``[B,36]``: shape and variance of the MSCN coefficients, then shape, mean, left and right variance of
        the products with the right, lower, lower-right and upper-right neighbour. NaN where a fit is undefined.
    """
    return torch.cat((_scale_features(planes), _scale_features(halve_bicubic(planes))), dim=1)


def mscn(planes: Tensor) -> Tensor:
    """Return mean-subtracted contrast-normalised coefficients ``[B,H,W]`` (Mittal 2012, Eq. 1-3).

    Args:
        planes: float64 ``[B,H,W]`` on 0-255.
    """
    reach = _WINDOW // 2
    padded = torch.nn.functional.pad(planes, (reach, reach, reach, reach))
    coefficients = torch.empty_like(planes)
    for rows, columns in tiles(planes.shape[-2], planes.shape[-1], 2 * reach, planes.device):
        tile = padded[:, rows.start : rows.stop + 2 * reach, columns.start : columns.stop + 2 * reach]
        mean = gaussian_filter(tile, _WINDOW, _SIGMA)
        square = gaussian_filter(tile * tile, _WINDOW, _SIGMA)
        deviation = torch.nn.functional.hardshrink(tile[:, reach:-reach, reach:-reach] - mean, _ROUNDING)
        deviation.div_(square.sub_(mean.mul_(mean)).abs_().sqrt_().add_(_C))
        coefficients[:, rows, columns] = deviation
    return coefficients


def fit_ggd(values: Tensor) -> tuple[Tensor, Tensor]:
    """Fit a generalised Gaussian of mean zero by moments.

    Args:
        values: float64 ``[B,N]``.

    Returns:
        shape and variance, ``[B]`` each; shape NaN where all values are zero.
    """
    return _ggd_of(fixed_order_sum(_ggd_sums(values[:, None])), values.shape[-1])


def fit_aggd(values: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Fit an asymmetric generalised Gaussian by moments (Lasmar, Stitou, Berthoumieu, ICIP 2009).

    Args:
        values: float64 ``[B,N]``.

    Returns:
        shape, mean, left variance and right variance, ``[B]`` each; NaN where values of one sign are lacking.
    """
    return _aggd_of(fixed_order_sum(_aggd_sums(values[:, None])), values.shape[-1])


@lru_cache(maxsize=4)
def live_regression(device: torch.device) -> SupportVectorRegression:
    """Return the regression of the LIVE release on a device."""
    import numpy as np

    source = resources.files("radbench.metrics") / "data" / "brisque_live_svr.npz"
    with source.open("rb") as file, np.load(file, allow_pickle=False) as figures:
        tensors = {
            name: torch.from_numpy(np.array(figures[name], dtype=np.float64)).to(device) for name in figures.files
        }
    return SupportVectorRegression(
        support_vectors=tensors["support_vectors"],
        coefficients=tensors["coefficients"],
        rho=float(tensors["rho"]),
        gamma=float(tensors["gamma"]),
        feature_min=tensors["feature_min"],
        feature_max=tensors["feature_max"],
    )


def _scale_features(planes: Tensor) -> Tensor:
    coefficients = mscn(planes)
    height, width = planes.shape[-2:]
    cyclic = torch.nn.functional.pad(coefficients[:, None], (1, 1, 1, 1), mode="circular")[:, 0]
    # Each tile leaves one sum per column; they come together at the end, in one order for all.
    sums: list[list[Tensor]] = [[] for _ in range(1 + len(_NEIGHBOURS))]
    for rows, columns in tiles(height, width, 0, planes.device):
        tile = coefficients[:, rows, columns]
        sums[0].append(_ggd_sums(tile))
        for k, (down, right) in enumerate(_NEIGHBOURS, start=1):
            neighbours = cyclic[
                :, 1 - down + rows.start : 1 - down + rows.stop, 1 - right + columns.start : 1 - right + columns.stop
            ]
            sums[k].append(_aggd_sums(tile * neighbours))
    totals = [fixed_order_sum(torch.cat(parts, dim=-1)) for parts in sums]
    features = list(_ggd_of(totals[0], height * width))
    for total in totals[1:]:
        features.extend(_aggd_of(total, height * width))
    return torch.stack(features, dim=1)


def _ggd_sums(values: Tensor) -> Tensor:
    """Return the sums over the rows of ``[B,h,w]`` of squares and magnitudes, ``[B,2,w]``."""
    buffer = values * values
    squares = fixed_order_sum(buffer, dim=-2, overwrite=True).clone()
    magnitudes = fixed_order_sum(torch.abs(values, out=buffer), dim=-2, overwrite=True)
    return torch.stack((squares, magnitudes), dim=1)


def _aggd_sums(values: Tensor) -> Tensor:
    """Return the sums over the rows of ``[B,h,w]`` that an asymmetric fit needs, ``[B,5,w]``.

    They are: magnitudes, squares below zero, squares above zero, signs, and the number of values that are not zero.
    """
    buffer = torch.abs(values)
    magnitudes = fixed_order_sum(buffer, dim=-2, overwrite=True).clone()
    below = fixed_order_sum(torch.clamp(values, max=0.0, out=buffer).square_(), dim=-2, overwrite=True).clone()
    above = fixed_order_sum(torch.clamp(values, min=0.0, out=buffer).square_(), dim=-2, overwrite=True).clone()
    # Sums of signs are whole numbers, exact in any order.
    signs = torch.sign(values, out=buffer).sum(dim=-2)
    count = buffer.abs_().sum(dim=-2)
    return torch.stack((magnitudes, below, above, signs, count), dim=1)


def _ggd_of(sums: Tensor, n: int) -> tuple[Tensor, Tensor]:
    shapes, ratios = _shape_table(sums.device)
    variance, magnitude = (sums / n).unbind(1)
    ratio = variance / magnitude.square()
    nearest = (ratio[:, None] - 1.0 / ratios).abs().argmin(dim=1)
    return _defined(ratio, shapes[nearest]), variance


def _aggd_of(sums: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    shapes, ratios = _shape_table(sums.device)
    magnitudes, below, above, signs, count = sums.unbind(1)
    left, right = below / ((count - signs) / 2), above / ((count + signs) / 2)
    skew = (left / right).sqrt()
    ratio = (magnitudes / n).square() / ((below + above) / n)
    ratio = ratio * (skew * skew * skew + 1) * (skew + 1) / (skew * skew + 1).square()
    nearest = (ratio[:, None] - ratios).abs().argmin(dim=1)
    # sqrt(ratio) is Gamma(2/a) / sqrt(Gamma(1/a) Gamma(3/a)), the factor of the mean.
    mean = (right.sqrt() - left.sqrt()) * ratios[nearest].sqrt()
    return _defined(ratio, shapes[nearest]), _defined(ratio, mean), left, right


def _regress(features: Tensor) -> Tensor:
    svr = live_regression(features.device)
    scaled = 2.0 * (features - svr.feature_min) / (svr.feature_max - svr.feature_min) - 1.0
    # One row at a time: a library's exponential may round the end of a long row differently from its middle.
    rows = []
    for row in scaled:
        distance = fixed_order_sum((row - svr.support_vectors).square())
        rows.append(fixed_order_sum(svr.coefficients * torch.exp(-svr.gamma * distance)) - svr.rho)
    return torch.stack(rows)


@lru_cache(maxsize=4)
def _shape_table(device: torch.device) -> tuple[Tensor, Tensor]:
    shapes = [0.2 + 0.001 * k for k in range(9801)]
    ratios = [math.exp(2.0 * math.lgamma(2.0 / a) - math.lgamma(1.0 / a) - math.lgamma(3.0 / a)) for a in shapes]
    return (
        torch.tensor(shapes, dtype=torch.float64, device=device),
        torch.tensor(ratios, dtype=torch.float64, device=device),
    )


def _defined(ratio: Tensor, looked_up: Tensor) -> Tensor:
    return torch.where(torch.isfinite(ratio), looked_up, torch.full_like(looked_up, torch.nan))
