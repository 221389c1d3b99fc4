"""Edge-preserving smoothing by weighted least squares (Farbman et al. 2008): S = (I + lambda L)^-1 I.

L is the five-point Laplacian whose edge weights fall with the gradient of the log-luminance. The system is
solved directly by nested dissection, in single precision with double-precision refinement, and every answer
carries a certificate: the operator's inverse is non-negative and keeps constants, so its largest row sum is 1 and
no pixel is further from the exact solution than the largest residual.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from radbench.contracts.errors import CaseError, ConfigurationError, RadbenchError
from radbench.imaging.wls_factor import factor, solve_factored

TOLERANCE = 1e-5
"""Largest residual accepted, as a share of the image's range; an 8-bit grey level is 400 times as much."""

_SINGLE_PRECISION_LIMIT = 1e6
"""Largest diagonal for which a single-precision factor is tried: beyond, its rounding swallows the data term."""

_PIXELS_AT_ONCE = 2**23
"""Pixels that are solved side by side off the CPU (about 5 GB)."""

_ROUNDS = 30


class ConvergenceError(RadbenchError):
    """The linear system could not be solved to the tolerance."""


class Affinities(NamedTuple):
    """Weights of the edges between neighbouring pixels.

    Attributes:
        right: ``[B,1,H,W-1]``, between (y,x) and (y,x+1).
        below: ``[B,1,H-1,W]``, between (y,x) and (y+1,x).
    """

    right: Tensor
    below: Tensor


def affinities(images: Tensor, *, alpha: float = 1.2, epsilon: float = 1e-4, log_offset: float = 1e-4) -> Affinities:
    """Return the edge weights (abs(dl)**alpha + epsilon)**-1 with l = ln(image + log_offset).

    Farbman et al. 2008, Eq. 5 for the weights, as guided U-Net Eq. 4 states them.

    Args:
        images: float ``[B,1,H,W]``, not negative.
        alpha: sensitivity to gradients, 1.2 to 2.
        epsilon: added to the gradients; the strongest weight is its inverse.
        log_offset: added to the image, so that black pixels have a logarithm.

    Returns:
        float64 weights in (0, 1/epsilon].

    Raises:
        ConfigurationError: a parameter is not positive.
        CaseError: an image is negative or not finite.
    """
    _check_positive(alpha=alpha, epsilon=epsilon, log_offset=log_offset)
    _check_images(images)
    if images.numel() and float(images.min()) < 0.0:
        raise CaseError(
            f"WLS smoothing takes the logarithm: images must not be negative, got {float(images.min()):.4g}"
        )
    luminance = torch.log(images.detach().double() + log_offset)
    across, down = luminance.diff(dim=3), luminance.diff(dim=2)
    return Affinities(*(d.abs_().pow_(alpha).add_(epsilon).reciprocal_() for d in (across, down)))


def smooth(
    images: Tensor,
    *,
    lam: float = 0.8,
    alpha: float = 1.2,
    epsilon: float = 1e-4,
    log_offset: float = 1e-4,
    tolerance: float = TOLERANCE,
) -> Tensor:
    """Smooth images, keeping their edges: guided U-Net Eq. 2-4, Farbman et al. 2008.

    Args:
        images: float ``[B,1,H,W]``, not negative (the papers': [0,1]).
        lam: smoothing strength, lambda of Eq. 2.
        alpha, epsilon, log_offset: see :func:`affinities`.
        tolerance: see :func:`solve`.

    Returns:
        The base layer, dtype and shape of ``images``; within the image's own minimum and maximum, with its mean.

    Raises:
        ConfigurationError: a parameter is out of range.
        CaseError: an image is negative or not finite.
        ConvergenceError: see :func:`solve`.
    """
    return solve(images, affinities(images, alpha=alpha, epsilon=epsilon, log_offset=log_offset), lam, tolerance)


