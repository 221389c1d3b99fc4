"""Import path: what lies in the current folder is imported by no process that radbench starts, nor by ``bench`` itself.

Python puts the current folder on its path where an entry of ``PYTHONPATH`` is empty (``PYTHONPATH=$PYTHONPATH:/code``
with nothing before the colon) or is ``.``; a ``numpy.py`` there would then be everybody's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def names_current_folder(entry: str) -> bool:
    """Tell whether an entry of ``PYTHONPATH`` stands for whatever folder is the current one: "", ".", "./", "a/.."."""
    return not Path(entry).is_absolute() and os.path.normpath(entry or ".") == "."


def without_current_folder(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment under which Python imports nothing that merely lies in the current folder.

    What else is relative becomes absolute, so that it stands for the same wherever a process is.
    """
    found = {**environment, "PYTHONSAFEPATH": "1"}
    given = found.pop("PYTHONPATH", "")
    kept = [os.path.abspath(e) for e in given.split(os.pathsep) if not names_current_folder(e)]  # noqa: PTH100
    return found | ({"PYTHONPATH": os.pathsep.join(kept)} if kept else {})


def leave_current_folder() -> None:
    """Take the current folder off this process's path where an entry of ``PYTHONPATH`` put it there by no name."""
    given = os.environ.get("PYTHONPATH", "")
    entries = given.split(os.pathsep) if given else []
    if not any(map(names_current_folder, entries)):
        return
    try:
        here = os.getcwd()  # noqa: PTH109
    except OSError:
        return
    if here not in entries:
        # "" goes, too, but not where Python itself put it for a script of the user's own (``-c``, ``-m``).
        own = sys.path[:1] if sys.path[:1] == [""] else []
        sys.path[:] = own + [p for p in sys.path[len(own) :] if p not in ("", ".", here)]
