"""The task ``cad``: a classifier learns findings on enhanced radiographs, and is held to those of the test split."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from radbench.contracts.config import Config
from radbench.contracts.errors import CaseError, DatasetError
from radbench.contracts.evidence import Prediction
from radbench.contracts.results import Sample, TaskContext
from radbench.learn.batch import as_unit, resized
from radbench_cad.config import CADConfig
from radbench_cad.network import Classifier, take_imagenet
from radbench_cad.shown import overlays
from radbench_cad.training import share_of_positives, train

if TYPE_CHECKING:
    from radbench.contracts.learning import FitContext, Lessons
    from radbench.contracts.specs import TaskSpec

_LEVELS = 65535


class CAD(nn.Module):
    """Score an enhancement by what a classifier detects that learnt on it (Gozes & Greenspan 2018, section 3.3).

    A network is trained for each enhancer and seed on its images of the train split, chosen by the loss on those of
    the validation split, and gives each test image a probability of each finding. A finding is a facet; the row of the
    whole is the mean over them. What the data set does not state of a case (NaN) is left out of loss and score.
    """

    Config = CADConfig

    def __init__(self, config: CADConfig) -> None:
        super().__init__()
        self.config = config
        self.network = self._untrained(0)
        self.pretrained = ""

    def fingerprint(self) -> str | None:
        """Return the digest of the file of pretrained weights as it first was, where one is given."""
        return self._weights_digest

    @cached_property
    def _weights_digest(self) -> str | None:
        file = Path(self.config.weights).expanduser()
        there = self.config.weights and file.is_file()
        return hashlib.sha256(file.read_bytes()).hexdigest() if there else None

    def lesson(self, sample: Sample) -> dict[str, Tensor] | None:
        """Return "image", uint16 ``[C,S,S]``, and "findings", float32 ``[K]`` of 0, 1 or NaN, those scored first.

        None, from which nothing is learnt, where the data set states none of them of this case.

        Raises:
            CaseError: a finding is neither 0 nor 1 nor NaN.
        """
        labels = torch.tensor(self._labels(sample, self.config.learnt))
        return None if bool(labels.isnan().all()) else {"image": self._seen(sample), "findings": labels}

    def fit(self, lessons: Lessons, context: FitContext) -> None:
        """Train the classifier.

        Raises:
            PretrainedWeightsError: ImageNet's weights are wanted and cannot be had.
            DatasetError: a finding is the same in all cases of the train split, or there is no validation split.
        """
        config = self.config
        if not len(lessons.validation):
            raise DatasetError(
                "the classifier is chosen by its loss on a validation split, and the data set has none: name a data "
                "set with one by --set task.trained_on=DATASET, or give this one one"
            )
        shares = share_of_positives(lessons.train, config.findings, every=config.loss_weights == "balanced")
        self.network = self._untrained(context.seed)
        self.pretrained = self._initial_weights()
        self.network.to(context.device)
        train(self.network, lessons, config, shares, context)

    def facts(self) -> dict[str, str]:
        """Return what the network began with, after :meth:`fit`: the weights' name, or "false"."""
        return {"pretrained": self.pretrained} if self.pretrained else {}

    def score(self, sample: Sample, context: TaskContext) -> Mapping[str, Mapping[str, Prediction]]:
        """Return the probability of each finding beside the truth.

        Raises:
            CaseError: a finding is neither 0 nor 1 nor NaN.
        """
        scored = self.config.findings
        labels = self._labels(sample, scored)
        probabilities = self.network(self._batch(sample, context.device))[0, : len(scored)].sigmoid().tolist()
        named = zip(scored, labels, probabilities, strict=True)
        return {"finding": {name: Prediction(label, probability) for name, label, probability in named}}

    def show(self, sample: Sample, context: TaskContext) -> dict[str, Tensor]:
        """Return Grad-CAM overlays by finding, and "image", what the network saw: float32 ``[3,S,S]`` in [0,1].

        Raises:
            ConfigurationError: the backbone has no feature map to look at.
        """
        return overlays(self.network, self._batch(sample, context.device), self.config.findings)

    def _untrained(self, seed: int) -> Classifier:
        config = self.config
        channels = 3 if config.input == "stacked" else 1
        return Classifier(config.backbone, len(config.learnt), channels, config.pool, seed)

    def _initial_weights(self) -> str:
        config = self.config
        if not (config.pretrained or config.weights):
            return "false"
        file = Path(config.weights).expanduser() if config.weights else None
        return take_imagenet(self.network, config.backbone, file, self._weights_digest)

    def _labels(self, sample: Sample, names: Sequence[str]) -> list[float]:
        findings = sample.case.targets["findings"]
        labels = [float(findings.get(name, math.nan)) for name in names]
        for name, label in zip(names, labels, strict=True):
            if label not in (0.0, 1.0) and not math.isnan(label):
                raise CaseError(f"finding '{name}' of case '{sample.case.case_id}' is {label}; 0, 1 or NaN is expected")
        return labels

    def _batch(self, sample: Sample, device: str) -> Tensor:
        """Return what the network sees of a case, float32 ``[1,C,S,S]``; by itself, so that no batch changes a bit."""
        return as_unit(self._seen(sample))[None].to(device)

    def _seen(self, sample: Sample) -> Tensor:
        """Return the channels at the network's size, uint16 ``[C,S,S]`` on the processor."""
        shown = [sample.image]
        if self.config.input == "stacked":
            shown = [sample.case.image, sample.layers.get("denoised", sample.image), sample.image]
        pictures = [picture.detach().cpu() for picture in shown]
        if self.config.tone == "equalised":
            pictures = [equalised(picture[0])[None] for picture in pictures]
        scaled = resized(torch.cat(pictures)[None], (self.config.size, self.config.size))[0]
        return (scaled.clamp(0.0, 1.0) * _LEVELS).round().to(torch.int32).to(torch.uint16)


def equalised(image: Tensor) -> Tensor:
    """Return each pixel's rank in its image as a share, equal ones alike; no increasing tone curve changes it.

    Args:
        image: float32 ``[H,W]``.

    Returns:
        float32 ``[H,W]`` in (0,1); 0.5 everywhere for a constant image.
    """
    from scipy.stats import rankdata

    ranks = rankdata(image.numpy(), axis=None).reshape(tuple(image.shape))
    return torch.from_numpy((ranks - 0.5) / ranks.size).float()


def spec_of_cad(spec: TaskSpec, config: Config, parts: Mapping[str, object]) -> TaskSpec:
    """Return the spec: stacked channels show ``denoised``."""
    assert isinstance(config, CADConfig)
    return replace(spec, wants_layers=("denoised",) if config.input == "stacked" else ())
