"""The Ray executor: the local executor's workers, each held by an actor on some node of a Ray cluster.

What is shared is a file system: the cache folder, plugins' files and what data sets read lie under the same paths on
all nodes. Steps go to the nodes by Ray, and what workers tell comes back by it while they work.
"""

from __future__ import annotations

import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from radbench.contracts.results import Status
from radbench.engine.keep.private import make_private
from radbench.engine.keep.sealed import write_atomically
from radbench.engine.plan.steps import Step
from radbench.engine.run.executors.executor import Event
from radbench.engine.run.executors.local import open_log
from radbench.engine.run.executors.ray_cluster import alive_nodes, could_hold, import_ray
from radbench.engine.run.executors.ray_host import Host, HostSetup, Reserve, engine_codes, shown
from radbench.engine.work.worker import WorkerSetup

_WATCH_SECONDS = 0.05
_NOTE_SECONDS = 30.0
_STARVE_SECONDS = 60.0
_DOUBT_SECONDS = 30.0
"""How long an actor's death may be older than that of its node: Ray misses a node after 5 answers due every 3 s."""

_STARTS = 5
"""Actors that may die one after the other before they have started."""


@dataclass
class _Slot:
    """One actor and what it is doing.

    Attributes:
        name: its number.
        actor: of :class:`Host`.
        pending: what is awaited of it: facts once it is open, room for a training, or a step's events.
        node, where, cores: the node's id, "" until it is open, its machine's name, and its processors.
        step, chunk, case: as of a local worker.
        reserve: what holds a node's other processors for a training.
        waits: for so many of them its training waits, 0 where it has begun.
        since: when it began to wait.
    """

    name: int
    actor: Any
    pending: Any
    node: str = ""
    where: str = ""
    cores: int = 0
    step: Step | None = None
    chunk: int | None = None
    case: dict[str, Any] = field(default_factory=dict)
    reserve: Any = None
    waits: int = 0
    since: float = 0.0


@dataclass(frozen=True)
class _Doubt:
    """A step whose actor died, until it is known whether its node died, too."""

    step: Step
    facts: dict[str, Any]
    node: str
    where: str
    until: float


