"""The training on CT: what a case teaches, and the toolkit's loop over cases that are seen from ever new poses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from radbench.contracts.errors import CaseError, DatasetError
from radbench.learn.augment import Prepare
from radbench.learn.estimating import estimate
from radbench.learn.feeding import ListLessons
from radbench.learn.fitting import fit
from radbench.learn.losses import Loss
from radbench.learn.options import FitOptions
from radbench.learn.turns import Turn
from radbench.xray.chest_cube import chest_cube
from radbench_xraysyn.priors import packed

if TYPE_CHECKING:
    from torch import Tensor, nn

    from radbench.contracts.learning import FitContext, Lesson, LessonSet
    from radbench.contracts.results import Sample
    from radbench_xraysyn.config import SimulatedConfig


def lesson_of(sample: Sample, voxels: int) -> dict[str, Tensor]:
    """Return a case's CT as a cube: int16 HU and uint8 shares of bone, ``[1,n,n,n]``.

    Raises:
        CaseError: the case lacks a target, or its volume holds no body.
    """
    targets, case_id = sample.case.targets, sample.case.case_id
    for name in ("volume_hu", "bone_volume", "volume_spacing_mm"):
        if name not in targets:
            raise CaseError(f"case '{case_id}' has no '{name}', which the training needs")
    dz, dy, dx = (float(mm) for mm in targets["volume_spacing_mm"])
    try:
        return packed(*chest_cube(targets["volume_hu"], targets["bone_volume"], (dz, dy, dx), voxels))
    except ValueError as error:
        raise CaseError(f"case '{case_id}': {error}") from error


class Repeated:
    """So many places over a few lessons, one after the other and again; each place has draws of its own.

    Args:
        lessons: what is repeated.
        count: how many places.

    Raises:
        DatasetError: there are no lessons.
    """

    def __init__(self, lessons: LessonSet, count: int) -> None:
        if not len(lessons):
            raise DatasetError("there are no CTs to learn from")
        self._lessons, self._count = lessons, count
        self.case_ids: Sequence[str] = [lessons.case_ids[i % len(lessons)] for i in range(count)]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: int) -> Lesson:
        return self._lessons[range(self._count)[place] % len(self._lessons)]

    def at(self, places: Sequence[int]) -> LessonSet:
        """Return a selection, in the order given."""
        return ListLessons([self[i] for i in places], [self.case_ids[i] for i in places])


@dataclass(frozen=True)
class Job:
    """A training on CT.

    Attributes:
        name: for people.
        config: how long and how fast.
        loss: what is minimised.
        prepare: makes radiographs of the CTs.
    """

    name: str
    config: SimulatedConfig
    loss: Loss
    prepare: Prepare

    def learn(self, network: nn.Module, train: LessonSet, held_out: LessonSet, context: FitContext) -> dict[str, str]:
        """Train a network in place, keeping the best epoch's weights; return how it went, for people."""
        config = self.config
        steps = config.steps_per_epoch or math.ceil(len(train) / config.batch_size)
        options = FitOptions(
            epochs=config.epochs,
            batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            betas=(config.beta1, config.beta2),
            schedule=config.schedule,
            channels_last=False,  # which five axes have not
        )
        lessons = Repeated(train, steps * config.batch_size) if config.steps_per_epoch else train
        how: dict[str, Any] = {"validation": held_out if len(held_out) else None, "prepare": self.prepare}
        job = (network, [Turn(self.loss)], lessons, options, context)
        context.expect(estimate(*job, **how).seconds)
        result = fit(*job, **how, name=self.name)
        first, best = result.curve[0], result.curve[result.best_epoch - 1]
        return {
            "training": f"loss {first['train_loss']:.4g} in epoch 1, {best['train_loss']:.4g} in epoch "
            f"{result.best_epoch} of {result.epochs}",
            "validation": f"loss {first['validation_score']:.4g} after epoch 1, {best['validation_score']:.4g} after "
            f"epoch {result.best_epoch}"
            if len(held_out)
            else "not validated",
        }
