"""Masks of lesions: which file is whose, and where a mask of ULS23 lies in its slice."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.errors import CaseError, DatasetError
from radbench.contracts.printable import name_of
from radbench_deeplesion.table import Lesion

if TYPE_CHECKING:
    from torch import Tensor

_NAME = re.compile(r"(?P<slice>\w+?_\d+_\d+_\d+)(?:-(?P<number>\d+)|_lesion_(?P<uls23>\d+))?")
_GRABCUT = re.compile(r"_sample_\d+$")
_NIFTI = (".nii.gz", ".nii")
_AGREE = 0.99
_SAME_HU = 0.51
_WHOLE = 0.02


@dataclass(frozen=True)
class Found:
    """The masks of a folder.

    Attributes:
        of: path by case id.
        strays: what lies there and belongs to no lesion of the table, each as a sentence.
    """

    of: Mapping[str, Path]
    strays: Sequence[str]


def find_masks(folder: Path, lesions: Sequence[Lesion]) -> Found:
    """Find out which mask is whose, by its name.

    ``S.png`` and ``S-1.png`` are the first lesion of the key slice S, ``S-2.png`` the second; ``S_lesion_02.nii.gz``
    likewise [assumed: ULS23's preparation takes a slice's first line of the table]. Any of these may be PNG or NIfTI.

    Raises:
        DatasetError: the folder is missing, holds masks that GrabCut made, or no mask of any lesion; two are of one.
    """
    if not folder.is_dir():
        raise DatasetError(f"folder '{folder}' of masks does not exist")
    ids = {lesion.case_id for lesion in lesions}
    of: dict[str, Path] = {}
    strays = []
    for path in _files(folder):
        stem = _stem(path)
        if stem is None:
            strays.append(f"'{name_of(path.relative_to(folder))}' in masks is neither PNG nor NIfTI")
            continue
        if _GRABCUT.search(stem):
            raise DatasetError(
                f"'{path.name}' in '{path.parent}' is one of the masks that ULS23 made by GrabCut, so that it is no "
                "truth: give the folder of drawn ones (ULS23_DeepLesion3D/labels)"
            )
        match = _NAME.fullmatch(stem)
        case_id = f"{match['slice']}-{int(match['number'] or match['uls23'] or 1)}" if match else ""
        if case_id not in ids:
            strays.append(f"'{name_of(path.relative_to(folder))}' in masks belongs to no lesion of the table")
        elif case_id in of:
            raise DatasetError(
                f"'{of[case_id]}' and '{path}' both are the mask of lesion '{case_id}'; keep one of them"
            )
        else:
            of[case_id] = path
    if not of:
        example = next(iter(lesions)).slice_name
        raise DatasetError(
            f"none of the {len(strays)} files in '{folder}' is the mask of a lesion of the table: masks are called, "
            f"for example, {example}.png or {example}_lesion_01.nii.gz"
        )
    return Found(of, strays)


def _files(folder: Path) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise DatasetError(f"folder '{error.filename}' cannot be listed ({error.strerror})") from error

    found = []
    for here, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__MACOSX")
        found += [Path(here) / f for f in files if not f.startswith(".")]
    return sorted(found)


def _stem(path: Path) -> str | None:
    lower = path.name.lower()
    suffix = next((s for s in (".png", *_NIFTI) if lower.endswith(s)), None)
    return None if suffix is None else path.name[: -len(suffix)]


def is_nifti(path: Path) -> bool:
    """Whether a mask is NIfTI by its name."""
    return path.name.lower().endswith(_NIFTI)


def image_beside(path: Path) -> Path | None:
    """Return ULS23's image of a mask, ``…/images/NAME`` of ``…/labels/NAME``, where it lies there."""
    if path.parent.name != "labels" or not is_nifti(path):
        return None
    image = path.parent.with_name("images") / path.name
    return image if image.is_file() else None


def read_lesion_mask(
    path: Path, lesion: Lesion, hu: Tensor, digests: Mapping[Path, str]
) -> tuple[Tensor, dict[str, Any]]:
    """Read a lesion's mask in its key slice.

    A PNG covers the slice. A NIfTI volume is one of ULS23: 256 x 256 x 128 voxels round the lesion, placed as
    :func:`placed` says; where its image lies beside it, its key slice must be the collection's.

    Args:
        path: the mask.
        lesion: whose it is.
        hu: float32 ``[1,H,W]``, the key slice.
        digests: as of :func:`radbench.imaging.read_image`.

    Returns:
        bool ``[1,H,W]``; and how it was read.

    Raises:
        CaseError: it cannot be read, has another size, is empty in the key slice, or lies elsewhere than the lesion.
    """
    import torch

    from radbench.imaging import read_mask

    shape = (int(hu.shape[1]), int(hu.shape[2]))
    if is_nifti(path):
        plane, inside = placed(path, lesion, shape, digests)
        mask = torch.from_numpy(plane != 0)[None]
        how: dict[str, Any] = {"file": path.name, "placed": "by its affine"}
        beside = image_beside(path)
        if beside is not None:
            _check_image(beside, lesion, hu[0].numpy(), inside, digests)
            how["placed"] += "; its image is the collection's slice there"
    else:
        mask, how = read_mask(path, digests=digests)
    if tuple(mask.shape[1:]) != shape:
        raise CaseError(
            f"mask '{path.name}' is {mask.shape[1]} x {mask.shape[2]} (rows x columns), its slice {shape[0]} x "
            f"{shape[1]}; they must be equal"
        )
    _check_place(path, lesion, mask[0].numpy())
    return mask, how


