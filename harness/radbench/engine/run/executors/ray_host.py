"""A Ray host: the actor on a node of a cluster that holds one local worker, watches it, and tells what it tells."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radbench.engine.plan.keys import engine_code
from radbench.engine.plan.steps import KINDS, Step
from radbench.engine.run.executors.executor import Event
from radbench.engine.run.executors.local import LocalExecutor, free_memory
from radbench.engine.work.worker import WorkerSetup
from radbench.version import __version__

_TELL_SECONDS = 0.2
"""What small cases tell goes together: a message of Ray's takes about a millisecond of processor time at both ends."""

_SEE_SECONDS = 40.0
"""How long a file may take to be seen: a network file system asks anew for a folder's content after at most 30 s."""

_MOST_PRINTED = 2**20
_ENDS = ("done", "error", "lost", "fatal")


@dataclass(frozen=True)
class HostSetup:
    """What a host is started with.

    Attributes:
        worker: what its worker is started with.
        timeout: seconds without a sign of life after which a step is ended.
        memory_mb: MiB after which a step is ended, 0 for the worker's share of what is free on the node.
        jobs: workers of the whole run, as many as which at most share a node.
        sign: a file in the cache folder that a node must see.
        paths: of plugins and data, which a node must see.
        engine: the digests of the code that does the steps, by kind, as the run's machine has it.
        environment: variables that the run's machine has set.
        folder: the run's current folder, from which relative paths go.
        logs: the run's folder of logs, for messages.
    """

    worker: WorkerSetup
    timeout: float
    memory_mb: int
    jobs: int
    sign: str
    paths: tuple[str, ...]
    engine: Mapping[str, str]
    environment: Mapping[str, str]
    folder: str
    logs: str


def engine_codes() -> dict[str, str]:
    """Return the digest of the code that does each kind of step, as it is installed here."""
    return {kind: engine_code(kind) for kind in KINDS}


class Host:
    """One worker on a node.

    Steps are done by :class:`radbench.engine.run.executors.local.LocalExecutor`, so that what crashes, hangs, eats
    memory or fails is the same here as on one machine.
    """

    def __init__(self, setup: HostSetup) -> None:
        self.setup = setup
        self.scratch: Path | None = None
        self.executor: LocalExecutor | None = None
        self.printed = 0

    def open(self) -> dict[str, Any]:
        """Start the worker and wait until it takes steps.

        Returns:
            node: its id; name: of its machine; cores: that Ray hands out there; wrong: why nothing can be done here,
            "" where it can; log: what was printed.
        """
        import ray

        node = ray.get_runtime_context().get_node_id()
        facts = next(one for one in ray.nodes() if one["NodeID"] == node)
        name, cores = facts["NodeManagerHostname"], int(facts["Resources"].get("CPU", 0))
        about = {"node": node, "name": name, "cores": cores, "log": b""}
        os.environ.update(self.setup.environment)
        if wrong := self._wrong():
            return {**about, "wrong": f"node '{name}' of the Ray cluster {wrong}"}
        if Path(self.setup.folder).is_dir():
            os.chdir(self.setup.folder)
        cards = int(facts["Resources"].get("GPU", 0))
        on_card = self.setup.worker.device != "cpu"
        limit = training_limit = self.setup.memory_mb * 2**20
        if not limit:
            free = free_memory()
            shares = max(1, min(self.setup.jobs, cards if on_card else cores))
            limit, training_limit = free // shares, 0 if on_card else free
        self.scratch = Path(tempfile.mkdtemp(prefix="radbench-"))
        self.executor = LocalExecutor(
            self.setup.worker,
            [self.setup.worker.device],
            1,
            self.setup.timeout,
            limit,
            self.scratch,
            training_limit,
        )
        fatal = next((event.facts["message"] for event in self._until_idle() if event.name == "fatal"), "")
        wrong = f"cannot start a worker: {fatal}" if fatal else ""
        return {**about, "wrong": wrong and f"node '{name}' of the Ray cluster {wrong}", "log": self._log()}

    def _wrong(self) -> str:
        """Return in words what a node lacks, "" where it lacks nothing."""
        folder = Path(self.setup.sign).parent
        if not _seen(Path(self.setup.sign), _SEE_SECONDS):
            return (
                f"does not see the cache folder '{folder}' of this machine: set RADBENCH_CACHE to a folder on a file "
                "system that all nodes share"
            )
        for path in self.setup.paths:
            if not _seen(Path(path)):
                return (
                    f"does not see '{path}': what plugins and data sets read must lie on a file system that all share"
                )
        here = engine_codes()
        if other := [kind for kind in KINDS if here[kind] != self.setup.engine[kind]]:
            return (
                f"does the step{'s' if len(other) > 1 else ''} {', '.join(other)} with other code than this machine "
                f"plans for (its radbench is {__version__}): install the same radbench there, on the same versions of "
                "its libraries"
            )
        return ""

    def do(self, step: Step) -> Iterator[tuple[list[Event], bytes]]:
        """Do a step, and be ready for the next.

        Yields:
            what was told, the last of it the step's end, and what was printed meanwhile.
        """
        assert self.executor is not None
        self.executor.submit(0, step)
        over = False
        while not over and self.executor.workers:
            found: list[Event] = []
            until = time.monotonic() + _TELL_SECONDS
            while not over and self.executor.workers and time.monotonic() < until:
                for event in self.executor.events():
                    found.append(self._named(event))
                    over = over or event.name in _ENDS
            log = self._log()
            if found or log:
                yield found, log
        rest = [self._named(event) for event in self._until_idle() if event.name == "fatal"]
        if rest:
            yield rest, self._log()

    def _until_idle(self) -> Iterator[Event]:
        """Wait until the worker, which may have been replaced, is ready; stop at what is fatal."""
        assert self.executor is not None
        while self.executor.workers and not self.executor.idle():
            for event in self.executor.events():
                yield event
                if event.name == "fatal":
                    return

    def _named(self, event: Event) -> Event:
        """Name the run's folder of logs where the one on this node, which nobody keeps, is named."""
        if event.name != "fatal":
            return event
        message = event.facts["message"].replace(str(self.scratch), self.setup.logs)
        return Event(event.step, event.name, {**event.facts, "message": message})

    def _log(self) -> bytes:
        """Return what the worker has printed since it was last asked, the rest of too much the next time."""
        if self.scratch is None:
            return b""
        try:
            with (self.scratch / "worker-0.log").open("rb") as file:
                file.seek(self.printed)
                found = file.read(_MOST_PRINTED)
        except OSError:
            return b""
        self.printed += len(found)
        return found

    def end(self) -> None:
        """End the worker, in the middle of a step, too; nothing of it is left on the node."""
        if self.executor is not None:
            self.executor.close()
        if self.scratch is not None:
            shutil.rmtree(self.scratch, ignore_errors=True)


class Reserve:
    """Holds processors of a node for a training beside those that its workers hold; does nothing."""

    def ready(self) -> bool:
        """Tell that they are held."""
        return True


def _seen(path: Path, seconds: float = 0.0) -> bool:
    """Tell whether a path is there, or comes to be seen within some seconds."""
    until = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() >= until or not path.parent.is_dir():
            return False
        # Reading the folder makes a network file system ask for its content anew.
        os.listdir(path.parent)  # noqa: PTH208
        time.sleep(0.5)
    return True


def shown(paths: Sequence[Path | str]) -> tuple[str, ...]:
    """Return the paths, absolute, that there are here, each once: what a node must see, too."""
    found = (Path(path).absolute() for path in paths)
    return tuple(dict.fromkeys(str(path) for path in found if path.exists()))
