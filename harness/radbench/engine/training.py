"""Training: enhancers whose weights are wanted, what each learns from, and what is known of weights that are stored."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from radbench.contracts.errors import UsageError
from radbench.contracts.results import Status
from radbench.engine.keys import digest, forget_sources
from radbench.engine.plan import (
    Datasets,
    Pair,
    PlannedDataset,
    PlannedEnhancer,
    expand,
    planned_enhancer,
    why_no_training,
)
from radbench.engine.request import Request
from radbench.engine.store import Store
from radbench.registry.registry import Registry, check_overrides
from radbench.registry.variants import parse_variant, split_list

SPLITS = ("train", "validation")
"""What an enhancer is given of the data set that it learns from."""


@dataclass(frozen=True)
class Training:
    """An enhancer whose weights are wanted for one seed."""

    enhancer: PlannedEnhancer
    seed: int
    precision: str

    @cached_property
    def key(self) -> str:
        """Where its weights lie; the same whoever wants them."""
        return str(self.enhancer.fit_key(self.seed, self.precision))

    @property
    def source(self) -> PlannedDataset:
        """What it learns from."""
        assert self.enhancer.trained_on is not None
        return self.enhancer.trained_on

    @property
    def name(self) -> str:
        """For people."""
        return self.enhancer.resolved.label + (f" (seed {self.seed})" if self.seed else "")

    @property
    def lesson(self) -> str:
        """For people: what it learns from, and how many cases of it."""
        train, validation = (len(self.source.entries.get(split, ())) for split in SPLITS)
        counts = f"{train} + {validation} cases" if validation else f"{train} case{'s' * (train != 1)}"
        return f"{self.source.resolved.label} ({counts})"


@dataclass(frozen=True)
class TrainingPlan:
    """All trainings of a request."""

    request: Request
    trainings: tuple[Training, ...]
    pairs: tuple[Pair, ...] = ()

    @cached_property
    def digest(self) -> str:
        """Names the folder: the same request on the same data and code gives the same."""
        return digest(sorted(t.key for t in self.trainings))

    @property
    def title(self) -> str:
        """A short name for the folder."""
        return "-".join(["train", *dict.fromkeys(t.enhancer.resolved.spec.name for t in self.trainings)])


@dataclass(frozen=True)
class Curve:
    """What one network's curve of learning comes to.

    Attributes:
        file: the CSV, a row per epoch.
        epochs: so many were trained.
        best: lowest validation score; of the training loss where nothing was validated.
        best_epoch: its epoch.
    """

    file: Path
    epochs: int
    best: float
    best_epoch: int


@dataclass(frozen=True)
class Trained:
    """How a training ended.

    Attributes:
        training: which.
        status, error: how; ``ok`` and "".
        fresh: whether it was trained just now; else its weights were there already.
        facts: about the weights (``fit_seconds``, ``parameters``, ``device``, ``threads``); empty where it failed.
        folder: where weights and curves lie.
        curves: one per network.
    """

    training: Training
    status: Status
    error: str
    fresh: bool
    facts: dict[str, Any]
    folder: Path
    curves: tuple[Curve, ...]


def plan_trainings(registry: Registry, request: Request) -> TrainingPlan:
    """Resolve the enhancers to train; "all" stands for those that can be.

    Raises:
        UsageError: a name, field, value or folder is wrong, an enhancer does not train, or there is nothing to learn
            from.
    """
    forget_sources()
    for kind in request.overrides:
        if kind not in ("enhancer", "dataset"):
            raise UsageError(f"--set {kind}.…: the owner must be enhancer or dataset")
    named = {parse_variant(i).label for text in request.enhancers for i in split_list(text) if i != "all"}
    variants = []
    for variant in expand(registry, "enhancer", request.enhancers):
        if _trains(registry, variant.name):
            variants.append(variant)
        elif variant.label in named:
            raise UsageError(f"enhancer '{variant.label}' does not train: it works as it is; {_trainable(registry)}")
    if not variants:
        raise UsageError(f"nothing to train: {_trainable(registry)}")
    datasets = Datasets(registry, request)
    enhancers = [planned_enhancer(registry, request, v, datasets) for v in variants]
    check_overrides([e.resolved for e in enhancers], request.overrides.get("enhancer", {}), "enhancer")
    check_overrides([d.resolved for d in datasets.all()], request.overrides.get("dataset", {}), "dataset")
    for enhancer in enhancers:
        if reason := why_no_training(enhancer):
            raise UsageError(reason)
    wanted = (Training(e, seed, request.precision) for seed in dict.fromkeys(request.seeds) for e in enhancers)
    return TrainingPlan(request, tuple(_once(wanted)))


def trainings_of(pairs: Iterable[Pair]) -> list[Training]:
    """Return what pairs need trained, each training once."""
    wanted = (Training(p.enhancer, p.seed, p.precision) for p in pairs if p.enhancer.trained_on is not None)
    return _once(wanted)


def _once(trainings: Iterable[Training]) -> list[Training]:
    """Leave out trainings whose weights an earlier one gives, too."""
    found: dict[str, Training] = {}
    for training in trainings:
        found.setdefault(training.key, training)
    return list(found.values())


def trained(store: Store, training: Training, error: dict[str, Any] | None, fresh: bool) -> Trained:
    """Return how a training ended; ``error`` holds status and message where it failed."""
    folder = store.weights_folder(training.key)
    if error is not None:
        return Trained(training, Status(error["status"]), error["message"], fresh, {}, folder, ())
    facts = store.weights_facts(training.key)
    curves = tuple(curve for file in sorted(folder.glob("*.csv")) if (curve := read_curve(file)) is not None)
    return Trained(training, Status.OK, "", fresh, facts, folder, curves)


def read_curve(file: Path) -> Curve | None:
    """Return what a curve of :mod:`radbench.learn` comes to, None for another file."""
    best, best_epoch, epochs = math.inf, 0, 0
    try:
        with file.open(newline="") as lines:
            for row in csv.DictReader(lines):
                validation = float(row["validation_score"])
                value = float(row["train_loss"]) if math.isnan(validation) else validation
                epochs = int(row["epoch"])
                if value < best:
                    best, best_epoch = value, epochs
    except (OSError, KeyError, ValueError, TypeError):
        return None
    return Curve(file, epochs, best, best_epoch) if epochs else None


def _trains(registry: Registry, name: str) -> bool:
    return bool(getattr(registry.entry("enhancer", name).spec, "trainable", False))


def _trainable(registry: Registry) -> str:
    names = [n for n in registry.names("enhancer") if _trains(registry, n)]
    return f"those that train: {', '.join(names)}" if names else "no enhancer here trains"
