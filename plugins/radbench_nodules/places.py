"""Places in the lungs: where nodules are, and where the like could be and is not."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_CELLS = 48


@dataclass(frozen=True)
class Place:
    """A disk of the image.

    Attributes:
        centre: row and column, pixels.
        diameter: pixels.
    """

    centre: tuple[float, float]
    diameter: float


@dataclass(frozen=True)
class Nodule(Place):
    """A nodule: one connected component (of eight neighbours) of ``nodule_mask``.

    Its centre is its centroid, its diameter that of a disk of its area.

    Attributes:
        mask: bool ``[H,W]``.
    """

    mask: NDArray[np.bool_]


@dataclass(frozen=True)
class LungBox:
    """The box round the lungs, which positions and sizes are told by from one case to another.

    Attributes:
        top: its first row.
        left: its first column.
        height: its rows.
        width: its columns.
    """

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class Habitat:
    """Where nodules lie and how large they are, over a set of cases.

    Attributes:
        density: ``[48,48]`` over the box round the lungs, sums to 1.
        sizes: ``[N]`` diameters over the height of that box.
    """

    density: NDArray[np.float64]
    sizes: NDArray[np.float64]


def nodules_of(mask: NDArray[np.bool_], least_diameter: float) -> list[Nodule]:
    """Return the nodules of a mask ``[H,W]`` of at least a diameter (pixels), from top to bottom."""
    from scipy import ndimage

    labels, count = ndimage.label(mask, np.ones((3, 3), dtype=int))
    found = []
    for i in range(1, count + 1):
        one = labels == i
        rows, columns = np.nonzero(one)
        diameter = 2.0 * math.sqrt(len(rows) / math.pi)
        if diameter >= least_diameter:
            found.append(Nodule((float(rows.mean()), float(columns.mean())), diameter, one))
    return found


def lung_box(lungs: ArrayLike) -> LungBox | None:
    """Return the box round a lung mask ``[H,W]``, None where it is empty."""
    rows, columns = np.nonzero(np.asarray(lungs, dtype=bool))
    if rows.size == 0:
        return None
    top, left = int(rows.min()), int(columns.min())
    return LungBox(top, left, int(rows.max()) - top + 1, int(columns.max()) - left + 1)


def habitat_of(seen: Sequence[tuple[LungBox, Sequence[Place]]], spread: float, uniform: float) -> Habitat:
    """Return where nodules lie, by a kernel density over positions relative to the lungs' box.

    Args:
        seen: the nodules of each case with its box; at least one nodule.
        spread: standard deviation of the Gaussian kernel over the box's sides.
        uniform: share of the density that is the same everywhere.
    """
    from scipy.ndimage import gaussian_filter

    counts = np.zeros((_CELLS, _CELLS))
    sizes = []
    for box, nodules in seen:
        for nodule in nodules:
            counts[_cell(nodule.centre[0], box.top, box.height), _cell(nodule.centre[1], box.left, box.width)] += 1.0
            sizes.append(nodule.diameter / box.height)
    density = gaussian_filter(counts, spread * _CELLS, mode="nearest")
    density = (1.0 - uniform) * density / density.sum() + uniform / density.size
    return Habitat(density / density.sum(), np.asarray(sizes))


def nodule_free_places(
    lungs: NDArray[np.bool_],
    nodules: NDArray[np.bool_],
    habitat: Habitat,
    diameters: Sequence[float],
    clearance: float,
    rng: np.random.Generator,
) -> list[Place | None]:
    """Draw one nodule-free place for each diameter.

    The disk lies in the lungs, and its centre ``clearance`` diameters or more from any nodule (of any size). Positions
    follow the habitat as far as that allows.

    Args:
        lungs, nodules: masks ``[H,W]``.
        habitat: where nodules lie.
        diameters: pixels.
        clearance: diameters.
        rng: the source of randomness.

    Returns:
        A place, or None where the lungs have no room, for each diameter.
    """
    from scipy.ndimage import distance_transform_edt

    box = lung_box(lungs)
    draws = rng.random(len(diameters))
    if box is None:
        return [None] * len(diameters)
    # The image's edge counts as outside the lungs.
    depth = distance_transform_edt(np.pad(lungs, 1))[1:-1, 1:-1]
    away = distance_transform_edt(~nodules) if nodules.any() else np.full(lungs.shape, np.inf)
    rows, columns = np.nonzero(lungs)
    weight = habitat.density[_cell(rows, box.top, box.height), _cell(columns, box.left, box.width)]
    places: list[Place | None] = []
    for diameter, draw in zip(diameters, draws, strict=True):
        room = (depth[rows, columns] >= 0.5 * diameter) & (away[rows, columns] >= clearance * diameter)
        total = np.cumsum(weight * room)
        if total[-1] <= 0.0:
            places.append(None)
            continue
        at = int(np.searchsorted(total, draw * total[-1], side="right"))
        places.append(Place((float(rows[at]), float(columns[at])), float(diameter)))
    return places


def case_rng(seed: int, case_id: str) -> np.random.Generator:
    """Return the source of randomness of one case: the same for every enhancer, in any order and company."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(f"{seed}:{case_id}".encode()).digest()[:8], "little"))


def _cell(position: ArrayLike, start: int, length: int) -> NDArray[np.int64]:
    relative = (np.asarray(position, dtype=np.float64) + 0.5 - start) / length
    return np.clip((relative * _CELLS).astype(np.int64), 0, _CELLS - 1)
