"""The second stage: 2DRN learns on real radiographs without labels, against a least-squares GAN (Eq. 11-14)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from radbench.learn.batch import Batch, as_unit, resized
from radbench.learn.draws import Draws
from radbench.learn.estimating import estimate
from radbench.learn.fitting import fit
from radbench.learn.options import FitOptions
from radbench.learn.turns import Turn
from radbench.xray import attenuated_intensity
from radbench.xray.chest_cube import radiograph_of
from radbench_xraysyn.config import XraySynConfig
from radbench_xraysyn.dense import PatchJudge
from radbench_xraysyn.networks import seeded
from radbench_xraysyn.priors import USUAL, poses_of
from radbench_xraysyn.shown import fit_greys, on_grid, pooled

if TYPE_CHECKING:
    from radbench.contracts.learning import FitContext, Lessons
    from radbench.contracts.results import Sample

Nets = Mapping[str, nn.Module]

_BONE_APART = 1.0


def radiograph_lesson(sample: Sample, side: int) -> dict[str, Tensor]:
    """Return a radiograph as a lesson: uint8 ``[1,side,side]`` over its own range of greys."""
    return {"image": (on_grid(sample.image[None], side)[0] * 255).round().to(torch.uint8)}


@dataclass(frozen=True)
class Projected:
    """Prepare a batch of radiographs: what the first stage's volumes show from two poses, the input's and another.

    A batch holds afterwards ``image`` ``[B,1,2n,2n]`` in [0,1]; ``materials`` ``[B,2,2,n,n]``: views, then bone and
    tissue in units of :data:`radbench_xraysyn.priors.USUAL`; and, where greys are fitted, ``greys`` ``[B,2]``: the gain
    and offset with which the first stage's view comes closest to the radiograph.

    Attributes:
        first: the first stage, whose ``prior`` and ``masses`` are used; it does not learn.
        input_angle, other_angle: greatest azimuth and elevation of both, in degrees.
        fitted: whether greys are.
    """

    first: Any = field(repr=False)
    input_angle: float
    other_angle: float
    fitted: bool = False

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """Return the batch with both."""
        image = as_unit(batch["image"])
        angles = draws.uniform("poses", 2, 2)
        taken, other = poses_of(angles[:, 0] * self.input_angle), poses_of(angles[:, 1] * self.other_angle)
        masses = self.first.masses(pooled(image), taken)
        seen = torch.stack([self.first.prior.thicknesses(masses, poses) for poses in (taken, other)], dim=1)
        usual = seen.new_tensor(USUAL)[:, None, None]
        made = {"image": image, "materials": seen / usual}
        if self.fitted:
            size = (image.shape[-2], image.shape[-1])
            fit_to = fit_greys(resized(self.first.prior.darkening(seen[:, 0]), size), image)
            made["greys"] = torch.cat(fit_to, dim=1).flatten(1)
        return Batch(made, batch.places)


@dataclass(frozen=True)
class RefinerLoss:
    """Equation 13, with the released code's bound on how far bone may move from the first stage's.

    Attributes:
        recon, gan, sparsity: weights.
    """

    recon: float
    gan: float
    sparsity: float

    def __call__(self, nets: Nets, batch: Batch) -> Tensor:
        """Return the loss of each lesson, ``[B]``."""
        materials = batch["materials"]
        refined = nets["F"](materials, batch["image"])
        loss = self.recon * _mean((shown(refined[:, 0], batch) - batch["image"]).abs())
        if self.gan:
            verdict = nets["D"](shown(refined[:, 1], batch)).float()
            loss = loss + self.gan * _mean((verdict - 1).square())
        bone = functional.avg_pool2d(refined[:, :, 0], 2)
        apart = _mean((bone - materials[:, :, 0]).abs()) * USUAL[0]
        return loss + self.sparsity * apart * (apart > _BONE_APART)


def judge_loss(nets: Nets, batch: Batch) -> Tensor:
    """Return the discriminator's loss of each lesson (Eq. 14): radiographs are 1, other views made of them 0."""
    with torch.no_grad():
        made = shown(nets["F"](batch["materials"][:, 1:], batch["image"])[:, 0], batch)
    real, false = nets["D"](batch["image"]).float(), nets["D"](made).float()
    return _mean((real - 1).square()) + _mean(false.square())


def reconstruction(nets: Nets, batch: Batch) -> Tensor:
    """Return the L1 of the input view, ``[B]``: the validation's score."""
    return _mean((shown(nets["F"](batch["materials"][:, :1], batch["image"])[:, 0], batch) - batch["image"]).abs())


def shown(refined: Tensor, batch: Batch) -> Tensor:
    """Return radiographs ``[B,1,h,w]`` of bone and tissue ``[B,2,h,w]`` in units of ``USUAL`` (Eq. 12).

    In the batch's greys; where it has none, each over its own range, in [0,1].
    """
    with torch.autocast(refined.device.type, enabled=False):
        bone, tissue = (refined[:, i : i + 1].float() * usual for i, usual in enumerate(USUAL))
        if "greys" not in batch:
            return radiograph_of(bone, tissue)
        gain, offset = (batch["greys"][:, i, None, None, None] for i in range(2))
        return offset - gain * attenuated_intensity(bone, tissue)


@dataclass(frozen=True)
class Refinement:
    """The training of 2DRN.

    Attributes:
        config: networks, weights, and how long and how fast.
        first: the first stage.
    """

    config: XraySynConfig
    first: Any = field(repr=False)

    def learn(self, network: nn.Module, lessons: Lessons, context: FitContext) -> dict[str, str]:
        """Train 2DRN in place, to the last epoch; return how it went, for people."""
        config = self.config
        judge = seeded(context.seed + 1, lambda: PatchJudge(config.discriminator_filters))
        nets = {"F": network, "D": judge.to(context.device)}
        options = FitOptions(
            epochs=config.refining_epochs,
            batch_size=config.refining_batch,
            learning_rate=config.refining_rate,
            betas=(config.beta1, config.beta2),
            schedule=config.schedule,
        )
        turns = [Turn(RefinerLoss(config.recon_weight, config.gan_weight, config.sparsity_weight), learns="F")]
        if config.gan_weight:
            turns.insert(0, Turn(judge_loss, learns="D"))
        how: dict[str, Any] = {
            "validation": lessons.validation if len(lessons.validation) else None,
            "score": reconstruction,
            "prepare": Projected(self.first, config.input_angle, config.other_angle, config.greys == "fitted"),
            "keep": "last",
        }
        job = (nets, turns, lessons.train, options, context)
        context.expect(estimate(*job, **how).seconds)
        result = fit(*job, **how, name="2DRN")
        first, last = result.curve[0], result.curve[-1]
        scores = f"L1 of the input view {first['validation_score']:.4g} after epoch 1, {last['validation_score']:.4g} "
        return {
            "training": f"losses {first['train_loss']:.4g} in epoch 1, {last['train_loss']:.4g} in epoch "
            f"{result.epochs}",
            "validation": f"{scores}after epoch {result.epochs}" if how["validation"] is not None else "not validated",
        }


def _mean(values: Tensor) -> Tensor:
    return values.flatten(1).mean(1)
