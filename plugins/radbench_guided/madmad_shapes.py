"""Pictures that madmad learns from: large shapes, and cracks and spots that are brighter or darker than these."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Plane = NDArray[np.float64]

# [code of Madmad et al. 2021]
_SHAPES = (2, 6)
_SHORT, _LONG = (0.3, 0.5), (0.4, 0.7)
_SLOPED = 0.5
_SEEDS = (2, 8)
_GAIN = (0.03, 0.30)
_RADIUS = (1.0, 5.0)
# [assumed]
_SPOTS = (2, 8)
_LENGTH = (0.2, 1.0)
_BRANCHES = 0.01
_TURN = 0.35
_STRONGEST = 0.5


class Picture(NamedTuple):
    """A picture and its parts, float64 ``[S,S]``: ``image`` is ``large`` + ``bright`` - ``dark``, cut off to [0,1]."""

    image: Plane
    large: Plane
    bright: Plane
    dark: Plane


def picture(rng: np.random.Generator, side: int) -> Picture:
    """Return one picture.

    Two to six ellipses and as many rectangles, 3 to 5 by 4 to 7 tenths of the side, each in a grey and opacity of its
    own, half of them sloping linearly; then, in each of two channels, cracks (random walks from two to eight seeds,
    which branch, and add 3 to 30 % where they pass) and spots (Gaussians with a radius of 1 to 5 pixels).
    """
    large = _large(rng, side)
    bright, dark = _details(rng, side), _details(rng, side)
    return Picture(np.clip(large + bright - dark, 0.0, 1.0), large, bright, dark)


def lessons(seed: int, first: int, count: int, side: int) -> list[dict[str, Tensor]]:
    """Return pictures as lessons: uint8 ``[1,S,S]`` each of "image", "large", "bright" and "dark".

    Args:
        seed: of all pictures.
        first: number of the first; a number always has the same picture.
        count: how many.
        side: in pixels.
    """
    import torch

    made = []
    for number in range(first, first + count):
        parts = picture(np.random.default_rng((seed, number)), side)._asdict()
        greys = {name: (plane * 255).round().astype(np.uint8)[None] for name, plane in parts.items()}
        made.append({name: torch.from_numpy(grey) for name, grey in greys.items()})
    return made


def _large(rng: np.random.Generator, side: int) -> Plane:
    y, x = (v.astype(np.float64) + 0.5 for v in np.ogrid[:side, :side])
    canvas = np.full((side, side), rng.random())
    kinds = ["ellipse"] * rng.integers(_SHAPES[0], _SHAPES[1] + 1)
    kinds += ["rectangle"] * rng.integers(_SHAPES[0], _SHAPES[1] + 1)
    rng.shuffle(kinds)
    for kind in kinds:
        cy, cx = rng.uniform(0.0, side, 2)
        short, long = rng.uniform(*_SHORT) * side / 2, rng.uniform(*_LONG) * side / 2
        angle = rng.uniform(0.0, math.pi)
        c, s = math.cos(angle), math.sin(angle)
        along, across = (c * (x - cx) + s * (y - cy)) / long, (c * (y - cy) - s * (x - cx)) / short
        inside = along**2 + across**2 <= 1 if kind == "ellipse" else np.maximum(abs(along), abs(across)) <= 1
        grey: Plane | float = rng.random()
        if rng.random() < _SLOPED:
            grey = np.clip(grey + rng.uniform(-0.5, 0.5) * along, 0.0, 1.0)
        opacity = rng.random()
        canvas = np.where(inside, (1 - opacity) * canvas + opacity * grey, canvas)
    return canvas


def _details(rng: np.random.Generator, side: int) -> Plane:
    canvas = np.zeros((side, side))
    for _ in range(rng.integers(_SEEDS[0], _SEEDS[1] + 1)):
        _crack(rng, canvas, rng.uniform(*_GAIN))
    for _ in range(rng.integers(_SPOTS[0], _SPOTS[1] + 1)):
        _spot(rng, canvas, rng.uniform(*_GAIN))
    return canvas.clip(0.0, _STRONGEST)


def _crack(rng: np.random.Generator, canvas: Plane, gain: float) -> None:
    """Walk in a direction that changes by and by; now and then another walk sets out from the place reached."""
    side = len(canvas)
    y, x = rng.uniform(0.0, side, 2)
    left = int(rng.uniform(*_LENGTH) * side)
    walks = [(y, x, rng.uniform(0.0, 2 * math.pi), left)]
    while walks:
        y, x, heading, left = walks.pop()
        turns, branches = rng.normal(0.0, _TURN, left), rng.random(left) < _BRANCHES
        for k in range(left):
            heading += turns[k]
            y, x = y + math.sin(heading), x + math.cos(heading)
            if not (0 <= y < side and 0 <= x < side):
                break
            canvas[int(y), int(x)] += gain
            if branches[k]:
                walks.append((y, x, heading + rng.choice((-1.0, 1.0)) * math.pi / 4, (left - k) // 2))


def _spot(rng: np.random.Generator, canvas: Plane, gain: float) -> None:
    y, x = (v.astype(np.float64) + 0.5 for v in np.ogrid[: len(canvas), : len(canvas)])
    cy, cx = rng.uniform(0.0, len(canvas), 2)
    canvas += gain * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * rng.uniform(*_RADIUS) ** 2))
