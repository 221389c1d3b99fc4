"""The lungs: what the cage encloses above the diaphragm and beside the mediastinum, and their fissures."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from radbench_phantom.thorax.cage import cage_distance, cage_middle, cage_radius
from radbench_phantom.thorax.grid import smooth_min
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.mediastinum import heart_distance, midline_distance
from radbench_phantom.thorax.traits import Traits

At = tuple[Tensor, Tensor, Tensor]


def diaphragm_height(x: Tensor, y: Tensor, traits: Traits) -> Tensor:
    """Return the height (mm) of the diaphragm's upper surface above (x, y)."""
    sz, sy, sx = traits.scale
    breath = traits.breath
    xc, yc = x / sx, y / sy
    # Each side has its own dome; they go over into one another in the central tendon under the heart.
    left = torch.sigmoid(xc / 7.0)
    right_up, left_up = breath.raised
    low = traits.breath_mm + 16.0 * breath.flat
    top = -24.0 - low - traits.dome_mm * left + right_up * (1 - left) + left_up * left
    # The rim is where the cage is.
    rim = np.array([-95.0])
    wide = [float(cage_radius(np.array([s * np.pi / 2]), rim, traits.shape)[0]) - 58.5 for s in (-1, 1)]
    before = float(cage_radius(np.array([np.pi]), rim, traits.shape)[0] - cage_middle(rim)[0]) - 5.0
    lateral = torch.sqrt(xc**2 + 100.0) - 60.0
    side = lateral / torch.where(lateral > 0, torch.where(xc < 0, wide[0], wide[1]), 84.0)
    front = yc + 6.0
    q = torch.sqrt(side**2 + (front / torch.where(front < 0, before, 96.0)) ** 2).clamp(max=0.999)
    # Recesses reach far lower behind than in front.
    wall = -72.0 - 40.0 * torch.sigmoid((yc + 18.0) / 20.0) - 26.0 * torch.sigmoid((yc - 45.0) / 14.0)
    wall = wall - 0.3 * traits.breath_mm - 0.5 * traits.dome_mm * left - breath.recess + 10.0 * breath.flat
    wall = torch.minimum(wall, top - 14.0)
    arch = 1.97 + breath.round_
    fall = 1 - (1 - q**arch) ** (1 / arch)
    height = top - (top - wall) * fall
    for bx, by, up, width in breath.bumps:
        near = ((xc - bx) ** 2 + (yc - by) ** 2) / width**2
        height = height + up * torch.exp(-near) * (1 - q)
    return height * sz


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
    x, y, z = at
    # The heart lies on the diaphragm with fat about it: no lung comes in between.
    widest = -32.0 * traits.scale[0] + float(traits.heart_shift(np.zeros(3))[0])
    held = torch.where(z < widest, widest + 0.25 * (z - widest), z)
    middle = smooth_min(midline_distance(at, traits), heart_distance((x, y, held), traits) - 2.5, 8.0)
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


def fissure_sheets(at: At, traits: Traits, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Return the distance (mm) to the nearest fissure, and its relative thickness, 0 where lobes have fused.

    Args:
        at: x, y, z (mm).
        traits: the patient.
        rng: source of where fissures end; most do not part the lobes down to the hilum.
    """
    x, y, z = at
    major, minor = major_fissure(at, traits), minor_fissure(at, traits)
    only_right = torch.maximum(minor.abs(), torch.maximum(x, -major))
    sheets = torch.minimum(major.abs(), only_right)
    # Lobes fuse from the hilum outwards, each fissure by its own share.
    hilum = torch.hypot(torch.hypot(x.abs() - 38.0, y - 10.0), z - 8.0)
    ends = rng.uniform(5.0, 62.0, 3)
    k = rng.uniform(0.03, 0.06, 3)
    phase = rng.uniform(0, 6.3, 3)
    ragged = 9.0 * torch.sin(float(k[0]) * y + float(phase[0])) + 9.0 * torch.sin(float(k[1]) * z + float(phase[1]))
    end = torch.where(x > 0, float(ends[0]), torch.where(minor.abs() < major.abs(), float(ends[1]), float(ends[2])))
    there = torch.sigmoid((hilum - end - ragged) / 3.0)
    uneven = 1.0 + 0.35 * torch.sin(float(k[2]) * (x.abs() + y) + float(phase[2]))
    return sheets, there * uneven


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
