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
from radbench.engine.keep.texts import counted
from radbench.leaderboard.columns import STATISTICS
from radbench.leaderboard.privacy import without_paths
from radbench.leaderboard.reaching import Bounds, attainable, reached, widest, within
from radbench.metrics.bounds import UNBOUNDED
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
from radbench.stats.aggregations.clustered import AT_ONCE, foresee
from radbench.stats.aggregations.entries import (
    Entry,
    adjusted,
    compared,
    numbers_of,
    pooled_score,
    ranks,
    variances_of,
)
from radbench.stats.aggregations.evidence import Evidence
from radbench.stats.both import Estimate, margin_p
from radbench.stats.clusters import effective_patients
from radbench.stats.means import mean
from radbench.stats.resampling import Resampling
from radbench.stats.significance import holm_over_families

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
    """One metric of one entry.

    Attributes:
        values: the schema's numbers by name, from ``value`` to ``p_margin``.
        p_test: the test that ``p_value`` is of, "" where there is none.
        family: what ``p_adjusted`` is over, "" where there is none.
        n_cases: cases with an answer.
        n_patients: their patients.
        n_positive: of the cases those with label 1; None where numbers or features are aggregated.
        n_positive_patients: the patients of these, likewise.
        n_reference: cases with an answer of any enhancer.
        missing: numbers of the cases that another enhancer answered (more fully) and this one did not.
        problem: why there is no value, or no rank; or "".
        complete: False where it lacks a facet that others have.
        estimate: what the difference was read off, where the comparison keeps it and there is such a rule.
        bounds: the least and the greatest value that the score can have.
    """

    n_cases: int = 0
    n_patients: int = 0
    n_positive: int | None = None
    n_positive_patients: int | None = None
    n_reference: int = 0
    missing: tuple[int, ...] = ()
    problem: str = ""
    complete: bool = True
    p_test: str = ""
    family: str = ""
    estimate: Estimate | None = None
    bounds: Bounds = UNBOUNDED
    values: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STATISTICS, math.nan))


@dataclass(frozen=True)
class Comparison:
    """How the entries of a table are compared: E enhancers with a seed each, and G that stand for several of these.

    Attributes:
        resampling: of the cases.
        pooled: ``[G]``, the places of the seeds that each of the last entries stands for.
        failed: ``[G]``, seeds of it that scored nothing, in words, or "".
        seeds: ``[E]``, None for an enhancer that no seed changes.
        references: ``[E+G]``, the entry that each is compared with, None for none.
        untested: ``[E]``, enhancers that get a value and a difference, but neither a test nor a rank.
        margin: how much worse than the reference is still tolerated, in the metric's unit; None where nobody asks.
        keeps: whether columns keep what their differences were read off, thousands of draws each.
    """

    resampling: Resampling
    seeds: Sequence[int | None]
    references: Sequence[int | None]
    untested: Sequence[bool]
    pooled: Sequence[Sequence[int]] = ()
    failed: Sequence[str] = ()
    margin: float | None = None
    keeps: bool = False

    @property
    def apart(self) -> set[int]:
        """The seeds that a pooled entry stands for: they are neither ranked nor judged together with others."""
        return {place for places in self.pooled for place in places}


def metric_columns(
    metric: MetricSpec, facets: Sequence[Facet], comparison: Comparison, over_facets: bool = False
) -> list[Column]:
    """Return the columns of one metric, ``[E+G]``; what goes wrong with an aggregation is said in every ``problem``.

    Args:
        metric: how to aggregate, and which way is better.
        facets: the evidence of E enhancers for all cases of the resampling.
        comparison: references and resamples.
        over_facets: whether the score is the mean over the facets; else there is one.
    """
    of_all = [np.any([one.answered for one in facet.evidence], axis=0) for facet in facets]
    columns = [_started(facets, of_all, e, comparison.resampling) for e in range(len(comparison.seeds))]
    columns += [_together([columns[e] for e in places]) for places in comparison.pooled]
    if not columns[0].n_reference:
        return columns
    try:
        how = aggregation(metric.aggregation, metric.parameters)
        _check_kind(how, metric, facets)
        kept = _meant(facets, comparison.resampling)
        settled = [replace(facet, evidence=_settled([one.take(kept) for one in facet.evidence])) for facet in facets]
        comparison = replace(comparison, resampling=comparison.resampling.at(kept))
        if over_facets:
            _fill(
                columns, OverFacets(how), _in_facets(how, settled, columns[: len(comparison.seeds)]), comparison, metric
            )
        else:
            for column, offered in zip(columns, settled[0].offered, strict=False):
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


