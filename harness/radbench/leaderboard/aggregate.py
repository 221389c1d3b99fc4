"""Aggregation: raw per-case evidence of pairs becomes leaderboard rows with intervals, tests and ranks.

What the rows of one comparable set (task, data set, split, profile, data, cases and truth) hold; its entries are the
enhancers with each of their seeds, and whoever has several seeds once more with all of them, all compared on the same
resamples:

- ``value``: what the metric's aggregation gives (:mod:`radbench.stats.aggregations`); of several seeds the mean.
- ``facet``: "" for the whole, which is what the task gave as a whole or, where the metric says so, the mean over the
  facets; and a row for each facet that any enhancer gave.
- ``std``: over cases (n - 1) where numbers are averaged; else over the bootstrap replicates; of several seeds the mean.
- ``ci_*``: 95 %, patients as clusters: of means the farther ends of t and bootstrap-t (:mod:`radbench.stats.both`), of
  shares Korn and Graubard's, of AUROC and AP those of :mod:`radbench.stats.areas` and :mod:`radbench.stats.precision`,
  else the bootstrap's percentiles, widened to hold the value. Of means none below six patients. Of several seeds it
  is for new patients and new seeds (:mod:`radbench.stats.seeds`).
- ``delta``: paired difference to the reference on the cases that both scored, enhancer minus reference, whichever
  direction is better; empty for the reference itself and where it was not scored. The reference is the task's baseline
  with the same seed, else the one that no seed changes; what no seed changes is compared with the baseline's only seed,
  or with all of several together, as is whoever has several seeds itself.
- ``p_value``: of that very difference, by the rule of its interval; of what is bootstrapped, the centred one;
  ``p_test`` says which. ``p_wilcoxon`` is Wilcoxon's, of patients' means, ``p_sign_flip`` the sign-flip test's. None
  where one of the two lacks cases, and of several seeds none below three.
- ``p_adjusted``: over all entries of a metric by step-down max-T (of other scores than means by Holm), one seed of
  several being none; the primary metric stands alone, the secondary ones are corrected together
  (:func:`radbench.stats.significance.holm_over_families`). Each group and each facet is judged by itself.
- ``rank``: only among *complete* rows. A row is complete when every case that any enhancer scored was scored by its
  own enhancer too: nobody climbs by failing on hard cases. An incomplete row keeps its value, has no rank, and its
  ``error`` says ``k of n cases failed``, which and why. What stands on weights that lacked lessons has neither
  test nor rank. Of an enhancer with several seeds the pooled row is ranked.

Messages are whole: the rows are their user's own until :mod:`radbench.leaderboard.privacy` makes them publishable.
A NaN counts as "no answer". A failed pair keeps one row per metric, in group ``all``.

Patients and cases are put in the order of the cases' digests, so that the same scores give the same bits wherever they
are read from.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from radbench.contracts import MetricSpec, NotComparableError, Status
from radbench.engine.keep.texts import counted, listed
from radbench.leaderboard.columns import (
    ALL,
    BASELINE,
    COLUMNS,
    COMPARABLE_KEY,
    IDENTIFYING,
    OVER_FACETS,
    SCHEMA_VERSION,
    TABLE_KEY,
)
from radbench.leaderboard.comparing import joined
from radbench.leaderboard.observed import Observed
from radbench.leaderboard.pairs import PairResult, common_patients, in_order
from radbench.leaderboard.rows import aggregation_text, clean, common, failed_cases, failed_rows, metric_facts, primary
from radbench.leaderboard.schema import validate

if TYPE_CHECKING:
    from pandas import DataFrame

    from radbench.leaderboard.statistics import Column, Comparison
    from radbench.stats.both import Estimate

__all__ = ["PairResult", "estimates", "leaderboard_rows"]

NOTHING = "no case has a score"

WHOLE = ("", "")
"""The group of all cases, as (name, value)."""


def leaderboard_rows(
    pairs: Iterable[PairResult], replicates: int = 5000, bootstrap_seed: int = 0, margin: Margin | None = None
) -> DataFrame:
    """Aggregate pairs into valid rows; the order of the pairs changes nothing.

    Args:
        pairs: results of one run; sets that do not compare are aggregated apart.
        replicates: bootstrap resamples.
        bootstrap_seed: their seed.
        margin: how much worse than the reference is still tolerated; None where nobody asks.

    Returns:
        Rows by task, data set, split and profile; then enhancer (the baseline first, then by name), seed, group
        (``all`` first), metric (in the task's order) and facet (the whole first).

    Raises:
        NotComparableError: pairs of the same labels were scored on different cases, by different tasks, or with
            different enhancers.
        SchemaError: a pair occurs twice, or a field breaks the schema.
    """
    import pandas as pd

    rows = [row for own in _sets(pairs) for row in _Table(own, replicates, bootstrap_seed, margin).rows()]
    return validate(pd.DataFrame(rows, columns=list(COLUMNS)))


def estimates(
    pairs: Iterable[PairResult], replicates: int = 5000, bootstrap_seed: int = 0
) -> Iterator[tuple[dict[str, Any], Estimate | None, tuple[float, float]]]:
    """Yield the rows of what was scored, each with what its difference was read off, and the score's bounds.

    Args:
        pairs: as :func:`leaderboard_rows` takes them.
        replicates: bootstrap resamples.
        bootstrap_seed: of the resamples.

    Yields:
        The row as :func:`leaderboard_rows` has it, not yet validated, and the estimate of its difference; None where
        there is no difference, or where no rule but the resamples themselves tells its interval. Last the least and
        the greatest value that the score can have.

    Raises:
        NotComparableError: as :func:`leaderboard_rows`.
    """
    for own in _sets(pairs):
        for _, row, column in _Table(own, replicates, bootstrap_seed, None, keeps=True).scored_rows():
            yield row, column.estimate, column.bounds


def _sets(pairs: Iterable[PairResult]) -> list[list[PairResult]]:
    """Return the pairs of each comparable set."""
    pairs = [*pairs]
    _refuse_clashes(pairs)
    keys = joined([_key(p) for p in pairs], [p.scored for p in pairs])
    tables: dict[tuple[str, ...], list[PairResult]] = defaultdict(list)
    for key, pair in zip(keys, pairs, strict=True):
        tables[key].append(pair)
    return [tables[key] for key in sorted(tables)]


def _key(pair: PairResult) -> tuple[str, ...]:
    return tuple(str(SCHEMA_VERSION if name == "schema_version" else getattr(pair, name)) for name in COMPARABLE_KEY)


def _refuse_clashes(pairs: Sequence[PairResult]) -> None:
    must_agree = [name for name in COMPARABLE_KEY[len(TABLE_KEY) :] if name != "schema_version"]
    seen: dict[tuple[str, ...], PairResult] = {}
    for pair in pairs:
        labels = (pair.task, pair.dataset, pair.split, pair.enhancer, pair.profile)
        other = seen.setdefault(labels, pair)
        for name in (*must_agree, *IDENTIFYING):
            ours, theirs = str(getattr(pair, name)), str(getattr(other, name))
            if ours != theirs and (pair.scored and other.scored):
                raise NotComparableError(
                    f"'{'/'.join(labels)}' was scored twice with another {name} "
                    f"({theirs[:12]} and {ours[:12]}): aggregate the two apart"
                )


@dataclass(frozen=True)
class Margin:
    """What is asked of non-inferiority.

    Attributes:
        size: how much worse than the reference is still tolerated, positive, in the metric's unit.
        metric: of which metric; "" for the one that decides.
    """

    size: float
    metric: str = ""


class _Table:
    """One comparable set: the evidence of its entries over the same cases."""

    def __init__(
        self, pairs: Sequence[PairResult], replicates: int, seed: int, margin: Margin | None, keeps: bool = False
    ) -> None:
        def place(p: PairResult) -> tuple[bool, bool, str, bool, int]:
            return p.enhancer != p.baseline, p.enhancer != BASELINE, p.enhancer, p.seed is not None, p.seed or 0

        self.pairs = sorted(pairs, key=place)
        self.scored = [p for p in self.pairs if p.scored]
        self.replicates, self.seed, self.margin, self.keeps = replicates, seed, margin, keeps
        self.metrics = list(dict.fromkeys(m for p in self.scored for m in p.metrics))
        self.cases = in_order(self.scored)
        self.patients = common_patients(self.scored, self.cases)
        self.groups = {case: strata for p in self.pairs for case, strata in p.groups.items()}
        self.observed = {m.observation: Observed(m.observation, self.scored, self.cases) for m in self.metrics}
        self.pooled = _several(self.scored)

    def rows(self) -> list[dict[str, Any]]:
        rows: dict[int, list[dict[str, Any]]] = {id(p): [] if p.scored else failed_rows(p) for p in self.pairs}
        # Several seeds together stand behind the last of them.
        behind = {id(self.scored[places[-1]]): len(self.scored) + k for k, places in enumerate(self.pooled)}
        together: dict[int, list[dict[str, Any]]] = {place: [] for place in behind.values()}
        for place, row, _ in self.scored_rows():
            of = together[place] if place in together else rows[id(self.scored[place])]
            of.append(row)
        return [row for p in self.pairs for row in (*rows[id(p)], *together.get(behind.get(id(p), -1), ()))]

    def scored_rows(self) -> Iterator[tuple[int, dict[str, Any], Column]]:
        """Yield the rows of what was scored, group by group, each with its entry and its column."""
        import numpy as np

        strata = {(name, value) for own in self.groups.values() for name, value in own.items() if value}
        for group in (WHOLE, *sorted(strata)):
            members = [i for i, case in enumerate(self.cases) if _is_in(group, self.groups.get(case, {}))]
            if members:
                yield from self._group_rows(group, np.array(members))

    def _group_rows(self, group: tuple[str, str], members: Any) -> Iterator[tuple[int, dict[str, Any], Column]]:
        from radbench.leaderboard.statistics import Comparison, adjust
        from radbench.stats.resampling import Resampling

        resampling = Resampling(tuple(self.patients[i] for i in members), self.replicates, self.seed)
        comparison = Comparison(
            resampling,
            [p.seed for p in self.scored],
            self._references(),
            [bool(p.lacking) for p in self.scored],
            self.pooled,
            self._failed_seeds(),
            keeps=self.keeps,
        )
        columns: dict[tuple[MetricSpec, str], list[Column]] = {}
        over: set[MetricSpec] = set()
        for metric in self.metrics:
            observed = self.observed[metric.observation]
            named, how = observed.named, self._asked(comparison, metric)
            if metric.over_facets == "mean" and named:
                over.add(metric)
                columns[metric, ""] = self._columns(metric, named, members, how, over_facets=True)
            elif observed.whole or not named:
                columns[metric, ""] = self._columns(metric, [""], members, how)
            for facet in named:
                columns[metric, facet] = self._columns(metric, [facet], members, how)
        for facet in dict.fromkeys(facet for _, facet in columns):
            here = {metric: column for (metric, name), column in columns.items() if name == facet}
            adjust(
                [column for metric, column in here.items() if self._decides(metric)],
                [column for metric, column in here.items() if not self._decides(metric)],
            )
        cases = [self.cases[i] for i in members]
        for place in range(len(comparison.references)):
            for (metric, facet), found in columns.items():
                row = self._row(place, metric, group, found[place], cases, comparison.references[place])
                averaged = OVER_FACETS if metric in over and not facet else ""
                told = {"facet": clean(facet), "aggregation": aggregation_text(metric) + averaged}
                yield place, row | told, found[place]

    def _asked(self, comparison: Comparison, metric: MetricSpec) -> Comparison:
        margin = self.margin
        if margin is None or not (metric.name == margin.metric if margin.metric else self._decides(metric)):
            return comparison
        return replace(comparison, margin=margin.size)

    def _decides(self, metric: MetricSpec) -> bool:
        return metric == primary(self.scored[0])

    def _columns(
        self, metric: MetricSpec, facets: Sequence[str], members: Any, comparison: Comparison, over_facets: bool = False
    ) -> list[Column]:
        from radbench.leaderboard.statistics import metric_columns, unreadable

        observed = self.observed[metric.observation]
        if observed.problem:
            return unreadable(observed.problem, len(comparison.references))
        return metric_columns(metric, [observed.facet(name, members) for name in facets], comparison, over_facets)

    def _failed_seeds(self) -> list[str]:
        """Return for each enhancer of several seeds those with which it scored nothing, in words."""
        failed: dict[str, list[str]] = {}
        for p in self.pairs:
            if not p.scored and p.seed is not None and p.status != Status.NOT_APPLICABLE:
                failed.setdefault(p.enhancer, []).append(str(p.seed))
        mine = [failed.get(self.scored[places[0]].enhancer, []) for places in self.pooled]
        return [f"seed{'s' if len(seeds) > 1 else ''} {', '.join(seeds)}" if seeds else "" for seeds in mine]

    def _references(self) -> list[int | None]:
        """Return the entry that each entry is compared with."""
        pooled = {self.scored[places[0]].enhancer: len(self.scored) + k for k, places in enumerate(self.pooled)}
        of: dict[str, dict[int | None, int]] = {}
        for i, p in enumerate(self.scored):
            of.setdefault(p.enhancer, {})[p.seed] = i
        found: list[int | None] = []
        for place in range(len(self.scored) + len(self.pooled)):
            pair, several = self._behind(place)[0], place >= len(self.scored)
            seeds = of.get(pair.baseline, {})
            if pair.enhancer == pair.baseline:
                found.append(None)
            elif pair.seed is not None and not several:
                found.append(seeds.get(pair.seed, seeds.get(None)))
            else:
                found.append(next(iter(seeds.values())) if len(seeds) == 1 else pooled.get(pair.baseline))
        return found

    def _row(
        self,
        place: int,
        metric: MetricSpec,
        group: tuple[str, str],
        column: Column,
        cases: Sequence[str],
        against: int | None,
    ) -> dict[str, Any]:
        pairs = self._behind(place)
        errors = [self._error(pair, metric, group, column, cases) for pair in pairs]
        error = (column.problem if len(pairs) > 1 else "") or errors[0]
        theirs = [] if against is None or math.isnan(column.values["delta"]) else self._behind(against)
        lacking = next((p.lacking for p in pairs if p.lacking), "")
        untested = next((p for p in theirs if p.lacking), None)
        said = f"not tested, because of '{untested.enhancer}': {untested.lacking}" if untested and not lacking else ""
        return {
            **common(pairs),
            **column.values,
            **metric_facts(pairs[0], metric),
            "group": ALL if group == WHOLE else clean("=".join(group)),
            "n_cases": column.n_cases,
            "n_patients": column.n_patients,
            "n_positive": column.n_positive,
            "n_positive_patients": column.n_positive_patients,
            "reference": clean(theirs[0].enhancer) if theirs else "",
            "p_test": column.p_test,
            "family": column.family,
            "status": str(Status.OK),
            "error": clean("; ".join(filter(None, (lacking, said, error)))),
        }

    def _behind(self, place: int) -> list[PairResult]:
        """Return the pairs that an entry stands for."""
        n = len(self.scored)
        return [self.scored[k] for k in (self.pooled[place - n] if place >= n else (place,))]

    def _error(
        self, pair: PairResult, metric: MetricSpec, group: tuple[str, str], column: Column, cases: Sequence[str]
    ) -> str:
        """Return what went wrong with a row: with which of its cases, and with the metric itself."""
        failed = {case for case in pair.failures if _is_in(group, self.groups.get(case, {}))}
        missing = {cases[i] for i in column.missing} - failed
        silent = missing
        if column.n_cases < len(cases):
            silent |= {c for c in cases if c in pair.evidence and _is_silent(pair.evidence[c], metric)}
        n = max(len(failed.union(cases)), pair.expected_cases if group == WHOLE else 0)
        told = [failed_cases(failed, n, pair.failures)] if failed else []
        have = "has" if len(silent) == 1 else "have"
        told += [f"{len(silent)} of {counted(n, 'case')} {have} no {metric.name}{listed(silent)}"] if silent else []
        if column.problem and not (column.complete and (failed or missing)):
            told.append(column.problem)
        if not told and group == WHOLE and pair.error:
            told.append(pair.error)
        if not told and math.isnan(column.values["value"]):
            told.append(NOTHING)
        return "; ".join(told)


def _is_silent(evidence: Mapping[str, Any], metric: MetricSpec) -> bool:
    """Tell whether a case that was scored gives a metric nothing to go by."""
    from radbench.stats.aggregations.evidence import is_no_answer

    found = evidence.get(metric.observation)
    return found is None or (not isinstance(found, Mapping) and is_no_answer(found))


def _several(pairs: Sequence[PairResult]) -> list[list[int]]:
    """Return the places of each enhancer that was scored with several seeds."""
    found: dict[str, list[int]] = {}
    for place, pair in enumerate(pairs):
        if pair.seed is not None:
            found.setdefault(pair.enhancer, []).append(place)
    return [places for places in found.values() if len(places) > 1]


def _is_in(group: tuple[str, str], strata: Mapping[str, str]) -> bool:
    name, value = group
    return group == WHOLE or strata.get(name) == value
