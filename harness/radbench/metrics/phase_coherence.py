"""LPC-SI: the sharpness of an image from the coherence of its local phase across scales."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from radbench.metrics.inputs import checked_images, no_scores, one_by_one, scores_where
from radbench.metrics.reduction import fixed_order_mean, fixed_order_sum

MINIMUM_SIDE = 16
"""Two periods of the longest wavelength."""

_ORIENTATIONS = 8
_WAVELENGTHS = (4.0, 6.0, 8.0)
_SIGMA_ON_F = 0.75
_D_THETA_ON_SIGMA = 1.5
_LOW_PASS_CUTOFF, _LOW_PASS_ORDER = 0.45, 15
_C = 2.0
_BETA = 1e-4
# exp(-40) is 4e-18: what ranks beyond it add is below float64's resolution of the sum.
_LAST_EXPONENT = 40.0


@torch.no_grad()
def lpc_si(images: Tensor, data_range: float = 1.0) -> Tensor:
    """Local phase coherence sharpness index, in [0,1]; higher is sharper.

    Hassen, Wang, Salama, "Image sharpness assessment based on local phase coherence", IEEE TIP 22 (2013), with the
    parameters of the authors' implementation [code]: log-Gabor filters of 8 orientations and 3 scales (wavelengths
    4, 6, 8 pixels); coherence per orientation = cosine of ``phase1 - 3 phase2 + 2 phase3``, cut at 0; weighted by
    the finest scale's magnitude above its mean + 2 standard deviations, C = 2; the strengths sorted in descending
    order and averaged with weights ``exp(-(k/(N-1))/1e-4)``. Grey levels on 0-255; a border of
    ``round(min(H,W)/16)`` is left out. Frequencies of odd sizes are ``k/N`` [assumed].

    The weights fall e-fold every N/10,000 ranks, so only the strongest N/250 are sorted: the rest weigh less than
    1e-17 of the whole. Not differentiated; no gradient is kept.

    Args:
        images: float32 or float64 ``[B,1,H,W]`` in ``[0, data_range]``.
        data_range: the value that is white.

    Returns:
        float64 ``[B]``. 0 for a constant image; NaN for an image with NaN or infinite pixels, or under 16 pixels high
        or wide.

    Raises:
        ValueError: wrong type, shape or range.
    """
    planes, finite = checked_images(images, data_range, "lpc_si")
    if min(planes.shape[1:]) < MINIMUM_SIDE:
        return no_scores(planes)
    return scores_where(finite, one_by_one(_sharpness, planes * (255.0 / data_range)))


def _sharpness(plane: Tensor) -> Tensor:
    strengths = phase_coherence(plane).flatten()
    weights = _rank_weights(strengths.numel(), strengths.device)
    strongest = torch.topk(strengths, weights.numel(), sorted=True).values
    return fixed_order_sum(strongest * weights) / fixed_order_sum(weights)


def phase_coherence(plane: Tensor) -> Tensor:
    """Return the map of local phase coherence strength (Hassen 2013, Eq. 13), without its border.

    Args:
        plane: float64 ``[H,W]`` on 0-255.

    Returns:
        float64 ``[H-2b,W-2b]`` in [0,1), ``b = round(min(H,W)/16)``.
    """
    radial, angular = log_gabor_filters(*plane.shape, plane.device)
    border = math.floor(min(plane.shape) / 16 + 0.5)
    inner = tuple(slice(border, side - border) for side in plane.shape)
    # The filters have no response to the mean; without it a constant image gives zeros and not rounding.
    spectra = torch.fft.fft2(plane - plane[0, 0]) * radial
    energy = torch.zeros_like(plane[inner])
    coherent = torch.zeros_like(energy)
    # One buffer for all orientations: fresh memory costs more than the product.
    filtered = torch.empty_like(spectra)
    for orientation in angular:
        torch.mul(spectra, orientation, out=filtered)
        responses = torch.fft.ifft2(filtered)[:, *inner]
        finest = responses[0]
        magnitude = (finest.real.square() + finest.imag.square()).sqrt()
        above = (magnitude - _threshold(magnitude.flatten())).clamp_(min=0.0)
        # Few pixels rise above the threshold: phases are compared at those alone.
        at = above.nonzero(as_tuple=True)
        weight = above[at]
        coherence = _coherence(responses[:, *at])
        energy[at] += weight
        coherent[at] += weight * coherence
    return coherent / (energy + _C)


def _threshold(magnitudes: Tensor) -> Tensor:
    mean = fixed_order_mean(magnitudes)
    spread = fixed_order_sum((magnitudes - mean).square()) / (magnitudes.numel() - 1)
    return mean + 2.0 * spread.sqrt()


def _coherence(responses: Tensor) -> Tensor:
    """Return ``max(0, cos(phase1 - 3 phase2 + 2 phase3))`` of complex ``[3,n]``; 0 where a response vanishes."""
    (a, b), (c, d), (e, f) = ((z.real / z.abs(), z.imag / z.abs()) for z in responses)
    # Complex products of unit vectors, written out: first * conj(second)^3 * third^2.
    c2, d2 = c * c - d * d, 2.0 * c * d
    c3, d3 = c2 * c - d2 * d, c2 * d + d2 * c
    e2, f2 = e * e - f * f, 2.0 * e * f
    g, h = a * e2 - b * f2, a * f2 + b * e2
    return (g * c3 + h * d3).nan_to_num(nan=0.0).clamp(min=0.0)


@lru_cache(maxsize=2)
def log_gabor_filters(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the log-Gabor bank (Kovesi's construction) as its two factors.

    Returns:
        radial float64 ``[3,H,W]``, finest scale first, zero at frequency zero; angular ``[8,H,W]``, one-sided, for
        orientations 0, 22.5, ... 157.5 degrees. A filter is the product of one of each, in the order of an FFT.
    """
    x = torch.fft.fftfreq(width, dtype=torch.float64).expand(height, width)
    y = torch.fft.fftfreq(height, dtype=torch.float64)[:, None].expand(height, width)
    radius = (x * x + y * y).sqrt()
    low_pass = 1.0 / (1.0 + (radius / _LOW_PASS_CUTOFF) ** (2 * _LOW_PASS_ORDER))
    radius[0, 0] = 1.0
    bandwidth = 2.0 * math.log(_SIGMA_ON_F) ** 2
    radial = torch.stack(
        [torch.exp(-((radius * wavelength).log().square()) / bandwidth) * low_pass for wavelength in _WAVELENGTHS]
    )
    radial[:, 0, 0] = 0.0
    theta = torch.atan2(-y, x)
    spread = 2.0 * (math.pi / _ORIENTATIONS / _D_THETA_ON_SIGMA) ** 2
    angular = []
    for k in range(_ORIENTATIONS):
        difference = (theta - k * math.pi / _ORIENTATIONS + math.pi).remainder(2.0 * math.pi) - math.pi
        angular.append(torch.exp(-difference.square() / spread))
    return radial.to(device), torch.stack(angular).to(device)


@lru_cache(maxsize=8)
def _rank_weights(count: int, device: torch.device) -> Tensor:
    kept = min(count, math.ceil(_LAST_EXPONENT * _BETA * (count - 1)) + 1)
    ranks = torch.arange(kept, dtype=torch.float64)
    return torch.exp(-(ranks / (count - 1)) / _BETA).to(device)
