"""Statistics of scores: intervals and tests with patients as clusters, families, ranks, seeds, power, readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from radbench.on_demand import on_demand

_ROOMS = {
    **dict.fromkeys(("centred_p_value", "percentile_interval"), "intervals"),
    **dict.fromkeys(("mean_replicates",), "means"),
    **dict.fromkeys(("holm", "holm_over_families", "wilcoxon"), "significance"),
    **dict.fromkeys(("RankIntervals", "ranks_where"), "ranks"),
    **dict.fromkeys(("ap_auroc", "ap_auroc_replicates"), "curves"),
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
    **dict.fromkeys(("sign_flip", "sign_flips"), "signs"),
    **dict.fromkeys(
        (
            "Family",
            "adjusted_p_values",
            "simultaneous_ranks",
            "told_apart",
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
    **dict.fromkeys(("calibration_difference", "calibration_error", "expected_calibration_error"), "calibration"),
    **dict.fromkeys(("frechet_distance",), "frechet"),
    **dict.fromkeys(("rate",), "rates"),
    **dict.fromkeys(("sensitivity", "sensitivity_at_specificity", "sensitivity_difference"), "thresholds"),
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
            "pooled_auroc",
            "pooled_auroc_difference",
            "pooled_average_precision",
            "pooled_average_precision_difference",
            "pooled_ends",
        ),
        "pooled",
    ),
    **dict.fromkeys(
        (
            "FacetClasses",
            "mean_over_facets",
            "mean_over_facets_difference",
            "pooled_mean_over_facets",
            "pooled_mean_over_facets_difference",
        ),
        "over_facets",
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
    "EffectSize",
    "Estimate",
    "FacetClasses",
    "Family",
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
    "calibration_difference",
    "calibration_error",
    "centred_p_value",
    "clustered",
    "clustered_mean",
    "clustered_means",
    "cr2_error",
    "detectable_difference",
    "detectable_with",
    "effect_size",
    "effective_patients",
    "expected_calibration_error",
    "frechet_distance",
    "holm",
    "holm_over_families",
    "jackknife_covariance",
    "margin_p",
    "mean_over_facets",
    "mean_over_facets_difference",
    "mean_replicates",
    "obuchowski_rockette",
    "paired_difference",
    "patients_needed",
    "percentile_interval",
    "pooled_auroc",
    "pooled_auroc_difference",
    "pooled_average_precision",
    "pooled_average_precision_difference",
    "pooled_difference",
    "pooled_ends",
    "pooled_mean",
    "pooled_mean_over_facets",
    "pooled_mean_over_facets_difference",
    "proportion",
    "ranks_where",
    "rate",
    "resampled_counts",
    "sensitivity",
    "sensitivity_at_specificity",
    "sensitivity_difference",
    "sign_flip",
    "sign_flips",
    "simultaneous_ranks",
    "standardised_difference",
    "studentised_draws",
    "told_apart",
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
    from radbench.stats.calibration import calibration_difference, calibration_error, expected_calibration_error
    from radbench.stats.clusters import Clusters, bell_mccaffrey, clustered, cr2_error, effective_patients
    from radbench.stats.curves import ap_auroc, ap_auroc_replicates
    from radbench.stats.effects import EffectSize, effect_size
    from radbench.stats.families import Family, adjusted_p_values, simultaneous_ranks, told_apart
    from radbench.stats.frechet import frechet_distance
    from radbench.stats.intervals import centred_p_value, percentile_interval
    from radbench.stats.means import mean_replicates
    from radbench.stats.over_facets import (
        FacetClasses,
        mean_over_facets,
        mean_over_facets_difference,
        pooled_mean_over_facets,
        pooled_mean_over_facets_difference,
    )
    from radbench.stats.pooled import (
        pooled_auroc,
        pooled_auroc_difference,
        pooled_average_precision,
        pooled_average_precision_difference,
        pooled_ends,
    )
    from radbench.stats.power import detectable_difference, detectable_with, patients_needed
    from radbench.stats.precision import average_precision, average_precision_difference
    from radbench.stats.proportions import proportion
    from radbench.stats.ranks import RankIntervals, ranks_where
    from radbench.stats.rates import rate
    from radbench.stats.readers import ReaderAnalysis, ReaderComponents, jackknife_covariance, obuchowski_rockette
    from radbench.stats.resampling import Resampling, resampled_counts
    from radbench.stats.seeds import Pooled, pooled_difference, pooled_mean
    from radbench.stats.significance import holm, holm_over_families, wilcoxon
    from radbench.stats.signs import sign_flip, sign_flips
    from radbench.stats.studentised import Studentised, studentised_draws
    from radbench.stats.thresholds import sensitivity, sensitivity_at_specificity, sensitivity_difference
