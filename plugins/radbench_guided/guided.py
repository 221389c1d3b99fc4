"""guided-unet: preprocessing, and rounds of a U-Net with a guidance layer that learns without labels."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from radbench.contracts.config import Config
from radbench.contracts.enhancement import Enhancement
from radbench.contracts.errors import CaseError
from radbench.contracts.specs import EnhancerSpec
from radbench.imaging.regions import crop
from radbench.imaging.spine_axis import LEARNT, spine_region
from radbench.learn.batch import Batch, as_unit, resized
from radbench.learn.draws import VALIDATION, Draws
from radbench.learn.estimating import estimate
from radbench.learn.feeding import collated
from radbench.learn.fitting import fit
from radbench.learn.options import FitOptions
from radbench.learn.turns import Turn
from radbench_guided.config import GuidedUnetConfig
from radbench_guided.details import base_layer, scaled, shown_details
from radbench_guided.losses import GuidedLoss
from radbench_guided.network import GuidedUnet
from radbench_guided.preprocessing import contrasted, divided

if TYPE_CHECKING:
    from radbench.contracts.learning import FitContext, Lessons, LessonSet
    from radbench.contracts.results import Sample

_STEPS = 65535
_MARGIN = 16
"""Pixels by which images are continued at their edges: the zeros that convolutions find there would ring into them."""

_MEASURED = 32
"""So many lessons, at the most, the losses are measured on before and after."""


class GuidedUnetEnhancer(nn.Module):
    """The iterative U-Net with an internal guidance layer of Eidlin, Hoogi and Netanyahu.

    Round t is a network that is trained anew on the images of round t - 1, which is a part of it (Eq. 7). The first
    round's is given the preprocessed image, every round's the details of the round's image.

    Layers: ``details`` = 0.5 + details / 2, as the last network was given them; ``preprocessed``, unless
    ``preprocess=false``, the image after equations 1 to 6.
    """

    Config = GuidedUnetConfig

    def __init__(self, config: GuidedUnetConfig, parts: Any) -> None:
        super().__init__()
        self.config, self.earlier = config, parts.earlier
        self.network = self._network(0)
        self._facts: dict[str, str] = {}

    def lesson(self, sample: Sample) -> dict[str, Tensor] | None:
        """Return what the network is given of a radiograph, and the round's image, uint16 ``[1,S,S]``.

        The spine is looked for in the radiograph as it came. One in which none is found teaches nothing; that is
        told.
        """
        config, image = self.config, sample.image
        if config.fragment == "spine":
            try:
                image = crop(image, spine_region(sample.case.image, LEARNT, f"case '{sample.case.case_id}'"))
            except CaseError as error:
                warnings.warn(f"left out of the training: {error}", stacklevel=2)
                return None
        shown, details, original = self._given(resized(image[None], (config.side, config.side)))
        pictures = {"image": shown, "details": shown_details(details), "original": original}
        return {name: (picture[0] * _STEPS).round().to(torch.uint16) for name, picture in pictures.items()}

    def fit(self, lessons: Lessons, context: FitContext) -> None:
        """Train the last round's network; the earlier ones are parts, which are trained already."""
        config = self.config
        self.network = self._network(4 * context.seed + config.rounds).to(context.device)
        loss = GuidedLoss(config.feature_loss, config.boundary_loss, config.feature_weight, config.boundary_weight)
        options = FitOptions(
            epochs=config.epochs,
            batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            betas=(0.9, 0.99),
            schedule=config.schedule,
        )
        job = (self.network, [Turn(loss)], lessons.train, options, context)
        how: dict[str, Any] = {
            "validation": lessons.validation,
            "prepare": _unpacked,
            "crop": None if config.patch is None else (min(config.patch, config.side),) * 2,
            "keep": "last",
            "name": f"guided U-Net round {config.rounds}",
        }
        context.expect(estimate(*job, **how).seconds)
        measured = lessons.validation if len(lessons.validation) else lessons.train
        before = self._losses(loss, measured, context)
        fit(*job, **how)
        after = self._losses(loss, measured, context)
        self._facts = {
            name: f"{a:.5f} before, {b:.5f} after the training"
            for name, a, b in zip(_LOSSES, before, after, strict=True)
        }

    def facts(self) -> dict[str, str]:
        """Return, after :meth:`fit`, both losses before and after, of validation where there is one."""
        return self._facts

    def enhance(self, images: Tensor) -> Enhancement:
        """Enhance float32 ``[B,1,H,W]`` in [0,1]; a constant image comes back as it is."""
        # One by one: a convolution may round otherwise where another image stands beside it.
        each = [self._enhance_one(image[None]) for image in images]
        layers = {name: torch.cat([one.layers[name] for one in each]) for name in each[0].layers}
        return Enhancement(torch.cat([one.image for one in each]), layers)

    def _enhance_one(self, image: Tensor) -> Enhancement:
        before = self.earlier(image) if self.earlier is not None else None
        shown, details, _ = self._given(image if before is None else before.image)
        wider = [functional.pad(x, (_MARGIN,) * 4, mode="replicate") for x in (shown, details)]
        made = self.network(*(x.to(memory_format=torch.channels_last) for x in wider))
        made = made[..., _MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
        layers = {"details": shown_details(details)}
        if self.config.preprocess:
            layers["preprocessed"] = (shown if before is None else before.layers["preprocessed"]).clamp(0.0, 1.0)
        return Enhancement(made.where(contrasted(image), image), layers)

    def _given(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the network is given of a round's images: the images, their details; and the images scaled."""
        config = self.config
        image = scaled(images)
        base = base_layer(image, config)
        shown = image
        if config.preprocess and config.rounds == 1:
            shown = divided(image, base, config.least_divisor, config.white).where(contrasted(images), images)
        return shown, image - base, image

    @torch.no_grad()
    def _losses(self, loss: GuidedLoss, lessons: LessonSet, context: FitContext) -> tuple[float, float]:
        """Return the means of both losses over some lessons."""
        self.network.eval()
        found = []
        for place in range(min(len(lessons), _MEASURED)):
            draws = Draws(context.seed, VALIDATION, (place,), False, context.device)
            batch = _unpacked(collated(lessons, draws).to(context.device), draws)
            found.append([float(value) for value in loss.both(self.network, batch)])
        feature, boundary = (sum(column) / len(column) for column in zip(*found, strict=True))
        return feature, boundary

    def _network(self, seed: int) -> GuidedUnet:
        config = self.config
        beta = config.beta if config.guidance else None
        network = GuidedUnet(config.depth, config.first_filters, beta, seed, config.skip)
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


_LOSSES = ("feature loss", "boundary loss")


def _unpacked(batch: Batch, draws: Draws) -> Batch:
    """Return lessons as fractions; details in [-1,1]."""
    pictures = {name: as_unit(batch[name]) for name in ("image", "details", "original")}
    return batch.with_(**{**pictures, "details": 2 * pictures["details"] - 1})


def spec_of_guided_unet(spec: EnhancerSpec, config: Config, parts: Mapping[str, Any]) -> EnhancerSpec:
    """Return the spec: without preprocessing there is no such layer."""
    assert isinstance(config, GuidedUnetConfig)
    return spec if config.preprocess else replace(spec, layers=("details",))
