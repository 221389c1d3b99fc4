"""Means and paired differences with patients as clusters: interval, p-value, effect size, and why one is withheld."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from radbench.stats.clusters import (
    FEW_PATIENTS,
    FEWEST_PATIENTS,
    Clusters,
    bell_mccaffrey,
    clustered,
    cr2_error,
    effective_patients,
)
from radbench.stats.effects import EffectSize, effect_size
from radbench.stats.intervals import check_level
from radbench.stats.studentised import REPLICATES, Studentised, studentised_draws

ROUNDING = 1e-9
"""Scores that differ by no more than this share of the larger one are equal."""


@dataclass(frozen=True)
class Estimate:
    """A value or difference and what the data say of it.

    Attributes:
        value: on the data as they are; NaN where nothing is known.
        low: lower end; NaN where no interval is given.
        high: upper end; likewise.
        level: nominal coverage.
        p_value: two-sided, of the value being zero; NaN where it is withheld.
        standard_error: NaN where nothing tells it.
        freedom: degrees of freedom of the t.
        n_cases: cases with an answer.
        n_patients: patients with such a case.
        effective_patients: how many patients of equal size would carry as much.
        n_missing: cases left out.
        no_interval: why there is no interval, one sentence; empty where there is one.
        no_p: why there is no p-value; likewise.
        n_positive: positive cases, where cases are of two classes.
        positive_patients: patients with a positive case, likewise.
        rule: what interval and p-value were read off; None where there is no interval.
        seeds_variance: the part of the squared standard error that more patients would not lessen, since seeds vary.
        n_seeds: how many seeds were pooled.
    """

    value: float
    low: float
    high: float
    level: float
    p_value: float
    standard_error: float
    freedom: float
    n_cases: int
    n_patients: int
    effective_patients: float
    n_missing: int = 0
    no_interval: str = ""
    no_p: str = ""
    n_positive: int | None = None
    positive_patients: int | None = None
    rule: Studentised | None = field(default=None, repr=False, compare=False)
    seeds_variance: float = 0.0
    n_seeds: int = 1

    @property
    def few(self) -> bool:
        """Whether it rests on fewer than twelve patients."""
        return self.n_patients < FEW_PATIENTS


def clustered_mean(
    values: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    level: float = 0.95,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Estimate:
    """Return the mean over cases with an interval that takes patients as clusters.

    Per side the farther end of two: Student's t with the CR2 standard error and Bell & McCaffrey's degrees of
    freedom (2002, Survey Methodology 28:169-181), and the equal-tailed bootstrap-t over patients with the standard
    error anew in each resample (Efron 1981, Can. J. Statist. 9:139-172; Hall 1988, Ann. Statist. 16:927-953). The
    p-value is the larger of the two, so that it is at most ``1 - level`` exactly when the interval leaves out zero.

    Neither is given below six patients, nor where an end would be infinite (scores that differ too rarely for the
    resamples to bound them), nor where nothing varies. The p-value is withheld with fewer than six patients whose
    value is not zero.

    Args:
        values: ``[N]``, NaN where there is no answer.
        patients: ``[N]`` identities; None makes each case its own patient. With identities the order of the cases
            changes no bit of the result.
        level: nominal coverage.
        replicates: resamples of the bootstrap-t.
        seed: of the resamples, which depend on it and the number of patients with an answer alone.

    Raises:
        ValueError: no values, patients of another number, a level outside (0, 1), or too few replicates for it.
    """
    return clustered_means(np.atleast_2d(np.asarray(values, dtype=np.float64)), patients, level, replicates, seed)[0]


def clustered_means(
    table: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    level: float = 0.95,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> list[Estimate]:
    """Return the means of many rows as :func:`clustered_mean` does, the resamples being drawn once.

    Args:
        table: ``[E,N]`` of values or differences of the same cases; NaN where there is no answer.
        patients: ``[N]`` identities, or None.
        level: nominal coverage.
        replicates: resamples of the bootstrap-t.
        seed: of the resamples.

    Raises:
        ValueError: as :func:`clustered_mean`.
    """
    check_level(level)
    values = np.asarray(table, dtype=np.float64)
    if values.ndim != 2 or values.size == 0:
        raise ValueError(f"values must hold at least one case, got shape {list(values.shape)}")
    rows = [clustered(row, patients) for row in values]
    rules = mean_rules(rows, replicates, seed)
    return [judged(row, rule, reason, level) for row, (rule, reason) in zip(rows, rules, strict=True)]


def paired_difference(
    scores: ArrayLike,
    baseline: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    level: float = 0.95,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Estimate:
    """Return the mean of paired differences ``scores - baseline`` by the rule of :func:`clustered_mean`.

    Args:
        scores: ``[N]``, NaN where there is no answer.
        baseline: ``[N]``, of the same cases in the same order; cases where either is NaN, and those where both are
            infinite, are left out.
        patients: ``[N]`` identities, or None.
        level: nominal coverage.
        replicates: resamples of the bootstrap-t.
        seed: of the resamples.

    Raises:
        ValueError: as :func:`clustered_mean`, or scores and baseline of different lengths.
    """
    return clustered_mean(differences(scores, baseline), patients, level, replicates, seed)


def differences(scores: ArrayLike, baseline: ArrayLike) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return ``scores - baseline``, NaN where either has no answer or both are infinite.

    Scores that agree to nine digits are equal: their difference is what rounding leaves.

    Raises:
        ValueError: they are of different shapes.
    """
    ours, theirs = np.asarray(scores, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    if ours.shape != theirs.shape:
        raise ValueError(f"scores and baseline must be of the same cases: got {ours.shape} and {theirs.shape} values")
    with np.errstate(invalid="ignore"):
        found = ours - theirs
        equal = np.abs(found) <= ROUNDING * np.maximum(np.abs(ours), np.abs(theirs))
        return np.where(equal & np.isfinite(found), 0.0, found)


def mean_rules(
    rows: Sequence[Clusters], replicates: int = REPLICATES, seed: int = 0
) -> list[tuple[Studentised | None, str]]:
    """Return what interval and p-value of each mean are read off, or None and why there is nothing."""
    errors = [cr2_error(row) for row in rows]
    rules: list[tuple[Studentised | None, str]] = [
        (None, no_interval(row, error)) for row, error in zip(rows, errors, strict=True)
    ]
    alike: dict[bytes, list[int]] = {}
    for k, (_, reason) in enumerate(rules):
        if not reason:
            alike.setdefault(rows[k].sizes.tobytes(), []).append(k)
    for which in alike.values():
        sizes = rows[which[0]].sizes
        drawn = studentised_draws(np.stack([rows[k].sums for k in which]), sizes, replicates, seed)
        for k, draws in zip(which, drawn, strict=True):
            rules[k] = Studentised(rows[k].mean, errors[k], bell_mccaffrey(sizes), draws), ""
    return rules


def no_interval(clusters: Clusters, error: float) -> str:
    """Say why a mean over these patients has no interval; empty where it can have one."""
    if clusters.patients < FEWEST_PATIENTS:
        return f"fewer than {FEWEST_PATIENTS} patients: {clusters.patients}"
    if not np.isfinite(clusters.sums).all():
        return "a value is infinite"
    return "" if error > 0 else "all values are equal"


def no_p(clusters: Clusters) -> str:
    """Say why the p-value of a mean is withheld; empty where it is not."""
    moved = int((clusters.sums != 0).sum())
    return "" if moved >= FEWEST_PATIENTS else f"fewer than {FEWEST_PATIENTS} patients differ from zero: {moved}"


def judged(clusters: Clusters, rule: Studentised | None, reason: str, level: float, withheld: str = "") -> Estimate:
    """Read interval and p-value off a rule, or say why not.

    Args:
        clusters: the patients.
        rule: what to read them off, or None.
        reason: why it is None.
        level: nominal coverage.
        withheld: why the p-value is withheld, beyond the reasons that the patients give.
    """
    low, high = rule.interval(level) if rule else (math.nan, math.nan)
    if rule and not (math.isfinite(low) and math.isfinite(high)):
        rule, low, high, reason = None, math.nan, math.nan, "values differ too rarely for the resamples to bound it"
    withheld = reason or withheld or no_p(clusters)
    return Estimate(
        value=clusters.mean,
        low=low,
        high=high,
        level=level,
        p_value=rule.p_value() if rule and not withheld else math.nan,
        standard_error=rule.error if rule else cr2_error(clusters),
        freedom=rule.freedom if rule else bell_mccaffrey(clusters.sizes),
        n_cases=clusters.cases,
        n_patients=clusters.patients,
        effective_patients=effective_patients(clusters.sizes),
        n_missing=clusters.missing,
        no_interval=reason,
        no_p=withheld,
        rule=rule,
    )


def untested(
    clusters: Clusters, error: float, ends: tuple[float, float], level: float, no_interval: str, no_p: str
) -> Estimate:
    """Return what patients say of their mean whose interval follows another rule, and which is not tested.

    Args:
        clusters: the patients.
        error: standard error of the mean.
        ends: of the interval, NaN where there is none.
        level: nominal coverage.
        no_interval: why there is none, or "".
        no_p: why it is not tested.
    """
    return Estimate(
        value=clusters.mean,
        low=ends[0],
        high=ends[1],
        level=level,
        p_value=math.nan,
        standard_error=error,
        freedom=bell_mccaffrey(clusters.sizes),
        n_cases=clusters.cases,
        n_patients=clusters.patients,
        effective_patients=effective_patients(clusters.sizes),
        n_missing=clusters.missing,
        no_interval=no_interval,
        no_p=no_p,
    )


def margin_p(estimate: Estimate, margin: float, direction: str = "higher") -> float:
    """Return the one-sided p-value of non-inferiority: that a difference is not worse than a margin.

    It is at most ``(1 - level) / 2`` exactly when the interval's worse end is better than the margin, so that it goes
    with the interval beside it (nominal one-sided error .025 at level .95).

    Args:
        estimate: of a paired difference, scores minus reference.
        margin: how much worse is still tolerated, positive, in the score's unit.
        direction: which way is better, 'higher' or 'lower'.

    Returns:
        p, or NaN where the difference has no interval or its p-value is withheld.

    Raises:
        ValueError: a margin that is not positive and finite, or an unknown direction.
    """
    if not (math.isfinite(margin) and margin > 0):
        raise ValueError(f"margin must be a positive number, got {margin}")
    if direction not in ("higher", "lower"):
        raise ValueError(f"direction must be 'higher' or 'lower', got '{direction}'")
    if estimate.rule is None or estimate.no_p:
        return math.nan
    return estimate.rule.p_above(-margin) if direction == "higher" else estimate.rule.p_below(margin)


def standardised_difference(
    scores: ArrayLike,
    baseline: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    level: float = 0.95,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> EffectSize:
    """Return the mean paired difference in standard deviations of the differences, with its interval.

    See :func:`radbench.stats.effects.effect_size`.

    Raises:
        ValueError: as :func:`paired_difference`.
    """
    delta = differences(scores, baseline)
    estimate = clustered_mean(delta, patients, level, replicates, seed)
    return effect_size(estimate.rule, delta[np.isfinite(delta)], level)
