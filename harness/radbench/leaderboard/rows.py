"""Rows: what a leaderboard says of a pair, or of the pairs of several seeds, beside the statistics."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from radbench.contracts import MetricSpec, Status
from radbench.engine.keep.texts import counted, listed
from radbench.leaderboard.columns import ALL, COLUMNS, SCHEMA_VERSION, STATISTICS
from radbench.leaderboard.pairs import PairResult

_TOLD_OF_EACH = ("numerics", "device", "git_commit", "enhancer_plugin", "task_plugin", "radbench_version")
"""Texts in which seeds may differ: a row of several names them all."""

_LONGEST = ("fit_seconds", "enhance_ms_per_case", "peak_memory_mb", "task_fit_seconds")
"""Of several seeds the most that one of them took."""


def common(pairs: Sequence[PairResult]) -> dict[str, Any]:
    """Return what a row says of its pair, or of the pairs of several seeds."""
    first = pairs[0]
    seeds = [p.seed for p in pairs if p.seed is not None]
    values: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "facet": "", "reference": "", "n_seeds": len(seeds)}
    for name, column in COLUMNS.items():
        if name in PairResult.__dataclass_fields__:
            given = [getattr(p, name) for p in pairs]
            value = first.__dict__[name]
            if name in _TOLD_OF_EACH:
                value = "; ".join(dict.fromkeys(filter(None, map(str, given))))
            elif name in _LONGEST:
                value = max((v for v in given if v is not None), default=None)
            elif name == "created_utc":
                value = max(given)
            values[name] = clean(str(value)) if column.kind == "text" else math.nan if value is None else value
    several = len(pairs) > 1
    values["seed"] = math.nan if several or first.seed is None else first.seed
    values["seeds"] = _ranges(sorted(seeds)) if several else ""
    values["scores_digest"] = "" if several else first.scores_digest
    return values


def _ranges(seeds: Sequence[int]) -> str:
    """Return numbers as ``--seed`` takes them: "0-2,7"."""
    runs: list[list[int]] = []
    for seed in seeds:
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def primary(pair: PairResult) -> MetricSpec:
    """Return the metric that decides: the one that the task names, or its first."""
    return next((m for m in pair.metrics if m.primary), pair.metrics[0])


def metric_facts(pair: PairResult, metric: MetricSpec) -> dict[str, str]:
    """Return what a row says of its metric."""
    decides = "true" if metric == primary(pair) else "false"
    return {
        "metric": metric.name,
        "direction": metric.direction,
        "primary": decides,
        "observation": clean(metric.observation),
    }


def aggregation_text(metric: MetricSpec) -> str:
    """Return how a metric is aggregated, with its parameters, as a row says it."""
    given = ",".join(f"{name}={repr(float(value)).removesuffix('.0')}" for name, value in metric.parameters)
    return f"{metric.aggregation}[{given}]" if given else metric.aggregation


def failed_rows(pair: PairResult) -> list[dict[str, Any]]:
    """Return the rows of a pair that scored nothing: one for each of its metrics."""
    status, error = pair.status, pair.error
    if not error and (pair.failures or status == Status.OK):
        n = max(pair.expected_cases, len(pair.failures))
        error = failed_cases(set(pair.failures), n, pair.failures, n)
    # Nothing was scored at all: that is no success, whatever the pair thinks.
    status = Status.ERROR if status == Status.OK else status
    error = clean(error or f"ended as '{status}' without a message")
    nothing: dict[str, Any] = dict.fromkeys(STATISTICS, math.nan) | {"n_cases": 0, "n_patients": 0}
    nothing |= {"n_positive": None, "n_positive_patients": None}
    ending = {"group": ALL, "p_test": "", "family": "", "status": str(status), "error": error}
    unnamed = {"metric": "", "direction": "", "primary": "", "observation": "", "aggregation": ""}
    named = [metric_facts(pair, m) | {"aggregation": aggregation_text(m)} for m in pair.metrics] or [unnamed]
    return [common([pair]) | nothing | ending | metric for metric in named]


def failed_cases(cases: set[str], n: int, failures: Mapping[str, str], at_least: int = 0) -> str:
    """Return how many of n cases failed, which, and the first reason."""
    reasons = list(dict.fromkeys(failures[case] for case in sorted(cases) if failures.get(case)))
    why = f": {reasons[0]}{'; other reasons too' if len(reasons) > 1 else ''}" if reasons else ""
    return f"{max(len(cases), at_least)} of {counted(n, 'case')} failed{listed(cases)}{why}"


def clean(text: str) -> str:
    """File names may hold bytes that are no text; they are shown as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