def placed(
    path: Path, lesion: Lesion, shape: tuple[int, int], digests: Mapping[Path, str]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return a NIfTI volume's values in the lesion's key slice, and which pixels of the slice it covers.

    [assumed, after ULS23's published preparation] ULS23 stacks the slices from key - n to key + n, n as large as the
    table's Slice_range allows, turns all three axes (to right, anterior, superior) and cuts a volume out, whose affine
    keeps the place of its first voxel in that stack. A volume as wide as the slice and as deep as Slice_range is taken
    for all of that range.

    Args:
        path: the volume.
        lesion: whose it is.
        shape: rows and columns of the slice.
        digests: as of :func:`radbench.imaging.read_image`.

    Returns:
        ``[H,W]`` of the slice, 0 where the volume does not reach; bool ``[H,W]``.

    Raises:
        CaseError: it cannot be read, is no volume, or does not reach the key slice.
    """
    voxels, start = _upright(path, digests)
    first, last = lesion.slices
    rows, columns = shape
    if voxels.shape == (columns, rows, last - first + 1):
        at = last - lesion.key
    else:
        at = min(lesion.key - first, last - lesion.key) - start[2]
    if not 0 <= at < voxels.shape[2]:
        raise CaseError(
            f"'{path.name}' does not reach key slice {lesion.key}: by its affine that is its slice {at + 1} of "
            f"{voxels.shape[2]}"
        )
    # Both axes of the slice run against the volume's.
    plane = voxels[::-1, ::-1, at].T
    left, top = columns - start[0] - voxels.shape[0], rows - start[1] - voxels.shape[1]
    values, inside = np.zeros(shape, dtype=plane.dtype), np.zeros(shape, dtype=bool)
    to = tuple(slice(max(0, a), max(0, min(n, a + m))) for a, n, m in zip((top, left), shape, plane.shape, strict=True))
    out = tuple(slice(t.start - a, max(t.start, t.stop) - a) for t, a in zip(to, (top, left), strict=True))
    values[to], inside[to] = plane[out], True
    return values, inside


def _upright(path: Path, digests: Mapping[Path, str]) -> tuple[NDArray[Any], tuple[int, int, int]]:
    """Return a volume whose axes run to right, anterior and superior, and the place of its first voxel in voxels."""
    import nibabel

    from radbench.imaging.answers import answered
    from radbench.imaging.nifti import load_nifti

    with answered(path):
        image = load_nifti(path, digests)
        if len(image.shape) != 3 or image.get_data_dtype().kind not in "biuf":
            raise CaseError(f"'{path.name}' has shape {list(image.shape)}; a volume of three axes is needed")
        upright: Any = nibabel.as_closest_canonical(image)
        sides = np.linalg.norm(upright.affine[:3, :3], axis=0)
        start = upright.affine[:3, 3] / sides
        values = np.asarray(upright.dataobj)
    if not np.isfinite(start).all() or np.abs(start - np.rint(start)).max() > _WHOLE:
        raise CaseError(
            f"'{path.name}' begins at voxel {np.round(start, 2).tolist()} of its stack by its affine, which is no "
            "whole one: it was resampled, or is no volume of ULS23"
        )
    return values, (int(np.rint(start[0])), int(np.rint(start[1])), int(np.rint(start[2])))


def _check_image(
    path: Path, lesion: Lesion, hu: NDArray[np.float32], inside: NDArray[np.bool_], digests: Mapping[Path, str]
) -> None:
    values, _ = placed(path, lesion, (hu.shape[0], hu.shape[1]), digests)
    same = float((np.abs(values[inside] - hu[inside]) <= _SAME_HU).mean()) if inside.any() else 0.0
    if same < _AGREE:
        raise CaseError(
            f"'{path.name}' beside the mask has the HU of the collection's slice in {same:.0%} of the pixels where its "
            "affine places it: mask and slice do not belong together, or the mask lies elsewhere"
        )


def _check_place(path: Path, lesion: Lesion, mask: NDArray[np.bool_]) -> None:
    rows, columns = np.nonzero(mask)
    if len(rows) == 0:
        raise CaseError(f"mask '{path.name}' is empty in key slice {lesion.key}")
    left, top, right, bottom = lesion.box
    within = float(((columns >= left) & (columns <= right) & (rows >= top) & (rows <= bottom)).mean())
    if within < 0.5:
        raise CaseError(
            f"mask '{path.name}' has {within:.0%} of its pixels in the lesion's bounding box ({left:g}, {top:g}) to "
            f"({right:g}, {bottom:g}): it is another lesion's, or lies elsewhere"
        )
