"""Fitting: the training loop, from the first batch to the weights that stay; exact after a kill."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeVar

import torch
from torch import Tensor

from radbench.contracts.errors import ConfigurationError, DatasetError
from radbench.learn.augment import Prepare
from radbench.learn.batch import Batch, joined
from radbench.learn.checkpoint import Kept, Standing, load_checkpoint, save_checkpoint
from radbench.learn.draws import epoch_order
from radbench.learn.feeding import Crop, Feed
from radbench.learn.identity import identity_of
from radbench.learn.losses import Loss
from radbench.learn.memory import within_memory
from radbench.learn.options import FitOptions, FitResult, TrainingError, learning_rate
from radbench.learn.precision import autocast, half_type, reproducible
from radbench.learn.progress import Progress, write_curve
from radbench.learn.turns import Networks, Player, Turn, labels, named

if TYPE_CHECKING:
    from radbench.contracts.learning import FitContext, LessonSet

T = TypeVar("T")


def fit(
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
) -> FitResult:
    """Train networks in place and leave them with the weights that stay, in evaluation mode.

    A step takes one batch: lessons are read and cropped, put side by side and on the device, augmented (in training
    alone) and prepared. Then every turn in order computes its loss on it and moves its own networks. Nothing is
    converted unasked: whole-number images stay so until ``prepare`` makes fractions of them
    (:func:`radbench.learn.as_unit`).

    The loss of a batch is the mean over its lessons, whatever part of it fits into memory at once: running out halves
    what is computed at once and adds up the gradients, so that the effective batch stays. (A batch norm sees the parts:
    with one, a smaller part is another training.) A call with the same arguments in the same work folder goes on where
    a killed one stood, to the same bits; one that had ended gives its result again.

    Args:
        networks: one, or several by name; trained on ``context.device``, where they are moved to.
        turns: who learns by which loss, in order.
        train: what to learn from.
        options: how the training goes.
        context: device, seed, precision ("mixed" computes in a short type), folders, and who is told of progress.
        validation: scored after every epoch, cropped and prepared the same way every time.
        score: ``(networks, batch) -> [B]``, lower is better, to choose the best epoch by; None is the turns' losses
            together. Where it is given, the losses of several turns are not validated.
        prepare: what belongs to what is learnt (degradations, poses, projections): called on every batch, with fresh
            draws in training and the same ones in every validation.
        augment: called before it on every training batch.
        crop: what is cut out of each lesson as it is read.
        keep: the weights of the "best" epoch (of the lowest training loss where nothing is validated), or the "last".
        name: tells it from other trainings of one context; for people, and, with hyphens, in the files
            ``NAME.checkpoint`` of the work folder and ``NAME.curve.csv`` beside the weights.
        data: fingerprint of the training data, so that a checkpoint is never taken for another's.

    Returns:
        what it came to.

    Raises:
        TrainingError: a loss is not finite, or one lesson alone is too large for the memory.
        CheckpointError: the work folder holds the checkpoint of another training of this name.
        DatasetError: there are no lessons, or those of one batch differ in size.
        ConfigurationError: there is no turn, or one names a network that there is not.
    """
    training = Training(
        networks, turns, train, options, context, validation, score, prepare, augment, crop, keep, name, data
    )
    with reproducible(context.precision):
        return training.run()


class Training:
    """One training: what its steps share. Its arguments are those of :func:`fit`."""

    def __init__(
        self,
        networks: Networks,
        turns: Sequence[Turn],
        train: LessonSet,
        options: FitOptions,
        context: FitContext,
        validation: LessonSet | None = None,
        score: Loss | None = None,
        prepare: Prepare | None = None,
        augment: Prepare | None = None,
        crop: Crop | None = None,
        keep: Literal["best", "last"] = "best",
        name: str = "network",
        data: str = "",
    ) -> None:
        if not turns:
            raise ConfigurationError(f"{name}: there is no turn to learn in")
        if not len(train):
            raise DatasetError(f"{name}: there are no lessons to learn from")
        self.train, self.options, self.context, self.score = train, options, context, score
        self.validation = validation if validation is not None and len(validation) else None
        self.keep, self.name, self.device = keep, name, torch.device(context.device)

        self.subject, self.networks = networks, named(networks)
        layout = torch.channels_last if options.channels_last else torch.contiguous_format
        for network in self.networks.values():
            network.to(self.device, memory_format=layout)  # type: ignore[call-overload]

        self.half = half_type(options.half, context.precision, self.device)
        scaled = self.half == torch.float16
        self.players = [
            Player(turn, label, self.networks, options, scaled, self.device)
            for turn, label in zip(turns, labels(turns), strict=True)
        ]
        self.feed = Feed(context.seed, self.device, crop, augment, prepare, options.channels_last)
        self.steps = math.ceil(len(train) / options.batch_size)

        micro = min(options.micro_batch or options.batch_size, options.batch_size)
        self.at = Standing(0, math.inf, 0, micro, 0.0, [])
        self.kept: Kept = {}
        file = re.sub(r"[\s/\\]+", "-", name)
        self.checkpoint, self.curve = context.workdir / f"{file}.checkpoint", context.beside / f"{file}.curve.csv"
        parts = (turns, score, prepare, augment, crop, keep)
        self.identity = identity_of(self.networks, options, context, (train, self.validation), parts, data)

    def run(self) -> FitResult:
        """Train to the end, from where a killed attempt stood."""
        found = load_checkpoint(self.checkpoint, self.identity, self.networks, self.players)
        if found:
            self.at, self.kept = found
        resumed_at = self.at.epoch + 1 if found and not self.at.finished else 0
        progress = Progress(self.context.progress, self.name, self.options.epochs, self.steps, self.at.epoch)
        before, started = self.at.seconds, time.perf_counter()
        saved = started
        while not self.at.finished:
            row = self._epoch(progress)
            now = time.perf_counter()
            self.at.seconds = before + now - started
            self.at.curve.append({**row, "seconds": round(self.at.seconds, 3)})
            if self.at.finished or now - saved >= self.options.checkpoint_seconds:
                save_checkpoint(self.checkpoint, self.identity, self.at, self.networks, self.players, self.kept)
                write_curve(self.curve, self.at.curve)
                saved = time.perf_counter()
        write_curve(self.curve, self.at.curve)
        for name, network in self.networks.items():
            network.load_state_dict(self.kept[name])
            network.eval()
        at = self.at
        return FitResult(at.epoch, at.best_epoch, at.best, tuple(at.curve), at.seconds, at.micro_batch, resumed_at)

    def _epoch(self, progress: Progress) -> dict[str, float]:
        """Learn for an epoch, validate, keep what is to be kept; return the curve's row."""
        losses = self._learn(progress)
        loss, score = self._validate(progress) if self.validation is not None else (math.nan, math.nan)
        trained = math.fsum(losses) if len(losses) > 1 else losses[0]
        at, rate = self.at, learning_rate(self.options, (self.at.epoch + 1) * self.steps - 1, self.steps)
        at.epoch += 1
        judged = trained if self.validation is None else score
        better = at.best_epoch == 0 or judged < at.best - self.options.least_gain
        if better:
            at.best, at.best_epoch = judged, at.epoch
        at.finished = self._ends()
        if better if self.keep == "best" else at.finished:
            self.kept = {
                name: {k: v.detach().cpu().clone() for k, v in network.state_dict().items()}
                for name, network in self.networks.items()
            }
        progress.epoch(at.epoch, trained, score, at.best)
        row = {"epoch": at.epoch, "train_loss": trained, "validation_loss": loss, "validation_score": score}
        each = {f"loss_{player.label}": mean for player, mean in zip(self.players, losses, strict=True)}
        return {**row, "learning_rate": rate, "micro_batch": at.micro_batch, **(each if len(each) > 1 else {})}

    def _learn(self, progress: Progress) -> list[float]:
        """Go through the training set once; return each turn's mean loss over its lessons."""
        for network in self.networks.values():
            network.train()
        epoch, size = self.at.epoch, self.options.batch_size
        order = epoch_order(self.context.seed, epoch, len(self.train))
        # Summed on the device: asking for every batch's value would make the card wait for the processor.
        total = torch.zeros(len(self.players), dtype=torch.float64, device=self.device)
        for number in range(self.steps):
            places = order[number * size : (number + 1) * size]
            summed = self.step(places, epoch * self.steps + number)
            total += summed
            if progress.due() or number == self.steps - 1:
                self._check_finite(total.tolist(), epoch, number)
                progress.step(epoch, number + 1, float(summed.sum()) / len(places))
        return [loss / len(self.train) for loss in total.tolist()]

    def step(self, places: Sequence[int], step: int) -> Tensor:
        """Take every turn on one batch; return the sums of the lessons' losses, one per turn."""
        batch = self._within_memory(partial(self.batch, places))
        summed = []
        for player in self.players:
            with player.alone():
                summed.append(self._within_memory(partial(self.gradients, player, batch)))
            player.step(step, self.steps)
        return torch.stack(summed)

    def batch(self, places: Sequence[int], micro: int) -> Batch:
        """Return training lessons as the networks see them, made so many at once."""
        parts = (places[start : start + micro] for start in range(0, len(places), micro))
        return joined([self.feed.batch(self.train, part, self.at.epoch) for part in parts])

    def gradients(self, player: Player, batch: Batch, micro: int) -> Tensor:
        """Set the gradients of a turn's mean loss on a batch, so many lessons at once; return the sum of the losses."""
        player.optimiser.zero_grad(set_to_none=True)
        summed = torch.zeros((), dtype=torch.float64, device=self.device)
        for start in range(0, len(batch), micro):
            losses = self._values(player.turn.loss, batch.part(start, start + micro))
            if not losses.requires_grad:
                whose = f"the loss of turn '{player.label}'"
                raise TrainingError(f"{self.name}: {whose} does not depend on what it learns")
            player.scaler.scale(losses.sum() / len(batch)).backward()
            summed += losses.detach().double().sum()
        return summed

    @torch.no_grad()
    def _validate(self, progress: Progress) -> tuple[float, float]:
        """Return the mean loss (of all turns together) and score of the validation's lessons."""
        assert self.validation is not None
        for network in self.networks.values():
            network.eval()
        n, size = len(self.validation), self.options.batch_size
        sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        for start in range(0, n, size):
            sums += self._within_memory(partial(self.scores, range(start, min(start + size, n))))
            progress.validating(self.at.epoch)
        loss, score = (sums / n).tolist()
        if not math.isfinite(score) or (self._validates_losses and not math.isfinite(loss)):
            raise TrainingError(
                f"{self.name}: after epoch {self.at.epoch + 1} the validation's loss is {loss} and its score {score}: "
                "look for NaN in the validation data, or lower the learning rate"
            )
        return loss, score

    def scores(self, places: Sequence[int], micro: int) -> Tensor:
        """Return the sums of the validation lessons' losses, over all turns, and scores."""
        assert self.validation is not None
        sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        for start in range(0, len(places), micro):
            batch = self.feed.batch(self.validation, places[start : start + micro])
            losses = torch.full((len(batch),), math.nan, dtype=torch.float64, device=self.device)
            if self._validates_losses:
                losses = torch.stack([self._values(player.turn.loss, batch).double() for player in self.players]).sum(0)
            scores = losses if self.score is None else self._values(self.score, batch).double()
            sums += torch.stack([losses.sum(), scores.sum()])
        return sums

    @property
    def _validates_losses(self) -> bool:
        # What turns play against each other says little, and a gradient penalty cannot be had in a validation.
        return self.score is None or len(self.players) == 1

    def _values(self, function: Loss, batch: Batch) -> Tensor:
        with autocast(self.device, self.half):
            values = function(self.subject, batch)
        if values.shape != (len(batch),):
            got = list(values.shape)
            raise TrainingError(f"{self.name}: a loss must give one value per lesson, [{len(batch)}], got {got}")
        return values

    def _within_memory(self, work: Callable[[int], T]) -> T:
        done, self.at.micro_batch = within_memory(work, self.at.micro_batch, self.device, self.name)
        return done

    def _check_finite(self, totals: list[float], epoch: int, number: int) -> None:
        for total, player in zip(totals, self.players, strict=True):
            if not math.isfinite(total):
                whose = f" of turn '{player.label}'" if len(totals) > 1 else ""
                rate = learning_rate(self.options, epoch * self.steps + number, self.steps)
                raise TrainingError(
                    f"{self.name}: the loss{whose} is {total} in epoch {epoch + 1}, by step {number + 1} of "
                    f"{self.steps} (learning rate {rate:g}): lower the learning rate, clip gradients (clip_norm), "
                    "or look for NaN in the data"
                )

    def _ends(self) -> bool:
        at, patience = self.at, self.options.patience
        return at.epoch >= self.options.epochs or (patience is not None and at.epoch - at.best_epoch >= patience)
