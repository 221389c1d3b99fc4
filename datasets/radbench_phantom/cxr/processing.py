"""From the beam behind a patient to the greys of a film: scatter, quanta, blur, detail and the display curve."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from radbench.xray.detector import spread
from radbench_phantom.cxr.config import PhantomCxrConfig
from radbench_phantom.cxr.looks import Look
from radbench_phantom.cxr.projection import shown

LEAST = 1e-6
_BANDS_MM = (1.4, 4.5, 15.0)


@dataclass(frozen=True)
class Levels:
    """What the greys of a film are set by, as -ln of the intensity.

    Attributes:
        lungs: where little but lung lies along the ray: bool ``[1,1,h,w]``.
        heart: the heart's shadow: bool ``[1,1,h,w]``.
    """

    lungs: Tensor
    heart: Tensor

    def of(self, image: Tensor) -> tuple[float, float]:
        """Return an image's median in the lungs and in the heart (the frame's brightest twentieth without a heart)."""
        low = image[self.lungs].median() if self.lungs.any() else image.quantile(0.3)
        high = image[self.heart].median() if self.heart.any() else image.flatten().float().quantile(0.95)
        return float(low), float(high)


def measured(log: Tensor, look: Look, pixel_mm: float, seed: int) -> Tensor:
    """Return what the detector measures.

    Scatter comes from where the beam is weakened (intensity times its logarithm), so that free air gives none. Photons
    are counted in what arrives; blur follows, so that it smooths the noise too.

    Args:
        log: float64 ``[1,1,h,w]``, -ln of the share of the beam that passes.
        look: beam and detector.
        pixel_mm: distance between pixels.
        seed: of the noise.

    Returns:
        As ``log``, of what was measured.
    """
    seen = torch.exp(-log)
    if look.scatter:
        born = spread(seen * log, look.scatter_mm / pixel_mm)
        body = log > 0.5
        share = look.scatter * seen[body].sum() / born[body].sum().clamp_min(LEAST) if body.any() else 0.0
        seen = seen + share * born
    generator = torch.Generator().manual_seed(seed)
    seen = torch.poisson(seen * look.photons, generator=generator) / look.photons
    if look.blur_mm:
        seen = spread(seen, look.blur_mm / pixel_mm)
    return -torch.log(seen.clamp_min(0.5 / look.photons))


def greys(images: list[Tensor], levels: Levels, look: Look, config: PhantomCxrConfig, pixel_mm: float) -> list[Tensor]:
    """Process -ln of intensities into greys, all by the settings that the first of them leads to.

    Args:
        images: each ``[1,1,h,w]``.
        levels: where lungs and heart are.
        look: processing and curve.
        config: for what is fixed there (detail, film_gamma, film_exposure).
        pixel_mm: distance between pixels.

    Returns:
        As ``images``, in [0,1], dense is bright.
    """
    if look.curve == "film":
        middle = math.exp(-levels.of(images[0])[0]) * config.film_exposure
        return [shown(i, config, max(middle, LEAST), pixel_mm) for i in images]
    low, high = levels.of(images[0])
    unit = max(high - low, 0.2)
    flat = [_detailed((i - low) / unit, look, config, pixel_mm) for i in images]
    low, high = levels.of(flat[0])
    return [_curve((i - low) / max(high - low, 0.1), look) for i in flat]


def _detailed(image: Tensor, look: Look, config: PhantomCxrConfig, pixel_mm: float) -> Tensor:
    """Flatten what is coarse and raise what is fine, faint detail more than edges."""
    if config.detail:
        return image + config.detail * (image - spread(image, config.detail_mm / pixel_mm))
    coarse = spread(image, look.coarse_mm / pixel_mm)
    out, finer = (1 - look.flattening) * coarse, image
    for width, gain in zip(_BANDS_MM, look.gains, strict=True):
        blurred = spread(finer, width / pixel_mm)
        band = finer - blurred
        out = out + band * (1 + (gain - 1) / (1 + (band / look.knee) ** 2))
        finer = blurred
    return out + (finer - coarse)


def _curve(x: Tensor, look: Look) -> Tensor:
    """Map 0 to the lungs' grey and 1 to the heart's."""
    low, high = look.lung_grey, look.heart_grey
    if look.curve == "sigmoid":
        start, end = (math.log(g / (1 - g)) for g in (low, high))
        return 1 / (1 + torch.exp(-(start + (end - start) * x)))
    power = look.gamma if look.curve == "power" else 1.0
    start, end = low ** (1 / power), high ** (1 / power)
    return (start + (end - start) * x).clamp(0, 1) ** power
