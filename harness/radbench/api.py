"""The same from Python: run a plan, read a leaderboard, apply one enhancer."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts.case import CaseInfo
from radbench.contracts.enhancement import Enhancement
from radbench.contracts.errors import RadbenchError, UsageError
from radbench.engine.keep.homes import cache_home
from radbench.engine.keep.store import Store
from radbench.engine.plan.applicability import why_no_part
from radbench.engine.plan.learning import trainings_of, weights_of
from radbench.engine.plan.pairs import make_plan, once, plan_enhancer, plan_trainings
from radbench.engine.plan.parts import Part
from radbench.engine.plan.request import Request
from radbench.engine.plan.steps import Live
from radbench.engine.run.reporting import Reporter, Silent
from radbench.engine.run.running import FinishedTrainings, Options, pick_devices, run_trainings
from radbench.engine.run.trained import Trained
from radbench.engine.work.enhance import LiveEnhancer
from radbench.engine.work.enhance import enhance as enhance_images
from radbench.engine.work.living import Living
from radbench.leaderboard.running import Finished, run_plan
from radbench.registry.discovery import plugin_paths
from radbench.registry.registry import Registry, load_registry

__all__ = [
    "Finished",
    "FinishedTrainings",
    "Options",
    "enhance",
    "load_enhancer",
    "pick_devices",
    "read_leaderboard",
    "run",
    "run_plan",
    "run_trainings",
    "show",
    "train",
]

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from torch import Tensor

    from radbench.leaderboard.notebook import Shown


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
    precision: str = "float32",
    allow_leakage: bool = False,
    null: bool = False,
    shard: str = "",
    device: str = "auto",
    jobs: int = 0,
    timeout: float = 600.0,
    memory_mb: int = 0,
    out: str | Path | None = None,
    retry_failed: bool = False,
    debug: bool = False,
    keep: str = "images",
    log: str | Sequence[str] = (),
    executor: str = "local",
    address: str = "",
) -> pd.DataFrame:
    """Score enhancers under tasks and return the leaderboard, as ``bench run`` does.

    Args:
        enhancers, tasks: names or variants (``"grabcut[input=stacked]"``), a comma list or a sequence.
        dataset: a name or variant; "" takes each task's own.
        profile: "quick" or "paper".
        seeds: one seed or several.
        limit: at most so many cases of the split that is scored, 0 for all.
        overrides: fields to set for all: ``{"task": {"input": "stacked"}}``.
        plugins: plugin files beyond the installed ones.
        precision: of trainings, "float32" or "mixed".
        allow_leakage: score learners on patients that they learnt from; the rows say so.
        null: beside every enhancer X but the original its control ``null[of=X]``, what a tone curve alone would do.
        shard: "i/n" for one of n parts of the plan, for n machines whose runs ``bench merge`` joins.
        device, jobs, timeout, memory_mb, out, retry_failed, debug, keep, log, executor, address: see :class:`Options`.

    Returns:
        The long leaderboard (schema version 2), also written to ``leaderboard.csv`` in the run folder.

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
        precision=precision,
        leakage=allow_leakage,
        null=null,
        shard=shard,
    )
    registry = load_registry(request.plugin_files)
    told = (log,) if isinstance(log, str) and log else tuple(log)
    folder = Path(out) if out else None
    options = Options(device, jobs, timeout, memory_mb, folder, retry_failed, debug, keep, told, executor, address)
    plan = make_plan(registry, request)
    for warning in registry.warnings:
        warnings.warn(warning, stacklevel=2)
    return run_plan(registry, plan, options, Silent()).frame


def train(
    enhancers: str | Sequence[str],
    *,
    profile: str = "quick",
    seeds: int | Sequence[int] = 0,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
    plugins: Sequence[str | Path] = (),
    precision: str = "float32",
    device: str = "auto",
    jobs: int = 0,
    timeout: float = 600.0,
    memory_mb: int = 0,
    out: str | Path | None = None,
    executor: str = "local",
    address: str = "",
) -> list[Trained]:
    """Train enhancers and keep their weights, as ``bench train`` does; what is trained already is left as it is.

    A later :func:`run` or :func:`enhance` with the same enhancer, profile and seed finds the weights.

    Args:
        enhancers: names or variants (``"lung-unet[trained_on=lidc]"``), a comma list or a sequence.
        profile, seeds, overrides, plugins, precision, device, jobs, timeout, memory_mb, out, executor, address: as for
            :func:`run`.

    Returns:
        how each training ended; one that failed stops no other.

    Raises:
        UsageError: a name, field, value or folder is wrong, or an enhancer does not train; nothing was trained.
        RunAbortedError: the machine stopped it (disk full); what is learnt so far is kept.
    """
    request = Request(
        enhancers=(enhancers,) if isinstance(enhancers, str) else tuple(enhancers),
        tasks=(),
        profile=profile,
        seeds=tuple(map(_whole, seeds if isinstance(seeds, Iterable) else (seeds,))),
        overrides={k: {f: _typed(v) for f, v in fields.items()} for k, fields in (overrides or {}).items()},
        plugin_files=plugin_paths(plugins),
        precision=precision,
    )
    registry = load_registry(request.plugin_files)
    folder = Path(out) if out else None
    options = Options(device, jobs, timeout, memory_mb, folder, executor=executor, address=address)
    trainings = plan_trainings(registry, request)
    for warning in registry.warnings:
        warnings.warn(warning, stacklevel=2)
    return run_trainings(trainings, request, options, Silent()).trained


