"""Built-in aggregations: the mean of per-case numbers, AP and AUROC of predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from radbench.stats.aggregations.bootstrap import deviation_of_draws
from radbench.stats.aggregations.clustered import mean_differences, mean_interval
from radbench.stats.aggregations.evidence import Numbers, Predictions
from radbench.stats.aggregations.protocol import Array, Paired
from radbench.stats.areas import auroc, auroc_difference
from radbench.stats.both import differences
from radbench.stats.curves import ap_auroc, ap_auroc_replicates
from radbench.stats.means import mean, mean_replicates
from radbench.stats.pooled import (
    pooled_auroc,
    pooled_auroc_difference,
    pooled_average_precision,
    pooled_average_precision_difference,
)
from radbench.stats.precision import average_precision, average_precision_difference
from radbench.stats.resampling import Resampling
from radbench.stats.seeds import Pooled

DELONG, BOOTSTRAP_T = "DeLong over patients", "t with the bootstrap's error"
"""The tests of differences of AUROC (clustered: Obuchowski 1997) and of AP."""


@dataclass(frozen=True)
class Mean:
    """The mean over cases, with patients as clusters (:func:`radbench.stats.both.clustered_mean`)."""

    takes: ClassVar[type] = Numbers
    undefined: ClassVar[str] = "the scores have no mean"

    def value(self, evidence: Numbers) -> float:
        """Return the correctly rounded mean."""
        return mean(evidence.values[evidence.answered])

    def draws(self, evidence: Sequence[Numbers], resampling: Resampling) -> Array:
        """Return the means in the resamples, ``[E,R]``."""
        table = np.stack([one.values for one in evidence])
        return mean_replicates(table, resampling.patients, resampling.replicates, resampling.seed)

    def numbers(self, evidence: Numbers, resampling: Resampling) -> tuple[Array, tuple[str, ...]]:
        """Return the cases' numbers and their patients."""
        return evidence.values, resampling.patients

    def deviation(self, evidence: Numbers, draws: Array) -> float:
        """Return the standard deviation over cases (n - 1)."""
        return deviation_of_cases(evidence.values[evidence.answered])

    def interval(self, evidence: Numbers, value: float, draws: Array, resampling: Resampling) -> tuple[float, float]:
        """Return the interval of the mean; of shares, that of Korn and Graubard."""
        return mean_interval(evidence.values, resampling.patients, resampling)

    def differences(
        self, evidence: Sequence[Numbers], pairs: Sequence[tuple[int, int]], draws: Array, resampling: Resampling
    ) -> list[Paired]:
        """Return the means of paired differences."""
        if not pairs:
            return []
        table = np.stack([differences(evidence[i].values, evidence[j].values) for i, j in pairs])
        return mean_differences(table, resampling.patients)


@dataclass(frozen=True)
class Curve:
    """AP or AUROC over all predictions, with intervals and tests that hold with few positives.

    Those of :mod:`radbench.stats.areas` (AUROC) and :mod:`radbench.stats.precision` (AP, whose error is the draws').

    Attributes:
        which: 0 for average precision, 1 for the area under the ROC curve.
    """

    which: int
    takes: ClassVar[type] = Predictions
    undefined: ClassVar[str] = "needs cases of both classes"

    def value(self, evidence: Predictions) -> float:
        """Return the score, NaN where only one class is there."""
        return ap_auroc(evidence.label, evidence.score)[self.which]

    def draws(self, evidence: Sequence[Predictions], resampling: Resampling) -> Array:
        """Return the scores in the resamples, ``[E,R]``."""
        truth, case = evidence[0].label, evidence[0].case
        table = np.stack([one.score for one in evidence])

        def both() -> tuple[Array, Array]:
            return ap_auroc_replicates(truth, table, resampling.of(case), resampling.replicates, resampling.seed)

        # AP and AUROC of the same predictions come from one pass.
        key = ("curves", case.tobytes(), truth.tobytes(), table.tobytes())
        return resampling.remember(key, both)[self.which]

    def deviation(self, evidence: Predictions, draws: Array) -> float:
        """Return the standard deviation over the draws."""
        return deviation_of_draws(draws)

    def interval(
        self, evidence: Predictions, value: float, draws: Array, resampling: Resampling
    ) -> tuple[float, float]:
        """Return the interval, NaN and NaN below three patients of either class."""
        score, patients = np.where(evidence.answered, evidence.score, np.nan), resampling.of(evidence.case)
        if self.which:
            found = auroc(evidence.label, score, patients)
        else:
            found = average_precision(evidence.label, score, patients, draws=draws)
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
        same = (ours.answered == theirs.answered).all()
        ours, theirs = ours.only(both), theirs.only(both)
        delta = self.value(ours) - self.value(theirs)
        if not math.isfinite(delta):
            return Paired()
        a, b = (np.where(both, one.score, np.nan) for one in (ours, theirs))
        patients = resampling.of(ours.case)
        if self.which:
            found, test = auroc_difference(ours.label, a, b, patients), DELONG
        else:
            first, second = draws if same else self.draws([ours, theirs], resampling)
            found = average_precision_difference(ours.label, a, b, patients, draws=first - second)
            test = BOOTSTRAP_T
        return Paired.of(found, test)

    def pooled(self, evidence: Sequence[Predictions], draws: Array, resampling: Resampling) -> Pooled:
        """Return the mean of several seeds, ``[S]`` with draws ``[S,R]``."""
        first, scores = evidence[0], _scores(evidence)
        patients = resampling.of(first.case)
        if self.which:
            return pooled_auroc(first.label, scores, patients)
        return pooled_average_precision(first.label, scores, patients, draws=draws)

    def pooled_difference(
        self,
        ours: Sequence[Predictions],
        theirs: Sequence[Predictions],
        draws: Array,
        their_draws: Array,
        resampling: Resampling,
    ) -> Pooled:
        """Return the mean difference of several seeds to as many others or to one, on the same answers."""
        first, a, b = ours[0], _scores(ours), _scores(theirs)
        if len(a) < len(b):
            # One against several: as if it were the same with each of these seeds.
            a = np.broadcast_to(a, b.shape)
        b = b[0] if len(b) == 1 else b
        patients = resampling.of(first.case)
        if self.which:
            return pooled_auroc_difference(first.label, a, b, patients)
        return pooled_average_precision_difference(first.label, a, b, patients, draws=draws - their_draws)


def _scores(evidence: Sequence[Predictions]) -> Array:
    return np.stack([np.where(one.answered, one.score, np.nan) for one in evidence])


def deviation_of_cases(values: NDArray[np.float64]) -> float:
    """Return the standard deviation (n - 1) of finite values, NaN with fewer than two."""
    return float(np.std(np.sort(values), ddof=1)) if len(values) > 1 else math.nan
