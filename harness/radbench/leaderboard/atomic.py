"""Replacing a text file in one step: a reader sees the old file or the new one, never a part."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from radbench.contracts import UsageError


def replace_text(path: Path | str, text: str) -> None:
    """Write ``text`` as UTF-8, line ends as they are, into a temporary file beside ``path`` and move it there.

    The text is on the disk before the move, so that a power cut leaves the old file or the new one. A link is
    followed; the mode of a file that was there is kept.

    Raises:
        UsageError: the folder is missing or not writable, or the disk is full. The old file is as it was, and no
            temporary file is left.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("x", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o777)
        temporary.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise UsageError(
            f"cannot write {path}: {error.strerror or error}; "
            + ("the file that was there is untouched" if target.is_file() else "nothing was written")
        ) from error
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(target.parent)


def remove_stale(path: Path | str) -> None:
    """Remove the temporary files that killed writers of ``path`` left behind; only for who holds its lock."""
    target = Path(os.path.realpath(path))
    for name in os.listdir(target.parent):  # noqa: PTH208  (glob would read '[' in a name as a pattern)
        if name.startswith(f".{target.name}.") and name.endswith(".tmp"):
            with contextlib.suppress(OSError):
                (target.parent / name).unlink()


def _sync_folder(folder: Path) -> None:
    # The rename itself is durable only once the folder is; not every system lets a folder be opened.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
