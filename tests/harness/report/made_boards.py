"""Leaderboards that the tests of reports share: published rows with their per-case scores, easy to foretell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from radbench.contracts import MetricSpec
from radbench.contracts.evidence import Prediction
from radbench.leaderboard.aggregate import PairResult, leaderboard_rows
from radbench.leaderboard.privacy import anonymous, publishable
from radbench.leaderboard.publish import publish
from radbench.leaderboard.sources import Source

METRICS = (MetricSpec("dice", "higher", primary=True), MetricSpec("rmse", "lower"))
N = 40


def pair(enhancer: str, shift: float = 0.0, *, n: int = N, seed: int | None = None, **changes: Any) -> PairResult:
    """Return an enhancer whose every case is better than that of ``original`` by about ``shift``."""
    noise = np.random.default_rng([*map(ord, enhancer), seed or 0]).normal(shift, 0.02, n)
    base = np.linspace(0.4, 0.8, n) + noise
    facts: dict[str, Any] = {
        "metrics": METRICS,
        "evidence": {f"c{k:04}": {"dice": float(b), "rmse": float(1 - b)} for k, b in enumerate(base)},
        "patients": {f"c{k:04}": f"p{k // 2}" for k in range(n)},
        "groups": {f"c{k:04}": {"side": "left" if k % 2 else "right"} for k in range(n)},
        "digests": {f"c{k:04}": f"{k:04x}{'ab' * 6}" for k in range(n)},
        "expected_cases": n,
        "cases_digest": "5a" * 8,
        "task_digest": "cd" * 8,
        "dataset_fingerprint": "ab" * 32,
        "created_utc": "2025-11-21T08:00:00Z",
        "licence": "CC BY 4.0",
        "citation": "Doe & Roe 2020, A collection of lesions, CVPR",
        "radbench_version": "0.2.0",
        "enhancer_digest": "ef" * 8,
    }
    facts |= {"task": "grabcut", "dataset": "lesions"} | changes
    return PairResult(split="test", enhancer=enhancer, profile="quick", seed=seed, **facts)


def cad(enhancer: str, sharpness: float, n: int = 60) -> PairResult:
    """Return an enhancer under a task that gives probabilities."""
    rng = np.random.default_rng([*map(ord, enhancer)])
    labels = (np.arange(n) % 3 == 0).astype(float)
    scores = np.clip(0.5 + sharpness * (labels - 0.5) + rng.normal(0, 0.15, n), 0, 1)
    evidence = {f"c{k:04}": {"finding": {"mass": Prediction(float(labels[k]), float(scores[k]))}} for k in range(n)}
    metrics = (
        MetricSpec("auroc", "higher", of="finding", aggregation="auroc", over_facets="mean", primary=True),
        MetricSpec("ece", "lower", of="finding", aggregation="ece", over_facets="mean"),
    )
    return pair(enhancer, n=n, task="cad", dataset="films", evidence=evidence, metrics=metrics)


def published(folder: Path, *pairs: PairResult) -> Path:
    """Publish pairs and return the folder."""
    publish(Source(publishable(leaderboard_rows(pairs, 300)), [anonymous(one) for one in pairs]), folder)
    return folder
