"""Training: a learner is fitted once for everybody, on from where a kill left it, and its weights are kept."""

from __future__ import annotations

import json
import platform
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

from radbench.contracts.atomic import replace_file
from radbench.contracts.errors import PluginError
from radbench.contracts.learning import FitContext, Lessons
from radbench.engine.keep.store import Store, StoreError
from radbench.engine.plan.steps import Step
from radbench.engine.work.fit import fit
from radbench.engine.work.remarks import remarks_to

Tell = Callable[..., None]

_CLOCK_EVERY = 5.0


def train(
    step: Step,
    build: Callable[[], Any],
    lessons: Lessons,
    facts: Mapping[str, Any],
    store: Store,
    device: str,
    threads: int,
    check: Callable[[], None],
    tell: Tell,
) -> None:
    """Train the learner of a step and keep its weights, the facts about them and what it left beside them.

    Args:
        step: the fit.
        build: gives the learner, without weights.
        lessons: what it learns from.
        facts: what is to be kept with the weights beyond what is measured here.
        store: where weights are kept.
        device: to train on.
        threads: of the processor. Their number decides how sums are rounded, and so the weights' last bits: it must be
            the same for every training on a machine.
        check: called before anything is kept; raises where the step's code is not what its key says.
        tell: of the "estimate", of "progress", of each "warning".

    Raises:
        Exception: whatever the learner raises.
        StoreError: the weights cannot be kept.
    """
    import torch

    key = step.key
    with store.training_alone(key, lambda: tell("progress", done=0, total=0, text="another process trains just this")):
        if store.has_weights(key):
            return
        workdir, beside = (store.weights_folder(key) / name for name in ("checkpoints", "beside"))
        for folder in (workdir, beside):
            folder.mkdir(parents=True, exist_ok=True)
        file = workdir / "seconds.json"
        # A killed attempt that kept nothing of use is no part of this training.
        resumed = any(found != file for found in workdir.iterdir())
        clock = _Clock(file, resumed)

        def progress(done: int, total: int, text: str) -> None:
            clock.tick()
            tell("progress", done=int(done), total=int(total), text=str(text))

        def expect(seconds: float) -> None:
            tell("estimate", seconds=float(seconds), resumed=resumed, device=device_name(device))

        assert step.learner is not None
        context = FitContext(device, step.seed, workdir, beside, progress, expect, step.precision)
        torch.set_num_threads(threads)
        try:
            learner = build()
            clock.start()
            with _said_aloud(tell):
                fit(learner, lessons, context)
        finally:
            torch.set_num_threads(1)
        check()
        state = learner.state_dict()
        kept = {
            **facts,
            "fit_seconds": clock.seconds(),
            "device": device_name(device),
            "threads": threads,
            "parameters": sum(t.numel() for t in state.values()) or None,
            **_own_facts(learner, step.learner.asked.label),
        }
        store.save_weights(key, state, kept)
        shutil.rmtree(workdir, ignore_errors=True)


def _said_aloud(tell: Tell) -> AbstractContextManager[None]:
    """Tell of a plugin's warnings (of features that are not pretrained, of a damaged checkpoint), each once."""
    told: set[str] = set()

    def hear(text: str) -> None:
        if text in told:
            sys.stderr.write(f"{text}\n")  # the log has them all
            return
        told.add(text)
        tell("warning", message=text)

    return remarks_to(hear)


def _own_facts(learner: Any, name: str) -> Mapping[str, Any]:
    """Return what the learner says of itself beyond its weights, as the optional ``facts()`` gives it."""
    if not hasattr(learner, "facts"):
        return {}
    found = learner.facts()
    if not isinstance(found, Mapping) or not all(isinstance(key, str) for key in found):
        raise PluginError(f"'{name}': its facts() must give values by name, got {found!r}")
    return {"facts": {key: str(value) for key, value in found.items()}}


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
