"""Fitting: the training loop, from the first batch to the best weights; exact after a kill, steady out of memory."""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from radbench.contracts.atomic import replace_file
from radbench.contracts.errors import DatasetError
from radbench.learn.augment import Augment
from radbench.learn.batch import Batch, Samples
from radbench.learn.checkpoint import Standing, load_checkpoint, save_checkpoint
from radbench.learn.draws import epoch_order
from radbench.learn.losses import Loss
from radbench.learn.options import FitOptions, FitResult, TrainingError, learning_rate
from radbench.learn.precision import autocast, half_type, reproducible
from radbench.learn.shortage import free_memory, out_of_memory, random_states, restore_random_states
from radbench.learn.telling import Teller

if TYPE_CHECKING:
    from radbench.contracts.enhancement import FitContext

CURVE = ("epoch", "train_loss", "validation_loss", "validation_score", "learning_rate", "micro_batch", "seconds")


def fit(
    network: nn.Module,
    train: Samples,
    loss: Loss,
    options: FitOptions,
    context: FitContext,
    *,
    validation: Samples | None = None,
    score: Loss | None = None,
    augment: Augment | None = None,
    name: str = "network",
    data: str = "",
) -> FitResult:
    """Train a network in place and leave it with its best weights, in evaluation mode.

    The loss of a batch is the mean over its samples, whatever part of it fits into memory at once: running out halves
    what is computed at once and adds up the gradients, so that the effective batch stays. (A batch norm sees the parts:
    with one, a smaller part is another training.) A call with the same arguments in the same work folder goes on where
    a killed one stood, to the same bits; one that had ended gives its result again.

    Args:
        network: trained on ``context.device``, where it is moved to.
        train: what to learn from; a batch is asked for by the samples' places.
        loss: ``(prediction, batch) -> [B]``; see :data:`radbench.learn.Loss`.
        options: how the training goes.
        context: device, seed, precision ("mixed" computes in a short type), work folder and who is told of progress.
            Its ``validation`` cases are not read: prepare them as ``validation``.
        validation: scored after every epoch; the weights of its best epoch are kept. None keeps those of the lowest
            training loss.
        score: ``(prediction, batch) -> [B]``, lower is better, to choose the best epoch by; None is the loss.
        augment: called on every training batch, on the device.
        name: of the network, for people; and, with hyphens, of its files ``NAME.checkpoint.safetensors`` and
            ``NAME.curve.csv``.
        data: fingerprint of the training data, so that a checkpoint is never taken for another's.

    Returns:
        what it came to.

    Raises:
        TrainingError: the loss is not finite, or one sample alone is too large for the memory.
        CheckpointError: the work folder holds the checkpoint of another training.
        DatasetError: there are no samples.
    """
    if not len(train):
        raise DatasetError(f"{name}: there are no samples to learn from")
    with reproducible(context.precision):
        return Training(
            network,
            train,
            loss,
            options,
            context,
            validation=validation,
            score=score,
            augment=augment,
            name=name,
            data=data,
        ).run()


