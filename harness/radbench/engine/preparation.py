"""Preparation: cases that a data set would have to make first are made side by side, before any step needs them."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from radbench.contracts.dataset import CaseEntry
from radbench.contracts.errors import PluginError, RadbenchError
from radbench.contracts.folders import cache_folder
from radbench.engine.executors.local import LocalExecutor, free_memory
from radbench.engine.failures import RunAbortedError
from radbench.engine.plan import PlannedDataset, entry_key
from radbench.engine.reporting import Reporter
from radbench.engine.request import Ref
from radbench.engine.steps import Preparation
from radbench.engine.worker import WorkerSetup
from radbench.registry.discovery import one_line

Failed = Callable[[Preparation, dict[str, Any]], None]
"""Called with a case that cannot be made and the facts of its failure, as a worker tells them."""


def unprepared(wanted: Iterable[tuple[PlannedDataset, CaseEntry]]) -> list[Preparation]:
    """Return what has to be made, each case once; nothing for data sets that do not tell (see ``KeepsCases``).

    Raises:
        PluginError: a data set's ``unprepared`` raises, or names cases that it was not asked about.
    """
    asked: dict[Ref, tuple[PlannedDataset, dict[str, CaseEntry]]] = {}
    for planned, entry in wanted:
        if hasattr(planned.dataset, "unprepared"):
            asked.setdefault(planned.ref, (planned, {}))[1][entry.case_id] = entry
    todo: list[Preparation] = []
    for ref, (planned, entries) in asked.items():
        label = planned.resolved.label
        try:
            missing = list(planned.dataset.unprepared(list(entries)))
        except RadbenchError:
            raise
        except Exception as e:
            raise PluginError(f"data set '{label}': its unprepared() failed: {one_line(e)}") from e
        strange = [case_id for case_id in missing if case_id not in entries]
        if strange:
            raise PluginError(
                f"data set '{label}': its unprepared() named case '{strange[0]}', which nobody asked about"
            )
        todo += [Preparation(len(todo) + i, ref, entries[c], f"prepare {label}") for i, c in enumerate(missing)]
    return todo


def prepare(todo: Sequence[Preparation], executor: LocalExecutor, reporter: Reporter, failed: Failed) -> None:
    """Make cases; one that cannot be made, or that takes a worker with it twice, stops no other.

    Raises:
        RunAbortedError: workers cannot start, or the disk is full; what was made is kept.
    """
    waiting, open_ = deque(todo), {one.number for one in todo}
    retried: set[int] = set()
    reporter.begin(len(todo), "cases prepared")
    while open_:
        for worker, _ in executor.idle():
            if waiting:
                executor.submit(worker, waiting.popleft())
        for event in executor.events():
            if event.name == "fatal":
                raise RunAbortedError(event.facts["message"])
            one = todo[event.step]
            if event.name == "failure":
                failed(one, event.facts)
            elif event.name == "lost" and one.number not in retried:
                retried.add(one.number)
                what = f"{event.facts['status']}: {event.facts['message']}, at case '{one.entry.case_id}'"
                reporter.note(f"{one.label}: {what}; trying once more")
                waiting.appendleft(one)
            elif event.name == "error":
                # No case is at fault: whoever loads the next one finds out what it comes to.
                reporter.note(f"{one.label}: {event.facts['status']}: {event.facts['message']}")
                given_up = {other.number for other in waiting if other.dataset == one.dataset} | {one.number}
                waiting = deque(other for other in waiting if other.number not in given_up)
                open_ -= given_up
                reporter.advance(len(given_up), one.label)
            elif event.name in ("done", "lost"):
                if event.name == "lost":
                    failed(one, _as_failure(one, event.facts))
                open_.discard(one.number)
                reporter.advance(1, one.label)


def prepare_cases(
    planned: PlannedDataset, entries: Iterable[CaseEntry], plugin_files: tuple[str, ...], jobs: int, reporter: Reporter
) -> dict[str, str]:
    """Make what one data set would have to make of some cases, in ``jobs`` processes (0: one per core).

    Returns:
        What is wrong, by case id; empty where all are fine or nothing had to be made.

    Raises:
        PluginError: as :func:`unprepared`.
        RunAbortedError: as :func:`prepare`.
    """
    faults: dict[str, str] = {}
    todo = unprepared((planned, entry) for entry in entries)
    if not todo:
        return faults
    with tempfile.TemporaryDirectory() as logs, closing(preparers(todo, plugin_files, jobs, Path(logs))) as executor:
        prepare(todo, executor, reporter, lambda one, facts: faults.update({one.entry.case_id: facts["message"]}))
    return faults


def preparers(
    todo: Sequence[Preparation],
    plugin_files: tuple[str, ...],
    jobs: int,
    logs: Path,
    *,
    timeout: float = float("inf"),
    memory_limit: int = 0,
) -> LocalExecutor:
    """Start the workers that prepare: on processor cores whatever the run's device, for data sets know of no other."""
    workers = min(jobs or os.cpu_count() or 1, len(todo))
    setup = WorkerSetup(plugin_files, str(cache_folder()), "cpu", 1)
    return LocalExecutor(setup, ["cpu"], workers, timeout, memory_limit or free_memory() // workers, logs)


def _as_failure(one: Preparation, facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "key": "",
        "entry": entry_key(one.entry),
        "case_id": one.entry.case_id,
        "stage": "load",
        "status": facts["status"],
        "message": facts["message"],
        "traceback": facts.get("traceback", ""),
    }
