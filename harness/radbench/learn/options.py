"""How a training goes: optimiser, learning rate, epochs, when to stop; and what comes of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from radbench.contracts.errors import ConfigurationError, RadbenchError


class TrainingError(RadbenchError):
    """A training cannot go on: the loss is not finite, or not even one lesson fits into memory."""


@dataclass(frozen=True)
class FitOptions:
    """How a training goes.

    Attributes:
        epochs: at most so many.
        batch_size: lessons per optimiser step, whatever fits into memory at once.
        micro_batch: lessons at once; None begins with the whole batch. Running out of memory halves it.
        optimiser: "adam", "adamw" with ``weight_decay``, or "sgd" with ``momentum``.
        learning_rate: at the start (after the warm-up).
        betas: of Adam.
        momentum: of SGD.
        weight_decay: of AdamW (decoupled); of Adam and SGD, added to the gradient.
        schedule: "constant", "cosine" (down to ``final_rate`` times the rate at the last step) or "step" (times
            ``step_factor`` every ``step_epochs``).
        final_rate, step_epochs, step_factor: see ``schedule``.
        warmup_steps: optimiser steps over which the rate rises linearly from 0.
        patience: epochs without a better validation before the training ends; None never ends it early.
        least_gain: by how much a validation must be lower to be better.
        clip_norm: largest norm of all gradients together; None does not clip.
        channels_last: lay out images with the channels last, which is faster on most processors and cards.
        half: the short type of mixed precision; "auto" is bfloat16 where the device has it, else float16.
        checkpoint_seconds: how old a checkpoint may grow; it is written at the ends of epochs. 0: after each.
    """

    epochs: int
    batch_size: int = 8
    micro_batch: int | None = None
    optimiser: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: Literal["constant", "cosine", "step"] = "constant"
    final_rate: float = 0.0
    step_epochs: int = 30
    step_factor: float = 0.1
    warmup_steps: int = 0
    patience: int | None = None
    least_gain: float = 0.0
    clip_norm: float | None = None
    channels_last: bool = True
    half: Literal["auto", "bfloat16", "float16"] = "auto"
    checkpoint_seconds: float = 30.0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "step_epochs"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.micro_batch is not None and self.micro_batch < 1:
            raise ConfigurationError(f"micro_batch must be at least 1, got {self.micro_batch}")
        if not self.learning_rate > 0:
            raise ConfigurationError(f"learning_rate must be above 0, got {self.learning_rate}")
        for name, allowed in (
            ("optimiser", ("adam", "adamw", "sgd")),
            ("schedule", ("constant", "cosine", "step")),
            ("half", ("auto", "bfloat16", "float16")),
        ):
            if getattr(self, name) not in allowed:
                raise ConfigurationError(f"{name} '{getattr(self, name)}' must be one of {', '.join(allowed)}")

    def identity(self) -> dict[str, Any]:
        """Return what of it can change the weights: neither the checkpoints nor, but for rounding, the micro-batch."""
        return {k: v for k, v in asdict(self).items() if k not in ("checkpoint_seconds", "micro_batch")}


def learning_rate(options: FitOptions, step: int, steps_per_epoch: int) -> float:
    """Return the learning rate of an optimiser step; it depends on nothing else, so that there is nothing to resume.

    Args:
        options: the schedule.
        step: counted from 0 over all epochs.
        steps_per_epoch: optimiser steps in one epoch.
    """
    rate = options.learning_rate
    if step < options.warmup_steps:
        return rate * (step + 1) / options.warmup_steps
    if options.schedule == "step":
        return rate * options.step_factor ** (step // steps_per_epoch // options.step_epochs)
    if options.schedule == "cosine":
        total = options.epochs * steps_per_epoch - options.warmup_steps
        share = min(1.0, (step - options.warmup_steps) / max(1, total - 1))
        return rate * (options.final_rate + (1 - options.final_rate) * (1 + math.cos(math.pi * share)) / 2)
    return rate


@dataclass(frozen=True)
class FitResult:
    """What a training came to; the networks hold the weights that stay.

    Attributes:
        epochs: how many were trained.
        best_epoch: the one with the best score, counted from 1; its weights stay unless the last ones do.
        best: its validation score, lower is better; of the training loss where there is no validation.
        curve: a row per epoch, as in ``NAME.curve.csv``.
        seconds: spent training, over all attempts.
        micro_batch: lessons at once in the end; below ``batch_size`` where memory was short.
        resumed_at: the epoch, counted from 1, that this attempt began with after an interruption; 0 without one.
    """

    epochs: int
    best_epoch: int
    best: float
    curve: tuple[Mapping[str, float], ...]
    seconds: float
    micro_batch: int
    resumed_at: int = 0
