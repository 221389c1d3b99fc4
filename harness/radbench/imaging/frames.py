"""How many images a file holds, without decoding them."""

from __future__ import annotations

import io
from pathlib import Path

from radbench.imaging.limits import limit
from radbench.imaging.nifti import SUFFIXES as NIFTI_SUFFIXES
from radbench.imaging.pages import count_pages


def count_frames(path: Path, plane: str = "axial") -> int:
    """Return how many frames, pages or slices a file holds; 1 where it cannot be read, which shows when it is.

    Of a file that claims more than the limit of them, it is one more than the limit.

    Args:
        path: of any format that :func:`radbench.imaging.read_image` reads.
        plane: of the slices that a NIfTI volume is cut into.
    """
    try:
        return min(_count(path, plane), limit("frames") + 1)
    except Exception:  # damaged bytes make a parser raise anything
        return 1


def _count(path: Path, plane: str) -> int:
    if not path.is_file():
        return 1
    if is_nifti_file(path):
        return _slices(path, plane)
    if is_dicom_file(path):
        return _dicom_frames(path)
    from PIL import Image

    with Image.open(path) as picture:
        if picture.format in ("TIFF", "GIF"):
            return count_pages(path.read_bytes(), limit("frames"))
        return int(getattr(picture, "n_frames", 1))


def is_nifti_file(path: Path) -> bool:
    """Whether a file is read as NIfTI: by its suffix, or as an .img with its header beside it (alone it is JSRT's)."""
    name = path.name.lower()
    return name.endswith(NIFTI_SUFFIXES) or (name.endswith(".img") and path.with_suffix(".hdr").exists())


def is_dicom_file(path: Path) -> bool:
    """Whether a file is to be read as DICOM: by its mark, or by its suffix where an old program left the mark out."""
    from radbench.imaging.dicom_file import is_dicom
    from radbench.imaging.folder import DICOM_SUFFIXES

    marked = False
    try:
        # A pipe would keep its reader waiting.
        if path.is_file():
            with path.open("rb") as stream:
                marked = is_dicom(stream.read(132))
    except OSError:
        # A file that may not be read: that shows when it is read.
        pass
    return marked or path.name.lower().endswith(DICOM_SUFFIXES)


def _dicom_frames(path: Path) -> int:
    import pydicom

    from radbench.imaging.dicom_file import check_inflated

    data = path.read_bytes()
    check_inflated(path.name, data)
    header = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True, specific_tags=["NumberOfFrames"], force=True)
    return int(header.get("NumberOfFrames", 1) or 1)


def _slices(path: Path, plane: str) -> int:
    from radbench.imaging.nifti import load_nifti, slices_along

    return slices_along(load_nifti(path), plane)
