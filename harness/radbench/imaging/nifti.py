"""NIfTI slices, read into stored values, turned the way radiologists look at them."""

from __future__ import annotations

import gzip
import io
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.errors import ImageReadError, RadbenchError
from radbench.imaging.answers import short
from radbench.imaging.digests import check_digest
from radbench.imaging.limits import check_limit, limit
from radbench.imaging.stored import ReadOptions, Stored

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Image

SUFFIXES = (".nii", ".nii.gz")

# Of each plane: the world axis it steps along, then those of its rows and columns; and whether rows and
# columns run against them. World axes are right, anterior, superior (RAS+).
_PLANES = {"axial": (2, 1, 0), "coronal": (1, 2, 0), "sagittal": (0, 2, 1)}
_LOOKS = {
    "axial": "rows run to posterior, columns to the patient's left",
    "coronal": "rows run to inferior, columns to the patient's left",
    "sagittal": "rows run to inferior, columns to posterior",
}


def load_nifti(path: Path, digests: Mapping[Path, str] | None = None) -> Nifti1Image:
    """Open a NIfTI file, pixels unread.

    Args:
        path: the file.
        digests: the SHA-256 that files had when they were listed; where it is among them, it is read whole, so that
            what is decoded later is what was checked.

    Raises:
        ImageReadError: it is not NIfTI (Analyze included, which does not state its orientation), is damaged, or is
            another than was listed.
    """
    import nibabel
    from nibabel.nifti1 import Nifti1Pair

    try:
        _check_offset(path)
        image = nibabel.load(path)
        if digests is not None:
            image = _in_memory(image, digests)
    except (RadbenchError, MemoryError):
        raise
    except Exception as error:  # damaged bytes make a parser raise anything
        raise ImageReadError(f"'{path.name}' is not NIfTI, or is cut short or damaged ({short(error)})") from error
    if not isinstance(image, Nifti1Pair):
        raise ImageReadError(
            f"'{path.name}' is {type(image).__name__}, which does not state its orientation; save it as NIfTI"
        )
    _check_size(path.name, image)
    return image  # type: ignore[return-value]


def _check_offset(path: Path) -> None:
    """Refuse a header after which more comes before the pixels than is read: nibabel reads all of that at once."""
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
        head = file.read(176)
    for order in "<>":
        if head[:4] == struct.pack(f"{order}i", 348) and len(head) > 112:
            check_limit(path.name, "bytes", max(0, round(min(struct.unpack_from(f"{order}f", head, 108)[0], 1e15))))
        elif head[:4] == struct.pack(f"{order}i", 540) and len(head) == 176:
            check_limit(path.name, "bytes", max(0, struct.unpack_from(f"{order}q", head, 168)[0]))


def _check_size(name: str, image: Any) -> None:
    """Refuse headers that claim more than is read, before anything of it is."""
    voxels = math.prod(int(n) for n in image.shape)
    check_limit(name, "voxels", voxels)
    begins = int(getattr(image.dataobj, "offset", 0))
    check_limit(name, "bytes", max(begins, 0) + voxels * image.get_data_dtype().itemsize)


def _in_memory(image: Any, digests: Mapping[Path, str]) -> Any:
    """Return an image that reads from checked copies of its files instead of the files."""
    from nibabel.fileholders import FileHolder

    copies = {}
    for what, holder in image.file_map.items():
        file = Path(holder.filename)
        check_limit(file.name, "bytes", file.stat().st_size)
        data = file.read_bytes()
        check_digest(file, data, digests)
        copies[what] = FileHolder(fileobj=io.BytesIO(_unpacked(file, data)))
    return type(image).from_file_map(copies)


def _unpacked(file: Path, data: bytes) -> bytes:
    if file.suffix.lower() != ".gz":
        return data
    most = limit("bytes")
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as members:
        found = members.read(most + 1)
    check_limit(file.name, "bytes", len(found))
    return found


