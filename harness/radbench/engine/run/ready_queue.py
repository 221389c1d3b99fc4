"""ReadyQueue: the steps that can start, and which of them a worker takes next."""

from __future__ import annotations

import time
from collections import deque

from radbench.engine.plan.steps import Step


class ReadyQueue:
    """Steps that can start: trainings first; then a worker goes on with its chunk, else takes one nobody works on."""

    def __init__(self) -> None:
        self.trainings: deque[Step] = deque()
        self.chunks: dict[int, deque[Step]] = {}
        self.taken: dict[int, float] = {}

    def add(self, step: Step, first: bool = False) -> None:
        """Take in a step, before those that wait where it finishes a pair's part."""
        steps = self.trainings if step.kind == "fit" else self.chunks.setdefault(step.chunk, deque())
        # What finishes a pair's part goes before what starts another.
        if first or step.kind == "score":
            steps.appendleft(step)
        else:
            steps.append(step)

    def take(self, chunk: int | None) -> Step | None:
        """Give out a training, else a step of the chunk, else of another; None where there is none."""
        if self.trainings:
            return self.trainings.popleft()
        if chunk not in self.chunks:
            if not self.chunks:
                return None
            # The least recently touched chunk: most likely nobody else's.
            chunk = min(self.chunks, key=lambda c: (self.taken.get(c, 0.0), c))
        steps = self.chunks[chunk]
        step = steps.popleft()
        if not steps:
            del self.chunks[chunk]
        self.taken[chunk] = time.monotonic()
        return step
