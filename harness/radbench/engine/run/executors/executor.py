"""Executor: what does a session's steps, and what it tells of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from radbench.engine.plan.steps import Step


@dataclass(frozen=True)
class Event:
    """Something that was told of a step, or that happened to who did it.

    Attributes:
        step: the number of the step.
        name: "case", "made", "enhanced", "lesson", "scored", "kept", "failure", "damaged", "estimate", "warning",
            "progress", "done", "error", "fatal", or "lost" for a worker that died, was silent for too long or took too
            much memory.
        facts: by event.
    """

    step: int
    name: str
    facts: dict[str, Any] = field(default_factory=dict)


class Executor(Protocol):
    """Runs steps somewhere. A session asks who is idle, hands out steps, and takes in events until all have ended."""

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
