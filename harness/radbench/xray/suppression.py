"""Bone suppression by reversing CT2Xray (XraySyn, Algorithm 1), and the tissue that explains an intensity."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from radbench.xray.attenuation import Spectrum, ten_energies
from radbench.xray.intensity import attenuated_intensity, log_intensity, mean_attenuation

INVERSES = ("per-energy", "one-thickness")
"""Ways to explain a radiograph by tissue: the paper's, with one thickness per energy; and one for all energies."""

_MOST_STEPS = 50
_SETTLED = 1e-6


def suppress_bone(
    radiograph: Tensor,
    bone: Tensor,
    tissue: Tensor,
    *,
    amount: float = 1.0,
    tissue_per_bone: float = 1.0,
    inverse: str = "per-energy",
    spectrum: Spectrum | None = None,
) -> Tensor:
    """Take bone out of a radiograph whose bone and tissue are estimated, keeping all its other detail.

    XraySyn, Algorithm 1. The radiograph is inverted and brought into the range of the estimate's intensity ``I_ref``
    (Eq. 6). The tissue is found that together with the estimated bone gives the radiograph exactly; then bone's
    coefficients give way to tissue's, and the sum over the energies is taken again. With the energies' shares
    ``w_E = exp(-(mu_bone(E) t_bone + mu_tissue(E) t_tissue)) / I_ref`` the algorithm comes to ::

        I_suppressed = I_in * sum_E w_E exp((mu_bone(E) - mu_tissue(E)) t_bone)

    and is computed so, in logarithms: at 15 keV a chest leaves less than single precision can hold. Nothing is lost:
    with no bone, or ``amount=0``, the input comes back to 1e-6 of its range. The paper's text misprints a sign
    (log(w I) - mu t for -log(w I) - mu t) and leaves open how the result is shown: here the two steps that brought
    the radiograph into the range are undone [assumed]. Where more bone is estimated than the radiograph shows, the
    result may fall below 0; it is not clamped.

    Args:
        radiograph: float ``[B,1,h,w]``, dense is bright, as Eq. 5 gives it; in any scale that has 0 where the beam
            is attenuated least (min-max it if it has not).
        bone: float ``[B,1,h,w]``: estimated mass of bone along each ray, in g/cm^2.
        tissue: float ``[B,1,h,w]``: estimated mass of soft tissue along each ray, in g/cm^2.
        amount: how far bone's coefficients are moved to tissue's, from 0 (not at all) to 1.
        tissue_per_bone: g of tissue that take the place of a g of bone. 1: the paper. 0: bone's contribution is
            removed and leaves a gap. The ratio of their densities (0.55 for cortical bone, more for what CT shows of
            a rib) keeps the volume.
        inverse: "per-energy": the paper's tissue, slightly different at each energy. "one-thickness": our variant,
            the one thickness that explains the radiograph at all energies (:func:`tissue_thickness`); the estimated
            tissue then counts towards the range alone.
        spectrum: None: the paper's ten energies.

    Returns:
        The radiograph without bone, in the scale of the input; differentiable in all three images.

    Raises:
        ValueError: shapes that differ; ``amount`` or ``tissue_per_bone`` outside [0,1]; an unknown inverse; a
            radiograph that is nowhere above 0; an estimate that attenuates all rays alike.
    """
    beam = spectrum or ten_energies()
    _check(radiograph, bone, tissue, amount, tissue_per_bone, inverse)
    reference = attenuated_intensity(bone, tissue, beam)
    high, low = reference.amax((2, 3), keepdim=True), reference.amin((2, 3), keepdim=True)
    white = radiograph.amax((2, 3), keepdim=True)
    if not bool((white > 0).all()) or not bool((high > low).all()):
        raise ValueError(
            "bone suppression needs a radiograph that is above 0 somewhere and an estimate that differs between "
            "rays; an image of this batch is flat"
        )
    seen = (white - radiograph) / white * (high - low) + low
    explained = tissue if inverse == "per-energy" else tissue_thickness(seen, bone, spectrum=beam)
    freed = [amount * (b - tissue_per_bone * t) * bone for b, t in zip(beam.bone, beam.tissue, strict=True)]
    brighter = log_intensity(bone, explained, beam, plus=freed) - log_intensity(bone, explained, beam)
    suppressed = seen * torch.exp(brighter)
    return white * (high - suppressed) / (high - low)


def tissue_thickness(intensity: Tensor, bone: Tensor, *, spectrum: Spectrum | None = None) -> Tensor:
    """Return the tissue that, with the bone given, lets just this intensity pass: Eq. 6 solved for one thickness.

    The logarithm of Eq. 6 is convex and falling in the thickness, so Newton's method from any start lands at or below
    the root in one step and climbs to it from there, without overshooting: no bracket is needed. Each pixel stops
    moving once its step is below 1e-6 of its size. The gradient is that of the implicit function.

    Args:
        intensity: float ``[B,1,h,w]`` > 0, in Eq. 6's unit (at most ``spectrum.total`` where nothing is in the way).
        bone: float ``[B,1,h,w]``: mass of bone along each ray, in g/cm^2.
        spectrum: None: the paper's ten energies.

    Returns:
        Mass of tissue along each ray in g/cm^2; negative where the bone alone lets less pass than ``intensity``.

    Raises:
        ValueError: an intensity is not positive and finite.
    """
    beam = spectrum or ten_energies()
    if not bool((torch.isfinite(intensity) & (intensity > 0)).all()):
        raise ValueError("tissue can explain positive, finite intensities only")
    target = torch.log(intensity)
    with torch.no_grad():
        tissue = torch.zeros_like(target)
        moving = torch.ones_like(target, dtype=torch.bool)
        for _ in range(_MOST_STEPS):
            step = (log_intensity(bone, tissue, beam) - target) / mean_attenuation(bone, tissue, beam)
            tissue = torch.where(moving, tissue + step, tissue)
            moving = moving & (step.abs() > _SETTLED * (1 + tissue.abs()))
            if not bool(moving.any()):
                break
        slope = mean_attenuation(bone, tissue, beam)
    # One more step with the graph: its value is the root, its derivative the implicit function's.
    return tissue + (log_intensity(bone, tissue, beam) - target) / slope


def _check(
    radiograph: Tensor, bone: Tensor, tissue: Tensor, amount: float, tissue_per_bone: float, inverse: str
) -> None:
    shapes = {tuple(t.shape) for t in (radiograph, bone, tissue)}
    if len(shapes) > 1 or radiograph.ndim != 4 or radiograph.shape[1] != 1:
        raise ValueError(
            f"radiograph, bone and tissue must be alike, [B,1,h,w]; got {[list(s) for s in sorted(shapes)]}"
        )
    for name, value in (("amount", amount), ("tissue_per_bone", tissue_per_bone)):
        if not (math.isfinite(value) and 0 <= value <= 1):
            raise ValueError(f"{name} must lie in [0, 1]; got {value}")
    if inverse not in INVERSES:
        raise ValueError(f"there is no inverse '{inverse}'; there is {', '.join(INVERSES)}")
