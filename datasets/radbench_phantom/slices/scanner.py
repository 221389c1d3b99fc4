"""The scanner: tissue texture, the reconstruction kernel's point spread, and its correlated noise."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import fft

from radbench_phantom.kernels import KERNELS
from radbench_phantom.slices.canvas import Tissue

Image = NDArray[np.float32]

# Standard deviation in HU of what a tissue varies by: coarse (about 6 mm), medium (2 mm), fine (0.7 mm).
_TEXTURE: dict[Tissue, tuple[float, float, float]] = {
    Tissue.SUBCUTANEOUS_FAT: (3, 3, 0),
    Tissue.WALL_FAT: (10, 12, 0),
    Tissue.MUSCLE: (5, 6, 0),
    Tissue.CORTEX: (60, 60, 60),
    Tissue.MARROW: (16, 20, 36),
    Tissue.CARTILAGE: (12, 12, 0),
    Tissue.LUNG: (13, 14, 22),
    Tissue.MEDIASTINAL_FAT: (9, 10, 0),
    Tissue.ABDOMINAL_FAT: (4, 6, 0),
    Tissue.PELVIC_FAT: (5, 7, 0),
    Tissue.BLOOD: (3, 1, 0),
    Tissue.MYOCARDIUM: (5, 4, 0),
    Tissue.LIVER: (2.5, 2, 0),
    Tissue.SPLEEN: (3, 2, 0),
    Tissue.KIDNEY: (5, 5, 0),
    Tissue.MEDULLA: (6, 6, 0),
    Tissue.RENAL_SINUS: (18, 18, 0),
    Tissue.GLAND: (8, 13, 0),
    Tissue.BOWEL_WALL: (6, 8, 0),
    Tissue.BOWEL_CONTENT: (7, 6, 0),
    Tissue.STOOL: (35, 60, 60),
    Tissue.BREAST: (20, 20, 0),
    Tissue.LESION: (0, 0, 0),
}

_WEDGES = 6


def textured(hu: Image, labels: NDArray[np.uint8], spacing: float, rng: Generator) -> Image:
    """Add each tissue's own variation.

    Args:
        hu: float32 ``[H,W]`` HU.
        labels: uint8 ``[H,W]`` of :class:`Tissue`.
        spacing: pixel spacing (mm).
        rng: source of the texture.
    """
    table = np.zeros((3, 256), dtype=np.float32)
    for tissue, row in _TEXTURE.items():
        table[:, int(tissue)] = row
    out = hu.copy()
    fields = [smooth_field(rng, hu.shape[0], scale / spacing) for scale in (3.0, 1.1, 0.45)]
    for amplitude, field in zip(table, fields, strict=True):
        out += cv2.LUT(labels, amplitude.reshape(1, 256)) * field
    stool = labels == Tissue.STOOL
    if stool.any():
        mix = 0.5 * fields[0] + 0.85 * fields[1]
        out = np.where(stool & (mix > 0.75), np.float32(-420) - 250 * (mix - 0.75), out).astype(np.float32)
    return out


def smooth_field(rng: Generator, size: int, sigma: float) -> Image:
    """Return a Gaussian random field of unit variance, float32 ``[size,size]``, correlated over ``sigma`` pixels."""
    step = max(1, int(sigma / 1.5))
    coarse = -(-size // step) + 8
    white = rng.standard_normal((coarse, coarse), dtype=np.float32)
    noise: Image = np.asarray(cv2.GaussianBlur(white, (0, 0), max(sigma / step, 0.3), borderType=cv2.BORDER_REFLECT))
    noise = noise / max(float(noise.std()), 1e-6)
    if step > 1:
        noise = np.asarray(cv2.resize(noise, (coarse * step, coarse * step), interpolation=cv2.INTER_CUBIC))
    out: Image = np.ascontiguousarray(noise[:size, :size], dtype=np.float32)
    return out


def reconstructed(hu: Image, kernel: str, spacing: float) -> Image:
    """Blur by the kernel's point spread, with its overshoot.

    Args:
        hu: float32 ``[H,W]`` HU.
        kernel: one of :data:`KERNELS`.
        spacing: pixel spacing (mm).
    """
    scanner = KERNELS[kernel]
    out = cv2.GaussianBlur(hu, (0, 0), scanner.spread_mm / spacing)
    if scanner.overshoot:
        out = out + scanner.overshoot * (out - cv2.GaussianBlur(out, (0, 0), 1.3 / spacing))
    image: Image = out.astype(np.float32)
    return image


def scan_noise(hu: Image, kernel: str, spacing: float, sigma_hu: float, rng: Generator) -> Image:
    """Return the noise of a scan of this slice, float32 ``[H,W]`` HU.

    Filtered back-projection smears the noise of each view along its rays. So the noise is a sum of fields, each
    holding the spatial frequencies of one range of directions and each as strong, at every pixel, as the attenuation
    along the rays of that range makes it: stronger in the middle, streaked between shoulders and hips.

    Args:
        hu: float32 ``[H,W]`` HU of the slice.
        kernel: one of :data:`KERNELS`; sets the pass band.
        spacing: pixel spacing (mm).
        sigma_hu: standard deviation in the middle of a standard body (300 by 220 mm of water).
        rng: source of the noise.
    """
    size = hu.shape[0]
    white = fft.rfft2(rng.standard_normal((size, size), dtype=np.float32))
    fy = fft.fftfreq(size, spacing).astype(np.float32)[:, None]
    fx = fft.rfftfreq(size, spacing).astype(np.float32)[None, :]
    radius = np.hypot(fx, fy)
    # The pass band rises like a ramp and falls beyond the cut-off.
    band = np.sqrt(radius) * np.exp(-((radius / KERNELS[kernel].cutoff) ** 2))
    turn = np.arctan2(fy, fx)
    scale = 1.0 / np.sqrt(np.mean(_full(band, size) ** 2))
    total = np.zeros_like(hu)
    for k in range(_WEDGES):
        direction = np.pi * k / _WEDGES
        away = (turn - direction + np.pi / 2) % np.pi - np.pi / 2
        window = np.clip(1 - np.abs(away) * (_WEDGES / np.pi), 0, 1)
        part = fft.irfft2(white * (band * np.sqrt(window) * scale).astype(np.float32), s=hu.shape)
        total += part * _ray_noise(hu, spacing, direction)
    noise: Image = (total * sigma_hu).astype(np.float32)
    return noise


def _full(half: Image, size: int) -> Image:
    """Return a half spectrum with the weight of its mirrored half put in."""
    weight = np.full(half.shape[1], np.sqrt(2.0), dtype=np.float32)
    weight[0] = 1.0
    if size % 2 == 0:
        weight[-1] = 1.0
    return half * weight * np.float32(np.sqrt(half.shape[1] / size))


def _ray_noise(hu: Image, spacing: float, direction: float) -> Image:
    """Return the relative noise that rays across a direction bring to each pixel (1 in a standard body's middle)."""
    small = 96
    water = np.clip(cv2.resize(hu, (small, small), interpolation=cv2.INTER_AREA) / 1000 + 1, 0, 2.2) * 0.02
    middle = ((small - 1) / 2,) * 2
    degrees = float(np.rad2deg(direction))
    turned = cv2.warpAffine(water, cv2.getRotationMatrix2D(middle, degrees, 1.0), (small, small))
    line = turned.sum(axis=0) * (hu.shape[0] / small * spacing)
    # Quanta fall exponentially with the attenuation; tube-current modulation gives back half of it.
    strength = np.exp(0.25 * (line - 5.0))
    kernel = np.exp(-0.5 * (np.arange(-4, 5) / 2.0) ** 2)
    strength = np.convolve(np.pad(strength, 4, mode="edge"), kernel / kernel.sum(), mode="valid").astype(np.float32)
    spread = np.repeat(strength[None], small, axis=0)
    back = cv2.warpAffine(
        spread, cv2.getRotationMatrix2D(middle, -degrees, 1.0), (small, small), borderMode=cv2.BORDER_REPLICATE
    )
    out: Image = np.asarray(cv2.resize(back, hu.shape[::-1], interpolation=cv2.INTER_LINEAR), dtype=np.float32)
    return out
