"""DICOM files, parsed: what is none, is cut short, or would take more memory than it may, is refused."""

from __future__ import annotations

import io
import warnings
import zlib
from typing import TYPE_CHECKING

from radbench.contracts.errors import ImageReadError
from radbench.imaging.answers import short
from radbench.imaging.limits import check_limit, limit

if TYPE_CHECKING:
    from pydicom import Dataset

MAGIC = b"DICM"
MAGIC_OFFSET = 128

_PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_NEEDED = ("SOPClassUID", "Rows", "Columns", "PixelData", "RescaleSlope", "WindowCenter", "PixelSpacing")

_DEFLATED = b"1.2.840.10008.1.2.1.99"
"""UID of the transfer syntax that compresses the data set as a whole (PS3.5 A.5)."""

_META_ENDS = 4096
"""The meta header of a DICOM file has a few hundred bytes."""

_AT_ONCE = 2**24
"""Bytes that are inflated at a time."""


def is_dicom(head: bytes) -> bool:
    """Whether a file's first 132 bytes carry DICOM's magic."""
    return head[MAGIC_OFFSET : MAGIC_OFFSET + 4] == MAGIC


def parse_dicom(name: str, data: bytes) -> Dataset:
    """Parse a DICOM file that has pixels.

    Args:
        name: for the sentences.
        data: the whole file, with or without the 128-byte preamble.

    Raises:
        ImageReadError: not DICOM, cut short, or without pixels.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        with warnings.catch_warnings():
            # What matters of it is an error here, with the file's name.
            warnings.simplefilter("ignore")
            check_inflated(name, data)
            dataset = pydicom.dcmread(io.BytesIO(data), force=not is_dicom(data[:132]))
            # Elements are decoded when they are asked for; a damaged one must show now, not later.
            for keyword in _NEEDED:
                dataset.get(keyword)
    except InvalidDicomError:
        raise ImageReadError(f"'{name}' is not a DICOM file: it lacks the DICM mark") from None
    except (ImageReadError, MemoryError):
        raise
    except Exception as error:  # damaged bytes make a parser raise anything
        raise ImageReadError(f"'{name}' is cut short or damaged ({short(error)}); copy it again") from error
    if not any(keyword in dataset for keyword in _PIXEL_KEYWORDS):
        kind = getattr(dataset.get("SOPClassUID"), "name", "")
        what = f"it is a {kind}" if kind else "it has no SOP class"
        if "Rows" not in dataset and "SOPClassUID" not in dataset:
            raise ImageReadError(f"'{name}' is not a DICOM image, or is cut short in its header")
        raise ImageReadError(f"'{name}' has no pixels ({what}), or is cut short before them; give an image")
    return dataset


def check_inflated(name: str, data: bytes) -> None:
    """Refuse a deflated data set that is larger than what is read: pydicom inflates it whole, whatever comes.

    Args:
        name: for the sentence.
        data: of any file.

    Raises:
        ImageReadError: it would be larger than the limit.
    """
    # The mark, then the meta header's first element, which says how long the rest of it is.
    if _DEFLATED not in data[:_META_ENDS] or data[132:140] != b"\2\0\0\0UL\4\0":
        return
    inflater, most, size = zlib.decompressobj(-zlib.MAX_WBITS), limit("bytes"), 0
    rest = data[144 + int.from_bytes(data[140:144], "little") :]
    while rest and not inflater.eof and size <= most:
        size += len(inflater.decompress(rest, _AT_ONCE))
        rest = inflater.unconsumed_tail
    check_limit(name, "bytes", size)