@torch.no_grad()
def solve(images: Tensor, weights: Affinities, lam: float, tolerance: float = TOLERANCE) -> Tensor:
    """Solve (I + lambda L) S = I for every image.

    Args:
        images: float ``[B,1,H,W]`` on any device; a CPU solves them one by one, so that a batch changes no bit.
        weights: positive edge weights.
        lam: factor of the weights, at least 0; 0 returns the images.
        tolerance: no pixel may be further from the exact solution than this share of its image's range.

    Returns:
        S, dtype and shape of ``images``; between the image's minimum and maximum, with its mean.

    Raises:
        ConfigurationError: ``lam`` or ``tolerance`` is out of range, or the weights do not fit the images.
        CaseError: an image is not finite.
        ConvergenceError: the tolerance is not reached, because weights times lambda exceed about 1e10.
    """
    _check_positive(tolerance=tolerance)
    if not 0.0 <= lam < float("inf"):
        raise ConfigurationError(f"lam must be a finite number of at least 0, got {lam}")
    _check_images(images)
    _check_weights(images, weights)
    if lam == 0.0 or images.numel() == 0:
        return images.clone()
    at_once = 1 if images.device.type == "cpu" else max(1, _PIXELS_AT_ONCE // (images.shape[2] * images.shape[3]))
    with _one_thread():
        pieces = [
            _solve_together(
                images[i : i + at_once], weights.right[i : i + at_once], weights.below[i : i + at_once], lam, tolerance
            )
            for i in range(0, len(images), at_once)
        ]
    return torch.cat(pieces)


@contextmanager
def _one_thread() -> Iterator[None]:
    # Thousands of small steps: a second thread gains a third where a core is idle, and costs eightfold where none is,
    # because each step waits for it.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _solve_together(images: Tensor, across: Tensor, down: Tensor, lam: float, tolerance: float) -> Tensor:
    target = images[:, 0].to(torch.float64, copy=True)
    low, high = target.amin(dim=(1, 2), keepdim=True), target.amax(dim=(1, 2), keepdim=True)
    # The operator keeps constants: without its offset, an image of low contrast loses no digits.
    middle = (low + high) / 2
    target -= middle
    right, below = torch.zeros_like(target), torch.zeros_like(target)
    torch.mul(across[:, 0], lam, out=right[:, :, :-1])
    torch.mul(down[:, 0], lam, out=below[:, :-1])
    diagonal = 1.0 + right + below
    diagonal[:, :, 1:] += right[:, :, :-1]
    diagonal[:, 1:] += below[:, :-1]

    goal = tolerance * (high - low)
    solution, residual = torch.zeros_like(target), target.clone()
    precisions = [torch.float64]
    if float(diagonal.max()) <= _SINGLE_PRECISION_LIMIT:
        precisions.insert(0, torch.float32)
    for dtype in precisions:
        open_ = (_largest(residual) > goal)[:, 0, 0]
        if not bool(open_.any()):
            break
        solution[open_], residual[open_] = _refine(
            target[open_],
            diagonal[open_],
            right[open_],
            below[open_],
            solution[open_],
            residual[open_],
            goal[open_],
            dtype,
        )
    if bool((_largest(residual) > goal).any()):
        worst = float((_largest(residual) / (high - low)).max())
        raise ConvergenceError(
            f"WLS smoothing of a {images.shape[2]} x {images.shape[3]} image stopped at a residual of {worst:.1e} "
            f"of its range, above the tolerance {tolerance:.1e}: lambda times the weights reaches "
            f"{float(diagonal.max()):.1e}; use a smaller lambda or a larger epsilon"
        )
    # The exact solution keeps the sum and the bounds; what the residual left over is given back.
    solution += residual.mean(dim=(1, 2), keepdim=True) + middle
    return solution.clamp(low, high)[:, None].to(images.dtype)


def _refine(
    target: Tensor,
    diagonal: Tensor,
    right: Tensor,
    below: Tensor,
    solution: Tensor,
    residual: Tensor,
    goal: Tensor,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Improve the solution with one factor until the goal is reached or a round gains less than a factor of two."""
    factored = factor(diagonal, right, below, dtype)
    improving = _largest(residual) > goal
    for _ in range(_ROUNDS):
        tried = solution + solve_factored(factored, residual)
        left = target - _apply(right, below, tried)
        better = improving & (_largest(left) < _largest(residual))
        improving = better & (_largest(left) > goal) & (_largest(left) < 0.5 * _largest(residual))
        solution, residual = torch.where(better, tried, solution), torch.where(better, left, residual)
        if not bool(improving.any()):
            break
    return solution, residual


def _apply(right: Tensor, below: Tensor, images: Tensor) -> Tensor:
    """Return (I + lambda L) S from the flows along the edges, so that constants pass without rounding."""
    out = images.clone()
    flow = images.diff(dim=2).mul_(right[:, :, :-1])
    out[:, :, :-1] -= flow
    out[:, :, 1:] += flow
    flow = images.diff(dim=1).mul_(below[:, :-1])
    out[:, :-1] -= flow
    out[:, 1:] += flow
    return out


def _largest(residual: Tensor) -> Tensor:
    return residual.abs().amax(dim=(1, 2), keepdim=True)


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        if not 0.0 < value < float("inf"):
            raise ConfigurationError(f"{name} must be a positive finite number, got {value}")


def _check_images(images: Tensor) -> None:
    if images.ndim != 4 or images.shape[1] != 1 or not images.is_floating_point():
        raise ConfigurationError(f"images must be float [B,1,H,W], got {images.dtype} {list(images.shape)}")
    if not bool(torch.isfinite(images).all()):
        raise CaseError("WLS smoothing: an image has NaN or infinite pixels")


def _check_weights(images: Tensor, weights: Affinities) -> None:
    b, _, h, w = images.shape
    for name, value, shape in (("right", weights.right, (b, 1, h, w - 1)), ("below", weights.below, (b, 1, h - 1, w))):
        if tuple(value.shape) != shape:
            raise ConfigurationError(f"weights.{name} must be {list(shape)} for these images, got {list(value.shape)}")
        if value.numel() and not bool(((value >= 0) & torch.isfinite(value)).all()):
            raise ConfigurationError(f"weights.{name} must be finite and not negative")
