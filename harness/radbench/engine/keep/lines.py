"""Lines: append-only JSON-lines files of which each line stands whole or counts as not written."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from radbench.engine.keep.private import privately
from radbench.engine.keep.sealed import StoreError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def append_line(path: Path, record: Mapping[str, Any]) -> None:
    """Append a record as a line in a single write, so that lines of several processes are never interleaved.

    The line ends with a checksum under ``crc``. One that a kill or a full disk tore is left as it is; the next begins
    on a line of its own.

    Raises:
        StoreError: it cannot be written whole.
    """
    text = json.dumps(dict(record), default=str)
    seal = f'{", " if record else ""}"crc": "{zlib.crc32(text.encode()):08x}"}}'
    _append(path, (text[:-1] + seal).encode() + b"\n")


def append_text(path: Path, text: str) -> None:
    """Append text that ends with a line break, in a single write.

    Raises:
        StoreError: it cannot be written whole.
    """
    _append(path, text.encode(errors="backslashreplace"))


def _append(path: Path, data: bytes) -> None:
    try:
        with privately():
            path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            # On a network file system two machines would otherwise write at the same place; a close gives it free.
            if fcntl is not None:
                with contextlib.suppress(OSError):
                    fcntl.lockf(handle, fcntl.LOCK_EX)
            size = os.fstat(handle).st_size
            if size:
                os.lseek(handle, size - 1, os.SEEK_SET)
                data = data if os.read(handle, 1) == b"\n" else b"\n" + data
            written = os.write(handle, data)
        finally:
            os.close(handle)
    except OSError as e:
        raise StoreError(f"cannot write '{path}': {e.strerror or e}") from e
    if written != len(data):
        raise StoreError(f"cannot write '{path}': {os.strerror(errno.ENOSPC)}")


def read_lines(path: Path, torn: Callable[[], None] = lambda: None) -> Iterable[dict[str, Any]]:
    """Yield the records whose checksum holds, oldest first; nothing where there is no file.

    Args:
        path: of the file.
        torn: called for every line that is cut short or damaged.
    """
    try:
        with path.open("rb") as lines:
            for line in lines:
                record = _checked(line.rstrip(b"\n"))
                if record is not None:
                    yield record
                elif line.strip():
                    torn()
    except FileNotFoundError:
        return
    except OSError as e:
        raise StoreError(f"cannot read '{path}': {e.strerror or e}") from e


def _checked(line: bytes) -> dict[str, Any] | None:
    body, mark, seal = line.rpartition(b'"crc": "')
    if not mark or len(seal) != 10 or seal[8:] != b'"}':
        return None
    body = (body[:-2] if body.endswith(b", ") else body) + b"}"
    if f"{zlib.crc32(body):08x}".encode() != seal[:8]:
        return None
    try:
        record = json.loads(body)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
