"""Runs: a plugin's part comes to its row of a leaderboard, and a second run finds everything there."""

from __future__ import annotations

from typing import Any

from radbench.conformance.conformance_cases import DATASET, LAYERED
from radbench.conformance.findings import BrokenError, NotTriedError
from radbench.conformance.of_tasks import dataset_for
from radbench.conformance.subject import Check, Subject
from radbench.contracts.errors import RadbenchError
from radbench.engine.keep.texts import counted
from radbench.engine.plan.pairs import make_plan
from radbench.engine.plan.request import Request
from radbench.engine.run.reporting import Silent
from radbench.engine.run.running import Options
from radbench.leaderboard.running import Finished, run_plan

_TASK = "image-quality"
_LIMIT = 2


def run(subject: Subject) -> str:
    """It is scored in a run, as `bench run --debug` does it, and a second run computes nothing."""
    enhancers, task, dataset = _wanted(subject)
    workshop = subject.workshop
    if subject.kind == "enhancer":
        workshop.train(subject.part, 0)
    request = Request((enhancers,), (task,), dataset, workshop.profile, limit=_LIMIT, plugin_files=workshop.files)
    try:
        plan = make_plan(workshop.registry, request)
        reasons = [pair.reason for pair in plan.pairs if pair.reason]
        if reasons and len(reasons) == len(plan.pairs):
            raise NotTriedError(f"a run does not apply: {reasons[0]}")
        first, second = (_run(subject, plan) for _ in range(2))
    except RadbenchError as e:
        raise BrokenError(f"a run stops: {e}") from e
    for name, status in first.outcome.statuses.items():
        if str(status) != "ok" or first.outcome.scored[name][0] < first.outcome.scored[name][1]:
            told = [e["error"] for e in first.folder.events("pair") if e["pair"] == name]
            raise BrokenError(f"a run of it fails ({status}): {(told or [name])[-1]}")
    if second.outcome.computed:
        raise BrokenError(
            f"a second run of the same computes {counted(second.outcome.computed, 'step')} again: its configuration or "
            "what lies at its paths is another every time"
        )
    rows = len(first.frame)
    return f"a run gives {counted(rows, 'row')}, and a second one finds everything there"


def _run(subject: Subject, plan: Any) -> Finished:
    out = subject.workshop.folder / "runs" / plan.digest[:16]
    return run_plan(subject.workshop.registry, plan, Options("cpu", debug=True, out=out), Silent())


def _wanted(subject: Subject) -> tuple[str, str, str]:
    if subject.kind == "enhancer":
        # One that goes by the cases of a collection of its own cannot be shown made-up ones.
        return subject.variant, _TASK, DATASET
    if subject.kind == "dataset":
        from radbench.conformance.of_datasets import manifest

        manifest(subject)
        return "original", _TASK, subject.variant
    dataset_for(subject)
    return (LAYERED if subject.part.spec.needs_layers else "original,unsharp"), subject.variant, DATASET


CHECKS = (Check("run", lambda kind, spec: True, run),)
