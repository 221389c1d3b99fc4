"""Nodules of a CT volume: readers' outlines as voxels, grouped into nodules, and the choice of those that count."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.errors import CaseError
from radbench_lidc.readings import RATINGS, Contour, Mark


@dataclass(frozen=True)
class SliceGrid:
    """Where the slices of a volume lie, to find the slice of a contour.

    Attributes:
        z_mm: position of each slice along the patient's axis, in file order of the volume.
        slice_uids: SOP instance UID of each slice.
        shape: rows and columns of a slice.
        spacing_mm: (slice, row, column).
    """

    z_mm: Sequence[float]
    slice_uids: Sequence[str]
    shape: tuple[int, int]
    spacing_mm: tuple[float, float, float]

    def index_of(self, contour: Contour) -> int:
        """Return the number of a contour's slice: by SOP instance UID, else by position within a tenth of a slice.

        Raises:
            CaseError: there is no such slice.
        """
        if contour.slice_uid in self.slice_uids:
            return self.slice_uids.index(contour.slice_uid)
        nearest = int(np.argmin(np.abs(np.asarray(self.z_mm) - contour.z_mm)))
        if abs(self.z_mm[nearest] - contour.z_mm) > 0.1 * self.spacing_mm[0]:
            raise CaseError(
                f"the slice at {contour.z_mm:g} mm that a reader marked is missing: the series runs from "
                f"{min(self.z_mm):g} to {max(self.z_mm):g} mm and the nearest slice lies at {self.z_mm[nearest]:g} mm"
            )
        return nearest


@dataclass(frozen=True)
class Outlined:
    """One reader's nodule as voxels in a box of the volume.

    Attributes:
        mark: what the reader marked.
        start: first slice, row and column of the box.
        inside: bool ``[d,h,w]``: the nodule, without its outlines.
        touched: bool ``[d,h,w]``: with its outlines.
    """

    mark: Mark
    start: tuple[int, int, int]
    inside: NDArray[np.bool_]
    touched: NDArray[np.bool_]


@dataclass(frozen=True)
class Nodule:
    """What several readers' marks make one nodule.

    Attributes:
        members: the marks, each reader's in order.
        readers: how many readers outlined it.
        ratings: per characteristic the median over the readers who rated it; of a reader's several marks, their
            median.
    """

    members: Sequence[Outlined]
    readers: int
    ratings: Mapping[str, float]


def rasterise(contours: Sequence[Contour], shape: tuple[int, int]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return a reader's contours in one slice as pixels.

    An outline is the first ring of pixels outside the nodule (Armato et al., Medical Physics 38, 2011), so that what
    it runs through is not nodule. This holds for outlines of exclusion just as well, as that paper's first author
    confirmed (pylidc's pull request 16): what they enclose and what they run through is not nodule.

    Args:
        contours: all of the slice; joined up from last point to first.
        shape: rows and columns.

    Returns:
        bool ``[H,W]`` twice: the nodule, and the nodule with its outer outlines.

    Raises:
        CaseError: a point lies outside the slice.
    """
    inside, touched, out = (np.zeros(shape, dtype=np.uint8) for _ in range(3))
    for contour in contours:
        filled, outline = _filled(contour, shape)
        if contour.inclusion:
            inside |= filled & ~outline
            touched |= filled | outline
        else:
            out |= filled | outline
    return (inside & ~out).astype(bool), touched.astype(bool)


