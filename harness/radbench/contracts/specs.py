"""Specs: what a plugin says it offers, light enough that listing imports nothing heavy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")
MODALITIES = ("ct", "cxr", "natural", "any")
DIRECTIONS = ("higher", "lower")


@dataclass(frozen=True)
class MetricSpec:
    """One number that a task gives.

    Attributes:
        name: exact, as the leaderboard prints it.
        direction: which way is better.
        of: the observation that it aggregates, "" for the one of its own name; several metrics may share one.
        aggregation: a built-in one ("mean", "rate", "ap", "auroc", "sensitivity", "brier", "ece", "frechet") or its
            own, "package.module:attribute".
        parameters: of the aggregation, (name, value).
        over_facets: "mean" makes the row of the whole the mean over the facets, jointly resampled; "" leaves it to what
            the task gives under the facet "".
        primary: whether it decides; the first metric does where none says so.
        data_range: the value range that the metric assumes of its images (1.0 for [0,1]), None where it has none.
        empty: what an empty mask (or another degenerate input) scores, in words.
    """

    name: str
    direction: Literal["higher", "lower"]
    of: str = ""
    aggregation: str = "mean"
    parameters: tuple[tuple[str, float], ...] = ()
    over_facets: Literal["", "mean"] = ""
    primary: bool = False
    data_range: float | None = None
    empty: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"metric '{self.name}' must be lower-case letters, digits, '-', '_' or '.'")
        if self.direction not in DIRECTIONS:
            raise ValueError(
                f"direction '{self.direction}' of metric '{self.name}' must be {' or '.join(DIRECTIONS)}: a number "
                "that nobody wants high or low ranks nothing"
            )
        if self.over_facets not in ("", "mean"):
            raise ValueError(f"over_facets '{self.over_facets}' of metric '{self.name}' must be '' or 'mean'")

    @property
    def observation(self) -> str:
        """The observation that it aggregates."""
        return self.of or self.name


@dataclass(frozen=True)
class _Spec:
    """What every spec has.

    Attributes:
        name: lower case, unique among its kind.
        factory: "package.module:attribute", a function or a class.
        summary: one line for the listing.
        reference: the publication or source it implements.
        code: modules ("package.module") that run and that no import statement reaches from the factory's.
        spec_for: "package.module:function" called with (spec, config, parts) where the spec follows from the
            configuration; ``parts`` maps each field to the specs of the parts that it names. It returns the spec.
    """

    name: str
    factory: str
    summary: str
    reference: str = ""
    modality: str = "any"
    code: tuple[str, ...] = ()
    spec_for: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"name '{self.name}' must be lower-case letters, digits, '-', '_' or '.'")
        for what, text in (("factory", self.factory), ("spec_for", self.spec_for or self.factory)):
            module, _, attribute = text.partition(":")
            if not module or not attribute:
                raise ValueError(f"{what} '{text}' of '{self.name}' must read 'package.module:attribute'")
        if self.modality not in MODALITIES:
            raise ValueError(f"modality '{self.modality}' of '{self.name}' must be one of {', '.join(MODALITIES)}")
        self._check()

    def _check(self) -> None:
        """Refuse what only this kind of spec can have wrong."""


def _known(owner: str, what: str, names: tuple[str, ...], known: frozenset[str]) -> None:
    strange = [name for name in names if name not in known]
    if strange:
        raise ValueError(f"'{owner}' names unknown {what} '{strange[0]}'; there is {', '.join(sorted(known))}")


@dataclass(frozen=True)
class EnhancerSpec(_Spec):
    """An enhancer.

    Attributes:
        modality: the modality it is meant for, "any" for all.
        layers: what it offers beside the image.
        learns: whether it must be fitted before it enhances.
        draws: whether it draws random numbers when it enhances, so that its images depend on the seed.
        renders: whether it offers ``views``.
        batch_size: images per call; above 1 only where the batch cannot change a bit of the result.
    """

    layers: tuple[str, ...] = ()
    learns: bool = False
    draws: bool = False
    renders: bool = False
    batch_size: int = 1

    def _check(self) -> None:
        from radbench.contracts.enhancement import LAYERS

        _known(self.name, "layer", self.layers, LAYERS)


@dataclass(frozen=True)
class TaskSpec(_Spec):
    """A downstream task.

    Attributes:
        metrics: what it measures.
        modality: the modality it applies to, "any" for all.
        needs_targets: truth that every case must carry.
        needs_layers: layers that the enhancer must offer.
        wants_layers: layers that it uses where the enhancer offers them.
        needs_twins: whether it scores cases together with their twins.
        needs_views: whether it asks for rendered views.
        learns: whether it must be fitted before it scores.
        training: whose a training's draws are: the "method"'s (enhancer and task share the seed) or the "measurement"'s
            (the same for every seed).
        given: truth that the method is told at test time (GrabCut: "recist"); the leaderboard says so.
        truth: what a score is compared with; by default the targets that it needs and is not given.
        baseline: the enhancer that differences are taken to.
        default_dataset: what it runs on when no data set is named.
    """

    metrics: tuple[MetricSpec, ...] = ()
    needs_targets: tuple[str, ...] = ()
    needs_layers: tuple[str, ...] = ()
    wants_layers: tuple[str, ...] = ()
    needs_twins: bool = False
    needs_views: bool = False
    learns: bool = False
    training: Literal["method", "measurement"] = "method"
    given: tuple[str, ...] = ()
    truth: tuple[str, ...] = ()
    baseline: str = "original"
    default_dataset: str = ""

    def _check(self) -> None:
        from radbench.contracts.case import TARGETS
        from radbench.contracts.enhancement import LAYERS

        _known(self.name, "target", self.needs_targets, TARGETS)
        _known(self.name, "layer", (*self.needs_layers, *self.wants_layers), LAYERS)
        names = [m.name for m in self.metrics]
        if len(set(names)) < len(names):
            raise ValueError(f"'{self.name}' names a metric twice: {', '.join(names)}")

    @property
    def observations(self) -> tuple[str, ...]:
        """What ``score`` must observe of every case."""
        return tuple(dict.fromkeys(m.observation for m in self.metrics))


@dataclass(frozen=True)
class DatasetSpec(_Spec):
    """A data set.

    Attributes:
        modality: "ct", "cxr", "natural" or "any".
        targets: the targets its cases can carry.
        slow: whether its cases take long to make: the harness then makes them side by side and keeps them.
        licence, citation: of the collection; they travel into the leaderboard's rows.
    """

    targets: tuple[str, ...] = ()
    slow: bool = False
    licence: str = ""
    citation: str = ""

    def _check(self) -> None:
        from radbench.contracts.case import TARGETS

        _known(self.name, "target", self.targets, TARGETS)
