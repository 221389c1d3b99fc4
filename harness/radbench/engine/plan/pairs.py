"""Pairs: enhancers x tasks x data sets x seeds; a pair that does not apply is listed with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from radbench.contracts.dataset import CaseEntry, fingerprint
from radbench.contracts.errors import UsageError
from radbench.contracts.variants import split_list
from radbench.engine.keep.digests import digest, short
from radbench.engine.keep.private import privately
from radbench.engine.plan.applicability import learnt_from_scored, why_no_part, why_not
from radbench.engine.plan.keys import MEASUREMENT, cases_digest, enhance_key, forget, score_key
from radbench.engine.plan.learning import (
    Source,
    Training,
    loader_of,
    trainings_of,
    trainings_of_parts,
    weights_of,
    weights_of_parts,
    with_before,
)
from radbench.engine.plan.parts import Part
from radbench.engine.plan.request import Request
from radbench.engine.plan.resolver import Resolver, unique
from radbench.engine.plan.shards import dealt, shard_of
from radbench.registry.registry import Registry

BASELINE = "original"
NULL = "null"
"""The control that :attr:`Request.null` puts beside every enhancer."""


@dataclass(frozen=True, eq=False)
class Pair:
    """One enhancer under one task on one data set with one seed.

    Attributes:
        enhancer, task, dataset: its parts.
        seed: None where nothing in it depends on the seed.
        limit: at most so many cases are scored, 0 for all.
        precision: of trainings.
        reason: why it does not apply, "" where it does.
        told: what the enhancer knows of the patients that it is scored on, where that was insisted on; else "".
        baseline: label of the enhancer that differences are taken to.
    """

    enhancer: Part
    task: Part
    dataset: Part
    seed: int | None
    limit: int = 0
    precision: str = "float32"
    reason: str = ""
    told: str = ""
    baseline: str = BASELINE

    @property
    def name(self) -> str:
        """What the journal and the per-case file call it."""
        seed = "" if self.seed is None else f"--seed{self.seed}"
        return f"{self.task.label}--{self.dataset.label}--{self.enhancer.label}{seed}"

    @property
    def split(self) -> str:
        """The split that is scored."""
        return "test"

    @cached_property
    def entries(self) -> tuple[CaseEntry, ...]:
        """The cases that are scored; where they come with twins, those that name one."""
        entries = self.dataset.opened.split(self.split)
        if self.task.spec.needs_twins:
            entries = tuple(e for e in entries if e.twin)
        return entries[: self.limit] if self.limit else entries

    @cached_property
    def shown(self) -> tuple[CaseEntry, ...]:
        """The cases that are enhanced: those that are scored, and their twins."""
        if not self.task.spec.needs_twins:
            return self.entries
        by_id = self.dataset.opened.by_id
        return (*self.entries, *dict.fromkeys(by_id[e.twin] for e in self.entries))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the manifest's lines that count (of the cases that are scored and, where the task learns, of
        those that it learns from) and how they are loaded: code, parts and their weights."""
        spec, opened = self.task.spec, self.dataset.opened
        learns = self.task.learns and not self.task.sources
        # Pairs of one data set mostly look at the same cases.
        which = (self.split, self.limit, spec.needs_twins, learns)
        if which not in opened.fingerprints:
            others = (e for e in opened.manifest if learns and e.split != self.split)
            opened.fingerprints[which] = fingerprint([*self.shown, *others])
        return _loaded(opened.fingerprints[which], self.loader)

    @cached_property
    def cases_digest(self) -> str:
        """The digest of the cases that are scored."""
        return cases_digest(self.entries)

    @property
    def enhancer_seed(self) -> int:
        """The seed of what the enhancer learns and draws."""
        return self.seed if self.seed is not None else MEASUREMENT

    @cached_property
    def weights(self) -> dict[str, str]:
        """By identity, the keys of the weights that the enhancer needs."""
        return weights_of(self.enhancer, self.enhancer_seed, self.precision)

    @cached_property
    def loader(self) -> str:
        """The key of how its cases are loaded."""
        return loader_of(self.dataset, self.precision)

    @cached_property
    def enhance_key(self) -> str:
        """The key of the images that it needs."""
        return enhance_key(self.enhancer, self.enhancer_seed, self.weights, self.loader)

    @cached_property
    def poses(self) -> tuple[Any, ...] | None:
        """The poses that the task asks for, None where it asks for no views."""
        if not self.task.spec.needs_views:
            return None
        return tuple(self.task.factory.views(self.task.config))

    @cached_property
    def views_key(self) -> str:
        """The key of the views that it needs, "" for none."""
        if self.poses is None:
            return ""
        return enhance_key(self.enhancer, self.enhancer_seed, self.weights, self.loader, self.poses)

    @cached_property
    def training(self) -> Training | None:
        """How the task's weights come about, None where it does not learn."""
        if not self.task.learns:
            return None
        named = self.task.sources or {"": self.dataset}
        sources = tuple(self._source(f, f if len(named) > 1 else "", d) for f, d in named.items())
        return Training(self.task, sources, self.task_seed, self.precision)

    def _source(self, field: str, name: str, dataset: Part) -> Source:
        """Return a source of the task's lessons, through the enhancer that it judges unless it names another."""
        own = self.task.fields[field].through if field else None
        through, seed = (self.task.through(field), self.task_seed) if own else (self.enhancer, self.enhancer_seed)
        return Source(self.task, name, dataset, through, seed, self.precision, self.task_seed)

    @property
    def task_seed(self) -> int:
        """The seed of the task's training and of its parts: the method's, or the measurement's."""
        of_method = self.task.learns and self.task.spec.training == "method"
        return self.enhancer_seed if of_method else MEASUREMENT

    @cached_property
    def task_weights(self) -> dict[str, str]:
        """By identity, the keys of the weights that the task's parts need."""
        return weights_of_parts(self.task, self.task_seed, self.precision)

    @cached_property
    def trainings(self) -> list[Training]:
        """Every training that it needs, those that others wait for first."""
        found = [*trainings_of(self.dataset, MEASUREMENT, self.precision)]
        found += trainings_of(self.enhancer, self.enhancer_seed, self.precision)
        found += trainings_of_parts(self.task, self.task_seed, self.precision)
        found += [self.training] if self.training is not None else []
        return once(with_before(found))

    @cached_property
    def score_key(self) -> str:
        """The key of its scores."""
        fit = self.training.key if self.training is not None else None
        twins = self.task.spec.needs_twins
        return score_key(self.task, self.enhance_key, twins, self.views_key, fit, self.task_weights, self.task_seed)


