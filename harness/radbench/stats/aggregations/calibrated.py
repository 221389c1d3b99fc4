"""Calibrated: Brier score and expected calibration error, of predictions that are probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from radbench.stats.aggregations.averages import Average
from radbench.stats.aggregations.biased import recentred
from radbench.stats.aggregations.bootstrap import deviation_of_draws
from radbench.stats.aggregations.evidence import Predictions
from radbench.stats.aggregations.places import check_probabilities, stated_labels
from radbench.stats.aggregations.protocol import Array, Paired
from radbench.stats.calibration import (
    calibration_difference,
    calibration_error,
    calibration_replicates,
    expected_calibration_error,
)
from radbench.stats.resampling import Resampling

UNKNOWN = "no case has a prediction"

HULL_OF_THREE = "t with the bootstrap's error, bias allowed for"
"""The test of a difference of calibration errors (:func:`radbench.stats.calibration.calibration_difference`)."""


def brier() -> Average:
    """Return the Brier score, the mean over places of ``(score - label)^2``."""
    return Average(Predictions, UNKNOWN, squared_errors)


def squared_errors(evidence: Predictions) -> Array:
    """Return ``(score - label)^2`` of each place, float64 ``[M]``.

    Raises:
        PluginError: a score is no probability.
    """
    check_probabilities(evidence, "the Brier score")
    return np.asarray((evidence.score - evidence.label) ** 2)


@dataclass(frozen=True)
class CalibrationError:
    """The expected calibration error, with intervals and tests that its bias does not spoil.

    Those of :mod:`radbench.stats.calibration`. The draws are re-centred on the value, so that what chance adds is not
    counted twice; their scatter is that of the resamples.

    Attributes:
        bins: how many.
    """

    bins: int = 15
    takes: ClassVar[type] = Predictions
    undefined: ClassVar[str] = UNKNOWN
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def value(self, evidence: Predictions) -> float:
        """Return the error."""
        check_probabilities(evidence, "the calibration error")
        if not evidence.answered.any():
            return math.nan
        return expected_calibration_error(stated_labels(evidence), evidence.score, self.bins)

    def draws(self, evidence: Sequence[Predictions], resampling: Resampling) -> Array:
        """Return the errors in the resamples, re-centred on the values, ``[E,R]``."""
        values = [self.value(one) for one in evidence]
        table, patients = np.stack([one.score for one in evidence]), resampling.of(evidence[0].case)
        drawn = calibration_replicates(
            stated_labels(*evidence), table, patients, self.bins, resampling.replicates, resampling.seed
        )
        return recentred(values, drawn)

    def deviation(self, evidence: Predictions, draws: Array) -> float:
        """Return the standard deviation over the draws."""
        return deviation_of_draws(draws)

    def interval(
        self, evidence: Predictions, value: float, draws: Array, resampling: Resampling
    ) -> tuple[float, float]:
        """Return the interval, NaN and NaN below six patients."""
        found = calibration_error(stated_labels(evidence), evidence.score, resampling.of(evidence.case), self.bins)
        return found.low, found.high

    def differences(
        self, evidence: Sequence[Predictions], pairs: Sequence[tuple[int, int]], draws: Array, resampling: Resampling
    ) -> list[Paired]:
        """Return the differences of the errors on what both answered; no p below twelve patients."""
        return [self._paired(evidence[i], evidence[j], resampling) for i, j in pairs]

    def _paired(self, ours: Predictions, theirs: Predictions, resampling: Resampling) -> Paired:
        if not (ours.answered & theirs.answered).any():
            return Paired()
        patients = resampling.of(ours.case)
        found = calibration_difference(stated_labels(ours), ours.score, theirs.score, patients, self.bins)
        return Paired.of(found, HULL_OF_THREE)
