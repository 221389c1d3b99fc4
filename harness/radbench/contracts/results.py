"""Results: samples as tasks see them, how things end, and the protocol of a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from radbench.contracts.case import Case

if TYPE_CHECKING:
    from torch import Tensor

    from radbench.contracts.enhancement import Enhancement
    from radbench.contracts.evidence import Evidence


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
class Sample:
    """A case and its enhancement, as a learner or a task sees them.

    Attributes:
        case: the original image and its truth.
        image: the enhanced image, float32 ``[1,H,W]`` in [0,1].
        layers: what else the enhancer gave, float32 ``[1,H,W]`` by name: those that the task needs or wants.
        views: what the enhancer rendered at the poses that the task asks for: every tensor ``[V,1,H,W]``.
        twin: the case that is scored together with this one, where the task needs twins.
    """

    case: Case
    image: Tensor
    layers: Mapping[str, Tensor] = field(default_factory=dict)
    views: Enhancement | None = None
    twin: Sample | None = None


@dataclass(frozen=True)
class TaskContext:
    """What a task may use.

    Attributes:
        device: where tensors belong.
        seed: of the measurement; a task derives every random state from it and the case id.
    """

    device: str
    seed: int


class Task(Protocol):
    """What the class behind a TaskSpec offers.

    It is built as an enhancer is (:class:`radbench.contracts.Enhancer`). Optional: ``fit`` and what goes with it
    (:class:`radbench.contracts.Learner`); a static ``views(config)`` that returns the poses to render;
    ``show(sample, context) -> Mapping[str, Tensor]``, pictures of a case that a report picks.
    """

    def score(self, sample: Sample, context: TaskContext) -> Evidence:
        """Return what is observed of one case: a value for every observation that the metrics aggregate."""
        ...
