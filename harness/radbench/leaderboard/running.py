"""Running a plan with its leaderboard: kept up as pairs end, and told to the plugins that listen."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import radbench
from radbench.contracts.events import Event, PairEnded, PairStarted, RunEnded, RunStarted
from radbench.engine.keep.journal import RunFolder
from radbench.engine.keep.private import privately
from radbench.engine.keep.store import StoreError
from radbench.engine.plan.pairs import Pair, Plan
from radbench.engine.run.outcome import Outcome
from radbench.engine.run.reporting import Reporter
from radbench.engine.run.running import Options, Ran, run_pairs
from radbench.engine.work.failures import RunAbortedError
from radbench.leaderboard.commits import commit_of
from radbench.leaderboard.loggers import Loggers
from radbench.leaderboard.predictions import write_predictions
from radbench.leaderboard.view import journal_run, write_leaderboard, write_what_there_is
from radbench.registry.discovery import one_line
from radbench.registry.registry import Registry

if TYPE_CHECKING:
    import pandas as pd

_VIEW_SHARE = 0.05
"""At most this part of a run's time goes into rewriting the leaderboard while it grows."""


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


def run_plan(registry: Registry, plan: Plan, options: Options, reporter: Reporter) -> Finished:
    """Run a plan in its folder.

    Raises:
        UsageError: the folder or the device cannot be used.
        RunAbortedError: the machine stopped it; what is done is kept, and stands in the leaderboard.
    """
    begun: list[RunFolder] = []
    loggers = Loggers(registry, options.log, reporter.note)

    def opened(folder: RunFolder) -> _Listeners:
        # A logger that cannot be used leaves no leaderboard that would count as the newest.
        loggers.open(folder.root)
        begun.append(folder)
        journal_run(folder, plan, commit_of)
        pairs = [pair.name for pair in plan.pairs if not pair.reason]
        loggers.tell(RunStarted(folder.root, plan.digest, plan.title, vars(plan.request), pairs, radbench.__version__))
        return _Listeners(registry, folder, reporter, loggers)

    started = time.monotonic()
    with privately(), closing(loggers):
        try:
            ran = run_pairs(plan, options, reporter, opened)
        except BaseException:
            for folder in begun:
                write_what_there_is(folder)
                loggers.tell(RunEnded(folder.root, "stopped", time.monotonic() - started, 0, 0, [], []))
            raise
        try:
            frame = write_leaderboard(ran.folder)
            write_predictions(ran.folder)
        except StoreError as e:
            raise RunAbortedError(e) from e
        loggers.tell(_ended(ran, frame))
        return Finished(frame, ran.folder, ran.outcome, ran.seconds)


def _ended(ran: Ran, frame: pd.DataFrame) -> RunEnded:
    outcome, root = ran.outcome, ran.folder.root
    whole = all(scored == cases for scored, cases in outcome.scored.values()) and bool(outcome.scored)
    files = [path for path in sorted(root.glob("*.csv")) if path.is_file()]
    return RunEnded(
        root,
        "ok" if whole else "failed",
        ran.seconds,
        outcome.computed,
        outcome.reused,
        [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")],
        files,
    )


class _Listeners:
    """Keeps ``leaderboard.csv`` up with the run, and tells the plugins that listen."""

    def __init__(self, registry: Registry, folder: RunFolder, reporter: Reporter, loggers: Loggers) -> None:
        self.hook, self.folder, self.reporter, self.loggers = registry.hooks.hook, folder, reporter, loggers
        self.tell: Callable[[Event], None] | None = loggers.tell if loggers.anybody else None
        self.next_view = 0.0
        self.noted: set[str] = set()

    def started(self, pair: Pair) -> None:
        """See :class:`radbench.engine.run.reporting.Listeners`."""
        if self.tell is not None:
            self.tell(PairStarted(pair.name, *_labels(pair), pair.seed, len(pair.entries)))
        self._tell(self.hook.radbench_pair_started, pair=pair)

    def ended(self, pairs: Sequence[Pair], last: bool) -> None:
        """See :class:`radbench.engine.run.reporting.Listeners`."""
        heard = bool(self.hook.radbench_pair_finished.get_hookimpls()) or self.tell is not None
        begun = time.monotonic()
        if not heard and (last or begun < self.next_view):
            return  # The run writes it in the end.
        frame = write_leaderboard(self.folder)
        took = time.monotonic() - begun
        self.next_view = begun + took / _VIEW_SHARE
        for pair in pairs if heard else ():
            key = {"task": pair.task.label, "dataset": pair.dataset.label, "enhancer": pair.enhancer.label}
            mine = frame[(frame[list(key)] == list(key.values())).all(axis=1)]
            mine = mine[mine["seed"].isna() if pair.seed is None else mine["seed"] == pair.seed]
            rows = mine.to_dict("records")
            self._tell(self.hook.radbench_pair_finished, pair=pair, rows=rows)
            if self.tell is not None:
                self.tell(PairEnded(pair.name, *_labels(pair), pair.seed, rows))

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


def _labels(pair: Pair) -> tuple[str, str, str]:
    return pair.enhancer.label, pair.task.label, pair.dataset.label
