"""SHA-256 of files: remembered between runs, so that a large folder is hashed once; and held against what is read."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from stat import S_ISREG

from radbench.contracts.errors import ChangedInputError
from radbench.contracts.folders import cache_folder
from radbench.contracts.remembered import recall, remember

UNREADABLE = 64 * "0"

# A file system's clock may be this coarse.
_RACY_NS = 2_000_000_000


def file_digests(root: Path, files: Iterable[Path]) -> dict[Path, str]:
    """Return the SHA-256 of each file.

    What cannot be read (a dangling link, a folder that may not be listed) has the digest :data:`UNREADABLE`: it is a
    fault when it is loaded, and stops nothing else.

    A digest is taken from memory where the file's size, modification and change times are those it was hashed
    with. A file that changed in the last two seconds is not remembered, since it could change again unseen within
    the clock's grain. The memory only saves time: without a writable cache folder, or where it is damaged, all is
    hashed anew.

    Args:
        root: the folder that the memory is kept for.
        files: files, anywhere.

    """
    memory = cache_folder() / "digests" / f"{hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:32]}.json"
    known: dict[str, list[int | str]] = recall(memory) or {}
    digests: dict[Path, str] = {}
    asked: set[str] = set()
    kept: dict[str, list[int | str]] = {}
    now = time.time_ns()
    for path in files:
        try:
            stat = path.stat()
            if not S_ISREG(stat.st_mode):
                raise OSError
            state = [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
            asked.add(str(path.absolute()))
            entry = known.get(str(path.absolute()))
            digest = entry[3] if entry is not None and entry[:3] == state else _sha256(path)
        except OSError:
            digests[path] = UNREADABLE
            continue
        digests[path] = str(digest)
        if max(stat.st_mtime_ns, stat.st_ctime_ns) < now - _RACY_NS:
            kept[str(path.absolute())] = [*state, str(digest)]
    # What somebody else asks for below the same root (masks) stays, as long as it is there.
    others = {path: entry for path, entry in known.items() if path not in asked and Path(path).exists()}
    if others | kept != known:
        remember(memory, others | kept)
    return digests


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_digest(path: Path, data: bytes, digests: Mapping[Path, str] | None) -> None:
    """Refuse bytes that are not those that a file had when it was listed.

    Args:
        path: where they were read.
        data: all of them.
        digests: the SHA-256 that files had, by path; None checks nothing.

    Raises:
        ChangedInputError: they are others, or the file was not listed.
    """
    if digests is None:
        return
    if path not in digests:
        raise ChangedInputError(f"'{path.name}' came during the run: let nothing write there, and run again")
    if hashlib.sha256(data).hexdigest() != digests[path]:
        raise ChangedInputError(f"'{path.name}' was changed during the run: let nothing write there, and run again")
