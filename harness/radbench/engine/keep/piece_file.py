"""Piece file: the lessons of a fixed number of cases, written whole; each lesson and the header under a checksum.

The lessons' bytes stand one after the other and, after them, the header: what they are and where each lies. So a piece
is written lesson by lesson, however large they are, and one that was cut short has no header.
"""

from __future__ import annotations

import json
import math
import os
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts.atomic import replacing
from radbench.contracts.errors import InvalidOutputError, RadbenchError

if TYPE_CHECKING:
    from torch import Tensor

TYPES = (
    "float32",
    "float16",
    "bfloat16",
    "float64",
    "uint8",
    "uint16",
    "int16",
    "int32",
    "int64",
    "bool",
)
"""The types of tensors that lessons may hold; they are kept bit for bit."""

_BEGINNING = b"RADBENCH lessons"
_END = struct.Struct("<QQI")
"""Where the header begins, its bytes, and the CRC-32 of the header and of these two numbers."""

Shapes = tuple[tuple[int, ...], ...]
"""Of the tensors of a lesson, in their order."""


class DamagedPieceError(RadbenchError):
    """A piece of lessons is gone or damaged; it can be made again."""


@dataclass(frozen=True)
class NoLesson:
    """A case that gave no lesson.

    Attributes:
        case_id: which.
        status: "" where it has nothing to teach; else how it failed.
        message: one sentence on the failure.
    """

    case_id: str
    status: str = ""
    message: str = ""


@dataclass(frozen=True)
class KeptLesson:
    """Where a lesson lies in its piece.

    Attributes:
        case_id: of the case that gave it.
        offset, size: of its bytes in the file.
        checksum: their CRC-32.
        shapes: of its tensors.
    """

    case_id: str
    offset: int
    size: int
    checksum: int
    shapes: Shapes


@dataclass(frozen=True)
class PieceHeader:
    """What a piece holds.

    Attributes:
        names, types: of the tensors of each lesson; both empty where there is no lesson.
        lessons: in the order in which they were given.
        empty: the cases that gave none.
    """

    names: tuple[str, ...]
    types: tuple[str, ...]
    lessons: tuple[KeptLesson, ...]
    empty: tuple[NoLesson, ...]


def write_piece(
    path: Path, lessons: Iterable[tuple[str, Mapping[str, Tensor]]], empty: Sequence[NoLesson] = ()
) -> None:
    """Write the lessons of some cases, in order; one lesson at a time is held in memory.

    Args:
        path: of the file, replaced whole.
        lessons: (case id, tensors by name) of each lesson; all with the same names, types and numbers of dimensions,
            any sizes, any values (NaN is an unknown label).
        empty: the cases that gave none, and why.

    Raises:
        InvalidOutputError: lessons differ in names, types or dimensions, or hold what cannot be kept.
        OSError: it cannot be written. Whatever is raised, what was there before stays.
    """
    form: dict[str, tuple[str, int]] = {}
    listed: list[tuple[str, int, int, Shapes]] = []
    total = len(_BEGINNING)
    with replacing(path) as stream:
        stream.write(_BEGINNING)
        for case_id, lesson in lessons:
            own = _form(case_id, lesson)
            form = form or own
            check_form(case_id, own, form)
            checksum, size = 0, 0
            for name in form:
                data = _bytes(lesson[name])
                checksum = zlib.crc32(data, checksum)
                size += len(data)
                stream.write(data)
            listed.append((case_id, size, checksum, tuple(tuple(lesson[name].shape) for name in form)))
            total += size
        header = {
            "tensors": [(name, kind) for name, (kind, _) in form.items()],
            "lessons": listed,
            "empty": [asdict(one) for one in empty],
        }
        text = json.dumps(header, separators=(",", ":")).encode()
        end = _END.pack(total, len(text), 0)[:-4]
        stream.write(text + end + struct.pack("<I", zlib.crc32(end, zlib.crc32(text))))


