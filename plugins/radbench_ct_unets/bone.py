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
from radbench.learn.batch import resized
from radbench.learn.geometry import GeometryOptions
from radbench.learn.losses import L1, Loss, Perceptual
from radbench.learn.vgg import vgg_features
from radbench_ct_unets.config import BoneUnetConfig
from radbench_ct_unets.intensity import fused
from radbench_ct_unets.training import Job, augmentation, lesson_of, options, unet

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
        self.extraction = unet(config, "tanh", seed=0)
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
        """Return radiograph and bone image at the network's size."""
        return lesson_of(sample, ("bone_image",), self.config.size)

    def fit(self, lessons: Lessons, context: FitContext) -> None:
        """Train the extraction with the perceptual or the L1 loss (§2.3).

        Raises:
            PretrainedWeightsError: VGG-16's weights are wanted and cannot be had.
        """
        config = self.config
        job = Job(
            "bone extraction",
            self._loss(context.device),
            options(config, config.epochs, config.learning_rate),
            augmentation(config.augmentation, _MOVES, _LOOKS),
            lambda batch, draws: batch.with_(image=_centred(batch["image"])),
        )
        self.extraction = unet(config, "tanh", seed=context.seed).to(context.device)
        context.expect(job.seconds(self.extraction, lessons, context))
        job.learn(self.extraction, lessons, context)

    def facts(self) -> dict[str, str]:
        """Return what the perceptual loss compared with, after :meth:`fit`: VGG-16's weights, or "false"."""
        return {"pretrained": self.pretrained} if self.pretrained else {}

    def enhance(self, images: Tensor) -> Enhancement:
        """Enhance float32 ``[B,1,H,W]`` in [0,1] (§2.4): add the bones, or take them away."""
        height, width = images.shape[2:]
        small = resized(images, (self.config.size, self.config.size))
        bones = resized(self.extraction(_centred(small)).clamp(0.0, 1.0), (height, width))
        weight = self.config.weight if self.config.mode == "enhance" else -self.config.weight
        return Enhancement(fused(images, bones, weight), {"bone_image": bones})

    def _loss(self, device: str) -> Loss:
        config = self.config
        if config.loss == "l1":
            return L1("bone_image")
        found = vgg_features(pretrained=config.pretrained, weights=config.vgg_weights or None, digest=self._vgg_digest)
        self.pretrained = found.pretrained
        return Perceptual("bone_image", found.network.to(device))


def _centred(images: Tensor) -> Tensor:
    """Take away each image's mean; the paper's "zero mean normalized batches", by image so that no batch matters."""
    return torch.stack([image - image.mean() for image in images])
