"""The statistics columns of one metric, facet and group: all enhancers at once, on the same resamples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radbench.contracts import MetricSpec
from radbench.contracts.errors import PluginError
from radbench.leaderboard.columns import STATISTICS
from radbench.leaderboard.privacy import without_paths
from radbench.stats import holm, ranks_from_replicates
from radbench.stats.aggregations import (
    Aggregation,
    Facets,
    FeatureSets,
    Numbers,
    OverFacets,
    Paired,
    Predictions,
    aggregation,
)
from radbench.stats.aggregations.evidence import Evidence
from radbench.stats.resampling import Resampling

Array = NDArray[np.float64]

_KINDS: dict[type, str] = {Numbers: "numbers", Predictions: "predictions", FeatureSets: "features"}


@dataclass(frozen=True)
class Facet:
    """What E enhancers observed for one facet of one observation.

    Attributes:
        name: "" for the whole.
        evidence: ``[E]``, of the same cases.
        offered: ``[E]``, whether the enhancer's evidence ever names the facet.
    """

    name: str
    evidence: Sequence[Evidence]
    offered: Sequence[bool]


@dataclass
class Column:
    """One metric of one enhancer.

    Attributes:
        values: the schema's numbers by name, from ``value`` to ``detectable``.
        p_test: the test that ``p_value`` is of, "" where there is none.
        n_cases: cases with an answer.
        n_patients: their patients.
        n_positive: of them those with label 1; None where numbers or features are aggregated.
        n_reference: cases with an answer of any enhancer.
        missing: numbers of the cases that another enhancer answered (more fully) and this one did not.
        problem: why there is no value, or no rank; or "".
        complete: False where it lacks a facet that others have.
    """

    n_cases: int = 0
    n_patients: int = 0
    n_positive: int | None = None
    n_reference: int = 0
    missing: tuple[int, ...] = ()
    problem: str = ""
    complete: bool = True
    p_test: str = ""
    values: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STATISTICS, math.nan))


@dataclass(frozen=True)
class Comparison:
    """How the enhancers of a table are compared.

    Attributes:
        resampling: of the cases.
        references: ``[E]``, the enhancer that each is compared with, None for none.
        untested: ``[E]``, enhancers that get a value and a difference, but neither a test nor a rank.
    """

    resampling: Resampling
    references: Sequence[int | None]
    untested: Sequence[bool]


def metric_columns(
    metric: MetricSpec, facets: Sequence[Facet], comparison: Comparison, over_facets: bool = False
) -> list[Column]:
    """Return the columns of one metric, ``[E]``; what goes wrong with an aggregation is said in every ``problem``.

    Args:
        metric: how to aggregate, and which way is better.
        facets: the evidence of E enhancers for all cases of the resampling.
        comparison: references and resamples.
        over_facets: whether the score is the mean over the facets; else there is one.
    """
    columns = [_started(facets, e, comparison.resampling) for e in range(len(comparison.references))]
    if not columns[0].n_reference:
        return columns
    try:
        how = aggregation(metric.aggregation, metric.parameters)
        _check_kind(how, metric, facets)
        kept = _meant(facets, comparison.resampling)
        settled = [replace(facet, evidence=_settled([one.take(kept) for one in facet.evidence])) for facet in facets]
        comparison = replace(comparison, resampling=comparison.resampling.at(kept))
        if over_facets:
            _fill(columns, OverFacets(how), _in_facets(how, settled, columns), comparison, metric)
        else:
            for column, offered in zip(columns, settled[0].offered, strict=True):
                column.problem = "" if offered else f"it gives nothing for '{settled[0].name}'"
            _fill(columns, how, settled[0].evidence, comparison, metric)
    except PluginError as e:
        return [_without_value(column, without_paths(str(e))) for column in columns]
    except Exception as e:
        what = f"aggregation '{metric.aggregation}' raised {type(e).__name__}: {' '.join(str(e).split())}"
        return [_without_value(column, without_paths(what)) for column in columns]
    return columns


def unreadable(problem: str, n: int) -> list[Column]:
    """Return the columns of ``n`` enhancers whose evidence cannot be aggregated."""
    return [Column(problem=problem) for _ in range(n)]


def adjust(columns: Sequence[Sequence[Column]]) -> None:
    """Set ``p_adjusted``: Holm over all the columns given, which are those of one printed table."""
    flat = [column for metric in columns for column in metric]
    for column, p in zip(flat, holm([c.values["p_value"] for c in flat]) if flat else (), strict=True):
        column.values["p_adjusted"] = float(p)


def _started(facets: Sequence[Facet], e: int, resampling: Resampling) -> Column:
    """Return the counts of one enhancer."""

    def cases(found: Sequence[NDArray[np.intp]]) -> NDArray[np.intp]:
        return np.unique(np.concatenate(found))

    of_all = [np.any([one.answered for one in facet.evidence], axis=0) for facet in facets]
    mine = [facet.evidence[e] for facet in facets]
    known = cases([one.case[one.answered] for one in mine])
    positive = [one.case[one.answered & (one.label == 1)] for one in mine if isinstance(one, Predictions)]
    left_out = [
        one.case[every & ~one.answered]
        for facet, one, every in zip(facets, mine, of_all, strict=True)
        if facet.offered[e]
    ]
    return Column(
        n_cases=len(known),
        n_patients=resampling.count(known),
        n_positive=len(cases(positive)) if positive else None,
        n_reference=len(cases([one.case[every] for one, every in zip(mine, of_all, strict=True)])),
        missing=tuple(cases(left_out).tolist()) if left_out else (),
    )


def _without_value(column: Column, problem: str) -> Column:
    return replace(column, problem=problem, p_test="", values=dict.fromkeys(STATISTICS, math.nan))


def _check_kind(how: Aggregation, metric: MetricSpec, facets: Sequence[Facet]) -> None:
    found = {type(one) for facet in facets for one in facet.evidence}
    if how.takes is not None and found - {how.takes}:
        raise PluginError(
            f"aggregation '{metric.aggregation}' takes {_KINDS[how.takes]}, and '{metric.observation}' was observed as "
            f"{' and as '.join(sorted(_KINDS[kind] for kind in found))}"
        )


def _meant(facets: Sequence[Facet], resampling: Resampling) -> NDArray[np.intp]:
    """Return the cases that are resampled: of predictions and features, those that anybody has an answer for."""
    evidence = [one for facet in facets for one in facet.evidence]
    if all(isinstance(one, Numbers) for one in evidence):
        return np.arange(len(resampling.patients))
    return np.unique(np.concatenate([one.case[one.answered] for one in evidence]))


def _settled(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Return predictions with the truth that all share; 0 where nobody has an answer, which counts for nothing."""
    predictions = [one for one in evidence if isinstance(one, Predictions)]
    if not predictions:
        return list(evidence)
    labels = np.stack([one.label for one in predictions])
    answered = np.isfinite(labels).any(axis=0)
    truth = np.zeros(labels.shape[1])
    if answered.any():
        truth[answered] = np.nanmax(labels[:, answered], axis=0)
        least = np.nanmin(labels[:, answered], axis=0)
        if not np.isin(truth, (0, 1)).all() or (truth[answered] != least).any():
            raise PluginError("labels must be 0 or 1, and the same for every enhancer")
    return [replace(one, label=truth) for one in predictions]


