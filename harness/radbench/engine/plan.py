"""Plan: enhancers x tasks x data sets x seeds become pairs; a pair that does not apply is listed with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from radbench.contracts.config import trained_fields
from radbench.contracts.dataset import CaseEntry, check_manifest, fingerprint
from radbench.contracts.errors import PluginError, RadbenchError, UsageError
from radbench.engine.apply import is_class
from radbench.engine.keys import code, digest, forget_sources, identity, short, source_of
from radbench.engine.request import Ref, Request
from radbench.registry.discovery import one_line
from radbench.registry.registry import Registry, Resolved, check_overrides
from radbench.registry.variants import Variant, parse_variant, split_list

BASELINE = "original"


@dataclass(frozen=True)
class PlannedDataset:
    """A data set with its manifest."""

    ref: Ref
    resolved: Resolved
    dataset: Any
    entries: Mapping[str, tuple[CaseEntry, ...]]
    limit: int

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the manifest of the cases used."""
        return fingerprint(e for entries in self.entries.values() for e in entries)


@dataclass(frozen=True)
class PlannedEnhancer:
    """An enhancer with its identity; one that trains also with what it learns from."""

    ref: Ref
    resolved: Resolved
    files: str | None
    trained_on: PlannedDataset | None

    @cached_property
    def _identity(self) -> dict[str, Any]:
        trained_on = self.trained_on.fingerprint if self.trained_on else None
        return identity(self.resolved, files=self.files, trained_on=trained_on)

    @cached_property
    def digest(self) -> str:
        """What the leaderboard names it by."""
        return digest(self._identity)

    def fit_key(self, seed: int, precision: str) -> str | None:
        """Key of its weights, None where it does not train."""
        if self.trained_on is None:
            return None
        trained = trained_fields(type(self.resolved.config))
        config = {name: value for name, value in self._identity["config"].items() if name in trained}
        return digest(
            {
                "fit": self._identity | {"config": config},
                "code": code(self.ref.source),
                "loader": self.trained_on.ref.source,
                "seed": seed,
                "precision": precision,
            }
        )

    def enhance_key(self, seed: int, precision: str, loader: str) -> str:
        """Key of its enhancements (together with the case's); ``loader`` digests the sources that load the case."""
        return digest(
            {
                "enhance": self._identity,
                "code": code(self.ref.source),
                "loader": loader,
                "seed": seed,
                "precision": precision,
                "weights": self.fit_key(seed, precision),
            }
        )


@dataclass(frozen=True)
class PlannedTask:
    """A task with its identity."""

    ref: Ref
    resolved: Resolved

    @property
    def per_case(self) -> bool:
        """Whether it scores each case by itself."""
        return not hasattr(self.resolved.factory, "run")

    @cached_property
    def digest(self) -> str:
        """What the leaderboard names it by: two scores compare only where it is the same."""
        metrics = [(m.name, m.version, m.data_range, m.aggregation) for m in self.resolved.spec.metrics]
        return digest(identity(self.resolved, metrics=metrics))

    def score_key(self, enhance_key: str, seed: int, data: str) -> str:
        """Key of its scores of one enhancer; ``data`` is the fingerprint where all cases count together."""
        return digest(
            {
                "score": self.digest,
                "code": code(self.ref.source),
                "enhance": enhance_key,
                "seed": seed,
                "data": "" if self.per_case else data,
            }
        )


@dataclass(frozen=True)
class Pair:
    """One enhancer under one task on one data set with one seed.

    Attributes:
        reason: why it does not apply, "" where it does.
    """

    enhancer: PlannedEnhancer
    task: PlannedTask
    dataset: PlannedDataset
    seed: int
    precision: str = "float32"
    reason: str = ""

    @property
    def name(self) -> str:
        """What the journal and the per-case file call it."""
        parts = (
            self.task.resolved.label,
            self.dataset.resolved.label,
            self.enhancer.resolved.label,
            f"seed{self.seed}",
        )
        return "--".join(parts)

    @property
    def split(self) -> str:
        """The split that is scored."""
        return self.task.resolved.spec.splits[-1]

    @property
    def entries(self) -> tuple[CaseEntry, ...]:
        """The cases that are scored."""
        return self.dataset.entries.get(self.split, ())

    @cached_property
    def enhance_key(self) -> str:
        """Key of the enhancements it needs."""
        return self.enhancer.enhance_key(self.seed, self.precision, self.dataset.ref.source)

    @cached_property
    def score_key(self) -> str:
        """Key of its scores."""
        return self.task.score_key(self.enhance_key, self.seed, self.dataset.fingerprint)


@dataclass(frozen=True)
class Plan:
    """All pairs of a request."""

    request: Request
    pairs: tuple[Pair, ...]

    @cached_property
    def digest(self) -> str:
        """Names the run folder: the same request on the same data gives the same."""
        return digest(
            [
                sorted((p.name, p.task.digest, p.enhancer.digest, p.dataset.fingerprint) for p in self.pairs),
                self.request.profile,
                self.request.precision,
            ]
        )

    @property
    def title(self) -> str:
        """A short name for the run folder."""
        tasks = sorted({p.task.resolved.spec.name for p in self.pairs})
        datasets = sorted({p.dataset.resolved.spec.name for p in self.pairs})
        return "-".join([*tasks, *datasets])


