"""What is on a film beside the patient: collimator edges, shutters, side markers and burnt-in text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]

# Strokes of letters on a lattice 4 wide and 6 high, from the top left: polylines of points xy.
_STROKES = {
    "A": "06 20 46|14 34",
    "B": "00 06 36 45 44 33 03|33 42 41 30 00",
    "C": "41 30 10 01 05 16 36 45",
    "D": "00 06 26 44 42 20 00",
    "E": "40 00 06 46|03 33",
    "G": "41 30 10 01 05 16 36 45 43 23",
    "H": "00 06|40 46|03 43",
    "I": "20 26",
    "J": "40 45 36 16 05",
    "K": "00 06|40 03 46",
    "L": "00 06 46",
    "M": "06 00 23 40 46",
    "N": "06 00 46 40",
    "O": "10 30 41 45 36 16 05 01 10",
    "P": "06 00 30 41 42 33 03",
    "R": "06 00 30 41 42 33 03|23 46",
    "S": "41 30 10 01 02 13 33 44 45 36 16 05",
    "T": "00 40|20 26",
    "U": "00 05 16 36 45 40",
    "W": "00 16 23 36 40",
    "X": "00 46|40 06",
    " ": "",
}
_TEXTS = {"AP": ("AP", "SUPINE", "PORTABLE", "AP SUPINE", "BED", "SITTING"), "PA": ("PA", "STANDING", "ERECT", "PA")}
_INITIALS = "ABDEGHJKLMNPRSTW"


@dataclass(frozen=True)
class Blade:
    """A straight edge with what it leaves of the image beyond it.

    Attributes:
        side: "top", "bottom", "left" or "right" of the image.
        inset: how far in it lies, over the image's side.
        angle_deg: how far it is turned from the image's edge.
        grey: what lies beyond it.
        ghost: share of the image's contrast that shows through.
        softness: width of the edge, over the image's side.
    """

    side: str
    inset: float
    angle_deg: float
    grey: float
    ghost: float
    softness: float


@dataclass(frozen=True)
class Mark:
    """Letters on the film.

    Attributes:
        text: capital letters.
        row, column: of its middle, over the image's side.
        height: of a letter, over the image's side.
        angle_deg: how far it is turned.
        grey: of the letters.
        box: grey of the box round it, or None.
        softness: width of the strokes' edges, in heights.
    """

    text: str
    row: float
    column: float
    height: float
    angle_deg: float
    grey: float
    box: float | None
    softness: float


def drawn_blades(draw: np.random.Generator, bedside: bool, style: str) -> tuple[Blade, ...]:
    """Draw the edges of a film; about half of them have some."""
    chances, insets = draw.random(4), draw.exponential(0.022, 4)
    tilt, kind, soft = draw.normal(0, 2.0 if bedside else 0.5), draw.random(), draw.uniform(0.001, 0.006)
    shade, own = draw.random(4), draw.normal(0, 0.3, 4)
    if kind < 0.45:
        return ()
    found = []
    for k, side in enumerate(("top", "bottom", "left", "right")):
        if chances[k] > (0.45 if bedside else 0.4):
            continue
        # Unexposed film is white; systems cover it by a black shutter; bedside cassettes show some of what is beyond.
        if kind < 0.62 or style == "film":
            grey, ghost = 0.0, 0.0
        elif kind < 0.72:
            grey, ghost = 0.9 + 0.1 * shade[k], 0.0
        else:
            grey, ghost = 0.12 + 0.25 * shade[k], 0.3
        found.append(Blade(side, float(min(insets[k], 0.1)), float(tilt + own[k]), float(grey), ghost, float(soft)))
    return tuple(found)


def drawn_marks(draw: np.random.Generator, bedside: bool, style: str) -> tuple[Mark, ...]:
    """Draw the side marker, with the initials of who took the film, and text; either may be missing."""
    u = draw.random(8)
    place, height = draw.random(3), float(np.exp(draw.uniform(np.log(0.02), np.log(0.05))))
    angle, soft = float(draw.normal(0, 7)), float(draw.uniform(0.04, 0.1))
    initials = "".join(_INITIALS[int(i)] for i in draw.integers(len(_INITIALS), size=3))
    texts = _TEXTS["AP" if bedside else "PA"]
    text, spot = texts[int(draw.integers(len(texts)))], draw.random(2)
    marks = []
    if u[0] < 0.85:
        left = u[1] < 0.75
        low = bedside and u[2] < 0.5
        row = 0.3 + 0.6 * place[0] if low else 0.04 + 0.09 * place[0]
        across = (0.03 if low else 0.04) + (0.05 if low else 0.2) * place[1] ** 2
        boxed = bedside and u[3] < 0.6
        grey = 1.0 if not boxed else 0.8
        column = 1 - across if left else across
        turned = 0.0 if boxed else angle
        letter = Mark("L" if left else "R", row, column, height, turned, grey, 0.4 if boxed else None, soft)
        marks.append(letter)
        if not boxed and u[4] < 0.3:
            marks.append(Mark(initials, row + 1.1 * height, column, 0.4 * height, turned, grey, None, soft))
    if u[5] < 0.15:
        size = 0.014 + 0.012 * spot[0]
        row, column = ((0.03, 0.14), (0.03, 0.84), (0.96, 0.5), (0.96, 0.14))[int(4 * spot[1])]
        marks.append(Mark(text, row, column, size, 0.0, 0.95, 0.35 if u[6] < 0.5 else None, soft))
    return tuple(marks)


def with_blades(image: Tensor, blades: tuple[Blade, ...]) -> Tensor:
    """Return a film behind its edges: float ``[1,1,S,S]`` in [0,1]."""
    size = image.shape[-1]
    at = (torch.arange(size, dtype=image.dtype) + 0.5) / size
    y, x = at[:, None], at[None, :]
    for b in blades:
        inwards, along = {"top": (y, x), "bottom": (1 - y, x), "left": (x, y), "right": (1 - x, y)}[b.side]
        distance = inwards - b.inset + (along - 0.5) * math.tan(math.radians(b.angle_deg))
        beyond = 1 / (1 + torch.exp((distance / max(b.softness, 0.25 / size)).clamp(-40, 40)))
        other = (b.grey + b.ghost * (image - 0.5)).clamp(0, 1)
        image = image * (1 - beyond) + other * beyond
    return image


def with_marks(image: Tensor, marks: tuple[Mark, ...]) -> Tensor:
    """Return a film with its letters: float ``[1,1,S,S]`` in [0,1]."""
    size = image.shape[-1]
    at = np.arange(size) + 0.5
    out = image
    for m in marks:
        unit = m.height * size / 6
        wide = 5.6 * len(m.text) - 1.6
        c, s = math.cos(math.radians(m.angle_deg)), math.sin(math.radians(m.angle_deg))
        # A marker that would leave the image is moved in.
        reach = unit * (0.5 * wide * abs(c) + 3 * abs(s) + 1.5)
        middle = min(max(m.column * size, reach), size - reach)
        down = min(max(m.row * size, unit * 4), size - unit * 4)
        dx, dy = at[None, :] - middle, at[:, None] - down
        # In units of the letters' lattice, from the text's top left.
        u, v = (c * dx + s * dy) / unit + wide / 2, (c * dy - s * dx) / unit + 3.0
        near = (u > -3) & (u < wide + 3) & (v > -3) & (v < 9)
        rows, columns = np.nonzero(near.any(1))[0], np.nonzero(near.any(0))[0]
        if not len(rows) or not len(columns):
            continue
        cut = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        u, v = u[cut], v[cut]
        edge = max(6 * m.softness, 0.5 / unit)
        distance = np.full(u.shape, 99.0)
        for k, letter in enumerate(m.text):
            for x0, y0, x1, y1 in _segments(letter):
                distance = np.minimum(distance, _to_segment(u - 5.6 * k, v, x0, y0, x1, y1))
        ink = torch.from_numpy(np.clip((0.55 + edge / 2 - distance) / edge, 0, 1)).to(image.dtype)
        part = out[..., cut[0], cut[1]].clone()
        if m.box is not None:
            outside = np.maximum(np.maximum(-1.2 - u, u - wide - 1.2), np.maximum(-1.2 - v, v - 7.2))
            cover = torch.from_numpy(np.clip(0.5 - outside / edge, 0, 1)).to(image.dtype)
            part = part * (1 - 0.75 * cover) + 0.75 * cover * m.box
        out = out.clone()
        out[..., cut[0], cut[1]] = part * (1 - ink) + ink * m.grey
    return out


@cache
def _segments(letter: str) -> tuple[tuple[int, int, int, int], ...]:
    lines = [[(int(p[0]), int(p[1])) for p in line.split()] for line in _STROKES[letter].split("|") if line]
    return tuple((*a, *b) for line in lines for a, b in pairwise(line))


def _to_segment(u: Floats, v: Floats, x0: float, y0: float, x1: float, y1: float) -> Floats:
    dx, dy = x1 - x0, y1 - y0
    t = np.clip(((u - x0) * dx + (v - y0) * dy) / (dx * dx + dy * dy), 0, 1)
    return np.asarray(np.hypot(u - x0 - t * dx, v - y0 - t * dy))
