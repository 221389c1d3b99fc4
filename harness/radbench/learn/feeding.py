"""Feeding: from lessons to the batch that networks see: read, cropped, put side by side, augmented and prepared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from radbench.contracts.errors import DatasetError
from radbench.learn.batch import Batch
from radbench.learn.draws import VALIDATION, Draws

if TYPE_CHECKING:
    from radbench.contracts.learning import Lesson, LessonSet
    from radbench.learn.augment import Prepare

Crop = tuple[int, int] | Callable[["Lesson", torch.Generator], "Lesson"]
"""What is cut out of each lesson before it is put into a batch. (height, width) in pixels cuts the last two axes of all
tensors of three or more (images, masks, volumes), at one place for all; others (labels) are left as they are. Whatever
holds coordinates, such as boxes, needs a function of its own: of a lesson and its source of randomness."""

# More are a volume or features: whoever looks at them as such would stumble over another layout.
_COLOURS = 4


class ListLessons:
    """Lessons in memory; see :class:`radbench.contracts.learning.LessonSet`.

    Args:
        lessons: tensors by name.
        case_ids: per lesson, the case that it is of; numbered where nothing is given.

    Raises:
        DatasetError: there is not one case per lesson.
    """

    def __init__(self, lessons: Sequence[Lesson], case_ids: Sequence[str] | None = None) -> None:
        self._lessons = list(lessons)
        self.case_ids: Sequence[str] = [str(i) for i in range(len(lessons))] if case_ids is None else list(case_ids)
        if len(self.case_ids) != len(self._lessons):
            raise DatasetError(f"{len(self._lessons)} lessons of {len(self.case_ids)} cases: name a case for each")

    def __len__(self) -> int:
        return len(self._lessons)

    def __getitem__(self, place: int) -> Lesson:
        return self._lessons[place]

    def at(self, places: Sequence[int]) -> ListLessons:
        """Return a selection, in the order given."""
        return ListLessons([self._lessons[i] for i in places], [self.case_ids[i] for i in places])


@dataclass(frozen=True)
class Feed:
    """How batches are made of lessons; see :func:`radbench.learn.fit` for ``crop``, ``augment`` and ``prepare``.

    Attributes:
        seed: of the training.
        device: where batches belong.
        channels_last: whether pictures are laid out with the channels last.
    """

    seed: int
    device: torch.device
    crop: Crop | None = None
    augment: Prepare | None = None
    prepare: Prepare | None = None
    channels_last: bool = False

    @torch.no_grad()
    def batch(self, lessons: LessonSet, places: Sequence[int], epoch: int | None = None) -> Batch:
        """Return lessons as the networks see them.

        Args:
            lessons: where they are read from.
            places: which.
            epoch: of the training, counted from 0; None is a validation.

        Raises:
            DatasetError: lessons differ in names, types or sizes, or are smaller than the crop; a case is named.
        """
        training = epoch is not None
        draws = Draws(self.seed, VALIDATION if epoch is None else epoch, tuple(places), training, self.device)
        batch = collated(lessons, draws, self.crop).to(self.device)
        if training and self.augment is not None:
            batch = self.augment(batch, draws)
        if self.prepare is not None:
            batch = self.prepare(batch, draws)
        return _with_channels_last(batch) if self.channels_last else batch


def collated(lessons: LessonSet, draws: Draws, crop: Crop | None = None) -> Batch:
    """Read lessons and put them side by side.

    Args:
        lessons: where they are read from.
        draws: of the places that are asked for.
        crop: what is cut out of each.

    Raises:
        DatasetError: lessons differ in names, types or sizes, or are smaller than the crop; a case is named.
    """
    read = [lessons[place] for place in draws.places]
    cases = [lessons.case_ids[place] for place in draws.places]
    if crop is not None:
        sources = draws.generators("crop")
        read = [_cut(*one, crop) for one in zip(read, cases, sources, strict=True)]
    first = read[0]
    for case, lesson in zip(cases, read, strict=True):
        for name in {*first, *lesson}:
            here, there = (_form(one.get(name)) for one in (lesson, first))
            if here != there:
                raise DatasetError(
                    f"'{name}' of case '{case}' is {here}, of case '{cases[0]}' {there}: lessons of one batch must be "
                    "of one size and type (crop or resize them)"
                )
    return Batch({name: torch.stack([lesson[name] for lesson in read]) for name in first}, draws.places)


def _form(tensor: Tensor | None) -> str:
    return "missing" if tensor is None else f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"


def _cut(lesson: Lesson, case_id: str, source: torch.Generator, crop: Crop) -> Lesson:
    if callable(crop):
        return crop(lesson, source)
    height, width = crop
    pictures = {name: tensor for name, tensor in lesson.items() if tensor.ndim >= 3}
    sizes = sorted({tuple(picture.shape[-2:]) for picture in pictures.values()})
    if len(sizes) != 1:
        found = ", ".join(f"{h} x {w}" for h, w in sizes) or "none"
        raise DatasetError(
            f"the lesson of case '{case_id}' must hold pictures of one height and width to be cropped, got {found}: "
            "give crop as a function"
        )
    ((rows, columns),) = sizes
    if rows < height or columns < width:
        raise DatasetError(
            f"the lesson of case '{case_id}' is {rows} x {columns}, smaller than the crop of {height} x {width}"
        )
    top = int(torch.randint(rows - height + 1, (), generator=source))
    left = int(torch.randint(columns - width + 1, (), generator=source))
    cut = {name: picture[..., top : top + height, left : left + width] for name, picture in pictures.items()}
    return {**lesson, **cut}


def _with_channels_last(batch: Batch) -> Batch:
    pictures = {k: v for k, v in batch.tensors.items() if v.is_floating_point() and v.ndim == 4}
    few = {k: v for k, v in pictures.items() if v.shape[1] <= _COLOURS}
    return batch.with_(**{k: v.contiguous(memory_format=torch.channels_last) for k, v in few.items()})
