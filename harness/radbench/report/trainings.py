"""Trainings: how each enhancer and task of a run learnt: on what, for how long, from which weights, and its curves."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from radbench.engine.keep.store import Store, StoreError
from radbench.engine.plan.learning import Training
from radbench.engine.plan.pairs import once
from radbench.leaderboard.privacy import without_paths

Curve = list[dict[str, float]]
"""Rows of an epoch each: ``epoch``, ``train_loss``, ``validation_score``."""

_MOST_EPOCHS = 100_000


@dataclass(frozen=True)
class Learnt:
    """One training.

    Attributes:
        name: of what learnt, with its seed.
        data: the data sets that it learnt from, and how many cases of them.
        licences: of these.
        seconds: it took, None where nothing is known.
        parameters: learnt, likewise.
        device: that it was trained on, "" likewise.
        pretrained: the weights that it began with, "" where the learner does not say.
        facts: what else the learner says of its weights; like ``pretrained`` without paths.
        lacked: cases whose lessons failed.
        curves: by network.
        problem: why nothing is known of it, or "".
    """

    name: str
    data: str
    licences: tuple[str, ...]
    seconds: float | None
    parameters: int | None
    device: str
    pretrained: str
    facts: tuple[tuple[str, str], ...]
    lacked: int
    curves: tuple[tuple[str, Curve], ...]
    problem: str = ""


def learnt(trainings: Iterable[Training], store: Store) -> list[Learnt]:
    """Return what is known of trainings, each once, from the facts and files that stay with their weights."""
    return [_learnt(training, store) for training in once(trainings)]


def _learnt(training: Training, store: Store) -> Learnt:
    licences = tuple(dict.fromkeys(s.dataset.spec.licence or "not stated" for s in training.sources))
    try:
        facts = store.weights_facts(training.key)
    except StoreError:
        gone = "its weights are no longer in the cache"
        return Learnt(training.name, training.described, licences, None, None, "", "", (), 0, (), gone)
    own = {without_paths(str(name)): without_paths(str(value)) for name, value in facts.get("facts", {}).items()}
    beside = store.weights_folder(training.key) / "beside"
    curves = [
        (file.name.removesuffix(".csv").removesuffix(".curve"), rows)
        for file in sorted(beside.glob("*.csv"))
        if (rows := read_curve(file))
    ]
    return Learnt(
        training.name,
        training.described,
        licences,
        facts.get("fit_seconds"),
        facts.get("parameters"),
        str(facts.get("device", "")),
        own.pop("pretrained", ""),
        tuple(own.items()),
        len(facts.get("lacked", ())),
        tuple(curves),
    )


def read_curve(file: Path) -> Curve:
    """Return the epochs of a curve of :mod:`radbench.learn`; nothing for another file."""
    rows: Curve = []
    try:
        with file.open(newline="") as lines:
            for row in csv.DictReader(lines):
                one = {name: float(row[name]) for name in ("epoch", "train_loss", "validation_score")}
                if not math.isfinite(one["epoch"]) or len(rows) >= _MOST_EPOCHS:
                    return []
                rows.append(one)
    except (OSError, KeyError, ValueError, TypeError):
        return []
    return rows
