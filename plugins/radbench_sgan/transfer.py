"""Transfer: which CT slices a GAN has improved, by a score without reference, to be learnt from next."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from radbench.contracts.atomic import replace_file
from radbench.imaging.write import write_image
from radbench.learn.batch import as_unit, resized
from radbench.learn.feeding import ListLessons
from radbench_sgan.pictures import file_name, grid

if TYPE_CHECKING:
    from radbench.contracts.learning import FitContext, LessonSet

_SHOWN, _SIDE = 12, 128


@dataclass(frozen=True)
class Judge:
    """What stands for the eyes of the paper's readers.

    Attributes:
        improved_by: BRISQUE, lower is better, or LPC-SI, higher is better.
        least_gain: an image must improve by more than this.
        most: how many are chosen at the most; those that improve most.
    """

    improved_by: Literal["brisque", "lpc_si"]
    least_gain: float
    most: int

    def score(self, image: Tensor) -> float:
        """Return the score of one image ``[1,H,W]`` in [0,1], as the metric has it; NaN where it has none."""
        from radbench.metrics import brisque, lpc_si

        metric = brisque if self.improved_by == "brisque" else lpc_si
        return float(metric(image[None].cpu())[0])

    def gain(self, before: float, after: float) -> float:
        """Return by how much the score became better; NaN where either is unknown."""
        return before - after if self.improved_by == "brisque" else after - before

    def chosen(self, gains: list[float]) -> list[int]:
        """Return the places of those that improve enough, the most improved first, and no more than may be chosen."""
        enough = [i for i, gain in enumerate(gains) if math.isfinite(gain) and gain > self.least_gain]
        return sorted(enough, key=lambda i: (-gains[i], i))[: self.most]


def chosen_slices(
    judge: Judge, enhance: Callable[[Tensor], Tensor], slices: LessonSet, context: FitContext, name: str
) -> ListLessons:
    """Enhance slices and return those that improve, as they became: they are the clean images of the next round.

    Which they are, and every score, is written as ``NAME.slices.csv`` beside the weights; the most improved, before and
    after, as ``NAME.slices.png``.

    Args:
        judge: says what is better.
        enhance: ``[1,1,H,W]`` to the same.
        slices: uint8 ``[1,H,W]`` under "clean".
        context: of the training.
        name: of the round.
    """
    scores: list[tuple[float, float]] = []
    for place in range(len(slices)):
        before = as_unit(slices[place]["clean"])
        after = enhance(before[None].to(context.device))[0]
        scores.append((judge.score(before), judge.score(after)))
        context.progress(place + 1, len(slices), f"{name}: {place + 1} of {len(slices)} slices enhanced")
    gains = [judge.gain(before, after) for before, after in scores]
    places = judge.chosen(gains)
    stem = context.beside / file_name(name)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["case_id", f"{judge.improved_by}_before", f"{judge.improved_by}_after", "gain", "chosen"])
    for place, values in enumerate(scores):
        row = [*map(repr, values), repr(gains[place]), int(place in places)]
        writer.writerow([slices.case_ids[place], *row])
    replace_file(stem.with_name(f"{stem.name}.slices.csv"), table.getvalue().encode())
    # Enhanced again: all at once would not fit into memory.
    made = [enhance(as_unit(slices[i]["clean"])[None].to(context.device))[0].cpu() for i in places]
    if made:
        pairs = [(as_unit(slices[i]["clean"]), image) for i, image in zip(places[:_SHOWN], made, strict=False)]
        columns = [torch.cat([resized(pair[k][None], (_SIDE, _SIDE)) for pair in pairs]) for k in (0, 1)]
        write_image(stem.with_name(f"{stem.name}.slices.png"), grid(columns))
    lessons = [{"clean": (image * 255).round().to(torch.uint8)} for image in made]
    return ListLessons(lessons, [slices.case_ids[i] for i in places])
