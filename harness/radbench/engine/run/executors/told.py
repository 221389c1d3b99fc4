"""Told: an executor whose steps are told of, when they begin and when they end, with the curves of trainings."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from radbench.contracts import events
from radbench.engine.keep.store import Store
from radbench.engine.plan.steps import Step
from radbench.engine.run.executors.executor import Event, Executor

_ENDS = ("done", "error", "lost")
_CURVE = ".curve.csv"


class ToldExecutor:
    """Does what another executor does, and tells of it.

    Args:
        executor: that does the steps.
        store: where trainings leave their curves.
        tell: called with each event.
    """

    def __init__(self, executor: Executor, store: Store, tell: Callable[[events.Event], None]) -> None:
        self.executor, self.store, self.tell = executor, store, tell
        self._under_way: dict[int, tuple[Step, float]] = {}

    def idle(self) -> list[tuple[int, int | None]]:
        """See :class:`radbench.engine.run.executors.executor.Executor`."""
        return self.executor.idle()

    def submit(self, worker: int, step: Step) -> None:
        """See :class:`radbench.engine.run.executors.executor.Executor`."""
        self._under_way[step.number] = step, time.monotonic()
        self.tell(events.StepStarted(step.number, step.kind, step.label, step.size))
        self.executor.submit(worker, step)

    def events(self) -> Iterable[Event]:
        """See :class:`radbench.engine.run.executors.executor.Executor`."""
        for event in self.executor.events():
            if event.step in self._under_way:
                self._hear(event)
            yield event

    def close(self) -> None:
        """See :class:`radbench.engine.run.executors.executor.Executor`."""
        self.executor.close()

    def _hear(self, event: Event) -> None:
        step, begun = self._under_way[event.step]
        if event.name == "progress":
            facts = event.facts
            self.tell(events.TrainingProgress(step.label, facts["done"], facts["total"], facts["text"]))
        if event.name not in _ENDS:
            return
        del self._under_way[event.step]
        status = "ok" if event.name == "done" else str(event.facts.get("status", "error"))
        message = "" if event.name == "done" else str(event.facts.get("message", ""))
        seconds = time.monotonic() - begun
        self.tell(events.StepEnded(step.number, step.kind, step.label, step.size, seconds, status, message))
        if step.kind == "fit" and event.name == "done":
            for name, epochs in curves(self.store.weights_folder(step.key) / "beside"):
                self.tell(events.Curve(step.label, name, epochs))


def curves(folder: Path) -> Iterator[tuple[str, list[dict[str, float]]]]:
    """Yield the curves that a training left in a folder, each with its name; what is no table of numbers is passed
    over."""
    for path in sorted(folder.glob(f"*{_CURVE}")):
        try:
            with path.open(newline="") as file:
                rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
        except (OSError, ValueError, TypeError):
            continue
        yield path.name.removesuffix(_CURVE), rows
