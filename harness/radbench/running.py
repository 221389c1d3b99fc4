"""Running: a plan from its first case to its last, in its folder: what the command line and the Python calls share."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts.errors import UsageError
from radbench.contracts.folders import cache_folder
from radbench.engine.executors.local import LocalExecutor, free_memory
from radbench.engine.failures import RunAbortedError
from radbench.engine.journal import RunFolder, default_folder
from radbench.engine.plan import Pair, Plan
from radbench.engine.preparation import prepare, preparers
from radbench.engine.reporting import Reporter
from radbench.engine.session import Outcome, Session
from radbench.engine.store import Store, StoreError
from radbench.engine.training import Trained, TrainingPlan
from radbench.engine.worker import WorkerSetup
from radbench.registry.discovery import one_line
from radbench.registry.registry import Registry

if TYPE_CHECKING:
    import pandas as pd

_VIEW_SHARE = 0.05
"""At most this part of a run's time goes into rewriting the leaderboard while it grows."""


@dataclass(frozen=True)
class Options:
    """How to run, apart from what; none of it changes a score.

    Attributes:
        device: "auto", "cpu", "cuda" or "cuda:N".
        jobs: worker processes, 0 for one per processor core (on a GPU: one per card).
        timeout: seconds without a sign of life after which a step is ended.
        memory_mb: resident memory in MiB after which a worker's step is ended, 0 for its share of what is free.
        out: the run folder, None for one named after the plan under ``runs/``.
        retry_failed: try again what failed in this folder before.

    Raises:
        UsageError: a value is of the wrong type or out of range.
    """

    device: str = "auto"
    jobs: int = 0
    timeout: float = 600.0
    memory_mb: int = 0
    out: Path | None = None
    retry_failed: bool = False

    def __post_init__(self) -> None:
        for name, least in (("jobs", 0), ("memory_mb", 0)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise UsageError(f"{name} must be a whole number from {least} on, got {value!r}")
        if isinstance(self.timeout, bool) or not isinstance(self.timeout, int | float) or not self.timeout > 0:
            raise UsageError(f"timeout must be seconds above 0, got {self.timeout!r}")
        if not isinstance(self.device, str):
            raise UsageError(f"device must be auto, cpu, cuda or cuda:N, got {self.device!r}")


@dataclass(frozen=True)
class Finished:
    """A run that has ended.

    Attributes:
        frame: the leaderboard.
        folder: where everything lies.
        outcome: what was computed and how the pairs ended.
        seconds: wall-clock time.
    """

    frame: pd.DataFrame
    folder: RunFolder
    outcome: Outcome
    seconds: float


def run_plan(registry: Registry, plan: Plan, options: Options, reporter: Reporter) -> Finished:
    """Run a plan in its folder; see :func:`run`."""
    from radbench.leaderboard.view import git_commit, journal_run, write_leaderboard, write_what_there_is

    started = time.monotonic()
    devices = pick_devices(options.device)  # before anything is written: a wrong device leaves no folder
    with _opened(plan, options) as folder:
        journal_run(folder, plan, git_commit())
        listeners = _Listeners(registry, folder, reporter)
        session = Session(plan, folder, Store(cache_folder()), reporter, listeners, options.retry_failed)
        try:
            outcome = _run_session(session, options, devices)
        except BaseException:
            write_what_there_is(folder)
            raise
        return Finished(write_leaderboard(folder), folder, outcome, time.monotonic() - started)


@dataclass(frozen=True)
class FinishedTrainings:
    """Trainings that have ended.

    Attributes:
        trained: how each ended.
        folder: where the journal (with the traceback of a failure) and the logs lie.
    """

    trained: list[Trained]
    folder: RunFolder


def train_plan(plan: TrainingPlan, options: Options, reporter: Reporter) -> FinishedTrainings:
    """Train what is not trained yet; what failed in this folder before is tried again.

    Raises:
        UsageError: the folder or the device cannot be used.
        RunAbortedError: the machine stopped it (disk full); what is learnt so far is kept.
    """
    devices = pick_devices(options.device)
    with _opened(plan, options) as folder:
        folder.record("training", plan=plan.digest, request=vars(plan.request))
        session = Session(plan, folder, Store(cache_folder()), reporter, _Nobody(), retry_failed=True)
        _run_session(session, options, devices)
        found = session.trained()
        for one in found:
            facts = {"error": one.error, "fresh": one.fresh, "weights": one.folder, **one.facts}
            folder.record("trained", enhancer=one.training.name, status=str(one.status), **facts)
        return FinishedTrainings(found, folder)


@contextmanager
def _opened(plan: Plan | TrainingPlan, options: Options) -> Iterator[RunFolder]:
    folder = RunFolder(options.out or default_folder(plan.digest, plan.title))
    folder.open()
    try:
        yield folder
    except StoreError as e:
        raise RunAbortedError(e) from e
    finally:
        folder.close()


def _run_session(session: Session, options: Options, devices: list[str]) -> Outcome:
    jobs = options.jobs or (len(devices) if devices != ["cpu"] else os.cpu_count() or 1)
    steps = session.prepare(jobs)
    session.announce()
    if steps:
        session.store.probe()
    executor = None
    try:
        if session.preparations:
            executor = _preparers(session, options)
            prepare(session.preparations, executor, session.reporter, session.not_prepared)
            executor.close()
        # Trainings share no processor: more workers would only wait.
        alone = devices == ["cpu"] and all(step.kind == "fit" for step in steps)
        executor = _executor(session, options, devices, 1 if alone else min(jobs, len(steps))) if steps else None
        return session.run(executor)
    finally:
        if executor is not None:
            executor.close()


def _preparers(session: Session, options: Options) -> LocalExecutor:
    return preparers(
        session.preparations,
        session.plan.request.plugin_files,
        options.jobs,
        session.folder.logs,
        timeout=options.timeout,
        memory_limit=options.memory_mb * 2**20,
    )


def _executor(session: Session, options: Options, devices: list[str], jobs: int) -> LocalExecutor:
    # Independent of the number of jobs: how many threads train together decides how sums are rounded.
    threads = os.cpu_count() or 1
    setup = WorkerSetup(session.plan.request.plugin_files, str(cache_folder()), devices[0], threads)
    limit = training_limit = options.memory_mb * 2**20
    if not limit:
        free = free_memory()
        limit, training_limit = free // jobs, free if devices == ["cpu"] else 0
    return LocalExecutor(setup, devices, jobs, options.timeout, limit, session.folder.logs, training_limit)


def pick_devices(wanted: str) -> list[str]:
    """Return the devices to work on: "cpu", or "cuda:0", "cuda:1", ...

    Raises:
        UsageError: the device is not one of auto, cpu, cuda, cuda:N, or is not there.
    """
    if wanted == "cpu":
        return ["cpu"]
    # Looking for the driver's device files spares machines without one the import of torch.
    if wanted == "auto" and os.name == "posix" and not (any(Path("/dev").glob("nvidia[0-9]*")) or _wsl_gpu()):
        return ["cpu"]
    if wanted not in ("auto", "cuda") and not re.fullmatch(r"cuda:\d+", wanted):
        raise UsageError(f"device '{wanted}' must be auto, cpu, cuda or cuda:N")
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "auto":
        return [f"cuda:{i}" for i in range(count)] or ["cpu"]
    if not count:
        raise UsageError(f"device '{wanted}': torch sees no CUDA device here; use --device cpu")
    if wanted == "cuda":
        return [f"cuda:{i}" for i in range(count)]
    if int(wanted.partition(":")[2]) >= count:
        raise UsageError(f"device '{wanted}': there are {count} CUDA devices")
    return [wanted]


def _wsl_gpu() -> bool:
    return Path("/dev/dxg").exists()


class _Listeners:
    """Keeps ``leaderboard.csv`` up with the run, and tells the plugins that listen."""

    def __init__(self, registry: Registry, folder: RunFolder, reporter: Reporter) -> None:
        self.hook, self.folder, self.reporter = registry.hooks.hook, folder, reporter
        self.next_view = 0.0
        self.noted: set[str] = set()

    def started(self, pair: Pair) -> None:
        self._tell(self.hook.radbench_pair_started, pair=pair)

    def ended(self, pairs: Sequence[Pair]) -> None:
        from radbench.leaderboard.view import write_leaderboard

        heard = bool(self.hook.radbench_pair_finished.get_hookimpls())
        begun = time.monotonic()
        if not heard and begun < self.next_view:
            return
        frame = write_leaderboard(self.folder)
        took = time.monotonic() - begun
        self.next_view = begun + took / _VIEW_SHARE
        for pair in pairs if heard else ():
            key = {"task": pair.task.resolved.label, "dataset": pair.dataset.resolved.label, "seed": pair.seed}
            key["enhancer"] = pair.enhancer.resolved.label
            mine = frame[(frame[list(key)] == list(key.values())).all(axis=1)]
            self._tell(self.hook.radbench_pair_finished, pair=pair, rows=mine.to_dict("records"))

    def _tell(self, hook: Any, **facts: Any) -> None:
        # One by one: pluggy would stop at the first that raises and leave the others untold.
        for listener in hook.get_hookimpls():
            try:
                listener.function(*(facts[name] for name in listener.argnames))
            except (Exception, SystemExit) as e:
                who = f"{hook.name} of plugin '{listener.plugin_name}'"
                if who not in self.noted:
                    self.noted.add(who)
                    self.reporter.note(f"{who} raised {one_line(e)}")


class _Nobody:
    """Listens to no pairs, for there are none."""

    def started(self, pair: Pair) -> None:
        """See :class:`radbench.engine.reporting.Listeners`."""

    def ended(self, pairs: Sequence[Pair]) -> None:
        """See :class:`radbench.engine.reporting.Listeners`."""
