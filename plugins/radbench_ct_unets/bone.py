"""bone-unet: extraction of the bone image, and its fusion with the radiograph."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from radbench.contracts.enhancement import Enhancement
from radbench.learn.appearance import AppearanceOptions
from radbench.learn.batch import Batch, resized
from radbench.learn.draws import Draws
from radbench.learn.geometry import GeometryOptions
from radbench.learn.losses import L1, Loss, Perceptual
from radbench.learn.vgg import vgg_features
from radbench_ct_unets.carried import OnSeen, with_seen
from radbench_ct_unets.chest import Chest, chest_job
from radbench_ct_unets.config import BoneUnetConfig
from radbench_ct_unets.extracting import View, doubt_of_lessons, extracted, extracted_twice
from radbench_ct_unets.intensity import fused
from radbench_ct_unets.training import UNCOVERED_LOOKS, Job, augmentation, extraction, learn_all, lesson_of, options

if TYPE_CHECKING:
    from radbench.contracts.learning import FitContext, Lessons
    from radbench.contracts.results import Sample

_MOVES = GeometryOptions(flip=0.5)
# Bias and scaling read as of the greys [assumed], like the noise and the sharpening that they are listed with.
_LOOKS = AppearanceOptions(probability=0.5, exposure=0.2, contrast=0.3, sharpen=0.5, noise=(0.0, 0.05))


class BoneUnet(nn.Module):
    """Bone extraction and enhancement of Gozes & Greenspan 2020.

    Layer: ``bone_image``, the bones alone, in [0,1].
    """

    Config = BoneUnetConfig

    def __init__(self, config: BoneUnetConfig) -> None:
        super().__init__()
        self.config = config
        self.extraction = extraction(config, seed=0, one_gain=False)
        self.chest = Chest(seed=0) if config.only_chests else None
        self.register_buffer("usual_doubt", torch.tensor(1.0), persistent=config.mirrored)
        self.pretrained = ""

    def fingerprint(self) -> str | None:
        """Return the digest of the file of VGG-16's weights as it first was, where one is given."""
        return self._vgg_digest

    @cached_property
    def _vgg_digest(self) -> str | None:
        file = Path(self.config.vgg_weights)
        wanted = self.config.loss == "perceptual" and self.config.vgg_weights and file.is_file()
        return hashlib.sha256(file.read_bytes()).hexdigest() if wanted else None

    def lesson(self, sample: Sample) -> dict[str, Tensor]:
        """Return radiograph and bone image at the network's size, or at that of the detail."""
        learnt = self.config.detail == "learnt"
        return lesson_of(sample, ("bone_image",), self.config.size if learnt else self.config.detail_size)

    def fit(self, lessons: Lessons, context: FitContext) -> None:
        """Train the extraction with the perceptual or the L1 loss (§2.3).

        Raises:
            PretrainedWeightsError: VGG-16's weights are wanted and cannot be had.
        """
        config, learnt = self.config, self.config.detail == "learnt"
        loss = self._loss(context.device)
        job = Job(
            "bone extraction",
            loss if learnt else OnSeen(loss, "bone_image", config.coarse_size, config.fine_weight),
            options(config, config.epochs, config.learning_rate),
            augmentation(config.augmentation, _MOVES, _LOOKS, UNCOVERED_LOOKS),
            _centred_images if learnt else self._seen,
        )
        self.extraction = extraction(config, seed=context.seed, one_gain=False).to(context.device)
        jobs: list[tuple[nn.Module, Job]] = [(self.extraction, job)]
        if config.only_chests:
            self.chest = Chest(seed=context.seed).to(context.device)
            jobs.append((self.chest, chest_job(config, "image")))
        learn_all(jobs, lessons, context)
        if config.mirrored:
            self.usual_doubt = doubt_of_lessons(self.extraction, lessons, self._view_of_lesson, config, context)

    @torch.no_grad()
    def _seen(self, batch: Batch, draws: Draws) -> Batch:
        return with_seen(batch, self._view(batch["image"]).seen(self.config))

    def _view(self, radiographs: Tensor) -> View:
        side = self.config.size if self.config.detail == "learnt" else self.config.coarse_size
        small = resized(radiographs, (side, side))
        return View(_centred(small), radiographs, torch.ones_like(small, dtype=torch.bool))

    def _view_of_lesson(self, lesson: dict[str, Tensor]) -> View:
        return self._view(lesson["image"])

    def facts(self) -> dict[str, str]:
        """Return what the perceptual loss compared with, after :meth:`fit`: VGG-16's weights, or "false"."""
        return {"pretrained": self.pretrained} if self.pretrained else {}

    def enhance(self, images: Tensor) -> Enhancement:
        """Enhance float32 ``[B,1,H,W]`` in [0,1] (§2.4): add the bones, or take them away."""
        # One by one: a convolution may round otherwise where another image stands beside it.
        each = [self._enhance_one(image[None]) for image in images]
        bones = torch.cat([one.layers["bone_image"] for one in each])
        return Enhancement(torch.cat([one.image for one in each]), {"bone_image": bones})

    def _enhance_one(self, image: Tensor) -> Enhancement:
        config = self.config
        trust = 1.0 if self.chest is None else self.chest.trust(image, "bone image")
        bones = self._bones(image) if trust else torch.zeros_like(image)
        weight = config.weight if config.mode == "enhance" else -config.suppress_weight
        return Enhancement(fused(image, bones, trust * weight, config.stretched), {"bone_image": trust * bones})

    def _bones(self, image: Tensor) -> Tensor:
        view = self._view(image)
        if self.config.mirrored:
            return extracted_twice(self.extraction, view, self.config, self.usual_doubt, "bone image")
        return extracted(self.extraction, view, self.config)[0]

    def _loss(self, device: str) -> Loss:
        config = self.config
        if config.loss == "l1":
            return L1("bone_image")
        found = vgg_features(pretrained=config.pretrained, weights=config.vgg_weights or None, digest=self._vgg_digest)
        self.pretrained = found.pretrained
        return Perceptual("bone_image", found.network.to(device))


def _centred_images(batch: Batch, draws: Draws) -> Batch:
    return batch.with_(image=_centred(batch["image"]))


def _centred(images: Tensor) -> Tensor:
    """Take away each image's mean; the paper's "zero mean normalized batches", by image so that no batch matters."""
    return torch.stack([image - image.mean() for image in images])
