"""The lungs' own trees placed in a patient: where they start, which points they reach, and how they are painted."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from radbench_phantom.thorax.grid import Grid, Points
from radbench_phantom.thorax.labels import Anatomy
from radbench_phantom.thorax.lungs import lobe_of, lung_distance
from radbench_phantom.thorax.traits import Traits
from radbench_phantom.thorax.trees import Tree, curved, grown_along
from radbench_phantom.thorax.tubes import Tubes, splat, stamp

_A = Anatomy
ENDS = 512
"""Ends of the middle lobe's trees; the other lobes have twice as many."""

Course = tuple[tuple[float, float, float], ...]

# Lobe: course of its artery and of its vein from the hilum (reference z, y, x mm), radius of the artery's trunk (mm),
# share of the ends. Upper lobes' veins run before their arteries, lower lobes' veins below and behind them.
_HILA: dict[int, tuple[Course, Course, float, int]] = {
    int(_A.LUNG_UPPER_RIGHT): (
        ((27, 0, -26), (37, 2, -41), (49, 3, -51), (66, 2, -58)),
        ((9, 6, -30), (21, -4, -45), (35, -11, -54), (52, -14, -60)),
        3.6,
        2,
    ),
    int(_A.LUNG_MIDDLE_RIGHT): (
        ((6, 8, -41), (-2, -6, -50), (-9, -20, -57), (-16, -34, -63)),
        ((7, 2, -34), (0, -10, -43), (-7, -24, -50), (-14, -40, -56)),
        2.4,
        1,
    ),
    int(_A.LUNG_LOWER_RIGHT): (
        ((25, 2, -31), (12, 9, -46), (-10, 16, -54), (-40, 22, -62)),
        ((-7, 16, -26), (-13, 25, -40), (-24, 33, -51), (-42, 39, -60)),
        4.5,
        2,
    ),
    int(_A.LUNG_UPPER_LEFT): (
        ((38, 10, 34), (46, 4, 48), (55, -1, 56), (70, -4, 62)),
        ((14, 2, 42), (28, -8, 52), (41, -14, 56), (56, -18, 60)),
        3.5,
        2,
    ),
    int(_A.LUNG_LOWER_LEFT): (
        ((36, 12, 36), (22, 23, 49), (-6, 28, 56), (-36, 29, 63)),
        ((-6, 18, 32), (-13, 28, 45), (-24, 35, 54), (-42, 40, 61)),
        4.4,
        2,
    ),
}
_STEM = 1.1
"""How much wider than its own tree demands a lobe's vessel is where it enters the lung."""
_PIECES = 8
"""Segments of a lobe's tree that leave its course one after the other."""


@dataclass(frozen=True)
class Lobes:
    """The trees of the five lobes.

    Attributes:
        arteries, veins, bronchi: by lobe label.
    """

    arteries: dict[int, Tree]
    veins: dict[int, Tree]
    bronchi: dict[int, Tree]


def lobar_trees(traits: Traits, rng: np.random.Generator, upright: bool = False) -> Lobes:
    """Grow arteries, veins and bronchi of all lobes.

    Args:
        traits: the patient.
        rng: source of ends, flows and wobble.
        upright: whether more blood flows to the bases, instead of to the back.
    """
    candidates = rng.uniform([-170, -115, -135], [140, 110, 135], (52000, 3))
    rank = rng.random(len(candidates))
    placed = traits.place(candidates)
    x, y, z = (torch.from_numpy(placed[:, i].astype(np.float32)) for i in (2, 1, 0))
    depth = -lung_distance((x, y, z), traits).numpy()
    lobe = lobe_of((x, y, z), traits).numpy()
    size = 0.84 * float(np.prod(traits.scale)) ** (1 / 3)
    low = candidates[:, 0] / -100.0 if upright else candidates[:, 1] / 90.0
    perfusion = np.exp(0.35 * low)
    arteries, veins, bronchi = {}, {}, {}
    for label, (artery, vein, trunk, share) in _HILA.items():
        n = ENDS * share
        # Ends lie mostly in the outer lung: what is drawn near the hilum is on its way there.
        far = np.linalg.norm(candidates - np.array(artery[1]), axis=1) / 100.0
        own = np.nonzero((lobe == label) & (depth > 4.0) & (rank < far**4))[0]
        if len(own) < 2 * n:
            own = np.resize(own if len(own) else np.nonzero(lobe == label)[0], 2 * n)
        wobble = rng.normal(0, 3.0, (2, 3))
        trees: list[Tree] = []
        for course, ends, width in ((artery, own[:n], 1.0), (vein, own[n : 2 * n], 0.95)):
            way = np.array(course) + wobble[len(trees)] * np.linspace(0, 1, len(course))[:, None]
            flow = perfusion[ends] * np.exp(rng.normal(0, 0.6, n))
            trees.append(grown_along(_resampled(traits.place(way)), placed[ends], flow, width * trunk * size, rng))
        arteries[label], veins[label] = trees
        a = arteries[label]
        # A bronchus goes with its artery, towards the midline and behind it, and is about as wide.
        lumen = np.minimum(a.radius * 0.95, 1.2 + 0.6 * a.radius)
        aside = np.array([0.25, 0.55, -float(np.sign(artery[0][2]))])
        beside = aside / np.linalg.norm(aside) * (_stem_radius(a) + lumen + 0.4)[:, None]
        bronchi[label] = Tree(a.start + beside, a.end + beside, lumen, a.parent, a.depth)
    return Lobes(arteries, veins, bronchi)


def _stem_radius(tree: Tree) -> NDArray[np.float64]:
    """Return the branches' radii (mm); near the hilum a stem also carries what leaves for neighbouring segments."""
    along = np.arange(len(tree.radius)) / (_PIECES - 1)
    return tree.radius * (1.0 + _STEM * (1 - along**2).clip(0.0))


def _resampled(course: Points) -> Points:
    from scipy.interpolate import PchipInterpolator

    s = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(course, axis=0), axis=1))])
    # Segments leave the outer three quarters: the hilum itself is one stem.
    t = np.concatenate([[0.0], np.linspace(0.25, 1.0, _PIECES)]) * s[-1]
    return np.asarray(PchipInterpolator(s, course, axis=0)(t))


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
        tree = trees[label]
        s, e, r = curved(replace(tree, radius=_stem_radius(tree)), rng, thin_end=0.7)
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
