"""Executor: what does a session's steps, and what it tells of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from radbench.engine.plan.steps import Step


@dataclass(frozen=True)
class Event:
    """Something that was told of a step, or that happened to who did it.

    ========  ==========================================================================================
    case      the case that is begun: case, entry, stage ("load", "enhance", "lesson" or "score")
    made, enhanced, lesson, scored   a case has ended well: entry
    failure   a case has failed: key, entry, case_id, stage, status, message, traceback, passing
    damaged   something that was kept was damaged, and is made again: what
    kept      so much was written into the cache: bytes
    estimate  a training will take: seconds, resumed, device
    progress  of a training: done, total, text
    warning   message
    done      the step has ended well
    error     the step has ended badly: status, message, traceback, passing (whether the next run tries again)
    lost      a worker died, was silent for too long or took too much memory, and the step with it: status, message,
              and, where it is known, the case that it was at: case, entry, stage; blameless where the machine was
              lost, so that another does the step as it was
    fatal     the run cannot go on (a full disk): message, traceback; of any step, or -1
    ========  ==========================================================================================

    Attributes:
        step: the number of the step.
        name: of the event.
        facts: as the table says. A workbench tells all but the last four; those are the executor's to tell.
    """

    step: int
    name: str
    facts: dict[str, Any] = field(default_factory=dict)


class Executor(Protocol):
    """Runs steps somewhere. A session asks who is idle, hands out steps, and takes in events until all have ended.

    Several workers may be given a step before events are asked for. A process does one step at a time, for random
    states, threads and what is imported are its own: two at once are refused. A training on processors has the machine
    to itself: while one is under way, nobody is idle. Which executor a run has, ``executor_of`` in
    :mod:`radbench.engine.run.running` says.
    """

    def idle(self) -> list[tuple[int, int | None]]:
        """Return the workers that may take a step now, each with the chunk whose cases it has in memory."""
        ...

    def submit(self, worker: int, step: Step) -> None:
        """Give a step to an idle worker."""
        ...

    def events(self) -> Iterable[Event]:
        """Yield what happened since the last call; waits a moment when nothing did.

        A step ends with "done", "error" or "lost"; "fatal" ends the run.
        """
        ...

    def close(self) -> None:
        """End all workers."""
        ...