def make_plan(registry: Registry, request: Request) -> Plan:
    """Resolve everything that was asked for and pair it.

    Raises:
        UsageError: a name, field, value or folder is wrong; nothing has been run.
    """
    forget_sources()
    for kind in request.overrides:
        if kind not in ("enhancer", "task", "dataset"):
            raise UsageError(f"--set {kind}.…: the owner must be enhancer, task or dataset")
    wanted = expand(registry, "enhancer", request.enhancers)
    if not any(v.label == BASELINE for v in wanted):
        registry.entry("enhancer", BASELINE)
        wanted = [Variant(BASELINE), *wanted]
    datasets = Datasets(registry, request)
    tasks = [PlannedTask(*_resolved(registry, request, "task", v)) for v in expand(registry, "task", request.tasks)]
    enhancers = [planned_enhancer(registry, request, v, datasets) for v in wanted]
    check_overrides([e.resolved for e in enhancers], request.overrides.get("enhancer", {}), "enhancer")
    check_overrides([t.resolved for t in tasks], request.overrides.get("task", {}), "task")
    pairs = []
    for task in tasks:
        label = request.dataset or task.resolved.spec.default_dataset
        if not label:
            raise UsageError(f"task '{task.resolved.label}' has no data set of its own: name one with --dataset")
        for variant in {v.label: v for v in map(parse_variant, split_list(label))}.values():
            dataset = datasets.get(variant)
            for seed in dict.fromkeys(request.seeds):
                for enhancer in enhancers:
                    reason = why_not(enhancer, task, dataset)
                    pairs.append(Pair(enhancer, task, dataset, seed, request.precision, reason))
    check_overrides([d.resolved for d in datasets.all()], request.overrides.get("dataset", {}), "dataset")
    return Plan(request, tuple(pairs))


def plan_enhancer(registry: Registry, request: Request) -> PlannedEnhancer:
    """Resolve the one enhancer of a request.

    Raises:
        UsageError: its name, a field or what it learns from is wrong, or several are named.
    """
    forget_sources()
    (variant, *more) = expand(registry, "enhancer", request.enhancers)
    if more:
        raise UsageError(f"name one enhancer, not {len(more) + 1}")
    return planned_enhancer(registry, request, variant, Datasets(registry, request))


def open_dataset(registry: Registry, name: str, profile: str) -> PlannedDataset:
    """Open one data set with its manifest.

    Raises:
        UsageError: its name, a field or its folder is wrong.
    """
    request = Request(enhancers=(), tasks=(), profile=profile)
    return Datasets(registry, request).get(parse_variant(name))


def expand(registry: Registry, kind: str, wanted: Sequence[str]) -> list[Variant]:
    """Turn what was typed into variants: comma lists and ``all`` expanded, repetitions dropped.

    Raises:
        UsageError: nothing is left, or the text has no such form.
    """
    variants: dict[str, Variant] = {}
    for text in wanted:
        for item in split_list(text):
            names = registry.names(kind) if item == "all" else [item]
            if item == "all":
                names = [n for n in names if _goes_alone(registry, kind, n)]
            for name in names:
                variant = parse_variant(name)
                variants.setdefault(variant.label, variant)
    if not variants:
        raise UsageError(f"name at least one {kind}: there is {', '.join(registry.names(kind))}")
    return list(variants.values())


def _goes_alone(registry: Registry, kind: str, name: str) -> bool:
    """Tell what "all" takes in: not what needs a field of its own (a folder), nor what cannot be imported."""
    try:
        registry.resolve(kind, name)
    except UsageError:
        return False
    except PluginError as e:
        registry.warnings.append(f"left out of 'all': {e}")
        return False
    return True


def why_not(enhancer: PlannedEnhancer, task: PlannedTask, dataset: PlannedDataset) -> str:
    """Return why an enhancer, a task and a data set do not go together, or ""."""
    e, t, d = enhancer.resolved.spec, task.resolved.spec, dataset
    modality = d.dataset.modality
    missing = [name for name in t.needs_targets if name not in d.dataset.targets]
    if missing:
        return f"data set '{d.resolved.label}' has no {', '.join(missing)}"
    for owner, other in ((t, "task"), (e, "enhancer")):
        if "any" not in (owner.modality, modality) and owner.modality != modality:
            return f"{other} '{owner.name}' is for {owner.modality}, data set '{d.resolved.label}' is {modality}"
    lacking = [name for name in t.needs_layers if name not in e.layers]
    if lacking:
        return f"enhancer '{enhancer.resolved.label}' offers no {', '.join(lacking)}"
    empty = [split for split in t.splits if not d.entries.get(split)]
    if empty:
        return f"data set '{d.resolved.label}' has no cases in split '{empty[0]}'"
    return why_no_training(enhancer)


