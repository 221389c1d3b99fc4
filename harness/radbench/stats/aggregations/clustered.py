"""Clustered: what means of cases' numbers say with patients as clusters, for values, differences and facets alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from radbench.stats.aggregations.protocol import Paired
from radbench.stats.both import Estimate, clustered_means
from radbench.stats.effects import effect_size
from radbench.stats.means import mean
from radbench.stats.power import detectable_difference
from radbench.stats.proportions import proportion
from radbench.stats.resampling import Resampling
from radbench.stats.significance import wilcoxon
from radbench.stats.signs import sign_flips

CLUSTERED = "t and bootstrap-t over patients"
"""The test of a mean difference: the less certain of the two (:func:`radbench.stats.both.clustered_mean`)."""

AT_ONCE = 256
"""Means worked out at once: their draws take 10 MiB, and more are no faster."""

Array = NDArray[np.float64]


def foresee(table: Array, patients: Sequence[str], resampling: Resampling) -> None:
    """Work out the intervals of many rows at once, which is faster than one by one; they are remembered.

    Args:
        table: ``[E,M]``, NaN where there is no answer; each row has one.
        patients: ``[M]``.
        resampling: of the table that they stand in.
    """
    missing = [row for row in table if not resampling.remembers(_key(row, patients))]
    for begin in range(0, len(missing), AT_ONCE):
        some = missing[begin : begin + AT_ONCE]
        for row, found in zip(some, clustered_means(np.stack(some), patients), strict=True):
            # The ends alone: what they were read off is five thousand draws.
            resampling.remember(_key(row, patients), partial(tuple, (found.low, found.high)))


def mean_interval(values: Array, patients: Sequence[str], resampling: Resampling) -> tuple[float, float]:
    """Return the 95 % interval of the mean of numbers: of shares (all 0 or 1), Korn and Graubard's."""
    known = values[np.isfinite(values)]
    if len(known) and np.isin(known, (0.0, 1.0)).all():
        found = proportion(values, patients)
        return found.low, found.high
    foresee(values[None], patients, resampling)
    low, high = resampling.remember(_key(values, patients), tuple)
    return low, high


def mean_differences(table: Array, patients: Sequence[str], deltas: Sequence[float] | None = None) -> list[Paired]:
    """Return paired differences, each with interval and test of that very difference.

    Args:
        table: ``[K,M]`` of differences, NaN where there is none.
        patients: ``[M]``.
        deltas: ``[K]``, where they are known; None takes the rows' means.
    """
    known = [k for k, row in enumerate(table) if not np.isnan(row).all()]
    found = dict(zip(known, clustered_means(table[known], patients), strict=True)) if known else {}
    flipped = dict(zip(known, sign_flips(table[known], patients), strict=True)) if known else {}
    return [
        paired_mean(row, found[k], patients, flipped[k], deltas[k] if deltas is not None else None)
        if k in found
        else Paired()
        for k, row in enumerate(table)
    ]


def facet_means(numbers: Array) -> Array:
    """Return numbers of cases whose mean is the mean over facets of the facets' means, ``[N]`` of ``[F,N]``.

    Where every case has every facet these are the cases' means over the facets. Where some are missing, a case counts
    for each facet as much as that facet's mean is moved by it: what varies is then that mean over facets.
    """
    known = np.isfinite(numbers)
    sizes = known.sum(axis=1)
    some = known.any(axis=0)
    means = np.array([mean(row[k]) for row, k in zip(numbers, known, strict=True)])
    with np.errstate(invalid="ignore"):
        moved = np.where(known, numbers - means[:, None], 0.0) * (some.sum() / (len(numbers) * sizes))[:, None]
    return np.where(some, moved.sum(axis=0) + means.mean(), np.nan)


def paired_mean(
    differences: Array,
    found: Estimate,
    patients: Sequence[str],
    flipped: float,
    delta: float | None = None,
    test: str = CLUSTERED,
) -> Paired:
    """Return what is said of a mean of differences.

    Args:
        differences: ``[M]``, NaN where there is none.
        found: what was estimated.
        patients: ``[M]``.
        flipped: p of the sign-flip test.
        delta: the difference, where it is known; None takes the mean.
        test: how the test is called.
    """
    known = differences[~np.isnan(differences)]
    if not np.isfinite(known).all():
        return Paired()
    effect = effect_size(found.rule, known)
    return Paired(
        mean(known) if delta is None else delta,
        found.low,
        found.high,
        p_value=found.p_value,
        p_wilcoxon=wilcoxon(differences, patients),
        test="" if math.isnan(found.p_value) else test,
        effect_size=effect.value,
        effect_low=effect.low,
        effect_high=effect.high,
        detectable=detectable_difference(found),
        p_sign_flip=flipped,
        estimate=found,
    )


def _key(row: Array, patients: Sequence[str]) -> tuple[str, bytes, int]:
    return "clustered", np.ascontiguousarray(row).tobytes(), hash(tuple(patients))
