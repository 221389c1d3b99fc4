"""Keys: digests of everything that can change a step's result, and of nothing else."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import radbench
from radbench.contracts.errors import RadbenchError
from radbench.registry.registry import Resolved

# Libraries whose versions can change a pixel or a score.
_NUMERIC = (
    "numpy",
    "opencv-python-headless",
    "pillow",
    "piq",
    "scikit-image",
    "scikit-learn",
    "scipy",
    "timm",
    "torch",
    "torchvision",
)
# The part of radbench that plugins compute with; the engine itself never touches a value.
_TOOLKIT = ("contracts", "imaging", "metrics", "xray", "learn")


class SourceChangedError(RadbenchError):
    """A plugin was edited between planning and working: what it would give belongs under another key."""


def digest(value: Any) -> str:
    """Return the SHA-256 of a JSON-able value in canonical form; paths and other objects by their ``str``."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def short(full: str) -> str:
    """Return the 16 hexadecimal digits by which leaderboards name a digest."""
    return full[:16]


@cache
def source_digest(module: str) -> str:
    """Return the SHA-256 over the Python sources of a module's top-level package (or of its single file).

    It is read once per plan: :func:`forget_sources` has the files read again.
    """
    top = module.partition(".")[0]
    loaded = sys.modules.get(top)
    origin = getattr(loaded, "__file__", None)
    if origin is None:
        spec = importlib.util.find_spec(top)
        folders = list(spec.submodule_search_locations or ()) if spec else []
        if folders:  # a namespace package
            return digest(sorted(_tree_digest(Path(folder)) for folder in folders))
        origin = spec.origin if spec else None
    if origin is None:
        return ""
    file = Path(origin)
    return _tree_digest(file.parent) if file.name == "__init__.py" else _hash_files([(file.name, file)])


@cache
def toolkit_digest() -> str:
    """Return the SHA-256 over the sources of the toolkit that plugins compute with."""
    root = Path(radbench.__file__).parent
    return digest([(name, _tree_digest(root / name)) for name in _TOOLKIT if (root / name).is_dir()])


def forget_sources() -> None:
    """Have sources read again: in a session that goes on (a notebook) they may have been edited since."""
    source_digest.cache_clear()
    toolkit_digest.cache_clear()


@cache
def environment() -> dict[str, str]:
    """Return the versions of the libraries that can change a score."""
    found = {}
    for name in _NUMERIC:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def identity(resolved: Resolved, **extra: Any) -> dict[str, Any]:
    """Return what makes a configured plugin what it is: who offers it, which version, which configuration."""
    return {
        "kind": resolved.kind,
        "name": resolved.spec.name,
        "factory": resolved.spec.factory,
        "distribution": resolved.plugin.distribution,
        "version": resolved.plugin.version,
        "config": resolved.config.model_dump(mode="json"),
        **extra,
    }


def source_of(resolved: Resolved) -> str:
    """Return the digest of the sources that stand behind a plugin's factory."""
    return source_digest(resolved.spec.factory.partition(":")[0])


def code(source: str) -> dict[str, Any]:
    """Return what else can change a plugin's result: its sources' digest, the toolkit's, the numeric libraries."""
    return {
        "source": source,
        "toolkit": toolkit_digest(),
        "environment": environment(),
    }


def _tree_digest(root: Path) -> str:
    return _hash_files([(str(p.relative_to(root)), p) for p in sorted(root.rglob("*.py"))])


def _hash_files(files: list[tuple[str, Path]]) -> str:
    h = hashlib.sha256()
    for name, path in files:
        h.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return h.hexdigest()
