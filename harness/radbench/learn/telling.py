"""Telling: a training's progress in one line: epoch, loss, best validation, time left."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

_EVERY_SECONDS = 0.5


class Teller:
    """Tells of optimiser steps done out of all; at most twice a second, and at the end of each epoch.

    Args:
        progress: called with (done, total, text).
        name: of the network.
        epochs, steps: how many, and how many steps in each.
        begun: epochs that were done before, by an attempt that was killed.
    """

    def __init__(
        self, progress: Callable[[int, int, str], None], name: str, epochs: int, steps: int, begun: int = 0
    ) -> None:
        self.progress, self.name, self.epochs, self.steps, self.begun = progress, name, epochs, steps, begun
        self.started = self.told = time.perf_counter()
        self.last = ""

    def due(self) -> bool:
        """Whether it is time to tell something; asking for a loss's value makes a card wait."""
        return time.perf_counter() - self.told >= _EVERY_SECONDS

    def step(self, epoch: int, step: int, loss: float) -> None:
        """So many steps of an epoch (counted from 0) are done; ``loss`` is the last one's."""
        self._tell(epoch * self.steps + step, f"epoch {epoch + 1}/{self.epochs}, loss {loss:.4g}{self.last}")

    def epoch(self, epochs: int, loss: float, validation: float, best: float) -> None:
        """So many epochs are done; ``loss`` and ``validation`` are the last one's means (NaN where there is none)."""
        self.last = "" if math.isnan(validation) else f", validation {validation:.4g} (best {best:.4g})"
        self._tell(epochs * self.steps, f"epoch {epochs}/{self.epochs}, loss {loss:.4g}{self.last}")

    def _tell(self, done: int, text: str) -> None:
        self.told = time.perf_counter()
        here = done - self.begun * self.steps
        total = self.epochs * self.steps
        left = (self.told - self.started) / max(1, here) * (total - done)
        self.progress(done, total, f"{self.name}: {text}, {duration(left)} left")


def duration(seconds: float) -> str:
    """Return a duration for people: "40 s", "3 min 20 s", "2 h 05 min"."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
