"""What dncnn is shown beyond its paper: photographs more often than made images, and noise cut off at the ends."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from radbench.contracts.errors import DatasetError
from radbench_sgan.patches import Patches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from radbench.contracts.learning import Lesson, LessonSet
    from radbench.learn.batch import Batch
    from radbench.learn.draws import Draws

PHOTOGRAPH = "photograph"
"""Of a lesson: a bool ``[1]`` that tells photographs from made images."""


class Shared:
    """So many places over photographs and made images, of which photographs get a share; a set of lessons.

    Where all are of one kind, that kind gets all places. Within each kind an image comes as often as the others (or
    once less).

    Args:
        images: whole ones, which say what they are (:data:`PHOTOGRAPH`).
        count: how many places.
        photographs: the share of the places that shows photographs.

    Raises:
        DatasetError: there are no images.
    """

    def __init__(self, images: LessonSet, count: int, photographs: float) -> None:
        if not len(images):
            raise DatasetError("there are no images to cut patches from")
        is_photograph = [bool(images[place][PHOTOGRAPH]) for place in range(len(images))]
        if len(set(is_photograph)) == 1:
            photographs = float(is_photograph[0])
        # The n-th place shows a photograph where the share of the first n rises past a whole number.
        shown = [int((i + 1) * photographs) > int(i * photographs) for i in range(count)]
        self._patches = {
            kind: Patches(images.at([i for i, one in enumerate(is_photograph) if one is kind]), shown.count(kind))
            for kind in set(shown)
        }
        before = [0, *itertools.accumulate(map(int, shown))]
        self._where = [(one, before[i] if one else i - before[i]) for i, one in enumerate(shown)]
        self.case_ids: Sequence[str] = [self._patches[kind].case_ids[i] for kind, i in self._where]

    def __len__(self) -> int:
        return len(self._where)

    def __getitem__(self, place: int) -> Lesson:
        kind, i = self._where[place]
        return self._patches[kind][i]

    def at(self, places: Sequence[int]) -> LessonSet:
        """Return a selection, in the order given."""
        from radbench.learn.feeding import ListLessons

        return ListLessons([self[i] for i in places], [self.case_ids[i] for i in places])


def cut_off(batch: Batch, draws: Draws) -> Batch:
    """Keep noisy images in [0,1], as every image is that an enhancer is given."""
    return batch.with_(image=batch["image"].clamp(0.0, 1.0))
