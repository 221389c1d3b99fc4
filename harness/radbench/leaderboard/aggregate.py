"""Aggregation: raw per-case results of pairs become leaderboard rows with intervals, tests and ranks.

What the rows of one comparable set (task, data set, split, profile, seed, data fingerprint, task digest) hold:

- ``value``: the mean over the cases with a finite score; for AP and AUROC the score over all cases with a prediction.
- ``std``: over cases (n - 1); for AP and AUROC over the bootstrap replicates.
- ``ci_*``: 95 % patient-clustered bootstrap; widened to hold the value where a skewed bootstrap would leave it out.
- ``delta``: paired difference to ``original`` on the cases that both scored, enhancer minus original, whichever
  direction is better; empty for ``original`` itself and where it was not scored.
- ``p_value``: Wilcoxon signed-rank over patients for per-case scores, centred paired bootstrap for AP and AUROC.
- ``p_adjusted``: Holm over the printed table: all enhancers and metrics of one group.
- ``rank``: only among *complete* rows. A row is complete when every case that any enhancer scored was scored by its
  own enhancer too: nobody climbs by failing on hard cases. An incomplete row keeps its value, has no rank, and its
  ``error`` says ``k of n cases failed`` and which.

Non-finite scores count as "no answer". A failed pair keeps one row per metric, in group ``all``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from radbench.contracts import MetricSpec, NotComparableError, Status
from radbench.leaderboard.schema import COLUMNS, COMPARABLE_KEY, SCHEMA_VERSION, STATISTICS, validate

if TYPE_CHECKING:
    from pandas import DataFrame

    from radbench.leaderboard.statistics import Column

BASELINE = "original"
ALL = "all"
MOST_NAMED = 10
"""Case ids spelt out in an error; a count stands for the rest."""


@dataclass(frozen=True)
class PairResult:
    """One enhancer under one task on one data set with one seed, as the engine leaves it.

    Attributes:
        task, dataset, split, enhancer, profile, seed: what the pair is; labels with their variants.
        status: how it ended; anything but ``ok`` makes failed rows.
        error: one sentence on a failure; of a pair that is ok, what went wrong with single cases.
        metrics: in the order in which tables print them.
        scores: per case id, a value per metric; NaN where there is no answer.
        predictions: per case id, ``(label, score)`` per data-set-level metric (``aggregation`` "ap" or "auroc").
        failures: per case id that failed, the sentence why.
        patients: patient id per case id; a case that is not listed is its own patient.
        groups: group per case id; "" or not listed is in none.
        expected_cases: cases that the pair should have scored.
        fit_seconds, enhance_ms_per_case, peak_memory_mb, parameters: measured; None where it was not.
        device, precision, pretrained, dataset_fingerprint, enhancer_digest, task_digest, enhancer_plugin,
            task_plugin, radbench_version, git_commit, created_utc: the schema's columns of these names.
    """

    task: str
    dataset: str
    split: str
    enhancer: str
    profile: str
    seed: int
    metrics: tuple[MetricSpec, ...] = ()
    status: Status = Status.OK
    error: str = ""
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    predictions: Mapping[str, Mapping[str, tuple[float, float]]] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    patients: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)
    expected_cases: int = 0
    fit_seconds: float | None = None
    enhance_ms_per_case: float | None = None
    peak_memory_mb: float | None = None
    parameters: int | None = None
    device: str = ""
    precision: str = ""
    pretrained: str = ""
    dataset_fingerprint: str = ""
    enhancer_digest: str = ""
    task_digest: str = ""
    enhancer_plugin: str = ""
    task_plugin: str = ""
    radbench_version: str = ""
    git_commit: str = ""
    created_utc: str = ""


def leaderboard_rows(pairs: Iterable[PairResult], replicates: int = 5000, bootstrap_seed: int = 0) -> DataFrame:
    """Aggregate pairs into valid rows of schema version 1; the order of the pairs changes nothing.

    Args:
        pairs: results of one run; sets that do not compare are aggregated apart.
        replicates: bootstrap resamples.
        bootstrap_seed: their seed.

    Returns:
        Rows by task, data set, split, profile and seed; then enhancer (``original`` first, then by name), group
        (``all`` first) and metric (in the task's order).

    Raises:
        NotComparableError: two pairs of the same labels were scored on different data or by different tasks.
        SchemaError: a pair occurs twice, or a field breaks the schema.
    """
    import pandas as pd

    tables: dict[tuple[Any, ...], list[PairResult]] = defaultdict(list)
    for pair in pairs:
        tables[tuple(getattr(pair, name) for name in COMPARABLE_KEY)].append(pair)
    _refuse_clashes([pair for table in tables.values() for pair in table])
    rows: list[dict[str, Any]] = []
    for key in sorted(tables):
        rows.extend(_Table(tables[key], replicates, bootstrap_seed).rows())
    return validate(pd.DataFrame(rows, columns=list(COLUMNS)))


def _refuse_clashes(pairs: Sequence[PairResult]) -> None:
    seen: dict[tuple[Any, ...], PairResult] = {}
    for pair in pairs:
        labels = (pair.task, pair.dataset, pair.split, pair.enhancer, pair.profile, pair.seed)
        other = seen.setdefault(labels, pair)
        for name in ("dataset_fingerprint", "task_digest"):
            ours, theirs = getattr(pair, name), getattr(other, name)
            if ours != theirs:
                raise NotComparableError(
                    f"'{'/'.join(map(str, labels))}' was scored twice with another {name} "
                    f"({theirs[:12]} and {ours[:12]}): aggregate the two apart"
                )


class _Table:
    """One comparable set: the scores of its enhancers as arrays over the same cases."""

    def __init__(self, pairs: Sequence[PairResult], replicates: int, seed: int) -> None:
        self.pairs = sorted(pairs, key=lambda p: (p.enhancer != BASELINE, p.enhancer))
        self.scored = [p for p in self.pairs if p.status == Status.OK and (p.scores or p.predictions)]
        self.replicates, self.seed = replicates, seed
        self.metrics = list(dict.fromkeys(m for p in self.scored for m in p.metrics))
        self.cases = sorted({case for p in self.scored for case in (*p.scores, *p.predictions)})
        patients = {case: who for p in self.scored for case, who in p.patients.items()}
        self.patients = [patients.get(case, case) for case in self.cases]
        self.groups = {case: group for p in self.pairs for case, group in p.groups.items() if group}

    def rows(self) -> list[dict[str, Any]]:
        import numpy as np

        names = [self.groups.get(case, "") for case in self.cases]
        of_pair: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for group in ("", *sorted(set(self.groups.values()))):
            members = np.array([not group or name == group for name in names], dtype=bool)
            for pair, row in self._group_rows(group, members) if members.any() else ():
                of_pair[pair.enhancer].append(row)
        scored = {id(p) for p in self.scored}
        failed = {p.enhancer: _failed_rows(p) for p in self.pairs if id(p) not in scored}
        return [row for p in self.pairs for row in failed.get(p.enhancer, []) or of_pair[p.enhancer]]

    def _group_rows(self, group: str, members: Any) -> Iterable[tuple[PairResult, dict[str, Any]]]:
        from radbench.leaderboard.statistics import Comparison, adjust, dataset_columns, mean_columns

        at = [i for i, member in enumerate(members) if member]
        baseline = 0 if self.scored[0].enhancer == BASELINE else None
        comparison = Comparison([self.patients[i] for i in at], baseline, self.replicates, self.seed)
        columns: dict[MetricSpec, list[Column]] = {}
        means = [m for m in self.metrics if m.aggregation == "mean"]
        if means:
            tables = [self._scores(m)[:, at] for m in means]
            columns |= zip(means, mean_columns(tables, [m.direction for m in means], comparison), strict=True)
        curves = [m for m in self.metrics if m.aggregation != "mean"]
        if curves:
            labels, scores = zip(*((y[:, at], s[:, at]) for y, s in map(self._predictions, curves)), strict=True)
            columns |= zip(curves, dataset_columns(labels, scores, curves, comparison), strict=True)
        adjust([columns[m] for m in self.metrics])
        for place, pair in enumerate(self.scored):
            for metric in self.metrics:
                yield pair, self._row(pair, metric, group, columns[metric][place], [self.cases[i] for i in at])

    def _row(
        self, pair: PairResult, metric: MetricSpec, group: str, column: Column, cases: Sequence[str]
    ) -> dict[str, Any]:
        missing = {cases[i] for i in column.missing}
        failed = {case for case in pair.failures if not group or pair.groups.get(case) == group} - set(cases)
        error = column.problem
        if missing or failed:
            # Cases that every enhancer failed on are missing too, but leave the row complete.
            n = max(column.n_reference + len(failed), 0 if group else pair.expected_cases)
            error = f"{len(missing | failed)} of {n} cases failed: {_named(missing | failed, pair.failures)}"
        elif not group:
            error = error or pair.error
        if math.isnan(column.values["value"]) and not error:
            error = "no case has a finite score"
        return {
            **_common(pair),
            **column.values,
            "group": _safe_group(group),
            "metric": metric.name,
            "direction": metric.direction,
            "n_cases": column.n_cases,
            "n_patients": column.n_patients,
            "status": str(Status.OK),
            "error": _clean(error),
        }

    def _scores(self, metric: MetricSpec) -> Any:
        import numpy as np

        table = np.array(
            [[p.scores.get(case, {}).get(metric.name, math.nan) for case in self.cases] for p in self.scored],
            dtype=np.float64,
        )
        table[~np.isfinite(table)] = np.nan
        return table

    def _predictions(self, metric: MetricSpec) -> tuple[Any, Any]:
        import numpy as np

        none = (math.nan, math.nan)
        pairs = np.array(
            [[p.predictions.get(case, {}).get(metric.name, none) for case in self.cases] for p in self.scored],
            dtype=np.float64,
        )
        pairs[~np.isfinite(pairs).all(axis=2)] = np.nan
        return pairs[:, :, 0], pairs[:, :, 1]


def _failed_rows(pair: PairResult) -> list[dict[str, Any]]:
    status, error = pair.status, pair.error
    if status == Status.OK:
        # Nothing was scored at all: that is no success, whatever the pair thinks.
        status = Status.ERROR
        n = max(pair.expected_cases, len(pair.failures))
        error = error or f"{n} of {n} cases failed: {_named(set(pair.failures), pair.failures)}"
    error = _clean(error or f"ended as '{status}' without a message")
    named: list[tuple[str, str]] = [(m.name, m.direction) for m in pair.metrics] or [("", "")]
    nothing = dict.fromkeys(STATISTICS, math.nan) | {"n_cases": 0, "n_patients": 0, "group": ALL}
    ending = {"status": str(status), "error": error}
    return [_common(pair) | nothing | ending | {"metric": name, "direction": way} for name, way in named]


def _common(pair: PairResult) -> dict[str, Any]:
    values: dict[str, Any] = {"schema_version": SCHEMA_VERSION}
    for name, column in COLUMNS.items():
        if name in PairResult.__dataclass_fields__:
            value = getattr(pair, name)
            values[name] = _clean(str(value)) if column.kind == "text" else math.nan if value is None else value
    return values


def _named(cases: set[str], failures: Mapping[str, str]) -> str:
    ordered = sorted(cases)
    text = ", ".join(ordered[:MOST_NAMED])
    if len(ordered) > MOST_NAMED:
        text += f" and {len(ordered) - MOST_NAMED} more"
    reasons = list(dict.fromkeys(failures[case] for case in ordered if failures.get(case)))
    if reasons:
        text += f" ({reasons[0]}{'; other reasons too' if len(reasons) > 1 else ''})"
    return text


def _safe_group(group: str) -> str:
    """A group that is itself called "all" must not be taken for the whole."""
    return f"{group} (group)" if group == ALL else _clean(group) or ALL


def _clean(text: str) -> str:
    """File names may hold bytes that are no text; they are shown as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
