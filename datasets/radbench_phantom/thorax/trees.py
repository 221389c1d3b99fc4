"""Bronchi, arteries and veins of the lungs: trees that fill the lobes and taper by Murray's law.

A lobe's tree is grown towards points spread through the lobe: the points are halved across their longest extent, again
and again, and from every branching a branch runs part of the way to the middle of each half (Tawhai et al., J. Appl.
Physiol. 97, 2004, in outline). Every end carries a random flow; a branch's radius is the cube root of the flow beyond
it, so that at every branching r^3 = r1^3 + r2^3 (Murray, PNAS 12, 1926).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radbench_phantom.thorax.grid import Points


@dataclass(frozen=True)
class Tree:
    """Branches of a tree, parents before children.

    Attributes:
        start, end: ``[N,3]`` (z, y, x mm).
        radius: ``[N]`` mm.
        parent: ``[N]`` index of the branch that it springs from, -1 for the trunk.
        depth: ``[N]`` generation.
    """

    start: Points
    end: Points
    radius: NDArray[np.float64]
    parent: NDArray[np.int64]
    depth: NDArray[np.int64]


def grown(root: Points, points: Points, trunk_mm: float, rng: np.random.Generator, spread: float = 0.55) -> Tree:
    """Grow a tree from a root to points.

    Args:
        root: where it starts (z, y, x mm).
        points: ``[2**k,3]`` its ends.
        trunk_mm: radius of the trunk.
        rng: source of flows and wobble.
        spread: standard deviation of the logarithm of an end's flow; greater is less even.
    """
    n = len(points)
    levels = int(np.log2(n))
    if 2**levels != n:
        raise ValueError(f"a tree needs a power of two of ends, got {n}")
    flow = np.exp(rng.normal(0, spread, n))
    order = np.arange(n)[None]
    at = np.asarray(root, dtype=np.float64)[None]
    middle = points.mean(0)
    first = at + 0.22 * (middle - at)
    root = at[0]
    starts, ends, flows, parents, depths = [at], [first], [np.array([flow.sum()])], [np.array([-1])], [np.array([0])]
    at, offset = first, 0
    for level in range(levels):
        groups = points[order]
        # Split by direction as seen from the hilum rather than by distance, so that branches run outwards.
        away = groups - root
        far = np.linalg.norm(away, axis=2, keepdims=True)
        seen = np.concatenate([away / far * far.mean(axis=1, keepdims=True), 0.45 * far], axis=2)
        axis = (seen.std(axis=1) * rng.uniform(0.75, 1.25, (len(seen), 4))).argmax(axis=1)
        along = np.take_along_axis(seen, axis[:, None, None].repeat(groups.shape[1], 1), 2)[..., 0]
        order = np.take_along_axis(order, along.argsort(axis=1, kind="stable"), 1).reshape(2 * len(order), -1)
        goal = points[order].mean(axis=1)
        begin = at.repeat(2, axis=0)
        share = 1.0 if level == levels - 1 else rng.uniform(0.36, 0.54, (len(goal), 1))
        end = begin + share * (goal - begin)
        starts.append(begin)
        ends.append(end)
        flows.append(flow[order].sum(axis=1))
        parents.append(offset + np.arange(len(goal)) // 2)
        depths.append(np.full(len(goal), level + 1))
        offset += len(at)
        at = end
    carried = np.concatenate(flows)
    radius = trunk_mm * np.cbrt(carried / carried[0])
    return Tree(np.concatenate(starts), np.concatenate(ends), radius, np.concatenate(parents), np.concatenate(depths))


def curved(
    tree: Tree, rng: np.random.Generator, pieces: int = 3, bend: float = 0.10
) -> tuple[Points, Points, NDArray[np.float64]]:
    """Return the branches as short pieces (start, end, radius) that bow a little instead of running straight."""
    chord = tree.end - tree.start
    length = np.linalg.norm(chord, axis=1, keepdims=True)
    wobble = rng.normal(0, 1, chord.shape)
    wobble -= (wobble * chord).sum(1, keepdims=True) * chord / np.maximum(length, 1e-9) ** 2
    bow = wobble * length * bend
    t = np.linspace(0, 1, pieces + 1)[:, None, None]
    line = tree.start + t * chord + 4 * t * (1 - t) * bow
    return line[:-1].reshape(-1, 3), line[1:].reshape(-1, 3), np.tile(tree.radius, pieces)
