"""Homes: the folders in which radbench keeps things on this machine; a file in their place is refused in a sentence."""

from __future__ import annotations

from pathlib import Path

from radbench.contracts.errors import UsageError
from radbench.contracts.folders import cache_folder, config_folder


def cache_home() -> Path:
    """Return where caches lie; the folder may be missing still.

    Raises:
        UsageError: a file lies there, or where a folder above it should be.
    """
    return _folder(cache_folder(), "caches", "RADBENCH_CACHE")


def config_home() -> Path:
    """Return where settings lie; the folder may be missing still.

    Raises:
        UsageError: a file lies there, or where a folder above it should be.
    """
    return _folder(config_folder(), "settings", "RADBENCH_CONFIG")


def _folder(path: Path, what: str, variable: str) -> Path:
    for one in (path, *path.parents):
        if one.is_dir():
            break
        if one.exists():
            raise UsageError(
                f"the folder of {what} cannot be '{path}', for '{one}' is a file: set {variable} to a folder, or take "
                "that file away"
            )
    return path
