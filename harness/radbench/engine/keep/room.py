"""Room: what is kept to save time (made cases, images, lessons) has a budget; the least recently used goes first.

What a process still needs does not go: each holds a list of it, under a lock that ends with the process.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import filelock

from radbench.contracts.errors import UsageError
from radbench.engine.keep.private import privately
from radbench.engine.keep.sealed import StoreError, write_atomically

KINDS = ("cases", "enhancements", "lessons")
"""The folders that the budget is for; scores and weights are kept for good."""

_DEFAULT = 100 * 2**30
_UNITS = {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}
_SLACK = 0.9
"""What has to go goes down to this part of the budget, so that it need not be looked for again at once."""


def budget() -> int:
    """Return how many bytes may be kept: ``RADBENCH_CACHE_BUDGET`` (500MB, 1.5 TB or 0), or 100 GB.

    Raises:
        UsageError: it is no such number.
    """
    given = os.environ.get("RADBENCH_CACHE_BUDGET", "").strip()
    if not given:
        return _DEFAULT
    size = size_of(given)
    if size is None:
        raise UsageError(f"RADBENCH_CACHE_BUDGET '{given}' must be a size such as 500MB, 20GB or 0")
    return size


def size_of(text: str) -> int | None:
    """Return the bytes of a text such as "500MB", "1.5 GB" or "0", None where it is no size.

    A number without a unit is none: who writes 5 means no five bytes.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?B)", text.strip().upper())
    if found is None:
        return 0 if re.fullmatch(r"0+", text.strip()) else None
    return int(float(found[1]) * _UNITS[found[2]])


class Room:
    """The room that a process has in the cache folder.

    Args:
        root: the cache folder.
        budget: in bytes.
    """

    def __init__(self, root: Path, budget: int) -> None:
        self.root, self.budget = root, budget
        self._own: tuple[Path, filelock.BaseFileLock] | None = None
        self._kept: int | None = None
        self._needed = 0

    # what is needed ----------------------------------------------------------------------------------------

    def need(self, names: Iterable[str]) -> None:
        """Tell other processes what this one needs until :meth:`close`: names of folders below the kinds, or of files.

        Raises:
            StoreError: it cannot be written.
        """
        file = self.root / "in-use" / f"{os.getpid()}-{secrets.token_hex(4)}.json"
        lock = filelock.FileLock(file.with_suffix(".lock"), mode=0o600)
        try:
            with privately():
                file.parent.mkdir(parents=True, exist_ok=True)
            # Held before there is a list: one without a holder counts as left behind.
            lock.acquire(timeout=0)
        except OSError as e:
            raise StoreError(f"cannot write '{file}': {e.strerror or e}") from e
        self._own = file, lock
        write_atomically(file, json.dumps(sorted({*names})).encode())

    def close(self) -> None:
        """Need nothing any more."""
        if self._own is not None:
            file, lock = self._own
            lock.release()
            for path in (file, file.with_suffix(".lock")):
                with contextlib.suppress(OSError):
                    path.unlink()
            self._own = None

    def needed_by_others(self) -> set[str]:
        """Return what running processes need: names of folders below the kinds, or of files."""
        found: set[str] = set()
        for file in sorted((self.root / "in-use").glob("*.json")):
            if self._own is not None and file == self._own[0]:
                continue
            lock = filelock.FileLock(file.with_suffix(".lock"))
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                with contextlib.suppress(OSError, ValueError):
                    found |= {*json.loads(file.read_text())}
                continue
            # Its process is gone.
            lock.release()
            for path in (file, file.with_suffix(".lock")):
                with contextlib.suppress(OSError):
                    path.unlink()
        return found

    # what goes ---------------------------------------------------------------------------------------------

    def grew(self, size: int, needed: Callable[[], set[tuple[str, str]]]) -> int:
        """Take note of bytes that were kept; take away what has to go. Returns how many bytes went.

        Args:
            size: of what was kept.
            needed: gives (folder, file) names that this process still needs.
        """
        if self._kept is None:
            self._kept = sum(size for _, size, _ in self._files())
        else:
            self._kept += size
        # Where what is needed takes more than the budget, looking again is worth it only after some growth.
        if self._kept <= max(self.budget, self._needed + self._needed // 20):
            return 0
        gone = self.trim(needed())
        self._needed = self._kept if self._kept > self.budget else 0
        return gone

    def settle(self, needed: set[tuple[str, str]]) -> None:
        """Take away at the end of a run what it held on to beyond the budget."""
        if self._kept is not None and self._kept > self.budget:
            self.trim(needed)

    def trim(self, needed: set[tuple[str, str]]) -> int:
        """Take away the least recently used until the rest is within the budget; return how many bytes went."""
        others = self.needed_by_others()
        files = sorted(self._files(), key=lambda found: found[2])
        self._kept = sum(size for _, size, _ in files)
        gone, target = 0, int(_SLACK * self.budget)
        for path, size, _ in files:
            if self._kept <= target:
                break
            folder = path.relative_to(self.root).parts[1]
            if folder in others or path.stem in others or (folder, path.stem) in needed:
                continue
            with contextlib.suppress(OSError):
                path.unlink()
                self._kept -= size
                gone += size
        return gone

    def _files(self) -> Iterator[tuple[Path, int, float]]:
        """Yield each file with its size and when it was last used; not those that are being written."""
        for kind in KINDS:
            for folder, _, names in os.walk(self.root / kind):
                for name in (n for n in names if not n.startswith(".")):
                    path = Path(folder) / name
                    with contextlib.suppress(OSError):
                        told = path.stat()
                        yield path, told.st_size, told.st_mtime
