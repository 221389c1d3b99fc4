"""Trained: how trainings ended, and what their weights and curves come to."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radbench.contracts.results import Status
from radbench.engine.keep.store import Store
from radbench.engine.plan.learning import Training


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


def trained(store: Store, training: Training, error: dict[str, Any] | None, fresh: bool) -> Trained:
    """Return how a training ended; ``error`` holds status and message where it failed."""
    folder = store.weights_folder(training.key)
    if error is not None:
        return Trained(training, Status(error["status"]), error["message"], fresh, {}, folder, ())
    facts = store.weights_facts(training.key)
    files = sorted((folder / "beside").glob("*.csv"))
    curves = tuple(curve for file in files if (curve := read_curve(file)) is not None)
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