class Training:
    """One training: what its steps share."""

    def __init__(
        self,
        network: nn.Module,
        train: Samples,
        loss: Loss,
        options: FitOptions,
        context: FitContext,
        *,
        validation: Samples | None = None,
        score: Loss | None = None,
        augment: Augment | None = None,
        name: str = "network",
        data: str = "",
    ) -> None:
        self.train, self.augment, self.loss, self.score = train, augment, loss, score
        self.validation = validation if validation is not None and len(validation) else None
        self.options, self.context, self.name = options, context, name
        self.device = torch.device(context.device)
        layout = torch.channels_last if options.channels_last else torch.contiguous_format
        self.network = network.to(self.device, memory_format=layout)  # type: ignore[call-overload]
        self.optimiser = _optimiser(network, options)
        self.half = half_type(options.half, context.precision, self.device)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.half == torch.float16)
        self.steps = math.ceil(len(train) / options.batch_size)
        self.at = Standing(0, math.inf, 0, min(options.micro_batch or options.batch_size, options.batch_size), 0.0, [])
        self.best: dict[str, Tensor] = {}
        stem = name.replace(" ", "-")
        self.checkpoint = context.workdir / f"{stem}.checkpoint.safetensors"
        self.curve = context.workdir / f"{stem}.curve.csv"
        sizes = (len(train), len(self.validation or ()))
        self.identity = identity_of(network, options, context, sizes, (loss, score, augment), data)

    def run(self) -> FitResult:
        """Train to the end, from where a killed attempt stood."""
        found = load_checkpoint(self.checkpoint, self.identity, self.network, self.optimiser, self.scaler)
        if found:
            self.at, self.best = found
        resumed_at = self.at.epoch + 1 if found and not self.at.finished else 0
        teller = Teller(self.context.progress, self.name, self.options.epochs, self.steps, self.at.epoch)
        before, started = self.at.seconds, time.perf_counter()
        saved = started
        while not self.at.finished:
            row = self._epoch(teller)
            now = time.perf_counter()
            self.at.seconds = before + now - started
            self.at.curve.append({**row, "seconds": round(self.at.seconds, 3)})
            self.at.finished = self._ends()
            write_curve(self.curve, self.at.curve)
            if self.at.finished or now - saved >= self.options.checkpoint_seconds:
                self._save()
                saved = time.perf_counter()
        self.network.load_state_dict(self.best)
        self.network.eval()
        return FitResult(
            epochs=self.at.epoch,
            best_epoch=self.at.best_epoch,
            best=self.at.best,
            curve=tuple(self.at.curve),
            seconds=self.at.seconds,
            micro_batch=self.at.micro_batch,
            resumed_at=resumed_at,
        )

    def _epoch(self, teller: Teller) -> dict[str, float]:
        train_loss, rate = self._learn(teller)
        values = {"validation_loss": math.nan, "validation_score": math.nan}
        if self.validation is not None:
            values = self._validate(self.validation)
        self.at.epoch += 1
        judged = train_loss if self.validation is None else values["validation_score"]
        if not self.best or judged < self.at.best - self.options.least_gain:
            self.at.best, self.at.best_epoch = judged, self.at.epoch
            self.best = {k: v.detach().cpu().clone() for k, v in self.network.state_dict().items()}
        teller.epoch(self.at.epoch, train_loss, values["validation_score"], self.at.best)
        micro = self.at.micro_batch
        return {"epoch": self.at.epoch, "train_loss": train_loss, **values, "learning_rate": rate, "micro_batch": micro}

    def _learn(self, teller: Teller) -> tuple[float, float]:
        """Go through the training set once; return the mean loss over its samples, and the last learning rate."""
        self.network.train()
        epoch, size = self.at.epoch, self.options.batch_size
        order = epoch_order(self.context.seed, epoch, len(self.train))
        # Summed on the device: asking for every batch's value would make the card wait for the processor.
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        rate = 0.0
        for number in range(self.steps):
            places = order[number * size : (number + 1) * size]
            rate = learning_rate(self.options, epoch * self.steps + number, self.steps)
            summed = self.step(places, rate)
            total += summed
            if teller.due() or number == self.steps - 1:
                value = float(summed) / len(places)
                self._check_finite(float(total), epoch, number, rate)
                teller.step(epoch, number + 1, value)
        return float(total) / len(self.train), rate

    def step(self, places: list[int], rate: float) -> Tensor:
        """Take one optimiser step; return the sum of the samples' losses."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        summed = self._without_running_out(partial(self.gradients, places))
        if self.options.clip_norm is not None:
            self.scaler.unscale_(self.optimiser)
            nn.utils.clip_grad_norm_(self.network.parameters(), self.options.clip_norm)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        return summed

    def gradients(self, places: list[int], micro: int) -> Tensor:
        """Set the gradients of the mean loss of a batch, so many samples at once; return the sum of the losses."""
        self.optimiser.zero_grad(set_to_none=True)
        summed = torch.zeros((), dtype=torch.float64, device=self.device)
        for start in range(0, len(places), micro):
            batch = self.train.batch(places[start : start + micro]).to(self.device)
            if self.augment is not None:
                batch = self.augment(batch, self.context.seed, self.at.epoch)
            losses = self._apply(self.loss, batch)
            self.scaler.scale(losses.sum() / len(places)).backward()
            summed += losses.detach().double().sum()
        return summed

    def _apply(self, function: Loss, batch: Batch) -> Tensor:
        source = batch.source
        if self.options.channels_last:
            source = source.contiguous(memory_format=torch.channels_last)
        takes_logits = getattr(function, "takes_logits", False)
        with autocast(self.device, self.half):
            prediction = self.network.logits(source) if takes_logits else self.network(source)  # type: ignore[operator]
            values = function(prediction, batch)
        if values.shape != (len(batch),):
            got = list(values.shape)
            raise TrainingError(f"{self.name}: a loss must give one value per sample, [{len(batch)}], got {got}")
        return values

    @torch.no_grad()
    def _validate(self, validation: Samples) -> dict[str, float]:
        self.network.eval()
        size = self.options.batch_size
        sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        for start in range(0, len(validation), size):
            places = list(range(start, min(start + size, len(validation))))
            sums += self._without_running_out(partial(self.scores, validation, places))
        loss, score = (sums / len(validation)).tolist()
        if not (math.isfinite(loss) and math.isfinite(score)):
            raise TrainingError(
                f"{self.name}: after epoch {self.at.epoch + 1} the validation's loss is {loss} and its score {score}: "
                "look for NaN in the validation data, or lower the learning rate"
            )
        return {"validation_loss": loss, "validation_score": score}

    def scores(self, validation: Samples, places: list[int], micro: int) -> Tensor:
        """Return the sums of the samples' losses and scores."""
        sums = torch.zeros(2, dtype=torch.float64, device=self.device)
        for start in range(0, len(places), micro):
            batch = validation.batch(places[start : start + micro]).to(self.device)
            losses = self._apply(self.loss, batch)
            scores = losses if self.score is None else self._apply(self.score, batch)
            sums += torch.stack([losses.double().sum(), scores.double().sum()])
        return sums

    def _without_running_out(self, work: Callable[[int], Tensor]) -> Tensor:
        """Do the work with fewer samples at once whenever memory runs out, anew from the same random states."""
        while True:
            states = random_states(self.device)
            try:
                return work(self.at.micro_batch)
            except (RuntimeError, MemoryError) as e:
                if not out_of_memory(e):
                    raise
                if self.at.micro_batch == 1:
                    raise TrainingError(
                        f"{self.name}: one sample alone does not fit into the memory of {self.device}; "
                        "take smaller images, fewer filters or mixed precision"
                    ) from e
            # Out here the error is gone, and with it the tensors that its traceback held.
            self.at.micro_batch = math.ceil(self.at.micro_batch / 2)
            free_memory(self.device)
            restore_random_states(self.device, states)

    def _check_finite(self, total: float, epoch: int, number: int, rate: float) -> None:
        if not math.isfinite(total):
            raise TrainingError(
                f"{self.name}: the loss is {total} in epoch {epoch + 1}, by step {number + 1} of {self.steps} "
                f"(learning rate {rate:g}): lower the learning rate, clip gradients (clip_norm), "
                "or look for NaN in the data"
            )

    def _ends(self) -> bool:
        patience = self.options.patience
        return self.at.epoch >= self.options.epochs or (
            patience is not None and self.at.epoch - self.at.best_epoch >= patience
        )

    def _save(self) -> None:
        save_checkpoint(self.checkpoint, self.identity, self.at, self.network, self.optimiser, self.scaler, self.best)


