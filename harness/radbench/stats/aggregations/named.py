"""Named aggregations: built-in ones, and a task's own by import string, completed with the bootstrap."""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from radbench.contracts.errors import PluginError
from radbench.stats.aggregations.bootstrap import (
    bootstrap_differences,
    bootstrap_draws,
    deviation_of_draws,
    interval_around,
)
from radbench.stats.aggregations.definitions import definition
from radbench.stats.aggregations.protocol import Aggregation, Array, Paired
from radbench.stats.resampling import Resampling


def aggregation(name: str, parameters: Sequence[tuple[str, float]] = ()) -> Aggregation:
    """Return the aggregation that a metric names.

    Args:
        name: a built-in one (:data:`radbench.stats.aggregations.AGGREGATIONS`), or "package.module:attribute": a
            function ``value(evidence, **parameters)`` or a class that is built with the parameters
            (:class:`radbench.stats.aggregations.Aggregation`).
        parameters: (name, value).

    Raises:
        PluginError: there is none of that name, it cannot be imported, it refuses its parameters, or it offers no
            ``value``.
    """
    module, colon, attribute = name.partition(":")
    if not colon:
        return definition(name).built(parameters)
    try:
        found = getattr(importlib.import_module(module), attribute)
        if inspect.isclass(found):
            return _Own(name, found(**dict(parameters)))
        inspect.signature(found).bind(None, **dict(parameters))
    except (Exception, SystemExit) as e:
        raise PluginError(f"aggregation '{name}' cannot be had: {type(e).__name__}: {' '.join(str(e).split())}") from e
    return _Own(name, _Function(partial(found, **dict(parameters))))


UNBOUNDED = (-math.inf, math.inf)


def _checked_bounds(name: str, given: Any) -> tuple[float, float]:
    try:
        least, greatest = map(float, given)
    except (TypeError, ValueError):
        least, greatest = math.nan, math.nan
    if not least < greatest:
        raise PluginError(f"aggregation '{name}': bounds must be the least and the greatest value, got {given!r}")
    return least, greatest


class _Function:
    """A plain function as an aggregation."""

    def __init__(self, value: Callable[[Any], float]) -> None:
        self.value = value


class _Own:
    """A task's own aggregation: what it leaves out is bootstrapped, what it gives is checked."""

    def __init__(self, name: str, own: Any) -> None:
        if not callable(getattr(own, "value", None)):
            raise PluginError(f"aggregation '{name}' offers no value(evidence)")
        self.name, self.own = name, own
        self.takes: type | None = getattr(own, "takes", None)
        self.undefined: str = getattr(own, "undefined", f"aggregation '{name}' gives no number")
        self.bounds: tuple[float, float] = _checked_bounds(name, getattr(own, "bounds", UNBOUNDED))

    def value(self, evidence: Any) -> float:
        value = self.own.value(evidence)
        try:
            return float(value)
        except (TypeError, ValueError) as e:
            raise PluginError(f"aggregation '{self.name}' must give a number, got {type(value).__name__}") from e

    def draws(self, evidence: Sequence[Any], resampling: Resampling) -> Array:
        if not hasattr(self.own, "draws"):
            return bootstrap_draws(self.value, evidence, resampling, getattr(self.own, "replicates", None))
        draws = np.asarray(self.own.draws(evidence, resampling), dtype=np.float64)
        if draws.ndim != 2 or len(draws) != len(evidence):
            raise PluginError(
                f"aggregation '{self.name}' must give draws [{len(evidence)},R], got shape {list(draws.shape)}"
            )
        return draws

    def deviation(self, evidence: Any, draws: Array) -> float:
        if not hasattr(self.own, "deviation"):
            return deviation_of_draws(draws)
        deviation = float(self.own.deviation(evidence, draws))
        if deviation < 0 or math.isinf(deviation):
            raise PluginError(f"aggregation '{self.name}' gave the standard deviation {deviation:g}")
        return deviation

    def interval(self, evidence: Any, value: float, draws: Array, resampling: Resampling) -> tuple[float, float]:
        if not hasattr(self.own, "interval"):
            return interval_around(value, draws, resampling.count(evidence.case[evidence.answered]))
        low, high = map(float, self.own.interval(evidence, value, draws, resampling))
        self._check_ends(low, value, high)
        return low, high

    def differences(
        self, evidence: Sequence[Any], pairs: Sequence[tuple[int, int]], draws: Array, resampling: Resampling
    ) -> list[Paired]:
        if not hasattr(self.own, "differences"):
            return bootstrap_differences(self, evidence, pairs, draws, resampling)
        found = list(self.own.differences(evidence, pairs, draws, resampling))
        if len(found) != len(pairs) or not all(isinstance(one, Paired) for one in found):
            raise PluginError(f"aggregation '{self.name}' must give one Paired for each of {len(pairs)} differences")
        for one in found:
            self._check_ends(one.low, one.delta, one.high)
            if any(p < 0 or p > 1 for p in (one.p_value, one.p_wilcoxon)):
                raise PluginError(f"aggregation '{self.name}' gave a p-value outside [0, 1]")
        return found

    def _check_ends(self, low: float, middle: float, high: float) -> None:
        if math.isnan(low) and math.isnan(high):
            return
        if not (math.isfinite(low) and math.isfinite(high) and low <= middle <= high):
            raise PluginError(f"aggregation '{self.name}' gave the interval [{low:g}, {high:g}] around {middle:g}")
