"""Series: the number of each case under a metric, and how it differs from that of the reference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from radbench.contracts import MetricSpec
from radbench.contracts.evidence import Prediction
from radbench.leaderboard.pairs import PairResult

ByCase = dict[str, float]
"""Numbers by case."""


def metric_named(pairs: Sequence[PairResult], name: str) -> MetricSpec | None:
    """Return a metric of the pairs by its name, None where no pair has it."""
    return next((m for pair in pairs for m in pair.metrics if m.name == name), None)


def by_enhancer(pairs: Sequence[PairResult], metric: MetricSpec, facet: str = "") -> dict[str, ByCase]:
    """Return by enhancer the number of each case: over facets their mean, over seeds the mean of what all gave.

    Only numbers are meant: of predictions and of features, a single case has no score.

    Args:
        pairs: of a set.
        metric: that is meant.
        facet: the one that is meant; "" for the whole.
    """
    found: dict[str, list[ByCase]] = {}
    for pair in pairs:
        numbers = {case: _number(evidence.get(metric.observation), facet) for case, evidence in pair.evidence.items()}
        known = {case: number for case, number in numbers.items() if math.isfinite(number)}
        if known:
            found.setdefault(pair.enhancer, []).append(known)
    return {enhancer: _meant(seeds) for enhancer, seeds in found.items()}


def squared_errors(pairs: Sequence[PairResult], metric: MetricSpec) -> dict[str, ByCase]:
    """Return by enhancer how far each case's predictions lay from the truth, squared; over facets, places and seeds the
    mean. It says which cases were told well where the metric is of the whole set alone."""
    found: dict[str, list[ByCase]] = {}
    for pair in pairs:
        errors = {case: _error(evidence.get(metric.observation)) for case, evidence in pair.evidence.items()}
        known = {case: error for case, error in errors.items() if math.isfinite(error)}
        if known:
            found.setdefault(pair.enhancer, []).append(known)
    return {enhancer: _meant(seeds) for enhancer, seeds in found.items()}


def differences(mine: Mapping[str, float], reference: Mapping[str, float]) -> ByCase:
    """Return mine minus the reference's, of the cases that both have."""
    return {case: value - reference[case] for case, value in mine.items() if case in reference}


def _meant(seeds: Sequence[ByCase]) -> ByCase:
    shared = set.intersection(*(set(one) for one in seeds))
    return {case: math.fsum(one[case] for one in seeds) / len(seeds) for case in seeds[0] if case in shared}


def _number(found: Any, facet: str = "") -> float:
    if facet:
        found = found.get(facet) if isinstance(found, Mapping) else None
    if isinstance(found, Mapping):
        if "" in found:
            return _number(found[""])
        parts = [_number(one) for one in found.values()]
        known = [part for part in parts if math.isfinite(part)]
        return math.fsum(known) / len(known) if known else math.nan
    return found if isinstance(found, float) else math.nan


def _error(found: Any) -> float:
    if isinstance(found, Mapping):
        parts = [_error(one) for one in found.values()]
    elif isinstance(found, Prediction):
        labels = found.label if isinstance(found.label, Sequence) else [found.label]
        scores = found.score if isinstance(found.score, Sequence) else [found.score]
        parts = [(float(a) - float(b)) ** 2 for a, b in zip(labels, scores, strict=True)]
    else:
        return math.nan
    known = [part for part in parts if math.isfinite(part)]
    return math.fsum(known) / len(known) if known else math.nan
