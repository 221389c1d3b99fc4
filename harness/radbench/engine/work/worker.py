"""Worker: a process that takes steps from its standard input and tells of them on its standard output; and what any
executor needs that does steps in a process: :func:`workbench`, :func:`told_of`, :func:`settings_restored`."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from radbench.engine.work.frames import receive, send

if TYPE_CHECKING:
    from collections.abc import Callable

    from radbench.engine.work.bench import Workbench

WARN = 1
"""Of torch's modes 0, 1 and 2 the one that warns where no deterministic algorithm is."""
COMPILER = "TORCHINDUCTOR_DETERMINISTIC"
"""Variable that says the same to torch's compiler."""


@dataclass(frozen=True)
class WorkerSetup:
    """What a worker is started with.

    Attributes:
        plugin_files: plugins beyond the installed ones.
        store: the cache folder.
        device: "cpu" or "cuda:N".
        threads: processor threads that training may use; everything else uses one.
    """

    plugin_files: tuple[str, ...]
    store: str
    device: str
    threads: int


class _Channel:
    """Messages to the parent; what plugins print goes to the log instead."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.lock, self.step = stream, threading.Lock(), -1

    def tell(self, event: str, **facts: Any) -> None:
        with self.lock:
            send(self.stream, (self.step, event, facts))


def main() -> None:
    """Run until the parent closes the pipe or dies."""
    faulthandler.enable()
    os.umask(0o077)  # what it keeps is its user's alone
    channel = _Channel(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)
    commands = os.fdopen(os.dup(0), "rb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    setup: WorkerSetup = receive(commands)
    threading.Thread(target=die_with, args=(os.getppid(),), daemon=True).start()
    try:
        bench = workbench(setup, channel.tell)
    except BaseException:
        channel.tell("unusable", message=traceback.format_exc(limit=-1), traceback=traceback.format_exc())
        return
    channel.tell("ready")
    while True:
        try:
            step = receive(commands)
        except EOFError:
            return
        channel.step = step.number
        try:
            bench.do(step)
        except BaseException as e:
            name, facts = told_of(e, bench.sentence(step, e))
            channel.tell(name, **facts)
        else:
            channel.tell("done")


def workbench(setup: WorkerSetup, tell: Callable[..., None]) -> Workbench:
    """Return where steps are done, with this process set as every worker is.

    Args:
        setup: of a worker.
        tell: called with the name and the facts of each event.
    """
    from radbench.engine.keep.store import Store
    from radbench.engine.work.bench import Workbench
    from radbench.engine.work.imports import Imports
    from radbench.registry.registry import load_registry

    import torch  # isort: skip

    torch.set_num_threads(1)
    be_deterministic()
    torch.backends.cudnn.benchmark = False
    if setup.device != "cpu":
        torch.cuda.set_device(setup.device)
        torch.cuda.init()  # so that it is seeded before its first use
    import cv2

    cv2.setNumThreads(1)
    imports = Imports()
    with imports.noted():
        registry = load_registry(setup.plugin_files)
    return Workbench(registry, Store(Path(setup.store)), setup.device, setup.threads, tell, imports)


def be_deterministic() -> None:
    """Have torch take deterministic algorithms and warn where it has none, in what is compiled too.

    As ``torch.use_deterministic_algorithms`` does, which loads torch's compiler for it: as long again as torch itself.
    """
    os.environ[COMPILER] = "1"  # what the compiler reads when it is loaded
    _deterministic(WARN)


def _deterministic(mode: int) -> None:
    import torch

    if "torch._inductor" in sys.modules:
        torch.use_deterministic_algorithms(mode > 0, warn_only=mode == WARN)
    else:
        torch.set_deterministic_debug_mode(mode)


@contextmanager
def settings_restored() -> Iterator[None]:
    """Put back in the end what :func:`workbench` sets for the whole process, whose libraries have one thread till then.

    For executors that work in a process which is not theirs alone.
    """
    import cv2
    import torch
    from threadpoolctl import threadpool_limits

    threads = cv2.getNumThreads(), torch.get_num_threads()
    deterministic, compiler = torch.get_deterministic_debug_mode(), os.environ.get(COMPILER)
    benchmark = torch.backends.cudnn.benchmark
    try:
        with threadpool_limits(1):
            yield
    finally:
        cv2.setNumThreads(threads[0])
        torch.set_num_threads(threads[1])
        os.environ.pop(COMPILER, None)
        if compiler is not None:
            os.environ[COMPILER] = compiler
        _deterministic(deterministic)
        torch.backends.cudnn.benchmark = benchmark


def told_of(error: BaseException, message: str) -> tuple[str, dict[str, Any]]:
    """Return the event, and its facts, that tells of what ended a step.

    Args:
        error: as it was caught.
        message: what :meth:`radbench.engine.work.bench.Workbench.sentence` says of it.
    """
    from radbench.engine.keep.pieces import DamagedPieceError
    from radbench.engine.keep.store import StoreError
    from radbench.engine.plan.resolver import SourceChangedError
    from radbench.engine.work.failures import status_of

    text = "".join(traceback.format_exception(error))
    facts = {"status": str(status_of(error)), "message": message, "traceback": text}
    # A step's frames may hold gigabytes through its traceback.
    error.__traceback__ = None
    if isinstance(error, StoreError):
        return "fatal", {"message": str(error), "traceback": text}
    # Keys that stand for what the plan saw, and lessons that are made again: nothing to remember.
    return "error", {"passing": isinstance(error, SourceChangedError | DamagedPieceError), **facts}


def die_with(parent: int) -> None:
    """Wait until a parent process is gone; then end this process, and its group where it leads one."""
    while os.getppid() == parent:
        time.sleep(0.5)
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)  # with whatever a plugin started
    os._exit(1)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
