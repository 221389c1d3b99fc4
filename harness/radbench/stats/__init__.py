"""Statistics of scores: patient-clustered bootstrap intervals, paired tests, corrections and ranks."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_HOME = {
    **dict.fromkeys(("Difference", "Interval", "centred_p_value", "percentile_interval"), "radbench.stats.intervals"),
    **dict.fromkeys(("bootstrap_difference", "bootstrap_mean", "mean_replicates"), "radbench.stats.means"),
    **dict.fromkeys(("holm", "wilcoxon"), "radbench.stats.significance"),
    **dict.fromkeys(("RankIntervals", "rank_intervals", "ranks_from_replicates"), "radbench.stats.ranks"),
    **dict.fromkeys(
        (
            "CurveBootstrap",
            "PairedCurveBootstrap",
            "ap_auroc",
            "ap_auroc_replicates",
            "bootstrap_ap_auroc",
            "paired_ap_auroc",
        ),
        "radbench.stats.curves",
    ),
    "resampled_counts": "radbench.stats.resampling",
}

__all__ = [
    "CurveBootstrap",
    "Difference",
    "Interval",
    "PairedCurveBootstrap",
    "RankIntervals",
    "ap_auroc",
    "ap_auroc_replicates",
    "bootstrap_ap_auroc",
    "bootstrap_difference",
    "bootstrap_mean",
    "centred_p_value",
    "holm",
    "mean_replicates",
    "paired_ap_auroc",
    "percentile_interval",
    "rank_intervals",
    "ranks_from_replicates",
    "resampled_counts",
    "wilcoxon",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'radbench.stats' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)


if TYPE_CHECKING:
    from radbench.stats.curves import (
        CurveBootstrap,
        PairedCurveBootstrap,
        ap_auroc,
        ap_auroc_replicates,
        bootstrap_ap_auroc,
        paired_ap_auroc,
    )
    from radbench.stats.intervals import Difference, Interval, centred_p_value, percentile_interval
    from radbench.stats.means import bootstrap_difference, bootstrap_mean, mean_replicates
    from radbench.stats.ranks import RankIntervals, rank_intervals, ranks_from_replicates
    from radbench.stats.resampling import resampled_counts
    from radbench.stats.significance import holm, wilcoxon
