"""Several seeds of AUROC, average precision or any other score of a whole data set as one row."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.areas import (
    Classes,
    area_interval,
    combined,
    difference_by_t,
    exact_interval,
    logit_interval,
    two_classes,
    variance_parts,
)
from radbench.stats.both import Estimate
from radbench.stats.curves import ap_auroc, ap_auroc_replicates
from radbench.stats.intervals import check_level
from radbench.stats.seeds import Parts, Pooled, few_seeds

Array = NDArray[np.float64]


def pooled_auroc(
    labels: ArrayLike, scores: ArrayLike, patients: Sequence[Hashable] | None = None, level: float = 0.95
) -> Pooled:
    """Return the mean over seeds of the area under the ROC curve, with an interval for new patients and new seeds.

    The patients' variance is that of the mean of the seeds' areas (DeLong, DeLong & Clarke-Pearson 1988; Obuchowski
    1997 when clustered), the seeds' part what their areas vary beyond what the same covariance explains. On the logit
    scale with Satterthwaite's degrees of freedom, or S - 1 where the seeds' part is the larger; per side the farther
    end of that and of Newcombe's method 5 at the mean area. At 1 and 0 as :func:`radbench.stats.areas.auroc`.

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[S,N]`` of two seeds or more, higher speaks for 1; a case that lacks an answer (NaN) from any seed is
            left out.
        patients: ``[N]`` identities; None makes each case its own patient.
        level: nominal coverage.

    Returns:
        Value, interval (none below three patients of either class) and no p-value.

    Raises:
        ValueError: fewer than two seeds, or as :func:`radbench.stats.areas.auroc`.
    """
    check_level(level)
    classes, table = two_classes(labels, _seeds(scores), patients)
    untested = "an area is not tested against zero"
    if classes.one_class:
        return _unknown(classes, len(table), level, classes.one_class, untested)
    parts, by_patients, areas = _area_parts(classes, table, np.eye(len(table)))
    value = float(areas.mean())
    error, freedom = math.sqrt(max(0.0, parts.variance)), parts.freedom(by_patients)
    ends = (math.nan, math.nan)
    if not classes.no_interval:
        ends = area_interval(classes, value, error, freedom, level)
    estimate = classes.estimate(value, ends, level, error, freedom, None, classes.no_interval, untested)
    return parts.pooled(estimate, areas)


def pooled_auroc_difference(
    labels: ArrayLike,
    scores: ArrayLike,
    baseline: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    level: float = 0.95,
) -> Pooled:
    """Return the mean over seeds of the difference of two areas under the ROC curve on the same cases.

    Judged by Student's t with the variance and degrees of freedom of :func:`pooled_auroc`, for the seeds' differences.
    The p-value is withheld below three seeds and below ten patients of the rarer class.

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[S,N]`` of two seeds or more; a case that any seed of either lacks is left out of all.
        baseline: ``[S,N]``, of the same seeds and cases; ``[N]`` for one that has no seed.
        patients: ``[N]`` identities, or None.
        level: nominal coverage.

    Raises:
        ValueError: as :func:`pooled_auroc`, or shapes that do not go together.
    """
    check_level(level)
    ours, both = _with_baseline(scores, baseline)
    classes, table = two_classes(labels, both, patients)
    n_seeds = len(ours)
    if classes.one_class:
        return _unknown(classes, n_seeds, level, classes.one_class, classes.one_class)
    one = np.eye(n_seeds)
    contrast = np.hstack([one, -one if len(both) == 2 * n_seeds else -np.ones((n_seeds, 1))])
    parts, by_patients, deltas = _area_parts(classes, table, contrast)
    return _difference(classes, parts, by_patients, deltas, level)


def pooled_average_precision(
    labels: ArrayLike,
    scores: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    level: float = 0.95,
    replicates: int = 5000,
    seed: int = 0,
    draws: ArrayLike | None = None,
) -> Pooled:
    """Return the mean over seeds of average precision, with an interval for new patients and new seeds.

    The patients' variance is that of the mean over seeds in each resample, the seeds' part what their values vary
    beyond what the resamples explain. On the logit scale, the patients' degrees of freedom being those of
    :func:`radbench.stats.precision.average_precision`, combined by Satterthwaite as in :func:`pooled_auroc`.

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[S,N]`` of two seeds or more, higher speaks for 1; a case that lacks an answer (NaN) from any seed is
            left out.
        patients: ``[N]`` identities; None makes each case its own patient.
        level: nominal coverage.
        replicates: how many resamples.
        seed: of the resamples.
        draws: ``[S,R]`` each seed's average precision in each resample of the cases that all seeds answered, where it
            is known (:func:`radbench.stats.ap_auroc_replicates`), in place of replicates and seed.

    Returns:
        Value, interval (none below three patients of either class) and no p-value.

    Raises:
        ValueError: as :func:`pooled_auroc`, or draws of another number of seeds.
    """
    check_level(level)
    ours = _seeds(scores)
    classes, table = two_classes(labels, ours, patients)
    untested = "average precision is not tested against zero"
    values = _precisions(classes, table)
    if classes.one_class or classes.no_interval:
        return _unknown(classes, len(table), level, classes.one_class or classes.no_interval, untested, values)
    if draws is None:
        known = np.where(np.isnan(ours).any(axis=0), np.nan, ours)
        draws = ap_auroc_replicates(labels, known, patients, replicates, seed)[0]
    parts = Parts.of(values, covariance_of_draws(draws, len(values)))
    value, error = float(values.mean()), math.sqrt(max(0.0, parts.variance))
    freedom = parts.freedom(classes.positive_patients - 1.0)
    if value == 1.0:
        ends = exact_interval(value, classes.positive_patients, level)
    else:
        ends = logit_interval(value, error, freedom, level)
    return parts.pooled(classes.estimate(value, ends, level, error, freedom, no_p=untested), values)


def pooled_average_precision_difference(
    labels: ArrayLike,
    scores: ArrayLike,
    baseline: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    level: float = 0.95,
    replicates: int = 5000,
    seed: int = 0,
    draws: ArrayLike | None = None,
) -> Pooled:
    """Return the mean over seeds of the difference of average precision between two on the same cases.

    Judged by Student's t with the variance and degrees of freedom of :func:`pooled_average_precision`, for the seeds'
    differences. The p-value is withheld below three seeds and below ten patients of the rarer class.

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[S,N]`` of two seeds or more; a case that any seed of either lacks is left out of all.
        baseline: ``[S,N]``, of the same seeds and cases; ``[N]`` for one that has no seed.
        patients: ``[N]`` identities, or None.
        level: nominal coverage.
        replicates: how many resamples.
        seed: of the resamples.
        draws: ``[S,R]`` each seed's difference in each resample, where it is known, in place of replicates and seed.

    Raises:
        ValueError: as :func:`pooled_average_precision`, or shapes that do not go together.
    """
    check_level(level)
    ours, both = _with_baseline(scores, baseline)
    n_seeds = len(ours)
    classes, table = two_classes(labels, both, patients)
    values = _precisions(classes, table)
    deltas = values[:n_seeds] - values[n_seeds:]
    if classes.one_class or classes.no_interval:
        reason = classes.one_class or classes.no_interval
        return _unknown(classes, n_seeds, level, reason, reason, deltas)
    if draws is None:
        known = np.where(np.isnan(both).any(axis=0), np.nan, both)
        drawn = ap_auroc_replicates(labels, known, patients, replicates, seed)[0]
        draws = drawn[:n_seeds] - drawn[n_seeds:]
    parts = Parts.of(deltas, covariance_of_draws(draws, n_seeds))
    return _difference(classes, parts, classes.positive_patients - 1.0, deltas, level)


def pooled_ends(
    values: ArrayLike,
    ends: ArrayLike,
    level: float = 0.95,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Pooled:
    """Return the mean over seeds of any score, or of its paired differences, from each seed's own interval.

    For scores of which no more is known than an interval of each seed. On each side the mean distance to the seeds' own
    ends, which is the most that patients can do to the mean, is joined at right angles with Student's t times the
    standard error of the seeds' values, which holds the seeds' part and the interaction. So it errs wide; a p-value is
    not given.

    Args:
        values: ``[S]`` of two seeds or more.
        ends: ``[S,2]``, each seed's lower and upper end, NaN where it has no interval.
        level: of these intervals, and nominal coverage.
        bounds: the least and the greatest that the score can be.

    Returns:
        Neither interval nor components where a seed has no interval.

    Raises:
        ValueError: fewer than two seeds, ends of another number of seeds, or a level outside (0, 1).
    """
    from scipy.special import stdtrit

    check_level(level)
    theta, sides = np.asarray(values, dtype=np.float64), np.asarray(ends, dtype=np.float64)
    if theta.ndim != 1 or len(theta) < 2:
        raise ValueError(f"values must be of two seeds or more, got shape {list(theta.shape)}")
    if sides.shape != (len(theta), 2):
        raise ValueError(f"ends must be [{len(theta)},2], two for each seed, got shape {list(sides.shape)}")
    n_seeds, value = len(theta), float(theta.mean())
    spread = float(np.var(theta, ddof=1)) / n_seeds
    reason = "" if np.isfinite(sides).all() and math.isfinite(spread) else "a seed has no interval"
    low, high = math.nan, math.nan
    if not reason:
        reach = -float(stdtrit(n_seeds - 1, (1.0 - level) / 2.0)) * math.sqrt(spread)
        below, above = value - float(sides[:, 0].mean()), float(sides[:, 1].mean()) - value
        low = max(bounds[0], value - math.hypot(below, reach))
        high = min(bounds[1], value + math.hypot(above, reach))
    estimate = Estimate(
        value=value,
        low=low,
        high=high,
        level=level,
        p_value=math.nan,
        standard_error=math.nan,
        freedom=math.nan,
        n_cases=0,
        n_patients=0,
        effective_patients=math.nan,
        no_interval=reason,
        no_p="several seeds of this score are not tested",
    )
    return Pooled(estimate, n_seeds, math.nan, math.nan, math.nan, theta)


def covariance_of_draws(draws: ArrayLike, rows: int) -> Array:
    """Return the covariance over resamples of what each row has in each.

    Args:
        draws: ``[K,R]``; each covariance is over the resamples in which neither of the two is NaN.
        rows: K, how many there should be.

    Returns:
        float64 ``[K,K]``; NaN where a row is infinite in a resample, or fewer than two resamples define both.

    Raises:
        ValueError: draws of another shape.
    """
    drawn = np.asarray(draws, dtype=np.float64)
    if drawn.ndim != 2 or len(drawn) != rows:
        raise ValueError(f"draws must be [{rows},R], one row for each value, got shape {list(drawn.shape)}")
    known = (~np.isnan(drawn)).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        x = np.where(known > 0, drawn, 0.0)
        x = np.where(known > 0, x - (x.sum(axis=1) / known.sum(axis=1))[:, None], 0.0)
        n, sums = known @ known.T, x @ known.T
        return np.where(n > 1, (x @ x.T - sums * sums.T / n) / (n - 1.0), np.nan)


def _seeds(scores: ArrayLike) -> Array:
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or len(table) < 2 or table.size == 0:
        raise ValueError(f"scores must be of two seeds or more on the same cases, got shape {list(table.shape)}")
    return table


def _with_baseline(scores: ArrayLike, baseline: ArrayLike) -> tuple[Array, Array]:
    """Return the scores ``[S,N]``, and beneath them the baseline's: ``[2S,N]``, or ``[S+1,N]`` where it has no seed."""
    ours, theirs = _seeds(scores), np.asarray(baseline, dtype=np.float64)
    if theirs.shape not in (ours.shape, ours.shape[1:]):
        raise ValueError(
            f"scores and baseline must be of the same seeds and cases: got shapes {list(ours.shape)} and "
            f"{list(theirs.shape)}"
        )
    return ours, np.concatenate([ours, np.atleast_2d(theirs)])


