"""One GAN and its training: G and D are two turns of the toolkit's loop."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from radbench.contracts.duration import duration
from radbench.learn.batch import Batch
from radbench.learn.draws import VALIDATION, Draws
from radbench.learn.estimating import estimate
from radbench.learn.feeding import collated
from radbench.learn.fitting import fit
from radbench.learn.options import FitOptions, FitResult, TrainingError
from radbench.learn.turns import Turn
from radbench_sgan.config import GanConfig
from radbench_sgan.losses import DiscriminatorLoss, GeneratorLoss, squared_error
from radbench_sgan.networks import Discriminator, Generator, seeded
from radbench_sgan.patches import Cut, Patches, turned
from radbench_sgan.pictures import Album, Judged, draw_curves, file_name
from radbench_sgan.shown import Shown
from radbench_sgan.vgg import LossNetwork, loss_network

if TYPE_CHECKING:
    from radbench.contracts.learning import FitContext, LessonSet


@dataclass(frozen=True)
class Size:
    """How large a GAN is, and how long it is trained.

    Attributes:
        blocks: residual ones of G.
        patch: side of what G and D are shown, in pixels.
        batch, epochs, steps: patches per step, epochs, steps per epoch.
    """

    blocks: int
    patch: int
    batch: int
    epochs: int
    steps: int


@dataclass(frozen=True)
class Gan:
    """A generator that restores, and what it is trained by.

    Attributes:
        name: for people and files.
        config: networks, losses and optimiser.
        size: see there.
        shown: what is done to clean patches before G sees them.
        vgg: the loss network, on the device; None without one.
    """

    name: str
    config: GanConfig
    size: Size
    shown: Shown
    vgg: LossNetwork | None

    def networks(self, context: FitContext) -> dict[str, Any]:
        """Return a new "G" and "D" on the device, with weights from the seed."""
        config, side = self.config, self.size.patch
        judge = seeded(
            context.seed + 1, lambda: Discriminator(side, config.discriminator_filters, config.discriminator_dense)
        )
        made = new_generator(config, self.size.blocks, context.seed)
        return {"G": made.to(context.device), "D": judge.to(context.device)}

    def options(self, epochs: int) -> FitOptions:
        """Return how it is trained: Adam, the rate of D apart."""
        config = self.config
        return FitOptions(
            epochs=epochs,
            batch_size=self.size.batch,
            learning_rate=config.learning_rate,
            betas=(config.beta1, 0.999),
            schedule=config.schedule,
        )

    def turns(self, name: str) -> list[Turn]:
        """Return the two turns of a step, D's first [assumed, as SRGAN's code]; G's alone where D has no weight."""
        config = self.config
        made = GeneratorLoss(config.adversarial_weight, config.vgg_weight, self.vgg.network if self.vgg else None)
        if not config.adversarial_weight:
            return [Turn(made, learns="G")]
        judged = DiscriminatorLoss(name, config.watched_steps)
        return [Turn(judged, learns="D", learning_rate=config.discriminator_rate), Turn(made, learns="G")]

    def seconds(self, nets: dict[str, Any], images: LessonSet, held_out: LessonSet, context: FitContext) -> float:
        """Return about how many seconds the training will take."""
        job, how = self._job(nets, images, held_out, context, self.name, self.size.epochs)
        return estimate(*job, **how).seconds

    def learn(
        self,
        nets: dict[str, Any],
        images: LessonSet,
        held_out: LessonSet,
        context: FitContext,
        name: str = "",
        epochs: int = 0,
    ) -> FitResult:
        """Train G and D in place; the last weights stay, and curves and samples beside them.

        Args:
            nets: "G" and "D".
            images: to cut patches from.
            held_out: to validate on; there may be none.
            context: of the training.
            name, epochs: where they are not the GAN's: of a round.

        Raises:
            TrainingError: a loss is not finite, D has won or is at chance for long, or G has collapsed.
        """
        name, epochs = name or self.name, epochs or self.size.epochs
        job, how = self._job(nets, images, held_out, context, name, epochs)
        result = fit(*job, **how)
        self._draw(result, context, name)
        if how["validation"] is not None:
            self._check(result, how["validation"], context, name)
        return result

    def restoring(self, result: FitResult, held_out: LessonSet, context: FitContext) -> str:
        """Return the error of what G makes of the validation's patches, and of what it is shown, for people."""
        if not len(held_out):
            return "not validated"
        shown, _ = self._errors(Patches(held_out, self.config.validation_patches), context)
        return f"MSE {result.curve[-1]['validation_score']:.6f} of what it makes, {shown:.6f} of what it is shown"

    def _job(
        self, nets: dict[str, Any], images: LessonSet, held_out: LessonSet, context: FitContext, name: str, epochs: int
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        config, size, album = self.config, self.size, Album(name, context.beside)
        patches = Patches(images, size.steps * size.batch)
        how = {
            "validation": Patches(held_out, config.validation_patches) if len(held_out) else None,
            "score": Judged(album),
            "prepare": Noted(self.shown, album),
            "augment": turned if config.turned else None,
            "crop": Cut(size.patch),
            "keep": "last",
            "name": name,
            "data": self.vgg.pretrained if self.vgg else "",
        }
        return (nets, self.turns(name), patches, self.options(epochs), context), how

    def _draw(self, result: FitResult, context: FitContext, name: str) -> None:
        names = {"loss_D": "loss of D", "loss_G": "loss of G", "validation_score": "squared error on validation"}
        title = f"{name}, {duration(result.seconds)}"
        draw_curves(context.beside / f"{file_name(name)}.curve.png", title, result.curve, names)

    def _check(self, result: FitResult, held_out: Patches, context: FitContext, name: str) -> None:
        """Refuse a G whose images are worse than one grey: a bad score would not say why.

        Raises:
            TrainingError: so it is.
        """
        made = float(result.curve[-1]["validation_score"])
        _, grey = self._errors(held_out, context)
        if not made < grey:
            raise TrainingError(
                f"{name}: the generator has collapsed: after {result.epochs} epochs the squared error of what it makes "
                f"of the validation's patches, {made:.4g}, is no less than that of one grey for each, {grey:.4g}; "
                "train longer if these were few; else lower learning_rate or adversarial_weight"
            )

    @torch.no_grad()
    def _errors(self, held_out: Patches, context: FitContext) -> tuple[float, float]:
        """Return the mean squared errors of what G is shown of the validation's patches, and of each one's mean."""
        sums, n = [0.0, 0.0], len(held_out)
        for start in range(0, n, self.size.batch):
            places = tuple(range(start, min(start + self.size.batch, n)))
            draws = Draws(context.seed, VALIDATION, places, False, context.device)
            batch = self.shown(collated(held_out, draws, Cut(self.size.patch)).to(context.device), draws)
            clean, seen = batch["clean"], batch["image"].clamp(0.0, 1.0)
            sums[0] += float(squared_error(seen, clean).sum())
            sums[1] += float(squared_error(clean.mean((1, 2, 3), keepdim=True).expand_as(clean), clean).sum())
        return sums[0] / n, sums[1] / n


@dataclass(frozen=True)
class Noted:
    """What is shown, with the epoch noted in the album."""

    shown: Shown
    album: Album

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """Return the batch with what is shown."""
        self.album.turn(draws)
        return self.shown(batch, draws)


def new_generator(config: GanConfig, blocks: int, seed: int) -> Generator:
    """Return a generator with weights from the seed."""
    return seeded(seed, lambda: Generator(blocks, config.filters, config.skip, config.norm_momentum))


def vgg_digest(config: GanConfig) -> str | None:
    """Return the SHA-256 of the file of VGG-16's weights; None where none is given, or wanted."""
    file = Path(config.vgg_weights).expanduser()
    wanted = config.vgg_weight and config.vgg_weights and file.is_file()
    return hashlib.sha256(file.read_bytes()).hexdigest() if wanted else None


def vgg_of(config: GanConfig, digest: str | None, device: str) -> LossNetwork | None:
    """Return the loss network that a configuration wants, on a device; None where its weight is 0.

    Raises:
        PretrainedWeightsError: its weights cannot be had.
    """
    if not config.vgg_weight:
        return None
    found = loss_network(
        blocks=config.vgg_blocks,
        scale=config.vgg_input,
        pretrained=config.pretrained,
        weights=config.vgg_weights or None,
        digest=digest,
    )
    return LossNetwork(found.network.to(device), found.pretrained)
