"""Discovery: find plugins by entry point or file and import them under guard: a broken one is a line, not a crash."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from types import ModuleType

from radbench.contracts.errors import PluginError, UsageError, did_you_mean
from radbench.registry.whereabouts import where

GROUP = "radbench"


@dataclass(frozen=True)
class Plugin:
    """A plugin as found.

    Attributes:
        name: the entry point's name, or the file's stem.
        module: the imported module, None where importing failed.
        error: why importing failed, "" where it did not.
        installed: the distribution it comes from, None for a file.
        path: the file, for a plugin given with ``--plugin``.
    """

    name: str
    module: ModuleType | None = None
    error: str = ""
    installed: metadata.Distribution | None = None
    path: Path | None = None

    # Read when asked for: parsing a distribution's metadata takes longer than importing a small plugin.
    @cached_property
    def distribution(self) -> str:
        """Which distribution (or file) it comes from."""
        if self.installed is not None:
            return str(self.installed.name)
        return self.path.name if self.path else "unknown"

    @cached_property
    def version(self) -> str:
        """Its distribution's version, "" for a file."""
        return str(self.installed.version) if self.installed is not None else ""


def installed_plugins() -> list[Plugin]:
    """Return every plugin of the entry-point group, in a fixed order; what cannot be imported carries its error."""
    found = []
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda p: (p.name, p.value)):
        try:
            found.append(Plugin(point.name, point.load(), installed=point.dist))
        except (Exception, SystemExit) as e:
            found.append(Plugin(point.name, error=one_line(e), installed=point.dist))
    return found


def plugin_from_file(path: Path) -> Plugin:
    """Import a plugin from a file; its module is named by the file's stem, so that factories can name it.

    Raises:
        UsageError: there is no such file, or its stem is the name of another importable module.
        PluginError: importing it raised.
    """
    path = path.expanduser()
    if not path.is_file():
        raise UsageError(f"plugin file '{path}' does not exist{_instead_of(path)}")
    path, stem = path.resolve(), path.stem
    source = path.read_bytes()
    loaded = sys.modules.get(stem)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        if getattr(loaded, "__radbench_source__", source) == source:
            return Plugin(stem, loaded, path=path)
        # It was edited in a session that goes on (a notebook).
        loaded = None
        del sys.modules[stem]
    if not stem.isidentifier() or loaded is not None or _importable_elsewhere(stem, path):
        raise UsageError(f"plugin file '{path.name}': '{stem}' is no free module name; rename the file")
    spec = importlib.util.spec_from_file_location(stem, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"plugin file '{path.name}' is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[stem] = module
    module.__dict__["__radbench_source__"] = source
    try:
        exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)
    except (Exception, SystemExit) as e:
        del sys.modules[stem]
        raise PluginError(f"plugin file '{path}' cannot be imported: {one_line(e)}") from e
    return Plugin(stem, module, path=path)


def plugin_paths(files: Iterable[str | Path]) -> tuple[str, ...]:
    """Return plugin files as absolute paths: a worker's working folder may differ."""
    return tuple(str(Path(f).expanduser().resolve()) for f in files)


def _instead_of(path: Path) -> str:
    if path.is_dir():
        return ": it is a folder; name the file that has the hooks, or install the package (pip install -e)"
    try:
        beside = [p.name for p in path.parent.glob("*.py")]
    except OSError:
        beside = []
    near = did_you_mean(path.name, beside)
    return near if "did you mean" in near else ""


def _importable_elsewhere(stem: str, path: Path) -> bool:
    found = importlib.util.find_spec(stem)
    return found is not None and (found.origin is None or Path(found.origin).resolve() != path)


def one_line(error: BaseException, own: Collection[str] = ()) -> str:
    """Return an exception as a line: its type, its message, and the line of a plugin's code that it leads to.

    Args:
        error: as it was caught.
        own: files and folders of plugins.
    """
    text = error.msg if isinstance(error, SyntaxError) else error
    told = f"{type(error).__name__}: {text}" if str(text) else type(error).__name__
    at = where(error, own)
    return " ".join(f"{told} ({at})".split() if at else told.split())
