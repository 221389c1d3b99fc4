"""Fréchet: the distance between normal distributions fitted to features of what is judged and of its references."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from radbench.contracts.errors import PluginError
from radbench.stats.aggregations.biased import recentred
from radbench.stats.aggregations.bootstrap import bootstrap_draws, deviation_of_draws
from radbench.stats.aggregations.evidence import FeatureSets
from radbench.stats.aggregations.protocol import Array, Paired
from radbench.stats.biased import hull
from radbench.stats.clusters import FEW_PATIENTS, FEWEST_PATIENTS
from radbench.stats.frechet import distance_by_chance, frechet_distance
from radbench.stats.intervals import standard_error
from radbench.stats.resampling import Resampling, patient_index

REPLICATES = 200
"""Resamples: each costs a singular value decomposition, and standard errors are read off, no quantiles."""

BIASED_T = "t with the bootstrap's error, bias allowed for"
"""The test of a difference of distances."""


@dataclass(frozen=True)
class Frechet:
    """The squared Fréchet distance (:func:`radbench.stats.frechet.frechet_distance`), with patients resampled.

    It is biased upwards, the more so the fewer vectors there are for their dimensions, and a resample adds to that. So
    the draws are re-centred on the value, and the interval is the hull of three, each by the draws' standard error and
    Student's t with patients less one for degrees of freedom: around the value, around the value less what resamples
    add, and around the value less what chance gives to sets that do not differ
    (:func:`radbench.stats.frechet.distance_by_chance`). With fewer patients than dimensions it is very wide. Distances
    of sets of different sizes do not compare.
    """

    takes: ClassVar[type] = FeatureSets
    undefined: ClassVar[str] = "needs two feature vectors or more on either side"
    bounds: ClassVar[tuple[float, float]] = (0.0, math.inf)

    def value(self, evidence: FeatureSets) -> float:
        """Return the distance, NaN with fewer than two vectors on a side."""
        if not evidence.answered.any():
            return math.nan
        _check_dimensions(evidence)
        return frechet_distance(evidence.values, evidence.references)

    def draws(self, evidence: Sequence[FeatureSets], resampling: Resampling) -> Array:
        """Return the distances in the first 200 resamples, re-centred on the values, ``[E,200]``."""
        drawn = np.stack([self._drawn(one, resampling) for one in evidence])
        return recentred([self.value(one) for one in evidence], drawn)

    def deviation(self, evidence: FeatureSets, draws: Array) -> float:
        """Return the standard deviation over the draws."""
        return deviation_of_draws(draws)

    def interval(
        self, evidence: FeatureSets, value: float, draws: Array, resampling: Resampling
    ) -> tuple[float, float]:
        """Return the interval, NaN and NaN below six patients."""
        chance = self._chance(evidence, resampling)
        (low, high), _ = _judged(value, self._drawn(evidence, resampling), chance, _patients(evidence, resampling))
        return 0.0 if low < 0 else low, high

    def differences(
        self, evidence: Sequence[FeatureSets], pairs: Sequence[tuple[int, int]], draws: Array, resampling: Resampling
    ) -> list[Paired]:
        """Return the differences of the distances on what both answered; no p below twelve patients."""
        return [self._paired(evidence[i], evidence[j], resampling) for i, j in pairs]

    def _paired(self, ours: FeatureSets, theirs: FeatureSets, resampling: Resampling) -> Paired:
        both = ours.answered & theirs.answered
        if not (ours.answered == theirs.answered).all():
            ours, theirs = ours.only(both), theirs.only(both)
        delta = self.value(ours) - self.value(theirs)
        if not math.isfinite(delta):
            return Paired()
        difference, n = self._drawn(ours, resampling) - self._drawn(theirs, resampling), _patients(ours, resampling)
        chance = self._chance(ours, resampling) - self._chance(theirs, resampling)
        ends, p = _judged(delta, difference, chance, n)
        if n < FEW_PATIENTS:
            p = math.nan
        return Paired(delta, *ends, p, test="" if math.isnan(p) else BIASED_T)

    def _drawn(self, one: FeatureSets, resampling: Resampling) -> Array:
        """Return the distances in resamples as they are, ``[R]``; worked out once for a table."""

        def make() -> tuple[Any, Array]:
            # What the key identifies must live as long as the key.
            return one, bootstrap_draws(self.value, [one], resampling, REPLICATES)[0]

        return np.asarray(resampling.remember(("frechet", id(one)), make)[1])

    def _chance(self, one: FeatureSets, resampling: Resampling) -> float:
        """Return how large chance alone would make the distance; worked out once for a table."""

        def make() -> tuple[Any, float]:
            index, _ = patient_index(resampling.patients, len(resampling.patients))
            of_values, of_references = (
                np.repeat(index[one.answered], [len(vectors) for vectors in sets if vectors is not None])
                for sets in (one.value, one.reference)
            )
            return one, distance_by_chance(one.values, one.references, of_values, of_references, resampling.seed)

        return float(resampling.remember(("frechet by chance", id(one)), make)[1])


def _judged(value: float, drawn: Array, chance: float, patients: int) -> tuple[tuple[float, float], float]:
    """Return the ends of the interval, NaN and NaN below six patients, and the p-value of zero."""
    error, defined = standard_error(drawn), drawn[np.isfinite(drawn)]
    if patients < FEWEST_PATIENTS or not error > 0:
        return (math.nan, math.nan), math.nan
    ends, p, _ = hull((value, 2.0 * value - float(defined.mean()), value - chance), error, patients - 1.0)
    return ends, p


def _patients(evidence: FeatureSets, resampling: Resampling) -> int:
    return resampling.count(evidence.case[evidence.answered])


def _check_dimensions(evidence: FeatureSets) -> None:
    sets = [one for one in (*evidence.value, *evidence.reference) if one is not None]
    strange = [one for one in sets if one.ndim != 2]
    if strange:
        raise PluginError(f"features must be vectors [n,D] of a case, got shape {list(strange[0].shape)}")
    found = sorted({one.shape[1] for one in sets})
    if len(found) > 1:
        raise PluginError(f"features must all be of one dimension, got {found[0]} and {found[1]}")
