"""Holdings: what lies in the cache folder, how big, of what, and unused since when; and what of it goes."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from radbench.contracts.variants import parse_variant
from radbench.engine.keep.names import names
from radbench.engine.keep.room import KINDS as WITHIN_BUDGET
from radbench.engine.keep.store import Store

KINDS = (*WITHIN_BUDGET, "weights", "scores", "remembered")
"""The kinds of what is kept: made cases, images, lessons (these three have a budget), weights, scores, and what is
remembered of files and code to save time."""

FOR_GOOD = ("weights", "scores")
"""Kinds that took long to come by: they go only where they are named."""

_ABANDONED = 24 * 3600.0
"""Seconds after which a file that was being written counts as left behind by a process that was killed."""


@dataclass(frozen=True)
class Holding:
    """Something that is kept and goes as a whole: a case, an image, a piece of lessons, weights, the scores of a key.

    Attributes:
        kind: one of :data:`KINDS`.
        key: of the folder or file, 32 digits.
        path: of the file or folder.
        size: in bytes.
        used: when it was last read or written, in seconds since 1970.
        labels: "enhancer", "dataset", "task": what it is of, as far as anybody noted it.
    """

    kind: str
    key: str
    path: Path
    size: int
    used: float
    labels: dict[str, str] = field(default_factory=dict)

    def label(self, owner: str) -> str:
        """Return the label of the enhancer, data set or task that it is of, "" where nobody noted one."""
        return self.labels.get(owner, "")


def holdings(root: Path) -> Iterator[Holding]:
    """Yield everything that is kept below the cache folder."""
    known = names(root)

    def of(kind: str, key: str, path: Path, size: int, used: float) -> Holding:
        return Holding(kind, key, path, size, used, known.get((kind, key), {}))

    for kind in ("cases", "enhancements"):
        for path in _files(root / kind):
            yield of(kind, path.relative_to(root / kind).parts[0], *_told(path))
    for path in _files(root / "lessons"):
        yield of("lessons", path.stem, *_told(path))
    for path in _files(root / "scores"):
        yield of("scores", path.stem, *_told(path))
    with contextlib.suppress(FileNotFoundError):
        for folder in sorted(p for p in (root / "weights").iterdir() if p.is_dir()):
            told = [_told(path) for path in _files(folder)]
            if told:
                yield of("weights", folder.name, folder, sum(t[1] for t in told), max(t[2] for t in told))
    ours = {*KINDS, "in-use"}
    with contextlib.suppress(FileNotFoundError):
        for folder in sorted(p for p in root.iterdir() if p.is_dir() and p.name not in ours):
            for path in _files(folder):
                yield of("remembered", folder.name, *_told(path))


def abandoned(root: Path) -> list[Path]:
    """Return temporary files that processes which were killed left behind, a day ago or more."""
    before, found = time.time() - _ABANDONED, []
    for folder, _, files in os.walk(root):
        for path in (Path(folder) / name for name in files if name.startswith(".") and name.endswith(".tmp")):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < before:
                    found.append(path)
    return sorted(found)


def _files(folder: Path) -> Iterator[Path]:
    for below, folders, files in os.walk(folder):
        folders.sort()
        yield from (Path(below) / name for name in sorted(files) if not name.startswith("."))


def _told(path: Path) -> tuple[Path, int, float]:
    try:
        told = path.stat()
    except OSError:  # gone meanwhile
        return path, 0, time.time()
    return path, told.st_size, told.st_mtime


# what goes ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Choice:
    """What is to go.

    Attributes:
        kinds: of these kinds; none for all but those that are kept for good.
        enhancers, datasets, tasks: of these, by name or label; none for all.
        older: unused for at least so many seconds.
    """

    kinds: Collection[str] = ()
    enhancers: Collection[str] = ()
    datasets: Collection[str] = ()
    tasks: Collection[str] = ()
    older: float = 0.0

    def takes(self, one: Holding, now: float) -> bool:
        """Tell whether a holding is one of those."""
        if self.kinds and one.kind not in self.kinds:
            return False
        if not self.kinds and one.kind in FOR_GOOD:
            return False
        wanted = (("enhancer", self.enhancers), ("dataset", self.datasets), ("task", self.tasks))
        named = all(not given or _is_named(one.labels.get(owner, ""), given) for owner, given in wanted)
        return named and now - one.used >= self.older


def _is_named(label: str, given: Collection[str]) -> bool:
    """Tell whether a label, or the name of the plugin that it begins with, is one of some."""
    return bool(label) and (label in given or parse_variant(label).name in given)


def to_go(found: Iterable[Holding], choice: Choice, to: int | None, needed: Collection[str]) -> list[Holding]:
    """Return what goes, the least recently used first.

    Args:
        found: what there is.
        choice: what is meant.
        to: bytes that what is meant may still take; None takes all of it away.
        needed: names of folders and files that running processes use.
    """
    now = time.time()
    meant = sorted((one for one in found if choice.takes(one, now)), key=lambda one: one.used)
    left = sum(one.size for one in meant)
    gone = []
    for one in meant:
        if to is not None and left <= to:
            break
        if {one.key, one.path.stem, one.path.parent.name} & {*needed}:
            continue
        gone.append(one)
        left -= one.size
    return gone


def take_away(root: Path, gone: Iterable[Holding], tell: Callable[[Holding], None] = lambda one: None) -> int:
    """Take holdings away; weights with whatever was built on them. Return how many bytes went.

    Args:
        root: the cache folder.
        gone: what goes.
        tell: called with what has gone.
    """
    size, store = 0, Store(root)
    for one in gone:
        if one.kind == "weights":
            # First what rests on them: whoever is interrupted here begins again.
            store.discard_weights(one.key)
            shutil.rmtree(one.path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                one.path.unlink()
            with contextlib.suppress(OSError):
                if one.kind in ("cases", "enhancements"):
                    one.path.parent.rmdir()  # where nothing is left in it
        size += one.size
        tell(one)
    return size
