"""Training of the classifier: loss, augmentation, and a learning rate that falls where the validation stands still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from radbench.contracts.errors import DatasetError
from radbench.learn.appearance import AppearanceOptions
from radbench.learn.augment import Augmentation
from radbench.learn.batch import Batch, as_unit
from radbench.learn.draws import Draws
from radbench.learn.estimating import estimate
from radbench.learn.fitting import fit
from radbench.learn.geometry import GeometryOptions
from radbench.learn.options import FitOptions
from radbench.learn.turns import Turn

if TYPE_CHECKING:
    from radbench.contracts.learning import FitContext, Lessons, LessonSet
    from radbench_cad.config import CADConfig
    from radbench_cad.network import Classifier

_APART = 1_000_003
"""Between the seeds of two stages: more than a run has seeds."""


def share_of_positives(lessons: LessonSet, findings: Sequence[str], *, every: bool) -> Tensor:
    """Return the share of positives among what is stated of each finding, float32 ``[K]``; 1/2 where it is the same in
    all cases or not stated.

    Args:
        lessons: of the train split.
        findings: the names of those, the first of the lessons', that must differ from case to case.
        every: whether all lessons are to be counted; else counting ends once each finding has been seen both ways.

    Raises:
        DatasetError: there are no lessons, or a finding is the same wherever it is stated, or stated nowhere.
    """
    if not len(lessons):
        raise DatasetError(
            f"no case of the train split states any of {', '.join(findings)}: name other findings by "
            "--set task.findings=[…], or another data set by --set task.trained_on=DATASET"
        )
    counts = torch.zeros(2, len(lessons[0]["findings"]))
    for place in range(len(lessons)):
        labels = lessons[place]["findings"]
        counts += torch.stack([labels == 0, labels == 1])
        if not every and bool(counts[:, : len(findings)].all()):
            break
    for name, (negative, positive) in zip(findings, counts.T.tolist(), strict=False):
        if not (negative and positive):
            found = "in every one" if positive else "in none" if negative else "stated of none"
            raise DatasetError(
                f"finding '{name}' is {found} of the {len(lessons)} cases of the train split, from which nothing can "
                "be learnt: name other findings by --set task.findings=[…], or a larger data set"
            )
    return torch.where(counts.amin(dim=0) > 0, counts[1] / counts.sum(dim=0), 0.5)


def finding_loss(logits: Tensor, labels: Tensor, shares: Tensor | None = None) -> Tensor:
    """Return the binary cross-entropy of each case, the mean over the findings that are stated of it.

    Args:
        logits: float32 ``[B,K]``.
        labels: float32 ``[B,K]`` of 0, 1 or NaN (not stated), at least one of each case stated.
        shares: ``[K]``, the share of positives p: a positive then counts 1 - p, a negative p (CheXNet §2.1).

    Returns:
        float32 ``[B]``.
    """
    stated = ~labels.isnan()
    truth = labels.nan_to_num(0.0)
    each = binary_cross_entropy_with_logits(logits, truth, reduction="none")
    if shares is not None:
        each = each * torch.where(truth > 0.5, 1 - shares, shares)
    return (each * stated).sum(dim=1) / stated.sum(dim=1).clamp_min(1)


def train(network: Classifier, lessons: Lessons, config: CADConfig, shares: Tensor, context: FitContext) -> None:
    """Train a classifier in place.

    Args:
        network: on the context's device.
        lessons: "image" uint16 ``[C,S,S]`` and "findings" float32 ``[K]``.
        config: how.
        shares: ``[K]``, the share of positives.
        context: of the training.
    """
    weights = shares.to(context.device) if config.loss_weights == "balanced" else None

    def loss(model: Any, batch: Batch) -> Tensor:
        return finding_loss(model(batch["image"]), batch["findings"], weights)

    turns = [Turn(loss)]
    how: dict[str, Any] = {
        "validation": lessons.validation,
        "augment": augmentation_of(config),
        "prepare": to_unit,
    }
    options = FitOptions(
        epochs=config.epochs,
        batch_size=config.batch_size,
        optimiser=config.optimiser,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        schedule="cosine" if config.schedule == "cosine" else "constant",
        warmup_steps=config.warmup_steps,
    )
    context.expect(estimate(network, turns, lessons.train, options, context, **how).seconds)
    if config.schedule == "cosine":
        fit(network, turns, lessons.train, options, context, name="classifier", **how)
        return
    left, best = config.epochs, float("inf")
    for drop in range(config.drops + 1):
        stage = replace(options, epochs=left, learning_rate=config.learning_rate * 0.1**drop, patience=config.patience)
        # A seed of its own: the draws of a stage are not those of the stage before.
        drawn = replace(context, seed=context.seed + _APART * drop)
        before = {name: value.detach().clone() for name, value in network.state_dict().items()}
        found = fit(network, turns, lessons.train, stage, drawn, name=f"classifier rate {drop + 1}", **how)
        if found.best < best:
            best = found.best
        else:
            network.load_state_dict(before)
        left -= found.epochs
        if left < 1:
            break


def augmentation_of(config: CADConfig) -> Augmentation | None:
    """Return how the training images are moved and changed; None where they stay as they are."""
    moves = GeometryOptions(
        flip=config.flip,
        rotation_deg=config.rotation_deg,
        crop=config.crop,
        shift=(config.shift, config.shift),
    )
    looks = AppearanceOptions(contrast=config.contrast, exposure=config.contrast / 2)
    return None if moves.still and looks.still else Augmentation(moves, looks)


def to_unit(batch: Batch, draws: Draws) -> Batch:
    """Return the batch with its image as float32 in [0,1], augmented or not."""
    return batch.with_(image=as_unit(batch["image"]))
