"""The executor of this process: no workers, so that a breakpoint in a plugin opens the debugger."""

from __future__ import annotations

import sys
from bdb import BdbQuit
from contextlib import ExitStack
from typing import Any

from radbench.engine.plan.steps import Step
from radbench.engine.run.executors.executor import Event
from radbench.engine.work.worker import WorkerSetup, settings_restored, told_of, workbench


class HereExecutor:
    """Does each step at once, in the process that plans them.

    The same steps give the same bits as in workers; but nothing stands between a plugin and the run: one that hangs,
    exits or eats memory takes it along. Meant for debugging.

    Args:
        setup: what a worker would be started with.
    """

    def __init__(self, setup: WorkerSetup) -> None:
        self.pending: list[Event] = []
        self.step: Step | None = None
        self._settings = ExitStack()
        self._settings.enter_context(settings_restored())
        self.bench = workbench(setup, self.tell)
        self.bench.expendable = False

    def idle(self) -> list[tuple[int, int | None]]:
        """See :class:`radbench.engine.run.executors.executor.Executor`."""
        return [(0, None)] if self.step is None else []

    def submit(self, worker: int, step: Step) -> None:
        """See :class:`radbench.engine.run.executors.executor.Executor`."""
        self.step = step
        try:
            self.bench.do(step)
        except BdbQuit:
            raise KeyboardInterrupt from None
        except (Exception, SystemExit) as e:
            name, facts = told_of(e, self.bench.sentence(step, e))
            self.tell(name, **facts)
        else:
            self.tell("done")

    def tell(self, event: str, **facts: Any) -> None:
        """Take in an event of the step under way; a traceback is printed at once."""
        assert self.step is not None
        if facts.get("traceback"):
            sys.stderr.write(facts["traceback"])
        self.pending.append(Event(self.step.number, event, facts))

    def events(self) -> list[Event]:
        """See :class:`radbench.engine.run.executors.executor.Executor`."""
        pending, self.pending, self.step = self.pending, [], None
        return pending

    def close(self) -> None:
        """See :class:`radbench.engine.run.executors.executor.Executor`."""
        self._settings.close()
