"""Mean over facets: a score of the whole from the scores of its facets, on the same resampled patients."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radbench.stats.aggregations.bootstrap import deviation_of_draws, interval_around
from radbench.stats.aggregations.built_in import deviation_of_cases
from radbench.stats.aggregations.clustered import facet_means, mean_differences, mean_interval
from radbench.stats.aggregations.evidence import Evidence, Numbers
from radbench.stats.aggregations.protocol import Aggregation, Array, Paired
from radbench.stats.intervals import centred_p_value
from radbench.stats.resampling import Resampling


@dataclass(frozen=True)
class Facets:
    """The evidence of one enhancer for the facets in which it has a value.

    Attributes:
        parts: by facet, all over the same cases.
    """

    parts: dict[str, Evidence]

    @property
    def case(self) -> NDArray[np.intp]:
        """The case of each answer, facet by facet."""
        return np.concatenate([part.case for part in self.parts.values()] or [np.zeros(0, dtype=np.intp)])

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Bool, beside :attr:`case`: where there is an answer."""
        return np.concatenate([part.answered for part in self.parts.values()] or [np.zeros(0, dtype=bool)])


@dataclass(frozen=True)
class OverFacets:
    """The mean of a score over facets.

    A draw is the mean of the facets' draws in the same resample, undefined where any of them is. Differences are over
    the facets that both have, the mean of the facets' differences. Where the scores are means of numbers, the standard
    deviation is that of the cases' means over their facets, and interval and test are those of a mean of numbers
    (:func:`radbench.stats.aggregations.clustered.facet_means`).

    Attributes:
        of: the aggregation of one facet.
    """

    of: Aggregation

    @property
    def takes(self) -> type | None:
        """The kind of evidence of each facet."""
        return self.of.takes

    @property
    def undefined(self) -> str:
        """Why there may be no value."""
        return self.of.undefined

    def value(self, evidence: Facets) -> float:
        """Return the mean of the facets' values."""
        if not evidence.parts:
            return math.nan
        return math.fsum(self.of.value(part) for part in evidence.parts.values()) / len(evidence.parts)

    def draws(self, evidence: Sequence[Facets], resampling: Resampling) -> Array:
        """Return the mean of the facets' draws, ``[E,R]``."""
        by_facet = self._by_facet(evidence, resampling)
        replicates = max((len(row) for rows in by_facet.values() for row in rows.values()), default=0)
        drawn = [[rows[e] for rows in by_facet.values() if e in rows] for e in range(len(evidence))]
        return np.stack([np.mean(rows, axis=0) if rows else np.full(replicates, np.nan) for rows in drawn])

    def _by_facet(self, evidence: Sequence[Facets], resampling: Resampling) -> dict[str, dict[int, Array]]:
        """Return by facet and number of the enhancer the draws ``[R]``; worked out once for a table."""

        def make() -> tuple[Any, dict[str, dict[int, Array]]]:
            found = {}
            for facet in dict.fromkeys(facet for one in evidence for facet in one.parts):
                having = [e for e, one in enumerate(evidence) if facet in one.parts]
                drawn = self.of.draws([evidence[e].parts[facet] for e in having], resampling)
                found[facet] = dict(zip(having, drawn, strict=True))
            # What the key identifies must live as long as the key.
            return (self.of, tuple(evidence)), found

        return resampling.remember(("facets", id(self.of), *map(id, evidence)), make)[1]

    def deviation(self, evidence: Facets, draws: Array) -> float:
        """Return the standard deviation over cases where numbers are averaged, else over the draws."""
        numbers = _numbers(evidence)
        if numbers is None:
            return deviation_of_draws(draws)
        means = _means(numbers)
        return deviation_of_cases(means[np.isfinite(means)])

    def interval(self, evidence: Facets, value: float, draws: Array, resampling: Resampling) -> tuple[float, float]:
        """Return the interval of the mean of cases' numbers; else the expanded percentile interval of the draws."""
        numbers = _numbers(evidence)
        if numbers is not None:
            return mean_interval(facet_means(numbers), resampling)
        return interval_around(value, draws, resampling.count(evidence.case[evidence.answered]))

    def differences(
        self, evidence: Sequence[Facets], pairs: Sequence[tuple[int, int]], draws: Array, resampling: Resampling
    ) -> list[Paired]:
        """Return the differences over the facets that both have."""
        by_facet = self._by_facet(evidence, resampling)

        def drawn(facet: str, i: int, j: int) -> tuple[Array, Array]:
            return by_facet[facet][i], by_facet[facet][j]

        return [self._paired(evidence[i], evidence[j], partial(drawn, i=i, j=j), resampling) for i, j in pairs]

    def _paired(
        self, ours: Facets, theirs: Facets, drawn: Callable[[str], tuple[Array, Array]], resampling: Resampling
    ) -> Paired:
        mine, other, deltas, draws = {}, {}, [], []
        for facet in (name for name in ours.parts if name in theirs.parts):
            a, b = ours.parts[facet], theirs.parts[facet]
            both = a.answered & b.answered
            if not both.any():
                continue
            same = bool((a.answered == b.answered).all())
            a, b = a.only(both), b.only(both)
            delta = self.of.value(a) - self.of.value(b)
            if math.isfinite(delta):
                mine[facet], other[facet] = a, b
                deltas.append(delta)
                first, second = drawn(facet) if same else self.of.draws([a, b], resampling)
                draws.append(first - second)
        if not deltas:
            return Paired()
        delta, difference = math.fsum(deltas) / len(deltas), np.mean(draws, axis=0)
        common = Facets(mine)
        n_patients = resampling.count(common.case[common.answered])
        ends = interval_around(delta, difference, n_patients)
        numbers, others = _numbers(common), _numbers(Facets(other))
        if numbers is None or others is None:
            p = centred_p_value(delta, difference) if n_patients > 1 else math.nan
            return Paired(delta, *ends, p_value=p, test="" if math.isnan(p) else "paired bootstrap")
        (paired,) = mean_differences(facet_means(numbers - others)[None], resampling, [delta])
        return paired


def _numbers(evidence: Facets) -> Array | None:
    """Return the facets' numbers, ``[F,N]``, None where they are of another kind."""
    parts = [part.values for part in evidence.parts.values() if isinstance(part, Numbers)]
    return np.stack(parts) if parts and len(parts) == len(evidence.parts) else None


def _means(numbers: Array) -> Array:
    """Return each case's mean over the facets that it has an answer for, ``[N]``."""
    known = np.isfinite(numbers)
    with np.errstate(invalid="ignore"):
        return np.where(known, numbers, 0.0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan)