def _whole(seed: Any) -> Any:
    # A NumPy integer is as good a seed; anything else is refused as it is.
    return int(seed) if isinstance(seed, Integral) and not isinstance(seed, bool) else seed


def _typed(value: Any) -> str:
    """Return a value as it would be typed on the command line."""
    return json.dumps(value) if isinstance(value, list | tuple | dict) else str(value)


def read_leaderboard(path: str | Path) -> pd.DataFrame:
    """Read and validate a leaderboard CSV, or that of a run folder.

    Raises:
        SchemaError: it does not follow the schema; the message names file, row and column.
        UsageError: there is no such file.
    """
    from radbench.leaderboard.schema import read_leaderboard as read

    path = Path(path)
    return read(path / "leaderboard.csv" if path.is_dir() else path)


def show(
    frame: pd.DataFrame,
    *,
    metric: str | None = None,
    task: str | None = None,
    group: str | None = None,
    facet: str | None = None,
    columns: Sequence[str] = (),
    numbers: Sequence[str] = ("value", "interval", "delta", "delta-interval", "stars"),
) -> Shown:
    """Return a leaderboard as a notebook draws it, and ``print`` prints it: the tables of ``bench leaderboard``.

    Args:
        frame: rows in the schema's columns, as :func:`run` and :func:`read_leaderboard` return them.
        metric, task, group, facet: this one alone.
        columns: of one table for a paper instead, each "TASK:METRIC:GROUP" as ``bench leaderboard --column`` takes it.
        numbers: what its cells show, as ``--show`` takes them.

    Raises:
        UsageError: there is no such metric, task, group or facet in it.
    """
    from radbench.leaderboard.exports import select
    from radbench.leaderboard.notebook import Shown
    from radbench.leaderboard.paper import paper_tables, shown, side_by_side
    from radbench.leaderboard.tabulate import tables

    rows = select(frame, metric, task, group, facet)
    if columns:
        return Shown([side_by_side(paper_tables(rows, columns, shown(",".join(numbers))))])
    return Shown(list(tables(rows)))


def enhance(
    name: str,
    images: Tensor | NDArray[Any],
    *,
    cases: Sequence[CaseInfo] | None = None,
    profile: str = "quick",
    seed: int = 0,
    device: str = "cpu",
    precision: str = "float32",
    plugins: Sequence[str | Path] = (),
) -> Enhancement:
    """Apply one enhancer; one that learns is trained first, where it is not yet (see :func:`train`).

    Args:
        name: an enhancer or variant (``"clahe[clip_limit=0.02]"``).
        images: float32 ``[B,1,H,W]`` in [0,1], dense is bright; a tensor or an array.
        cases: identities, for enhancers that go by them.
        profile: "quick" or "paper".
        seed: for enhancers that draw random numbers, and to find trained weights.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: of the training whose weights are used, "float32" or "mixed".
        plugins: plugin files beyond the installed ones.

    Returns:
        The enhanced images, float32 ``[B,1,H,W]`` in [0,1], and the enhancer's layers.

    Raises:
        UsageError: the name, a field or the images are wrong.
        RadbenchError: the enhancer had to be trained first (on ``device``, with its own folder under ``runs/``), and
            that failed.
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
    files = plugin_paths(plugins)
    enhancer = load_enhancer(
        load_registry(files),
        name,
        profile=profile,
        seed=seed,
        device=device,
        precision=precision,
        plugin_files=files,
    )
    results = []
    # One at a time, as a run does: neither the batch nor its order may change a bit.
    for image, info in zip(images, infos, strict=True):
        results.append(enhance_images(enhancer, image[None].to(device), [info], seed, info.case_id))
    layers = {k: torch.cat([r.layers[k] for r in results]) for k in results[0].layers}
    return Enhancement(torch.cat([r.image for r in results]), layers)


def load_enhancer(
    registry: Registry,
    name: str,
    *,
    profile: str,
    seed: int,
    device: str,
    precision: str = "float32",
    plugin_files: Sequence[str] = (),
    options: Options | None = None,
    reporter: Reporter | None = None,
) -> LiveEnhancer:
    """Return an enhancer ready to be called; what it or a part of it has to learn is learnt first, where it is not yet.

    Args:
        registry: of the installed plugins and those of ``plugin_files``, which a training needs again.
        options: how to train; by default on ``device``.
        reporter: told of a training's progress.

    Raises:
        UsageError: the name or a field is wrong.
        RadbenchError: a training failed; the message says how, and where the traceback is.
    """
    request = Request(
        (name,), (), profile=profile, seeds=(seed,), precision=precision, plugin_files=tuple(plugin_files)
    )
    part = plan_enhancer(registry, request)
    store = Store(cache_home())
    _learn_first(part, request, store, options or Options(device), reporter or Silent())
    if device != "cpu":
        import torch

        torch.cuda.init()  # so that it is seeded before its first use
    live = Live(part.asked, weights_of(part, seed, request.precision), seed)
    return Living(registry, store, device).enhancer(live)


def _learn_first(part: Part, request: Request, store: Store, options: Options, reporter: Reporter) -> None:
    if reason := why_no_part(part):
        raise UsageError(reason)
    wanted = once(trainings_of(part, request.seeds[0], request.precision))
    if all(store.has_weights(training.key) for training in wanted):
        return
    finished = run_trainings(wanted, request, options, reporter)
    for one in finished.trained:
        if one.error:
            raise RadbenchError(
                f"{one.training.name} cannot be trained ({one.status}): {one.error}; "
                f"more is in {finished.folder.details}"
            )