def adjust(primary: Sequence[Sequence[Column]], secondary: Sequence[Sequence[Column]]) -> None:
    """Correct ``p_adjusted`` of secondary metrics for their number, and say what each is over.

    Args:
        primary: the columns of the metric that decides, which stay as they are within their metric; none or one.
        secondary: those of each other metric, corrected together, and apart from the primary one.
    """
    found = holm_over_families([[c.values["p_adjusted"] for c in columns] for columns in secondary])
    for columns, together in zip(secondary, found, strict=True):
        for column, p in zip(columns, together.tolist(), strict=True):
            column.values["p_adjusted"] = p
    n_metrics = sum(bool(_tested(columns)) for columns in secondary)
    kinds = (("the primary metric", primary), (counted(n_metrics, "secondary metric"), secondary))
    for metrics, of_kind in kinds:
        tested = [column for columns in of_kind for column in _tested(columns)]
        for column in tested:
            column.family = f"{counted(len(tested), 'comparison')} of {metrics}"


def _tested(columns: Sequence[Column]) -> list[Column]:
    return [column for column in columns if not math.isnan(column.values["p_adjusted"])]


def _started(facets: Sequence[Facet], of_all: Sequence[NDArray[np.bool_]], e: int, resampling: Resampling) -> Column:
    """Return the counts of one enhancer; ``of_all`` says by facet which places anybody answered."""

    def cases(found: Sequence[NDArray[np.intp]]) -> NDArray[np.intp]:
        return np.unique(np.concatenate(found))

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
        n_positive_patients=resampling.count(cases(positive)) if positive else None,
        n_reference=len(cases([one.case[every] for one, every in zip(mine, of_all, strict=True)])),
        missing=tuple(cases(left_out).tolist()) if left_out else (),
    )


def _together(seeds: Sequence[Column]) -> Column:
    """Return the counts of several seeds together, which must not lack what others have."""
    first = seeds[0]
    missing = tuple(sorted({case for one in seeds for case in one.missing}))
    return replace(first, missing=missing, values=dict.fromkeys(STATISTICS, math.nan))


def _without_value(column: Column, problem: str) -> Column:
    return replace(column, problem=problem, p_test="", estimate=None, values=dict.fromkeys(STATISTICS, math.nan))


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
    bounds = reached(metric, how, evidence)
    for column in columns:
        column.bounds = bounds
    entries: dict[int, Entry] = {}
    for e, (column, one) in enumerate(zip(columns, evidence, strict=False)):
        if not one.answered.any():
            continue
        value = how.value(one)
        if math.isnan(value):
            column.problem = column.problem or how.undefined
            continue
        column.values["value"] = value
        entries[e] = Entry((one,), _NO_DRAWS, (comparison.seeds[e],))
    if not entries:
        return
    _draw(how, entries, resampling)
    for e, entry in entries.items():
        _describe(columns[e], how, entry, resampling, bounds)
    _pool(columns, how, entries, comparison, bounds)
    pairs = [(e, r) for e in entries if (r := comparison.references[e]) is not None and r in entries]
    at = {e: place for place, e in enumerate(entries)}
    places = [(at[e], at[r]) for e, r in pairs]
    found: list[Paired] = []
    for begin in range(0, len(pairs), AT_ONCE):
        some = compared(how, [*entries.values()], places[begin : begin + AT_ONCE], resampling)
        for (e, r), paired in zip(pairs[begin:], some, strict=False):
            # What fails is not random: a difference on the rest says nothing of chance.
            lacks = any(columns[k].missing or not columns[k].complete for k in (e, r))
            tested = not (lacks or _is_untested(e, comparison) or _is_untested(r, comparison))
            _place(columns[e], paired, tested, comparison.margin, metric, bounds)
            columns[e].estimate = paired.estimate if comparison.keeps else None
            # What a difference was read off is five thousand draws.
            found.append(replace(paired, estimate=None))
    apart = comparison.apart
    judged = [k for k, (e, _) in enumerate(pairs) if e not in apart and not math.isnan(columns[e].values["p_value"])]
    adjusted_p = adjusted(how, [*entries.values()], [places[k] for k in judged], [found[k] for k in judged], resampling)
    for k, p in zip(judged, adjusted_p.tolist(), strict=True):
        columns[pairs[k][0]].values["p_adjusted"] = p
    _rank(columns, how, entries, comparison, metric)


_NO_DRAWS = np.empty((1, 0))


