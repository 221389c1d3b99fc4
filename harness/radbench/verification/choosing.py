"""Choosing: which pairs of a published leaderboard are run again, and which of their rows are judged."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radbench.contracts import Status
from radbench.contracts.errors import UnknownNameError, UsageError
from radbench.engine.keep.texts import counted
from radbench.leaderboard.scores import Key, key_of

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Choice:
    """What is asked for; all of it together narrows.

    Attributes:
        rows: numbers of rows, from 1 below the header, as errors about a file count them; none for all.
        task, dataset, enhancer: labels, or names that stand for all their variants; "" for all.
        sample: this many pairs, drawn at random; 0 for all. Such as need no training come first.
        seed: of that draw.
        trained: whether pairs count in which something was trained.
    """

    rows: tuple[int, ...] = ()
    task: str = ""
    dataset: str = ""
    enhancer: str = ""
    sample: int = 0
    seed: int = 0
    trained: bool = True


@dataclass(frozen=True)
class Published:
    """One pair of a published leaderboard.

    Attributes:
        key: its labels, and the seed as text.
        rows: all that the file says of it, by the file's own numbering.
        judged: numbers of those that are asked for.
    """

    key: Key
    rows: DataFrame
    judged: frozenset[int]

    @property
    def task(self) -> str:
        """The task's label."""
        return self.key[0]

    @property
    def dataset(self) -> str:
        """The data set's label."""
        return self.key[1]

    @property
    def enhancer(self) -> str:
        """The enhancer's label."""
        return self.key[4]

    @property
    def seed(self) -> int | None:
        """The seed, None where nothing depends on it."""
        return int(self.key[5]) if self.key[5] else None

    @property
    def name(self) -> str:
        """What reports call it."""
        seed = f" (seed {self.seed})" if self.seed is not None else ""
        return f"{self.task} on {self.dataset}: {self.enhancer}{seed}"

    @property
    def training_seconds(self) -> float:
        """What its trainings took, by its rows; 0.0 where nothing was trained."""
        first = self.rows.iloc[0]
        took = (float(first[name]) for name in ("fit_seconds", "task_fit_seconds"))
        return sum(seconds for seconds in took if not math.isnan(seconds))


def chosen(frame: DataFrame, choice: Choice) -> list[Published]:
    """Return the pairs that are asked for, in the file's order.

    A row of several seeds is judged with the seeds that it stands for: asking for it asks for them.

    Args:
        frame: a leaderboard, its rows numbered from 0.
        choice: what is asked for.

    Raises:
        UsageError: there is no such row, task, data set or enhancer, nothing is left, or a row was never scored.
    """
    wanted = frame[(frame["status"] == Status.OK)]
    for column in ("task", "dataset", "enhancer"):
        wanted = _named(wanted, column, getattr(choice, column))
    asked = _asked(frame, choice.rows)
    found = []
    for own in _by_pair(wanted):
        several = _of_several(frame, own)
        judged = {int(place) + 1 for place in (*own.index, *several)} & asked
        if judged:
            pair = Published(key_of(own.iloc[0].to_dict()), own, frozenset(judged))
            if choice.trained or not pair.training_seconds:
                found.append(pair)
    if not found:
        raise UsageError("no row that was scored is left of what was asked for: nothing can be run again")
    return _sampled(found, choice) if choice.sample else found


def _named(rows: DataFrame, column: str, wanted: str) -> DataFrame:
    if not wanted:
        return rows
    labels = [str(label) for label in dict.fromkeys(rows[column])]
    fitting = [label for label in labels if wanted in (label, label.partition("[")[0])]
    if not fitting:
        raise UnknownNameError("data set" if column == "dataset" else column, wanted, labels)
    return rows[rows[column].isin(fitting)]


def _asked(frame: DataFrame, numbers: Sequence[int]) -> frozenset[int]:
    everything = range(1, len(frame) + 1)
    for number in numbers:
        if number not in everything:
            raise UsageError(f"there is no row {number}: the leaderboard has {counted(len(frame), 'row')}")
        if (status := frame["status"].iloc[number - 1]) != Status.OK:
            raise UsageError(
                f"row {number} was never scored (its status is {status}): there is nothing to compare with"
            )
    return frozenset(numbers or everything)


def _by_pair(rows: DataFrame) -> list[DataFrame]:
    single = rows[rows["n_seeds"] < 2]
    keys = [key_of(row) for row in single.to_dict("records")]
    places: dict[Key, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    return [single.iloc[at] for at in places.values()]


def _of_several(frame: DataFrame, own: DataFrame) -> list[int]:
    """Return the places of the rows that stand for several seeds, of which a pair is one."""
    first = own.iloc[0]
    if str(first["seed"]) == "<NA>":
        return []
    several = frame[frame["n_seeds"] > 1]
    for name in ("task", "dataset", "split", "enhancer", "profile"):
        several = several[several[name] == first[name]]
    return [int(place) for place in several.index]


def _sampled(pairs: Sequence[Published], choice: Choice) -> list[Published]:
    drawn = random.Random(choice.seed).sample(range(len(pairs)), len(pairs))
    # A sample is there to be quick: what was trained for hours is drawn last.
    drawn.sort(key=lambda place: pairs[place].training_seconds)
    return [pairs[place] for place in sorted(drawn[: choice.sample])]
