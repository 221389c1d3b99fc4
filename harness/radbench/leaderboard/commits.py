"""Commits: which revision of which repository the code of a row lies in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import radbench
from radbench.engine.plan.pairs import Pair
from radbench.engine.plan.parts import Part

RADBENCH = "radbench"


def commit_of(pair: Pair) -> str:
    """Return the commits of the working trees that a pair's code was run from, "" where there are none.

    A commit is marked ``+`` where files were changed since. One alone is radbench's, and that of the plugins of the
    same tree. Code of another tree is named by its distribution or plugin file, ``0123456789ab, my_plugin.py
    3fa2c1d0a1b2+``. What was installed from a repository by address has the commit that the installer noted. An
    installed version has none: it stands in the columns of the plugins. No path is told.
    """
    own = _commit_at(str(Path(radbench.__file__)))
    found = {RADBENCH: own} if own else {}
    for part in (one for whole in (pair.enhancer, pair.task, pair.dataset) for one in _below(whole)):
        commit = _commit_of_part(part)
        if commit and commit != own:
            found.setdefault(part.plugin.distribution, commit)
    return ", ".join(commit if name == RADBENCH else f"{name} {commit}" for name, commit in found.items())


def _below(part: Part) -> Iterator[Part]:
    yield part
    for _, one in part.named(sources=True):
        yield from _below(one)


def _commit_of_part(part: Part) -> str:
    file = part.plugin.path or getattr(sys.modules.get(part.spec.factory.partition(":")[0]), "__file__", None)
    commit = _commit_at(str(file)) if file else ""
    return commit or _noted_commit(part.plugin.installed)


def _noted_commit(distribution: Any) -> str:
    """Return the commit that an installer noted (``direct_url.json``, as the packaging specifications have it)."""
    text = distribution.read_text("direct_url.json") if distribution is not None else None
    try:
        return str(json.loads(text or "{}").get("vcs_info", {}).get("commit_id", ""))[:12]
    except (ValueError, AttributeError):
        return ""


@cache
def _commit_at(file: str) -> str:
    """Return the commit of the working tree that a file belongs to, "" where it belongs to none or is ignored there."""
    folder, name = os.path.split(os.path.realpath(file))
    try:
        tracked = name in _git(folder, "ls-files", "-z", "--", name).split("\0")
        if not tracked and _git(folder, "ls-files", "-z", "--others", "--exclude-standard", "--", name) == "":
            return ""
        top = _git(folder, "rev-parse", "--show-toplevel")
        dirty = not tracked or _git(folder, "status", "--porcelain", "--untracked-files=no", "--", top)
        return _git(folder, "rev-parse", "HEAD")[:12] + ("+" if dirty else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(folder: str, *words: str) -> str:
    # Whoever calls from a hook of git's has set its variables for another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    # A look must not write: 'git status' alone would bring the index up to date.
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True, timeout=10)
    return os.fsdecode(done.stdout).strip()
