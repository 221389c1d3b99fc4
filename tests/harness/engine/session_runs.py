"""Whole runs of the toy plugin in this process: an executor that needs no workers stands in for the local one."""

import random
from contextlib import closing
from types import SimpleNamespace

import pytest
import torch  # noqa: F401 - before a step begins, as a worker has it

from radbench.engine.keep.journal import RunFolder
from radbench.engine.keep.store import Store
from radbench.engine.plan.pairs import make_plan
from radbench.engine.plan.request import Request
from radbench.engine.run.executors.executor import Event
from radbench.engine.run.reporting import Nobody, Silent
from radbench.engine.run.session import Session
from radbench.engine.work import worker
from radbench.engine.work.bench import Workbench
from radbench.leaderboard.view import journal_run
from radbench.registry.registry import load_registry


class WorkerDied(BaseException):
    """Stands for a worker that was lost."""


class Inline:
    """Does steps at once, in this process; ``dies(step, case)`` says where a worker would be lost."""

    def __init__(self, files, store, dies=lambda step, case: False):
        self.files, self.store, self.dies = files, store, dies
        self.pending, self.step, self.losses = [], None, 0
        self._start()

    def _start(self):
        self.bench = Workbench(load_registry(self.files), self.store, "cpu", 1, self.tell)

    def idle(self):
        return [(0, None)] if self.step is None else []

    def tell(self, event, **facts):
        if event == "case" and self.dies(self.step, facts["case"]):
            raise WorkerDied(facts)
        self.pending.append(Event(self.step.number, event, facts))

    def submit(self, _, step):
        self.step = step
        try:
            self.bench.do(step)
        except WorkerDied as death:
            self.losses += 1
            self._start()
            lost = {"status": "crashed", "message": "the worker process ended with exit status 7", **death.args[0]}
            self.pending.append(Event(step.number, "lost", lost))
        except BaseException as e:
            name, facts = worker.told_of(e, self.bench.sentence(step, e))
            self.tell(name, **facts)
        else:
            self.tell("done")

    def events(self):
        pending, self.pending, self.step = self.pending, [], None
        return pending

    def close(self):
        pass


class Notes(Silent):
    def __init__(self):
        self.notes, self.total, self.done = [], 0, 0

    def begin(self, total, unit):
        self.total = total

    def advance(self, cases, text):
        self.done += cases

    def note(self, text):
        self.notes.append(text)


@pytest.fixture(name="go")
def go_fixture(tmp_path, toy_plugin):
    """Return a function that runs a request and tells everything about the run.

    ``executor(files, store)`` does its steps; :class:`Inline` where none is given.
    """

    def run(
        enhancers,
        tasks,
        out="run",
        cache="cache",
        jobs=2,
        retry_failed=False,
        dies=None,
        shuffled=None,
        executor=None,
        **more,
    ):
        files = [toy_plugin, *more.pop("plugins", ())]
        registry = load_registry(files)
        plan = make_plan(registry, Request((enhancers,), (tasks,), plugin_files=tuple(map(str, files)), **more))
        if shuffled is not None:
            plan = type(plan)(plan.request, tuple(random.Random(shuffled).sample(plan.pairs, len(plan.pairs))))
        folder, store, notes = RunFolder(tmp_path / out), Store(tmp_path / cache), Notes()
        folder.open()
        try:
            journal_run(folder, plan, lambda pair: "")
            session = Session(plan.pairs, (), folder, store, notes, Nobody(), retry_failed)
            steps = session.prepare(jobs)
            does = executor(files, store) if executor else Inline(files, store, dies or (lambda step, case: False))
            with closing(does):
                outcome = session.run(does)
        finally:
            folder.close()
        rows = {p.name: folder.read_cases(p.name) for p in plan.pairs}
        return SimpleNamespace(
            outcome=outcome,
            steps=steps,
            folder=folder,
            store=store,
            notes=notes,
            losses=getattr(does, "losses", 0),
            statuses={_short(n): str(s) for n, s in outcome.statuses.items()},
            incomplete={_short(n) for n in outcome.incomplete},
            rows={_short(n): r for n, r in rows.items()},
            scores={_short(n): _scores(r) for n, r in rows.items()},
        )

    return run


def _short(name):
    task, _, enhancer, *_ = name.split("--")
    return f"{enhancer} {task}"


MEASURED = ("enhance_ms", "peak_memory_mb", "parameters", "device")


def _scores(rows):
    return {r["case_id"]: tuple(v for k, v in r.items() if k not in MEASURED) for r in rows}


ALL = "toy-brighten,toy-noisy,toy-learner", "toy-mean,toy-odd,toy-auroc,toy-whole"
