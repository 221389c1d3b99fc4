"""Reading one image or one mask from a file of any format that is read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.errors import ImageReadError
from radbench.imaging.answers import answered
from radbench.imaging.dicom import read_dicom
from radbench.imaging.dicom_file import is_dicom
from radbench.imaging.digests import check_digest
from radbench.imaging.folder import DICOM_SUFFIXES
from radbench.imaging.frames import is_nifti_file
from radbench.imaging.jsrt import read_jsrt
from radbench.imaging.limits import check_limit
from radbench.imaging.nifti import read_nifti
from radbench.imaging.raster import read_raster
from radbench.imaging.stored import ReadImage, ReadOptions, Stored, develop

if TYPE_CHECKING:
    from torch import Tensor


def read_image(path: str | os.PathLike[str], *, digests: Mapping[Path, str] | None = None, **options: Any) -> ReadImage:
    """Read an image and map it to [0,1], dense bright, as the file states it.

    The format is told by content (NIfTI and JSRT by name), never by a wish. Nothing about the mapping is
    guessed: the whole stored depth becomes [0,1] unless the file states a window or the caller asks for one;
    the polarity is the file's. ``provenance`` records all of it.

    Args:
        path: PNG, JPEG, TIFF, BMP, GIF, DICOM, NIfTI, or JSRT's raw ``.img``.
        digests: the SHA-256 that files had when they were listed (:func:`radbench.imaging.file_digests`); what is
            decoded must have them.
        options: fields of :class:`radbench.imaging.ReadOptions`.

    Returns:
        The image, float32 ``[1,H,W]``; its spacing in mm; its provenance; ``hu`` for CT.

    Raises:
        ImageReadError: a sentence naming the file, what is wrong and what to do.
        TypeError, ValueError: an option that does not exist, or has a value it cannot have.
    """
    file, chosen = Path(path), ReadOptions(**options)
    with answered(file):
        return develop(read_stored(file, chosen, digests), chosen)


def read_mask(
    path: str | os.PathLike[str],
    *,
    threshold: float | None = None,
    digests: Mapping[Path, str] | None = None,
    **options: Any,
) -> tuple[Tensor, dict[str, Any]]:
    """Read a mask.

    With a threshold, what lies above that part of the full stored range is set. Without one: in a lossy file
    (JPEG), what lies above half of the range, and one with nothing there that is not black is refused; in any
    other, everything that is not 0, provided that all such pixels have one value. A mask of several grey levels is
    refused, since nothing says which count. A picture of one colour with transparency is its transparency.

    Args:
        path: any format that :func:`read_image` reads.
        threshold: in [0,1] of the full stored range, or None.
        digests: as of :func:`read_image`.
        options: fields of :class:`radbench.imaging.ReadOptions` (``frame``, ``slice_number``, ``polarity``,
        ...).

    Returns:
        bool ``[1,H,W]``; and how it was read, with the rule that was applied.

    Raises:
        ImageReadError: it cannot be read, or has several grey levels and no threshold.
    """
    file, chosen = Path(path), ReadOptions(**{"alpha": "shape", **options})
    with answered(file):
        return _mask(read_stored(file, chosen, digests), chosen, threshold)


def _mask(stored: Stored, chosen: ReadOptions, threshold: float | None) -> tuple[Tensor, dict[str, Any]]:
    import torch

    values = stored.values
    if values.size == 0:
        raise ImageReadError(f"'{stored.name}' has no pixels (its size is {list(values.shape)})")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ImageReadError(f"'{stored.name}' has NaN or infinite pixels; a mask must be finite")
    flip = bool(stored.reversed) != (chosen.polarity == "reversed")
    if flip and stored.bounds is not None:
        values = sum(stored.bounds) - values.astype(np.float64)
    if threshold is not None or stored.lossy:
        if stored.bounds is None:
            raise ImageReadError(f"'{stored.name}' states no value range for a threshold; save the mask with 8 bits")
        low, high = stored.bounds
        part = 0.5 if threshold is None else threshold
        mask = values > low + part * (high - low)
        if threshold is None and not mask.any() and values.max() > low:
            raise ImageReadError(
                f"'{stored.name}' is a mask in a lossy file whose values end at {values.max():g} of {high:g}: say "
                "which count with a threshold (0 counts all but the lowest)"
            )
        rule = f"above {part:g} of the stored range"
    else:
        levels = _levels(values)
        if len(levels[levels != 0]) > 1:
            shown = ", ".join(f"{v:g}" for v in levels[:5]) + (", ..." if len(levels) > 5 else "")
            raise ImageReadError(
                f"'{stored.name}' is a mask of {len(levels)} grey levels ({shown}): say which count "
                "with a threshold "
                "(0.5 counts what lies above half of the range, 0 all but 0)"
            )
        mask = values != 0
        rule = "not 0"
    source = {"file": stored.name, "format": stored.format, "rule": rule, "set_pixels": int(mask.sum())}
    return torch.from_numpy(np.ascontiguousarray(mask))[None], source


def _levels(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype in (np.uint8, np.uint16):
        return np.flatnonzero(np.bincount(values.ravel()))  # many times faster than sorting
    return np.unique(values)


def read_stored(path: Path, options: ReadOptions, digests: Mapping[Path, str] | None = None) -> Stored:
    """Read a file into stored values, whichever format it has.

    Raises:
        ImageReadError: as :func:`read_image`.
    """
    name = path.name.lower()
    if path.is_symlink() and not path.exists():
        raise ImageReadError(f"'{path}' is a link to what does not exist (any more): mend it or remove it")
    if not path.exists():
        raise ImageReadError(f"'{path}' does not exist")
    if path.is_dir():
        try:
            next(path.iterdir(), None)
        except OSError as error:
            raise ImageReadError(
                f"folder '{path}' cannot be listed ({error.strerror}): what it holds is missing"
            ) from error
        raise ImageReadError(
            f"'{path}' is a folder, not an image file: read a CT series with read_ct_series, "
            f"or take the folder as a data set with folder[root={path}]"
        )
    if not path.is_file():
        raise ImageReadError(f"'{path}' is no file but a pipe or a device")
    if is_nifti_file(path):
        if options.frame is not None:
            raise ImageReadError(f"'{path.name}' is NIfTI, which has slices and no frames: use slice_number=")
        _check_readable(path)
        return read_nifti(path, options, digests)
    if options.slice_number is not None:
        raise ImageReadError(f"'{path.name}' is no NIfTI volume, so that it has no slices: use frame=")
    data = read_bytes(path, digests)
    if is_dicom(data[:132]) or name.endswith(DICOM_SUFFIXES):
        return read_dicom(path, data, options)
    if name.endswith(".img"):
        if options.frame not in (None, 1):
            raise ImageReadError(f"'{path.name}' has one frame, so there is no frame={options.frame}")
        return read_jsrt(path, data)
    return read_raster(path, data, options)


def read_bytes(path: Path, digests: Mapping[Path, str] | None = None) -> bytes:
    """Return a file's bytes.

    Raises:
        ImageReadError: it cannot be opened, is empty, or is another than was listed.
    """
    try:
        state = path.stat()
        if not S_ISREG(state.st_mode):
            raise ImageReadError(f"'{path}' is no file but a pipe or a device")
        check_limit(path.name, "bytes", state.st_size)
        data = path.read_bytes()
    except PermissionError:
        raise ImageReadError(f"'{path}' may not be read: permission denied; change its permissions") from None
    except OSError as error:
        raise ImageReadError(f"'{path}' cannot be read ({error.strerror or error})") from error
    if not data:
        raise ImageReadError(f"'{path.name}' is empty (0 bytes); copy it again")
    check_digest(path, data, digests)
    return data


def _check_readable(path: Path) -> None:
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except PermissionError:
        raise ImageReadError(f"'{path}' may not be read: permission denied; change its permissions") from None
    except OSError as error:
        raise ImageReadError(f"'{path}' cannot be read ({error.strerror or error})") from error
    if empty:
        raise ImageReadError(f"'{path.name}' is empty (0 bytes); copy it again")
