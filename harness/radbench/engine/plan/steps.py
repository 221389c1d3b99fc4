"""Steps: the units of work (make, enhance, lesson, fit, score) that pairs break into and share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from radbench.contracts.dataset import CaseEntry
from radbench.engine.plan.keys import FIT, LESSON, MEASUREMENT, enhance_key, entry_key
from radbench.engine.plan.layers import layers_looked_at, looked_at_by, shown_to
from radbench.engine.plan.learning import (
    Source,
    Training,
    loader_of,
    trainings_of,
    trainings_of_parts,
    weights_of,
)
from radbench.engine.plan.pairs import Pair
from radbench.engine.plan.parts import Asked, Part

KINDS = ("make", "enhance", "lesson", "fit", "score")

_MADE_AT_ONCE = 4
"""Slow cases in one step: few, so that all workers have some."""


@dataclass(frozen=True)
class Live:
    """A part as a worker brings it to life.

    Attributes:
        asked: which.
        weights: by identity, the keys of the weights that it and its parts need.
        seed: of what it draws.
        levels: its parts that affect one of these are alive, too; all where none is given.
    """

    asked: Asked
    weights: Mapping[str, str]
    seed: int
    levels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Loading:
    """How a worker comes by cases.

    Attributes:
        dataset: where they are from.
        key: of how they are loaded; where they are slow to make, the made ones are kept under it.
        slow: whether they are kept.
    """

    dataset: Live
    key: str
    slow: bool


@dataclass(frozen=True)
class Step:
    """A unit of work for one worker; everything in it can be sent to another process.

    Attributes:
        number: its place in the run.
        kind: "make", "enhance", "lesson", "fit" or "score".
        chunk: cases that belong together; a worker keeps the cases of its chunk in memory.
        key: where its results go.
        label: for people.
        seed, precision: of what it draws and trains.
        loading: how it comes by its cases; None for a fit, which reads lessons.
        entries: the cases to work on, in order.
        enhancer: whose images it makes or looks at; None for the original images.
        images: the key of those images.
        views, poses: the key of rendered views, and at which poses; "" and None for none.
        learner: what gives lessons, is fitted, or scores.
        source: of a lesson, the field that names its source where there are several.
        pieces: of a fit, the keys of its lessons by source and split.
        layers: of a score or lesson, those that it is shown; of an enhancement, those that are kept.
        twins: of a score, the twin of each case by case id.
        waits_for: numbers of the steps that must have ended before.
        skipped: of a lesson, by entry key, (status, message) of cases that are known to fail.
        singly: one image at a time whatever the enhancer could take: a worker was lost on a batch.
    """

    number: int
    kind: str
    chunk: int
    key: str
    label: str
    seed: int = MEASUREMENT
    precision: str = "float32"
    loading: Loading | None = None
    entries: tuple[CaseEntry, ...] = ()
    enhancer: Live | None = None
    images: str = ""
    views: str = ""
    poses: tuple[Any, ...] | None = None
    learner: Live | None = None
    source: str = ""
    pieces: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    layers: tuple[str, ...] = ()
    twins: Mapping[str, CaseEntry] = field(default_factory=dict)
    waits_for: frozenset[int] = frozenset()
    skipped: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    singly: bool = False

    @property
    def size(self) -> int:
        """How much it counts for in the progress: its cases, a fit's lessons' pieces."""
        pieces = sum(len(keys) for splits in self.pieces.values() for keys in splits.values())
        return max(1, pieces) if self.kind == "fit" else len(self.entries)

    @property
    def weights(self) -> set[str]:
        """The keys of all weights that are used in it."""
        lives = (self.loading.dataset if self.loading else None, self.enhancer, self.learner)
        return {key for live in lives if live for key in live.weights.values()}

    @property
    def rests_on(self) -> set[str]:
        """The keys of everything that must not have failed as a whole."""
        found = {self.key, self.images, self.views, *self.weights}
        found |= {key for splits in self.pieces.values() for keys in splits.values() for key in keys}
        return found - {""}


@dataclass(frozen=True)
class Known:
    """What need not be done again, by questions with yes or no for an answer.

    Attributes:
        made, scored: (key, entry key).
        enhanced: (key, entry key, the layers that are needed).
        piece, fitted: key.
        failed: (key, entry key); gives (status, message) or None.
    """

    made: Callable[[str, str], bool] = lambda key, entry: False
    enhanced: Callable[[str, str, frozenset[str]], bool] = lambda key, entry, layers: False
    scored: Callable[[str, str], bool] = lambda key, entry: False
    piece: Callable[[str], bool] = lambda key: False
    fitted: Callable[[str], bool] = lambda key: False
    failed: Callable[[str, str], tuple[str, str] | None] = lambda key, entry: None


def break_into_steps(
    pairs: Iterable[Pair],
    known: Known,
    chunk_size: int,
    trainings: Iterable[Training] = (),
    cases: Iterable[tuple[Part, Sequence[CaseEntry]]] = (),
) -> list[Step]:
    """Return the steps that pairs and trainings still need, shared ones once, each after those it waits for.

    Args:
        pairs: applicable pairs.
        known: what is there already.
        chunk_size: cases per step. It decides how work is shared out, never what comes of it.
        trainings: weights that are wanted whether or not a pair needs them.
        cases: cases of data sets that are wanted in the same way.
    """
    pairs, trainings = [*pairs], [*trainings]
    breaker = _Breaker(known, chunk_size, layers_looked_at(pairs, trainings))
    for dataset, entries in cases:
        breaker.cases_of(dataset, tuple(entries))
    for training in trainings:
        breaker.fit(training)
    for pair in pairs:
        breaker.score(pair)
    return breaker.steps


def loading_of(dataset: Part, precision: str) -> Loading:
    """Return how a worker comes by the cases of a data set."""
    live = Live(dataset.asked, weights_of(dataset, MEASUREMENT, precision), MEASUREMENT)
    return Loading(live, loader_of(dataset, precision), bool(dataset.spec.slow))


class _Breaker:
    def __init__(self, known: Known, chunk_size: int, layers: Mapping[str, frozenset[str]]) -> None:
        self.known, self.chunk_size = known, chunk_size
        self.steps: list[Step] = []
        self.cases: dict[tuple[str, str], int] = {}
        self.keyed: dict[str, int] = {}
        self.chunks: dict[tuple[str, str], int] = {}
        self.loadings: dict[tuple[str, str], Loading] = {}
        self.layers = layers

    # what is asked for -------------------------------------------------------------------------------------

    def score(self, pair: Pair) -> None:
        """Add what a pair still needs."""
        loading = self._loading(pair.dataset, pair.precision)
        enhancer = Live(pair.enhancer.asked, pair.weights, pair.enhancer_seed)
        spec, training = pair.task.spec, pair.training
        by_id = pair.dataset.opened.by_id
        for part in self._chunked(pair.entries):
            wanted = tuple(
                e
                for e in part
                if not self.known.scored(pair.score_key, entry_key(e))
                and not self._failed(e, loading.key, pair.enhance_key, pair.views_key, pair.score_key)
            )
            if not wanted:
                continue
            chunk = self._chunk(loading.key, part)
            twins = {e.case_id: by_id[e.twin] for e in wanted} if spec.needs_twins else {}
            shown = (*wanted, *dict.fromkeys(twins.values()))
            before = self.loaded(pair.dataset, loading, shown, pair.precision, chunk)
            before |= self.enhanced(pair.dataset, loading, pair.enhancer, enhancer, shown, pair.precision, chunk)
            if pair.poses is not None:
                before |= self.enhanced(
                    pair.dataset, loading, pair.enhancer, enhancer, wanted, pair.precision, chunk, pair.poses
                )
            weights = pair.task_weights
            before |= self._fits(trainings_of_parts(pair.task, pair.task_seed, pair.precision))
            if training is not None:
                before |= self.fit(training)
                weights = {**weights, pair.task.identity: training.key}
            self._add(
                kind="score",
                chunk=chunk,
                key=pair.score_key,
                label=f"{pair.task.label} of {pair.enhancer.label}",
                precision=pair.precision,
                loading=loading,
                entries=wanted,
                enhancer=enhancer,
                images=pair.enhance_key,
                views=pair.views_key,
                poses=pair.poses,
                learner=Live(pair.task.asked, weights, pair.task_seed),
                layers=looked_at_by(pair.task),
                twins=twins,
                waits_for=before,
            )

    def fit(self, training: Training) -> frozenset[int]:
        """Add what a training still needs; return the numbers of the steps to wait for."""
        key = training.key
        if self.known.fitted(key):
            return frozenset()
        if key in self.keyed:
            return frozenset({self.keyed[key]})
        before = self._fits(trainings_of_parts(training.learner, training.seed, training.precision, FIT))
        for source in training.sources:
            for split in source.entries:
                for part, piece in zip(source.parts(split), source.pieces(split), strict=True):
                    before |= self.lessons(training, source, part, piece)
        self.keyed[key] = self._add(
            kind="fit",
            chunk=-1 - len(self.steps),
            key=key,
            label=f"train {training.name} on {_sources(training)}",
            seed=training.seed,
            precision=training.precision,
            learner=Live(training.learner.asked, training.parts_weights, training.seed, FIT),
            pieces={s.field: {split: s.pieces(split) for split in s.entries} for s in training.sources},
            waits_for=before,
        )
        return frozenset({self.keyed[key]})

    def lessons(self, training: Training, source: Source, part: tuple[CaseEntry, ...], piece: str) -> frozenset[int]:
        """Add the making of one piece of lessons."""
        if self.known.piece(piece):
            return frozenset()
        if piece in self.keyed:
            return frozenset({self.keyed[piece]})
        loading = self._loading(source.dataset, source.precision)
        images = source.samples if source.through is not None else ""
        failed = {entry_key(e): self._failed(e, loading.key, images, piece) for e in part}
        skipped = {key: why for key, why in failed.items() if why is not None}
        entries = tuple(e for e in part if entry_key(e) not in skipped)
        chunk = self._chunk(loading.key, part)
        before = self.loaded(source.dataset, loading, entries, source.precision, chunk)
        enhancer = None
        if source.through is not None:
            enhancer = Live(source.through.asked, source.weights, source.seed)
            before |= self.enhanced(source.dataset, loading, source.through, enhancer, entries, source.precision, chunk)
        before |= self._fits(trainings_of_parts(training.learner, training.seed, training.precision, LESSON))
        self.keyed[piece] = self._add(
            kind="lesson",
            chunk=chunk,
            key=piece,
            label=f"lessons of {training.learner.label}",
            seed=source.seed,
            precision=source.precision,
            loading=loading,
            entries=part,
            enhancer=enhancer,
            images=images,
            learner=Live(training.learner.asked, source.parts_weights, training.seed, LESSON),
            source=source.field,
            layers=() if source.through is None else shown_to(training.learner, source.through),
            waits_for=before,
            skipped=skipped,
        )
        return frozenset({self.keyed[piece]})

    def cases_of(self, dataset: Part, entries: tuple[CaseEntry, ...]) -> None:
        """Add the making of cases that nobody else asks for."""
        loading = self._loading(dataset, "float32")
        for part in self._chunked(entries):
            self.loaded(dataset, loading, part, "float32", self._chunk(loading.key, part))

    # what that waits for -----------------------------------------------------------------------------------

    def loaded(
        self, dataset: Part, loading: Loading, entries: Sequence[CaseEntry], precision: str, chunk: int
    ) -> frozenset[int]:
        """Add the making of cases; return the numbers of the steps to wait for."""
        before = self._fits(trainings_of(dataset, MEASUREMENT, precision))
        if not loading.slow:
            return before
        wanted = [
            e
            for e in entries
            if (loading.key, entry_key(e)) not in self.cases
            and not self.known.made(loading.key, entry_key(e))
            and not self._failed(e, loading.key)
        ]
        for i in range(0, len(wanted), _MADE_AT_ONCE):
            few = tuple(wanted[i : i + _MADE_AT_ONCE])
            number = self._add(
                kind="make",
                chunk=chunk,
                key=loading.key,
                label=f"make {dataset.label}",
                precision=precision,
                loading=loading,
                entries=few,
                waits_for=before,
            )
            self.cases |= {(loading.key, entry_key(e)): number for e in few}
        found = (self.cases.get((loading.key, entry_key(e))) for e in entries)
        return before | {number for number in found if number is not None}

    def enhanced(
        self,
        dataset: Part,
        loading: Loading,
        enhancer: Part,
        live: Live,
        entries: Sequence[CaseEntry],
        precision: str,
        chunk: int,
        poses: tuple[Any, ...] | None = None,
    ) -> frozenset[int]:
        """Add the enhancement of cases; return the numbers of the steps to wait for."""
        key = enhance_key(enhancer, live.seed, live.weights, loading.key, poses)
        layers = self.layers.get(key, frozenset())
        wanted = tuple(
            e
            for e in entries
            if (key, entry_key(e)) not in self.cases
            and not self.known.enhanced(key, entry_key(e), layers)
            and not self._failed(e, loading.key, key)
        )
        if wanted:
            before = self.loaded(dataset, loading, wanted, precision, chunk)
            number = self._add(
                kind="enhance",
                chunk=chunk,
                key=key,
                label=f"{'enhance' if poses is None else 'render'} with {enhancer.label}",
                seed=live.seed,
                precision=precision,
                loading=loading,
                entries=wanted,
                enhancer=live,
                poses=poses,
                layers=tuple(sorted(layers)),
                waits_for=before | self._fits(trainings_of(enhancer, live.seed, precision)),
            )
            self.cases |= {(key, entry_key(e)): number for e in wanted}
        found = (self.cases.get((key, entry_key(e))) for e in entries)
        return frozenset(number for number in found if number is not None)

    def _fits(self, trainings: Iterable[Training]) -> frozenset[int]:
        return frozenset().union(*(self.fit(training) for training in trainings))

    # pieces ------------------------------------------------------------------------------------------------

    def _failed(self, entry: CaseEntry, *keys: str) -> tuple[str, str] | None:
        key = entry_key(entry)
        return next((why for k in dict.fromkeys(keys) if (why := self.known.failed(k, key)) is not None), None)

    def _loading(self, dataset: Part, precision: str) -> Loading:
        name = (dataset.identity, precision)
        if name not in self.loadings:
            self.loadings[name] = loading_of(dataset, precision)
        return self.loadings[name]

    def _chunked(self, entries: tuple[CaseEntry, ...]) -> Iterable[tuple[CaseEntry, ...]]:
        return (entries[i : i + self.chunk_size] for i in range(0, len(entries), self.chunk_size))

    def _chunk(self, loader: str, part: tuple[CaseEntry, ...]) -> int:
        return self.chunks.setdefault((loader, entry_key(part[0])), len(self.chunks))

    def _add(self, **facts: Any) -> int:
        self.steps.append(Step(number=len(self.steps), **facts))
        return len(self.steps) - 1


def _sources(training: Training) -> str:
    return ", ".join(s.dataset.label for s in training.sources) or "what it makes itself"
