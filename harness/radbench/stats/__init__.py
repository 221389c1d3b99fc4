"""Statistics of scores: patient-clustered bootstrap intervals, paired tests, corrections and ranks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radbench.on_demand import on_demand

_ROOMS = {
    **dict.fromkeys(("Difference", "Interval", "centred_p_value", "percentile_interval"), "intervals"),
    **dict.fromkeys(("bootstrap_difference", "bootstrap_mean", "mean_replicates"), "means"),
    **dict.fromkeys(("holm", "wilcoxon"), "significance"),
    **dict.fromkeys(("RankIntervals", "rank_intervals", "ranks_from_replicates"), "ranks"),
    **dict.fromkeys(
        (
            "CurveBootstrap",
            "PairedCurveBootstrap",
            "ap_auroc",
            "ap_auroc_replicates",
            "bootstrap_ap_auroc",
            "paired_ap_auroc",
        ),
        "curves",
    ),
    **dict.fromkeys(("Resampling", "resampled_counts"), "resampling"),
}

__all__ = [
    "CurveBootstrap",
    "Difference",
    "Interval",
    "PairedCurveBootstrap",
    "RankIntervals",
    "Resampling",
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

__getattr__, __dir__ = on_demand(__name__, _ROOMS)

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
    from radbench.stats.resampling import Resampling, resampled_counts
    from radbench.stats.significance import holm, wilcoxon