def why_no_training(enhancer: PlannedEnhancer) -> str:
    """Return why an enhancer cannot learn from what it is to learn from, or ""; "" for one that does not train."""
    source = enhancer.trained_on
    if source is None or source.entries.get("train"):
        return ""
    return f"enhancer '{enhancer.resolved.label}' learns from '{source.resolved.label}', which has no split 'train'"


def _resolved(registry: Registry, request: Request, kind: str, variant: Variant) -> tuple[Ref, Resolved]:
    ref = Ref(kind, variant, request.profile, tuple(request.overrides.get(kind, {}).items()))
    resolved = ref.resolve(registry)
    return replace(ref, source=source_of(resolved)), resolved


def planned_enhancer(registry: Registry, request: Request, variant: Variant, datasets: Datasets) -> PlannedEnhancer:
    """Resolve an enhancer, and open what it learns from; errors as those of :func:`make_plan`."""
    ref, resolved = _resolved(registry, request, "enhancer", variant)
    files: str | None = None
    trained_on: PlannedDataset | None = None
    if is_class(resolved.factory) and hasattr(resolved.factory, "fingerprint"):
        try:
            files = str(resolved.factory(resolved.config).fingerprint())
        except RadbenchError:
            raise
        except Exception as e:
            raise PluginError(f"enhancer '{resolved.label}': its fingerprint() failed: {one_line(e)}") from e
    if resolved.spec.trainable:
        source = getattr(resolved.config, "trained_on", None)
        if not source:
            raise PluginError(f"enhancer '{resolved.label}' is trainable: its Config must have a field 'trained_on'")
        trained_on = datasets.get(parse_variant(str(source)), limit=0)
    return PlannedEnhancer(ref, resolved, files, trained_on)


class Datasets:
    """The data sets of a request, each opened once."""

    def __init__(self, registry: Registry, request: Request) -> None:
        self.registry, self.request = registry, request
        self._known: dict[tuple[str, int], PlannedDataset] = {}

    def all(self) -> list[PlannedDataset]:
        """Return those that were opened."""
        return list(self._known.values())

    def get(self, variant: Variant, limit: int | None = None) -> PlannedDataset:
        """Open one at its first use; ``limit`` counts instead of the request's."""
        limit = self.request.limit if limit is None else limit
        if (variant.label, limit) not in self._known:
            self._known[variant.label, limit] = self._open(variant, limit)
        return self._known[variant.label, limit]

    def _open(self, variant: Variant, limit: int) -> PlannedDataset:
        ref, resolved = _resolved(self.registry, self.request, "dataset", with_location(self.registry, variant))
        # The label stays as it was typed; a registered location is nobody else's business.
        resolved = replace(resolved, label=variant.label)
        try:
            dataset = resolved.factory(resolved.config)
            manifest = list(dataset.manifest())
        except RadbenchError:
            raise
        except Exception as e:
            raise PluginError(f"data set '{variant.label}' cannot be opened: {one_line(e)}") from e
        for name in ("modality", "targets", "load"):
            if not hasattr(dataset, name):
                raise PluginError(f"data set '{variant.label}' has no {name}: {type(dataset).__name__} must offer it")
        check_manifest(variant.label, manifest)
        entries: dict[str, list[CaseEntry]] = {}
        for entry in manifest:
            split = entries.setdefault(entry.split, [])
            if not limit or len(split) < limit:
                split.append(entry)
        return PlannedDataset(ref, resolved, dataset, {k: tuple(v) for k, v in entries.items()}, limit)


def with_location(registry: Registry, variant: Variant) -> Variant:
    """Add the root that ``bench data add`` keeps for the data set, where the variant names none."""
    from radbench.engine.locations import location_of

    if any(field == "root" for field, _ in variant.fields):
        return variant
    root = location_of(variant.name)
    return variant if root is None else Variant(variant.name, (("root", str(root)), *variant.fields))


def entry_key(entry: CaseEntry) -> str:
    """Return the key of a case: its content and its identity (an enhancer may go by it)."""
    return digest([entry.case_id, entry.patient_id, entry.digest])


def cases_digest(entries: Mapping[str, Iterable[CaseEntry]]) -> str:
    """Return the digest of the cases that a task over whole splits was given, by split."""
    return digest({split: sorted(entry_key(e) for e in of_split) for split, of_split in entries.items()})


def describe(plan: Plan) -> list[dict[str, Any]]:
    """Return one record per pair, for ``bench plan``."""
    return [
        {
            "task": p.task.resolved.label,
            "dataset": p.dataset.resolved.label,
            "split": p.split,
            "enhancer": p.enhancer.resolved.label,
            "seed": p.seed,
            "cases": len(p.entries),
            "status": "not-applicable" if p.reason else "planned",
            "reason": p.reason,
            "enhancer_digest": short(p.enhancer.digest),
            "task_digest": short(p.task.digest),
            "dataset_fingerprint": p.dataset.fingerprint,
        }
        for p in plan.pairs
    ]
