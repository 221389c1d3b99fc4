"""The local executor: warm worker processes, watched for death, silence and memory, and replaced when lost."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import psutil

from radbench.contracts.results import Status
from radbench.engine.plan.steps import Step
from radbench.engine.run.executors.executor import Event
from radbench.engine.run.executors.import_path import without_current_folder
from radbench.engine.work import frames
from radbench.engine.work.worker import WorkerSetup

_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_WATCH_SECONDS = 0.05
_START_SECONDS = 300.0
_STARTS = 3
"""Workers in the same place that may die one after the other before one is ready: the last of them ends the run."""

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


class _Worker:
    """One process, its reader thread and what it is doing."""

    def __init__(self, name: int, setup: WorkerSetup, log: Path, inbox: queue.Queue[Any]) -> None:
        self.name = name
        self.step: Step | None = None
        self.chunk: int | None = None
        self.case: dict[str, Any] = {}
        self.ready, self.last_sign = False, time.monotonic()
        self.log = open_log(log)
        threads = {**dict.fromkeys(_ONE_THREAD, "1"), "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
        environment = without_current_folder(os.environ) | threads
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "radbench.engine.work.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=environment,
            start_new_session=True,
        )
        self.watched = psutil.Process(self.process.pid)
        self.send(setup)
        threading.Thread(target=self._read, args=(inbox,), daemon=True).start()

    def send(self, message: Any) -> None:
        assert self.process.stdin is not None
        try:
            frames.send(self.process.stdin, message)  # type: ignore[arg-type]
        except OSError:
            return  # it died; the reader thread tells so

    def _read(self, inbox: queue.Queue[Any]) -> None:
        assert self.process.stdout is not None
        while True:
            try:
                message = frames.receive(self.process.stdout)  # type: ignore[arg-type]
            except (EOFError, OSError, ValueError):
                inbox.put((self, None))
                return
            inbox.put((self, message))

    def resident(self) -> int:
        """Return its resident memory in bytes, 0 once it is gone."""
        try:
            return int(self.watched.memory_info().rss)
        except psutil.Error:
            return 0

    def kill(self) -> None:
        """End it and whatever it started."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self.process.kill()
        self.process.wait()
        self.log.close()


