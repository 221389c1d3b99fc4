"""TaskResult and what a task is given to make one: samples, failures, context."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from radbench.contracts.case import Case

if TYPE_CHECKING:
    from torch import Tensor


class Status(StrEnum):
    """How a pair or a step ended."""

    OK = "ok"
    NOT_APPLICABLE = "not-applicable"
    ERROR = "error"
    CRASHED = "crashed"
    OUT_OF_MEMORY = "out-of-memory"
    TIMEOUT = "timeout"
    INVALID_OUTPUT = "invalid-output"


TRANSIENT = frozenset({Status.CRASHED, Status.OUT_OF_MEMORY, Status.TIMEOUT})
"""Kinds that another attempt may cure."""


@dataclass(frozen=True)
class Failure:
    """One case that could not be used.

    Attributes:
        case_id: which.
        status: its kind.
        message: one sentence.
        stage: "load" (the data's fault), "enhance" or "score".
        traceback: the full text, for the log.
    """

    case_id: str
    status: Status
    message: str
    stage: str
    traceback: str = ""


@dataclass(frozen=True)
class Sample:
    """A case and its enhancement, as a task sees them.

    Attributes:
        case: the original image and its truth.
        image: the enhanced image, float32 ``[1,H,W]`` in [0,1].
        layers: what else the enhancer gave, float32 ``[1,H,W]`` by name.
    """

    case: Case
    image: Tensor
    layers: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskContext:
    """What a task may use.

    Attributes:
        device: where tensors belong.
        seed: the run's seed; a task derives every random state from it and the case id.
        progress: called with (done, total, text).
    """

    device: str
    seed: int
    progress: Callable[[int, int, str], None]


class TaskData(Protocol):
    """Samples by split, loaded on demand; a task that trains uses "train" and "validation"."""

    def split(self, name: str) -> Sequence[Sample]:
        """Return the samples of a split."""
        ...


@dataclass(frozen=True)
class TaskResult:
    """Raw results; aggregation, intervals and tests belong to the harness.

    Attributes:
        scores: per case id, a value per metric; NaN where a metric has no answer for the case.
        predictions: per case id, ``(label, score)`` per data-set-level metric (AP, AUROC).
        failures: cases the task could not score.
    """

    scores: Mapping[str, Mapping[str, float]]
    predictions: Mapping[str, Mapping[str, tuple[float, float]]] = field(default_factory=dict)
    failures: Sequence[Failure] = ()


class Task(Protocol):
    """A task over whole splits.

    A task that scores each case by itself offers ``score_case(sample, context) -> Mapping[str, float]`` instead: a
    value per metric, NaN where the metric has no answer for the case.
    """

    def run(self, data: TaskData, context: TaskContext) -> TaskResult:
        """Score the test split."""
        ...
