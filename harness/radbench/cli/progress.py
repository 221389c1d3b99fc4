"""Progress: a bar with the time left on a terminal, a plain line now and then elsewhere; silent for two seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from radbench.cli.say import say
from radbench.engine.keep.texts import visible

_PATIENCE = 2.0
_PLAIN_EVERY = 10.0

T = TypeVar("T")


class Progress:
    """Draws a count of things done out of a total; implements the engine's ``Reporter``.

    Args:
        plain: lines even on a terminal, which somebody else writes to as well.
    """

    def __init__(self, plain: bool = False) -> None:
        self.drawn = sys.stderr.isatty() and not plain
        self.bar: Any = None
        self.task: Any = None
        self.begin(0, "cases")

    def begin(self, total: int, unit: str) -> None:
        """Learn how much there is to do next, and count from 0."""
        self.close()
        self.unit, self.total, self.done = unit, total, 0
        self.started = self.printed = time.monotonic()

    def advance(self, cases: int, text: str) -> None:
        """Count and draw."""
        self.done = min(self.total, self.done + cases) if self.total else self.done + cases
        now = time.monotonic()
        if now - self.started < _PATIENCE:
            return
        if self.drawn:
            self._draw(text)
        elif now - self.printed >= _PLAIN_EVERY:
            self.printed = now
            say(f"{self.done} of {self.total} {self.unit}, {self._left(now)}: {text}", err=True)

    def within(self, done: int, total: int, text: str) -> None:
        """Draw how far one long step is by its own count; :meth:`advance` goes back to counting all."""
        now = time.monotonic()
        if self.drawn:
            self._draw(text, done, total)
        elif now - self.printed >= _PLAIN_EVERY:
            self.printed = now
            say(f"{text} ({done} of {total})" if total else text, err=True)

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        if self.bar is not None:
            self.bar.console.print(visible(text), markup=False, highlight=False, soft_wrap=True)
        else:
            say(text, err=True)

    def close(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.stop()
        self.bar = None

    def _left(self, now: float) -> str:
        if self.done == self.total:
            return "done"
        # The first ones wait for workers to start and say little of the rest.
        if self.done < max(3, self.total // 50):
            return "time left not known yet"
        seconds = (now - self.started) / self.done * (self.total - self.done)
        return f"{seconds:.0f} s left"

    def _draw(self, text: str, done: int | None = None, total: int | None = None) -> None:
        if self.bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
            self.bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self.bar.start()
            self.task = self.bar.add_task("", total=self.total)
        done, total = (self.done, self.total) if done is None else (done, total or 1)
        self.bar.update(self.task, completed=done, total=total, description=visible(text).replace("[", r"\["))


def tracked(items: Iterable[T], total: int, unit: str, text: str = "") -> Iterator[T]:
    """Yield items and draw their progress."""
    progress = Progress()
    progress.begin(total, unit)
    try:
        for item in items:
            yield item
            progress.advance(1, text)
    finally:
        progress.close()