@dataclass(frozen=True, eq=False)
class Plan:
    """All pairs of a request."""

    request: Request
    pairs: tuple[Pair, ...]

    @cached_property
    def digest(self) -> str:
        """Names the run folder: the same request on the same data and code gives the same."""
        pairs = sorted((p.name, p.task.identity, p.enhancer.identity, p.fingerprint) for p in self.pairs)
        return digest([pairs, self.request.profile, self.request.precision, self.request.limit])

    @property
    def title(self) -> str:
        """A short name for the run folder."""
        return "-".join([*sorted({p.task.name for p in self.pairs}), *sorted({p.dataset.name for p in self.pairs})])

    @property
    def trainings(self) -> list[Training]:
        """Every training that an applicable pair needs, each once."""
        return once(t for p in self.pairs if not p.reason for t in p.trainings)


@privately()  # What is read is remembered in the cache.
def make_plan(registry: Registry, request: Request) -> Plan:
    """Resolve everything that was asked for and pair it.

    Raises:
        UsageError: a name, field, value or folder is wrong; nothing has been run.
    """
    forget()
    resolver = Resolver(registry, request.profile, request.overrides)
    enhancers = resolver.asked_for("enhancer", request.enhancers)
    if request.null:
        enhancers = with_nulls(resolver, enhancers)
    tasks = resolver.asked_for("task", request.tasks)
    pairs: list[Pair] = []
    datasets: list[Part] = []
    for task in tasks:
        label = request.dataset or task.spec.default_dataset
        if not label:
            raise UsageError(f"task '{task.label}' has no data set of its own: name one with --dataset")
        baseline = resolver.part("enhancer", task.spec.baseline)
        # One that learns takes minutes or hours: it is there when it is asked for.
        beside = [] if _learns(baseline) else [baseline]
        reference = reference_of(baseline, [*beside, *enhancers])
        for dataset in resolver.parts("dataset", [label]):
            datasets.append(dataset)
            pairs += _pairs(unique([*beside, *enhancers]), task, dataset, request, reference)
    resolver.check_overrides("dataset", datasets)
    return Plan(request, dealt(pairs, shard_of(request.shard)) if request.shard else tuple(pairs))


def with_nulls(resolver: Resolver, enhancers: Iterable[Part]) -> list[Part]:
    """Return enhancers, each with its null control behind it: all but the original, which is its own, and nulls."""
    found: list[Part] = []
    for one in enhancers:
        found.append(one)
        if one.name not in (BASELINE, NULL):
            found.append(resolver.made_of("enhancer", NULL, "of", one))
    return unique(found)


