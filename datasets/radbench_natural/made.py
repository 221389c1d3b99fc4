"""Made images: textures and shapes of seven kinds, each from its seed, kind and number alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from radbench_natural.shapes import ellipses, leaves, polygons, strokes
from radbench_natural.textures import gradients, gratings, noise

Plane = NDArray[np.float64]
Maker = Callable[[np.random.Generator, int], Plane]

FINE = 2
"""Each pixel is the mean of this many by as many finer ones, so that edges are as sharp as a camera's."""

_STREAM = 71

_MAKERS: dict[str, Maker] = {
    "leaves": leaves,
    "noise": noise,
    "polygons": polygons,
    "ellipses": ellipses,
    "strokes": strokes,
    "gratings": gratings,
    "gradients": gradients,
}

KINDS = tuple(_MAKERS)
"""leaves: dead leaves (Lee, Mumford and Huang, IJCV 41, 2001); noise: 1/f; strokes: lines of made-up writing."""


def made(kind: str, seed: int, number: int, size: int) -> NDArray[np.float32]:
    """Make an image.

    Args:
        kind: of :data:`KINDS`.
        seed, number: which one of that kind.
        size: its side in pixels.

    Returns:
        float32 ``[size,size]`` in [0,1].
    """
    rng = np.random.default_rng((_STREAM, seed, KINDS.index(kind), number))
    fine = _MAKERS[kind](rng, size * FINE)
    image = fine.reshape(size, FINE, size, FINE).mean(axis=(1, 3))
    return _exposed(rng, image).astype(np.float32)


def _exposed(rng: np.random.Generator, image: Plane) -> Plane:
    """Spread an image over a random part of [0,1], at least 0.3 of it, and turn it round now and then."""
    low, high = float(image.min()), float(image.max())
    unit = (image - low) / max(high - low, 1e-9)
    width = rng.uniform(0.3, 1.0)
    start = rng.uniform(0.0, 1.0 - width)
    if rng.random() < 0.5:
        unit = 1 - unit
    return np.clip(start + width * unit, 0.0, 1.0)
