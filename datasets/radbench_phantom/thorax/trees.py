"""Bronchi, arteries and veins of the lungs: trees that fill the lobes and taper by Murray's law.

A lobe's vessel runs along a path from the hilum and gives off segmental trees one after the other. Each of those grows
towards points spread through its part of the lobe: the points are halved across their longest extent, again and again,
and from every branching a branch runs part of the way to the middle of each half (Tawhai et al., J. Appl. Physiol. 97,
2004, in outline), held back by the direction of its parent. Every end carries a random flow; a branch's radius is the
cube root of the flow beyond it, so that at every branching r^3 = r1^3 + r2^3 (Murray, PNAS 12, 1926).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radbench_phantom.thorax.grid import Points

Lengths = NDArray[np.float64]
_INERTIA = 0.35
"""How much of its parent's direction a branch keeps, relative to the pull of its goal."""


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
    radius: Lengths
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

    Raises:
        ValueError: the number of points is no power of two.
    """
    at = np.asarray(root, dtype=np.float64)[None]
    tree, flow = _grown(at, 0.22 * (points.mean(0) - at), points[None], _flows(rng, len(points), spread)[None], rng)
    return _with_radius(tree, flow, trunk_mm)


def grown_along(path: Points, points: Points, flow: Lengths, trunk_mm: float, rng: np.random.Generator) -> Tree:
    """Grow a tree whose trunk follows a path and gives off a segment's tree at every one of its inner points.

    Args:
        path: ``[P,3]`` the trunk's course (z, y, x mm), P - 1 a power of two; the last two segments part at its end.
        points: ``[2**k,3]`` the ends, k large enough for every segment to have two.
        flow: ``[2**k]`` what each end carries (any unit).
        trunk_mm: radius of the trunk at the hilum.
        rng: source of wobble.

    Raises:
        ValueError: the number of points or of segments is no power of two.
    """
    segments = len(path) - 1
    if 2 ** int(np.log2(segments)) != segments or len(points) < 2 * segments:
        raise ValueError(f"a path needs a power of two of pieces and two ends for each, got {segments}, {len(points)}")
    groups = _halved(points, path[0], int(np.log2(segments)), rng)
    # Segments leave in the order in which the path passes them.
    centre = points[groups].mean(axis=1)
    tangent = path[-1] - path[0]
    groups = groups[np.argsort((centre - path[0]) @ tangent, kind="stable")]
    leaves = np.minimum(np.arange(1, segments + 1), segments - 1)
    root = path[leaves]
    ahead = path[leaves] - path[leaves - 1]
    way = points[groups].mean(axis=1) - root
    length = np.linalg.norm(way, axis=1, keepdims=True)
    first = 0.24 * length * _unit(way / length + _INERTIA * _unit(ahead))
    # The last piece of the path has gone over into the last segment.
    first[-1] = path[-1] - path[-2]
    tree, carried = _grown(root, first, points[groups], flow[groups], rng)
    # The trunk: a piece of the path before each segment, carrying all segments still to come.
    own = carried[:segments]
    beyond = np.cumsum(own[::-1])[::-1][:-1]
    n = segments - 1
    parent = np.where(tree.parent < 0, 0, tree.parent + n)
    parent[:segments] = np.minimum(np.arange(segments), n - 1)
    whole = Tree(
        np.concatenate([path[:n], tree.start]),
        np.concatenate([path[1 : n + 1], tree.end]),
        np.ones(n + len(tree.start)),
        np.concatenate([np.arange(n) - 1, parent]),
        np.concatenate([np.arange(n), tree.depth + n]),
    )
    return _with_radius(whole, np.concatenate([beyond, carried]), trunk_mm)


def _flows(rng: np.random.Generator, n: int, spread: float) -> Lengths:
    return np.exp(rng.normal(0, spread, n))


def _with_radius(tree: Tree, flow: Lengths, trunk_mm: float) -> Tree:
    return Tree(tree.start, tree.end, trunk_mm * np.cbrt(flow / flow[0]), tree.parent, tree.depth)


def _unit(v: Points) -> Points:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


def _halved(points: Points, root: Points, levels: int, rng: np.random.Generator) -> NDArray[np.int64]:
    order = np.arange(len(points))[None]
    for _ in range(levels):
        order = _split(points[order], np.broadcast_to(root, (len(order), 3)), order, rng)
    return order


def _split(groups: Points, root: Points, order: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    # Split by direction as seen from the root rather than by distance, so that branches run outwards.
    away = groups - root[:, None]
    far = np.linalg.norm(away, axis=2, keepdims=True)
    seen = np.concatenate([away / far * far.mean(axis=1, keepdims=True), 0.45 * far], axis=2)
    axis = (seen.std(axis=1) * rng.uniform(0.75, 1.25, (len(seen), 4))).argmax(axis=1)
    along = np.take_along_axis(seen, axis[:, None, None].repeat(groups.shape[1], 1), 2)[..., 0]
    return np.take_along_axis(order, along.argsort(axis=1, kind="stable"), 1).reshape(2 * len(order), -1)


def _grown(
    root: Points, first: Points, points: Points, flow: Lengths, rng: np.random.Generator
) -> tuple[Tree, Lengths]:
    """Grow one tree from each root ``[R,3]`` to its own points ``[R,2**k,3]``; return them as one, and the flows."""
    r, n = points.shape[:2]
    levels = int(np.log2(n))
    if 2**levels != n:
        raise ValueError(f"a tree needs a power of two of ends, got {n}")
    every, flow = points.reshape(-1, 3), flow.reshape(-1)
    order = np.arange(r * n).reshape(r, n)
    at = root + first
    starts, ends, flows = [root], [at], [flow[order].sum(axis=1)]
    parents, depths = [np.full(r, -1)], [np.zeros(r, dtype=np.int64)]
    heading, eye, offset = _unit(first), root, 0
    for level in range(levels):
        order = _split(every[order], eye, order, rng)
        goal = every[order].mean(axis=1)
        begin, eye = at.repeat(2, axis=0), eye.repeat(2, axis=0)
        way = goal - begin
        length = np.linalg.norm(way, axis=1, keepdims=True)
        if level == levels - 1:
            end = goal
        else:
            turned = _unit(way / np.maximum(length, 1e-9) + _INERTIA * heading.repeat(2, axis=0))
            end = begin + rng.uniform(0.36, 0.54, (len(goal), 1)) * length * turned
        starts.append(begin)
        ends.append(end)
        flows.append(flow[order].sum(axis=1))
        parents.append(offset + np.arange(len(goal)) // 2)
        depths.append(np.full(len(goal), level + 1))
        offset += len(at)
        at, heading = end, _unit(end - begin)
    carried = np.concatenate(flows)
    tree = Tree(
        np.concatenate(starts),
        np.concatenate(ends),
        np.ones(len(carried)),
        np.concatenate(parents),
        np.concatenate(depths),
    )
    return tree, carried


def curved(
    tree: Tree, rng: np.random.Generator, pieces: int = 3, bend: float = 0.05, thin_end: float = 1.0
) -> tuple[Points, Points, Lengths]:
    """Return the branches as short pieces (start, end, radius) of curves that run on into one another.

    Args:
        tree: the branches.
        rng: source of how they bow.
        pieces: pieces to a branch.
        bend: how far a branch bows, relative to its length.
        thin_end: radius of the last branches' ends relative to their beginning: they give off what is not drawn.
    """
    chord = tree.end - tree.start
    length = np.linalg.norm(chord, axis=1, keepdims=True)
    heading = chord / np.maximum(length, 1e-9)
    n = len(chord)
    inner = np.nonzero(tree.parent >= 0)[0]
    up = tree.parent[inner]
    # At a branching the wider child goes on from its parent without a kink.
    order = np.argsort(tree.radius[inner], kind="stable")
    heir = np.full(n, -1)
    heir[up[order]] = inner[order]
    leaving = np.where((heir >= 0)[:, None], _unit(heading + heading[heir]), heading)
    arriving = heading.copy()
    goes_on = heir[up] == inner
    arriving[inner] = np.where(goes_on[:, None], leaving[up], _unit(heading[inner] + 0.7 * leaving[up]))
    wobble = rng.normal(0, 1, chord.shape)
    wobble -= (wobble * heading).sum(1, keepdims=True) * heading
    t = np.linspace(0, 1, pieces + 1)[:, None, None]
    line = (
        tree.start
        + (3 * t**2 - 2 * t**3) * chord
        + (t**3 - 2 * t**2 + t) * length * arriving
        + (t**3 - t**2) * length * leaving
        + 16 * (t * (1 - t)) ** 2 * wobble * length * bend
    )
    middle = (np.arange(pieces) + 0.5)[:, None] / pieces
    last = (heir < 0)[None]
    radius = tree.radius * np.where(last, 1 + (thin_end - 1) * middle, 1.0)
    return line[:-1].reshape(-1, 3), line[1:].reshape(-1, 3), radius.reshape(-1)
