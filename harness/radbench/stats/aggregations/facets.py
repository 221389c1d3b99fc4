"""Mean over facets: a score of the whole from the scores of its facets, on the same resampled patients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radbench.stats.aggregations.averages import Average
from radbench.stats.aggregations.bootstrap import deviation_of_draws, interval_around
from radbench.stats.aggregations.built_in import BOOTSTRAP_T, Curve, Mean, deviation_of_cases
from radbench.stats.aggregations.clustered import facet_means, mean_differences, mean_interval
from radbench.stats.aggregations.evidence import Evidence
from radbench.stats.aggregations.protocol import Aggregation, Array, Paired
from radbench.stats.both import differences
from radbench.stats.intervals import centred_p_value
from radbench.stats.over_facets import (
    FacetClasses,
    mean_over_facets,
    mean_over_facets_difference,
    pooled_mean_over_facets,
    pooled_mean_over_facets_difference,
)
from radbench.stats.resampling import Resampling
from radbench.stats.seeds import Pooled


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
        self._draw(evidence, resampling)
        drawn = [self._drawn(one, [*one.parts], resampling) for one in evidence]
        replicates = max((rows.shape[1] for rows in drawn if len(rows)), default=0)
        return np.stack([rows.mean(axis=0) if len(rows) else np.full(replicates, np.nan) for rows in drawn])

    def _draw(self, evidence: Sequence[Facets], resampling: Resampling) -> None:
        """Work out the facets' draws of several at once, which is faster; they are remembered."""
        missing = [one for one in evidence if not resampling.remembers(self._key(one))]
        found: list[dict[str, Array]] = [{} for _ in missing]
        for facet in dict.fromkeys(facet for one in missing for facet in one.parts):
            having = [k for k, one in enumerate(missing) if facet in one.parts]
            drawn = self.of.draws([missing[k].parts[facet] for k in having], resampling)
            for k, row in zip(having, drawn, strict=True):
                found[k][facet] = row
        for one, rows in zip(missing, found, strict=True):
            # What the key identifies must live as long as the key.
            resampling.remember(self._key(one), partial(tuple, (self.of, one, rows)))

    def _key(self, evidence: Facets) -> tuple[str, int, int]:
        return "facets", id(self.of), id(evidence)

    def _drawn(self, evidence: Facets, facets: Sequence[str], resampling: Resampling) -> Array:
        """Return the draws of some facets, ``[F,R]``."""
        self._draw([evidence], resampling)
        rows = resampling.remember(self._key(evidence), dict)[2]
        return np.stack([rows[facet] for facet in facets]) if facets else np.empty((0, 0))

    def numbers(self, evidence: Facets, resampling: Resampling) -> tuple[Array, tuple[str, ...]] | None:
        """Return numbers of the cases whose mean is the score, and their patients; None where it is no mean."""
        numbers = self._numbers(evidence)
        return None if numbers is None else (facet_means(numbers), resampling.patients)

    def _numbers(self, evidence: Facets) -> Array | None:
        """Return the facets' numbers, ``[F,N]``, None where their scores are no means of one number a case."""
        parts = [*evidence.parts.values()]
        of = self.of.of if isinstance(self.of, Average) else _values if isinstance(self.of, Mean) else None
        return np.stack([of(part) for part in parts]) if of and parts and all(map(_one_a_case, parts)) else None

    def deviation(self, evidence: Facets, draws: Array) -> float:
        """Return the standard deviation over cases where numbers are averaged, else over the draws."""
        numbers = self._numbers(evidence)
        if numbers is None:
            return deviation_of_draws(draws)
        means = _means(numbers)
        return deviation_of_cases(means[np.isfinite(means)])

    def interval(self, evidence: Facets, value: float, draws: Array, resampling: Resampling) -> tuple[float, float]:
        """Return the interval of the mean of cases' numbers, or of AP and AUROC; else the percentiles of the draws."""
        numbers = self._numbers(evidence)
        if numbers is not None:
            return mean_interval(facet_means(numbers), resampling.patients, resampling)
        if isinstance(self.of, Curve):
            drawn = self._drawn(evidence, [*evidence.parts], resampling)
            found = mean_over_facets(self._values(evidence, [*evidence.parts]), drawn, _classes([evidence], resampling))
            return found.low, found.high
        return interval_around(value, draws, resampling.count(evidence.case[evidence.answered]))

    def differences(
        self, evidence: Sequence[Facets], pairs: Sequence[tuple[int, int]], draws: Array, resampling: Resampling
    ) -> list[Paired]:
        """Return the differences over the facets that both have."""
        return [self._paired(evidence, i, j, resampling) for i, j in pairs]

    def _paired(self, evidence: Sequence[Facets], i: int, j: int, resampling: Resampling) -> Paired:
        ours, theirs, deltas, same = self._common(evidence[i], evidence[j])
        if not deltas:
            return Paired()
        delta = math.fsum(deltas.values()) / len(deltas)
        numbers, others = self._numbers(ours), self._numbers(theirs)
        if numbers is not None and others is not None:
            return mean_differences(facet_means(differences(numbers, others))[None], resampling.patients, [delta])[0]
        drawn: list[Array] = []
        for facet in deltas:
            if facet in same:
                first, second = (self._drawn(evidence[at], [facet], resampling)[0] for at in (i, j))
            else:
                first, second = self.of.draws([ours.parts[facet], theirs.parts[facet]], resampling)
            drawn.append(first - second)
        if isinstance(self.of, Curve):
            classes = _classes([ours, theirs], resampling)
            return Paired.of(mean_over_facets_difference([*deltas.values()], np.stack(drawn), classes), BOOTSTRAP_T)
        difference = np.mean(drawn, axis=0)
        n_patients = resampling.count(ours.case[ours.answered])
        p = centred_p_value(delta, difference) if n_patients > 1 else math.nan
        test = "" if math.isnan(p) else "paired bootstrap"
        return Paired(delta, *interval_around(delta, difference, n_patients), p_value=p, test=test)

    def pooled(self, evidence: Sequence[Facets], draws: Array, resampling: Resampling) -> Pooled | None:
        """Return the mean of several seeds of AP or AUROC, which have values in the same facets; None of others."""
        if not isinstance(self.of, Curve):
            return None
        facets = [*evidence[0].parts]
        values = [self._values(one, facets) for one in evidence]
        drawn = np.stack([self._drawn(one, facets, resampling) for one in evidence])
        return pooled_mean_over_facets(values, drawn, _classes(evidence, resampling))

    def pooled_difference(
        self,
        ours: Sequence[Facets],
        theirs: Sequence[Facets],
        draws: Array,
        their_draws: Array,
        resampling: Resampling,
    ) -> Pooled | None:
        """Return the mean difference of several seeds to as many others or to one, on the same answers."""
        if not isinstance(self.of, Curve):
            return None
        n_seeds = max(len(ours), len(theirs))
        pairs = [(ours[min(k, len(ours) - 1)], theirs[min(k, len(theirs) - 1)]) for k in range(n_seeds)]
        facets = [*ours[0].parts]
        values = [np.subtract(self._values(a, facets), self._values(b, facets)) for a, b in pairs]
        drawn = [self._drawn(a, facets, resampling) - self._drawn(b, facets, resampling) for a, b in pairs]
        return pooled_mean_over_facets_difference(values, np.stack(drawn), _classes([*ours, *theirs], resampling))

    def _values(self, evidence: Facets, facets: Sequence[str]) -> list[float]:
        return [self.of.value(evidence.parts[facet]) for facet in facets]

    def _common(self, ours: Facets, theirs: Facets) -> tuple[Facets, Facets, dict[str, float], set[str]]:
        """Return both on what both answered, the facets' differences, and in which they answered the same."""
        mine: dict[str, Any] = {}
        other: dict[str, Any] = {}
        deltas: dict[str, float] = {}
        same = set()
        for facet in (name for name in ours.parts if name in theirs.parts):
            a, b = ours.parts[facet], theirs.parts[facet]
            both = a.answered & b.answered
            if not both.any():
                continue
            if bool((a.answered == b.answered).all()):
                same.add(facet)
            a, b = a.only(both), b.only(both)
            delta = self.of.value(a) - self.of.value(b)
            if math.isfinite(delta):
                mine[facet], other[facet], deltas[facet] = a, b, delta
        return Facets(mine), Facets(other), deltas, same


def _means(numbers: Array) -> Array:
    """Return each case's mean over the facets that it has an answer for, ``[N]``."""
    known = np.isfinite(numbers)
    with np.errstate(invalid="ignore"):
        return np.where(known, numbers, 0.0).sum(axis=0) / np.where(known.any(axis=0), known.sum(axis=0), np.nan)


def _values(part: Any) -> Array:
    return np.asarray(part.values)


def _one_a_case(part: Evidence) -> bool:
    """Tell whether evidence has one place for each of its cases."""
    return bool((part.case == np.arange(len(part.case))).all())


def _classes(evidence: Sequence[Facets], resampling: Resampling) -> FacetClasses:
    """Return who is positive and negative in each facet, where all have an answer."""
    first = evidence[0].parts
    labels = []
    for facet, part in first.items():
        known = np.all([one.parts[facet].answered for one in evidence], axis=0)
        labels.append(np.where(known, part.label, np.nan))  # type: ignore[union-attr]
    return FacetClasses.of(labels, [resampling.of(part.case) for part in first.values()])
