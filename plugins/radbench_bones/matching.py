"""Gain and offset: one picture shown on the grey scale of another, so that a display's window is no error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float64]
Mask = NDArray[np.bool_]


def onto(picture: Picture, like: Picture, where: Mask) -> Picture:
    """Return a picture with the gain and offset that bring it nearest to another (least squares).

    Args:
        picture: ``[H,W]``.
        like: ``[H,W]``, on the grey scale that is wanted.
        where: bool ``[H,W]``, the pixels that count; one or more.

    Returns:
        ``gain * picture + offset``, ``[H,W]``. The gain is never negative: black for white is no matter of display, and
        a picture that would need it, or is constant there, becomes a constant.
    """
    x, y = picture[where], like[where]
    x_mean, y_mean = float(x.mean()), float(y.mean())
    x, y = x - x_mean, y - y_mean
    square = float((x * x).sum())
    gain = max(0.0, float((x * y).sum()) / square) if square > 0 else 0.0
    return gain * (picture - x_mean) + y_mean
