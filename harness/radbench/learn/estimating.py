"""Estimating: how long a training will take, from a few timed steps on a copy of its network."""

from __future__ import annotations

import copy
import math
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from radbench.contracts.duration import duration
from radbench.learn.augment import Prepare
from radbench.learn.feeding import Crop
from radbench.learn.fitting import Training
from radbench.learn.losses import Loss
from radbench.learn.options import FitOptions
from radbench.learn.precision import reproducible
from radbench.learn.random_states import RandomStates
from radbench.learn.turns import Networks, Turn

if TYPE_CHECKING:
    from radbench.contracts.learning import FitContext, LessonSet


@dataclass(frozen=True)
class Estimate:
    """What a training will take, at most: an early stop shortens it.

    Attributes:
        seconds_per_step: of an optimiser step, augmentation included.
        seconds_per_validation: of scoring the validation set once.
        steps: optimiser steps in all.
        seconds: in all.
        images_per_second: lessons per second.
        flops_per_image: floating-point operations (a multiplication and an addition are two) of one lesson forward
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
    networks: Networks,
    turns: Sequence[Turn],
    train: LessonSet,
    options: FitOptions,
    context: FitContext,
    *,
    validation: LessonSet | None = None,
    score: Loss | None = None,
    prepare: Prepare | None = None,
    augment: Prepare | None = None,
    crop: Crop | None = None,
    keep: Literal["best", "last"] = "best",
    name: str = "network",
    data: str = "",
    timed_steps: int = 3,
    timed_seconds: float = 1.0,
) -> Estimate:
    """Time a few steps after one that warms up; networks, their device and all random states stay as they are.

    The steps move copies of the networks: losses must use those that they are given.

    Args: as :func:`radbench.learn.fit` takes them; and ``timed_steps`` and ``timed_seconds``, how many steps to time
        at least, and for how long (short ones vary), the median of which counts.

    Raises: as :func:`radbench.learn.fit`.
    """
    device, size = torch.device(context.device), options.batch_size
    states = RandomStates.now()
    # One copy of all: networks that share weights share them in the copy, too.
    copies = copy.deepcopy(networks if isinstance(networks, nn.Module) else dict(networks))
    with tempfile.TemporaryDirectory() as folder, reproducible(context.precision):
        apart = Path(folder)
        trial = replace(context, workdir=apart, beside=apart, progress=lambda done, total, text: None)
        training = Training(
            copies, turns, train, options, trial, validation, score, prepare, augment, crop, keep, name, data
        )
        for network in training.networks.values():
            network.train()
        places = [i % len(train) for i in range(size)]
        _timed(training, places, device)
        seconds: list[float] = []
        while len(seconds) < timed_steps or sum(seconds) < timed_seconds:
            seconds.append(_timed(training, places, device))
        seconds.sort()
        flops = _flops(training, places[:1])
        validating = _timed_validation(training, size, device)
    states.restore()
    step = seconds[len(seconds) // 2]
    steps = options.epochs * math.ceil(len(train) / size)
    total = steps * step + options.epochs * validating
    return Estimate(step, validating, steps, total, size / step, flops)


def _timed(training: Training, places: list[int], device: torch.device) -> float:
    _wait(device)
    started = time.perf_counter()
    training.step(places, 0)
    _wait(device)
    return time.perf_counter() - started


def _timed_validation(training: Training, size: int, device: torch.device) -> float:
    if training.validation is None:
        return 0.0
    few = range(min(size, len(training.validation)))
    for network in training.networks.values():
        network.eval()
    took = 0.0
    for _ in range(2):  # the first warms up
        started = time.perf_counter()
        with torch.no_grad():
            training.scores(few, training.at.micro_batch)
        _wait(device)
        took = time.perf_counter() - started
    return took * len(training.validation) / len(few)


def _flops(training: Training, places: list[int]) -> float:
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter:
        batch = training.batch(places, 1)
        for player in training.players:
            with player.alone():
                training.gradients(player, batch, 1)
    return float(counter.get_total_flops())


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
