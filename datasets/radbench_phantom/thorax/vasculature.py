"""The lungs' own trees placed in a patient: where they start, which points they reach, and how they are painted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from radbench_phantom.thorax.grid import Grid, Points
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.lungs import lobe_of, lung_distance
from radbench_phantom.thorax.traits import Traits
from radbench_phantom.thorax.trees import Tree, curved, grown
from radbench_phantom.thorax.tubes import Tubes, splat, stamp

_A = Anatomy
ENDS = 512
"""Ends of the middle lobe's trees; the other lobes have twice as many."""

# Lobe: where its artery and bronchus enter, where its vein leaves (reference mm), artery's trunk (mm), share of ends.
_HILA: dict[int, tuple[tuple[float, float, float], tuple[float, float, float], float, int]] = {
    int(_A.LUNG_UPPER_RIGHT): ((26, 8, -32), (12, 2, -42), 5.0, 2),
    int(_A.LUNG_MIDDLE_RIGHT): ((8, 6, -38), (8, -2, -42), 3.4, 1),
    int(_A.LUNG_LOWER_RIGHT): ((10, 16, -38), (-8, 20, -36), 5.6, 2),
    int(_A.LUNG_UPPER_LEFT): ((30, 12, 40), (18, 0, 50), 5.2, 2),
    int(_A.LUNG_LOWER_LEFT): ((10, 24, 42), (-8, 22, 42), 5.2, 2),
}


@dataclass(frozen=True)
class Lobes:
    """The trees of the five lobes.

    Attributes:
        arteries, veins, bronchi: by lobe label.
    """

    arteries: dict[int, Tree]
    veins: dict[int, Tree]
    bronchi: dict[int, Tree]


def lobar_trees(traits: Traits, rng: np.random.Generator) -> Lobes:
    """Grow arteries, veins and bronchi of all lobes."""
    candidates = rng.uniform([-150, -115, -135], [140, 110, 135], (40000, 3))
    placed = traits.place(candidates)
    x, y, z = (torch.from_numpy(placed[:, i].astype(np.float32)) for i in (2, 1, 0))
    depth = -lung_distance((x, y, z), traits).numpy()
    lobe = lobe_of((x, y, z), traits).numpy()
    arteries, veins, bronchi = {}, {}, {}
    for label, (enter, leave, trunk, share) in _HILA.items():
        n = ENDS * share
        inside = placed[(lobe == label) & (depth > 3.0)]
        if len(inside) < 2 * n:
            inside = inside[rng.integers(0, max(len(inside), 1), 2 * n)] + rng.normal(0, 1.0, (2 * n, 3))
        size = 0.84 * float(np.prod(traits.scale)) ** (1 / 3)
        first, second = traits.place(np.array(enter)), traits.place(np.array(leave))
        arteries[label] = grown(first, inside[:n], trunk * size, rng)
        veins[label] = grown(second, inside[n : 2 * n], 0.95 * trunk * size, rng)
        a = arteries[label]
        beside = np.array([1.0, 1.5, 0.6])[None] * (a.radius * 1.15 + 0.4)[:, None]
        # A bronchus goes with its artery and is about as wide; the trunk's start stays at the hilum.
        bronchi[label] = Tree(a.start + beside, a.end + beside, a.radius * 0.95, a.parent, a.depth)
    return Lobes(arteries, veins, bronchi)


def vessel_parts(grid: Grid, trees: dict[int, Tree], seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what part of each voxel thin vessels take ``[D,H,W]``, and the signed distance to thick ones.

    Args:
        grid: the grid.
        trees: trees by lobe.
        seed: seed of the branches' bends, the same at every grid.
    """
    distance = torch.full(grid.shape, 1e3, device=grid.device)
    rng = np.random.default_rng(seed)
    starts, ends, radii = [], [], []
    for label in sorted(trees):
        s, e, r = curved(trees[label], rng)
        starts.append(s)
        ends.append(e)
        radii.append(r)
    start, end, radius = np.concatenate(starts), np.concatenate(ends), np.concatenate(radii)
    thick = radius > 0.8 * grid.h
    if thick.any():
        stamp(grid, pieces(start[thick], end[thick], radius[thick]), distance)
    return splat(grid, start[~thick], end[~thick], radius[~thick]), distance


def pieces(start: Points, end: Points, radius: NDArray[np.float64], label: int = 0) -> Tubes:
    """Return straight pieces as tubes, cut so that none is much longer than wide."""
    length = np.linalg.norm(end - start, axis=1)
    count = np.maximum(1, np.ceil(length / (3.0 * radius)).astype(int))
    owner = np.repeat(np.arange(len(start)), count)
    k = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    step = (end - start) / count[:, None]
    centre = start[owner] + (k[:, None] + 0.5) * step[owner]
    along = (step / np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-9))[owner]
    helper = np.where(np.abs(along[:, :1]) < 0.8, np.array([[1.0, 0.0, 0.0]]), np.array([[0.0, 1.0, 0.0]]))
    across = np.cross(along, helper)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    r = radius[owner]
    half = (length / count)[owner] / 2 + 0.25 * r
    return Tubes(centre, along, across, half, np.stack([r, r], axis=1), np.full(len(r), label, dtype=np.uint8))
