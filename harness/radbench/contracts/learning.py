"""Learning: the one way in which an enhancer or a task learns, from lessons to weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from radbench.contracts.results import Sample

Lesson = Mapping[str, "Tensor"]
"""Tensors by name, at the size and type that the learner chose: float32, float16, uint8, uint16, int16, int32, bool."""


class LessonSet(Protocol):
    """The lessons of one split, read by place whenever they are asked for.

    Attributes:
        case_ids: per lesson, the case that it is of; one case may have given several.
    """

    case_ids: Sequence[str]

    def __len__(self) -> int:
        """How many lessons there are."""
        ...

    def __getitem__(self, place: int) -> Lesson:
        """Return one lesson; the same place always gives the same bits."""
        ...

    def at(self, places: Sequence[int]) -> LessonSet:
        """Return a selection, in the order given."""
        ...


class Lessons(Protocol):
    """What a learner is given: ``train`` and ``validation``; with several sources, the same under the field's name."""

    @property
    def train(self) -> LessonSet:
        """The lessons of the only source's train split."""
        ...

    @property
    def validation(self) -> LessonSet:
        """The lessons of the only source's validation split; there may be none."""
        ...

    def __getitem__(self, field: str) -> Lessons:
        """Return the lessons of one source, by the field that names it."""
        ...


@dataclass(frozen=True)
class FitContext:
    """What a training may use.

    Attributes:
        device: where tensors belong ("cpu", "cuda:0").
        seed: the only source of randomness.
        workdir: a folder kept between attempts, for checkpoints; removed once the training has ended.
        beside: a folder whose files stay with the weights: curves, sample grids, tables.
        progress: called with (done, total, text) whenever something was finished; it also tells the harness that the
            step is alive.
        expect: called with the seconds that the training will take, as soon as that can be told.
        precision: "float32" or "mixed".
    """

    device: str
    seed: int
    workdir: Path
    beside: Path
    progress: Callable[[int, int, str], None]
    expect: Callable[[float], None] = lambda seconds: None
    precision: str = "float32"


class Learner(Protocol):
    """What learns: an enhancer or a task.

    An enhancer's lessons come from the data sets that its configuration names with ``learns_from``; a task's from the
    train and validation splits of the data set that it is run on, through the enhancer that it judges, unless it names
    another source. Optional: ``facts() -> Mapping[str, str]``, what else is to be known of the weights (``pretrained``
    fills the leaderboard's column).
    """

    def lesson(self, sample: Sample) -> Lesson | Iterable[Lesson] | None:
        """Return what a case teaches: None for nothing, one mapping of tensors, or several (patches, slices).

        Called once per train and validation case, in any process and order; pure, drawing nothing. With several sources
        it is called as ``lesson(sample, field)``.
        """
        ...

    def fit(self, lessons: Lessons, context: FitContext) -> None:
        """Learn."""
        ...

    def state_dict(self) -> Mapping[str, Tensor]:
        """Return the weights."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> Any:
        """Take weights that :meth:`state_dict` gave."""
        ...
