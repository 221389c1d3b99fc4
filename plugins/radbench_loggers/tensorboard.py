"""tensorboard: training curves, scores and times as an event file; the library is imported when it is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.config import local
from radbench.contracts.errors import UsageError
from radbench.contracts.events import Curve, Event, PairEnded, RunEnded, RunStarted, StepEnded
from radbench_loggers.numbers import numbers


class TensorBoardLogger:
    """Writes an event file: ``tensorboard --logdir FOLDER`` shows it.

    Scalars are ``train/NAME/COLUMN`` over epochs, ``TASK/DATASET/METRIC/ENHANCER`` over seeds (its interval below
    ``…/ci_low`` and ``…/ci_high``), and ``seconds/KIND`` over steps.

    Raises:
        UsageError: the package tensorboard is missing, or the folder cannot be written.
    """

    class Config(BaseConfig):
        """Where the event file goes."""

        folder: Path | None = local(
            None, "for the event file; by default tensorboard/ of the run's folder", source="assumed"
        )

    def __init__(self, config: Config, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as e:
            raise UsageError("logger 'tensorboard' needs the package tensorboard: pip install tensorboard") from e
        place = (config.folder or folder / "tensorboard").expanduser()
        try:
            self.writer: Any = SummaryWriter(str(place))
        except OSError as e:
            raise UsageError(f"logger 'tensorboard' cannot write to '{place}': {e.strerror or e}") from e
        self.steps: dict[str, int] = {}

    def event(self, event: Event) -> None:
        """Write what an event tells."""
        if isinstance(event, RunStarted):
            self.writer.add_text("run/request", _block(event.request))
            self.writer.add_text("run/pairs", "\n".join(f"- {name}" for name in event.pairs))
        elif isinstance(event, StepEnded):
            self.steps[event.kind] = self.steps.get(event.kind, 0) + 1
            self.writer.add_scalar(f"seconds/{event.kind}", event.seconds, self.steps[event.kind])
        elif isinstance(event, Curve):
            for place, row in enumerate(event.epochs, 1):
                for column, value in row.items():
                    if column != "epoch":
                        self.writer.add_scalar(f"train/{event.name}/{column}", value, int(row.get("epoch", place)))
        elif isinstance(event, PairEnded):
            for metric, column, value in numbers(event.rows):
                below = "" if column == "value" else f"/{column}"
                tag = f"{event.task}/{event.dataset}/{metric}/{event.enhancer}{below}"
                self.writer.add_scalar(tag, value, event.seed or 0)
        elif isinstance(event, RunEnded):
            self.writer.add_text("run/status", f"{event.status} after {event.seconds:.1f} s")
        self.writer.flush()

    def close(self) -> None:
        """See :class:`radbench.contracts.events.Logger`."""
        self.writer.close()


def _block(facts: Any) -> str:
    return f"```json\n{json.dumps(dict(facts), indent=1, default=str)}\n```"
