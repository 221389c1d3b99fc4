"""Aggregations: how a score, its draws, its interval and its paired differences come from per-case evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radbench.on_demand import on_demand

_ROOMS = {
    **dict.fromkeys(("Aggregation", "Paired"), "protocol"),
    **dict.fromkeys(("FeatureSets", "Numbers", "Predictions", "gathered"), "evidence"),
    **dict.fromkeys(("AGGREGATIONS", "Definition", "Parameter"), "definitions"),
    "aggregation": "named",
    **dict.fromkeys(("Facets", "OverFacets"), "facets"),
    **dict.fromkeys(("bootstrap_differences", "bootstrap_draws"), "bootstrap"),
}

__all__ = [
    "AGGREGATIONS",
    "Aggregation",
    "Definition",
    "Facets",
    "FeatureSets",
    "Numbers",
    "OverFacets",
    "Paired",
    "Parameter",
    "Predictions",
    "aggregation",
    "bootstrap_differences",
    "bootstrap_draws",
    "gathered",
]

__getattr__, __dir__ = on_demand(__name__, _ROOMS)

if TYPE_CHECKING:
    from radbench.stats.aggregations.bootstrap import bootstrap_differences, bootstrap_draws
    from radbench.stats.aggregations.definitions import AGGREGATIONS, Definition, Parameter
    from radbench.stats.aggregations.evidence import FeatureSets, Numbers, Predictions, gathered
    from radbench.stats.aggregations.facets import Facets, OverFacets
    from radbench.stats.aggregations.named import aggregation
    from radbench.stats.aggregations.protocol import Aggregation, Paired
