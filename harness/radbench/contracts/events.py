"""Events: what happens in a run, as it is told to loggers and to whoever listens by the hook ``radbench_event``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class RunStarted:
    """A run begins: its folder is open, and nothing was computed yet.

    Attributes:
        folder: of the run.
        plan: the digest of its plan.
        title: a short name.
        request: what was asked for, by option.
        pairs: the names of the pairs that apply.
        version: of radbench.
    """

    folder: Path
    plan: str
    title: str
    request: Mapping[str, Any]
    pairs: Sequence[str]
    version: str


@dataclass(frozen=True)
class PairStarted:
    """The first step of a pair was handed to a worker.

    Attributes:
        pair: its name, which tells it from the run's others.
        enhancer, task, dataset: the labels of its parts.
        seed: None where nothing in it depends on the seed.
        cases: how many are to be scored.
    """

    pair: str
    enhancer: str
    task: str
    dataset: str
    seed: int | None
    cases: int


@dataclass(frozen=True)
class StepStarted:
    """A worker was given a step; one that was lost and is given to another begins again.

    Attributes:
        step: its number in the run.
        kind: "make", "enhance", "lesson", "fit" or "score".
        label: for people.
        cases: how many it works on.
    """

    step: int
    kind: str
    label: str
    cases: int


@dataclass(frozen=True)
class StepEnded:
    """A step has ended, well or badly.

    Attributes:
        step, kind, label, cases: as in :class:`StepStarted`.
        seconds: since it was given to its worker.
        status: "ok", or how it failed ("error", "crashed", "timeout", "out-of-memory", "invalid-output").
        message: why, "" where it ended well.
    """

    step: int
    kind: str
    label: str
    cases: int
    seconds: float
    status: str
    message: str = ""


@dataclass(frozen=True)
class TrainingProgress:
    """A training tells how far it has come; as often as it does.

    Attributes:
        label: of the step.
        done, total: by its own count.
        text: for people.
    """

    label: str
    done: int
    total: int
    text: str


@dataclass(frozen=True)
class Curve:
    """A training has ended in this run, and left a curve beside its weights.

    Attributes:
        label: of the step.
        name: of the curve: what was trained.
        epochs: a mapping for every epoch, from a column (``epoch``, ``loss``, ``validation``, …) to its value.
    """

    label: str
    name: str
    epochs: Sequence[Mapping[str, float]]


@dataclass(frozen=True)
class PairEnded:
    """A pair has ended, well or badly, or was found to have ended in an earlier run.

    Attributes:
        pair: its name.
        enhancer, task, dataset, seed: as in :class:`PairStarted`.
        rows: its leaderboard rows as they now stand (:mod:`radbench.leaderboard.schema`); differences, tests and ranks
            may still change while other pairs of their table end.
    """

    pair: str
    enhancer: str
    task: str
    dataset: str
    seed: int | None
    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class RunEnded:
    """A run has ended.

    Attributes:
        folder: of the run.
        status: "ok" where every pair ended well, "failed" where one did not, "stopped" where the run was interrupted or
            the machine stopped it.
        seconds: wall-clock time.
        computed, reused: case-steps that were done, and that were found done.
        rows: the whole leaderboard, as it stays; none where the run was stopped.
        files: what was written for its user: leaderboard, predictions, tables.
    """

    folder: Path
    status: str
    seconds: float
    computed: int
    reused: int
    rows: Sequence[Mapping[str, Any]]
    files: Sequence[Path]


Event = RunStarted | PairStarted | StepStarted | StepEnded | TrainingProgress | Curve | PairEnded | RunEnded
"""Whatever is told."""


class Logger(Protocol):
    """What stands behind a :class:`LoggerSpec`: a class that is built as ``Class(config, folder)``.

    Args:
        config: its validated configuration (``Class.Config``).
        folder: of the run; a logger that writes files writes them into a folder of its own below it, or elsewhere
            where its configuration says so.

    Raises:
        UsageError: it cannot be used here: a library is missing, a server does not answer. Nothing is run then.
    """

    def event(self, event: Event) -> None:
        """Take in an event; called in the order in which things happen, in the run's own process.

        An exception is one warning, and the run goes on.
        """
        ...

    def close(self) -> None:
        """Write what is still to be written; called once, however the run ended."""
        ...


@dataclass(frozen=True)
class LoggerSpec:
    """A logger that ``bench run --log NAME`` names.

    Attributes:
        name: lower case, unique.
        factory: "package.module:Class"; a library that it needs is imported when it is built, and not before.
        summary: one line for the listing.
    """

    name: str
    factory: str
    summary: str
