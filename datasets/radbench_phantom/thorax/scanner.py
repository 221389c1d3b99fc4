"""The scanner: blur of the reconstruction kernel, and noise as correlated and as strong as rays make it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from radbench_phantom.kernels import KERNELS
from radbench_phantom.thorax.grid import Grid


def scanned(hu: Tensor, grid: Grid, kernel: str, noise: float, seed: tuple[int, ...], most: float = 3071.0) -> Tensor:
    """Return a scan of a volume.

    Pixels larger than the point spread average the noise away, as thick reconstructions do: white noise on the fine
    grid keeps its density per volume up to the cut-off that the grid can carry.

    Args:
        hu: float32 ``[D,H,W]`` HU without noise.
        grid: where its voxels lie.
        kernel: one of :data:`KERNELS`.
        noise: factor on the noise.
        seed: seed of the noise.
        most: greatest HU that is stored.
    """
    spread, cutoff = KERNELS[kernel].spread_mm, KERNELS[kernel].cutoff
    out = hu
    _, dy, dx = grid.spacing
    if spread > 0.2 * min(dy, dx):
        out = _blurred(out, spread, (dy, dx))
    if noise > 0:
        d, h, w = grid.shape
        white = np.random.default_rng(seed).standard_normal((d, h, w), dtype=np.float32)
        spectrum = torch.fft.rfft2(torch.from_numpy(white).to(hu.device))
        fy = torch.fft.fftfreq(h, dy, device=hu.device)[:, None]
        fx = torch.fft.rfftfreq(w, dx, device=hu.device)[None]
        radius = torch.hypot(fx, fy)
        band = torch.sqrt(radius + 1e-4) * torch.exp(-((radius / cutoff) ** 2))
        # The share of the noise's power that this grid can carry.
        r = np.linspace(0, 2.0, 800)
        power = r * np.exp(-2 * (r / cutoff) ** 2) * r
        carried = float(power[r < 0.5 / max(dy, dx)].sum() / power[r < 0.5 / 0.7].sum())
        field = torch.fft.irfft2(spectrum * band, s=(h, w))
        field = field / field.std()
        sigma = KERNELS[kernel].noise_hu * noise * np.sqrt(min(carried, 2.0) * min(2.5 / grid.spacing[0], 2.0))
        out = out + field * (_attenuation(hu, grid) * float(sigma))
    return out.clamp(-1024.0, most)


def _blurred(hu: Tensor, sigma_mm: float, spacing: tuple[float, float]) -> Tensor:
    out = hu
    for axis, s in ((1, spacing[0]), (2, spacing[1])):
        reach = max(1, int(np.ceil(2.5 * sigma_mm / s)))
        taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) * s / sigma_mm) ** 2)
        if reach == 1:
            side = 0.5 * (sigma_mm / s) ** 2
            taps = np.array([side, 1 - 2 * side, side])
        taps = taps / taps.sum()
        total = float(taps[reach]) * out
        n = out.shape[axis]
        for k in range(1, reach + 1):
            index = torch.arange(n, device=hu.device)
            for sign in (-k, k):
                total = total + float(taps[reach + k]) * out.index_select(axis, (index + sign).clamp(0, n - 1))
        out = total
    return out


def _attenuation(hu: Tensor, grid: Grid) -> Tensor:
    """Return the relative noise ``[D,H,W]`` that rays from the front and from the side bring (1 for 25 cm of water)."""
    water = (hu / 1000 + 1).clamp(0, 2.2) * 0.02
    frontal = torch.exp(0.25 * (water.sum(1, keepdim=True) * grid.spacing[1] - 5.0))
    lateral = torch.exp(0.25 * (water.sum(2, keepdim=True) * grid.spacing[2] - 5.0))
    return torch.sqrt(frontal * lateral).clamp(0.3, 4.0)
