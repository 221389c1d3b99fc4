"""Fitting: train an enhancer inside a worker: one process at a time, and on from where a kill left it."""

from __future__ import annotations

import json
import platform
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TextIO

from radbench.contracts.atomic import replace_file
from radbench.contracts.case import Case
from radbench.contracts.dataset import CaseEntry
from radbench.contracts.enhancement import FitContext
from radbench.contracts.errors import PluginError
from radbench.engine.apply import LoadedEnhancer, seed_everything
from radbench.engine.failures import message_of
from radbench.engine.samples import Lazy
from radbench.engine.steps import Step
from radbench.engine.store import Store, StoreError
from radbench.registry.registry import Resolved

Tell = Callable[..., None]

_CLOCK_EVERY = 5.0


def fit(
    step: Step,
    resolved: Resolved,
    store: Store,
    device: str,
    threads: int,
    load: Callable[[CaseEntry], Case],
    tell: Tell,
) -> None:
    """Train the enhancer of a step and keep its weights, the facts about them and its curves.

    What it left in its work folder goes with the end of the training; tables (``*.csv``) stay beside the weights.

    Args:
        threads: of the processor. Their number decides how sums are rounded, and so the weights' last bits: it must be
            the same for every training on a machine.
        load: gives a case that the enhancer may keep and change.
        tell: of the "estimate", of "progress", of each "warning".

    Raises:
        Exception: whatever the enhancer raises.
        StoreError: the weights cannot be kept.
    """
    import torch

    key = str(step.fit_key)
    with store.training_alone(key, lambda: tell("progress", done=0, total=0, text="another process trains just this")):
        if store.has_weights(key):
            return
        workdir = store.weights_folder(key) / "checkpoints"
        workdir.mkdir(parents=True, exist_ok=True)
        file = workdir / "seconds.json"
        # A killed attempt that kept nothing of use is no part of this training.
        resumed = any(found != file and found.suffix != ".csv" for found in workdir.iterdir())
        clock = _Clock(file, resumed)

        def progress(done: int, total: int, text: str) -> None:
            clock.tick()
            tell("progress", done=int(done), total=int(total), text=str(text))

        cases = {split: Lazy(entries, load) for split, entries in step.entries.items()}
        context = FitContext(device, step.seed, workdir, progress, cases["validation"], step.precision)
        torch.set_num_threads(threads)
        try:
            # A worker that was lost may have been so in the estimate: the training can do without.
            if not step.singly:
                _estimate(step, resolved, cases["train"], context, resumed, tell)
            # After the estimate, which must not change a bit of what comes.
            seed_everything(step.seed, "fit")
            enhancer = _built(resolved)
            clock.start()
            with _said_aloud(tell):
                enhancer.object.fit(cases["train"], context)
        finally:
            torch.set_num_threads(1)
        facts = {
            "fit_seconds": clock.seconds(),
            "device": device_name(device),
            "threads": threads,
            "parameters": enhancer.parameters(),
            "trained_on": step.dataset.variant.label,
            "cases": {split: len(entries) for split, entries in step.entries.items()},
            **_own_facts(enhancer),
        }
        try:
            for table in workdir.glob("*.csv"):
                replace_file(store.weights_folder(key) / table.name, table.read_bytes())
        except OSError as e:
            raise StoreError(f"cannot keep the curves of '{workdir}': {e.strerror or e}") from e
        store.save_weights(key, enhancer.object.state_dict(), facts)
        shutil.rmtree(workdir, ignore_errors=True)


def _built(resolved: Resolved) -> LoadedEnhancer:
    enhancer = LoadedEnhancer(resolved)
    for name in ("fit", "state_dict", "load_state_dict"):
        if not hasattr(enhancer.object, name):
            raise PluginError(f"enhancer '{enhancer.name}' is declared trainable but offers no {name}")
    return enhancer


def _estimate(
    step: Step, resolved: Resolved, cases: Sequence[Case], context: FitContext, resumed: bool, tell: Tell
) -> None:
    """Tell how long the training will take, where the enhancer can say; on an object and in a folder of its own."""
    if not hasattr(resolved.factory, "estimate"):
        return
    facts: dict[str, Any] = {"seconds": None, "message": "", "resumed": resumed, "device": device_name(context.device)}
    seed_everything(step.seed, "estimate")
    try:
        with tempfile.TemporaryDirectory() as folder:
            apart = replace(context, workdir=Path(folder))
            facts["seconds"] = float(_built(resolved).object.estimate(cases, apart))
    except Exception as e:
        # What is really wrong, the training will meet, too.
        facts["message"] = message_of(e)
    tell("estimate", **facts)


@contextmanager
def _said_aloud(tell: Tell) -> Iterator[None]:
    """Tell of a plugin's warnings (of features that are not pretrained, of a damaged checkpoint), each once."""
    told: set[str] = set()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        # Those of torch are about its insides; the log has them.
        if issubclass(category, UserWarning) and "torch" not in Path(filename).parts and str(message) not in told:
            told.add(str(message))
            tell("warning", message=str(message))
        else:
            sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield


def _own_facts(enhancer: LoadedEnhancer) -> Mapping[str, Any]:
    """Return what the enhancer says of itself beyond its weights, as the optional ``facts()`` gives it."""
    if not hasattr(enhancer.object, "facts"):
        return {}
    found = enhancer.object.facts()
    if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
        raise PluginError(f"enhancer '{enhancer.name}': its facts() must give values by name, got {found!r}")
    return {"facts": {name: str(value) for name, value in found.items()}}


class _Clock:
    """Counts the seconds of a training over all its attempts."""

    def __init__(self, file: Path, resumed: bool) -> None:
        self.file = file
        try:
            self.before = float(json.loads(file.read_text())) if resumed else 0.0
        except (OSError, ValueError, TypeError):
            self.before = 0.0
        self.start()

    def start(self) -> None:
        self.started = self.kept = time.perf_counter()

    def seconds(self) -> float:
        return self.before + time.perf_counter() - self.started

    def tick(self) -> None:
        if time.perf_counter() - self.kept < _CLOCK_EVERY:
            return
        self.kept = time.perf_counter()
        try:
            replace_file(self.file, json.dumps(self.seconds()).encode())
        except OSError as e:
            raise StoreError(f"cannot write '{self.file}': {e.strerror or e}") from e


@cache
def device_name(device: str) -> str:
    """Return how the leaderboard names a device: the processor's or the card's own name."""
    if device != "cpu":
        import torch

        return str(torch.cuda.get_device_name(device))
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return "cpu: " + line.partition(":")[2].strip()
    return f"cpu: {platform.processor() or platform.machine()}"
