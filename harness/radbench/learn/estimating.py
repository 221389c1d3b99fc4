"""Estimating: how long a training will take, from a few timed steps on a copy of its network."""

from __future__ import annotations

import copy
import math
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from radbench.learn.augment import Augment
from radbench.learn.batch import Samples
from radbench.learn.fitting import Training
from radbench.learn.losses import Loss
from radbench.learn.options import FitOptions
from radbench.learn.precision import reproducible
from radbench.learn.shortage import random_states, restore_random_states
from radbench.learn.telling import duration

if TYPE_CHECKING:
    from radbench.contracts.enhancement import FitContext


@dataclass(frozen=True)
class Estimate:
    """What a training will take, at most: an early stop shortens it.

    Attributes:
        seconds_per_step: of an optimiser step, augmentation included.
        seconds_per_validation: of scoring the validation set once.
        steps: optimiser steps in all.
        seconds: in all.
        images_per_second: training samples per second.
        flops_per_image: floating-point operations (a multiplication and an addition are two) of one sample forward
            and backward; for throughput as a share of a card's peak.
    """

    seconds_per_step: float
    seconds_per_validation: float
    steps: int
    seconds: float
    images_per_second: float
    flops_per_image: float

    def __str__(self) -> str:
        return f"about {duration(self.seconds)} ({self.steps} steps of {self.seconds_per_step:.3g} s)"


def estimate(
    network: nn.Module,
    train: Samples,
    loss: Loss,
    options: FitOptions,
    context: FitContext,
    *,
    validation: Samples | None = None,
    score: Loss | None = None,
    augment: Augment | None = None,
    timed_steps: int = 3,
    timed_seconds: float = 1.0,
    train_size: int | None = None,
    validation_size: int | None = None,
) -> Estimate:
    """Time a few steps after one that warms up; the network, its device and all random states stay as they are.

    Args: as :func:`radbench.learn.fit` takes them; and ``timed_steps`` and ``timed_seconds``, how many steps to time
        at least, and for how long (short ones vary), the median of which counts; ``train_size`` and
        ``validation_size``, how many samples there will be where only some are at hand.

    Raises:
        TrainingError: one sample alone is too large for the memory.
    """
    device = torch.device(context.device)
    states = random_states(device)
    with tempfile.TemporaryDirectory() as folder, reproducible(context.precision):
        trial = replace(context, workdir=Path(folder), progress=lambda done, total, text: None)
        training = Training(
            copy.deepcopy(network), train, loss, options, trial, validation=validation, score=score, augment=augment
        )
        training.network.train()
        size = options.batch_size
        places = [i % len(train) for i in range(size)]
        _timed(training, places, device)
        seconds: list[float] = []
        while len(seconds) < timed_steps or sum(seconds) < timed_seconds:
            seconds.append(_timed(training, places, device))
        seconds.sort()
        validating = _timed_validation(training, size, device, validation_size)
        flops = _flops(training, places[:1])
    restore_random_states(device, states)
    step = seconds[len(seconds) // 2]
    steps = options.epochs * math.ceil((train_size or len(train)) / size)
    total = steps * step + options.epochs * validating
    return Estimate(step, validating, steps, total, size / step, flops)


def _timed(training: Training, places: list[int], device: torch.device) -> float:
    _wait(device)
    started = time.perf_counter()
    training.step(places, training.options.learning_rate)
    _wait(device)
    return time.perf_counter() - started


def _timed_validation(training: Training, size: int, device: torch.device, n: int | None) -> float:
    if training.validation is None:
        return 0.0
    n = len(training.validation) if n is None else n
    few = list(range(min(size, len(training.validation))))
    training.network.eval()
    took = 0.0
    for _ in range(2):  # the first warms up
        started = time.perf_counter()
        with torch.no_grad():
            training.scores(training.validation, few, training.at.micro_batch)
        _wait(device)
        took = time.perf_counter() - started
    return took * n / len(few)


def _flops(training: Training, places: list[int]) -> float:
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter:
        training.gradients(places, 1)
    return float(counter.get_total_flops())


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