def read_header(path: Path) -> PieceHeader:
    """Return what a piece holds; that the file is all there is checked, too, the lessons' checksums are not.

    Raises:
        DamagedPieceError: it is not there, cut short, or its header is damaged.
    """
    try:
        with path.open("rb") as file:
            there = os.fstat(file.fileno()).st_size
            file.seek(max(0, there - _END.size))
            end = file.read(_END.size)
            total, size, seal = _END.unpack(end) if len(end) == _END.size else (0, 0, 0)
            if total < len(_BEGINNING) or total + size + _END.size != there:
                raise DamagedPieceError(f"the lessons in '{path.name}' are damaged: the file is not as long as it says")
            file.seek(total)
            text = file.read(size)
            file.seek(0)
            beginning = file.read(len(_BEGINNING))
    except OSError as e:
        raise DamagedPieceError(f"the lessons in '{path.name}' cannot be read: {e.strerror or e}") from e
    if beginning != _BEGINNING or zlib.crc32(end[:-4], zlib.crc32(text)) != seal:
        raise DamagedPieceError(f"the lessons in '{path.name}' are damaged: the checksum of its header does not match")
    kept = json.loads(text)
    lessons: list[KeptLesson] = []
    offset = len(_BEGINNING)
    for case_id, length, checksum, shapes in kept["lessons"]:
        lessons.append(KeptLesson(case_id, offset, length, checksum, tuple(map(tuple, shapes))))
        offset += length
    return PieceHeader(
        tuple(name for name, _ in kept["tensors"]),
        tuple(kind for _, kind in kept["tensors"]),
        tuple(lessons),
        tuple(NoLesson(**one) for one in kept["empty"]),
    )


def _form(case_id: str, lesson: Mapping[str, Tensor]) -> dict[str, tuple[str, int]]:
    """Return type and number of dimensions by name.

    Raises:
        InvalidOutputError: a value cannot be kept.
    """
    import torch

    found: dict[str, tuple[str, int]] = {}
    for name, value in lesson.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise InvalidOutputError(
                f"a lesson of case '{case_id}' must hold tensors by name: {name!r} is {type(value).__name__}"
            )
        kind = str(value.dtype).removeprefix("torch.")
        if kind not in TYPES or value.layout != torch.strided:
            what = kind if kind not in TYPES else "sparse"
            raise InvalidOutputError(
                f"'{name}' in a lesson of case '{case_id}' is {what}: kept are dense tensors of {', '.join(TYPES)}"
            )
        found[name] = (kind, value.ndim)
    if not found:
        raise InvalidOutputError(f"a lesson of case '{case_id}' is empty: a case that teaches nothing gives None")
    return found


def check_form(case_id: str, own: Mapping[str, tuple[str, int]], others: Mapping[str, tuple[str, int]]) -> None:
    """Check that a lesson has the names, types and numbers of dimensions that others have.

    Args:
        case_id: of the case that gave it.
        own, others: by name, type and number of dimensions.

    Raises:
        InvalidOutputError: it has not.
    """
    if own != others:
        raise InvalidOutputError(
            f"all lessons must have the same names, types and numbers of dimensions: "
            f"one of case '{case_id}' is {_told(own)}, one before it is {_told(others)}"
        )


def _told(form: Mapping[str, tuple[str, int]]) -> str:
    return ", ".join(f"{name} ({kind}, {ndim} dimensions)" for name, (kind, ndim) in form.items())


def _bytes(tensor: Tensor) -> bytes:
    import torch

    plain = tensor.detach().cpu().resolve_neg().contiguous()
    return plain.reshape(-1).view(torch.uint8).numpy().tobytes() if plain.numel() else b""


def tensors_of(data: bytearray, tensors: Sequence[tuple[str, str]], shapes: Shapes) -> dict[str, Tensor]:
    """Return the tensors of a lesson, each with memory of its own.

    Args:
        data: all bytes of the lesson.
        tensors: (name, type) of each.
        shapes: of each.
    """
    import torch

    found: dict[str, Tensor] = {}
    start = 0
    for (name, kind), shape in zip(tensors, shapes, strict=True):
        dtype: Any = getattr(torch, kind)
        size = math.prod(shape) * dtype.itemsize
        # Each has bytes of its own: an offset within the lesson's need not be aligned for the type.
        found[name] = (
            torch.frombuffer(data[start : start + size], dtype=dtype).reshape(shape)
            if size
            else (torch.empty(shape, dtype=dtype))
        )
        start += size
    return found