def _area_parts(classes: Classes, table: Array, contrast: Array) -> tuple[Parts, float, Array]:
    """Return the variance of the mean of contrasts ``[S,K]`` of areas, its patients' freedom, and each seed's."""
    areas, by_class = variance_parts(classes, table)
    of_seeds = np.einsum("si,pij,tj->pst", contrast, by_class, contrast)
    _, by_patients = combined(of_seeds.mean(axis=(1, 2)), classes)
    deltas = contrast @ areas
    return Parts.of(deltas, of_seeds.sum(axis=0)), by_patients, deltas


def _difference(classes: Classes, parts: Parts, by_patients: float, deltas: Array, level: float) -> Pooled:
    freedom, withheld = parts.freedom(by_patients), few_seeds(parts.n_seeds)
    estimate = difference_by_t(classes, float(deltas.mean()), parts.variance, freedom, level, withheld)
    return parts.pooled(estimate, deltas)


def _precisions(classes: Classes, table: Array) -> Array:
    if classes.one_class:
        return np.full(len(table), np.nan)
    return np.array([ap_auroc(classes.positive, row)[0] for row in table])


def _unknown(
    classes: Classes, n_seeds: int, level: float, no_interval: str, no_p: str, values: Array | None = None
) -> Pooled:
    """Return what is known of a score without an interval."""
    theta = np.full(n_seeds, np.nan) if values is None else values
    ends = (math.nan, math.nan)
    estimate = classes.estimate(float(theta.mean()), ends, level, math.nan, math.nan, None, no_interval, no_p)
    return Parts(n_seeds, math.nan, math.nan, math.nan).pooled(estimate, theta)