def _filled(contour: Contour, shape: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    import cv2

    points = np.array(contour.points, dtype=np.int32)
    low, high = points.min(axis=0), points.max(axis=0)
    if low.min() < 0 or high[0] >= shape[1] or high[1] >= shape[0]:
        raise CaseError(
            f"an outline at {contour.z_mm:g} mm reaches column {high[0]}, row {high[1]} of a slice of {shape[1]} "
            f"columns and {shape[0]} rows"
        )
    filled, outline = np.zeros(shape, dtype=np.uint8), np.zeros(shape, dtype=np.uint8)
    cv2.fillPoly(filled, [points[:, None]], 1)
    cv2.polylines(outline, [points[:, None]], True, 1)
    return filled, outline


def outlined(mark: Mark, grid: SliceGrid) -> Outlined:
    """Return a reader's nodule as voxels.

    Raises:
        CaseError: a contour lies outside its slice, or its slice is missing.
    """
    by_slice: dict[int, list[Contour]] = {}
    for contour in mark.contours:
        by_slice.setdefault(grid.index_of(contour), []).append(contour)
    points = np.array([p for c in mark.contours for p in c.points])
    first, last = min(by_slice), max(by_slice)
    planes = {z: rasterise(contours, grid.shape) for z, contours in by_slice.items()}
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    size = (last - first + 1, int(bottom - top) + 1, int(right - left) + 1)
    inside, touched = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    for z, (filled, with_outline) in planes.items():
        inside[z - first] = filled[top : bottom + 1, left : right + 1]
        touched[z - first] = with_outline[top : bottom + 1, left : right + 1]
    return Outlined(mark, (first, int(top), int(left)), inside, touched)


def group(marks: Sequence[Outlined], spacing_mm: tuple[float, float, float]) -> list[Nodule]:
    """Group the readers' marks into nodules.

    The collection does not say which marks of different readers mean the same nodule. [assumed] Two of different
    readers do when they share a voxel, outlines included, or when their centres lie no further apart than the
    radius of the larger one (of the sphere of its volume) or than one slice from the next: small nodules may be
    outlined in neighbouring slices. What is linked in this way is one nodule, so that parts which one reader
    outlined apart and another together are one.

    Args:
        marks: nodules of 3 mm or more; others have no extent.
        spacing_mm: (slice, row, column).

    Returns:
        Nodules, ordered by their first mark.
    """
    parent = list(range(len(marks)))

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for i, a in enumerate(marks):
        for j, b in enumerate(marks[:i]):
            if a.mark.reader != b.mark.reader and _same(a, b, spacing_mm):
                low, high = sorted((root(i), root(j)))
                parent[high] = low
    groups: dict[int, list[Outlined]] = {}
    for i, mark in enumerate(marks):
        groups.setdefault(root(i), []).append(mark)
    return [_nodule(members) for members in groups.values()]


def _nodule(members: list[Outlined]) -> Nodule:
    per_reader: dict[int, list[Mark]] = {}
    for member in members:
        per_reader.setdefault(member.mark.reader, []).append(member.mark)
    ratings = {}
    for name in RATINGS:
        own = [[m.ratings[name] for m in marks if name in m.ratings] for marks in per_reader.values()]
        rated = [median(values) for values in own if values]
        if rated:
            ratings[name] = float(median(rated))
    return Nodule(tuple(members), len(per_reader), ratings)


def _same(a: Outlined, b: Outlined, spacing: tuple[float, float, float]) -> bool:
    starts = np.array([a.start, b.start])
    stops = starts + np.array([a.touched.shape, b.touched.shape])
    low, high = starts.max(axis=0), stops.min(axis=0)
    if (low < high).all():
        parts = [
            o.touched[tuple(slice(s - f, e - f) for s, e, f in zip(low, high, o.start, strict=True))] for o in (a, b)
        ]
        if bool((parts[0] & parts[1]).any()):
            return True
    apart = float(np.linalg.norm((_centre(a) - _centre(b)) * spacing))
    return apart <= max(_radius(a, spacing), _radius(b, spacing), spacing[0])


def _centre(o: Outlined) -> NDArray[np.float64]:
    return np.argwhere(o.touched).mean(axis=0) + o.start


def _radius(o: Outlined, spacing: tuple[float, float, float]) -> float:
    return math.cbrt(3.0 * float(o.touched.sum()) * math.prod(spacing) / (4.0 * math.pi))


def counts(nodule: Nodule, *, texture_above: float, subtlety_above: float, min_readers: int) -> bool:
    """Whether a nodule is one that the papers count (lung U-Net §2.3): visible enough in a radiograph.

    Args:
        nodule: readers grouped.
        texture_above: the median texture must be greater (3: more solid than part-solid).
        subtlety_above: the median subtlety must be greater (4: obvious).
        min_readers: so many readers must have outlined it.
    """
    rated = (nodule.ratings.get("texture", 0.0), nodule.ratings.get("subtlety", 0.0))
    return nodule.readers >= min_readers and rated[0] > texture_above and rated[1] > subtlety_above


def consensus(nodule: Nodule, shape: Sequence[int], agreement: float) -> tuple[NDArray[np.bool_], tuple[slice, ...]]:
    """Return the voxels that enough of a nodule's readers outlined.

    Args:
        nodule: readers grouped.
        shape: of the volume.
        agreement: the part of its readers that must have a voxel inside; 0 for any one reader.

    Returns:
        bool ``[d,h,w]``, and its place in the volume.
    """
    starts = np.array([m.start for m in nodule.members])
    stops = starts + np.array([m.inside.shape for m in nodule.members])
    low, high = starts.min(axis=0), np.minimum(stops.max(axis=0), shape)
    votes = np.zeros(tuple(high - low), dtype=np.int16)
    readers: dict[int, Any] = {}
    for member in nodule.members:
        own = readers.setdefault(member.mark.reader, np.zeros(votes.shape, dtype=bool))
        at = tuple(slice(s - o, s - o + n) for s, o, n in zip(member.start, low, member.inside.shape, strict=True))
        own[at] |= member.inside
    for own in readers.values():
        votes += own
    needed = max(1, math.ceil(agreement * nodule.readers))
    return votes >= needed, tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
