"""A scan's volume in the patient's axes: Hounsfield units, bone, and the place of each slice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.errors import CaseError
from radbench_lidc.config import LidcConfig
from radbench_lidc.nodules import SliceGrid
from radbench_lidc.scans import Scan

if TYPE_CHECKING:
    from torch import Tensor

LEAST_HU = -1024.0
"""[assumed] Stored values below, outside the scanner's round field, count as this: air as the bone paper fills it."""

_AXES = ("superior", "posterior", "left")
_STRAIGHT = 0.95


@dataclass(frozen=True)
class Volume:
    """A scan.

    Attributes:
        hu: float32 ``[D,H,W]``, from inferior to superior, anterior to posterior, the patient's right to left.
        spacing_mm: (slice, row, column).
        grid: where the slices lie, in the files' own axes.
        reversed_axes: which of the three run against the files'.
        provenance: what was read.
    """

    hu: NDArray[np.float32]
    spacing_mm: tuple[float, float, float]
    grid: SliceGrid
    reversed_axes: tuple[int, ...]
    provenance: dict[str, Any]


def read_volume_of(scan: Scan) -> Volume:
    """Read a scan's slices.

    Raises:
        CaseError: what is wrong with the scan or its slices; a missing slice by its place.
    """
    from radbench.imaging import read_ct_series

    if scan.faults:
        raise CaseError(f"case '{scan.case_id}': {scan.faults[0]}")
    try:
        read = read_ct_series(scan.files, series=scan.series_uid, digests=scan.listed)
    except CaseError as error:
        raise type(error)(f"case '{scan.case_id}': {error}") from error
    reversed_axes = _reversed_axes(scan.case_id, read.direction)
    grid = SliceGrid(
        z_mm=tuple(float(p[2]) for p in read.positions),
        slice_uids=tuple(read.slice_uids),
        shape=(int(read.hu.shape[1]), int(read.hu.shape[2])),
        spacing_mm=read.spacing_mm,
    )
    hu = np.maximum(read.hu.numpy(), np.float32(LEAST_HU))
    if reversed_axes:
        hu = np.ascontiguousarray(np.flip(hu, reversed_axes))
    return Volume(hu, read.spacing_mm, grid, reversed_axes, dict(read.provenance))


def _reversed_axes(case_id: str, direction: NDArray[np.float64]) -> tuple[int, ...]:
    """Return the axes to turn, so that a prone or feet-first patient comes out as all others."""
    # direction holds left, posterior, superior per axis slice, row, column.
    along = [float(direction[axis, 2 - axis]) for axis in range(3)]
    for axis, part in enumerate(along):
        if abs(part) < _STRAIGHT:
            raise CaseError(
                f"case '{case_id}': the {('slices', 'rows', 'columns')[axis]} do not run to {_AXES[axis]} or against "
                "it; only axial series are read"
            )
    return tuple(axis for axis, part in enumerate(along) if part < 0)


def volume_hu(volume: Volume, config: LidcConfig) -> Tensor:
    """Return the target ``volume_hu``: float32 ``[D,H,W]`` HU, in voxels of ``volume_mm`` where that is set."""
    import torch

    return resampled(torch.from_numpy(volume.hu), volume.spacing_mm, config.volume_mm)


def bone_volume(volume: Volume, config: LidcConfig) -> Tensor:
    """Return the target ``bone_volume``: bool ``[D,H,W]``, the bone in ``volume_hu``."""
    import torch

    hu = resampled(torch.from_numpy(volume.hu), volume.spacing_mm, config.volume_mm)
    depth, row, column = volume_spacing(volume.hu.shape, volume.spacing_mm, config.volume_mm)
    return bone_in(hu, (depth, row, column), config)


def bone_in(hu: Tensor, spacing_mm: tuple[float, float, float], config: LidcConfig) -> Tensor:
    """Return where bone is: above ``bone_volume_hu`` and, if so configured, in no pool of blood.

    Args:
        hu: float32 ``[D,H,W]``.
        spacing_mm: of D, H, W.
        config: which voxels count.

    Returns:
        bool ``[D,H,W]``.
    """
    from radbench.xray import without_blood_pools

    dense = hu > config.bone_volume_hu
    return without_blood_pools(dense[None, None], spacing_mm)[0, 0].bool() if config.drop_blood_pools else dense


def volume_spacing(shape: Sequence[int], spacing: tuple[float, float, float], side: float | None) -> list[float]:
    """Return the voxel spacing of ``volume_hu``: the field's extent over its number of voxels."""
    if side is None:
        return list(spacing)
    return [n * s / m for n, s, m in zip(shape, spacing, _size(shape, spacing, side), strict=True)]


def _size(shape: Sequence[int], spacing: tuple[float, float, float], side: float) -> list[int]:
    return [max(1, round(n * s / side)) for n, s in zip(shape, spacing, strict=True)]


def resampled(hu: Tensor, spacing: tuple[float, float, float], side: float | None) -> Tensor:
    """Return a volume ``[D,H,W]`` in voxels of about that side, which cover the same field; none keeps its own."""
    from torch.nn.functional import interpolate

    if side is None:
        return hu.clone()
    depth, rows, columns = _size(hu.shape, spacing, side)
    # In the plane, then across the planes: torch antialiases two axes at a time.
    planes = interpolate(hu[:, None], size=(rows, columns), mode="bilinear", antialias=True)
    across = planes.reshape(1, 1, hu.shape[0], rows * columns)
    across = interpolate(across, size=(depth, rows * columns), mode="bilinear", antialias=True)
    # Weights sum to 1 within rounding only.
    return across.reshape(depth, rows, columns).clamp(hu.min(), hu.max())
