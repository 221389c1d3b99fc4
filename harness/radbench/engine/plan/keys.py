"""Keys: for each kind of step, the digest of everything that can change its result, and of nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from radbench.contracts.dataset import CaseEntry
from radbench.engine.keep.code import code_of, forget_code
from radbench.engine.keep.digests import digest
from radbench.engine.plan.poses import exactly

if TYPE_CHECKING:
    from radbench.engine.plan.parts import Part

MEASUREMENT = 0
"""The seed of whatever a measurement draws: the same under every seed of the run."""

LESSON = ("lesson",)
"""What the fields affect that can change a lesson."""

FIT = ("lesson", "weights")
"""What the fields affect that can change weights."""

PIECE = 32
"""Cases whose lessons are kept in one file; part of the lessons' keys, so not a thing to tune by machine."""


def forget() -> None:
    """Have sources read again: in a session that goes on (a notebook) they may have been edited since."""
    forget_code()
    engine_code.cache_clear()


@cache
def engine_code(kind: str) -> str:
    """Return the digest of the engine's own code that decides what comes of a kind of step."""
    return code_of(engine_modules(kind)).digest


def engine_modules(kind: str) -> list[str]:
    """Return the modules that decide what comes of a kind of step: how parts are built, what they see, what is checked.

    Who hands out steps, keeps results and tells of them is none of these.
    """
    seen = ["samples"] if kind in ("lesson", "score") else []
    return [f"radbench.engine.work.{name}" for name in (kind, "building", *seen)]


def entry_key(entry: CaseEntry) -> str:
    """Return the key of a case: its content and its identity (an enhancer may go by it)."""
    # Asked for again and again, it stays with its entry, as a cached property would.
    found: str | None = vars(entry).get("_key")
    if found is None:
        # One text, whoever names the case: workers, what is kept, and the ledger of each pair.
        found = vars(entry)["_key"] = sys.intern(digest([entry.case_id, entry.patient_id, entry.digest, entry.twin]))
    return found


def cases_digest(entries: Iterable[CaseEntry]) -> str:
    """Return the digest of the cases that are scored, in any order."""
    return digest(sorted(entry_key(e) for e in entries))


def loader_key(dataset: Part, weights: Mapping[str, str]) -> str:
    """Return the key of how a data set's cases are loaded or made; a case's own key says which.

    Args:
        dataset: the data set. Its configuration counts through the digests of its entries.
        weights: by identity, the keys of the weights that parts of it have.
    """
    parts = [(name, one.identity) for name, one in dataset.named()]
    return digest(
        {
            "load": dataset.spec.factory,
            "code": dataset.code.digest,
            "engine": engine_code("make"),
            "parts": parts,
            "weights": sorted(weights.items()),
        }
    )


def enhance_key(
    enhancer: Part, seed: int, weights: Mapping[str, str], loader: str, poses: Sequence[Any] | None = None
) -> str:
    """Return the key of an enhancer's images, or of the views that it renders at poses; a case's own key says which.

    Raises:
        PluginError: a pose holds what nobody can tell from another.
    """
    return digest(
        {
            "enhance": enhancer.identity,
            "engine": engine_code("enhance"),
            "loader": loader,
            "seed": seed if any(one.spec.draws for one in enhancer.all_enhancers()) else None,
            "weights": sorted(weights.items()),
            "poses": None if poses is None else [exactly(pose) for pose in poses],
        }
    )


def piece_key(
    learner: Part,
    field: str,
    samples: str,
    entries: Sequence[CaseEntry],
    weights: Mapping[str, str],
    seed: int | None,
) -> str:
    """Return the key of the lessons of some cases.

    Args:
        learner: whose lessons.
        field: the source, where there are several.
        samples: the key of the images that the lessons show.
        entries: the cases, in order.
        weights: by identity, the keys of the weights that the learner's parts have.
        seed: of what these parts draw, None where none draws.
    """
    found = {
        "lesson": learner.digest_of(*LESSON),
        "engine": engine_code("lesson"),
        "field": field,
        "samples": samples,
        "cases": [entry_key(e) for e in entries],
        "weights": sorted(weights.items()),
        "seed": seed,
    }
    return digest(found)


def fit_key(
    learner: Part,
    lessons: Mapping[str, Mapping[str, Sequence[str]]],
    seed: int,
    precision: str,
    weights: Mapping[str, str],
) -> str:
    """Return the key of weights.

    Args:
        learner: whose.
        lessons: by source and split, the keys of the pieces of its lessons.
        seed, precision: of the training.
        weights: by identity, the keys of the weights that its parts have.
    """
    return digest(
        {
            "fit": learner.digest_of(*FIT),
            "engine": engine_code("fit"),
            "lessons": lessons,
            "seed": seed,
            "precision": precision,
            "weights": sorted(weights.items()),
        }
    )


def score_key(
    task: Part, images: str, twins: bool, views: str, fit: str | None, weights: Mapping[str, str], seed: int
) -> str:
    """Return the key of a task's scores of some images; a case's own key says which.

    Args:
        task: the task.
        images, views: the keys of what it is shown; "" for no views.
        twins: whether it is shown twins.
        fit: the key of its own weights, None where it does not learn.
        weights: by identity, the keys of the weights that its parts have.
        seed: of what its parts draw.
    """
    return digest(
        {
            "score": task.identity,
            "engine": engine_code("score"),
            "images": images,
            "twins": twins,
            "views": views,
            "fit": fit,
            "weights": sorted(weights.items()),
            "seed": [MEASUREMENT, seed],
        }
    )
