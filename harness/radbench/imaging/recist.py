"""RECIST axes of a lesion mask: its longest diameter and the longest diameter perpendicular to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.errors import CaseError

if TYPE_CHECKING:
    from torch import Tensor

    Hull = NDArray[np.int64]


def recist_from_mask(mask: Any, spacing_mm: tuple[float, float] | None = None) -> Tensor:
    """Return the RECIST axes of everything that is set in a mask.

    The long axis joins the two set pixels (their centres) that lie farthest apart; like a reader's calliper
    it may leave a concave lesion. The short axis is the longest chord of the convex hull perpendicular to it;
    it always crosses the long axis, and its ends are sub-pixel points on the hull. Where several chords are
    longest, the one nearest to the middle of the long axis is taken; where several pixel pairs are, the first
    in (x, y) order. Each axis starts at its end of smaller x (then y). One pixel gives four equal points, a
    line of pixels a short axis of length 0.

    Args:
        mask: bool or number, ``[H,W]`` or ``[1,H,W]``, tensor or array; a pixel is set where it is not 0.
        spacing_mm: pixel spacing (row, column); distances and the right angle are then measured in
            millimetres. None measures in pixels.

    Returns:
        float32 ``[4,2]``, x,y pixel coordinates: long a, long b, short a, short b.

    Raises:
        CaseError: the mask is empty, or is not one two-dimensional image.

    Source: RECIST 1.1 (Eisenhauer et al. 2009); the layout of DeepLesion's ``Measurement_coordinates``.
    """
    import torch

    array = mask.detach().cpu().numpy() if isinstance(mask, torch.Tensor) else np.asarray(mask)
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 2:
        raise CaseError(f"a mask for RECIST axes must be [H,W] or [1,H,W], got {list(array.shape)}")
    hull = convex_hull(array != 0)
    if len(hull) == 0:
        raise CaseError("the mask is empty: RECIST axes need at least one set pixel")
    row_mm, column_mm = spacing_mm if spacing_mm is not None else (1.0, 1.0)
    scale = np.array([column_mm, row_mm])
    first, last = _farthest_pair(hull, scale)
    long_axis = np.array([hull[first], hull[last]], dtype=np.float64)
    short_axis = _longest_perpendicular(hull, first, last, scale)
    return torch.from_numpy(np.concatenate([long_axis, short_axis]).astype(np.float32))


def axis_lengths(recist: Any, spacing_mm: tuple[float, float] | None = None) -> tuple[float, float]:
    """Return the lengths of the long and the short axis.

    Args:
        recist: ``[4,2]`` x,y pixels, tensor or array.
        spacing_mm: pixel spacing (row, column); the lengths are then millimetres, otherwise pixels.
    """
    points = np.asarray(recist, dtype=np.float64)
    row_mm, column_mm = spacing_mm if spacing_mm is not None else (1.0, 1.0)
    points = points * np.array([column_mm, row_mm])
    return float(np.hypot(*(points[1] - points[0]))), float(np.hypot(*(points[3] - points[2])))


def convex_hull(mask: NDArray[np.bool_]) -> Hull:
    """Return the corners of the convex hull of the set pixels' centres.

    Args:
        mask: bool ``[H,W]``.

    Returns:
        int64 ``[N,2]`` x,y, in one turning direction, starting at the smallest (x, y); no three on a line.
        Exact: integers throughout. ``[0,2]`` for an empty mask.
    """
    # Only the outermost pixels of a column can be corners.
    columns = np.flatnonzero(mask.any(axis=0))
    part = mask[:, columns]
    top = part.argmax(axis=0)
    bottom = mask.shape[0] - 1 - part[::-1].argmax(axis=0)
    lower: list[tuple[int, int]] = []
    upper: list[tuple[int, int]] = []
    for x, y0, y1 in zip(columns.tolist(), top.tolist(), bottom.tolist(), strict=True):
        _extend(lower, (x, y0), 1)
        _extend(upper, (x, y1), -1)
    corners = lower + [p for p in reversed(upper) if p not in (lower[0], lower[-1])]
    return np.array(corners, dtype=np.int64).reshape(-1, 2)


def _extend(chain: list[tuple[int, int]], point: tuple[int, int], turn: int) -> None:
    """Append a point to a monotone chain, dropping what it makes concave (Andrew 1979)."""
    while len(chain) >= 2:
        (ax, ay), (bx, by) = chain[-2], chain[-1]
        if turn * ((bx - ax) * (point[1] - ay) - (by - ay) * (point[0] - ax)) > 0:
            break
        chain.pop()
    chain.append(point)


def _farthest_pair(hull: Hull, scale: NDArray[np.float64]) -> tuple[int, int]:
    """Return the corners farthest apart, by number; the one of smaller (x, y) first."""
    order = np.lexsort((hull[:, 1], hull[:, 0]))
    # Without scaling the squares stay integers, so equal distances are seen as equal.
    points = hull[order] if (scale == 1.0).all() else hull[order] * scale
    squared = ((points[:, None, :] - points[None, :, :]) ** 2).sum(axis=-1)
    first, last = np.unravel_index(int(squared.argmax()), squared.shape)
    return int(order[min(first, last)]), int(order[max(first, last)])


def _longest_perpendicular(hull: Hull, first: int, last: int, scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the longest chord perpendicular to the long axis, ``[2,2]`` x,y pixels."""
    points = hull * scale
    axis = points[last] - points[first]
    length = float(np.hypot(*axis))
    if length == 0.0:
        return np.repeat(hull[first][None].astype(np.float64), 2, axis=0)
    along = axis / length
    across = np.array([-along[1], along[0]])
    offsets = points - points[first]
    t, s = offsets @ along, offsets @ across
    count = len(hull)
    forward = [(first + k) % count for k in range((last - first) % count + 1)]
    backward = [(first - k) % count for k in range((first - last) % count + 1)]
    # A chord's length is piecewise linear along the axis: its maximum is at a corner, or all along between
    # two.
    candidates = np.append(t, length / 2)
    ends = [np.interp(candidates, t[chain], s[chain]) for chain in (forward, backward)]
    width = np.abs(ends[0] - ends[1])
    longest = np.flatnonzero(width >= width.max() - 1e-9 * length)
    best = int(longest[np.lexsort((candidates[longest], np.abs(candidates[longest] - length / 2).round(9)))[0]])
    chord = np.stack([points[first] + candidates[best] * along + end[best] * across for end in ends]) / scale
    return chord[np.lexsort((chord[:, 1], chord[:, 0].round(9)))]
