"""The same from Python: run a plan, read a leaderboard, apply one enhancer."""

from __future__ import annotations

import json
import os
import re
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts.case import CaseInfo
from radbench.contracts.enhancement import Enhancement
from radbench.contracts.errors import UsageError
from radbench.contracts.folders import cache_folder
from radbench.engine.apply import LoadedEnhancer, seed_everything
from radbench.engine.executors.local import LocalExecutor, free_memory
from radbench.engine.failures import RunAbortedError
from radbench.engine.journal import RunFolder, default_folder
from radbench.engine.plan import Pair, Plan, make_plan, plan_enhancer
from radbench.engine.preparation import prepare, preparers
from radbench.engine.reporting import Reporter, Silent
from radbench.engine.request import Request
from radbench.engine.session import Outcome, Session
from radbench.engine.store import Store, StoreError
from radbench.engine.worker import WorkerSetup
from radbench.registry.discovery import one_line, plugin_paths
from radbench.registry.registry import Registry, load_registry

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from torch import Tensor

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


def run(
    enhancers: str | Sequence[str],
    tasks: str | Sequence[str],
    dataset: str = "",
    *,
    profile: str = "quick",
    seeds: int | Sequence[int] = 0,
    limit: int = 0,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    plugins: Sequence[str | Path] = (),
    device: str = "auto",
    jobs: int = 0,
    timeout: float = 600.0,
    memory_mb: int = 0,
    out: str | Path | None = None,
    retry_failed: bool = False,
) -> pd.DataFrame:
    """Score enhancers under tasks and return the leaderboard, as ``bench run`` does.

    Args:
        enhancers, tasks: names or variants (``"grabcut[input=stacked]"``), a comma list or a sequence.
        dataset: a name or variant; "" takes each task's own.
        profile: "quick" or "paper".
        seeds: one seed or several.
        limit: at most so many cases per split, 0 for all.
        overrides: fields to set for all: ``{"task": {"input": "stacked"}}``.
        plugins: plugin files beyond the installed ones.
        device, jobs, timeout, memory_mb, out, retry_failed: see :class:`Options`.

    Returns:
        The long leaderboard (schema version 1), also written to ``leaderboard.csv`` in the run folder.

    Raises:
        UsageError: a name, field, value or folder is wrong; nothing was run.
        RunAbortedError: the machine stopped the run (disk full); what is done is kept.
    """
    request = Request(
        enhancers=(enhancers,) if isinstance(enhancers, str) else tuple(enhancers),
        tasks=(tasks,) if isinstance(tasks, str) else tuple(tasks),
        dataset=dataset,
        profile=profile,
        seeds=tuple(map(_whole, seeds if isinstance(seeds, Iterable) else (seeds,))),
        limit=limit,
        overrides={k: {f: _typed(v) for f, v in fields.items()} for k, fields in (overrides or {}).items()},
        plugin_files=plugin_paths(plugins),
    )
    registry = load_registry(request.plugin_files)
    options = Options(device, jobs, timeout, memory_mb, Path(out) if out else None, retry_failed)
    plan = make_plan(registry, request)
    for warning in registry.warnings:
        warnings.warn(warning, stacklevel=2)
    return run_plan(registry, plan, options, Silent()).frame


def _whole(seed: Any) -> Any:
    # A NumPy integer is as good a seed; anything else is refused as it is.
    return int(seed) if isinstance(seed, Integral) and not isinstance(seed, bool) else seed


def _typed(value: Any) -> str:
    """Return a value as it would be typed on the command line."""
    return json.dumps(value) if isinstance(value, list | tuple | dict) else str(value)


def run_plan(registry: Registry, plan: Plan, options: Options, reporter: Reporter) -> Finished:
    """Run a plan in its folder; see :func:`run`."""
    from radbench.leaderboard.view import git_commit, journal_run, write_leaderboard, write_what_there_is

    started = time.monotonic()
    folder = RunFolder(options.out or default_folder(plan.digest, plan.title))
    devices = pick_devices(options.device)
    jobs = options.jobs or (len(devices) if devices != ["cpu"] else os.cpu_count() or 1)
    folder.open()
    try:
        journal_run(folder, plan, git_commit())
        listeners = _Listeners(registry, folder, reporter)
        session = Session(plan, folder, Store(cache_folder()), reporter, listeners, options.retry_failed)
        steps = session.prepare(jobs)
        if steps:
            session.store.probe()
        executor = None
        try:
            try:
                if session.preparations:
                    executor = _preparers(plan, options, session, folder)
                    prepare(session.preparations, executor, reporter, session.not_prepared)
                    executor.close()
                executor = _executor(plan, options, devices, min(jobs, len(steps)), folder) if steps else None
                outcome = session.run(executor)
            finally:
                if executor is not None:
                    executor.close()
        except BaseException:
            write_what_there_is(folder)
            raise
        return Finished(write_leaderboard(folder), folder, outcome, time.monotonic() - started)
    except StoreError as e:
        raise RunAbortedError(e) from e
    finally:
        folder.close()


