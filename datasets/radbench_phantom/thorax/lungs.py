"""The lungs: what the cage encloses above the diaphragm and beside the mediastinum, and their fissures."""

from __future__ import annotations

import torch
from torch import Tensor

from radbench_phantom.thorax.cage import cage_distance
from radbench_phantom.thorax.grid import interpolated, smooth_min
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.mediastinum import heart_distance, midline_distance
from radbench_phantom.thorax.traits import Traits

At = tuple[Tensor, Tensor, Tensor]


def diaphragm_height(x: Tensor, y: Tensor, traits: Traits) -> Tensor:
    """Return the height (mm) of the diaphragm's upper surface above (x, y)."""
    sz, sy, sx = traits.scale
    xc, yc = x / sx, y / sy
    right = xc < 0
    top = -24.0 - traits.breath_mm - torch.where(right, 0.0, traits.dome_mm)
    lateral = xc.abs() - 58.0
    front = yc + 6.0
    q = (lateral / torch.where(lateral > 0, 63.0, 72.0)) ** 2 + (front / torch.where(front < 0, 94.0, 97.0)) ** 2
    # Recesses reach far lower behind than in front.
    wall = -70.0 - 44.0 * torch.sigmoid((yc + 14.0) / 22.0) - 26.0 * torch.sigmoid((yc - 45.0) / 14.0)
    wall = wall - 0.35 * traits.breath_mm
    fall = 1 - torch.sqrt((1 - 0.96 * q).clamp(min=0.02))
    return (top - (top - wall) * fall) * sz


def diaphragm_distance(at: At, traits: Traits) -> Tensor:
    """Return the signed distance (mm) to the space above the diaphragm, negative above it."""
    x, y, z = at
    if x.ndim == 3:
        # The dome varies slowly along the spine's bend: one slice's positions serve them all.
        k = int((z.view(-1) + 55.0).abs().argmin())
        x, y = x[k : k + 1], y[k : k + 1]
    height = diaphragm_height(x, y, traits)
    e = 2.0
    slope = torch.hypot(
        (diaphragm_height(x + e, y, traits) - height) / e, (diaphragm_height(x, y + e, traits) - height) / e
    )
    return (height - z) / torch.sqrt(1 + slope**2)


def lung_distance(at: At, traits: Traits, cage: Tensor | None = None) -> Tensor:
    """Return the approximate signed distance (mm) to both lungs."""
    cage = cage_distance(at, traits) if cage is None else cage
    space = torch.maximum(cage, diaphragm_distance(at, traits))
    middle = smooth_min(midline_distance(at, traits), heart_distance(at, traits) - 2.5, 8.0)
    return torch.maximum(space, -middle)


def major_fissure(at: At, traits: Traits) -> Tensor:
    """Return the signed distance (mm) to the major fissures, negative in the lower lobes."""
    x, y, z = (c / s for c, s in zip(at, traits.scale[::-1], strict=True))
    bow = 7.0 * torch.sin((x.abs() - 20.0) / 28.0) - 4.0 * torch.cos(y / 30.0)
    tilt = torch.where(x < 0, 1.12, 1.22)
    return (z - tilt * (y - 4.0) - bow - torch.where(x < 0, -6.0, 2.0)) * 0.64


def minor_fissure(at: At, traits: Traits) -> Tensor:
    """Return the signed distance (mm) to the right lung's minor fissure, negative in the middle lobe."""
    x, y, z = (c / s for c, s in zip(at, traits.scale[::-1], strict=True))
    return z - 9.0 + 0.10 * (y + 40.0) + 5.0 * torch.cos((x + 70.0) / 34.0) - 3.0


def lobe_of(at: At, traits: Traits) -> Tensor:
    """Return the label of the lobe that each place belongs to, uint8."""
    # The lungs meet before the heart a little left of the midline.
    x = at[0] - 3.0
    lower = major_fissure(at, traits) < 0
    middle = minor_fissure(at, traits) < 0
    a = Anatomy
    left = torch.where(lower, int(a.LUNG_LOWER_LEFT), int(a.LUNG_UPPER_LEFT))
    above = torch.where(middle, int(a.LUNG_MIDDLE_RIGHT), int(a.LUNG_UPPER_RIGHT))
    right = torch.where(lower, int(a.LUNG_LOWER_RIGHT), above)
    return torch.where(x > 0, left, right).to(torch.uint8)


def table_at(z: Tensor, rows: list[tuple[float, float]]) -> Tensor:
    """Return a table's value at heights z of the reference (mm)."""
    import numpy as np

    table = np.array(sorted(rows), dtype=np.float64)
    return interpolated(z, table[:, 0], table[:, 1])
