"""Bootstrap of AP and AUROC: the loop over scikit-learn against radbench.stats, side by side in one process.

Run ``python benchmarks/bootstrap.py [--cases 11000] [--replicates 5000] [--repeats 5] [--sklearn-replicates 100]``.
Both compute AP and AUROC on the same resamples. The loop's time is that of the first ``--sklearn-replicates``
resamples, scaled to all (every replicate costs it the same); ours is of all of them. The largest disagreement over
the replicates that both computed is printed too.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from machine import cpu_model
from sklearn.metrics import average_precision_score, roc_auc_score

from radbench.stats import ap_auroc_replicates, resampled_counts

SETTINGS = {
    "1 % positive": {"prevalence": 0.01},
    "10 % positive": {"prevalence": 0.1},
    "10 % positive, 2,750 patients": {"prevalence": 0.1, "cases_per_patient": 4},
    "10 % positive, scores to 2 digits": {"prevalence": 0.1, "decimals": 2},
    "50 % positive": {"prevalence": 0.5},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=11_000)
    parser.add_argument("--replicates", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sklearn-replicates", type=int, default=100)
    options = parser.parse_args()
    machine = {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("numpy", "scipy", "scikit-learn")},
    }
    print(", ".join(f"{k} {v}" for k, v in machine.items()))
    rows = []
    for name, setting in SETTINGS.items():
        rows.append({"setting": name, **compare(options, **setting)})
        print_row(rows[-1], options)
    shared = {
        "cases": options.cases,
        "replicates": options.replicates,
        "repeats": options.repeats,
        "sklearn_replicates_timed": options.sklearn_replicates,
    }
    out = Path(__file__).parent / "results" / "bootstrap.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps({"machine": machine, **shared, "rows": rows}, indent=1) + "\n")
    print(f"written to {out.relative_to(Path(__file__).parent.parent)}")


def compare(
    options: argparse.Namespace, prevalence: float, cases_per_patient: int = 1, decimals: int | None = None
) -> dict[str, float]:
    random = np.random.default_rng(0)
    n = options.cases
    labels = (random.random(n) < prevalence).astype(int)
    scores = random.normal(size=n) + labels
    if decimals is not None:
        scores = scores.round(decimals)
    patients = None if cases_per_patient == 1 else [f"p{i // cases_per_patient}" for i in range(n)]
    counts = next(resampled_counts(n, patients, options.sklearn_replicates, 0, options.sklearn_replicates))
    everyone = np.arange(n)
    loops, ours = [], []
    for _ in range(options.repeats):
        start = time.perf_counter()
        loop = []
        for row in counts:
            taken = np.repeat(everyone, row)
            y, s = labels[taken], scores[taken]
            loop.append((average_precision_score(y, s), roc_auc_score(y, s)))
        loops.append((time.perf_counter() - start) * options.replicates / len(counts))
        start = time.perf_counter()
        ap, auroc = ap_auroc_replicates(labels, scores, patients, options.replicates, 0)
        ours.append(time.perf_counter() - start)
    both = np.stack([ap[0], auroc[0]], axis=1)[: len(loop)]
    rival, mine = statistics.median(loops), statistics.median(ours)
    return {
        "sklearn_seconds_scaled": round(rival, 3),
        "radbench_seconds": round(mine, 4),
        "ratio": round(rival / mine, 1),
        "largest_disagreement": float(np.abs(both - np.array(loop)).max()),
    }


def print_row(row: dict[str, float], options: argparse.Namespace) -> None:
    print(
        f"| AP and AUROC, {options.replicates:,} replicates, n = {options.cases:,}, {row['setting']} "
        f"| scikit-learn loop {row['sklearn_seconds_scaled']:.1f} s (from {options.sklearn_replicates} replicates) "
        f"| radbench {row['radbench_seconds']:.2f} s | {row['ratio']:.0f}x "
        f"| differ by at most {row['largest_disagreement']:.0e} |"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
