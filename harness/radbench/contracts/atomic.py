"""Replacing a file in one step: a reader sees the old file or the new one, never a part."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


def replace_file(path: Path, data: bytes, *, durable: bool = False, follow: bool = True) -> None:
    """Write a file by way of a temporary one beside it; missing folders are made.

    The mode of a file that was there is kept.

    Args:
        path: where to.
        data: all of it.
        durable: whether a power cut, too, leaves the old file or the new one; it costs a wait for the disk.
        follow: whether a link is followed to the file that is replaced; else the link itself is.

    Raises:
        OSError: the folder cannot be made or written to, or the disk is full. What was there before is as it was,
            and nothing else is left.
    """
    with replacing(path, durable=durable, follow=follow) as stream:
        stream.write(data)


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = False, follow: bool = True) -> Iterator[BinaryIO]:
    """Open the temporary file of :func:`replace_file`, for what is written bit by bit.

    It takes its place when the block ends; where the block raises, nothing has changed.

    Raises:
        OSError: as :func:`replace_file`.
    """
    target = Path(os.path.realpath(path)) if follow else path
    temporary = target.with_name(f"{_prefix(target)}{os.getpid()}-{secrets.token_hex(4)}.tmp")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with temporary.open("xb") as stream:
            yield stream
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        if target.exists() and not target.is_symlink():
            temporary.chmod(target.stat().st_mode & 0o777)
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        _sync_folder(target.parent)


def remove_stale(path: Path) -> None:
    """Remove the temporary files that killed writers of ``path`` left behind; only for who holds its lock."""
    target = Path(os.path.realpath(path))
    for name in os.listdir(target.parent):  # noqa: PTH208  (glob would read '[' in a name as a pattern)
        if name.startswith(_prefix(target)) and name.endswith(".tmp"):
            with contextlib.suppress(OSError):
                (target.parent / name).unlink()


def _prefix(target: Path) -> str:
    # A name has 255 bytes at the most; characters have up to four.
    return f".{os.fsencode(target.name)[:64].decode(errors='ignore')}."


def _sync_folder(folder: Path) -> None:
    # The rename itself is durable only once the folder is; not every system lets a folder be opened.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
