"""Readings: what was read of source files before, by their content, so that nothing is parsed twice."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from radbench.contracts.folders import cache_folder
from radbench.contracts.remembered import recall, remember
from radbench.engine.keep import syntax
from radbench.engine.keep.syntax import Scan, scan

_MOST = 4096
"""Readings that are kept, the last ones used; a file of them is about 2 MB."""

_SETTLED_NS = 2 * 10**9
"""A file system's clock may be this coarse: a younger file can change again without its times showing it."""


@dataclass
class Readings:
    """The readings of one cache folder.

    Attributes:
        path: the file that keeps them for the next process.
        kept: everything known, by kind and content.
        fresh: whether some of it is not in the file yet.
    """

    path: Path
    kept: dict[str, Any]
    fresh: bool = False
    _contents: dict[Path, tuple[tuple[int, ...], str]] = field(default_factory=dict)

    def content(self, file: Path) -> str:
        """Return the SHA-256 of a file's bytes; it is read again when its times, its size or its place changed.

        Raises:
            OSError: it cannot be read.
        """
        found = file.stat()
        seen = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
        known = self._contents.get(file)
        if known is not None and known[0] == seen:
            return known[1]
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        if time.time_ns() - max(seen[:2]) > _SETTLED_NS:
            self._contents[file] = (seen, content)
        return content

    def scan(self, file: Path) -> Scan:
        """Return what a Python file says.

        Raises:
            OSError: it cannot be read.
            SyntaxError, ValueError, RecursionError, MemoryError: see :func:`radbench.engine.keep.syntax.scan`.
        """
        content = self.content(file)

        def read() -> dict[str, Any]:
            source = file.read_bytes()
            if hashlib.sha256(source).hexdigest() != content:
                raise OSError(0, "it changed while it was read")
            return asdict(scan(source))

        known = self.remembered(content, read)
        return Scan(
            **known
            | {
                "imports": tuple((level, module, tuple(names)) for level, module, names in known["imports"]),
                "exports": {name: (level, module, own) for name, (level, module, own) in known["exports"].items()},
                "chains": tuple(known["chains"]),
                "texts": tuple(known["texts"]),
            }
        )

    def remembered(self, key: str, find: Callable[[], Any]) -> Any:
        """Return what is known under a key, finding it out the first time; it must be JSON-able."""
        # What was used last stands last, and is the last to be forgotten.
        found = self.kept.pop(key) if key in self.kept else None
        if found is None:
            found = find()
            self.fresh = True
        self.kept[key] = found
        return found

    def keep(self) -> None:
        """Write what is new for the next process; where that cannot be done, it reads again."""
        if not self.fresh:
            return
        self.fresh = False
        there = recall(self.path, _way_of_reading()) or {}
        known = {key: value for key, value in there.items() if key not in self.kept} | self.kept
        remember(self.path, dict(list(known.items())[-_MOST:]), _way_of_reading())


def readings() -> Readings:
    """Return the readings that the cache folder keeps."""
    return _readings_at(cache_folder() / "code" / "readings.json")


@cache
def _readings_at(path: Path) -> Readings:
    return Readings(path, recall(path, _way_of_reading()) or {})


@cache
def _way_of_reading() -> str:
    return hashlib.sha256(Path(os.fspath(syntax.__file__)).read_bytes()).hexdigest()
