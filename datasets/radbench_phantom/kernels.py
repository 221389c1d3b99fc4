"""Reconstruction kernels of CT scanners, as both CT phantoms scan with them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kernel:
    """A reconstruction kernel.

    Attributes:
        spread_mm: its point spread, a standard deviation.
        overshoot: how much edges overshoot.
        cutoff: cycles per mm beyond which its noise falls.
        noise_hu: its noise at pixels of 0.7 mm.
    """

    spread_mm: float
    overshoot: float
    cutoff: float
    noise_hu: float


KERNELS = {
    "smooth": Kernel(0.72, 0.0, 0.30, 9.0),
    "standard": Kernel(0.55, 0.10, 0.38, 13.0),
    "sharp": Kernel(0.38, 0.45, 0.58, 32.0),
}
