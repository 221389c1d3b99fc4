"""Locations: where the user's data sets lie, kept by ``bench data add`` in the user's configuration folder."""

from __future__ import annotations

import json
from pathlib import Path

import filelock

from radbench.contracts.errors import UsageError, did_you_mean
from radbench.engine.keep.homes import config_home
from radbench.engine.keep.private import privately
from radbench.engine.keep.sealed import StoreError, write_atomically


def locations_file() -> Path:
    """Return the file of locations.

    Raises:
        UsageError: the user's configuration folder is none.
    """
    return config_home() / "datasets.json"


def locations() -> dict[str, Path]:
    """Return every location by data-set name.

    Raises:
        UsageError: the file is there but unreadable.
    """
    file = locations_file()
    try:
        return {name: Path(path) for name, path in json.loads(file.read_text()).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as e:
        raise UsageError(f"'{file}' cannot be read ({e}): mend or delete it") from e


def location_of(name: str) -> Path | None:
    """Return where a data set lies, None where nothing was said."""
    return locations().get(name)


def add_location(name: str, path: Path, folder: bool = False) -> Path:
    """Remember where a data set lies.

    Args:
        name: of the data set.
        path: where it lies.
        folder: whether that must be a folder.

    Raises:
        UsageError: there is no such folder or file, or the user's configuration folder cannot be written.
    """
    path = path.expanduser().resolve()
    if not path.exists():
        raise UsageError(f"data set '{name}': '{path}' does not exist; give the folder that it lies in")
    if folder and not path.is_dir():
        raise UsageError(f"data set '{name}': '{path}' is a file; give the folder that it lies in")
    _change(name, path)
    return path


def remove_location(name: str) -> Path:
    """Forget where a data set lies; return where that was. What lies there stays.

    Raises:
        UsageError: nothing was remembered of it, or the user's configuration folder cannot be written.
    """
    known = locations()
    if name not in known:
        raise UsageError(f"no place is kept of data set '{name}'{did_you_mean(name, known)}")
    _change(name, None)
    return known[name]


def _change(name: str, path: Path | None) -> None:
    file = locations_file()
    try:
        with privately():
            file.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(file.with_suffix(".lock"), mode=0o600):
            known = {k: str(v) for k, v in locations().items() if k != name}
            known |= {} if path is None else {name: str(path)}
            write_atomically(file, json.dumps(known, indent=1, sort_keys=True).encode())
    except (OSError, StoreError) as e:
        why = e.strerror if isinstance(e, OSError) and e.strerror else e
        raise UsageError(f"data set '{name}': its place cannot be remembered in '{file}': {why}") from e
