"""Statistics of scores: intervals and tests with patients as clusters, families, ranks, seeds, power, readers."""

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
    **dict.fromkeys(
        (
            "Clusters",
            "bell_mccaffrey",
            "clustered",
            "cr2_error",
            "effective_patients",
        ),
        "clusters",
    ),
    **dict.fromkeys(
        (
            "Studentised",
            "studentised_draws",
        ),
        "studentised",
    ),
    **dict.fromkeys(
        (
            "Estimate",
            "clustered_mean",
            "clustered_means",
            "margin_p",
            "paired_difference",
            "standardised_difference",
        ),
        "both",
    ),
    **dict.fromkeys(
        (
            "EffectSize",
            "effect_size",
        ),
        "effects",
    ),
    **dict.fromkeys(("sign_flip",), "signs"),
    **dict.fromkeys(
        (
            "Family",
            "adjusted_p_values",
            "simultaneous_ranks",
        ),
        "families",
    ),
    **dict.fromkeys(("proportion",), "proportions"),
    **dict.fromkeys(
        (
            "area_covariance",
            "auroc",
            "auroc_difference",
        ),
        "areas",
    ),
    **dict.fromkeys(
        (
            "average_precision",
            "average_precision_difference",
        ),
        "precision",
    ),
    **dict.fromkeys(
        (
            "Pooled",
            "pooled_difference",
            "pooled_mean",
        ),
        "seeds",
    ),
    **dict.fromkeys(
        (
            "detectable_difference",
            "detectable_with",
            "patients_needed",
        ),
        "power",
    ),
    **dict.fromkeys(
        (
            "ReaderAnalysis",
            "ReaderComponents",
            "jackknife_covariance",
            "obuchowski_rockette",
        ),
        "readers",
    ),
}

__all__ = [
    "Clusters",
    "CurveBootstrap",
    "Difference",
    "EffectSize",
    "Estimate",
    "Family",
    "Interval",
    "PairedCurveBootstrap",
    "Pooled",
    "RankIntervals",
    "ReaderAnalysis",
    "ReaderComponents",
    "Resampling",
    "Studentised",
    "adjusted_p_values",
    "ap_auroc",
    "ap_auroc_replicates",
    "area_covariance",
    "auroc",
    "auroc_difference",
    "average_precision",
    "average_precision_difference",
    "bell_mccaffrey",
    "bootstrap_ap_auroc",
    "bootstrap_difference",
    "bootstrap_mean",
    "centred_p_value",
    "clustered",
    "clustered_mean",
    "clustered_means",
    "cr2_error",
    "detectable_difference",
    "detectable_with",
    "effect_size",
    "effective_patients",
    "holm",
    "jackknife_covariance",
    "margin_p",
    "mean_replicates",
    "obuchowski_rockette",
    "paired_ap_auroc",
    "paired_difference",
    "patients_needed",
    "percentile_interval",
    "pooled_difference",
    "pooled_mean",
    "proportion",
    "rank_intervals",
    "ranks_from_replicates",
    "resampled_counts",
    "sign_flip",
    "simultaneous_ranks",
    "standardised_difference",
    "studentised_draws",
    "wilcoxon",
]

__getattr__, __dir__ = on_demand(__name__, _ROOMS)

if TYPE_CHECKING:
    from radbench.stats.areas import area_covariance, auroc, auroc_difference
    from radbench.stats.both import (
        Estimate,
        clustered_mean,
        clustered_means,
        margin_p,
        paired_difference,
        standardised_difference,
    )
    from radbench.stats.clusters import Clusters, bell_mccaffrey, clustered, cr2_error, effective_patients
    from radbench.stats.curves import (
        CurveBootstrap,
        PairedCurveBootstrap,
        ap_auroc,
        ap_auroc_replicates,
        bootstrap_ap_auroc,
        paired_ap_auroc,
    )
    from radbench.stats.effects import EffectSize, effect_size
    from radbench.stats.families import Family, adjusted_p_values, simultaneous_ranks
    from radbench.stats.intervals import Difference, Interval, centred_p_value, percentile_interval
    from radbench.stats.means import bootstrap_difference, bootstrap_mean, mean_replicates
    from radbench.stats.power import detectable_difference, detectable_with, patients_needed
    from radbench.stats.precision import average_precision, average_precision_difference
    from radbench.stats.proportions import proportion
    from radbench.stats.ranks import RankIntervals, rank_intervals, ranks_from_replicates
    from radbench.stats.readers import ReaderAnalysis, ReaderComponents, jackknife_covariance, obuchowski_rockette
    from radbench.stats.resampling import Resampling, resampled_counts
    from radbench.stats.seeds import Pooled, pooled_difference, pooled_mean
    from radbench.stats.significance import holm, wilcoxon
    from radbench.stats.signs import sign_flip
    from radbench.stats.studentised import Studentised, studentised_draws
