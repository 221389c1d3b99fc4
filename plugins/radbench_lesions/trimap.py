"""The four-region trimap that RECIST marks give, and the window of the image that GrabCut looks at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.contracts.errors import CaseError

BACKGROUND, FOREGROUND, PROBABLE_BACKGROUND, PROBABLE_FOREGROUND = 0, 1, 2, 3
"""The regions, numbered as OpenCV numbers them (GC_BGD, GC_FGD, GC_PR_BGD, GC_PR_FGD)."""


@dataclass(frozen=True)
class Trimap:
    """What is known of each pixel before GrabCut.

    Attributes:
        regions: uint8 ``[H,W]`` over the whole image: background outside the ROI; in it probable background,
            probable foreground and foreground.
        window: (top, bottom, left, right) of the pixels given to GrabCut, half open: the ROI and a margin of definite
            background, as far as the image reaches.
    """

    regions: NDArray[np.uint8]
    window: tuple[int, int, int, int]


def recist_trimap(
    recist: ArrayLike,
    shape: tuple[int, int],
    roi_scale: float = 2.0,
    foreground_share: float = 0.1,
    margin: float = 0.1,
    min_box: float = 4.0,
    probable_share: float = 0.5,
) -> Trimap:
    """Lay out the trimap of Tang et al. 2018 (section 2.2) around RECIST marks.

    The lesion's box is the square whose side is the long diameter, centred on the bounding box of the four endpoints.
    The ROI is the box scaled by ``roi_scale``; a pixel belongs to a square when its centre does. The paper names the
    four regions and not their sizes; the sizes here are assumed:

    - outside the ROI: background;
    - an inner square of ``probable_share`` of the ROI's area: probable foreground;
    - what is round that in the ROI: probable background;
    - the cross of the two axes, widened until it covers ``foreground_share`` of the box: foreground. The pixels
      nearest to the axes are taken, and at least those within half a pixel.

    Args:
        recist: ``[4,2]`` x,y pixels, long axis then short axis.
        shape: (H, W) of the image.
        roi_scale: side of the ROI in long diameters.
        foreground_share: share of the box's area that is certain to be lesion.
        margin: width of the definite background kept around the ROI, in sides of the ROI; at least one pixel.
        min_box: least side of the box in pixels, for marks of almost no length.
        probable_share: share of the ROI's area in its inner square.

    Raises:
        CaseError: the marks are not finite ``[4,2]``, or their centre lies outside the image.
    """
    points = checked_marks(recist, shape)
    x, y = (points.min(axis=0) + points.max(axis=0)) / 2.0
    box = max(math.dist(points[0], points[1]), min_box)
    side = roi_scale * box
    top, bottom, left, right = window = _window(x, y, side / 2.0 + max(margin * side, 1.0), shape)
    rows, columns = np.mgrid[top:bottom, left:right].astype(np.float64)
    # A rounding error must not decide whether a pixel on the edge belongs to a square.
    reach = np.maximum(np.abs(rows - y), np.abs(columns - x)) - 1e-6
    seen = np.full(reach.shape, BACKGROUND, dtype=np.uint8)
    seen[reach <= side / 2.0] = PROBABLE_BACKGROUND
    seen[reach <= side * math.sqrt(probable_share / 4.0)] = PROBABLE_FOREGROUND
    away = _distance_to_axes(points, rows, columns)
    last = min(math.ceil(foreground_share * box * box), away.size) - 1
    nearest = np.partition(away.ravel(), last)[last]
    seen[(away <= max(nearest, 0.5) + 1e-6) & (seen != BACKGROUND)] = FOREGROUND
    regions = np.full(shape, BACKGROUND, dtype=np.uint8)
    regions[top:bottom, left:right] = seen
    return Trimap(regions, window)


def checked_marks(recist: ArrayLike, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return RECIST marks as float64 ``[4,2]`` x,y pixels.

    Raises:
        CaseError: they are not finite ``[4,2]``, or their centre lies outside the image of ``shape`` (H, W).
    """
    points = np.asarray(recist, dtype=np.float64)
    if points.shape != (4, 2) or not np.isfinite(points).all():
        raise CaseError(f"recist must be four finite x,y points [4,2], got {points.tolist()}")
    height, width = shape
    x, y = (points.min(axis=0) + points.max(axis=0)) / 2.0
    if not (-0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5):
        raise CaseError(f"the RECIST marks centre on ({x:.1f}, {y:.1f}), outside the {width}x{height} image")
    return points


def _distance_to_axes(
    points: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return each pixel centre's distance to the nearer axis, float64 of the shape of ``rows``."""
    distances = []
    for (ax, ay), (bx, by) in (points[:2], points[2:]):
        dx, dy = bx - ax, by - ay
        squared = dx * dx + dy * dy
        along = ((columns - ax) * dx + (rows - ay) * dy) / (squared or 1.0)
        along = np.clip(along, 0.0, 1.0)
        distances.append(np.hypot(columns - ax - along * dx, rows - ay - along * dy))
    return np.minimum(*distances)


def _window(x: float, y: float, half: float, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    top, left = max(0, math.ceil(y - half - 1e-6)), max(0, math.ceil(x - half - 1e-6))
    bottom, right = min(shape[0], math.floor(y + half + 1e-6) + 1), min(shape[1], math.floor(x + half + 1e-6) + 1)
    return top, bottom, left, right
