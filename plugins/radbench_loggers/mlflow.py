"""mlflow: a run of MLflow's for each pair, below one for the whole; the library is imported when it is asked for."""

from __future__ import annotations

import importlib.util
import math
import os
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from radbench.contracts.config import Config as BaseConfig
from radbench.contracts.config import param
from radbench.contracts.errors import UsageError
from radbench.contracts.events import Curve, Event, PairEnded, RunEnded, RunStarted
from radbench_loggers.numbers import numbers

_PARENT = "mlflow.parentRunId"
_STRANGE = re.compile(r"[^A-Za-z0-9_\-. /:]")
"""What a name of MLflow's cannot hold."""

_AT_ONCE = 1000
"""At most so many metrics go in one call, as the server has it."""

_DATABASES = ("", "sqlite", "postgresql", "mysql", "mssql")
"""What an address of a store in a database begins with; none is MLflow's own, which is one."""

_LONGEST = 500
"""Characters of a parameter that every version of the server takes."""


class MlflowLogger:
    """Tells a tracking server, or a store of files or in a database.

    The run for the whole has the request as parameters and the training curves as metrics; below it each pair has a run
    with its parts, its digests and its scores. Messages and per-case files, which may name cases, are not sent;
    ``files=true`` sends the files of the run's folder that its user reads, which may name them, too.

    Raises:
        UsageError: the package mlflow is missing, or the store or server cannot be used.
    """

    class Config(BaseConfig):
        """Where it goes, and under which name."""

        uri: str = param(
            "",
            "tracking server or store (http://…, sqlite:///…, file:…); by default MLFLOW_TRACKING_URI, or MLflow's own",
            source="assumed",
        )
        experiment: str = param("radbench", "name of the experiment; made where it is missing", source="assumed")
        files: bool = param(False, "whether leaderboard and predictions are sent as artifacts", source="assumed")

    def __init__(self, config: Config, folder: Path) -> None:
        try:
            from mlflow import MlflowClient
            from mlflow.exceptions import MlflowException
        except ImportError as e:
            raise UsageError("logger 'mlflow' needs the package mlflow: pip install mlflow") from e
        self.config = config
        if config.uri.startswith("file:"):
            # Its newer versions want to be told that a store of files is meant, which it is.
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        try:
            self.client: Any = MlflowClient(tracking_uri=config.uri or None)
            found = self.client.get_experiment_by_name(config.experiment)
            self.experiment = found.experiment_id if found else self.client.create_experiment(config.experiment)
        except (MlflowException, OSError) as e:
            raise UsageError(f"logger 'mlflow' cannot use the store{_where(config.uri)}: {_told(e, config.uri)}") from e
        self.whole = ""
        self.pairs: dict[str, str] = {}

    def event(self, event: Event) -> None:
        """Tell MLflow what an event tells."""
        if isinstance(event, RunStarted):
            tags = {"radbench.plan": event.plan, "radbench.version": event.version}
            self.whole = self._begin(event.title or "run", {k: v for k, v in event.request.items() if v}, tags)
        elif isinstance(event, Curve):
            found = [
                (f"train/{event.name}/{column}", value, int(row.get("epoch", place)))
                for place, row in enumerate(event.epochs, 1)
                for column, value in row.items()
                if column != "epoch"
            ]
            self._metrics(self.whole, found)
        elif isinstance(event, PairEnded):
            self._pair(event)
        elif isinstance(event, RunEnded):
            self._metrics(self.whole, [("seconds", event.seconds, 0), ("computed", event.computed, 0)])
            if self.config.files:
                for path in event.files:
                    self.client.log_artifact(self.whole, str(path))
            self.client.set_terminated(self.whole, {"ok": "FINISHED", "stopped": "KILLED"}.get(event.status, "FAILED"))
            self.whole = ""

    def close(self) -> None:
        """See :class:`radbench.contracts.events.Logger`."""
        if self.whole:
            self.client.set_terminated(self.whole, "KILLED")

    def _pair(self, event: PairEnded) -> None:
        facts = {"enhancer": event.enhancer, "task": event.task, "dataset": event.dataset, "seed": event.seed}
        digests = ("enhancer_digest", "task_digest", "dataset_fingerprint", "profile", "n_cases", "n_patients")
        facts |= {name: event.rows[0].get(name) for name in digests if event.rows}
        run = self._begin(f"{event.enhancer} · {event.task}", facts, {_PARENT: self.whole})
        # Not "metric/column": in a store of files one would be a file and a folder.
        found = [(m if c == "value" else f"{m}.{c}", value, 0) for m, c, value in numbers(event.rows)]
        self._metrics(run, found)
        ok = bool(event.rows) and all(row.get("status") == "ok" for row in event.rows)
        self.client.set_terminated(run, "FINISHED" if ok else "FAILED")

    def _begin(self, name: str, params: Mapping[str, Any], tags: Mapping[str, str]) -> str:
        from mlflow.entities import Param

        run = self.client.create_run(self.experiment, run_name=name, tags=dict(tags))
        told = [Param(key, _text(value)[:_LONGEST]) for key, value in params.items() if value is not None]
        self.client.log_batch(run.info.run_id, params=told)
        return str(run.info.run_id)

    def _metrics(self, run: str, found: Iterable[tuple[str, float, int]]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        told = [Metric(_STRANGE.sub("_", name), float(v), now, step) for name, v, step in found if math.isfinite(v)]
        for i in range(0, len(told), _AT_ONCE):
            self.client.log_batch(run, metrics=told[i : i + _AT_ONCE])


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _where(uri: str) -> str:
    from mlflow import get_tracking_uri

    return f" at '{uri or get_tracking_uri()}'"


def _told(error: Exception, uri: str) -> str:
    """Return what went wrong, and where something is missing for it, what."""
    scheme = (uri or os.environ.get("MLFLOW_TRACKING_URI", "")).partition(":")[0].partition("+")[0]
    if scheme in _DATABASES and importlib.util.find_spec("sqlalchemy") is None:
        return (
            "mlflow-skinny alone knows servers and stores of files (mlflow[uri=file:mlruns]); a store in a database, "
            "which is the default, needs all of MLflow: pip install mlflow"
        )
    return " ".join(str(error).split())
