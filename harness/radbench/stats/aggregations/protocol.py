"""Protocol: what an aggregation offers, and what it says of a paired difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from radbench.stats.both import Estimate
from radbench.stats.power import detectable_difference
from radbench.stats.resampling import Resampling

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Paired:
    """A paired difference; every number NaN where there is none.

    Attributes:
        delta: ours minus theirs, on the cases that both answered.
        low, high: its 95 % interval.
        p_value: two-sided.
        p_wilcoxon: of the Wilcoxon signed-rank test over patients, where the score is a mean of numbers.
        test: the name of the test that ``p_value`` is of; "" where there is none.
        effect_size: delta in standard deviations of the cases' differences, where the score is a mean of numbers.
        effect_low, effect_high: its interval.
        detectable: the smallest difference that these data would show with a probability of 80 %.
        p_sign_flip: of the sign-flip test over patients, where the score is a mean of numbers.
        variances: of a difference over several seeds: the parts of its variance that patients, seeds and their
            interaction account for.
        estimate: what interval and p-value were read off, where there is such a rule.
    """

    delta: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p_value: float = math.nan
    p_wilcoxon: float = math.nan
    test: str = ""
    effect_size: float = math.nan
    effect_low: float = math.nan
    effect_high: float = math.nan
    detectable: float = math.nan
    p_sign_flip: float = math.nan
    variances: tuple[float, float, float] = (math.nan, math.nan, math.nan)
    estimate: Estimate | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        estimate: Estimate,
        test: str,
        variances: tuple[float, float, float] = (math.nan, math.nan, math.nan),
    ) -> Paired:
        """Return what an estimate of a difference says.

        Args:
            estimate: of the difference.
            test: the name of its test.
            variances: of several seeds, the parts of its variance.
        """
        return cls(
            estimate.value,
            estimate.low,
            estimate.high,
            estimate.p_value,
            test="" if math.isnan(estimate.p_value) else test,
            detectable=detectable_difference(estimate),
            variances=variances,
            estimate=estimate,
        )


class Aggregation(Protocol):
    """How a metric comes from evidence.

    Evidence is :class:`~radbench.stats.aggregations.Numbers`, :class:`~radbench.stats.aggregations.Predictions` or
    :class:`~radbench.stats.aggregations.FeatureSets`, as the task observed; all that is compared has the same cases.
    ``resampling`` is over these cases, and one object for all enhancers and metrics of a table. Intervals and tests
    get the evidence itself too: they need be no function of the draws.

    A task's own aggregation ("package.module:attribute") is a function ``value(evidence, **parameters)``, or a class
    built with the parameters. It must offer ``value``; what else it leaves out is bootstrapped
    (:mod:`radbench.stats.aggregations.bootstrap`), with ``replicates`` resamples where it has that attribute.

    ``bounds``, where it has that attribute, are the least and the greatest value that the score can have: intervals end
    there.

    One whose score is a mean of numbers says so by ``numbers(evidence, resampling)``: float64 ``[M]``, NaN where there
    is no answer, and the patient of each. Then all that follows of means is done with them, and it needs no draws.
    """

    @property
    def takes(self) -> type | None:
        """The kind of evidence, or None for any."""
        ...

    @property
    def undefined(self) -> str:
        """Why :meth:`value` may be NaN, in a sentence."""
        ...

    def value(self, evidence: Any) -> float:
        """Return the score, NaN where it is undefined."""
        ...

    def draws(self, evidence: Sequence[Any], resampling: Resampling) -> Array:
        """Return float64 ``[E,R]``, the score of E enhancers in R resamples, NaN where it is undefined.

        R may be less than ``resampling.replicates``.
        """
        ...

    def deviation(self, evidence: Any, draws: Array) -> float:
        """Return the standard deviation that is printed beside the value."""
        ...

    def interval(self, evidence: Any, value: float, draws: Array, resampling: Resampling) -> tuple[float, float]:
        """Return the ends of the 95 % interval of a finite value, NaN and NaN where there is none."""
        ...

    def differences(
        self, evidence: Sequence[Any], pairs: Sequence[tuple[int, int]], draws: Array, resampling: Resampling
    ) -> list[Paired]:
        """Return the paired differences between enhancers.

        Args:
            evidence: of E enhancers.
            pairs: which to compare: (ours, theirs), each with a value.
            draws: ``[E,R]``, what :meth:`draws` gave for ``evidence``.
            resampling: as there.
        """
        ...
