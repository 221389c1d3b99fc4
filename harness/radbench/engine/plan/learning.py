"""Learning in the plan: what an enhancer or a task learns from, and the keys of its lessons and weights."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from radbench.contracts.dataset import CaseEntry
from radbench.engine.plan.keys import FIT, LESSON, MEASUREMENT, PIECE, enhance_key, fit_key, loader_key, piece_key
from radbench.engine.plan.parts import Part

SPLITS = ("train", "validation")
"""What a learner is given of the data set that it learns from."""

IN_DATA = "data:"
"""Marks, among the weights of an enhancer or a task, those of a data set that is a part of it."""


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
        owner_seed: of the learner, whose parts may be called for the lessons.
    """

    learner: Part
    field: str
    dataset: Part
    through: Part | None
    seed: int
    precision: str
    owner_seed: int

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

    @cached_property
    def parts_weights(self) -> dict[str, str]:
        """By identity, the keys of the weights that the learner's parts have for its lessons."""
        return weights_of_parts(self.learner, self.owner_seed, self.precision, LESSON)

    def parts(self, split: str) -> list[tuple[CaseEntry, ...]]:
        """Return a split's cases in pieces of a fixed number."""
        entries = self.entries[split]
        return [entries[i : i + PIECE] for i in range(0, len(entries), PIECE)]

    def pieces(self, split: str) -> list[str]:
        """Return the keys of a split's pieces."""
        known = self.__dict__.setdefault("_pieces", {})
        if split not in known:
            draws = any(one.draws for _, one in self.learner.named(levels=LESSON))
            seed = self.owner_seed if draws else None
            known[split] = [
                piece_key(self.learner, self.field, self.samples, part, self.parts_weights, seed)
                for part in self.parts(split)
            ]
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
        return weights_of_parts(self.learner, self.seed, self.precision, FIT)

    def before(self) -> Iterator[Training]:
        """Yield every training that must have ended before this one: of its parts, and of what makes its lessons."""
        yield from with_before(trainings_of_parts(self.learner, self.seed, self.precision, FIT))
        for source in self.sources:
            yield from with_before(trainings_of(source.dataset, MEASUREMENT, self.precision))
            if source.through is not None:
                yield from with_before(trainings_of(source.through, source.seed, self.precision))

    @cached_property
    def key(self) -> str:
        """Where its weights lie; the same whoever wants them."""
        lessons = {s.field: {split: s.pieces(split) for split in s.entries} for s in self.sources}
        return fit_key(self.learner, lessons, self.seed, self.precision, self.parts_weights)

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
            (collection, e.patient_id)
            for s in self.sources
            for collection in s.dataset.collections
            for entries in s.entries.values()
            for e in entries
        }


def training_of(enhancer: Part, seed: int, precision: str) -> Training | None:
    """Return how an enhancer's weights come about, None where it does not learn."""
    if not enhancer.learns:
        return None
    known = enhancer.__dict__.setdefault("_trainings", {})
    if (seed, precision) not in known:
        named = enhancer.sources
        sources = tuple(
            Source(enhancer, f if len(named) > 1 else "", data, enhancer.through(f), seed, precision, seed)
            for f, data in named.items()
        )
        known[seed, precision] = Training(enhancer, sources, seed, precision)
    found: Training = known[seed, precision]
    return found


def trainings_of(part: Part, seed: int, precision: str) -> Iterator[Training]:
    """Yield the trainings whose weights a part needs when it is used: its parts' before its own."""
    yield from trainings_of_parts(part, seed, precision)
    own = training_of(part, seed, precision) if part.kind == "enhancer" else None
    if own is not None:
        yield own


def trainings_of_parts(owner: Part, seed: int, precision: str, levels: Collection[str] = ()) -> Iterator[Training]:
    """Yield the same for the parts of a part that affect one of the levels (all where none is given)."""
    for _, one in owner.named(levels=levels):
        yield from trainings_of(one, _seed_below(one, seed), precision)


def with_before(trainings: Iterable[Training]) -> Iterator[Training]:
    """Yield trainings, each after every one that must have ended before it."""
    for training in trainings:
        yield from training.before()
        yield training


def weights_of(part: Part, seed: int, precision: str) -> dict[str, str]:
    """Return the keys of all weights that a part needs when it is used.

    They go by the identity of whose they are, after :data:`IN_DATA` for those below a data set that is a part of an
    enhancer or a task: these have the measurement's seed, and the same learner may be a part beside it with another.
    """
    found = weights_of_parts(part, seed, precision)
    own = training_of(part, seed, precision) if part.kind == "enhancer" else None
    return found if own is None else found | {part.identity: own.key}


def weights_of_parts(owner: Part, seed: int, precision: str, levels: Collection[str] = ()) -> dict[str, str]:
    """Return the same for the parts of a part that affect one of the levels (all where none is given)."""
    found: dict[str, str] = {}
    for _, one in owner.named(levels=levels):
        below = weights_of(one, _seed_below(one, seed), precision)
        apart = one.kind == "dataset" and owner.kind != "dataset"
        found |= {IN_DATA + name: key for name, key in below.items()} if apart else below
    return found


def loader_of(dataset: Part, precision: str) -> str:
    """Return the key of how a data set's cases are loaded; parts of data sets have the measurement's seed."""
    return loader_key(dataset, weights_of(dataset, MEASUREMENT, precision))


def _seed_below(part: Part, seed: int) -> int:
    return MEASUREMENT if part.kind == "dataset" else seed
