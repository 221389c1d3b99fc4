"""Steps: the units of work (fit, enhance, score) that pairs break into and share, with what each waits for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from radbench.contracts.dataset import CaseEntry
from radbench.engine.plan import Pair, Ref, entry_key
from radbench.engine.training import SPLITS, Training


@dataclass(frozen=True)
class Step:
    """A unit of work for one worker; everything in it can be sent to another process.

    Attributes:
        number: its place in the run.
        kind: "fit", "enhance", "score" (each case by itself) or "score-all" (a task over whole splits).
        chunk: cases that belong together; a worker keeps the cases of its chunk in memory.
        enhancer, dataset, task: what to resolve; ``trained_on`` for a fit.
        entries: the cases to work on, by split.
        enhance_key, score_key, fit_key: where results go.
        waits_for: numbers of the steps that must have ended before.
        label: for people.
        singly: enhance one image at a time whatever the enhancer could take: a worker was lost on a batch.
    """

    number: int
    kind: str
    chunk: int
    enhancer: Ref
    dataset: Ref
    seed: int
    precision: str
    entries: Mapping[str, tuple[CaseEntry, ...]]
    enhance_key: str
    fit_key: str | None = None
    task: Ref | None = None
    score_key: str = ""
    waits_for: frozenset[int] = frozenset()
    label: str = ""
    singly: bool = False

    @property
    def size(self) -> int:
        """How many cases it handles."""
        return sum(len(e) for e in self.entries.values())


@dataclass(frozen=True)
class Preparation:
    """A case that a data set has to make and keep before it can be loaded quickly.

    Attributes:
        number: its place among the preparations.
        dataset, entry: which case.
        label: for people.
        chunk: a worker keeps nothing of it.
    """

    number: int
    dataset: Ref
    entry: CaseEntry
    label: str
    chunk: None = None


@dataclass
class Known:
    """What need not be done again.

    Attributes:
        enhanced: (enhance key, entry key) of stored enhancements.
        scored: (score key, entry key) of stored scores; "" as the entry for a task over whole splits.
        failed: (key, entry key) of cases known to fail; "" as the key where loading fails.
        fitted: fit keys of stored weights.
    """

    enhanced: set[tuple[str, str]] = field(default_factory=set)
    scored: set[tuple[str, str]] = field(default_factory=set)
    failed: set[tuple[str, str]] = field(default_factory=set)
    fitted: set[str] = field(default_factory=set)


def break_into_steps(
    pairs: list[Pair], known: Known, chunk_size: int, trainings: Iterable[Training] = ()
) -> list[Step]:
    """Return the steps that pairs and trainings still need, shared ones once, each after those it waits for.

    Args:
        pairs: applicable pairs.
        known: what is there already.
        chunk_size: cases per step. It decides how work is shared out, never what comes of it.
        trainings: weights that are wanted whether or not a pair needs them.
    """
    return _Breaker(known, chunk_size).run(pairs, trainings)


class _Breaker:
    def __init__(self, known: Known, chunk_size: int) -> None:
        self.known, self.chunk_size = known, chunk_size
        self.steps: list[Step] = []
        self.fits: dict[str, int] = {}
        self.enhances: dict[tuple[str, str, str], int] = {}
        self.chunks: dict[tuple[str, str, int], int] = {}
        self.keys: dict[CaseEntry, str] = {}

    def run(self, pairs: list[Pair], trainings: Iterable[Training]) -> list[Step]:
        for training in trainings:
            self._fit(training)
        for pair in pairs:
            if pair.task.per_case:
                self._per_case(pair)
            else:
                self._over_all(pair)
        return self.steps

    def _key(self, entry: CaseEntry) -> str:
        if entry not in self.keys:
            self.keys[entry] = entry_key(entry)
        return self.keys[entry]

    def _per_case(self, pair: Pair) -> None:
        known = self.known
        for index, part in self._parts(pair.entries):
            wanted = tuple(
                e
                for e in part
                if (pair.score_key, self._key(e)) not in known.scored
                and not known.failed & {(k, self._key(e)) for k in ("", pair.enhance_key, pair.score_key)}
            )
            if not wanted:
                continue
            chunk = self._chunk(pair, pair.split, index)
            before = self._enhance(pair, pair.split, chunk, wanted, index)
            self._add(pair, "score", chunk, {pair.split: wanted}, before)

    def _over_all(self, pair: Pair) -> None:
        failed = self.known.failed
        entries = {
            split: tuple(
                e
                for e in pair.dataset.entries.get(split, ())
                if not failed & {(k, self._key(e)) for k in ("", pair.enhance_key)}
            )
            for split in pair.task.resolved.spec.splits
        }
        if (pair.score_key, "") in self.known.scored or not entries[pair.split]:
            return
        before: frozenset[int] = frozenset()
        for split in entries:
            for index, part in self._parts(pair.dataset.entries.get(split, ())):
                chunk = self._chunk(pair, split, index)
                before |= self._enhance(pair, split, chunk, part, index)
        self._add(pair, "score-all", -1 - len(self.steps), entries, before)

    def _parts(self, entries: tuple[CaseEntry, ...]) -> list[tuple[int, tuple[CaseEntry, ...]]]:
        n = self.chunk_size
        return [(i // n, entries[i : i + n]) for i in range(0, len(entries), n)]

    def _chunk(self, pair: Pair, split: str, index: int) -> int:
        return self.chunks.setdefault((pair.dataset.resolved.label, split, index), len(self.chunks))

    def _enhance(self, pair: Pair, split: str, chunk: int, part: tuple[CaseEntry, ...], index: int) -> frozenset[int]:
        known = self.known
        wanted = tuple(
            e
            for e in part
            if (pair.enhance_key, self._key(e)) not in known.enhanced
            and not known.failed & {(k, self._key(e)) for k in ("", pair.enhance_key)}
        )
        if not wanted:
            return frozenset()
        name = (pair.enhance_key, pair.dataset.resolved.label, f"{split}{index}")
        if name in self.enhances:
            number = self.enhances[name]
            have = self.steps[number].entries[split]
            more = tuple(e for e in wanted if e not in have)
            if more:
                # Another task needs more cases of this chunk than the first one did.
                object.__setattr__(self.steps[number], "entries", {split: have + more})
            return frozenset({number})
        training = Training(pair.enhancer, pair.seed, pair.precision) if pair.enhancer.trained_on is not None else None
        before = self._fit(training) if training else frozenset()
        self.enhances[name] = self._add(pair, "enhance", chunk, {split: wanted}, before)
        return frozenset({self.enhances[name]})

    def _fit(self, training: Training) -> frozenset[int]:
        enhancer, source, key = training.enhancer, training.source, training.key
        if key in self.known.fitted:
            return frozenset()
        if key not in self.fits:
            self.fits[key] = len(self.steps)
            self.steps.append(
                Step(
                    number=len(self.steps),
                    kind="fit",
                    chunk=-1 - len(self.steps),
                    enhancer=enhancer.ref,
                    dataset=source.ref,
                    seed=training.seed,
                    precision=training.precision,
                    entries={s: source.entries.get(s, ()) for s in SPLITS},
                    enhance_key="",
                    fit_key=key,
                    label=f"train {enhancer.resolved.label} on {source.resolved.label}",
                )
            )
        return frozenset({self.fits[key]})

    def _add(
        self,
        pair: Pair,
        kind: str,
        chunk: int,
        entries: Mapping[str, tuple[CaseEntry, ...]],
        before: frozenset[int],
    ) -> int:
        scores = kind != "enhance"
        name = pair.enhancer.resolved.label
        self.steps.append(
            Step(
                number=len(self.steps),
                kind=kind,
                chunk=chunk,
                enhancer=pair.enhancer.ref,
                dataset=pair.dataset.ref,
                seed=pair.seed,
                precision=pair.precision,
                entries=entries,
                enhance_key=pair.enhance_key,
                fit_key=pair.enhancer.fit_key(pair.seed, pair.precision),
                task=pair.task.ref if scores else None,
                score_key=pair.score_key if scores else "",
                waits_for=before,
                label=f"{pair.task.resolved.label} of {name}" if scores else f"enhance with {name}",
            )
        )
        return len(self.steps) - 1
