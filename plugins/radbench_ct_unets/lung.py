"""lung-unet: segmentation, normalisation of the lung area, extraction of the lung image, fusion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from radbench.contracts.enhancement import Enhancement
from radbench.learn.appearance import AppearanceOptions
from radbench.learn.batch import Batch, TensorSamples, resized, samples_from_cases
from radbench.learn.fitting import fit
from radbench.learn.geometry import GeometryOptions
from radbench.learn.losses import L1, WeightedBCE
from radbench_ct_unets.config import LungUnetConfig
from radbench_ct_unets.intensity import equalised, fused, normalised
from radbench_ct_unets.training import Job, Prepared, augmentation, options, unet

if TYPE_CHECKING:
    from radbench.contracts.case import Case
    from radbench.contracts.enhancement import FitContext

# Keras's zoom and shift, which the papers' words come from; its zoom draws height and width apart.
_SEGMENTATION_MOVES = GeometryOptions(rotation_deg=2, shift=(0.2, 0.1), scale=0.3, scale_per_axis=True)
_EXTRACTION_MOVES = GeometryOptions(rotation_deg=4, shift=(0.1, 0.1), scale=0.2, scale_per_axis=True, flip=0.5)


class LungUnet(nn.Module):
    """Lung enhancement of Gozes & Greenspan 2018.

    Layers: ``lung_mask``, the segmentation's probability (threshold it at 0.95), where there is a segmentation;
    ``lung_image``, the lungs alone, in [0,1].
    """

    Config = LungUnetConfig

    def __init__(self, config: LungUnetConfig) -> None:
        super().__init__()
        self.config = config
        self.segmentation = unet(config, "sigmoid", seed=0)
        self.extraction = unet(config, "tanh", seed=1)

    def fit(self, cases: Sequence[Case], context: FitContext) -> None:
        """Train the segmentation (§2.2), then the extraction (§2.3) on lungs normalised by it."""
        config = self.config
        self.segmentation, self.extraction = (
            unet(config, head, seed=2 * context.seed + i) for i, head in enumerate(("sigmoid", "tanh"))
        )
        train = self._samples(cases).to(context.device)
        validation = self._samples(context.validation) if len(context.validation) else None
        job = self._segmentation_job()
        fit(
            self.segmentation,
            train,
            job.loss,
            job.options,
            context,
            validation=validation,
            augment=job.augment,
            name="lung segmentation",
        )
        job = self._extraction_job()
        fit(
            self.extraction,
            train,
            job.loss,
            job.options,
            context,
            validation=self._as_enhanced(validation) if validation else None,
            augment=job.augment,
            name="lung extraction",
        )

    def estimate(self, cases: Sequence[Case], context: FitContext) -> float:
        """Return about how many seconds :meth:`fit` will take, from a few timed steps on the first cases."""
        few = self._samples(cases[: self.config.batch_size])
        jobs = ((self.segmentation, self._segmentation_job()), (self.extraction, self._extraction_job()))
        return sum(job.seconds(network, few, context, len(cases)) for network, job in jobs)

    def _segmentation_job(self) -> Job:
        config = self.config
        moved = augmentation(config.segmentation_augmentation, _SEGMENTATION_MOVES, AppearanceOptions())
        return Job(
            WeightedBCE("lung_mask", config.positive_weight, config.dice_weight),
            options(config, config.segmentation_epochs, config.segmentation_rate),
            Prepared(moved, lambda batch: batch.source, config.segmentation_noise),
        )

    def _extraction_job(self) -> Job:
        config = self.config
        moved = augmentation(config.extraction_augmentation, _EXTRACTION_MOVES, AppearanceOptions())
        # The target is on [0,1]: the air around the lungs, most of it, lies where the tangent is steep. At its foot,
        # -1, a network that once gave nothing but air would stay there.
        return Job(
            L1("lung_image", "nodule_mask", config.nodule_weight),
            options(config, config.extraction_epochs, config.extraction_rate),
            Prepared(moved, self._normalised_by_truth),
        )

    @torch.no_grad()
    def enhance(self, images: Tensor) -> Enhancement:
        """Enhance float32 ``[B,1,H,W]`` in [0,1] (§2.4)."""
        self.eval()
        height, width = images.shape[2:]
        small = self._prepared(images)
        probability = self.segmentation(small)
        lungs = self.extraction(self._normalised(small, probability)).clamp(0.0, 1.0)
        lungs, probability = (resized(x, (height, width)) for x in (lungs, probability))
        return Enhancement(
            fused(images, lungs, self.config.weight), {"lung_image": lungs, "lung_mask": probability.clamp(0.0, 1.0)}
        )

    def _prepared(self, images: Tensor) -> Tensor:
        small = resized(images, (self.config.size, self.config.size))
        return equalised(small, self.config.clahe_kernel, self.config.clahe_clip) if self.config.equalise else small

    def _normalised(self, small: Tensor, probability: Tensor) -> Tensor:
        area = probability >= self.config.threshold if self.config.segmentation else None
        return normalised(small, area, self.config.lung_std)

    def _normalised_by_truth(self, batch: Batch) -> Tensor:
        area = batch.mask("lung_mask") if self.config.segmentation else None
        return normalised(batch.source, area, self.config.lung_std)

    def _samples(self, cases: Sequence[Case]) -> TensorSamples:
        samples = samples_from_cases(
            cases,
            targets=["lung_image"],
            masks=["lung_mask", "nodule_mask"],
            size=(self.config.size, self.config.size),
        )
        return replace(samples, source=self._prepared(samples.source))

    @torch.no_grad()
    def _as_enhanced(self, samples: TensorSamples) -> TensorSamples:
        """Normalise by the segmentation's mask, as for a radiograph whose lungs nobody has drawn."""
        device = next(self.segmentation.parameters()).device
        probability = torch.cat([self.segmentation(image[None].to(device)).cpu() for image in samples.source])
        return replace(samples, source=self._normalised(samples.source, probability))
