"""Averages: scores that are the mean of one number per case or place, with patients as clusters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from radbench.stats.aggregations.built_in import deviation_of_cases
from radbench.stats.aggregations.clustered import mean_differences, mean_interval
from radbench.stats.aggregations.protocol import Array, Paired
from radbench.stats.both import differences
from radbench.stats.means import mean, mean_replicates
from radbench.stats.resampling import Resampling


@dataclass(frozen=True)
class Average:
    """The mean of numbers that evidence gives, by the rule of means (:func:`radbench.stats.both.clustered_mean`).

    Attributes:
        takes: the kind of evidence.
        undefined: why there may be no value.
        of: the numbers, float64 ``[M]``, NaN where there is no answer.
        ends: the interval of their mean, from the numbers and their patients; None for that of any mean.
    """

    takes: type
    undefined: str
    of: Callable[[Any], Array]
    ends: Callable[[Array, tuple[str, ...]], tuple[float, float]] | None = None

    def numbers(self, evidence: Any, resampling: Resampling) -> tuple[Array, tuple[str, ...]]:
        """Return the numbers whose mean is the value, float64 ``[M]``, and their patients, ``[M]``."""
        return self.of(evidence), resampling.of(evidence.case)

    def value(self, evidence: Any) -> float:
        """Return the correctly rounded mean."""
        numbers = self.of(evidence)
        return mean(numbers[np.isfinite(numbers)])

    def draws(self, evidence: Sequence[Any], resampling: Resampling) -> Array:
        """Return the means in the resamples, ``[E,R]``."""
        table, patients = np.stack([self.of(one) for one in evidence]), resampling.of(evidence[0].case)
        return mean_replicates(table, patients, resampling.replicates, resampling.seed)

    def deviation(self, evidence: Any, draws: Array) -> float:
        """Return the standard deviation over the numbers (n - 1)."""
        numbers = self.of(evidence)
        return deviation_of_cases(numbers[np.isfinite(numbers)])

    def interval(self, evidence: Any, value: float, draws: Array, resampling: Resampling) -> tuple[float, float]:
        """Return the interval of the mean."""
        numbers, patients = self.numbers(evidence, resampling)
        return mean_interval(numbers, patients, resampling) if self.ends is None else self.ends(numbers, patients)

    def differences(
        self, evidence: Sequence[Any], pairs: Sequence[tuple[int, int]], draws: Array, resampling: Resampling
    ) -> list[Paired]:
        """Return the means of paired differences."""
        if not pairs:
            return []
        table = np.stack([differences(self.of(evidence[i]), self.of(evidence[j])) for i, j in pairs])
        return mean_differences(table, resampling.of(evidence[0].case))
