"""Rates: events per case, from counts."""

from __future__ import annotations

import math

from radbench.contracts.errors import PluginError
from radbench.stats.aggregations.averages import Average
from radbench.stats.aggregations.evidence import Numbers
from radbench.stats.aggregations.protocol import Array
from radbench.stats.rates import first_no_count
from radbench.stats.rates import rate as clustered_rate


def rate() -> Average:
    """Return events per case, with an interval that holds near zero (:func:`radbench.stats.rates.rate`)."""
    return Average(Numbers, "no case has a count", counts, _ends)


def counts(evidence: Numbers) -> Array:
    """Return the counts, float64 ``[N]``.

    Raises:
        PluginError: one is negative or no whole number.
    """
    strange = first_no_count(evidence.values)
    if not math.isnan(strange):
        raise PluginError(f"a rate takes counts, whole numbers from 0 on, and a case has {strange:g}")
    return evidence.values


def _ends(numbers: Array, patients: tuple[str, ...]) -> tuple[float, float]:
    found = clustered_rate(numbers, patients)
    return found.low, found.high
