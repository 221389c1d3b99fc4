"""Reaching: how far a score can go, and intervals that end there.

A true mean lies where the metric's values can lie, and the difference of two such means no farther from zero than the
metric is wide. So what an interval says beyond that is empty: cut off, it covers the same, and leaves out zero exactly
when it did before.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from radbench.contracts import MetricSpec
from radbench.metrics.bounds import UNBOUNDED, bounds_of
from radbench.stats.aggregations import Aggregation, Facets, Numbers, OverFacets

Bounds = tuple[float, float]

_OF_AGGREGATIONS = {"ap": (0.0, 1.0), "auroc": (0.0, 1.0), "brier": (0.0, 1.0), "rate": (0.0, math.inf)}
"""Of built-in aggregations that are no means of a metric's numbers; the others of these say so themselves."""

_ROUNDING = 1e-9


def reached(metric: MetricSpec, how: Aggregation, evidence: Iterable[Any]) -> Bounds:
    """Return the least and the greatest value that a score can have.

    An aggregation says so itself (``bounds``); a mean has the bounds of its metric's name, unless some case's number
    lies outside: then the name is somebody else's.

    Args:
        metric: whose name and aggregation it goes by.
        how: the aggregation, or its mean over facets.
        evidence: of all enhancers.
    """
    of = how.of if isinstance(how, OverFacets) else how
    own: Bounds | None = getattr(of, "bounds", None)
    if own is not None:
        return own
    if metric.aggregation in _OF_AGGREGATIONS:
        return _OF_AGGREGATIONS[metric.aggregation]
    least, greatest = bounds_of(metric.name) if metric.aggregation == "mean" else UNBOUNDED
    slack = _ROUNDING * max((abs(end) for end in (least, greatest) if math.isfinite(end)), default=0.0)
    for values in _numbers(evidence):
        if values.size and not (least - slack <= values.min() and values.max() <= greatest + slack):
            return UNBOUNDED
    return least, greatest


def _numbers(evidence: Iterable[Any]) -> Iterable[Any]:
    """Yield the finite numbers of the cases, enhancer by enhancer and facet by facet."""
    for one in evidence:
        for part in one.parts.values() if isinstance(one, Facets) else (one,):
            if isinstance(part, Numbers):
                yield part.values[np.isfinite(part.values)]


def widest(bounds: Bounds) -> Bounds:
    """Return the bounds of a difference of two scores."""
    reach = bounds[1] - bounds[0]
    return -reach, reach


def within(value: float, ends: Bounds, bounds: Bounds) -> Bounds:
    """Return an interval's ends as far as bounds go, NaN as they are; they never pass the value itself."""
    low, high = ends
    # Comparisons with NaN are false: what is not there stays so.
    low = min(bounds[0], value) if low < bounds[0] else low
    high = max(bounds[1], value) if high > bounds[1] else high
    return low, high


def beyond(detectable: float, bounds: Bounds, metric: str) -> str:
    """Say that two scores cannot differ by what would be detected; "" where they can."""
    reach = widest(bounds)[1]
    return f"it could show no difference that {metric} can have, at most {reach:g}" if detectable > reach else ""


def attainable(detectable: float, bounds: Bounds) -> float:
    """Return a detectable difference, NaN where two scores cannot differ so much."""
    return math.nan if detectable > widest(bounds)[1] else detectable
