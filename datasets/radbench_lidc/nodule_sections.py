"""Sections of nodules: the slice of each nodule's largest consensus, found from headers and outlines alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.errors import CaseError
from radbench.contracts.folders import cache_folder
from radbench.contracts.remembered import recall, remember
from radbench_lidc.index import FileRecord
from radbench_lidc.nodules import Nodule, SliceGrid, consensus, group, outlined
from radbench_lidc.readings import parse_reading
from radbench_lidc.scans import Scan

_Plane = NDArray[np.bool_]
_FORMAT = "1"


@dataclass(frozen=True)
class Section:
    """A nodule's slice.

    Attributes:
        number: the nodule's, from 1, in the order of its first mark; nodules that do not count have one, too.
        slice_uid: the slice of the largest consensus area.
        readers: how many readers outlined the nodule.
        present: which of them have pixels in this slice, from 1.
        pixels: the consensus area.
    """

    number: int
    slice_uid: str
    readers: int
    present: tuple[int, ...]
    pixels: int


def nodules_of(scan: Scan, grid: SliceGrid) -> list[Nodule]:
    """Return a scan's nodules of 3 mm or more, each reader's outlines grouped.

    Raises:
        CaseError: the reading cannot be read, or an outline lies in no slice.
    """
    from radbench.imaging.read import read_bytes

    assert scan.reading is not None
    reading = parse_reading(scan.reading.name, read_bytes(scan.reading, scan.listed))
    # What was listed names this series.
    assert reading is not None
    return group([outlined(m, grid) for m in reading.marks if m.kind == "nodule"], grid.spacing_mm)


def largest_section(nodule: Nodule, grid: SliceGrid, level: float) -> tuple[int, _Plane] | None:
    """Return the slice where most pixels are inside for a part of the readers, and these.

    Of slices with equally many the one that lies lowest in the patient is taken.

    Args:
        nodule: readers grouped.
        grid: of the volume.
        level: part of the nodule's readers, as of :func:`radbench_lidc.nodules.consensus`.

    Returns:
        The slice's number in the grid and bool ``[H,W]`` in the files' axes; None where no pixel has enough readers.
    """
    votes, at = consensus(nodule, (len(grid.z_mm), *grid.shape), level)
    areas = votes.sum(axis=(1, 2))
    if not areas.any():
        return None
    first = at[0].start
    best = max(range(len(areas)), key=lambda k: (areas[k], -grid.z_mm[first + k]))
    plane = np.zeros(grid.shape, dtype=bool)
    plane[at[1:]] = votes[best]
    return first + best, plane


def masks_by_reader(nodule: Nodule, number: int, shape: tuple[int, int]) -> dict[int, _Plane]:
    """Return what each reader has inside in a slice, bool ``[H,W]`` in the files' axes, by reader from 1.

    Readers who have no pixel there are left out.
    """
    masks: dict[int, _Plane] = {}
    for member in nodule.members:
        z = number - member.start[0]
        if not 0 <= z < len(member.inside) or not member.inside[z].any():
            continue
        plane = masks.setdefault(member.mark.reader + 1, np.zeros(shape, dtype=bool))
        top, left = member.start[1:]
        height, width = member.inside[z].shape
        plane[top : top + height, left : left + width] |= member.inside[z]
    return dict(sorted(masks.items()))


def sections_of(nodules: Sequence[Nodule], grid: SliceGrid, level: float) -> list[Section]:
    """Return the section of each nodule that has a consensus."""
    found = []
    for number, nodule in enumerate(nodules, 1):
        section = largest_section(nodule, grid, level)
        if section is not None:
            place, plane = section
            present = tuple(masks_by_reader(nodule, place, grid.shape))
            found.append(Section(number, grid.slice_uids[place], nodule.readers, present, int(plane.sum())))
    return found


def find_sections(
    root: Path, scans: Sequence[Scan], records: Mapping[Path, FileRecord], level: float
) -> dict[str, list[Section] | str]:
    """Return the sections of scans by case id, or why there are none, without reading pixels.

    They are remembered by the bytes of slices and reading, which only saves time.

    Args:
        root: the folder that the memory is kept for.
        scans: without faults, with readings.
        records: the collection's files.
        level: as of :func:`largest_section`.
    """
    name = hashlib.sha256(f"{root.expanduser().resolve()}\n{level!r}".encode()).hexdigest()[:32]
    memory = cache_folder() / "lidc" / "sections" / f"{name}.json"
    known: dict[str, list[dict[str, Any]]] = recall(memory, _FORMAT) or {}
    kept: dict[str, list[dict[str, Any]]] = {}
    found: dict[str, list[Section] | str] = {}
    for scan in scans:
        key = hashlib.sha256(json.dumps([scan.series_uid, scan.digests]).encode()).hexdigest()
        if key in known:
            sections = [Section(**{**one, "present": tuple(one["present"])}) for one in known[key]]
        else:
            try:
                grid = _grid_from_headers(scan, records)
                sections = sections_of(nodules_of(scan, grid), grid, level)
            except CaseError as error:
                found[scan.case_id] = str(error)
                continue
        found[scan.case_id] = sections
        kept[key] = [asdict(section) for section in sections]
    if kept.keys() != known.keys():
        remember(memory, kept, _FORMAT)
    return found


def _grid_from_headers(scan: Scan, records: Mapping[Path, FileRecord]) -> SliceGrid:
    """Return where the slices lie, by their headers."""
    import pydicom

    from radbench.imaging.answers import answered

    placed = []
    for path in scan.files:
        record = records[path]
        if record.position is None:
            raise CaseError(f"'{path.name}' does not say where it lies (ImagePositionPatient)")
        placed.append((record.position[2], record.image))
    placed.sort()
    first = scan.files[0]
    with answered(first):
        header = pydicom.dcmread(first, stop_before_pixels=True, specific_tags=["Rows", "Columns", "PixelSpacing"])
        shape = int(header.Rows), int(header.Columns)
        row, column = (float(value) for value in header.PixelSpacing)
    gaps = [b[0] - a[0] for a, b in pairwise(placed)]
    return SliceGrid(
        z_mm=tuple(z for z, _ in placed),
        slice_uids=tuple(uid for _, uid in placed),
        shape=shape,
        spacing_mm=(float(median(gaps)) if gaps else 1.0, row, column),
    )
