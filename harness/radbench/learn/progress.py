"""Progress: what a training tells of itself in one line, and its curve as a table."""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from radbench.contracts.atomic import replace_file
from radbench.contracts.duration import duration

CURVE = ("epoch", "train_loss", "validation_loss", "validation_score", "learning_rate", "micro_batch", "seconds")
"""The columns of a curve; those of single turns follow."""

_EVERY_SECONDS = 0.5


class Progress:
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
        self.done, self.last = begun * steps, ""

    def due(self) -> bool:
        """Whether it is time to tell something; asking for a loss's value makes a card wait."""
        return time.perf_counter() - self.told >= _EVERY_SECONDS

    def step(self, epoch: int, step: int, loss: float) -> None:
        """So many steps of an epoch (counted from 0) are done; ``loss`` is the last one's."""
        self._tell(epoch * self.steps + step, f"epoch {epoch + 1}/{self.epochs}, loss {loss:.4g}{self.last}")

    def validating(self, epoch: int) -> None:
        """An epoch (counted from 0) is being validated: nothing more is done, but it is going on."""
        if self.due():
            self._tell(self.done, f"epoch {epoch + 1}/{self.epochs}, validating{self.last}")

    def epoch(self, epochs: int, loss: float, validation: float, best: float) -> None:
        """So many epochs are done; ``loss`` and ``validation`` are the last one's means (NaN where there is none)."""
        self.last = "" if math.isnan(validation) else f", validation {validation:.4g} (best {best:.4g})"
        self._tell(epochs * self.steps, f"epoch {epochs}/{self.epochs}, loss {loss:.4g}{self.last}")

    def _tell(self, done: int, text: str) -> None:
        self.told, self.done = time.perf_counter(), done
        here = done - self.begun * self.steps
        total = self.epochs * self.steps
        left = (self.told - self.started) / max(1, here) * (total - done)
        self.progress(done, total, f"{self.name}: {text}, {duration(left)} left")


def write_curve(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Replace the CSV of a training's curve, a row per epoch; numbers are written so that they read back equal."""
    columns = [*CURVE, *(name for name in (rows[0] if rows else ()) if name not in CURVE)]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerows([columns, *([repr(row[column]) for column in columns] for row in rows)])
    replace_file(path, table.getvalue().encode())
