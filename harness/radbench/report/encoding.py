"""Encoding: pictures as WebP within a budget of bytes, the greatest quality that fits."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

BUDGET = 6_000_000
"""Bytes of all pictures of a page, as base64; its tables and figures take the rest of the ten million."""

_RUNGS = ((640, None), (640, 92), (512, 90), (448, 86), (384, 82), (320, 78), (256, 72), (192, 65), (128, 60))
"""Longest side in pixels and quality; None keeps every grey level."""

_SAMPLE = 8

SMALL = 224
"""Longest side of what a task shows."""


@dataclass(frozen=True)
class Reduced:
    """A picture at the size that a page shows at most.

    Attributes:
        levels: uint8 ``[h,w]`` or ``[h,w,3]``.
        width, height: in pixels, before it was reduced.
    """

    levels: Any
    width: int
    height: int


@dataclass(frozen=True)
class Encoded:
    """A picture.

    Attributes:
        uri: ``data:`` address.
        width, height: in pixels, before it was reduced.
    """

    uri: str
    width: int
    height: int


@dataclass(frozen=True)
class Album:
    """All pictures of a page.

    Attributes:
        pictures: by name.
        side: longest side that they were reduced to, in pixels.
        quality: of WebP; None where no grey level was lost.
    """

    pictures: Mapping[str, Encoded]
    side: int
    quality: int | None


def reduced(picture: Any, side: int = _RUNGS[0][0]) -> Reduced:
    """Return a picture with at most so many pixels to its longest side, in 256 levels.

    Args:
        picture: float ``[H,W]`` or ``[3,H,W]`` in [0,1].
        side: in pixels.
    """
    levels = np.clip(np.asarray(picture, dtype=np.float64) * 255.0, 0.0, 255.0).round().astype(np.uint8)
    levels = levels if levels.ndim == 2 else np.ascontiguousarray(levels.transpose(1, 2, 0))
    height, width = levels.shape[:2]
    return Reduced(_scaled(levels, side), width, height)


def encoded(pictures: Mapping[str, Reduced], small: Mapping[str, Reduced], budget: int = BUDGET) -> Album:
    """Encode pictures within a budget.

    Args:
        pictures: by name; all at one quality.
        small: likewise, those that are shown small.
        budget: bytes of all addresses together.
    """
    asides = {name: _encoded(one, SMALL, 80) for name, one in small.items()}
    left = budget - sum(len(one.uri) for one in asides.values())
    sample = list(pictures)[:: max(1, len(pictures) // _SAMPLE)]
    found: dict[str, Encoded] = {}
    for side, quality in _RUNGS:
        # A sample tells whether it is worth while to encode all.
        found = {name: _encoded(pictures[name], side, quality) for name in sample}
        each = sum(len(one.uri) for one in found.values()) / max(1, len(found))
        if each * len(pictures) > 1.1 * left and (side, quality) != _RUNGS[-1]:
            continue
        found = {name: found[name] if name in found else _encoded(one, side, quality) for name, one in pictures.items()}
        if sum(len(one.uri) for one in found.values()) <= left:
            break
    return Album(found | asides, side, quality)


def _encoded(picture: Reduced, side: int, quality: int | None) -> Encoded:
    from PIL import Image

    kept = io.BytesIO()
    image = Image.fromarray(_scaled(picture.levels, side))
    if quality is None:
        image.save(kept, "WEBP", lossless=True, quality=60, method=2)
    else:
        image.save(kept, "WEBP", quality=quality, method=2)
    uri = f"data:image/webp;base64,{base64.b64encode(kept.getvalue()).decode()}"
    return Encoded(uri, picture.width, picture.height)


def _scaled(levels: Any, side: int) -> Any:
    from PIL import Image

    height, width = levels.shape[:2]
    if max(width, height) <= side:
        return levels
    scale = side / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(levels).resize(size, Image.Resampling.LANCZOS))


def difference(enhanced: Any, original: Any, scale: float) -> Any:
    """Return what an enhancer changed, float32 ``[3,H,W]``: blue darker, white the same, red brighter.

    Args:
        enhanced, original: float32 ``[H,W]``.
        scale: the change that has the full colour.
    """
    change = np.clip((enhanced - original) / scale, -1.0, 1.0)
    ends = np.array([[0.13, 0.35, 0.66], [0.97, 0.97, 0.97], [0.70, 0.11, 0.12]], dtype=np.float32)
    up, down = np.clip(change, 0.0, 1.0)[None], np.clip(-change, 0.0, 1.0)[None]
    middle = ends[1][:, None, None]
    found = middle + up * (ends[2][:, None, None] - middle) + down * (ends[0][:, None, None] - middle)
    return found.astype(np.float32)


def round_scale(greatest: float) -> float:
    """Return the least of 0.01, 0.02, 0.05, 0.1, 0.2, 0.5 and 1 that is no less than a change."""
    return next((s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if s >= greatest), 1.0)
