"""The trimap and the finish of ULS23's preparation of DeepLesion: the ellipse of the RECIST axes and its box."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench_lesions.trimap import (
    BACKGROUND,
    FOREGROUND,
    PROBABLE_BACKGROUND,
    PROBABLE_FOREGROUND,
    Trimap,
    checked_marks,
)

_Mask = NDArray[np.bool_]


def ellipse_trimap(
    recist: ArrayLike,
    shape: tuple[int, int],
    dilation: int = 1,
    core_share: float = 0.2,
    padding: float = 5.0,
    *,
    whole: bool = True,
) -> Trimap:
    """Lay out the trimap of ULS23 (de Grauw et al. 2024; its published code) around RECIST marks.

    - The ellipse whose axes are as long as the marked ones, along the long one, centred on the mean of the four end
      points [assumed: the code fits one to the drawn cross], dilated: probable foreground;
    - the same, eroded by ``core_share`` of the short axis: foreground; of a lesion so small that nothing would be left
      as much as leaves something [assumed: the code makes no mask of it];
    - the box of the marks, padded and dilated by as much: probable background;
    - all else: background.

    Dilations and erosions are by the cross of a pixel and its four neighbours, so many times.

    Args:
        recist: ``[4,2]`` x,y pixels, long axis then short axis.
        shape: (H, W) of the image.
        dilation: of the ellipse, in pixels.
        core_share: part of the short axis.
        padding: of the box, in pixels.
        whole: whether the window is the whole image; else the box and as much round it as it is wide and high.

    Raises:
        CaseError: the marks are not finite ``[4,2]``, or their centre lies outside the image.
    """
    points = checked_marks(recist, shape)
    step = int(core_share * math.dist(points[2], points[3]) + 1e-6)
    ellipse = _ellipse(points, shape)
    inside = _box(points, shape, padding)
    box = _grown(inside, step)
    core = ellipse
    for _ in range(step):
        smaller = _shrunk(core)
        if not smaller.any():
            break
        core = smaller
    regions = np.full(shape, BACKGROUND, dtype=np.uint8)
    regions[box] = PROBABLE_BACKGROUND
    regions[_grown(ellipse, dilation)] = PROBABLE_FOREGROUND
    regions[core] = FOREGROUND
    return Trimap(regions, (0, shape[0], 0, shape[1]) if whole else _window(regions != BACKGROUND))


def smoothed(mask: _Mask) -> _Mask:
    """Close a mask by the cross of a pixel and its four neighbours, and keep its largest 4-connected piece.

    Beyond its border the mask goes on as it ends there, so that closing takes nothing from a lesion at the border.
    """
    from scipy import ndimage

    padded = np.pad(mask, 1, mode="edge")
    closed = ndimage.binary_closing(padded)[1:-1, 1:-1] | mask
    labels, count = ndimage.label(closed)
    if count < 2:
        return np.asarray(closed, dtype=bool)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax(), dtype=bool)


def _ellipse(points: NDArray[np.float64], shape: tuple[int, int]) -> _Mask:
    """Return the pixels whose centre is in the ellipse, at least the one nearest to its middle."""
    x, y = points.mean(axis=0)
    dx, dy = points[1] - points[0]
    long, short = math.hypot(dx, dy), math.dist(points[2], points[3])
    along = (dx / long, dy / long) if long > 0 else (1.0, 0.0)
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    u = (columns - x) * along[0] + (rows - y) * along[1]
    v = (rows - y) * along[0] - (columns - x) * along[1]
    # Half a pixel at least, so that a mark of no width is a line of pixels.
    ellipse = (u / max(long / 2.0, 0.5)) ** 2 + (v / max(short / 2.0, 0.5)) ** 2 <= 1.0 + 1e-9
    row, column = round(min(max(y, 0.0), shape[0] - 1.0)), round(min(max(x, 0.0), shape[1] - 1.0))
    ellipse[row, column] = True
    return np.asarray(ellipse, dtype=bool)


def _box(points: NDArray[np.float64], shape: tuple[int, int], padding: float) -> _Mask:
    low, high = points.min(axis=0) - padding - 1e-6, points.max(axis=0) + padding + 1e-6
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.asarray((rows >= low[1]) & (rows <= high[1]) & (columns >= low[0]) & (columns <= high[0]), dtype=bool)


def _grown(mask: _Mask, times: int) -> _Mask:
    from scipy import ndimage

    # For scipy no iterations are as many as change something.
    return np.asarray(ndimage.binary_dilation(mask, iterations=times) if times else mask, dtype=bool)


def _shrunk(mask: _Mask) -> _Mask:
    from scipy import ndimage

    # A lesion that the border cuts goes on beyond it.
    return np.asarray(ndimage.binary_erosion(mask, border_value=1), dtype=bool)


def _window(seen: _Mask) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    height, width = rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1
    return (
        max(0, int(rows[0] - height)),
        min(seen.shape[0], int(rows[-1] + height) + 1),
        max(0, int(columns[0] - width)),
        min(seen.shape[1], int(columns[-1] + width) + 1),
    )
