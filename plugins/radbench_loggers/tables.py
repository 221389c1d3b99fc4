"""csv: steps with their times, training curves and pairs, a line as soon as there is one."""

from __future__ import annotations

import csv
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.config import local
from radbench.contracts.errors import UsageError
from radbench.contracts.events import Curve, Event, PairEnded, RunEnded, RunStarted, StepEnded
from radbench.contracts.printable import to_cell
from radbench_loggers.numbers import numbers

TABLES = {
    "runs": ("at", "status", "plan", "seconds", "computed", "reused"),
    "steps": ("at", "step", "kind", "label", "cases", "seconds", "status", "message"),
    "curves": ("at", "label", "name", "epoch", "column", "value"),
    "pairs": ("at", "task", "dataset", "enhancer", "seed", "metric", "column", "value"),
}
"""Each file with its columns."""


class CsvLogger:
    """Appends to ``runs.csv``, ``steps.csv``, ``curves.csv`` and ``pairs.csv``, which any program reads.

    Raises:
        UsageError: its folder cannot be written.
    """

    class Config(BaseConfig):
        """Where the tables go."""

        folder: Path | None = local(None, "for the tables; by default log/ of the run's folder", source="assumed")

    def __init__(self, config: Config, folder: Path) -> None:
        self.folder = (config.folder or folder / "log").expanduser()
        self.plan = ""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for name, columns in TABLES.items():
                if not self._file(name).exists():
                    self._append(name, [columns])
        except OSError as e:
            raise UsageError(f"logger 'csv' cannot write to '{self.folder}': {e.strerror or e}") from e

    def event(self, event: Event) -> None:
        """Write what an event tells."""
        if isinstance(event, RunStarted):
            self.plan = event.plan
            self._append("runs", [(_now(), "started", event.plan, "", "", "")])
        elif isinstance(event, StepEnded):
            facts = (event.step, event.kind, event.label, event.cases, event.seconds, event.status, event.message)
            self._append("steps", [(_now(), *facts)])
        elif isinstance(event, Curve):
            lines = [
                (_now(), event.label, event.name, int(row.get("epoch", place)), column, value)
                for place, row in enumerate(event.epochs, 1)
                for column, value in row.items()
                if column != "epoch"
            ]
            self._append("curves", lines)
        elif isinstance(event, PairEnded):
            seed = "" if event.seed is None else event.seed
            about = (_now(), event.task, event.dataset, event.enhancer, seed)
            self._append("pairs", [(*about, *one) for one in numbers(event.rows)])
        elif isinstance(event, RunEnded):
            self._append("runs", [(_now(), event.status, self.plan, event.seconds, event.computed, event.reused)])

    def close(self) -> None:
        """See :class:`radbench.contracts.events.Logger`."""

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.csv"

    def _append(self, name: str, lines: Sequence[Sequence[Any]]) -> None:
        with self._file(name).open("a", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([_cell(value) for value in line] for line in lines)


def _cell(value: Any) -> Any:
    # A float is written so that it reads back equal, and no text is a formula to anybody.
    return repr(value) if isinstance(value, float) else to_cell(value) if isinstance(value, str) else value


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
