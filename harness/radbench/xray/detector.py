"""What a detector makes of a beam: scatter, quantum noise, blur and the display curve; each is off unless asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

CURVES = ("linear", "log", "film")
"""Display curves: intensity as it is, its negative logarithm, the sigmoid of a film."""


@dataclass(frozen=True)
class DetectorOptions:
    """A detector. As built it does nothing.

    Attributes:
        pixel_mm: distance between pixels, which scatter and blur are measured in.
        photons_per_pixel: photons that a pixel counts where nothing attenuates; noise is Poisson's. None: no noise.
            A beam of quality RQA 5 has about 30,000 per mm^2 and uGy (IEC 62220-1).
        scatter_to_primary: scattered over primary radiation, in sum over the image; 0: none.
        scatter_sigma_mm: standard deviation of the Gaussian that spreads the primary into scatter [assumed].
        blur_sigma_mm: standard deviation of the detector's Gaussian point spread; its MTF at f line pairs per mm is
            ``exp(-2 (pi sigma f)^2)``. 0: none.
        curve: "linear": bright is what passes. "log": ``-ln(I)``. "film": ``1 / (1 + (I / film_middle)^film_gamma)``,
            the sigmoid of a film's density over log exposure, shown dense as bright, in (0, 1).
        least: intensities are raised to it before "log", where noise may have left no photon.
        film_middle: the intensity shown as 0.5.
        film_gamma: steepness of the sigmoid over ln(I).

    Raises:
        ValueError: a value outside its range.
    """

    pixel_mm: float = 1.0
    photons_per_pixel: float | None = None
    scatter_to_primary: float = 0.0
    scatter_sigma_mm: float = 40.0
    blur_sigma_mm: float = 0.0
    curve: str = "linear"
    least: float = 1e-6
    film_middle: float = 0.1
    film_gamma: float = 1.0

    def __post_init__(self) -> None:
        positive = ("pixel_mm", "scatter_sigma_mm", "least", "film_middle", "film_gamma")
        for name in positive + (("photons_per_pixel",) if self.photons_per_pixel is not None else ()):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} must be positive; got {getattr(self, name)}")
        for name in ("scatter_to_primary", "blur_sigma_mm"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ValueError(f"{name} must not be negative; got {getattr(self, name)}")
        if self.curve not in CURVES:
            raise ValueError(f"there is no curve '{self.curve}'; there is {', '.join(CURVES)}")


def apply_detector(intensity: Tensor, options: DetectorOptions, generator: torch.Generator | None = None) -> Tensor:
    """Return what a detector shows of a beam.

    In the order of a scintillator: scatter is added, photons are counted, their light spreads (so that blur smooths
    the noise too), the curve is applied. Images are treated one after another: a batch gives the bits of its images
    handed in singly with the same generator.

    Args:
        intensity: float ``[B,1,h,w]`` in [0,1]: the share of the beam that passes, as ``ct2xray(output="intensity")``.
        options: the detector.
        generator: where noise is drawn from, on the images' device.

    Returns:
        float ``[B,1,h,w]``; differentiable in ``intensity`` (noise is taken as given). Without any option, the input.

    Raises:
        ValueError: not ``[B,1,h,w]``, values that are negative or not finite, or noise without a generator.
    """
    if intensity.ndim != 4 or intensity.shape[1] != 1:
        raise ValueError(f"a detector takes [B,1,h,w]; got {list(intensity.shape)}")
    if not bool((torch.isfinite(intensity) & (intensity >= 0)).all()):
        raise ValueError("a detector takes intensities that are finite and not negative")
    if options.photons_per_pixel is not None and generator is None:
        raise ValueError("noise needs a generator: pass torch.Generator().manual_seed(...)")
    seen = intensity
    if options.scatter_to_primary:
        seen = seen + options.scatter_to_primary * spread(seen, options.scatter_sigma_mm / options.pixel_mm)
    if options.photons_per_pixel is not None:
        seen = _counted(seen, options.photons_per_pixel, generator)
    if options.blur_sigma_mm:
        seen = spread(seen, options.blur_sigma_mm / options.pixel_mm)
    return display(seen, options)


def spread(images: Tensor, sigma: float) -> Tensor:
    """Blur images by a Gaussian, keeping their sum: what would leave an edge is reflected at it.

    Args:
        images: float ``[B,1,h,w]``.
        sigma: standard deviation in pixels, of any size.

    Returns:
        As ``images``; not negative where they are not.
    """
    down, across = (_gaussian(n, sigma).to(images) for n in images.shape[2:])
    return torch.stack([(down @ image @ across)[None] for image in images[:, 0]])


def display(intensity: Tensor, options: DetectorOptions) -> Tensor:
    """Apply a display curve, monotone and pixel by pixel: "linear" rises with intensity, "log" and "film" fall.

    Args:
        intensity: float >= 0, any shape.
        options: for ``curve``, ``least``, ``film_middle`` and ``film_gamma``.
    """
    if options.curve == "linear":
        return intensity
    log = torch.log(intensity.clamp_min(options.least))
    if options.curve == "log":
        return -log
    # Not torch.sigmoid: on the CPU its last bit depends on a pixel's place in memory, and so on the batch.
    return 1 / (1 + torch.exp(options.film_gamma * (log - math.log(options.film_middle))))


def _counted(images: Tensor, photons: float, generator: torch.Generator | None) -> Tensor:
    drawn = [torch.poisson(image.detach() * photons, generator=generator) / photons for image in images]
    # The draw's error is constant: gradients are those of the mean.
    return images + (torch.stack(drawn) - images.detach())


def _gaussian(size: int, sigma: float) -> Tensor:
    """Return the matrix [n,n] that blurs a row of n pixels: symmetric, every row and column sums to 1."""
    reach = math.ceil(8 * sigma) + 1
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float64)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    # Reflected at both edges, a row of n pixels repeats every 2 n.
    period = torch.zeros(2 * size, dtype=torch.float64)
    period.index_add_(0, (offsets.long() % (2 * size)), kernel / kernel.sum())
    index = torch.arange(size)
    return period[(index[:, None] - index[None]) % (2 * size)] + period[(index[:, None] + index[None] + 1) % (2 * size)]