class LocalExecutor:
    """Runs steps in ``jobs`` worker processes.

    Args:
        setup: what every worker is started with; ``devices`` are handed out in turn.
        devices: "cpu" or "cuda:N".
        jobs: how many workers.
        timeout: seconds without a sign of life (a case begun, a progress report) after which a step is ended.
        memory_limit: bytes of resident memory after which a step is ended.
        logs: folder for what workers print.
        training_limit: bytes for a training that has the machine to itself, 0 for those of any step.
    """

    def __init__(
        self,
        setup: WorkerSetup,
        devices: list[str],
        jobs: int,
        timeout: float,
        memory_limit: int,
        logs: Path,
        training_limit: int = 0,
    ) -> None:
        self.setup, self.devices, self.jobs = setup, devices, jobs
        self.timeout, self.memory_limit, self.logs = timeout, memory_limit, logs
        self.training_limit = training_limit or memory_limit
        self.inbox: queue.Queue[Any] = queue.Queue()
        self.failed_starts: Counter[int] = Counter()
        self.workers = {i: self._start(i) for i in range(jobs)}

    def _start(self, name: int) -> _Worker:
        device = self.devices[name % len(self.devices)]
        setup = WorkerSetup(self.setup.plugin_files, self.setup.store, device, self.setup.threads)
        return _Worker(name, setup, self.logs / f"worker-{name}.log", self.inbox)

    def idle(self) -> list[tuple[int, int | None]]:
        """Return the workers that wait for a step, each with the chunk whose cases it has in memory.

        None while a training runs on the processor: it uses every core, and a second one beside it would slow both.
        """
        if any(self._trains(w) and not self._on_card(w) for w in self.workers.values()):
            return []
        return [(w.name, w.chunk) for w in self.workers.values() if w.ready and w.step is None]

    def _on_card(self, worker: _Worker) -> bool:
        return self.devices[worker.name % len(self.devices)] != "cpu"

    @staticmethod
    def _trains(worker: _Worker) -> bool:
        return worker.step is not None and worker.step.kind == "fit"

    def submit(self, worker: int, step: Step) -> None:
        """Give a step to an idle worker."""
        w = self.workers[worker]
        w.step, w.chunk, w.case, w.last_sign = step, step.chunk, {}, time.monotonic()
        w.send(step)

    def events(self) -> Iterator[Event]:
        """Yield what happened; waits a moment when nothing did."""
        try:
            yield from self._event(*self.inbox.get(timeout=_WATCH_SECONDS))
            while True:
                yield from self._event(*self.inbox.get_nowait())
        except queue.Empty:
            pass
        yield from self._watch()

    def _event(self, worker: _Worker, message: Any) -> Iterator[Event]:
        if self.workers.get(worker.name) is not worker:
            return  # a word from a worker that was replaced
        if message is None:
            worker.process.wait()
            yield from self._lost(worker, *_death(worker.process.returncode))
            return
        number, name, facts = message
        worker.last_sign = time.monotonic()
        if name == "ready":
            worker.ready = True
            del self.failed_starts[worker.name]
            return
        if name == "unusable":
            yield Event(-1, "fatal", facts)
            return
        if name == "case":
            worker.case = facts
        if name in ("done", "error", "fatal"):
            if self._trains(worker) and worker.resident() > self.memory_limit:
                # It had more room than a step, and did not give it back.
                worker.kill()
                self.workers[worker.name] = self._start(worker.name)
            worker.step = None
        yield Event(number, name, facts)

    def _watch(self) -> Iterator[Event]:
        now = time.monotonic()
        for worker in list(self.workers.values()):
            if not worker.ready:
                if now - worker.last_sign > _START_SECONDS:
                    worker.kill()
                    yield Event(-1, "fatal", {"message": f"a worker did not start within {_START_SECONDS:.0f} s"})
                continue
            if worker.step is None:
                continue
            if now - worker.last_sign > self.timeout:
                what = f"no sign of life for {self.timeout:g} s (--timeout)"
                yield from self._lost(worker, Status.TIMEOUT, what)
            elif worker.resident() > (limit := self.training_limit if self._trains(worker) else self.memory_limit):
                what = f"took more than {limit / 2**20:.0f} MiB of memory (--memory-mb)"
                yield from self._lost(worker, Status.OUT_OF_MEMORY, what)

    def _lost(self, worker: _Worker, status: Status, what: str) -> Iterator[Event]:
        if not worker.ready:
            self.failed_starts[worker.name] += 1
            with contextlib.suppress(OSError):  # no room left for a note is no reason to end the run
                worker.log.write(f"this worker died while starting: {what}\n".encode())
        worker.kill()
        if (times := self.failed_starts[worker.name]) >= _STARTS:
            where = f"a worker died while starting, {times} times in a row"
            yield Event(-1, "fatal", {"message": f"{where}: {what}; see {self.logs}"})
            return
        self.workers[worker.name] = self._start(worker.name)
        if worker.step is None:
            return
        facts = {"status": str(status), "message": what, **worker.case}
        yield Event(worker.step.number, "lost", facts)

    def close(self) -> None:
        """End all workers; what they told and nobody heard is forgotten."""
        workers, self.workers = self.workers, {}
        for worker in workers.values():
            worker.kill()


def open_log(path: Path) -> IO[bytes]:
    """Return the log of a worker, to be written on; nobody else may read it, and no link leads elsewhere."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NO_LINK, 0o600), "ab")


def free_memory() -> int:
    """Return nine tenths of the bytes that are free, within what a container grants."""
    free = int(psutil.virtual_memory().available)
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        if Path(file).exists() and (text := Path(file).read_text().strip()).isdigit():
            free = min(free, int(text))
    return free * 9 // 10


def _death(code: int) -> tuple[Status, str]:
    if code < 0:
        name = signal.Signals(-code).name
        hint = ", as the system does when memory runs out" if name == "SIGKILL" else ""
        return Status.CRASHED, f"the worker process was killed by {name}{hint}"
    return Status.CRASHED, f"the worker process ended with exit status {code}"
