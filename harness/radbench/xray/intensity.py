"""How much of the beam passes bone and tissue: XraySyn's Eq. 6, and its logarithm where exponentials underflow."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from radbench.xray.attenuation import Spectrum, ten_energies


def attenuated_intensity(bone: Tensor, tissue: Tensor, spectrum: Spectrum | None = None) -> Tensor:
    """Return what reaches the detector: ``sum_E N_E exp(-(mu_bone(E) bone + mu_tissue(E) tissue))``.

    XraySyn, Eq. 6 (from DeepDRR's Eq. 3 without scatter and noise). The energies are summed one after another, so
    that neither the batch nor the image's size changes a bit.

    Args:
        bone: float, any shape: mass of bone along each ray, in g/cm^2 (density times length).
        tissue: the same of soft tissue.
        spectrum: None: the paper's ten energies, N_E = 1.

    Returns:
        As ``bone``: in (0, sum N_E], which is 10 for the paper's spectrum where nothing is in the way.
    """
    beam = spectrum or ten_energies()
    total = torch.zeros_like(bone)
    for weight, exponent in zip(beam.weights, _exponents(bone, tissue, beam), strict=True):
        total = total + weight * torch.exp(exponent)
    return total


def log_intensity(
    bone: Tensor, tissue: Tensor, spectrum: Spectrum | None = None, *, plus: Sequence[Tensor] | None = None
) -> Tensor:
    """Return the logarithm of :func:`attenuated_intensity` where that itself may be too small for a float.

    Args:
        bone: float, any shape: mass of bone along each ray, in g/cm^2.
        tissue: the same of soft tissue.
        spectrum: None: the paper's ten energies.
        plus: per energy, something to add to the exponent, as ``bone``.
    """
    beam = spectrum or ten_energies()
    exponents = _exponents(bone, tissue, beam)
    if plus is not None:
        exponents = [e + p for e, p in zip(exponents, plus, strict=True)]
    largest = exponents[0].detach()
    for exponent in exponents[1:]:
        largest = torch.maximum(largest, exponent.detach())
    total = torch.zeros_like(bone)
    for weight, exponent in zip(beam.weights, exponents, strict=True):
        total = total + weight * torch.exp(exponent - largest)
    return torch.log(total) + largest


def mean_attenuation(bone: Tensor, tissue: Tensor, spectrum: Spectrum | None = None) -> Tensor:
    """Return the mass attenuation coefficient of a further thin layer of tissue, in cm^2/g.

    It is the mean of tissue's coefficients over the energies that are left of the beam: ``-d log I / d tissue``. It
    falls with thickness, as the beam hardens.

    Args:
        bone: float, any shape: mass of bone along each ray, in g/cm^2.
        tissue: the same of soft tissue.
        spectrum: None: the paper's ten energies.
    """
    beam = spectrum or ten_energies()
    exponents = _exponents(bone, tissue, beam)
    largest = exponents[0]
    for exponent in exponents[1:]:
        largest = torch.maximum(largest, exponent)
    above, below = torch.zeros_like(bone), torch.zeros_like(bone)
    for weight, coefficient, exponent in zip(beam.weights, beam.tissue, exponents, strict=True):
        left = weight * torch.exp(exponent - largest)
        above, below = above + coefficient * left, below + left
    return above / below


def _exponents(bone: Tensor, tissue: Tensor, beam: Spectrum) -> list[Tensor]:
    return [-(b * bone + t * tissue) for b, t in zip(beam.bone, beam.tissue, strict=True)]