def _draw(how: Aggregation, entries: dict[int, Entry], resampling: Resampling) -> None:
    """Draw scores in the resamples, where they are needed; of means, work out the intervals at once."""
    given = [entry.parts[0] for entry in entries.values()]
    numbers = [numbers_of(how, one, resampling) for one in given]
    if all(one is not None for one in numbers):
        foresee(np.stack([one[0] for one in numbers if one]), numbers[0][1], resampling)  # type: ignore[index]
        return
    for (e, entry), draws in zip([*entries.items()], how.draws(given, resampling), strict=True):
        entries[e] = replace(entry, draws=draws[None])


def _describe(column: Column, how: Aggregation, entry: Entry, resampling: Resampling, bounds: Bounds) -> None:
    values, one = column.values, entry.parts[0]
    answered = one.case[one.answered]
    values["effective_patients"] = effective_patients(resampling.sizes(answered))
    if math.isinf(values["value"]):
        return
    values["std"] = how.deviation(one, entry.draws[0])
    ends = how.interval(one, values["value"], entry.draws[0], resampling)
    values["ci_low"], values["ci_high"] = within(values["value"], ends, bounds)


def _pool(
    columns: Sequence[Column], how: Aggregation, entries: dict[int, Entry], comparison: Comparison, bounds: Bounds
) -> None:
    """Fill what is said of several seeds together, and add who stands for them to the entries."""
    for place, seeds in enumerate(comparison.pooled, start=len(comparison.seeds)):
        column = columns[place]
        if failed := comparison.failed[place - len(comparison.seeds)]:
            column.problem = f"seeds are not pooled: {failed} failed, which is seldom by chance"
            continue
        lacking = [str(comparison.seeds[e]) for e in seeds if e not in entries or columns[e].missing]
        if lacking or not all(columns[e].complete for e in seeds):
            of = f" of seed {', '.join(lacking)}" if lacking else ""
            column.problem = f"seeds are not pooled: answers{of} are missing"
            continue
        parts = [entries[e] for e in seeds]
        entry = Entry(
            tuple(one.parts[0] for one in parts),
            np.concatenate([one.draws for one in parts]),
            tuple(comparison.seeds[e] for e in seeds),
        )
        column.values["value"] = mean(np.array([columns[e].values["value"] for e in seeds]))
        column.values["effective_patients"] = columns[seeds[0]].values["effective_patients"]
        entries[place] = entry
        if math.isinf(column.values["value"]):
            continue
        pooled = pooled_score(how, entry, comparison.resampling)
        column.values["std"] = mean(np.array([columns[e].values["std"] for e in seeds]))
        ends = (pooled.estimate.low, pooled.estimate.high)
        column.values["ci_low"], column.values["ci_high"] = within(column.values["value"], ends, bounds)
        for name, part in zip(_PARTS, variances_of(pooled), strict=True):
            column.values[f"variance_{name}"] = part


_PARTS = ("patients", "seeds", "interaction")


def _is_untested(place: int, comparison: Comparison) -> bool:
    n = len(comparison.seeds)
    return any(comparison.untested[e] for e in (comparison.pooled[place - n] if place >= n else (place,)))


def _place(
    column: Column, paired: Paired, tested: bool, margin: float | None, metric: MetricSpec, bounds: Bounds
) -> None:
    if not math.isfinite(paired.delta):
        return
    values = column.values
    values["delta"] = paired.delta
    values["delta_ci_low"], values["delta_ci_high"] = within(paired.delta, (paired.low, paired.high), widest(bounds))
    values["effect_size"], values["detectable"] = paired.effect_size, attainable(paired.detectable, bounds)
    values["effect_size_ci_low"], values["effect_size_ci_high"] = paired.effect_low, paired.effect_high
    for name, part in zip(_PARTS, paired.variances, strict=True):
        values[f"delta_variance_{name}"] = part
    if not tested:
        return
    values["p_value"], values["p_wilcoxon"] = paired.p_value, paired.p_wilcoxon
    values["p_sign_flip"], column.p_test = paired.p_sign_flip, paired.test
    if margin is not None and paired.estimate is not None:
        values["margin"], values["p_margin"] = margin, margin_p(paired.estimate, margin, metric.direction)


def _rank(
    columns: Sequence[Column],
    how: Aggregation,
    entries: dict[int, Entry],
    comparison: Comparison,
    metric: MetricSpec,
) -> None:
    apart = comparison.apart
    ranked = [
        e
        for e in entries
        if e not in apart and columns[e].complete and not columns[e].missing and not _is_untested(e, comparison)
    ]
    values = [columns[e].values["value"] for e in ranked]
    found = ranks(how, [entries[e] for e in ranked], values, comparison.resampling, metric.direction)
    for place, e in enumerate(ranked):
        columns[e].values["rank"] = float(found.rank[place])
        columns[e].values["rank_low"], columns[e].values["rank_high"] = found.low[place], found.high[place]
