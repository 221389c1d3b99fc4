"""Names: which enhancer, task and data set a key of the cache is of; keys alone say nothing to a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from radbench.engine.keep.lines import append_line, read_lines

OWNERS = ("enhancer", "dataset", "task")
"""What a key may be of."""


def note_names(root: Path, found: Iterable[Mapping[str, str]]) -> None:
    """Remember what keys are of, each once.

    Args:
        root: the cache folder.
        found: mappings with ``kind`` (a folder of the cache), ``key``, and the labels of :data:`OWNERS`.

    Raises:
        StoreError: it cannot be written.
    """
    known = names(root)
    for one in found:
        at = one["kind"], one["key"][:32]
        if at not in known:
            known[at] = {name: one[name] for name in OWNERS if one.get(name)}
            append_line(_file(root), {"kind": at[0], "key": at[1], **known[at]})


def names(root: Path) -> dict[tuple[str, str], dict[str, str]]:
    """Return the labels by (kind, key); what was kept before there were names has none."""
    found = {}
    for line in read_lines(_file(root)):
        found[line.get("kind", ""), line.get("key", "")] = {n: str(line[n]) for n in OWNERS if n in line}
    return found


def forget_names(root: Path, gone: set[tuple[str, str]]) -> None:
    """Leave out the names of what is there no more.

    Raises:
        StoreError: it cannot be written.
    """
    from radbench.engine.keep.sealed import write_atomically

    kept = {at: labels for at, labels in names(root).items() if at not in gone}
    if _file(root).exists():
        write_atomically(_file(root), b"")
        for (kind, key), labels in kept.items():
            append_line(_file(root), {"kind": kind, "key": key, **labels})


def _file(root: Path) -> Path:
    return root / "names.jsonl"
