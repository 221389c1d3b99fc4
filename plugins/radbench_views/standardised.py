"""The Fréchet distance of features of different units: each is measured in its deviation over the references."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from radbench.stats.aggregations.evidence import FeatureSets
from radbench.stats.aggregations.frechet import Frechet
from radbench.stats.aggregations.protocol import Array, Paired
from radbench.stats.resampling import Resampling


class StandardisedFrechet:
    """The squared Fréchet distance of features less the references' mean, over the references' standard deviation.

    So the Fréchet radiomics distance has it (Konz, Osuala et al. 2026, Med. Image Anal. 103943; frd-score's version 1
    before its logarithm): the deviation is over n, and a feature that does not vary over the references counts for
    nothing. References are the same for all enhancers, and so is the scale: intervals and tests take it as given, and
    are otherwise those of :class:`radbench.stats.aggregations.frechet.Frechet`.
    """

    takes: ClassVar[type] = FeatureSets
    undefined: ClassVar[str] = Frechet.undefined

    def value(self, evidence: FeatureSets) -> float:
        """Return the distance, NaN with fewer than two vectors on a side."""
        return Frechet().value(standardised(evidence)) if evidence.answered.any() else math.nan

    def draws(self, evidence: Sequence[FeatureSets], resampling: Resampling) -> Array:
        """Return the distances in resamples, ``[E,R]``."""
        return Frechet().draws([_once(one, resampling) for one in evidence], resampling)

    def interval(
        self, evidence: FeatureSets, value: float, draws: Array, resampling: Resampling
    ) -> tuple[float, float]:
        """Return the interval, NaN and NaN below six patients."""
        return Frechet().interval(_once(evidence, resampling), value, draws, resampling)

    def differences(
        self, evidence: Sequence[FeatureSets], pairs: Sequence[tuple[int, int]], draws: Array, resampling: Resampling
    ) -> list[Paired]:
        """Return the differences of the distances on what both answered; no p below twelve patients."""
        return Frechet().differences([_once(one, resampling) for one in evidence], pairs, draws, resampling)


def standardised(evidence: FeatureSets) -> FeatureSets:
    """Return features less the references' mean, over their standard deviation; 0 where that is 0."""
    references = evidence.references.astype(np.float64)
    mean, deviation = references.mean(axis=0), references.std(axis=0)
    # What differs by rounding alone does not vary.
    varies = deviation > 1e-12 * np.abs(references).max(axis=0)
    scale = np.where(varies, deviation, np.inf)

    def of(vectors: NDArray[Any] | None) -> NDArray[np.floating] | None:
        return None if vectors is None else (vectors - mean) / scale

    return FeatureSets(tuple(map(of, evidence.value)), tuple(map(of, evidence.reference)))


def _once(evidence: FeatureSets, resampling: Resampling) -> FeatureSets:
    """Return standardised features, worked out once for a table: what is remembered of them goes by the object."""
    if not evidence.answered.any():
        return evidence

    def make() -> tuple[FeatureSets, FeatureSets]:
        # What the key identifies must live as long as the key.
        return evidence, standardised(evidence)

    found: FeatureSets = resampling.remember(("standardised", id(evidence)), make)[1]
    return found