def reference_of(baseline: Part, enhancers: Iterable[Part]) -> str:
    """Return the label that differences are taken to: the baseline's, or that of its only variant among enhancers."""
    variants = {e.label for e in enhancers if e.name == baseline.name}
    return variants.pop() if len(variants) == 1 else baseline.label


def _pairs(enhancers: Sequence[Part], task: Part, dataset: Part, request: Request, reference: str) -> Iterable[Pair]:
    done: set[tuple[str, int | None]] = set()
    for seed in dict.fromkeys(request.seeds):
        for enhancer in enhancers:
            moves = enhancer.seeded or (task.learns and task.spec.training == "method")
            of = seed if moves else None
            pair = Pair(enhancer, task, dataset, of, request.limit, request.precision, baseline=reference)
            if (enhancer.identity, pair.seed) in done:
                continue
            done.add((enhancer.identity, pair.seed))
            reason = why_not(enhancer, task, dataset, pair.split, pair.entries, pair.poses)
            seen = "" if reason else learnt_from_scored(dataset, pair.shown, pair.trainings)
            if seen and not request.leakage:
                reason, seen = f"{seen}: choose other cases, or insist with --allow-leakage", ""
            yield replace(pair, reason=reason, told=seen)


@privately()
def plan_enhancer(registry: Registry, request: Request) -> Part:
    """Resolve the one enhancer of a request.

    Raises:
        UsageError: its name, a field or what it learns from is wrong, or several are named.
    """
    forget()
    resolver = Resolver(registry, request.profile, request.overrides)
    (part, *more) = resolver.parts("enhancer", request.enhancers)
    if more:
        raise UsageError(f"name one enhancer, not {len(more) + 1}")
    return part


@privately()
def open_dataset(registry: Registry, name: str, profile: str) -> Part:
    """Open one data set with its manifest.

    Raises:
        UsageError: its name, a field or its folder is wrong.
    """
    part = Resolver(registry, profile).part("dataset", name)
    assert part.opened
    return part


def fingerprint_in_tables(dataset: Part, split: str = "test") -> str:
    """Return the ``dataset_fingerprint`` of tables over all cases of a split, of tasks that neither learn from the data
    set nor need twins."""
    return _loaded(fingerprint(dataset.opened.split(split)), loader_of(dataset, "float32"))


def _loaded(manifest: str, loader: str) -> str:
    return digest([manifest, loader])


def once(trainings: Iterable[Training]) -> list[Training]:
    """Leave out trainings whose weights an earlier one gives, too."""
    found: dict[str, Training] = {}
    for training in trainings:
        found.setdefault(training.key, training)
    return list(found.values())


def describe(plan: Plan) -> list[dict[str, Any]]:
    """Return one record per pair, for ``bench plan``."""
    return [
        {
            "task": p.task.label,
            "dataset": p.dataset.label,
            "split": p.split,
            "enhancer": p.enhancer.label,
            "seed": p.seed,
            "cases": len(p.entries),
            "status": "not-applicable" if p.reason else "planned",
            "reason": p.reason,
            "enhancer_digest": short(p.enhancer.identity),
            "task_digest": short(p.task.identity),
            "dataset_fingerprint": p.fingerprint,
        }
        for p in plan.pairs
    ]


@privately()
def plan_trainings(registry: Registry, request: Request) -> tuple[Training, ...]:
    """Resolve the enhancers to train; "all" stands for those that can be.

    Raises:
        UsageError: a name, field, value or folder is wrong, an enhancer does not learn, or there is nothing to learn
            from.
    """
    forget()
    resolver = Resolver(registry, request.profile, request.overrides)
    for name in (item for text in request.enhancers for item in split_list(text) if item != "all"):
        part = resolver.part("enhancer", name)
        if not _learns(part):
            raise UsageError(f"enhancer '{part.label}' does not learn: it works as it is; {_learners(registry)}")
    parts = [part for part in resolver.parts("enhancer", request.enhancers) if _learns(part)]
    if not parts:
        raise UsageError(f"nothing to train: {_learners(registry)}")
    resolver.check_overrides("enhancer", parts)
    for part in parts:
        if reason := why_no_part(part):
            raise UsageError(reason)
    seeds = dict.fromkeys(request.seeds)
    return tuple(once(t for s in seeds for part in parts for t in trainings_of(part, s, request.precision)))


def _learns(part: Part) -> bool:
    return any(one.learns for one in part.all_enhancers())


def _learners(registry: Registry) -> str:
    names = [n for n in registry.names("enhancer") if getattr(registry.entry("enhancer", n).spec, "learns", False)]
    return f"those that learn: {', '.join(names)}" if names else "no enhancer here learns"