class RayExecutor:
    """Runs steps on the cluster that this process is connected to.

    A worker asks for a processor, for a card where it works on one, and for memory where that is limited. A training on
    processors has its node to itself: none of the run's workers there is given a step, and what others than these
    workers may hold is asked for first.

    Args:
        setup: what every worker is started with, but for the device.
        on_card: whether a worker has a card.
        jobs: how many workers; those that the cluster has no room for wait until it has.
        timeout: seconds without a sign of life after which a step is ended.
        memory_mb: MiB after which a step is ended, 0 for the worker's share of what is free on its node.
        logs: folder for what workers print.
        paths: of plugins and data; those that there are here, every node must see.
        note: told what a person should read at once.
    """

    def __init__(
        self,
        setup: WorkerSetup,
        on_card: bool,
        jobs: int,
        timeout: float,
        memory_mb: int,
        logs: Path,
        paths: Sequence[Path | str] = (),
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.ray, self.logs, self.note, self.on_card = import_ray(), logs, note, on_card
        cache = Path(setup.store).absolute()
        make_private(cache)
        self.sign = cache / f".seen-{uuid.uuid4().hex}"
        write_atomically(self.sign, b"")
        self.setup = HostSetup(
            replace(setup, store=str(cache), device="cuda:0" if on_card else "cpu"),
            timeout,
            memory_mb,
            jobs,
            str(self.sign),
            shown([*setup.plugin_files, *paths]),
            engine_codes(),
            {name: value for name, value in os.environ.items() if name.startswith("RADBENCH_")},
            str(Path.cwd()),
            str(logs),
        )
        self.asked = {"CPU": 1.0, **({"GPU": 1.0} if on_card else {})}
        if memory_mb:
            self.asked["memory"] = memory_mb * 2.0**20
        self.doubts: list[_Doubt] = []
        self.starts = 0
        self.told = False
        self.asked_at = self.opened_at = self.held_at = time.monotonic()
        self.slots = {i: self._start(i) for i in range(jobs)}

    def _start(self, name: int) -> _Slot:
        options = {"num_cpus": 1, "num_gpus": 1 if self.on_card else 0, "max_restarts": 0, "max_task_retries": 0}
        if "memory" in self.asked:
            options["memory"] = int(self.asked["memory"])
        # Two threads, so that a host can be ended in the middle of a step.
        host = self.ray.remote(Host).options(**options, max_concurrency=2, scheduling_strategy="SPREAD")
        actor = host.remote(self.setup)
        return _Slot(name, actor, actor.open.remote())

    def idle(self) -> list[tuple[int, int | None]]:
        """Return the workers that wait for a step, each with the chunk whose cases it has in memory.

        None of a node while a training runs on its processors; first those of the nodes on which least is done.
        """
        busy = Counter(s.node for s in self.slots.values() if s.step is not None)
        alone = {s.node for s in self.slots.values() if s.step is not None and self._has_node(s.step)}
        free = (s for s in self.slots.values() if s.node and s.pending is None and s.node not in alone)
        return [(s.name, s.chunk) for s in sorted(free, key=lambda s: (busy[s.node], s.name))]

    def _has_node(self, step: Step) -> bool:
        return step.kind == "fit" and not self.on_card

    def submit(self, worker: int, step: Step) -> None:
        """Give a step to an idle worker."""
        slot = self.slots[worker]
        slot.step, slot.chunk, slot.case = step, step.chunk, {}
        slot.since = time.monotonic()
        self._begin_or_reserve(slot)

    def _lacking(self, slot: _Slot) -> int:
        """Return how many of the processors that a step works on none of the run's workers holds."""
        if slot.step is None or not self._has_node(slot.step):
            return 0
        held = sum(s.node == slot.node for s in self.slots.values())
        return max(0, min(self.setup.worker.threads, slot.cores) - held)

    def _begin_or_reserve(self, slot: _Slot) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self._release(slot)
        slot.waits = self._lacking(slot)
        if not slot.waits:
            self._begin(slot)
            return
        there = NodeAffinitySchedulingStrategy(node_id=slot.node, soft=False)
        held = self.ray.remote(Reserve).options(num_cpus=slot.waits, max_restarts=0, scheduling_strategy=there)
        slot.reserve = held.remote()
        slot.pending = slot.reserve.ready.remote()

    def _release(self, slot: _Slot) -> None:
        if slot.reserve is not None:
            self.ray.kill(slot.reserve)
            slot.reserve = None

    def _begin(self, slot: _Slot) -> None:
        slot.waits = 0
        slot.pending = slot.actor.do.options(num_returns="streaming").remote(slot.step)

    def events(self) -> Iterator[Event]:
        """Yield what happened; waits a moment when nothing did."""
        awaited = [s for s in self.slots.values() if s.pending is not None]
        if awaited:
            pending = [s.pending for s in awaited]
            ready, _ = self.ray.wait(pending, num_returns=1, timeout=_WATCH_SECONDS)
            if ready:
                ready, _ = self.ray.wait(pending, num_returns=len(pending), timeout=0)
            for slot, heard in [(s, s.pending) for s in awaited if any(s.pending is one for one in ready)]:
                if slot.pending is heard:  # else another's news has changed what is awaited
                    yield from self._hear(slot)
        else:
            time.sleep(_WATCH_SECONDS)
        yield from self._settled_doubts()
        yield from self._starved()

    def _hear(self, slot: _Slot) -> Iterator[Event]:
        from ray.exceptions import RayError, RayTaskError

        try:
            if not slot.node:
                yield from self._opened(slot, self.ray.get(slot.pending))
                return
            if slot.waits:
                self.ray.get(slot.pending)
                self._begin(slot)
                return
            try:
                found, log = self.ray.get(next(slot.pending))
            except StopIteration:
                slot.pending = None
                if slot.step is not None:  # it was ended from outside
                    yield from self._lost(slot, "it ended in the middle of a step")
                return
        except RayTaskError as e:
            where = f"on node '{slot.where}'" if slot.where else "while it was opened"
            yield Event(-1, "fatal", {"message": f"what holds a worker failed {where}: {_last_line(e)}"})
            return
        except RayError as e:
            # Other deaths name a lack of memory among what they may have come of.
            status = Status.OUT_OF_MEMORY if "running low on memory" in str(e) else Status.CRASHED
            yield from self._lost(slot, _last_line(e), status, preempted=getattr(e, "preempted", False))
            return
        self._keep(slot, log)
        for event in found:
            if event.name == "case":
                slot.case = event.facts
            if event.name in ("done", "error", "lost", "fatal"):
                self._free(slot)
            yield event

    def _opened(self, slot: _Slot, facts: dict[str, Any]) -> Iterator[Event]:
        self._keep(slot, facts["log"])
        if facts["wrong"]:
            yield Event(-1, "fatal", {"message": facts["wrong"]})
            return
        slot.node, slot.where, slot.cores = facts["node"], facts["name"], facts["cores"]
        slot.pending = None
        self.starts = 0
        for other in self.slots.values():
            # What a training waits for may be what this worker, which was still starting, has taken.
            if other.waits and other.node == slot.node:
                self._begin_or_reserve(other)

    def _free(self, slot: _Slot) -> None:
        """Take note that a step has ended; its events may go on until the worker is ready for another."""
        slot.step = None
        self._release(slot)

    def _keep(self, slot: _Slot, log: bytes) -> None:
        if log:
            with open_log(self.logs / f"worker-{slot.name}.log") as file:
                file.write(log)

    # what is lost ------------------------------------------------------------------------------------------

    def _lost(self, slot: _Slot, why: str, status: Status = Status.CRASHED, preempted: bool = False) -> Iterator[Event]:
        step = slot.step
        self._free(slot)
        self.ray.kill(slot.actor)
        self.slots[slot.name] = self._start(slot.name)
        if not slot.node:
            self.starts += 1
            if self.starts >= _STARTS:
                what = f"no worker could start on the Ray cluster: {why}; is the same radbench installed on its nodes?"
                yield Event(-1, "fatal", {"message": what})
        if step is None:
            return
        facts = {"status": str(status), "message": f"a worker on node '{slot.where}' died: {why}", **slot.case}
        until = time.monotonic() + (0.0 if preempted else _DOUBT_SECONDS)
        self.doubts.append(_Doubt(step, facts, "" if preempted else slot.node, slot.where, until))

    def _settled_doubts(self) -> Iterator[Event]:
        """Yield the steps of dead actors once it is known whether their nodes died: then no case is to blame."""
        if not self.doubts:
            return
        now, alive = time.monotonic(), {node["NodeID"] for node in alive_nodes()}
        for doubt in [*self.doubts]:
            if doubt.node not in alive:
                message = f"node '{doubt.where}' of the Ray cluster was lost"
                facts = {"status": str(Status.CRASHED), "message": message, "blameless": True}
            elif now >= doubt.until:
                facts = doubt.facts
            else:
                continue
            self.doubts.remove(doubt)
            yield Event(doubt.step.number, "lost", facts)

    def _starved(self) -> Iterator[Event]:
        """Say so where no worker is given to the run, and end it where none ever can be."""
        now = time.monotonic()
        if any(s.node for s in self.slots.values()):
            self.opened_at = self.held_at = now
            for slot in self.slots.values():
                if slot.waits and slot.step is not None and now - slot.since > _NOTE_SECONDS and not self.told:
                    self.told = True
                    what = f"{slot.step.label} waits for {slot.waits} more CPU on node '{slot.where}'"
                    self.note(f"{what}: others hold what a training works on")
            return
        if now - self.asked_at < 1.0:
            return
        self.asked_at = now
        asked = ", ".join(
            f"{n / 2**20:.0f} MiB of memory" if k == "memory" else f"{n:g} {k}" for k, n in self.asked.items()
        )
        if could_hold(self.asked):
            self.held_at = now
        elif now - self.held_at > _STARVE_SECONDS:
            yield Event(-1, "fatal", {"message": f"no node of the Ray cluster has {asked} for a worker"})
        if now - self.opened_at > _NOTE_SECONDS and not self.told:
            self.told = True
            self.note(f"waiting for the Ray cluster to give a worker {asked}: others hold it, or it is slow to start")

    def close(self) -> None:
        """End all workers; none is at work when this returns, unless its node does not answer."""
        slots = [*self.slots.values()]
        with suppress(OSError):
            self.sign.unlink()
        with suppress(Exception):  # a cluster that is gone has no workers
            ends = [s.actor.end.remote() for s in slots if s.node]
            if ends:
                self.ray.wait(ends, num_returns=len(ends), timeout=5.0)
        for slot in slots:
            with suppress(Exception):
                self.ray.kill(slot.actor)
            with suppress(Exception):
                self._release(slot)


def _last_line(error: BaseException) -> str:
    """Return the line of one of Ray's errors that says why; the lines before say to whom."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
