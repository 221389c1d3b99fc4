"""Operating points: sensitivity at a given specificity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from radbench.stats.aggregations.bootstrap import deviation_of_draws
from radbench.stats.aggregations.built_in import BOOTSTRAP_T
from radbench.stats.aggregations.evidence import Predictions
from radbench.stats.aggregations.places import stated_labels
from radbench.stats.aggregations.protocol import Array, Paired
from radbench.stats.resampling import Resampling
from radbench.stats.thresholds import (
    sensitivity,
    sensitivity_at_specificity,
    sensitivity_difference,
    sensitivity_replicates,
)


@dataclass(frozen=True)
class Sensitivity:
    """The sensitivity at the lowest threshold of at least a given specificity (:mod:`radbench.stats.thresholds`).

    Attributes:
        specificity: in (0, 1).
    """

    specificity: float = 0.9
    takes: ClassVar[type] = Predictions
    undefined: ClassVar[str] = "needs cases of both classes"
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def value(self, evidence: Predictions) -> float:
        """Return the score, NaN where only one class is there."""
        if not evidence.answered.any():
            return math.nan
        return sensitivity_at_specificity(stated_labels(evidence), evidence.score, self.specificity)

    def draws(self, evidence: Sequence[Predictions], resampling: Resampling) -> Array:
        """Return the scores in the resamples, each with a threshold of its own, ``[E,R]``."""
        table, patients = np.stack([one.score for one in evidence]), resampling.of(evidence[0].case)
        labels, replicates, seed = stated_labels(*evidence), resampling.replicates, resampling.seed
        return sensitivity_replicates(labels, table, patients, self.specificity, replicates, seed)

    def deviation(self, evidence: Predictions, draws: Array) -> float:
        """Return the standard deviation over the draws."""
        return deviation_of_draws(draws)

    def interval(
        self, evidence: Predictions, value: float, draws: Array, resampling: Resampling
    ) -> tuple[float, float]:
        """Return the interval, NaN and NaN below three patients of either class or with too few negatives."""
        patients = resampling.of(evidence.case)
        found = sensitivity(stated_labels(evidence), evidence.score, patients, self.specificity, draws=draws)
        return found.low, found.high

    def differences(
        self, evidence: Sequence[Predictions], pairs: Sequence[tuple[int, int]], draws: Array, resampling: Resampling
    ) -> list[Paired]:
        """Return the differences of the scores on what both answered; no p below ten patients of the rarer class."""
        return [self._paired(evidence[i], evidence[j], draws[[i, j]], resampling) for i, j in pairs]

    def _paired(self, ours: Predictions, theirs: Predictions, draws: Array, resampling: Resampling) -> Paired:
        both = ours.answered & theirs.answered
        if not both.any():
            return Paired()
        same = bool((ours.answered == theirs.answered).all())
        ours, theirs = ours.only(both), theirs.only(both)
        first, second = draws if same else self.draws([ours, theirs], resampling)
        found = sensitivity_difference(
            stated_labels(ours),
            ours.score,
            theirs.score,
            resampling.of(ours.case),
            self.specificity,
            draws=first - second,
        )
        if not math.isfinite(found.value):
            return Paired()
        return Paired.of(found, BOOTSTRAP_T)
