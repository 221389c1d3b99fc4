"""Pieces: the lessons of a learner, kept in files of so many cases each and read by place.

Lessons are read, not mapped: resident memory stays flat however many there are.
"""

from __future__ import annotations

import os
import threading
import zlib
from array import array
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from radbench.contracts.errors import UsageError
from radbench.engine.keep.piece_file import (
    DamagedPieceError,
    KeptLesson,
    NoLesson,
    PieceHeader,
    Shapes,
    check_form,
    read_header,
    tensors_of,
    write_piece,
)

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "DamagedPieceError",
    "KeptLesson",
    "KeptLessons",
    "KeptSources",
    "NoLesson",
    "PieceHeader",
    "TrainAndValidation",
    "read_header",
    "write_piece",
]

_OPEN_FILES = 64

_Tensors = tuple[tuple[str, str], ...]


class KeptLessons:
    """The lessons of several pieces, one after the other; see :class:`radbench.contracts.LessonSet`.

    Threads may read from it at the same time.

    Args:
        paths: of the pieces, in order.

    Attributes:
        case_ids: per lesson, the case that it is of.
        empty: the cases that gave none.

    Raises:
        DamagedPieceError: a piece is gone or its header damaged; the message names it.
        InvalidOutputError: the lessons of two pieces differ in names, types or numbers of dimensions.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._index = _Index()
        self._places: Sequence[int] = range(0)
        self.case_ids: Sequence[str] = []
        self.empty: Sequence[NoLesson] = []
        case_ids: list[str] = []
        empty: list[NoLesson] = []
        for path in paths:
            header = read_header(Path(path))
            self._index.add(Path(path), header)
            case_ids += [lesson.case_id for lesson in header.lessons]
            empty += header.empty
        self._places, self.case_ids, self.empty = range(len(case_ids)), case_ids, empty

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, place: int) -> dict[str, Tensor]:
        """Read one lesson; its tensors are the caller's own.

        Raises:
            DamagedPieceError: its piece is gone or damaged; the message names it.
            IndexError: there is no such place.
        """
        return self._index.read(self._places[place])

    def at(self, places: Sequence[int]) -> KeptLessons:
        """Return a selection, in the order given."""
        chosen = object.__new__(KeptLessons)
        chosen._index = self._index
        chosen._places = array("Q", (self._places[place] for place in places))
        chosen.case_ids = [self.case_ids[place] for place in places]
        chosen.empty = self.empty
        return chosen


@dataclass(frozen=True)
class TrainAndValidation:
    """The lessons of one source."""

    train: KeptLessons
    validation: KeptLessons

    def __getitem__(self, field: str) -> TrainAndValidation:
        raise UsageError(f"these lessons are of one source: ask them for .train and .validation, not for '{field}'")


class KeptSources:
    """The lessons of a learner; see :class:`radbench.contracts.Lessons`.

    Args:
        sources: by field; "" for a source that no field names. A learner without any has empty lessons.
    """

    def __init__(self, sources: Mapping[str, TrainAndValidation]) -> None:
        self._sources = dict(sources)

    @property
    def train(self) -> KeptLessons:
        """The lessons of the only source's train split.

        Raises:
            UsageError: there are several sources.
        """
        return self._only("train").train

    @property
    def validation(self) -> KeptLessons:
        """The lessons of the only source's validation split.

        Raises:
            UsageError: there are several sources.
        """
        return self._only("validation").validation

    def __getitem__(self, field: str) -> TrainAndValidation:
        """Return the lessons of one source.

        Raises:
            UsageError: no source has that name.
        """
        if field not in self._sources:
            raise UsageError(f"no lessons come from '{field}': there is {self._named() or 'none with a name'}")
        return self._sources[field]

    def _only(self, split: str) -> TrainAndValidation:
        if len(self._sources) > 1:
            raise UsageError(
                f"the lessons come from several sources, {self._named()}: ask for lessons[FIELD].{split}, "
                f"not for lessons.{split}"
            )
        return next(iter(self._sources.values()), TrainAndValidation(KeptLessons([]), KeptLessons([])))

    def _named(self) -> str:
        return ", ".join(f"'{field}'" for field in self._sources if field)


class _Index:
    """Where the lessons of some pieces lie, in a few bytes for each."""

    def __init__(self) -> None:
        self._files = _Files()
        self._paths: list[Path] = []
        self._tensors: list[_Tensors] = []
        self._shapes: list[Shapes] = []
        self._numbers: dict[tuple[_Tensors, Shapes], int] = {}
        self._form: dict[str, tuple[str, int]] = {}
        # By lesson: the number of its piece and of its shapes, offset, bytes, checksum.
        self._piece, self._shape = array("I"), array("I")
        self._offset, self._size, self._checksum = array("Q"), array("Q"), array("L")

    def add(self, path: Path, header: PieceHeader) -> None:
        """Take in a piece."""
        self._paths.append(path)
        tensors = tuple(zip(header.names, header.types, strict=True))
        self._tensors.append(tensors)
        for lesson in header.lessons:
            number = self._numbers.setdefault((tensors, lesson.shapes), len(self._shapes))
            if number == len(self._shapes):
                form = {n: (t, len(shape)) for (n, t), shape in zip(tensors, lesson.shapes, strict=True)}
                self._form = self._form or form
                check_form(lesson.case_id, form, self._form)
                self._shapes.append(lesson.shapes)
            self._piece.append(len(self._paths) - 1)
            self._shape.append(number)
            self._offset.append(lesson.offset)
            self._size.append(lesson.size)
            self._checksum.append(lesson.checksum)

    def read(self, place: int) -> dict[str, Tensor]:
        """Read one lesson and check it."""
        piece = self._piece[place]
        data = self._files.read(self._paths[piece], self._offset[place], self._size[place])
        if len(data) != self._size[place] or zlib.crc32(data) != self._checksum[place]:
            raise DamagedPieceError(
                f"the lessons in '{self._paths[piece].name}' are damaged: the checksum of one does not match"
            )
        return tensors_of(data, self._tensors[piece], self._shapes[self._shape[place]])


class _Files:
    """Open files, so many at once; the least recently read are closed."""

    def __init__(self) -> None:
        self._open: OrderedDict[Path, _Handle] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, path: Path, offset: int, size: int) -> bytearray:
        """Return bytes of a file, fewer where it ends."""
        try:
            with self._lock:
                handle = self._open.pop(path, None) or _Handle(path)
                self._open[path] = handle
                if len(self._open) > _OPEN_FILES:
                    self._open.popitem(last=False)
            # Without the lock: whoever reads still holds the handle, which closes when nobody does.
            return handle.read(offset, size)
        except OSError as e:
            raise DamagedPieceError(f"the lessons in '{path.name}' cannot be read: {e.strerror or e}") from e


class _Handle:
    def __init__(self, path: Path) -> None:
        self._number = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))

    def read(self, offset: int, size: int) -> bytearray:
        data = bytearray(os.pread(self._number, size, offset))
        # A system may give less than was asked for, above 2 GiB always.
        while 0 < len(data) < size:
            more = os.pread(self._number, size - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def __del__(self) -> None:
        if hasattr(self, "_number"):
            os.close(self._number)