def read_nifti(path: Path, options: ReadOptions, digests: Mapping[Path, str] | None = None) -> Stored:
    """Read a two-dimensional NIfTI file, or one slice of a volume.

    The volume is turned to the nearest axes of the patient: an axial slice is seen from the feet with
    anterior on top and the patient's right on the left of the image, as radiologists do; coronal and sagittal
    slices have superior on top. A file that states no orientation (both form codes 0) is only transposed, so
    that its first axis runs along the columns, and the provenance says so.

    Args:
        path: the file, ``.nii`` or ``.nii.gz``.
        options: ``plane`` and ``slice_number`` apply here.
        digests: as of :func:`load_nifti`.

    Raises:
        ImageReadError: not NIfTI, damaged, colour, more than three dimensions, or a volume without a chosen
        slice.
    """
    image = load_nifti(path, digests)
    shape = tuple(int(n) for n in image.shape)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) == 2:
        shape = (*shape, 1)
    if len(shape) != 3 or image.get_data_dtype().kind not in "biuf":
        raise ImageReadError(
            f"'{path.name}' has shape {list(image.shape)} and type {image.get_data_dtype()}; give 2-D or 3-D grey"
        )
    if 0 in shape:
        raise ImageReadError(f"'{path.name}' has no pixels (its size is {list(shape)})")
    axes, flips, known = orientation(image)
    step, row, column = _PLANES[options.plane] if known else (2, 1, 0)
    count = shape[axes[step]]
    number = options.slice_number
    if number is None:
        if count > 1:
            raise ImageReadError(
                f"'{path.name}' is a volume of {count} {options.plane} slices: choose one with slice_number=1..{count}"
            )
        number = 1
    if number > count:
        raise ImageReadError(f"'{path.name}' has {count} {options.plane} slices, so there is no slice_number={number}")
    check_limit(path.name, "pixels", math.prod(shape) // count)
    index: list[Any] = [slice(None)] * 3
    index[axes[step]] = count - number if flips[step] else number - 1
    raw = _pixels(path, image, shape, tuple(index))
    # What is left are the two other axes in storage order.
    values = raw if axes[row] < axes[column] else raw.T
    # World axes run to the right, anterior and superior; rows and columns run against all three.
    if known:
        values = values[:: 1 if flips[row] else -1, :: 1 if flips[column] else -1]
    scale, unit = millimetres(path.name, image)
    zooms = [float(z) * scale for z in image.header.get_zooms()[:3]] + [1.0]
    spacing = (zooms[axes[row]], zooms[axes[column]])
    bits, bounds = _depth(values)
    needs = "" if bounds is not None else "holds values (Hounsfield units?) whose black and white nothing states"
    return Stored(
        name=path.name,
        values=np.ascontiguousarray(values),
        bounds=bounds,
        format="NIfTI",
        bits=bits,
        unscaled=True,
        needs_window=needs,
        spacing_mm=spacing if all(0 < s < math.inf for s in spacing) else None,
        notes={
            "orientation": _LOOKS[options.plane] if known else "none stated: first axis along the columns",
            "slice": f"{options.plane} {number} of {count}",
            "spacing_from": f"pixdim in {unit}",
            # Already applied by nibabel, in float64.
            "scl": [float(getattr(image.dataobj, "slope", 1.0)), float(getattr(image.dataobj, "inter", 0.0))],
            "conversions": [],
        },
    )


_UNITS = {"unknown": 1.0, "mm": 1.0, "meter": 1000.0, "micron": 0.001}


def millimetres(name: str, image: Any) -> tuple[float, str]:
    """Return how many millimetres the header's unit of length has, and its name; unknown is taken for mm.

    Raises:
        ImageReadError: a unit that the format does not have.
    """
    try:
        unit = str(image.header.get_xyzt_units()[0])
        return _UNITS[unit], unit
    except KeyError as error:
        raise ImageReadError(f"'{name}' has spacing in a unit that NIfTI does not know ({short(error)})") from error


def slices_along(image: Nifti1Image, plane: str) -> int:
    """Return how many slices a volume has in a plane of the patient ("axial", "coronal" or "sagittal")."""
    axes, _, known = orientation(image)
    shape = (*image.shape, 1, 1)[:3]
    return int(shape[axes[_PLANES[plane][0] if known else 2]])


def orientation(image: Nifti1Image) -> tuple[list[int], list[bool], bool]:
    """Return, per world axis (right, anterior, superior), the array axis and whether it runs against; and whether
    the file states an orientation at all.
    """
    import nibabel

    header: Any = image.header
    if int(header["qform_code"]) == 0 and int(header["sform_code"]) == 0:
        return [0, 1, 2], [False, False, False], False
    axes, flips = [0, 0, 0], [False, False, False]
    for array_axis, (world, sign) in enumerate(nibabel.io_orientation(image.affine)):
        if not np.isfinite(world):
            raise ImageReadError("the affine of this NIfTI file does not give all three axes a direction")
        axes[int(world)], flips[int(world)] = array_axis, bool(sign < 0)
    return axes, flips, True


def _pixels(path: Path, image: Nifti1Image, shape: tuple[int, ...], index: tuple[Any, ...]) -> NDArray[Any]:
    proxy: Any = image.dataobj
    try:
        return np.asarray(proxy[index] if len(image.shape) == 3 else np.asarray(proxy).reshape(shape)[index])
    except MemoryError:
        raise
    except Exception as error:  # damaged bytes make a decoder raise anything
        raise ImageReadError(f"'{path.name}' is cut short or damaged ({short(error)}); copy it again") from error


def _depth(values: NDArray[Any]) -> tuple[int | None, tuple[float, float] | None]:
    if values.dtype.kind == "u" and values.dtype.itemsize <= 2:
        bits = 8 * values.dtype.itemsize
        return bits, (0.0, 2.0**bits - 1)
    if values.dtype.kind == "b":
        return 1, (0.0, 1.0)
    if values.dtype.kind == "f":
        finite = values[np.isfinite(values)]
        if finite.size and finite.min() >= 0.0 and finite.max() <= 1.0:
            return None, (0.0, 1.0)
    return None, None
