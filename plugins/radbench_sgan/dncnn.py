"""dncnn: a residual network that learns Gaussian noise of any deviation, or of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from radbench.contracts.enhancement import Enhancement
from radbench.learn.batch import Batch
from radbench.learn.estimating import estimate
from radbench.learn.fitting import fit
from radbench.learn.options import FitOptions
from radbench.learn.turns import Turn
from radbench_sgan.degradation import Noisy
from radbench_sgan.dncnn_config import DnCnnConfig
from radbench_sgan.dncnn_lessons import PHOTOGRAPH, Shared, cut_off
from radbench_sgan.looks_linear import look_linear
from radbench_sgan.losses import squared_error
from radbench_sgan.networks import DnCnn, restored, seeded
from radbench_sgan.patches import Cut, Patches, lesson_of, turned
from radbench_sgan.shown import Shown, with_noise

if TYPE_CHECKING:
    from radbench.contracts.learning import FitContext, Lessons
    from radbench.contracts.results import Sample


_KEPT = 0.3
"""Share of the He-normal weights that a looks-linear start keeps [assumed]."""


class DnCnnDenoiser(nn.Module):
    """DnCNN of Zhang et al. 2017, trained on photographs.

    Layer: ``denoised``, which is the image itself.
    """

    Config = DnCnnConfig

    def __init__(self, config: DnCnnConfig) -> None:
        super().__init__()
        self.config = config
        self.network = self._network(0)

    def lesson(self, sample: Sample) -> dict[str, Tensor]:
        """Return the whole image, uint8, and whether it is a photograph."""
        made = sample.case.groups.get("kind", "photograph") != "photograph"
        return {**lesson_of(sample), PHOTOGRAPH: torch.tensor([not made])}

    def fit(self, lessons: Lessons, context: FitContext) -> None:
        """Learn the noise of patches (§III-B), as much of it as the configuration says."""
        config = self.config
        self.network = self._network(context.seed).to(context.device)
        places = config.steps * config.batch_size
        train = (
            Patches(lessons.train, places)
            if config.photographs is None
            else Shared(lessons.train, places, config.photographs)
        )
        held_out = Patches(lessons.validation, config.validation_patches) if len(lessons.validation) else None
        how: dict[str, Any] = {
            "validation": held_out,
            "crop": Cut(config.side),
            "augment": turned if config.turned else None,
            "prepare": Shown((Noisy(config.noise), cut_off)) if config.cut_off else with_noise(config.noise),
            "name": "dncnn",
        }
        job = (self.network, [Turn(HalfSquares())], train, self._options())
        context.expect(estimate(*job, context, **how).seconds)
        fit(*job, context, **how)

    def enhance(self, images: Tensor) -> Enhancement:
        """Denoise float32 ``[B,1,H,W]`` in [0,1]."""
        margin = self.config.depth
        mirrored = continued(images, margin)
        denoised = restored(self.network, mirrored)[..., margin:-margin, margin:-margin]
        return Enhancement(denoised, {"denoised": denoised})

    def _network(self, seed: int) -> DnCnn:
        return seeded(seed, self._built)

    def _built(self) -> DnCnn:
        network = DnCnn(self.config.depth, self.config.filters)
        if self.config.start == "looks-linear":
            look_linear(network.noise, _KEPT)
        return network

    def _options(self) -> FitOptions:
        config = self.config
        return FitOptions(
            epochs=config.epochs,
            batch_size=config.batch_size,
            optimiser=config.optimiser,
            learning_rate=config.learning_rate,
            momentum=0.9,
            weight_decay=1e-4 if config.optimiser == "sgd" else 0.0,
            schedule="step",
            step_epochs=1,
            step_factor=(config.final_rate / config.learning_rate) ** (1 / max(1, config.epochs - 1)),
            clip_norm=config.clip_norm if config.optimiser == "sgd" else None,
        )


def continued(images: Tensor, margin: int) -> Tensor:
    """Continue ``[B,C,H,W]`` beyond its edges by its mirror images, by as many pixels as wanted.

    Noise stays noise there: an edge that is repeated makes stripes of it, which a denoiser takes for what is to stay.
    """
    rows, columns = (_mirrored(size, margin) for size in images.shape[2:])
    return images[..., rows, :][..., columns]


def _mirrored(size: int, margin: int) -> Tensor:
    """Return the places, of so many, that a row of them shows with its mirror images on both sides."""
    last = size - 1
    beyond = torch.arange(-margin, size + margin)
    return last - (beyond % (2 * last) - last).abs() if last else torch.zeros_like(beyond)


@dataclass(frozen=True)
class HalfSquares:
    """Equation 1 of the paper: half the sum of squared differences."""

    def __call__(self, network: nn.Module, batch: Batch) -> Tensor:
        """Return the loss of each lesson, ``[B]``."""
        clean = batch["clean"]
        return squared_error(network(batch["image"]), clean) * (clean[0].numel() / 2)
