"""Specs: what a plugin says it offers, light enough that listing imports nothing heavy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")


@dataclass(frozen=True)
class MetricSpec:
    """One number that a task gives.

    Attributes:
        name: exact, as the leaderboard prints it.
        direction: which way is better.
        data_range: the value range that the metric assumes of its images (1.0 for [0,1]), None where it has none.
        aggregation: "mean" of per-case scores, or a data-set-level score over per-case predictions.
        empty: what an empty mask (or another degenerate input) scores, in words.
        version: raised whenever the definition changes; scores of different versions are never compared.
    """

    name: str
    direction: Literal["higher", "lower"]
    data_range: float | None = None
    aggregation: Literal["mean", "ap", "auroc"] = "mean"
    empty: str = ""
    version: int = 1


@dataclass(frozen=True)
class _Spec:
    """What every spec has.

    Attributes:
        name: lower case, unique among its kind.
        factory: "package.module:attribute", a function or a class.
        summary: one line for the listing.
        reference: the publication or source it implements.
    """

    name: str
    factory: str
    summary: str
    reference: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"name '{self.name}' must be lower-case letters, digits, '-', '_' or '.'")
        module, _, attribute = self.factory.partition(":")
        if not module or not attribute:
            raise ValueError(f"factory '{self.factory}' of '{self.name}' must read 'package.module:attribute'")


@dataclass(frozen=True)
class EnhancerSpec(_Spec):
    """An enhancer.

    Attributes:
        modality: the modality it is meant for, "any" for all.
        layers: what it offers beside the image.
        trainable: whether it must be fitted before it enhances.
        batch_size: images per call; above 1 only where the batch cannot change a bit of the result.
    """

    modality: str = "any"
    layers: tuple[str, ...] = ()
    trainable: bool = False
    batch_size: int = 1


@dataclass(frozen=True)
class TaskSpec(_Spec):
    """A downstream task.

    Attributes:
        metrics: what it measures.
        modality: the modality it applies to, "any" for all.
        needs_targets: truth that every case must carry.
        needs_layers: layers that the enhancer must offer.
        uses_at_test: truth that it is given at test time (GrabCut: "recist"); the leaderboard says so.
        splits: the splits it needs enhanced: "test", and "train" and "validation" where it trains a model.
        default_dataset: what it runs on when no data set is named.
    """

    metrics: tuple[MetricSpec, ...] = ()
    modality: str = "any"
    needs_targets: tuple[str, ...] = ()
    needs_layers: tuple[str, ...] = ()
    uses_at_test: tuple[str, ...] = ()
    splits: tuple[str, ...] = ("test",)
    default_dataset: str = ""


@dataclass(frozen=True)
class DatasetSpec(_Spec):
    """A data set.

    Attributes:
        modality: "ct", "cxr" or "any".
        targets: the targets its cases can carry.
    """

    modality: str = "any"
    targets: tuple[str, ...] = ()
