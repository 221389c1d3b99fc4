"""Modules: where they lie and which distribution brings them, found out without importing any."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

from radbench.engine.keep.readings import readings


@dataclass(frozen=True)
class Place:
    """Where a module lies.

    Attributes:
        file: its source or its library, None for a package without ``__init__``.
        folders: for a package, where its modules are.
    """

    file: Path | None
    folders: tuple[Path, ...] = ()

    @property
    def source(self) -> Path | None:
        """Its file, where that is Python."""
        return self.file if self.file is not None and self.file.suffix == ".py" else None


def forget_modules() -> None:
    """Look for modules and distributions anew."""
    place_of.cache_clear()
    distributions_of.cache_clear()
    _installed.cache_clear()


@cache
def place_of(name: str) -> Place | None:
    """Return where a module lies, None where there is none of that name.

    The name's first part is looked up as an import would, everything below it by path: ``find_spec("a.b")`` would
    import ``a``.
    """
    above, _, last = name.rpartition(".")
    if not above:
        return _place_of_top(name)
    package = place_of(above)
    folders = package.folders if package is not None else ()
    for folder in folders:
        if (init := folder / last / "__init__.py").is_file():
            return Place(init, (init.parent,))
        for suffix in (".py", *EXTENSION_SUFFIXES):
            if (file := folder / f"{last}{suffix}").is_file():
                return Place(file)
    spaces = tuple(folder / last for folder in folders if (folder / last).is_dir())
    return Place(None, spaces) if any(any(space.rglob("*.py")) for space in spaces) else None


def _place_of_top(name: str) -> Place | None:
    # A plugin given as a file is loaded and lies on no path.
    loaded: Any = sys.modules.get(name)
    if loaded is None:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError):
            return None
        file, folders = (spec.origin, spec.submodule_search_locations) if spec is not None else (None, None)
    else:
        file, folders = getattr(loaded, "__file__", None), getattr(loaded, "__path__", None)
    path = Path(file) if file and file.endswith((".py", *EXTENSION_SUFFIXES)) else None
    found = tuple(Path(folder) for folder in folders or ())
    return Place(path, found) if path is not None or found else None


def modules_below(name: str) -> Iterator[str]:
    """Yield the names of all modules below a package, whoever imports them."""
    place = place_of(name)
    for folder in place.folders if place is not None else ():
        for file in sorted(folder.rglob("*")):
            if file.suffix != ".py" and not file.name.endswith(tuple(EXTENSION_SUFFIXES)):
                continue
            parts = [*file.relative_to(folder).parent.parts, file.name.partition(".")[0]]
            if all(part.isidentifier() for part in parts):
                yield ".".join([name, *(parts[:-1] if parts[-1] == "__init__" else parts)])


def data_of(name: str) -> Iterator[tuple[str, Path]]:
    """Yield the files that are no code in a package's folder and below it, up to the next package, by their names."""
    place = place_of(name)
    # A package without __init__ is a mere folder, of which several distributions may have a share.
    if place is not None and place.file is not None:
        for folder in place.folders:
            yield from ((file.relative_to(folder).as_posix(), file) for file in _data_below(folder))


def _data_below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in ("__pycache__", "py.typed"):
            continue
        if path.is_dir():
            if not any(path.glob("*.py")):
                yield from _data_below(path)
        elif path.suffix not in (".py", ".pyc", ".pyi") and not path.name.endswith(tuple(EXTENSION_SUFFIXES)):
            yield path


@cache
def distributions_of(top: str) -> Mapping[str, str]:
    """Return the distributions that bring a top-level module, with their versions; none for one that lies alone.

    Which those are goes by where it lies: what stands in a folder that packages are installed in is looked up by name,
    what an editable install points to belongs to that, and a module elsewhere to none, whatever is installed under its
    name.
    """
    place = place_of(top)
    if place is None or top in sys.stdlib_module_names:
        return {}
    path = place.file or place.folders[0]
    installed = _installed()
    if _is_installed(path):
        return dict(installed["tops"].get(top, {}))
    path = path.resolve()
    within = [(folder, found) for folder, found in installed["editable"].items() if path.is_relative_to(folder)]
    return dict(max(within, key=lambda one: len(one[0]))[1]) if within else {}


def lies_alone(top: str) -> bool:
    """Tell whether a loaded top-level module is Python of no distribution, nor of the standard library."""
    if top in sys.stdlib_module_names or distributions_of(top):
        return False
    # Where it was found when it was loaded: the search may have been another before.
    loaded = sys.modules.get(top)
    file, folders = getattr(loaded, "__file__", None), [*(getattr(loaded, "__path__", None) or ())]
    if not isinstance(file, str):
        file = str(folders[0]) if folders else ""
    elif not file.endswith((".py", ".pyc")):
        return False
    path = Path(file)
    return bool(file) and (_is_installed(path) or not path.is_relative_to(Path(os.__file__).parent))


def _is_installed(path: Path) -> bool:
    """Tell whether a file lies where packages are installed: beside their records, too (``pip install --target``)."""
    return bool({"site-packages", "dist-packages"} & set(path.parts)) or any(
        str(folder) in _installed()["targets"] for folder in path.resolve().parents[:2]
    )


@cache
def _installed() -> Mapping[str, Any]:
    """Return name and version of distributions by top-level module, of editable ones by folder, and where all lie."""
    listed: list[list[Any]] = []
    for path in sys.path:
        with suppress(OSError), os.scandir(path or ".") as entries:
            listed += [
                [path, entry.name, entry.stat().st_mtime_ns]
                for entry in entries
                if entry.name.endswith((".dist-info", ".egg-info"))
            ]
    stamp = hashlib.sha256(json.dumps([sys.version, sorted(listed)]).encode()).hexdigest()
    # Reading every distribution's list of files takes longer than all the rest.
    found: Mapping[str, Any] = readings().remembered(f"installed {stamp}", _read_installed)
    targets = {os.path.realpath(path or ".") for path, name, _ in listed if name.endswith(".dist-info")}
    return {**found, "targets": targets}


def _read_installed() -> dict[str, dict[str, dict[str, str]]]:
    from importlib import metadata
    from urllib.parse import urlparse
    from urllib.request import url2pathname

    versions: dict[str, str] = {}
    editable: dict[str, dict[str, str]] = {}
    for one in metadata.distributions():
        # A broken installation can leave a folder without a name.
        name = one.metadata["Name"] if one.metadata else None
        if not name or name in versions:
            continue
        versions[name] = one.version
        origin = json.loads(one.read_text("direct_url.json") or "{}")
        if origin.get("dir_info", {}).get("editable"):
            folder = Path(url2pathname(urlparse(origin["url"]).path)).resolve()
            editable[str(folder)] = {name: one.version}
    tops = {
        top: {name: versions[name] for name in sorted(set(names)) if name in versions}
        for top, names in metadata.packages_distributions().items()
    }
    return {"tops": tops, "editable": editable}
