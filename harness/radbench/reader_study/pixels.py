"""Pixels: an image as a page keeps it: whole greys of 16 bits or fewer, told from their neighbours, deflated."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.errors import UsageError

Grey = NDArray[np.uint16]


@dataclass(frozen=True)
class Packed:
    """An image fit to be written into a page.

    Attributes:
        width, height: in pixels.
        white: the grey that 1 became, ``2**bits - 1``.
        palette: greys that there are, where there are at most 256; empty where each pixel has its grey.
        data: base64 of the deflated differences (raw, RFC 1951): of places in the palette, a byte each; else of greys,
            all high bytes before all low ones.
    """

    width: int
    height: int
    white: int
    palette: tuple[int, ...]
    data: str


def grey_levels(image: NDArray[np.float32], bits: int) -> Grey:
    """Return an image in whole greys.

    Args:
        image: float32 ``[H,W]`` in [0,1].
        bits: 8 to 16.

    Returns:
        uint16 ``[H,W]`` from 0 to ``2**bits - 1``, rounded to the nearest.

    Raises:
        UsageError: other bits.
    """
    if not 8 <= bits <= 16:
        raise UsageError(f"--bits must lie between 8 and 16, got {bits}")
    return np.rint(np.asarray(image, dtype=np.float64) * (2**bits - 1)).astype(np.uint16)


def within(image: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return an image whose longer side is at most ``size``, by averaging areas; one that is smaller as it is.

    Args:
        image: float32 ``[H,W]``.
        size: in pixels; 0 for any.
    """
    height, width = image.shape
    if not size or max(height, width) <= size:
        return image
    import cv2

    scale = size / max(height, width)
    to = max(1, round(width * scale)), max(1, round(height * scale))
    return np.clip(cv2.resize(image, to, interpolation=cv2.INTER_AREA), 0.0, 1.0).astype(np.float32)


def pack(grey: Grey, bits: int) -> Packed:
    """Return an image as a page keeps it: every grey as it is.

    Each value is told by its difference to the mean of its left and upper neighbour, which is smaller and so deflates
    better; what browsers make of PNG files has eight bits.

    Args:
        grey: uint16 ``[H,W]`` from 0 to ``2**bits - 1``.
        bits: of white.
    """
    levels = np.unique(grey)
    height, width = grey.shape
    if len(levels) <= 256:
        places = np.searchsorted(levels, grey)
        left = (places - _predicted(places)).astype(np.uint8)
        return Packed(width, height, 2**bits - 1, tuple(int(v) for v in levels), _deflated(left.tobytes()))
    left = (grey.astype(np.int64) - _predicted(grey)).astype(np.uint16)
    planes = (left >> 8).astype(np.uint8).tobytes() + (left & 0xFF).astype(np.uint8).tobytes()
    return Packed(width, height, 2**bits - 1, (), _deflated(planes))


def unpack(packed: Packed) -> Grey:
    """Return the greys again, as the page's script does."""
    raw = np.frombuffer(zlib.decompress(base64.b64decode(packed.data), wbits=-15), dtype=np.uint8).astype(np.int64)
    n = packed.width * packed.height
    modulus = 256 if packed.palette else 65536
    left = (raw if packed.palette else raw[:n] * 256 + raw[n:]).reshape(packed.height, packed.width)
    found = np.zeros_like(left)
    for y in range(packed.height):
        for x in range(packed.width):
            a = found[y, x - 1] if x else None
            b = found[y - 1, x] if y else None
            known = [int(v) for v in (a, b) if v is not None]
            guess = sum(known) // len(known) if known else 0
            found[y, x] = (int(left[y, x]) + guess) % modulus
    return (np.array(packed.palette)[found] if packed.palette else found).astype(np.uint16)


def _predicted(values: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return what the neighbours say: the mean of the left and the upper one, rounded down; at an edge the other."""
    x = values.astype(np.int64)
    found = np.zeros_like(x)
    found[1:, 1:] = (x[1:, :-1] + x[:-1, 1:]) // 2
    found[0, 1:] = x[0, :-1]
    found[1:, 0] = x[:-1, 0]
    return found


def _deflated(data: bytes) -> str:
    pressed = zlib.compressobj(6, zlib.DEFLATED, -15)
    return base64.b64encode(pressed.compress(data) + pressed.flush()).decode("ascii")
