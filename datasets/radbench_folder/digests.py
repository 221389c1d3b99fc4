"""SHA-256 of files, remembered between runs so that a large folder is hashed once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterable
from pathlib import Path

from radbench.contracts.atomic import replace_file
from radbench.contracts.errors import DatasetError
from radbench.contracts.folders import cache_folder

_RACY_NS = 2_000_000_000


def file_digests(root: Path, files: Iterable[Path]) -> dict[Path, str]:
    """Return the SHA-256 of each file.

    A digest is taken from memory where the file's size, modification and change times are those it was hashed
    with. A file that changed in the last two seconds is not remembered, since it could change again unseen within
    the clock's grain. The memory only saves time: without a writable cache folder all is hashed anew.

    Args:
        root: the folder that the memory is kept for.
        files: files, anywhere.

    Raises:
        DatasetError: a file vanished or may not be read.
    """
    memory = cache_folder() / "digests" / f"{hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:32]}.json"
    known = _recall(memory)
    digests: dict[Path, str] = {}
    kept: dict[str, list[int | str]] = {}
    now = time.time_ns()
    for path in files:
        try:
            stat = path.stat()
            state = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
            entry = known.get(str(path.absolute()))
            digest = entry[3] if entry is not None and entry[:3] == state else _sha256(path)
        except OSError as error:
            raise DatasetError(f"'{path}' cannot be read ({error.strerror or error})") from error
        digests[path] = str(digest)
        if max(stat.st_mtime_ns, stat.st_ctime_ns) < now - _RACY_NS:
            kept[str(path.absolute())] = [*state, str(digest)]
    if kept != known:
        _remember(memory, kept)
    return digests


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _recall(memory: Path) -> dict[str, list[int | str]]:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {k: v for k, v in known.items() if isinstance(v, list) and len(v) == 4}


def _remember(memory: Path, known: dict[str, list[int | str]]) -> None:
    # A memory that cannot be kept costs time alone: the files are hashed again.
    with contextlib.suppress(OSError):
        replace_file(memory, json.dumps(known).encode())