def _preparers(plan: Plan, options: Options, session: Session, folder: RunFolder) -> LocalExecutor:
    return preparers(
        session.preparations,
        plan.request.plugin_files,
        options.jobs,
        folder.logs,
        timeout=options.timeout,
        memory_limit=options.memory_mb * 2**20,
    )


def _executor(plan: Plan, options: Options, devices: list[str], jobs: int, folder: RunFolder) -> LocalExecutor:
    # Independent of the number of jobs: how many threads train together decides how sums are rounded.
    threads = os.cpu_count() or 1
    setup = WorkerSetup(plan.request.plugin_files, str(cache_folder()), devices[0], threads)
    limit = options.memory_mb * 2**20 or free_memory() // jobs
    return LocalExecutor(setup, devices, jobs, options.timeout, limit, folder.logs)


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


def read_leaderboard(path: str | Path) -> pd.DataFrame:
    """Read and validate a leaderboard CSV, or that of a run folder.

    Raises:
        SchemaError: it does not follow the schema; the message names file, row and column.
        UsageError: there is no such file.
    """
    from radbench.leaderboard.schema import read_leaderboard as read

    path = Path(path)
    return read(path / "leaderboard.csv" if path.is_dir() else path)


def enhance(
    name: str,
    images: Tensor | NDArray[Any],
    *,
    cases: Sequence[CaseInfo] | None = None,
    profile: str = "quick",
    seed: int = 0,
    device: str = "cpu",
    plugins: Sequence[str | Path] = (),
) -> Enhancement:
    """Apply one enhancer.

    Args:
        name: an enhancer or variant (``"clahe[clip_limit=0.02]"``).
        images: float32 ``[B,1,H,W]`` in [0,1], dense is bright.
        cases: identities, for enhancers that go by them.
        profile: "quick" or "paper".
        seed: for enhancers that draw random numbers, and to find trained weights.
        device: "auto", "cpu", "cuda" or "cuda:N".
        plugins: plugin files beyond the installed ones.

    Returns:
        The enhanced images, float32 ``[B,1,H,W]`` in [0,1], and the enhancer's layers.

    Raises:
        UsageError: the name, a field or the images are wrong, or the enhancer has not been trained yet.
        InvalidOutputError: the enhancer broke its contract.
    """
    import torch

    images = torch.as_tensor(images)
    if images.ndim != 4 or images.shape[1] != 1 or images.dtype != torch.float32 or not images.numel():
        raise UsageError(f"images must be float32 [B,1,H,W], got {images.dtype} {list(images.shape)}")
    if not bool(torch.isfinite(images).all()) or float(images.min()) < 0 or float(images.max()) > 1:
        raise UsageError("images must be finite and lie in [0,1]")
    infos = list(cases) if cases is not None else [CaseInfo(str(i), str(i)) for i in range(len(images))]
    if len(infos) != len(images):
        raise UsageError(f"{len(images)} images but {len(infos)} cases")
    device = pick_devices(device)[0]
    enhancer = load_enhancer(load_registry(plugin_paths(plugins)), name, profile=profile, seed=seed, device=device)
    results = []
    # One at a time, as a run does: neither the batch nor its order may change a bit.
    for image, info in zip(images, infos, strict=True):
        seed_everything(seed, info.case_id)
        results.append(enhancer(image[None].to(device), [info]))
    layers = {k: torch.cat([r.layers[k] for r in results]) for k in results[0].layers}
    return Enhancement(torch.cat([r.image for r in results]), layers)


def load_enhancer(registry: Registry, name: str, *, profile: str, seed: int, device: str) -> LoadedEnhancer:
    """Return an enhancer ready to be called; one that trains gets the weights of its earlier fit.

    Raises:
        UsageError: the name or a field is wrong, or it has not been trained yet.
    """
    request = Request(enhancers=(name,), tasks=(), profile=profile, seeds=(seed,))
    planned = plan_enhancer(registry, request)
    if device != "cpu":
        import torch

        torch.cuda.init()  # so that it is seeded before its first use
    seed_everything(seed, "build")
    enhancer = LoadedEnhancer(planned.resolved)
    key = planned.fit_key(seed, request.precision)
    if key is not None:
        store = Store(cache_folder())
        if not store.has_weights(key):
            raise UsageError(f"enhancer '{name}' has not been trained yet: run 'bench run' with it first")
        enhancer.load_weights(store.load_weights(key)[0])
    if hasattr(enhancer.object, "to"):
        enhancer.object.to(device)
    return enhancer
