"""The task ``hnn``: a holistically nested network learns from GrabCut's masks and is held to the true ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from radbench.contracts.config import Config
from radbench.contracts.results import Sample, TaskContext
from radbench.learn.augment import Augmentation
from radbench.learn.batch import as_unit
from radbench.learn.estimating import estimate
from radbench.learn.fitting import fit
from radbench.learn.geometry import GeometryOptions
from radbench.learn.options import FitOptions
from radbench.learn.turns import Turn
from radbench.metrics import dice, precision, recall
from radbench_lesions.grabcut import GrabCut, Segmentation
from radbench_lesions.hnn_config import HNNConfig
from radbench_lesions.hnn_network import HolisticallyNested, equal_groups, hed_groups, hnn_loss
from radbench_lesions.hnn_region import Square, roi_of, whole_image
from radbench_lesions.hnn_weights import take_vgg

if TYPE_CHECKING:
    from radbench.contracts.learning import FitContext, Lessons, LessonSet
    from radbench.contracts.specs import TaskSpec

_MIN_BOX = 4.0
_MOVES = Augmentation(GeometryOptions(flip=0.5, rotation_deg=180.0, scale=0.15))


class HNN(nn.Module):
    """Score an enhancement by how well a network that learnt on it segments the lesion (Tang et al. 2018, section 2.2).

    A holistically nested network (Xie & Tu 2015) is trained for each enhancer on its images of the train split, with
    GrabCut's masks of them as the truth; true masks are looked at in scoring alone. Per case: Dice, precision and
    recall against ``lesion_mask`` over the whole image.

    The marks themselves are not shown to it, but the paper crops the region of interest by them, so that a lesion
    lies in the middle and fills half of the side; ``region=image`` shows it the whole image instead.
    """

    Config = HNNConfig

    def __init__(self, config: HNNConfig) -> None:
        super().__init__()
        self.config = config
        self.chosen: Tensor
        self.network = HolisticallyNested(config.width, config.padding)
        self.register_buffer("chosen", torch.tensor(0.5))
        self.pretrained = ""

    def fingerprint(self) -> str | None:
        """Return the digest of the file of VGG-16's weights as it first was, where one is given."""
        return self._vgg_digest

    @cached_property
    def _vgg_digest(self) -> str | None:
        file = Path(self.config.vgg_weights).expanduser()
        there = self.config.vgg_weights and file.is_file()
        return hashlib.sha256(file.read_bytes()).hexdigest() if there else None

    def lesson(self, sample: Sample) -> dict[str, Tensor] | None:
        """Return "image", uint8 ``[C,S,S]``, and "mask", bool ``[1,S,S]``: what the network sees and GrabCut's answer.

        None, from which nothing is learnt, where GrabCut had nothing to decide by, or nothing of its mask is left at
        this size.

        Raises:
            CaseError: the marks are not finite or lie outside the image.
        """
        square = self._square(sample)
        found = self._grabcut(sample)
        if found.remark:
            return None
        mask = square.cut(torch.from_numpy(found.mask)[None], self.config.size)
        return {"image": self._seen(sample, square), "mask": mask} if bool(mask.any()) else None

    def fit(self, lessons: Lessons, context: FitContext) -> None:
        """Train the network on GrabCut's masks, and choose the threshold on those of the validation split.

        Where there is no validation split, the threshold is chosen on the train split.

        Raises:
            PretrainedWeightsError: VGG-16's weights are wanted and cannot be had.
        """
        config = self.config
        self.network = HolisticallyNested(config.width, config.padding, context.seed)
        self.pretrained = self._initial_weights()
        self.network.to(context.device)
        options = FitOptions(
            epochs=config.epochs,
            batch_size=config.batch_size,
            optimiser=config.optimiser,
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
            schedule=config.schedule,
            step_epochs=config.step_epochs,
            patience=config.patience,
        )
        turns = [Turn(hnn_loss, groups=hed_groups if config.rates == "hed" else equal_groups)]
        how: dict[str, Any] = {
            "validation": lessons.validation,
            "augment": _MOVES if config.augmentation == "moves" else None,
        }
        context.expect(estimate(self.network, turns, lessons.train, options, context, **how).seconds)
        fit(self.network, turns, lessons.train, options, context, name="holistically nested network", **how)
        held_out = lessons.validation if len(lessons.validation) else lessons.train
        self.chosen = torch.tensor(best_threshold(self._answers(held_out, context.device)))

    def facts(self) -> dict[str, str]:
        """Return what the body began with, after :meth:`fit`: VGG-16's weights, or "false"."""
        return {"pretrained": self.pretrained} if self.pretrained else {}

    def score(self, sample: Sample, context: TaskContext) -> dict[str, float]:
        """Return Dice, precision and recall of one lesion.

        Raises:
            CaseError: the region of interest is asked for, and the marks are not finite or lie outside the image.
        """
        found = self.segment(sample, context)[None]
        truth = sample.case.targets["lesion_mask"].detach().cpu()[None]
        scores = {"dice": dice, "precision": precision, "recall": recall}
        return {name: float(metric(found, truth)[0]) for name, metric in scores.items()}

    def segment(self, sample: Sample, context: TaskContext) -> Tensor:
        """Return the lesion, bool ``[1,H,W]`` on the processor; for pictures, too. Errors as those of :meth:`score`."""
        square = self._square(sample)
        probability = self._probability(self._seen(sample, square), context.device)
        threshold = float(self.chosen) if self.config.threshold is None else self.config.threshold
        mask = square.put_back(probability, _shape(sample)) > threshold
        return _largest(mask) if self.config.components == "largest" else mask

    def _probability(self, seen: Tensor, device: str) -> Tensor:
        """Return the fused output ``[1,S,S]`` for uint8 ``[C,S,S]``; by itself, so that no batch changes a bit."""
        fused: Tensor = self.network(as_unit(seen)[None].to(device))[0, -1:]
        return fused.sigmoid().cpu()

    @torch.no_grad()
    def _answers(self, lessons: LessonSet, device: str) -> Iterator[tuple[Tensor, Tensor]]:
        """Give for each lesson the network's probabilities and GrabCut's mask, each ``[1,S,S]``."""
        for place in range(len(lessons)):
            lesson = lessons[place]
            yield self._probability(lesson["image"], device), lesson["mask"]

    def _initial_weights(self) -> str:
        config = self.config
        if not (config.pretrained or config.vgg_weights):
            return "false"
        file = Path(config.vgg_weights).expanduser() if config.vgg_weights else None
        return take_vgg(self.network, file, self._vgg_digest)

    def _square(self, sample: Sample) -> Square:
        shape = _shape(sample)
        if self.config.region == "image":
            return whole_image(shape)
        return roi_of(sample.case.targets["recist"], shape, self.config.roi_scale, _MIN_BOX)

    def _seen(self, sample: Sample, square: Square) -> Tensor:
        """Return the channels in the square, uint8 ``[C,S,S]`` on the processor: one where all three are alike."""
        shown = [sample.image]
        if self.config.input == "stacked":
            shown = [sample.case.image, sample.layers.get("denoised", sample.image), sample.image]
        pictures = torch.cat([picture.detach().cpu() for picture in shown])
        return (square.cut(pictures, self.config.size).clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)

    def _grabcut(self, sample: Sample) -> Segmentation:
        config = self.config
        channels = config.input if config.masks == "input" else "enhanced"
        shown = sample if config.masks == "input" else Sample(sample.case, sample.case.image)
        grabcut = GrabCut(GrabCut.Config(input=channels, roi_scale=config.roi_scale, min_box=_MIN_BOX))
        # A lesson knows no seed: the masks are the same for every training.
        return grabcut.segment(shown, TaskContext("cpu", 0))


