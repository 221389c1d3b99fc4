"""Aggregation: raw per-case evidence of pairs becomes leaderboard rows with intervals, tests and ranks.

What the rows of one comparable set (task, data set, split, profile, data, cases and truth) hold; its entries are the
enhancers with each of their seeds, all compared on the same resamples:

- ``value``: what the metric's aggregation gives (:mod:`radbench.stats.aggregations`).
- ``facet``: "" for the whole, which is what the task gave as a whole or, where the metric says so, the mean over the
  facets; and a row for each facet that any enhancer gave.
- ``std``: over cases (n - 1) where numbers are averaged; else over the bootstrap replicates.
- ``ci_*``: 95 %, patients as clusters: of means the farther ends of t and bootstrap-t (:mod:`radbench.stats.both`), of
  shares Korn and Graubard's, of AUROC and AP those of :mod:`radbench.stats.areas` and :mod:`radbench.stats.precision`,
  else the bootstrap's percentiles, widened to hold the value. Of means none below six patients.
- ``delta``: paired difference to the reference on the cases that both scored, enhancer minus reference, whichever
  direction is better; empty for the reference itself and where it was not scored. The reference is the task's baseline
  with the same seed, else the one that no seed changes; what no seed changes is compared with the baseline's only seed,
  and with none of several: one would have to be picked.
- ``p_value``: of that very difference, by the rule of its interval; of what is bootstrapped, the centred one;
  ``p_test`` says which. ``p_wilcoxon`` is Wilcoxon's, of patients' means. Neither where one of the two lacks cases.
- ``p_adjusted``: Holm over the printed table: all entries and metrics of one group and facet.
- ``rank``: only among *complete* rows. A row is complete when every case that any enhancer scored was scored by its
  own enhancer too: nobody climbs by failing on hard cases. An incomplete row keeps its value, has no rank, and its
  ``error`` says ``k of n cases failed``, which and why. What stands on weights that lacked lessons has neither
  test nor rank.

Messages are whole: the rows are their user's own until :mod:`radbench.leaderboard.privacy` makes them publishable.
Non-finite scores count as "no answer". A failed pair keeps one row per metric, in group ``all``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from radbench.contracts import MetricSpec, NotComparableError, Status
from radbench.engine.keep.texts import counted, listed
from radbench.leaderboard.columns import (
    ALL,
    BASELINE,
    COLUMNS,
    COMPARABLE_KEY,
    FAMILY,
    IDENTIFYING,
    OVER_FACETS,
    SCHEMA_VERSION,
    STATISTICS,
    TABLE_KEY,
)
from radbench.leaderboard.comparing import facet_order, joined
from radbench.leaderboard.pairs import PairResult
from radbench.leaderboard.schema import validate

if TYPE_CHECKING:
    from pandas import DataFrame

    from radbench.leaderboard.statistics import Column, Comparison, Facet

__all__ = ["PairResult", "leaderboard_rows"]

NOTHING = "no case has a finite score"

WHOLE = ("", "")
"""The group of all cases, as (name, value)."""


def leaderboard_rows(pairs: Iterable[PairResult], replicates: int = 5000, bootstrap_seed: int = 0) -> DataFrame:
    """Aggregate pairs into valid rows; the order of the pairs changes nothing.

    Args:
        pairs: results of one run; sets that do not compare are aggregated apart.
        replicates: bootstrap resamples.
        bootstrap_seed: their seed.

    Returns:
        Rows by task, data set, split and profile; then enhancer (the baseline first, then by name), seed, group
        (``all`` first), metric (in the task's order) and facet (the whole first).

    Raises:
        NotComparableError: pairs of the same labels were scored on different cases, by different tasks, or with
            different enhancers.
        SchemaError: a pair occurs twice, or a field breaks the schema.
    """
    import pandas as pd

    pairs = [*pairs]
    _refuse_clashes(pairs)
    keys = joined([_key(p) for p in pairs], [p.scored for p in pairs])
    tables: dict[tuple[str, ...], list[PairResult]] = defaultdict(list)
    for key, pair in zip(keys, pairs, strict=True):
        tables[key].append(pair)
    rows: list[dict[str, Any]] = []
    for key in sorted(tables):
        rows.extend(_Table(tables[key], replicates, bootstrap_seed).rows())
    return validate(pd.DataFrame(rows, columns=list(COLUMNS)))


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


class _Table:
    """One comparable set: the evidence of its entries over the same cases."""

    def __init__(self, pairs: Sequence[PairResult], replicates: int, seed: int) -> None:
        def place(p: PairResult) -> tuple[bool, bool, str, bool, int]:
            return p.enhancer != p.baseline, p.enhancer != BASELINE, p.enhancer, p.seed is not None, p.seed or 0

        self.pairs = sorted(pairs, key=place)
        self.scored = [p for p in self.pairs if p.scored]
        self.replicates, self.seed = replicates, seed
        self.metrics = list(dict.fromkeys(m for p in self.scored for m in p.metrics))
        self.cases = sorted({case for p in self.scored for case in p.evidence})
        patients = {case: who for p in self.scored for case, who in p.patients.items()}
        self.patients = [patients.get(case, case) for case in self.cases]
        self.groups = {case: strata for p in self.pairs for case, strata in p.groups.items()}
        self.observed = {m.observation: _Observed(m.observation, self.scored, self.cases) for m in self.metrics}

    def rows(self) -> list[dict[str, Any]]:
        import numpy as np

        rows: dict[int, list[dict[str, Any]]] = {id(p): [] if p.scored else _failed_rows(p) for p in self.pairs}
        strata = {(name, value) for own in self.groups.values() for name, value in own.items() if value}
        for group in (WHOLE, *sorted(strata)):
            members = [i for i, case in enumerate(self.cases) if _is_in(group, self.groups.get(case, {}))]
            for pair, row in self._group_rows(group, np.array(members)) if members else ():
                rows[id(pair)].append(row)
        return [row for p in self.pairs for row in rows[id(p)]]

    def _group_rows(self, group: tuple[str, str], members: Any) -> Iterator[tuple[PairResult, dict[str, Any]]]:
        from radbench.leaderboard.statistics import Comparison, adjust
        from radbench.stats.resampling import Resampling

        resampling = Resampling(tuple(self.patients[i] for i in members), self.replicates, self.seed)
        references = [self._reference(p) for p in self.scored]
        comparison = Comparison(resampling, references, [bool(p.lacking) for p in self.scored])
        columns: dict[tuple[MetricSpec, str], list[Column]] = {}
        over: set[MetricSpec] = set()
        for metric in self.metrics:
            observed = self.observed[metric.observation]
            named = observed.named
            if metric.over_facets == "mean" and named:
                over.add(metric)
                columns[metric, ""] = self._columns(metric, named, members, comparison, over_facets=True)
            elif observed.whole or not named:
                columns[metric, ""] = self._columns(metric, [""], members, comparison)
            for facet in named:
                columns[metric, facet] = self._columns(metric, [facet], members, comparison)
        for facet in dict.fromkeys(facet for _, facet in columns):
            adjust([column for (_, name), column in columns.items() if name == facet])
        cases = [self.cases[i] for i in members]
        for place, pair in enumerate(self.scored):
            for (metric, facet), found in columns.items():
                at = references[place]
                row = self._row(pair, metric, group, found[place], cases, None if at is None else self.scored[at])
                averaged = OVER_FACETS if metric in over and not facet else ""
                yield pair, row | {"facet": _clean(facet), "aggregation": _aggregation(metric) + averaged}

    def _columns(
        self, metric: MetricSpec, facets: Sequence[str], members: Any, comparison: Comparison, over_facets: bool = False
    ) -> list[Column]:
        from radbench.leaderboard.statistics import metric_columns, unreadable

        observed = self.observed[metric.observation]
        if observed.problem:
            return unreadable(observed.problem, len(self.scored))
        return metric_columns(metric, [observed.facet(name, members) for name in facets], comparison, over_facets)

    def _reference(self, pair: PairResult) -> int | None:
        if pair.enhancer == pair.baseline:
            return None
        seeds = {p.seed: i for i, p in enumerate(self.scored) if p.enhancer == pair.baseline}
        if pair.seed is None and len(seeds) == 1:
            return next(iter(seeds.values()))
        return seeds.get(pair.seed, seeds.get(None))

    def _row(
        self,
        pair: PairResult,
        metric: MetricSpec,
        group: tuple[str, str],
        column: Column,
        cases: Sequence[str],
        reference: PairResult | None,
    ) -> dict[str, Any]:
        error = self._error(pair, metric, group, column, cases)
        if math.isnan(column.values["delta"]):
            reference = None
        untested = ""
        if reference is not None and reference.lacking and not pair.lacking:
            untested = f"not tested, because of '{reference.enhancer}': {reference.lacking}"
        return {
            **_common(pair),
            **column.values,
            **_metric(pair, metric),
            "group": ALL if group == WHOLE else _clean("=".join(group)),
            "n_cases": column.n_cases,
            "n_patients": column.n_patients,
            "n_positive": column.n_positive,
            "reference": "" if reference is None else _clean(reference.enhancer),
            "p_test": column.p_test,
            "family": "" if math.isnan(column.values["p_adjusted"]) else FAMILY,
            "status": str(Status.OK),
            "error": _clean("; ".join(filter(None, (pair.lacking, untested, error)))),
        }

    def _error(
        self, pair: PairResult, metric: MetricSpec, group: tuple[str, str], column: Column, cases: Sequence[str]
    ) -> str:
        """Return what went wrong with a row: with which of its cases, and with the metric itself."""
        failed = {case for case in pair.failures if _is_in(group, self.groups.get(case, {}))}
        missing = {cases[i] for i in column.missing} - failed
        silent = {c for c in cases if c in pair.evidence and _is_silent(pair.evidence[c], metric)} | missing
        n = max(len(failed.union(cases)), pair.expected_cases if group == WHOLE else 0)
        told = [_failed(failed, n, pair.failures)] if failed else []
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


class _Observed:
    """One observation of all entries, by facet, as arrays over the table's cases."""

    def __init__(self, name: str, pairs: Sequence[PairResult], cases: Sequence[str]) -> None:
        from radbench.contracts.errors import PluginError
        from radbench.stats.aggregations import gathered
        from radbench.stats.aggregations.evidence import is_no_answer

        by_facet: dict[str, list[dict[str, Any]]] = {}
        for e, pair in enumerate(pairs):
            for case, evidence in pair.evidence.items():
                if name not in evidence:
                    continue
                found = evidence[name]
                if not isinstance(found, Mapping) and is_no_answer(found):
                    continue
                for facet, one in (found if isinstance(found, Mapping) else {"": found}).items():
                    by_facet.setdefault(facet, [{} for _ in pairs])[e][case] = one
        self.problem = ""
        self.whole = "" in by_facet
        self.named = sorted((facet for facet in by_facet if facet), key=facet_order)
        self._offered = {facet: [bool(mine) for mine in given] for facet, given in by_facet.items()}
        nobody: list[dict[str, Any]] = [{} for _ in pairs]
        try:
            self._gathered = {
                facet: gathered([[mine.get(case) for case in cases] for mine in by_facet.get(facet, nobody)])
                for facet in {"", *by_facet}
            }
        except PluginError as e:
            self.problem = f"'{name}': {e}"

    def facet(self, name: str, members: Any) -> Facet:
        from radbench.leaderboard.statistics import Facet

        evidence = self._gathered[name]
        # The whole is asked of everybody; a facet is only offered.
        offered = self._offered.get(name) if name else None
        return Facet(name, [one.take(members) for one in evidence], offered or [True] * len(evidence))


def _failed_rows(pair: PairResult) -> list[dict[str, Any]]:
    status, error = pair.status, pair.error
    if not error and (pair.failures or status == Status.OK):
        n = max(pair.expected_cases, len(pair.failures))
        error = _failed(set(pair.failures), n, pair.failures, n)
    # Nothing was scored at all: that is no success, whatever the pair thinks.
    status = Status.ERROR if status == Status.OK else status
    error = _clean(error or f"ended as '{status}' without a message")
    nothing: dict[str, Any] = dict.fromkeys(STATISTICS, math.nan) | {"n_cases": 0, "n_patients": 0, "n_positive": None}
    ending = {"group": ALL, "p_test": "", "family": "", "status": str(status), "error": error}
    unnamed = {"metric": "", "direction": "", "primary": "", "aggregation": ""}
    named = [_metric(pair, m) | {"aggregation": _aggregation(m)} for m in pair.metrics] or [unnamed]
    return [_common(pair) | nothing | ending | metric for metric in named]


def _common(pair: PairResult) -> dict[str, Any]:
    values: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "facet": "", "reference": ""}
    values["n_seeds"] = 0 if pair.seed is None else 1
    for name, column in COLUMNS.items():
        if name in PairResult.__dataclass_fields__:
            value = getattr(pair, name)
            values[name] = _clean(str(value)) if column.kind == "text" else math.nan if value is None else value
    return values


def _metric(pair: PairResult, metric: MetricSpec) -> dict[str, str]:
    primary = next((m for m in pair.metrics if m.primary), pair.metrics[0])
    decides = "true" if metric == primary else "false"
    return {"metric": metric.name, "direction": metric.direction, "primary": decides}


def _aggregation(metric: MetricSpec) -> str:
    given = ",".join(f"{name}={value:g}" for name, value in metric.parameters)
    return f"{metric.aggregation}[{given}]" if given else metric.aggregation


def _is_in(group: tuple[str, str], strata: Mapping[str, str]) -> bool:
    name, value = group
    return group == WHOLE or strata.get(name) == value


def _failed(cases: set[str], n: int, failures: Mapping[str, str], at_least: int = 0) -> str:
    """Return how many of n cases failed, which, and the first reason."""
    reasons = list(dict.fromkeys(failures[case] for case in sorted(cases) if failures.get(case)))
    why = f": {reasons[0]}{'; other reasons too' if len(reasons) > 1 else ''}" if reasons else ""
    return f"{max(len(cases), at_least)} of {counted(n, 'case')} failed{listed(cases)}{why}"


def _clean(text: str) -> str:
    """File names may hold bytes that are no text; they are shown as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
