"""Replanning: a run's plan made again from its journal, so that its images, weights and settings are found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from radbench.contracts.errors import RadbenchError
from radbench.engine.keep.digests import short
from radbench.engine.keep.journal import RunFolder
from radbench.engine.plan.pairs import Pair, Plan, make_plan
from radbench.engine.plan.request import Request
from radbench.leaderboard.columns import seed_of
from radbench.registry.registry import Registry, load_registry


@dataclass(frozen=True)
class Replanned:
    """A run as it would be planned now.

    Attributes:
        pairs: by what tells a row's pair (:func:`pair_key`), those that are what was scored: the same enhancer, task
            and cases, their code included.
        changed: by the same, the pairs that no longer are, each with what has changed.
        plan: as it is now; None where it cannot be made.
        registry: that it was made from.
        problem: why there is no plan, or "".
        gone: by the same as ``pairs``, those that were scored and can be planned no more, each with the reason.
    """

    pairs: Mapping[tuple[str, ...], Pair]
    changed: Mapping[tuple[str, ...], str]
    plan: Plan | None
    registry: Registry | None
    problem: str = ""
    gone: Mapping[tuple[str, ...], str] = field(default_factory=dict)


def pair_key(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what tells a pair from others, of a row, a pair's result or what the journal says of it."""
    seed = seed_of(facts)
    return (
        *(str(facts[name]) for name in ("task", "dataset", "enhancer")),
        "" if seed is None else str(seed),
    )


def replanned(folder: RunFolder) -> Replanned:
    """Make the plan of a folder's latest run again.

    What it cannot be made of (a plugin file that has gone, a data set that lies elsewhere now) is no error: the page
    says why it has no images.
    """
    last: dict[str, Any] = {}
    facts: dict[tuple[str, ...], dict[str, Any]] = {}
    for event in folder.events("run", "planned"):
        if event["event"] == "run":
            last, facts = event, {}
        else:
            facts[pair_key(event)] = event
    if not last:
        return Replanned({}, {}, None, None, "its journal names no run")
    try:
        request = _request(last["request"])
        registry = load_registry(request.plugin_files)
        plan = make_plan(registry, request)
    except (RadbenchError, OSError, TypeError, KeyError) as e:
        return Replanned({}, {}, None, None, " ".join(str(e).split()) or type(e).__name__)
    same, changed, gone = {}, {}, {}
    for pair in plan.pairs:
        key = pair_key(
            {"task": pair.task.label, "dataset": pair.dataset.label, "enhancer": pair.enhancer.label}
            | {"seed": pair.seed}
        )
        if key not in facts or facts[key]["reason"]:
            continue
        if pair.reason:
            gone[key] = " ".join(str(pair.reason).split())
        elif what := _what_changed(pair, facts[key]):
            changed[key] = what
        else:
            same[key] = pair
    return Replanned(same, changed, plan, registry, gone=gone)


def _request(kept: Mapping[str, Any]) -> Request:
    known = {name: value for name, value in kept.items() if name in Request.__dataclass_fields__}
    lists = ("enhancers", "tasks", "seeds", "plugin_files")
    values: dict[str, Any] = {name: tuple(value) if name in lists else value for name, value in known.items()}
    return Request(**values)


def _what_changed(pair: Pair, facts: Mapping[str, Any]) -> str:
    """Return which of enhancer, task and data are no longer those that were scored, "" where all are."""
    now = {
        "the enhancer": (short(pair.enhancer.identity), facts["enhancer_digest"]),
        "the task": (short(pair.task.identity), facts["task_digest"]),
        "the data": (pair.fingerprint, facts["dataset_fingerprint"]),
    }
    return " and ".join(what for what, (ours, theirs) in now.items() if ours != theirs)