def spec_of_hnn(spec: TaskSpec, config: Config, parts: Mapping[str, object]) -> TaskSpec:
    """Return the spec: a whole image does not tell where the lesion is; stacked channels show ``denoised``."""
    assert isinstance(config, HNNConfig)
    return replace(
        spec,
        given=spec.given if config.region == "roi" else (),
        wants_layers=("denoised",) if config.input == "stacked" else (),
    )


def best_threshold(answers: Iterable[tuple[Tensor, Tensor]]) -> float:
    """Return the threshold of 0.01, 0.02, ..., 0.99 with the highest mean Dice; of equal ones the middle.

    Args:
        answers: probabilities and masks of the same shape, one of each for a lesion; no mask is empty.
    """
    thresholds = torch.arange(1, 100) / 100
    total = torch.zeros(len(thresholds), dtype=torch.float64)
    for probability, mask in answers:
        found = probability.flatten() > thresholds[:, None]
        both = (found & mask.flatten()).sum(dim=1)
        total += 2 * both.double() / (found.sum(dim=1) + mask.sum())
    best = (total == total.max()).nonzero()[:, 0]
    return float(thresholds[best[len(best) // 2]])


def _shape(sample: Sample) -> tuple[int, int]:
    return sample.case.image.shape[1], sample.case.image.shape[2]


def _largest(mask: Tensor) -> Tensor:
    """Return the largest part of a mask ``[1,H,W]`` that hangs together by its pixels' sides, the first of equals."""
    from scipy import ndimage

    labels, count = ndimage.label(mask[0].numpy())
    if count < 2:
        return mask
    sizes = np.bincount(labels.ravel())[1:]
    return torch.from_numpy(labels == 1 + int(sizes.argmax()))[None]
