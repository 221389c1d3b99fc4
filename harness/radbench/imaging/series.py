"""CT volumes: a DICOM series put in order by position, or a NIfTI volume, as Hounsfield units."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.errors import ImageReadError
from radbench.imaging.answers import answered
from radbench.imaging.dicom import stored_from
from radbench.imaging.dicom_file import is_dicom, parse_dicom
from radbench.imaging.limits import check_limit
from radbench.imaging.nifti import load_nifti, millimetres, orientation
from radbench.imaging.read import read_bytes
from radbench.imaging.stored import AIR_HU, ReadOptions

if TYPE_CHECKING:
    from pydicom import Dataset
    from torch import Tensor

_SAME_MM = 1e-3


@dataclass(frozen=True)
class CtVolume:
    """A CT volume. World coordinates are DICOM's: left, posterior, superior, in millimetres.

    Attributes:
        hu: float32 ``[D,H,W]`` Hounsfield units. The slices follow the slice normal, so that an axial series
            runs from inferior to superior, rows run to posterior, columns to the patient's left.
        spacing_mm: (slice, row, column).
        positions: float64 ``[D,3]``: the world position of each slice's first pixel.
        direction: float64 ``[3,3]``: the world direction of a step to the next slice, row, column.
        files: the names of the slices' files, in order.
        slice_uids: the slices' SOPInstanceUIDs, in order; none of a volume in one file.
        provenance: what was read.
    """

    hu: Tensor
    spacing_mm: tuple[float, float, float]
    positions: NDArray[np.float64]
    direction: NDArray[np.float64]
    files: Sequence[str]
    provenance: Mapping[str, Any]
    slice_uids: Sequence[str] = ()

    @property
    def origin(self) -> NDArray[np.float64]:
        """The world position of voxel (0, 0, 0)."""
        return self.positions[0]


@dataclass(frozen=True)
class _Slice:
    name: str
    dataset: Dataset
    position: NDArray[np.float64]
    orientation: NDArray[np.float64]


def read_ct_series(
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    series: str | None = None,
    tolerance: float = 0.02,
    digests: Mapping[Path, str] | None = None,
) -> CtVolume:
    """Read a CT series of one file per slice.

    The slices are put in order by ImagePositionPatient along the slice normal; file names, InstanceNumber and
    SliceLocation do not count. Padding pixels become -1000 HU.

    Args:
        files: a folder (its own files, not those of folders below it; what is not DICOM is passed over), or
            the files.
        series: the SeriesInstanceUID to take where the folder holds several.
        tolerance: how far a gap between slices may leave the usual one, as a part of it.
        digests: the SHA-256 that files had when they were listed; what is decoded must have them.

    Returns:
        The volume.

    Raises:
        ImageReadError: no slices; several series; a slice that is damaged, is not CT in HU, or differs in
            size, spacing or orientation; slices at one position, missing, at irregular distances, or shifted
            sideways (a tilted gantry). The sentence names the file.
    """
    with answered(Path(files) if isinstance(files, str | os.PathLike) else Path("series")):
        paths, passed_over = _series_files(files)
        return _series(files, paths, passed_over, series, tolerance, digests)


def _series(
    files: Any,
    paths: Sequence[Path],
    passed_over: Sequence[str],
    series: str | None,
    tolerance: float,
    digests: Mapping[Path, str] | None,
) -> CtVolume:
    slices = _one_series([_slice(path, digests) for path in paths], series)
    if len(slices) < 2:
        where = slices[0].name if slices else files
        raise ImageReadError(f"'{where}': a CT series needs two slices or more, and there is {len(slices)}")
    first = slices[0]
    _check_alike(slices)
    along_row, along_column = first.orientation[:3], first.orientation[3:]
    normal = np.cross(along_row, along_column)
    slices.sort(key=lambda s: float(s.position @ normal))
    gap = _check_positions(slices, normal, tolerance)
    hu = _stack(slices)
    row, column = (float(v) for v in first.dataset.PixelSpacing)
    return CtVolume(
        hu=hu,
        spacing_mm=(gap, row, column),
        positions=np.stack([s.position for s in slices]),
        direction=np.stack([normal, along_column, along_row]),
        files=tuple(s.name for s in slices),
        provenance={
            "format": "DICOM series",
            "series": str(first.dataset.get("SeriesInstanceUID", "")),
            "kernel": str(first.dataset.get("ConvolutionKernel", "")),
            "slices": len(slices),
            "order": "ImagePositionPatient along the slice normal",
            "passed_over": passed_over,
        },
        slice_uids=tuple(str(s.dataset.get("SOPInstanceUID", "")) for s in slices),
    )


def read_volume(path: str | os.PathLike[str], *, digests: Mapping[Path, str] | None = None) -> CtVolume:
    """Read a NIfTI volume of Hounsfield units.

    The axes are turned to the nearest of the patient, as in a DICOM axial series: slices to superior, rows to
    posterior, columns to the patient's left.

    Args:
        path: ``.nii`` or ``.nii.gz``.
        digests: as of :func:`read_ct_series`.

    Returns:
        The volume; ``direction`` holds the true directions of an oblique one.

    Raises:
        ImageReadError: not NIfTI, damaged, not three-dimensional, no orientation, or not finite.
    """
    file = Path(path)
    if not file.is_file():
        raise ImageReadError(f"'{file}' is not a file" if file.exists() else f"'{file}' does not exist")
    with answered(file):
        return _volume(file, load_nifti(file, digests))


def _volume(file: Path, image: Any) -> CtVolume:
    import torch

    if len(image.shape) != 3 or 0 in image.shape:
        raise ImageReadError(f"'{file.name}' has shape {list(image.shape)}; a volume has three dimensions")
    axes, flips, known = orientation(image)
    if not known:
        raise ImageReadError(f"'{file.name}' states no orientation (qform and sform codes are 0); set one of them")
    values = np.asarray(image.dataobj)
    if values.dtype.kind not in "iuf":
        raise ImageReadError(f"'{file.name}' holds values of type {values.dtype}; a volume has grey ones")
    order = (axes[2], axes[1], axes[0])
    turned = values.transpose(order)
    # Superior as is; posterior and left run against the world axes anterior and right.
    backwards = (flips[2], not flips[1], not flips[0])
    turned = turned[tuple(slice(None, None, -1) if b else slice(None) for b in backwards)]
    hu = turned.astype(np.float32)
    bad = int((~np.isfinite(hu)).sum())
    if bad:
        raise ImageReadError(f"'{file.name}' has {bad} NaN or infinite voxels; every voxel must be finite")
    # From RAS to DICOM's LPS.
    scale, unit = millimetres(file.name, image)
    affine = np.diag([-scale, -scale, scale, 1.0]) @ np.asarray(image.affine, dtype=np.float64)
    corner = np.zeros(3)
    steps = []
    for axis, backward in zip(order, backwards, strict=True):
        step = affine[:3, axis]
        if backward:
            corner[axis] = image.shape[axis] - 1
            step = -step
        steps.append(step)
    spacing = tuple(float(np.linalg.norm(s)) for s in steps)
    origin = affine[:3, :3] @ corner + affine[:3, 3]
    positions = origin + np.arange(hu.shape[0])[:, None] * steps[0]
    return CtVolume(
        hu=torch.from_numpy(np.ascontiguousarray(hu)),
        spacing_mm=(spacing[0], spacing[1], spacing[2]),
        positions=positions,
        direction=np.stack([s / np.linalg.norm(s) for s in steps]),
        files=(file.name,),
        provenance={
            "format": "NIfTI",
            "file": file.name,
            "slices": int(hu.shape[0]),
            "dtype": values.dtype.name,
            "spacing_from": f"affine in {unit}",
        },
    )


def _series_files(files: Any) -> tuple[list[Path], list[str]]:
    if not isinstance(files, str | os.PathLike):
        return [Path(f) for f in files], []
    folder = Path(files)
    if not folder.is_dir():
        what = (
            "is a file; give the folder of the series, or a list of its files" if folder.exists() else "does not exist"
        )
        raise ImageReadError(f"'{folder}' {what}")
    taken, passed_over = [], []
    for path in sorted(p for p in folder.iterdir() if not p.is_dir() and not p.name.startswith(".")):
        # What is no file (any more) shows when it is read.
        head = b""
        if path.is_file():
            with path.open("rb") as file:
                head = file.read(132)
        # A suffix without the mark is a damaged slice, not another file.
        if path.name.upper() != "DICOMDIR" and (is_dicom(head) or path.suffix.lower() == ".dcm"):
            taken.append(path)
        else:
            passed_over.append(path.name)
    if not taken:
        raise ImageReadError(f"'{folder}' holds no DICOM files; give the folder that the slices lie in")
    return taken, passed_over


def _slice(path: Path, digests: Mapping[Path, str] | None) -> _Slice:
    with answered(path):
        return _placed(path, parse_dicom(path.name, read_bytes(path, digests)))


def _placed(path: Path, dataset: Dataset) -> _Slice:
    if str(dataset.get("Modality", "")) != "CT":
        raise ImageReadError(f"'{path.name}' is '{dataset.get('Modality', '')}', not CT; keep CT slices only")
    position, orient = dataset.get("ImagePositionPatient"), dataset.get("ImageOrientationPatient")
    if position is None or orient is None or len(position) != 3 or len(orient) != 6:
        raise ImageReadError(
            f"'{path.name}' states no position and orientation in the patient; a slice without them has no place"
        )
    return _Slice(
        path.name,
        dataset,
        np.array([float(v) for v in position]),
        np.array([float(v) for v in orient]),
    )


def _one_series(present: list[_Slice], series: str | None) -> list[_Slice]:
    uids = Counter(str(s.dataset.get("SeriesInstanceUID", "")) for s in present)
    if series is not None:
        if series not in uids:
            raise ImageReadError(f"there is no series '{series}'; there is {', '.join(sorted(uids)) or 'none'}")
        return [s for s in present if str(s.dataset.get("SeriesInstanceUID", "")) == series]
    if len(uids) > 1:
        usual = uids.most_common(1)[0][0]
        odd = next(s for s in present if str(s.dataset.get("SeriesInstanceUID", "")) != usual)
        listed = ", ".join(f"{uid} ({n} slices)" for uid, n in sorted(uids.items()))
        raise ImageReadError(
            f"'{odd.name}' belongs to another series than most: there is {listed}; choose one with series=UID"
        )
    return present


def _check_alike(slices: Sequence[_Slice]) -> None:
    def sort_of(s: _Slice) -> tuple[Any, ...]:
        spacing = tuple(round(float(v), 6) for v in s.dataset.get("PixelSpacing", ()))
        if len(spacing) != 2:
            raise ImageReadError(f"'{s.name}' states no pixel spacing; a CT slice must")
        return (int(s.dataset.Rows), int(s.dataset.Columns)), spacing, tuple(np.round(s.orientation, 4) + 0.0)

    sorts = [sort_of(s) for s in slices]
    usual = Counter(sorts).most_common(1)[0][0]
    for s, mine in zip(slices, sorts, strict=True):
        for what, own, theirs in zip(("size", "pixel spacing", "orientation"), mine, usual, strict=True):
            if own != theirs:
                raise ImageReadError(
                    f"'{s.name}' has {what} {list(map(float, own))}, the other slices "
                    f"{list(map(float, theirs))}; "
                    "take it out of the series"
                )


def _check_positions(slices: Sequence[_Slice], normal: NDArray[np.float64], tolerance: float) -> float:
    """Return the usual gap in mm."""
    places = np.array([float(s.position @ normal) for s in slices])
    gaps = np.diff(places)
    usual = float(np.median(gaps))
    for i, gap in enumerate(gaps.tolist()):
        a, b = slices[i].name, slices[i + 1].name
        if gap < _SAME_MM:
            raise ImageReadError(f"'{a}' and '{b}' lie at the same position ({places[i]:g} mm); take one of them out")
        if abs(gap - usual) <= tolerance * usual + _SAME_MM:
            continue
        missing = round(gap / usual) - 1
        if missing >= 1 and abs(gap / usual - missing - 1) <= tolerance * (missing + 1):
            raise ImageReadError(
                f"{missing} slice(s) are missing between '{a}' ({places[i]:g} mm) and '{b}' "
                f"({places[i + 1]:g} mm): "
                f"the usual gap is {usual:g} mm"
            )
        raise ImageReadError(
            f"the gap between '{a}' ({places[i]:g} mm) and '{b}' ({places[i + 1]:g} mm) is {gap:g} mm, "
            f"the usual one {usual:g} mm; the slices are irregular"
        )
    for s, place in zip(slices, places, strict=True):
        aside = s.position - slices[0].position - (place - places[0]) * normal
        if float(np.abs(aside).max()) > tolerance * usual + 10 * _SAME_MM:
            raise ImageReadError(
                f"'{s.name}' is shifted {float(np.linalg.norm(aside)):g} mm sideways against the first "
                "slice: "
                "a tilted gantry, which is not read; resample the series"
            )
    return float((places[-1] - places[0]) / (len(places) - 1))


def _stack(slices: Sequence[_Slice]) -> Tensor:
    import torch

    first = slices[0].dataset
    check_limit(slices[0].name, "voxels", len(slices) * int(first.Rows) * int(first.Columns))
    hu = np.empty((len(slices), int(first.Rows), int(first.Columns)), dtype=np.float32)
    for i, s in enumerate(slices):
        stored = stored_from(s.name, s.dataset, ReadOptions())
        if not stored.hounsfield or stored.rescale is None:
            raise ImageReadError(f"'{s.name}' is not in Hounsfield units (rescale slope or type is missing)")
        slope, intercept = stored.rescale
        hu[i] = stored.values.astype(np.float64) * slope + intercept
        if stored.padding is not None:
            hu[i][stored.padding] = AIR_HU
    return torch.from_numpy(hu)
