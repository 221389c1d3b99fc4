"""lung-unet: segmentation, normalisation of the lung area, extraction of the lung image, fusion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from radbench.contracts.config import Config
from radbench.contracts.enhancement import Enhancement
from radbench.contracts.specs import EnhancerSpec
from radbench.learn.appearance import AppearanceOptions
from radbench.learn.augment import Augmentation
from radbench.learn.batch import Batch, resized
from radbench.learn.draws import Draws
from radbench.learn.geometry import GeometryOptions
from radbench.learn.losses import L1, WeightedBCE
from radbench_ct_unets.config import LUNGS, LungUnetConfig
from radbench_ct_unets.intensity import equalised, fused, normalised
from radbench_ct_unets.training import Job, augmentation, lesson_of, options, unet

if TYPE_CHECKING:
    from radbench.contracts.learning import FitContext, Lessons
    from radbench.contracts.results import Sample

# Keras's zoom and shift, which the papers' words come from; its zoom draws height and width apart.
_SEGMENTATION_MOVES = GeometryOptions(rotation_deg=2, shift=(0.2, 0.1), scale=0.3, scale_per_axis=True)
_EXTRACTION_MOVES = GeometryOptions(rotation_deg=4, shift=(0.1, 0.1), scale=0.2, scale_per_axis=True, flip=0.5)


class LungUnet(nn.Module):
    """Lung enhancement of Gozes & Greenspan 2018.

    Layers: the segmentation's probability (threshold it at 0.95) under the name of the lungs that are learnt,
    ``lung_mask``, ``lung_field_mask`` or ``aerated_lung_mask``; ``lung_image``, the lungs alone, in [0,1].
    """

    Config = LungUnetConfig

    def __init__(self, config: LungUnetConfig) -> None:
        super().__init__()
        self.config = config
        self.segmentation = unet(config, "sigmoid", seed=0)
        self.extraction = unet(config, "tanh", seed=1)

    @property
    def lung(self) -> str:
        """The target that is learnt, which is also the layer that is offered."""
        return LUNGS[self.config.lung]

    def lesson(self, sample: Sample) -> dict[str, Tensor]:
        """Return radiograph, lungs, lung image and nodules at the networks' size."""
        return lesson_of(sample, ("lung_image", self.lung, "nodule_mask"), self.config.size, self._equalised)

    def fit(self, lessons: Lessons, context: FitContext) -> None:
        """Train the segmentation (§2.2), then the extraction (§2.3) on lungs normalised by it."""
        self.segmentation, self.extraction = (
            unet(self.config, head, seed=2 * context.seed + i).to(context.device)
            for i, head in enumerate(("sigmoid", "tanh"))
        )
        both = ((self.segmentation, self._segmentation_job()), (self.extraction, self._extraction_job()))
        context.expect(sum(job.seconds(network, lessons, context) for network, job in both))
        for network, job in both:
            job.learn(network, lessons, context)

    def _segmentation_job(self) -> Job:
        config = self.config
        return Job(
            "lung segmentation",
            WeightedBCE(self.lung, config.positive_weight, config.dice_weight),
            options(config, config.segmentation_epochs, config.segmentation_rate),
            augmentation(config.segmentation_augmentation, _SEGMENTATION_MOVES, AppearanceOptions()),
            self._noisy if config.segmentation_noise else None,
        )

    def _noisy(self, batch: Batch, draws: Draws) -> Batch:
        if not draws.training:
            return batch
        noise = AppearanceOptions(noise=(self.config.segmentation_noise,) * 2, clamp=False)
        # Another stream: this noise must not repeat the augmentation's.
        return Augmentation(appearance=noise)(batch, draws.apart(1))

    def _extraction_job(self) -> Job:
        config = self.config
        # The target is on [0,1]: the air around the lungs, most of it, lies where the tangent is steep. At its foot,
        # -1, a network that once gave nothing but air would stay there.
        return Job(
            "lung extraction",
            L1("lung_image", "nodule_mask", config.nodule_weight),
            options(config, config.extraction_epochs, config.extraction_rate),
            augmentation(config.extraction_augmentation, _EXTRACTION_MOVES, AppearanceOptions()),
            self._normalised_lungs,
        )

    @torch.no_grad()
    def _normalised_lungs(self, batch: Batch, draws: Draws) -> Batch:
        """Normalise by the true lungs in training; in validation by those that the segmentation finds, as for a
        radiograph whose lungs nobody has drawn."""
        images = batch["image"]
        if draws.training:
            area = batch.mask(self.lung) if self.config.segmentation else None
            return batch.with_(image=normalised(images, area, self.config.lung_std))
        self.segmentation.eval()
        # One by one, as they are enhanced: neither the batch nor its order may change a bit.
        found = torch.cat([self.segmentation(image[None]) for image in images])
        return batch.with_(image=self._normalised(images, found))

    def enhance(self, images: Tensor) -> Enhancement:
        """Enhance float32 ``[B,1,H,W]`` in [0,1] (§2.4)."""
        height, width = images.shape[2:]
        small = self._equalised(resized(images, (self.config.size, self.config.size)))
        probability = self.segmentation(small)
        lungs = self.extraction(self._normalised(small, probability)).clamp(0.0, 1.0)
        lungs, probability = (resized(x, (height, width)) for x in (lungs, probability))
        layers = {"lung_image": lungs, self.lung: probability.clamp(0.0, 1.0)}
        return Enhancement(fused(images, lungs, self.config.weight), layers)

    def _equalised(self, small: Tensor) -> Tensor:
        return equalised(small, self.config.clahe_kernel, self.config.clahe_clip) if self.config.equalise else small

    def _normalised(self, small: Tensor, probability: Tensor) -> Tensor:
        area = probability >= self.config.threshold if self.config.segmentation else None
        return normalised(small, area, self.config.lung_std)


def spec_of_lung_unet(spec: EnhancerSpec, config: Config, parts: Mapping[str, Any]) -> EnhancerSpec:
    """Return the spec: the mask that it offers is that of the lungs that it learns."""
    assert isinstance(config, LungUnetConfig)
    return replace(spec, layers=("lung_image", LUNGS[config.lung]))
