"""DICOM files, parsed: what is none, is cut short, or would take more memory than it may, is refused."""

from __future__ import annotations

import io
import warnings
import zlib
from typing import TYPE_CHECKING

from radbench.contracts.errors import ImageReadError, RadbenchError
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

_LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
"""Value representations whose length has four bytes, after two that are kept free (PS3.5, 7.1.2)."""

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
    except (RadbenchError, MemoryError):
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
    begins = _deflated_from(data)
    inflater, most, size = zlib.decompressobj(-zlib.MAX_WBITS), limit("bytes"), 0
    rest = data[begins:] if begins else b""
    while rest and not inflater.eof and size <= most:
        try:
            size += len(inflater.decompress(rest, _AT_ONCE))
        except zlib.error:
            # That shows when it is parsed.
            return
        rest = inflater.unconsumed_tail
    check_limit(name, "bytes", size)


def _deflated_from(data: bytes) -> int:
    """Return where the deflated part of a file begins, 0 where none does: where its group 2 ends (PS3.10, 7.1)."""
    at, syntax = MAGIC_OFFSET + len(MAGIC) if is_dicom(data[:132]) else 0, b""
    while data[at : at + 2] == b"\2\0" and at + 8 <= len(data):
        element, kind = data[at + 2 : at + 4], data[at + 4 : at + 6]
        if not kind.isalpha():  # implicit: no value representation
            length, value = int.from_bytes(data[at + 4 : at + 8], "little"), at + 8
        elif kind in _LONG:
            length, value = int.from_bytes(data[at + 8 : at + 12], "little"), at + 12
        else:
            length, value = int.from_bytes(data[at + 6 : at + 8], "little"), at + 8
        syntax = data[value : value + length] if element == b"\x10\0" else syntax
        at = value + length
    return at if syntax.strip(b"\0 ") == _DEFLATED else 0
