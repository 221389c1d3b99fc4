"""Running: a plan from its first case to its last, in its folder: what the command line and the Python calls share."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from radbench.contracts.errors import UsageError
from radbench.engine.keep.digests import digest
from radbench.engine.keep.homes import cache_home
from radbench.engine.keep.journal import RunFolder, default_folder
from radbench.engine.keep.private import privately
from radbench.engine.keep.room import Room, budget
from radbench.engine.keep.store import Store, StoreError
from radbench.engine.plan.learning import Training
from radbench.engine.plan.pairs import Plan
from radbench.engine.plan.request import Request
from radbench.engine.run.executors.executor import Executor
from radbench.engine.run.executors.local import LocalExecutor, free_memory
from radbench.engine.run.executors.told import ToldExecutor
from radbench.engine.run.outcome import Outcome
from radbench.engine.run.reporting import Listeners, Nobody, Reporter
from radbench.engine.run.session import Session
from radbench.engine.run.trained import Trained
from radbench.engine.run.using import paths_of
from radbench.engine.work.failures import RunAbortedError
from radbench.engine.work.worker import WorkerSetup


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
        debug: do every step in this process, where a debugger works; nothing is watched then.
        keep: "images", within the budget of the cache, or "scores" alone.
        log: loggers that are told of what happens, by name or variant.
        executor: what does the steps: "local" processes, or those of a "ray" cluster.
        address: of the cluster, as ``ray.init`` takes it; "" for what ``RAY_ADDRESS`` names, else for the one that runs
            on this machine, else for one that is started for this run.

    Raises:
        UsageError: a value is of the wrong type or out of range.
    """

    device: str = "auto"
    jobs: int = 0
    timeout: float = 600.0
    memory_mb: int = 0
    out: Path | None = None
    retry_failed: bool = False
    debug: bool = False
    keep: str = "images"
    log: tuple[str, ...] = ()
    executor: str = "local"
    address: str = ""

    def __post_init__(self) -> None:
        for name, least in (("jobs", 0), ("memory_mb", 0)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise UsageError(f"{name} must be a whole number from {least} on, got {value!r}")
        if isinstance(self.timeout, bool) or not isinstance(self.timeout, int | float) or not self.timeout > 0:
            raise UsageError(f"timeout must be seconds above 0, got {self.timeout!r}")
        if self.keep not in ("images", "scores"):
            raise UsageError(f"keep '{self.keep}' must be images or scores")
        if not isinstance(self.device, str):
            raise UsageError(f"device must be auto, cpu, cuda or cuda:N, got {self.device!r}")
        if self.executor not in ("local", "ray"):
            raise UsageError(f"executor '{self.executor}' must be local or ray")
        if not isinstance(self.address, str) or (self.address and self.executor != "ray"):
            raise UsageError(f"address {self.address!r} is that of a Ray cluster: it goes with executor 'ray'")
        if self.debug and self.executor != "local":
            raise UsageError("debug does every step in this process: leave the executor local")


@dataclass(frozen=True)
class Ran:
    """A run that has ended.

    Attributes:
        folder: where everything lies.
        outcome: what was computed and how the pairs ended.
        seconds: wall-clock time.
    """

    folder: RunFolder
    outcome: Outcome
    seconds: float


def run_pairs(plan: Plan, options: Options, reporter: Reporter, opened: Callable[[RunFolder], Listeners]) -> Ran:
    """Run a plan in its folder.

    Args:
        plan: what to do.
        options: how.
        reporter: told of progress.
        opened: called with the folder once it is open; returns who is told of the pairs.

    Raises:
        UsageError: the folder or the device cannot be used.
        RunAbortedError: the machine stopped it; what is done is kept.
    """
    started = time.monotonic()
    # Before anything is written: a wrong device leaves no folder.
    with _devices(options) as devices, _opened(plan.digest, plan.title, options) as folder:
        if before := folder.other_run(plan.digest):
            reporter.note(
                f"'{folder.root}' holds another run, of {before}: leaderboard.csv becomes this run's, the other's "
                "per-case files stay"
            )
        listeners = opened(folder)
        with _room() as room:
            session = Session(
                plan.pairs,
                (),
                folder,
                Store(cache_home()),
                reporter,
                listeners,
                options.retry_failed,
                room=room,
                keep=options.keep,
            )
            outcome = _run_session(session, plan.request, options, devices)
        return Ran(folder, outcome, time.monotonic() - started)


@dataclass(frozen=True)
class FinishedTrainings:
    """Trainings that have ended.

    Attributes:
        trained: how each ended.
        folder: where the journal (with the traceback of a failure) and the logs lie.
    """

    trained: list[Trained]
    folder: RunFolder


def run_trainings(
    trainings: Sequence[Training], request: Request, options: Options, reporter: Reporter
) -> FinishedTrainings:
    """Train what is not trained yet; what failed in this folder before is tried again.

    Raises:
        UsageError: the folder or the device cannot be used.
        RunAbortedError: the machine stopped it (disk full); what is learnt so far is kept.
    """
    plan = digest(sorted(t.key for t in trainings))
    title = "-".join(["train", *dict.fromkeys(t.learner.name for t in trainings)])
    with _devices(options) as devices, _opened(plan, title, options) as folder:
        folder.record("training", plan=plan, request=vars(request))
        with _room() as room:
            session = Session((), trainings, folder, Store(cache_home()), reporter, Nobody(), True, room=room)
            _run_session(session, request, options, devices)
        found = session.trained()
        for one in found:
            facts = {"error": one.error, "fresh": one.fresh, "weights": one.folder, **one.facts}
            folder.record("trained", enhancer=one.training.name, status=str(one.status), **facts)
        return FinishedTrainings(found, folder)


@contextmanager
def _devices(options: Options) -> Iterator[list[str]]:
    """Yield the devices to work on, while what has them can be used."""
    if options.executor == "local":
        yield pick_devices(options.device)
        return
    from radbench.engine.run.executors.ray_cluster import connected, devices

    with connected(options.address, options.jobs):
        yield devices(options.device)


def _cores(options: Options) -> int:
    if options.executor == "local":
        return os.cpu_count() or 1
    from radbench.engine.run.executors.ray_cluster import cores

    return cores()


@contextmanager
def _opened(plan: str, title: str, options: Options) -> Iterator[RunFolder]:
    cache_home()  # before anything is written
    folder = RunFolder(options.out or default_folder(plan, title))
    folder.open()
    try:
        with privately():
            yield folder
    except StoreError as e:
        raise RunAbortedError(e) from e
    finally:
        folder.close()


@contextmanager
def _room() -> Iterator[Room]:
    with closing(Room(cache_home(), budget())) as room:
        yield room


def _run_session(session: Session, request: Request, options: Options, devices: list[str]) -> Outcome:
    jobs = options.jobs or (len(devices) if devices != ["cpu"] else _cores(options))
    steps = session.prepare(jobs)
    session.announce()
    if steps:
        session.store.probe()
    if devices != ["cpu"] and any(step.kind == "make" for step in steps):
        # Data sets know of no card: their cases are made on all cores, before the workers of the cards begin.
        cores = min(options.jobs or _cores(options), len(steps))
        with closing(_told(session, _executor(session, request, options, ["cpu"], cores))) as makers:
            session.run(makers, only="make")
    executor: Executor | None = None
    if session.open:
        at_most = min(jobs, len(session.open))
        executor = _told(session, _executor(session, request, options, devices, at_most))
    try:
        return session.run(executor)
    finally:
        if executor is not None:
            executor.close()


def _told(session: Session, executor: Executor) -> Executor:
    """Return an executor that tells of its steps where anybody wants to know."""
    tell = session.listeners.tell
    return executor if tell is None else ToldExecutor(executor, session.store, tell)


def _executor(session: Session, request: Request, options: Options, devices: list[str], jobs: int) -> Executor:
    parts = [part for p in session.pairs for part in (p.enhancer, p.task, p.dataset)]
    parts += [t.learner for t in session.trainings.values()]
    paths = paths_of(parts) if options.executor == "ray" else ()
    return executor_of(session.folder, request, options, devices, jobs, paths, session.reporter.note)


def executor_of(
    folder: RunFolder,
    request: Request,
    options: Options,
    devices: list[str],
    jobs: int,
    paths: Iterable[Path] = (),
    note: Callable[[str], None] = lambda text: None,
) -> Executor:
    """Start what does the steps of a run.

    Args:
        folder: the run's.
        request: what is run.
        options: how.
        devices: to work on.
        jobs: workers.
        paths: that the run's parts read, for machines that must see them, too.
        note: told what a person should read at once.
    """
    # Independent of the number of jobs: how many threads train together decides how sums are rounded.
    threads = os.cpu_count() or 1
    setup = WorkerSetup(request.plugin_files, str(cache_home()), devices[0], threads)
    if options.debug:
        from radbench.engine.run.executors.here import HereExecutor

        return HereExecutor(setup)
    if options.executor == "ray":
        from radbench.engine.run.executors.ray import RayExecutor

        on_card = devices != ["cpu"]
        return RayExecutor(
            setup, on_card, jobs, options.timeout, options.memory_mb, folder.logs.absolute(), [*paths], note
        )
    limit = training_limit = options.memory_mb * 2**20
    if not limit:
        free = free_memory()
        limit, training_limit = free // jobs, free if devices == ["cpu"] else 0
    return LocalExecutor(setup, devices, jobs, options.timeout, limit, folder.logs, training_limit)


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
