"""Pairs that the tests of aggregation share: scores that are easy to foretell, with seeds, findings and facets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from radbench.contracts import MetricSpec
from radbench.contracts.evidence import Prediction
from radbench.leaderboard.aggregate import PairResult, leaderboard_rows

DICE = MetricSpec("dice", "higher")
N = 40
RNG = np.random.default_rng(0)
FINDINGS = ("mass", "nodule")
LABELS = {f: (RNG.random(N) < 0.4).astype(float) for f in FINDINGS}
SCORES = {
    e: {f: LABELS[f] * k * 0.3 + RNG.random(N) for f in FINDINGS} for k, e in enumerate(("original", "he", "wls"))
}


def pair(enhancer: str, evidence: dict[str, Any], *metrics: MetricSpec, **changes: Any) -> PairResult:
    facts: dict[str, Any] = {
        "task": "cad",
        "dataset": "phantom-cxr",
        "split": "test",
        "profile": "quick",
        "seed": None,
        "expected_cases": len(evidence),
        "dataset_fingerprint": "ab" * 32,
        "task_digest": "cd" * 8,
        "cases_digest": "ef" * 8,
    }
    return PairResult(enhancer=enhancer, metrics=metrics, evidence=evidence, **{**facts, **changes})


def dice(enhancer: str, scores: Any, **changes: Any) -> PairResult:
    return pair(enhancer, {f"c{k:02}": {"dice": float(s)} for k, s in enumerate(scores)}, DICE, **changes)


def noise(seed: int, shift: float = 0.0) -> Any:
    return np.random.default_rng(seed).normal(0.6 + shift, 0.1, N)


def rows(*pairs: PairResult, replicates: int = 300) -> pd.DataFrame:
    return leaderboard_rows(pairs, replicates)


def one(frame: pd.DataFrame, enhancer: str, **where: Any) -> pd.Series:
    found = frame[frame["enhancer"] == enhancer]
    for name, value in {"group": "all", "facet": "", **where}.items():
        found = found[found[name] == value]
    assert len(found) == 1
    return found.iloc[0]


def cad(enhancer: str, over: str = "mean", findings: Any = FINDINGS, **changes: Any) -> PairResult:
    metrics = (
        MetricSpec("ap", "higher", of="findings", aggregation="ap", over_facets=over),  # type: ignore[arg-type]
        MetricSpec("auroc", "higher", of="findings", aggregation="auroc", over_facets=over, primary=True),  # type: ignore[arg-type]
    )
    evidence = {
        f"c{k:02}": {"findings": {f: Prediction(LABELS[f][k], SCORES[enhancer][f][k]) for f in findings}}
        for k in range(N)
    }
    return pair(enhancer, evidence, *metrics, **changes)
