"""Using: what the steps of a run that are still to be done need of what is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from radbench.contracts.config import local_paths
from radbench.engine.plan.keys import entry_key
from radbench.engine.plan.pairs import Pair
from radbench.engine.plan.parts import Part
from radbench.engine.plan.steps import Step


def folders_of(steps: Iterable[Step]) -> set[str]:
    """Return the names under which other processes must leave things alone: folders of keys, files of pieces."""
    return {name[:32] for step in steps for name in (*_keys(step), *_pieces(step), *step.weights, step.key)}


def names_of(steps: Iterable[Step]) -> Iterator[dict[str, str]]:
    """Yield what the keys of steps are of: the kind under which results are kept, the key, and labels."""
    kinds = {"make": "cases", "enhance": "enhancements", "lesson": "lessons", "fit": "weights", "score": "scores"}
    for key, step in {(step.kind, step.key): step for step in steps}.items():
        learner = step.learner.asked if step.learner is not None else None
        shown = step.enhancer.asked.label if step.enhancer is not None else ""
        task = learner.label if learner is not None and learner.kind == "task" else ""
        # What an enhancer learns is its own; what a task learns or scores is of the enhancer that it was shown.
        enhancer = learner.label if learner is not None and learner.kind == "enhancer" else shown
        dataset = step.loading.dataset.asked.label if step.loading is not None else ""
        yield {"kind": kinds[key[0]], "key": step.key, "enhancer": enhancer, "dataset": dataset, "task": task}


def files_of(steps: Iterable[Step]) -> set[tuple[str, str]]:
    """Return the files, as (folder, name without suffix), that steps read or will make."""
    found: set[tuple[str, str]] = set()
    for step in steps:
        found |= {(piece[:2], piece[:32]) for piece in _pieces(step)}
        entries = {entry_key(e)[:32] for e in (*step.entries, *step.twins.values())}
        found |= {(key[:32], entry) for key in _keys(step) for entry in entries}
    return found


def pairs_by_key(pairs: Iterable[Pair]) -> dict[str, list[Pair]]:
    """Return the pairs that a step of a key is of."""
    found: dict[str, list[Pair]] = {}
    for pair in pairs:
        for key in {pair.enhance_key, pair.views_key, pair.score_key, *(t.key for t in pair.trainings)} - {""}:
            found.setdefault(key, []).append(pair)
    return found


def pairs_by_score(pairs: Iterable[Pair]) -> dict[str, list[tuple[int, Pair]]]:
    """Return the pairs by the key of their scores, each with its place among them all."""
    found: dict[str, list[tuple[int, Pair]]] = {}
    for place, pair in enumerate(pairs):
        found.setdefault(pair.score_key, []).append((place, pair))
    return found


def paths_of(parts: Iterable[Part]) -> set[Path]:
    """Return the paths of this machine that parts, and the parts below them, read."""
    found: set[Path] = set()
    seen: set[str] = set()

    def look(part: Part) -> None:
        if part.identity not in seen:
            seen.add(part.identity)
            found.update(local_paths(part.config))
            for _, one in part.named(sources=True):
                look(one)

    for part in parts:
        look(part)
    return found


def _keys(step: Step) -> Iterator[str]:
    if step.loading is not None and step.loading.slow:
        yield step.loading.key
    yield from filter(None, (step.images, step.views, step.key if step.kind == "enhance" else ""))


def _pieces(step: Step) -> Iterator[str]:
    if step.kind == "lesson":
        yield step.key
    yield from (key for splits in step.pieces.values() for keys in splits.values() for key in keys)