def identity_of(
    network: nn.Module,
    options: FitOptions,
    context: FitContext,
    sizes: tuple[int, int],
    parts: Iterable[Any],
    data: str,
) -> str:
    """Return the SHA-256 of what makes a training this one: a checkpoint of another is refused."""
    described = {
        "weights": [(name, list(value.shape)) for name, value in network.state_dict().items()],
        "config": repr(getattr(network, "config", type(network).__qualname__)),
        "options": options.identity(),
        "seed": context.seed,
        "precision": context.precision,
        "samples": sizes,
        # The address in a function's representation changes with every run.
        "parts": [re.sub(r" at 0x[0-9a-f]+", "", repr(part)) for part in parts],
        "data": data,
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def write_curve(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Replace the CSV of a training's curve, a row per epoch; numbers are written so that they read back equal."""
    lines = [",".join(CURVE), *(",".join(repr(row[column]) for column in CURVE) for row in rows)]
    replace_file(path, ("\n".join(lines) + "\n").encode())


def _optimiser(network: nn.Module, options: FitOptions) -> torch.optim.Optimizer:
    kind = torch.optim.AdamW if options.optimiser == "adamw" else torch.optim.Adam
    learnt = [p for p in network.parameters() if p.requires_grad]
    return kind(learnt, lr=options.learning_rate, betas=options.betas, weight_decay=options.weight_decay)