def _in_facets(how: Aggregation, facets: Sequence[Facet], columns: Sequence[Column]) -> list[Facets]:
    """Return the facets in which each enhancer has a value; who lacks one that others have is not ranked."""
    found: list[dict[str, Evidence]] = [{} for _ in columns]
    for facet in facets:
        for mine, one in zip(found, facet.evidence, strict=True):
            if one.answered.any() and math.isfinite(how.value(one)):
                mine[facet.name] = one
    valued = [facet.name for facet in facets if any(facet.name in mine for mine in found)]
    for mine, column in zip(found, columns, strict=True):
        lacks = [name for name in valued if name not in mine]
        if lacks:
            column.complete = False
            column.problem = f"not ranked: it has no value for {', '.join(repr(name) for name in lacks)}"
    return [Facets(mine) for mine in found]


def _fill(
    columns: Sequence[Column], how: Aggregation, evidence: Sequence[Any], comparison: Comparison, metric: MetricSpec
) -> None:
    resampling = comparison.resampling
    valued = []
    for e, (column, one) in enumerate(zip(columns, evidence, strict=True)):
        if not one.answered.any():
            continue
        value = how.value(one)
        if math.isfinite(value):
            column.values["value"] = value
            valued.append(e)
        else:
            column.problem = column.problem or how.undefined
    if not valued:
        return
    given = [evidence[e] for e in valued]
    draws = how.draws(given, resampling)
    for row, e in enumerate(valued):
        values = columns[e].values
        values["std"] = how.deviation(given[row], draws[row])
        values["ci_low"], values["ci_high"] = how.interval(given[row], values["value"], draws[row], resampling)
    against = [(e, r) for e in valued if (r := comparison.references[e]) is not None and r in valued]
    pairs = [(valued.index(e), valued.index(r)) for e, r in against]
    for (e, r), paired in zip(against, how.differences(given, pairs, draws, resampling), strict=True):
        # What fails is not random: a difference on the rest says nothing of chance.
        lacks = columns[e].missing or columns[r].missing
        _place(columns[e], paired, tested=not (lacks or comparison.untested[e] or comparison.untested[r]))
    table = np.full((len(columns), draws.shape[1]), np.nan)
    table[valued] = draws
    answered = np.unique(np.concatenate([one.case[one.answered] for one in evidence]))
    _rank(columns, table, resampling.count(answered), comparison, metric)


def _place(column: Column, paired: Paired, tested: bool) -> None:
    column.values["delta"] = paired.delta
    column.values["delta_ci_low"], column.values["delta_ci_high"] = paired.low, paired.high
    column.values["effect_size"], column.values["detectable"] = paired.effect_size, paired.detectable
    if tested:
        column.values["p_value"], column.values["p_wilcoxon"] = paired.p_value, paired.p_wilcoxon
        column.p_test = paired.test


def _rank(columns: Sequence[Column], draws: Array, n_patients: int, comparison: Comparison, metric: MetricSpec) -> None:
    ranked = [
        c.complete and not c.missing and not untested and math.isfinite(c.values["value"])
        for c, untested in zip(columns, comparison.untested, strict=True)
    ]
    values = [c.values["value"] if may else math.nan for c, may in zip(columns, ranked, strict=True)]
    ranks = ranks_from_replicates(values, draws, n_patients, metric.direction)
    for e, column in enumerate(columns):
        if ranked[e]:
            column.values["rank"] = float(ranks.rank[e])
            # The value's own order is always among the orders left open.
            column.values["rank_low"] = min(float(ranks.low[e]), float(ranks.rank[e]))
            column.values["rank_high"] = max(float(ranks.high[e]), float(ranks.rank[e]))
