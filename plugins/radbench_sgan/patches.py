"""Patches: many from each photograph, cut as they are read, drawn by seed, epoch and place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from radbench.contracts.errors import DatasetError
from radbench.learn.batch import Batch
from radbench.learn.draws import Draws

if TYPE_CHECKING:
    from radbench.contracts.learning import Lesson, LessonSet
    from radbench.contracts.results import Sample


def lesson_of(sample: Sample) -> dict[str, Tensor]:
    """Return a whole image at its own size, uint8 ``[1,H,W]``: what is drawn from it is drawn anew in every epoch."""
    return {"clean": (sample.image.clamp(0.0, 1.0) * 255).round().to(torch.uint8)}


class Patches:
    """So many places over a few images, each image as often as the others (or once less); a set of lessons.

    The first few places lie in images that are far apart in their set.

    Args:
        images: whole ones.
        count: how many places.

    Raises:
        DatasetError: there are no images.
    """

    def __init__(self, images: LessonSet, count: int) -> None:
        if not len(images):
            raise DatasetError("there are no images to cut patches from")
        self._images, self._count, self._stride = images, count, _stride(len(images))
        self.case_ids: Sequence[str] = [images.case_ids[self._image(place)] for place in range(count)]

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: int) -> Lesson:
        return self._images[self._image(place)]

    def at(self, places: Sequence[int]) -> LessonSet:
        """Return a selection, in the order given."""
        from radbench.learn.feeding import ListLessons

        return ListLessons([self[i] for i in places], [self.case_ids[i] for i in places])

    def _image(self, place: int) -> int:
        # Neighbours show the same scene: the first few places should not.
        return range(self._count)[place] * self._stride % len(self._images)


def _stride(n: int) -> int:
    """Return a step round ``n`` images that comes by all of them, and by distant ones first."""
    return next(k for k in range(max(1, round(0.618 * n)), 2 * n + 1) if math.gcd(k, n) == 1)


class Together:
    """The lessons of two sets, one after the other."""

    def __init__(self, first: LessonSet, second: LessonSet) -> None:
        self._first, self._second = first, second
        self.case_ids: Sequence[str] = [*first.case_ids, *second.case_ids]

    def __len__(self) -> int:
        return len(self.case_ids)

    def __getitem__(self, place: int) -> Lesson:
        place, before = range(len(self))[place], len(self._first)
        return self._first[place] if place < before else self._second[place - before]

    def at(self, places: Sequence[int]) -> LessonSet:
        """Return a selection, in the order given."""
        from radbench.learn.feeding import ListLessons

        return ListLessons([self[i] for i in places], [self.case_ids[i] for i in places])


@dataclass(frozen=True)
class Cut:
    """Cut a square out of an image at random; a smaller image is continued at its edges.

    Attributes:
        side: in pixels.
    """

    side: int

    def __call__(self, lesson: Lesson, source: torch.Generator) -> Lesson:
        """Return the lesson with its picture ``[1,side,side]``."""
        image = lesson["clean"]
        rows, columns = (self._indices(length, source) for length in image.shape[-2:])
        return {**lesson, "clean": image[..., rows, :][..., columns]}

    def _indices(self, length: int, source: torch.Generator) -> Tensor:
        spare = length - self.side
        drawn = int(torch.randint(abs(spare) + 1, (), generator=source))
        start = drawn if spare >= 0 else -drawn
        return torch.arange(start, start + self.side).clamp(0, length - 1)


def turned(batch: Batch, draws: Draws) -> Batch:
    """Turn and mirror each lesson's square picture, one of the eight ways at random."""
    ways = [int(torch.randint(8, (), generator=g)) for g in draws.generators("turned")]
    images = [torch.rot90(x, way % 4, (-2, -1)) for x, way in zip(batch["clean"], ways, strict=True)]
    mirrored = [x.flip(-1) if way >= 4 else x for x, way in zip(images, ways, strict=True)]
    return batch.with_(clean=torch.stack(mirrored))
