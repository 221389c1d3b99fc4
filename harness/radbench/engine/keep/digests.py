"""Digests: how a value becomes the SHA-256 that keys and leaderboards name it by."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def digest(value: Any) -> str:
    """Return the SHA-256 of a JSON-able value in canonical form; paths and other objects by their ``str``."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


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

    What is not there counts as such: whoever needs it finds out.
    """
    h = hashlib.sha256()
    for path in paths:
        below = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in below:
            name = file.relative_to(path).as_posix() if path.is_dir() else path.suffix
            h.update(name.encode("utf-8", "surrogateescape") + b"\0")
            if file.is_file():
                with file.open("rb") as stream:
                    h.update(hashlib.file_digest(stream, "sha256").digest())
        h.update(b"\1")
    return h.hexdigest()
