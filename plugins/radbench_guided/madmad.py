"""madmad: details told from large shapes by a network that learnt on made-up pictures, and added to the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from radbench.contracts.enhancement import Enhancement
from radbench.learn.batch import Batch, as_unit
from radbench.learn.draws import VALIDATION, Draws
from radbench.learn.estimating import estimate
from radbench.learn.feeding import ListLessons, collated
from radbench.learn.fitting import fit
from radbench.learn.options import FitOptions
from radbench.learn.turns import Turn
from radbench_guided.details import scaled, shown_details
from radbench_guided.madmad_config import MadmadConfig
from radbench_guided.madmad_network import MadmadUnet, decomposition_loss, loss_terms
from radbench_guided.madmad_shapes import lessons as made_up
from radbench_guided.preprocessing import contrasted

if TYPE_CHECKING:
    from radbench.contracts.learning import FitContext, Lessons, LessonSet

_MARGIN = 32
"""Pixels by which images are continued at their edges: the zeros that convolutions find there would be details."""

_MEASURED = 32
"""So many pictures, at the most, the loss is measured on before and after."""


class Madmad(nn.Module):
    """The morphological decomposition of Madmad, Delinte and De Vleeschouwer 2021.

    It learns from pictures that it makes up, and from nothing else.

    Layers: ``base``, the large-scale part; ``details`` = 0.5 + (bright - dark) / 2.
    """

    Config = MadmadConfig

    def __init__(self, config: MadmadConfig) -> None:
        super().__init__()
        self.config = config
        self.network = self._network(0)
        self._facts: dict[str, str] = {}

    def lesson(self, sample: Any) -> None:
        """Return nothing: there is no data set that it learns from."""

    def fit(self, lessons: Lessons, context: FitContext) -> None:
        """Learn to take made-up pictures apart."""
        config = self.config
        self.network = self._network(context.seed).to(context.device)
        learnt, held_out = 7 * config.pictures // 10, 2 * config.pictures // 10
        train = ListLessons(made_up(context.seed, 0, learnt, config.side))
        validation = ListLessons(made_up(context.seed, learnt, held_out, config.side))
        options = FitOptions(
            epochs=config.epochs,
            batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            schedule=config.schedule,
            warmup_steps=config.warmup_steps,
            patience=config.patience,
        )
        job = (self.network, [Turn(decomposition_loss)], train, options, context)
        how: dict[str, Any] = {"validation": validation, "prepare": _as_fractions, "name": "madmad"}
        context.expect(estimate(*job, **how).seconds)
        before = self._losses(validation, context)
        fit(*job, **how)
        after = self._losses(validation, context)
        self._facts = {name: f"{before[name]:.4f} before, {after[name]:.4f} after the training" for name in before}

    def facts(self) -> dict[str, str]:
        """Return, after :meth:`fit`, the terms of the loss on pictures that it did not learn from, before and after."""
        return self._facts

    @torch.no_grad()
    def _losses(self, pictures: LessonSet, context: FitContext) -> dict[str, float]:
        """Return the means of the loss's terms over some pictures."""
        self.network.eval()
        sums: dict[str, float] = {}
        count = min(len(pictures), _MEASURED)
        for place in range(count):
            draws = Draws(context.seed, VALIDATION, (place,), False, context.device)
            batch = _as_fractions(collated(pictures, draws).to(context.device), draws)
            for name, value in loss_terms(self.network(batch["image"]), batch).items():
                sums[name] = sums.get(name, 0.0) + float(value) / count
        return sums

    def enhance(self, images: Tensor) -> Enhancement:
        """Enhance float32 ``[B,1,H,W]`` in [0,1]; a constant image comes back as it is."""
        # One by one: a convolution may round otherwise where another image stands beside it.
        each = [self._enhance_one(image[None]) for image in images]
        layers = {name: torch.cat([one.layers[name] for one in each]) for name in each[0].layers}
        return Enhancement(torch.cat([one.image for one in each]), layers)

    def _enhance_one(self, image: Tensor) -> Enhancement:
        config = self.config
        wider = functional.pad(image, (_MARGIN,) * 4, mode="replicate")
        inside = (..., slice(_MARGIN, -_MARGIN), slice(_MARGIN, -_MARGIN))
        found = self.network(wider.to(memory_format=torch.channels_last))
        details = found.bright[inside].clamp(0.0, 1.0) - found.dark[inside].clamp(0.0, 1.0)
        made = scaled(config.image_weight * image + config.detail_weight * details)
        layers = {"base": found.large[inside].clamp(0.0, 1.0), "details": shown_details(details)}
        return Enhancement(made.where(contrasted(image), image), layers)

    def _network(self, seed: int) -> MadmadUnet:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return MadmadUnet(self.config.levels, self.config.first_filters).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _as_fractions(batch: Batch, draws: Draws) -> Batch:
    return batch.with_(**{name: as_unit(batch[name]) for name in batch.keys()})  # noqa: SIM118
