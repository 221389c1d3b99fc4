"""lung-unet: segmentation, normalisation of the lung area, extraction of the lung image, fusion."""

from __future__ import annotations

import warnings
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
from radbench.learn.losses import L1, Loss, WeightedBCE
from radbench_ct_unets.carried import OnSeen, with_seen
from radbench_ct_unets.chest import Chest, chest_job
from radbench_ct_unets.config import LUNGS, LungUnetConfig
from radbench_ct_unets.extracting import View, doubt_of_lessons, extracted, extracted_twice
from radbench_ct_unets.films import veiled
from radbench_ct_unets.framings import framed
from radbench_ct_unets.intensity import equalised, fused, normalised
from radbench_ct_unets.near import near_lungs
from radbench_ct_unets.pieces import without_holes, without_islands
from radbench_ct_unets.training import (
    BROAD_LOOKS,
    UNCOVERED_LOOKS,
    Job,
    augmentation,
    extraction,
    learn_all,
    lesson_of,
    options,
    unet,
)

if TYPE_CHECKING:
    from radbench.contracts.learning import FitContext, Lessons
    from radbench.contracts.results import Sample

# Keras's zoom and shift, which the papers' words come from; its zoom draws height and width apart.
_SEGMENTATION_MOVES = GeometryOptions(rotation_deg=2, shift=(0.2, 0.1), scale=0.3, scale_per_axis=True)
_EXTRACTION_MOVES = GeometryOptions(rotation_deg=4, shift=(0.1, 0.1), scale=0.2, scale_per_axis=True, flip=0.5)
_VEILED = 0.5
"""Share of the segmentation's lessons over which a veil lies, of what is moved before it is equalised [assumed]."""


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
        self.extraction = extraction(config, seed=1, one_gain=True)
        self.chest = Chest(seed=0) if config.only_chests else None
        self.register_buffer("usual_doubt", torch.tensor(1.0), persistent=config.mirrored)

    @property
    def lung(self) -> str:
        """The target that is learnt, which is also the layer that is offered."""
        return LUNGS[self.config.lung]

    def lesson(self, sample: Sample) -> dict[str, Tensor]:
        """Return radiograph, lungs, lung image and nodules at the networks' size, or at that of the detail."""
        config = self.config
        unequalised = resized(sample.image[None], (config.size,) * 2)[0]
        if config.detail == "learnt":
            lesson = lesson_of(sample, ("lung_image", self.lung, "nodule_mask"), config.size, self._equalised)
            return {**lesson, "unequalised": unequalised}
        small = lesson_of(sample, (self.lung,), config.size, self._equalised)
        sharp = lesson_of(sample, ("lung_image", self.lung, "nodule_mask"), config.detail_size, self._equalised)
        radiograph = resized(sample.image[None], (config.detail_size,) * 2)[0]
        sharp = {"sharp": sharp.pop("image"), "area": sharp.pop(self.lung), **sharp}
        return {**small, **sharp, "unequalised": unequalised, "radiograph": radiograph}

    def fit(self, lessons: Lessons, context: FitContext) -> None:
        """Train the segmentation (§2.2), the extraction (§2.3) on lungs normalised by it, and what tells chests."""
        config, seed = self.config, 2 * context.seed
        self.segmentation = unet(config, "sigmoid", seed=seed).to(context.device)
        self.extraction = extraction(config, seed=seed + 1, one_gain=True).to(context.device)
        jobs: list[tuple[nn.Module, Job]] = [
            (self.segmentation, self._segmentation_job()),
            (self.extraction, self._extraction_job()),
        ]
        if config.only_chests:
            self.chest = Chest(seed=context.seed).to(context.device)
            jobs.append((self.chest, chest_job(config, "unequalised")))
        learn_all(jobs, lessons, context)
        if config.mirrored:
            self.usual_doubt = doubt_of_lessons(self.extraction, lessons, self._view_of_lesson, config, context)

    def _segmentation_job(self) -> Job:
        config = self.config
        # Whoever is asked about mirror images learns from them, too.
        moves = replace(_SEGMENTATION_MOVES, flip=0.5 if config.mirrored else 0.0)
        augment = augmentation(config.segmentation_augmentation, moves, AppearanceOptions())
        if self._moved_first:
            augment = Augmentation(augment.geometry, input="unequalised")
        return Job(
            "lung segmentation",
            WeightedBCE(self.lung, config.positive_weight, config.dice_weight),
            options(config, config.segmentation_epochs, config.segmentation_rate),
            augment,
            self._looked_at,
        )

    @property
    def _moved_first(self) -> bool:
        """Whether a film is moved before it is equalised, so that it has the greys of a film of that framing."""
        return self.config.segmentation_augmentation == "broad"

    def _looked_at(self, batch: Batch, draws: Draws) -> Batch:
        """Return what the segmentation sees in training; in validation it sees lessons as they are, in one framing."""
        if not draws.training:
            return batch
        if self._moved_first:
            veils = veiled(batch, draws, "unequalised", _VEILED)
            batch = batch.with_(image=self._equalised(veils["unequalised"]))
            batch = Augmentation(appearance=BROAD_LOOKS)(batch, draws)
        noise = AppearanceOptions(noise=(self.config.segmentation_noise,) * 2, clamp=False)
        # Another stream: this noise must not repeat the augmentation's.
        return Augmentation(appearance=noise)(batch, draws.apart(1))

    def _extraction_job(self) -> Job:
        config, learnt = self.config, self.config.detail == "learnt"
        # The target is on [0,1]: the air around the lungs, most of it, lies where the tangent is steep. At its foot,
        # -1, a network that once gave nothing but air would stay there.
        loss: Loss = L1("lung_image", "nodule_mask", config.nodule_weight)
        return Job(
            "lung extraction",
            loss if learnt else OnSeen(loss, "lung_image", config.coarse_size, config.fine_weight),
            options(config, config.extraction_epochs, config.extraction_rate),
            replace(
                augmentation(config.extraction_augmentation, _EXTRACTION_MOVES, AppearanceOptions(), UNCOVERED_LOOKS),
                input="image" if learnt else "sharp",
            ),
            self._normalised_lungs if learnt else self._seen,
        )

    @torch.no_grad()
    def _normalised_lungs(self, batch: Batch, draws: Draws) -> Batch:
        """Normalise by the true lungs in training; in validation by those that the segmentation finds, as for a
        radiograph whose lungs nobody has drawn."""
        images = batch["image"]
        if draws.training:
            area = batch.mask(self.lung) if self.config.segmentation else None
            return batch.with_(image=normalised(images, area, self.config.lung_std))
        return batch.with_(image=normalised(images, self._found_lungs(images), self.config.lung_std))

    @torch.no_grad()
    def _seen(self, batch: Batch, draws: Draws) -> Batch:
        """Prepare for :class:`radbench_ct_unets.carried.Carried`; lungs as in :meth:`_normalised_lungs`."""
        config = self.config
        if not draws.training:
            area = self._found_lungs(batch["image"])
        else:
            area = batch.mask("area") if config.segmentation else None
        return with_seen(batch, self._view(batch["sharp"], batch["radiograph"], area).seen(config))

    def _found_lungs(self, images: Tensor) -> Tensor | None:
        """Return the lungs in images of the network's size, bool; None where no segmentation is wanted."""
        if not self.config.segmentation:
            return None
        self.segmentation.eval()
        # One by one, as they are enhanced: neither the batch nor its order may change a bit.
        return torch.cat([self._probability(image[None]) for image in images]) >= self.config.threshold

    def _probability(self, small: Tensor) -> Tensor:
        return self._activated(self._logits(small))

    def _logits(self, small: Tensor) -> Tensor:
        logits = self.segmentation.logits(small)
        if self.config.mirrored:
            # The mean of logits: what one finds surely and the other just so reaches a threshold of 0.95.
            logits = (logits + self.segmentation.logits(small.flip(-1)).flip(-1)) / 2
        return logits

    def _activated(self, logits: Tensor) -> Tensor:
        probability = self.segmentation.activate(logits)
        keep, threshold = self.config.pieces, self.config.threshold
        return without_holes(without_islands(probability, threshold, keep), threshold) if keep else probability

    def _framed(self, image: Tensor) -> Tensor:
        """Return the lungs' probability ``[1,1,S,S]`` in a radiograph ``[1,1,H,W]``, by the mean of its framings."""
        sides = (self.config.size, self.config.size)
        return self._activated(
            framed(
                image,
                self.config.size,
                lambda part: self._logits(self._equalised(resized(part, sides))),
                lambda logits: self._activated(logits) >= self.config.threshold,
            )
        )

    def _view(self, equalised: Tensor, radiographs: Tensor, area: Tensor | None) -> View:
        config = self.config
        side = config.size if config.detail == "learnt" else config.coarse_size
        small = resized(equalised, (side, side))
        inside = None if area is None else resized(area, (side, side))
        shown = normalised(small, inside, config.lung_std)
        return View(shown, radiographs, torch.ones_like(small, dtype=torch.bool) if inside is None else inside)

    def _view_of_lesson(self, lesson: dict[str, Tensor]) -> View:
        image = lesson["image"]
        return self._view(lesson.get("sharp", image), lesson.get("radiograph", image), self._found_lungs(image))

    def enhance(self, images: Tensor) -> Enhancement:
        """Enhance float32 ``[B,1,H,W]`` in [0,1] (§2.4); warns of images that have no lungs or are no chests."""
        # One by one: a convolution may round otherwise where another image stands beside it.
        each = [self._enhance_one(image[None]) for image in images]
        layers = {name: torch.cat([one.layers[name] for one in each]) for name in each[0].layers}
        return Enhancement(torch.cat([one.image for one in each]), layers)

    def _enhance_one(self, image: Tensor) -> Enhancement:
        config, size = self.config, image.shape[2:]
        trust = 1.0 if self.chest is None else self.chest.trust(image, "lung image")
        if trust:
            probability, lungs = self._extracted(image)
            probability = resized(probability, (size[0], size[1])).clamp(0.0, 1.0)
        else:
            probability = lungs = torch.zeros_like(image)
        return Enhancement(
            fused(image, lungs, trust * config.weight, config.stretched),
            {"lung_image": trust * lungs, self.lung: probability},
        )

    def _extracted(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the lungs' probability ``[1,1,S,S]`` and the lung image ``[1,1,H,W]`` of a radiograph."""
        config = self.config
        small = self._equalised(resized(image, (config.size, config.size)))
        probability = self._framed(image) if config.framed else self._probability(small)
        area = probability >= config.threshold if config.segmentation else None
        sharp = small
        if config.detail == "carried":
            sharp = self._equalised(resized(image, (config.detail_size, config.detail_size)))
        view = self._view(sharp, image, area)
        if config.mirrored:
            lungs = extracted_twice(self.extraction, view, config, self.usual_doubt, "lung image")
        else:
            lungs, _ = extracted(self.extraction, view, config)
        if area is not None and not bool(area.any()):
            return probability, self._without_lungs(lungs)
        return probability, near_lungs(lungs, area) if area is not None and config.held else lungs

    def _without_lungs(self, lungs: Tensor) -> Tensor:
        left = "no lung image" if self.config.mirrored else "a lung image of the whole"
        warnings.warn(f"no lungs were found: there is {left}", stacklevel=2)
        return torch.zeros_like(lungs) if self.config.mirrored else lungs

    def _equalised(self, images: Tensor) -> Tensor:
        config = self.config
        kernel = max(2, config.clahe_kernel * images.shape[-1] // config.size)
        return equalised(images, kernel, config.clahe_clip) if config.equalise else images


def spec_of_lung_unet(spec: EnhancerSpec, config: Config, parts: Mapping[str, Any]) -> EnhancerSpec:
    """Return the spec: the mask that it offers is that of the lungs that it learns."""
    assert isinstance(config, LungUnetConfig)
    return replace(spec, layers=("lung_image", LUNGS[config.lung]))
