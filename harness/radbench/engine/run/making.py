"""Making: cases of one data set are made side by side before a command looks at them one by one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from radbench.contracts.case import Case
from radbench.contracts.dataset import CaseEntry
from radbench.engine.keep.homes import cache_home
from radbench.engine.keep.journal import RunFolder
from radbench.engine.keep.private import privately
from radbench.engine.keep.store import Store
from radbench.engine.plan.parts import Part
from radbench.engine.plan.request import Request
from radbench.engine.plan.steps import loading_of
from radbench.engine.run.reporting import Nobody, Reporter
from radbench.engine.run.running import Options, executor_of
from radbench.engine.run.session import Session
from radbench.engine.work.bench import Workbench
from radbench.registry.registry import Registry


def make_cases(
    dataset: Part, entries: Sequence[CaseEntry], request: Request, jobs: int, reporter: Reporter
) -> dict[str, str]:
    """Make what is slow to make of some cases, in ``jobs`` processes (0: one per core), and keep it.

    Returns:
        What is wrong, by case id; empty where all are fine or nothing had to be made.

    Raises:
        RunAbortedError: workers cannot start, or the disk is full; what was made is kept.
    """
    with tempfile.TemporaryDirectory() as scratch, privately():
        folder = RunFolder(Path(scratch))
        folder.open()
        try:
            store = Store(cache_home())
            session = Session((), (), folder, store, reporter, Nobody(), cases=[(dataset, entries)])
            cores = jobs or os.cpu_count() or 1
            steps = session.prepare(cores)
            if not steps:
                return {}
            store.probe()
            options = Options("cpu", timeout=float("inf"))
            workers = min(cores, len(steps))
            with closing(executor_of(folder, request, options, ["cpu"], workers)) as executor:
                session.run(executor)
            return {facts["case_id"]: facts["message"] for facts in session.ledger.failures.values()}
        finally:
            folder.close()


class Cases:
    """The cases of a data set, loaded in this process; made ones from where they are kept."""

    def __init__(self, registry: Registry, dataset: Part) -> None:
        self._bench = Workbench(registry, Store(cache_home()), "cpu", 1, lambda event, **facts: None)
        self._loading = loading_of(dataset, "float32")

    def load(self, entry: CaseEntry) -> Case:
        """Load one case.

        Raises:
            CaseError: it cannot be used, and why.
            Exception: whatever the data set raises.
        """
        with privately():
            return self._bench.look(self._loading, entry)
