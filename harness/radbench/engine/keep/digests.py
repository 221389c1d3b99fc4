"""Digests: how a value becomes the SHA-256 that keys and leaderboards name it by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any


def digest(value: Any) -> str:
    """Return the SHA-256 of a JSON-able value in canonical form; sets sorted, paths and other objects by ``str``."""
    return hashlib.sha256(_canonical(value).encode()).hexdigest()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    return sorted(value, key=_canonical) if isinstance(value, Set) else str(value)


def in_order(value: Any, plain: Any) -> Any:
    """Return the JSON-able form of a value with its sets sorted: they come in another order in every process.

    Args:
        value: as Python has it.
        plain: the same as JSON has it.
    """
    if isinstance(value, Set | list | tuple) and isinstance(plain, list) and len(value) == len(plain):
        found = [in_order(one, below) for one, below in zip(value, plain, strict=True)]
        return sorted(found, key=_canonical) if isinstance(value, Set) else found
    if isinstance(value, Mapping) and isinstance(plain, dict) and len(value) == len(plain):
        return {name: in_order(one, plain[name]) for one, name in zip(value.values(), plain, strict=True)}
    if isinstance(plain, dict):
        # A model within the configuration.
        return {name: in_order(getattr(value, name, below), below) for name, below in plain.items()}
    return plain


def short(full: str) -> str:
    """Return the 16 hexadecimal digits by which leaderboards name a digest."""
    return full[:16]


def listing_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, or of the names and sizes of the files below a folder.

    Enough to know a collection again wherever it lies, without reading it.
    """
    if not path.is_dir():
        return content_digest([path])
    below = sorted(p for p in path.rglob("*") if p.is_file())
    return digest([[p.relative_to(path).as_posix(), p.stat().st_size] for p in below])


def content_digest(paths: list[Path]) -> str:
    """Return the SHA-256 of what lies at paths of this machine: the bytes of files, and names and bytes below folders.

    Links to folders are followed, as whoever reads the folder does, unless they lead back to a folder on the way. What
    is not there counts as such: whoever needs it finds out.
    """
    h = hashlib.sha256()
    for path in paths:
        below = sorted(_files_below(path, frozenset())) if path.is_dir() else [path]
        for file in below:
            name = file.relative_to(path).as_posix() if path.is_dir() else path.suffix
            h.update(name.encode("utf-8", "surrogateescape") + b"\0")
            if file.is_file():
                with file.open("rb") as stream:
                    h.update(hashlib.file_digest(stream, "sha256").digest())
        h.update(b"\1")
    return h.hexdigest()


def state_of(paths: Iterable[Path]) -> list[tuple[Any, ...]]:
    """Return size, times and place of what lies at paths of this machine and below: another one tells of a change."""

    def state(file: Path) -> tuple[Any, ...]:
        try:
            about = file.stat()
        except OSError:
            return (str(file),)
        return str(file), about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino

    found = [f for p in paths for f in (sorted(_files_below(p, frozenset())) if p.is_dir() else [p])]
    return [state(file) for file in found]


def _files_below(folder: Path, way: frozenset[tuple[int, int]]) -> Iterator[Path]:
    try:
        about, paths = folder.stat(), [*folder.iterdir()]
    except OSError:
        return
    if (here := (about.st_dev, about.st_ino)) in way:
        return
    for path in paths:
        if path.is_dir():
            yield from _files_below(path, way | {here})
        elif path.is_file():
            yield path
