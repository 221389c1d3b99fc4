"""Learning in the plan: what an enhancer or a task learns from, and the keys of its lessons and weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from radbench.contracts.dataset import CaseEntry
from radbench.engine.plan.keys import PIECE, enhance_key, fit_key, loader_key, piece_key
from radbench.engine.plan.parts import Part

SPLITS = ("train", "validation")
"""What a learner is given of the data set that it learns from."""


@dataclass(frozen=True, eq=False)
class Source:
    """One data set that a learner learns from.

    Attributes:
        learner: the enhancer or task.
        field: the field that names it, "" for the data set that a task is run on.
        dataset: the data set.
        through: the enhancer that the samples have passed, None for the original images.
        seed: of that enhancer.
        precision: of trainings.
    """

    learner: Part
    field: str
    dataset: Part
    through: Part | None
    seed: int
    precision: str

    @cached_property
    def entries(self) -> dict[str, tuple[CaseEntry, ...]]:
        """The cases by split."""
        return {split: self.dataset.opened.split(split) for split in SPLITS}

    @cached_property
    def samples(self) -> str:
        """The key of the images that the lessons show."""
        loader = loader_of(self.dataset, self.precision)
        if self.through is None:
            return loader
        return enhance_key(self.through, self.seed, self.weights, loader)

    @cached_property
    def weights(self) -> dict[str, str]:
        """By identity, the keys of the weights of the enhancer that the samples have passed."""
        return {} if self.through is None else weights_of(self.through, self.seed, self.precision)

    def parts(self, split: str) -> list[tuple[CaseEntry, ...]]:
        """Return a split's cases in pieces of a fixed number."""
        entries = self.entries[split]
        return [entries[i : i + PIECE] for i in range(0, len(entries), PIECE)]

    def pieces(self, split: str) -> list[str]:
        """Return the keys of a split's pieces."""
        known = self.__dict__.setdefault("_pieces", {})
        if split not in known:
            known[split] = [piece_key(self.learner, self.field, self.samples, part) for part in self.parts(split)]
        return list(known[split])

    @property
    def described(self) -> str:
        """For people: the data set, and how many cases of it."""
        train, validation = (len(self.entries[split]) for split in SPLITS)
        counts = f"{train} + {validation} cases" if validation else f"{train} case{'s' * (train != 1)}"
        return f"{self.dataset.label} ({counts})"


@dataclass(frozen=True, eq=False)
class Training:
    """Weights that are wanted: of which learner, from what, for which seed.

    Attributes:
        learner: the enhancer or task.
        sources: what it learns from; none for one that makes its own lessons.
        seed, precision: of the training.
    """

    learner: Part
    sources: tuple[Source, ...]
    seed: int
    precision: str

    @cached_property
    def parts_weights(self) -> dict[str, str]:
        """By identity, the keys of the weights that its parts have while it learns."""
        found: dict[str, str] = {}
        for _, one in self.learner.named():
            found |= weights_of(one, self.seed, self.precision)
        return found

    @cached_property
    def key(self) -> str:
        """Where its weights lie; the same whoever wants them."""
        return fit_key(self.learner, self.sources, self.seed, self.precision, self.parts_weights)

    @property
    def name(self) -> str:
        """For people; a task that learns does so anew for every enhancer."""
        through = next((s.through for s in self.sources if s.through is not None), None)
        whose = f" for {through.label}" if self.learner.kind == "task" and through is not None else ""
        return self.learner.label + whose + (f" (seed {self.seed})" if self.seed else "")

    @property
    def described(self) -> str:
        """For people: what it learns from."""
        return " and ".join(s.described for s in self.sources) or "what it makes itself"

    @property
    def patients(self) -> set[tuple[str, str]]:
        """Everyone it learns from, by collection and patient."""
        return {
            (s.dataset.collection, e.patient_id)
            for s in self.sources
            for entries in s.entries.values()
            for e in entries
        }


def training_of(enhancer: Part, seed: int, precision: str) -> Training | None:
    """Return how an enhancer's weights come about, None where it does not learn."""
    if not enhancer.learns:
        return None
    known = enhancer.__dict__.setdefault("_trainings", {})
    if (seed, precision) not in known:
        sources = tuple(
            Source(enhancer, field if len(enhancer.sources) > 1 else "", data, enhancer.through(field), seed, precision)
            for field, data in enhancer.sources.items()
        )
        known[seed, precision] = Training(enhancer, sources, seed, precision)
    found: Training = known[seed, precision]
    return found


def trainings_below(part: Part, seed: int, precision: str) -> Iterator[Training]:
    """Yield every training that must have ended before a part can be used: its parts' before its own."""
    for _, one in part.named():
        yield from trainings_below(one, 0 if one.kind == "dataset" else seed, precision)
    if part.kind == "enhancer":
        own = training_of(part, seed, precision)
        if own is not None:
            yield own


def weights_of(part: Part, seed: int, precision: str) -> dict[str, str]:
    """Return by identity the keys of all weights that a part needs when it is used."""
    return {training.learner.identity: training.key for training in trainings_below(part, seed, precision)}


def loader_of(dataset: Part, precision: str) -> str:
    """Return the key of how a data set's cases are loaded; parts of data sets have the measurement's seed."""
    return loader_key(dataset, weights_of(dataset, 0, precision))
