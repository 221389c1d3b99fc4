"""Whereabouts: the line of a plugin's own code that an error leads to, and where a function of it is defined."""

from __future__ import annotations

import functools
import inspect
import sys
import sysconfig
import traceback
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from radbench.registry.discovery import Plugin


def where(error: BaseException, own: Collection[str] = ()) -> str:
    """Return "file.py:12", the last line of a plugin's own code on the way to an error; "" where there is no line.

    Args:
        error: as it was caught.
        own: files and folders of plugins. Without any of their lines, the last that belongs neither to Python, nor to
            an installed package, nor to radbench; without such a line, the last of all.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    of_plugins = [f for f in frames if within(f.filename, own)]
    nobodys = [f for f in frames if not f.filename.startswith("<") and not within(f.filename, _others())]
    last = next((found[-1] for found in (of_plugins, nobodys, frames) if found), None)
    return f"{Path(last.filename).name}:{last.lineno}" if last is not None else ""


def passed_through(error: BaseException, own: Collection[str]) -> bool:
    """Tell whether an error was raised by a plugin's code, or by what that called."""
    return any(within(f.filename, own) for f in traceback.extract_tb(error.__traceback__))


def raised_by(error: BaseException, own: Collection[str]) -> bool:
    """Tell whether a line of a plugin's own code raised an error."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and within(frames[-1].filename, own)


def definition_of(function: Any) -> str:
    """Return "file.py:12", where a function, a method or a class is defined; "" where nobody can tell."""
    try:
        found = inspect.unwrap(function)
        while isinstance(found, functools.partial):
            found = inspect.unwrap(found.func)
        code = getattr(found, "__code__", None)
        if code is not None:
            return f"{Path(code.co_filename).name}:{code.co_firstlineno}"
        _, line = inspect.getsourcelines(found)
        return f"{Path(inspect.getfile(found)).name}:{line}"
    except (OSError, TypeError, ValueError):
        return ""


def code_places(plugins: Iterable[Plugin], factories: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the files and folders that hold the code of plugins.

    Args:
        plugins: whose.
        factories: "package.module:attribute", which may lie in packages beside those of the plugins' modules.
    """
    plugins = list(plugins)
    found = [str(p.path) for p in plugins if p.path is not None]
    names = [p.module.__name__ for p in plugins if p.module is not None and p.path is None]
    for top in dict.fromkeys(name.partition(":")[0].partition(".")[0] for name in (*names, *factories)):
        module = sys.modules.get(top)
        if module is None or top == "radbench":
            continue
        folders = list(getattr(module, "__path__", ()))
        found += folders or filter(None, [getattr(module, "__file__", None)])
    return tuple(dict.fromkeys(found))


def within(file: str, places: Collection[str]) -> bool:
    """Tell whether a file is one of some places, or lies below one."""
    return any(file == place or file.startswith(place.rstrip("/\\") + _SEPARATOR) for place in places)


_SEPARATOR = "\\" if sys.platform == "win32" else "/"


@cache
def _others() -> tuple[str, ...]:
    """What is no plugin's: Python, installed packages, radbench."""
    import radbench

    paths = sysconfig.get_paths()
    return (*dict.fromkeys(paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")), *radbench.__path__)
