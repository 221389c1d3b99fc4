"""The rule of every mean and difference: a t and a bootstrap-t, the farther end on each side, the larger p."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.intervals import check_level
from radbench.stats.resampling import CHUNK_ELEMENTS, patient_counts

REPLICATES = 4999
"""Resamples of a bootstrap-t: 2.5 % of one more of them is a whole number, so that no quantile is interpolated."""

TIE = 1e-9
"""Studentised values closer than this are equal: scores with few levels tie, and rounding must not break ties."""

_ELEMENTS = 1 << 20
"""Multiplicities of one product: large enough for it to be worth its while, 8 MiB."""

_KEPT = 1 << 23
"""Multiplicities up to which resamples are kept, 8 MiB."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Studentised:
    """An estimate that is judged twice, by Student's t and by the bootstrap-t; what is said is the more careful.

    Interval and p-value agree at every level: p is at most ``1 - level`` exactly when the interval leaves out the
    null value.

    Attributes:
        estimate: the mean or difference.
        error: its standard error, positive.
        freedom: degrees of freedom of the t.
        draws: float64 ``[R]``, ``(estimate* - estimate) / error*`` in each resample, infinite where a resample does
            not vary; kept in rising order; empty where the t alone decides.
        patient_error: the standard error that the draws belong to; 0 for the same one.
    """

    estimate: float
    error: float
    freedom: float
    draws: Array = field(repr=False, compare=False, default_factory=lambda: np.empty(0))
    patient_error: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "draws", np.sort(self.draws))

    @property
    def _scale(self) -> float:
        return self.patient_error or self.error

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return per side the farther end; an end is infinite where the resamples do not bound it.

        Raises:
            ValueError: a level outside (0, 1).
        """
        (t_low, t_high), (b_low, b_high) = self.t_interval(level), self.bootstrap_interval(level)
        return min(t_low, b_low), max(t_high, b_high)

    def t_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the ends by Student's t alone."""
        from scipy.special import stdtrit

        check_level(level)
        t, reach = self.estimate / self.error, -float(stdtrit(self.freedom, (1.0 - level) / 2.0))
        return self.error * (t - reach), self.error * (t + reach)

    def bootstrap_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the ends by the equal-tailed bootstrap-t alone (Efron 1981; Hall 1988, Ann. Statist. 16:927-953)."""
        check_level(level)
        n = len(self.draws)
        if n == 0:
            return self.estimate, self.estimate
        t, scale = self.estimate / self._scale, self._scale
        k = order(n, level)
        # Written so that the sign of an end is that of the comparison that the p-value makes.
        low, high = (t - TIE) - self.draws[n - k], (t + TIE) - self.draws[k - 1]
        return float(scale * low), float(scale * high)

    def p_value(self, null: float = 0.0) -> float:
        """Return the two-sided p-value: the larger of the t's and the bootstrap-t's."""
        return min(1.0, 2.0 * min(self.p_above(null), self.p_below(null)))

    def p_above(self, null: float = 0.0) -> float:
        """Return the one-sided p-value for an estimate above a null value: small where it is above."""
        n = len(self.draws)
        beyond = n - int(np.searchsorted(self.draws, (self.estimate - null) / self._scale - TIE, side="left"))
        return self._larger((null - self.estimate) / self.error, beyond)

    def p_below(self, null: float = 0.0) -> float:
        """Return the one-sided p-value for an estimate below a null value: small where it is below."""
        beyond = int(np.searchsorted(self.draws, (self.estimate - null) / self._scale + TIE, side="right"))
        return self._larger((self.estimate - null) / self.error, beyond)

    def _larger(self, t: float, beyond: int) -> float:
        from scipy.special import stdtr

        by_t = float(stdtr(self.freedom, t))
        return max(by_t, (1 + beyond) / (1 + len(self.draws))) if len(self.draws) else by_t


def order(replicates: int, level: float) -> int:
    """Return which smallest and largest of the resamples bound an interval of this level.

    Raises:
        ValueError: a level outside (0, 1), or so few resamples that none does.
    """
    check_level(level)
    k = math.floor((replicates + 1) * (1.0 - level) / 2.0 + 1e-9)
    if k < 1:
        least = math.ceil(2.0 / (1.0 - level) - 1e-9) - 1
        raise ValueError(f"replicates must be at least {least} for a level of {level}, got {replicates}")
    return k


def studentised_draws(
    sums: ArrayLike,
    sizes: ArrayLike,
    replicates: int = REPLICATES,
    seed: int = 0,
    counts: Iterable[NDArray[np.integer[Any]]] | None = None,
) -> Array:
    """Return the studentised means of resampled patients, standard error anew in each resample.

    Patients are drawn with all their cases; a drawn copy counts as a patient of its own, in the mean and in the CR2
    standard error (:func:`radbench.stats.clusters.cr2_error`).

    Args:
        sums: ``[E,m]`` of E means on the same patients: each patient's sum of values.
        sizes: ``[m]`` numbers of cases, at least 1.
        replicates: how many resamples, R.
        seed: of the resamples, which depend on it and the number of patients alone.
        counts: the resamples themselves, ``[R,m]`` in all, in place of replicates and seed.

    Returns:
        float64 ``[E,R]``; infinite where the resample does not vary, 0 where it equals the data besides.

    Raises:
        ValueError: as :class:`Studentiser`.
    """
    one = Studentiser(sums, sizes)
    parts = [one.draws(c) for c in counts or multiplicities(len(one.n), replicates, seed)]
    return np.ascontiguousarray(np.concatenate(parts).T)


def multiplicities(n_patients: int, replicates: int = REPLICATES, seed: int = 0) -> Iterable[NDArray[np.integer[Any]]]:
    """Return the resamples of :func:`radbench.stats.resampling.patient_counts`, as many at once as a product likes.

    Those of one table serve all its rows and metrics, so that the last ones are kept where they are small.
    """
    if n_patients * replicates <= _KEPT:
        return _kept(n_patients, replicates, seed)
    return _drawn(n_patients, replicates, seed)


@lru_cache(maxsize=2)
def _kept(n_patients: int, replicates: int, seed: int) -> tuple[NDArray[np.integer[Any]], ...]:
    return tuple(_drawn(n_patients, replicates, seed))


def _drawn(n_patients: int, replicates: int, seed: int) -> Iterator[NDArray[np.integer[Any]]]:
    """Yield the resamples, as many at once as a product likes, which are drawn a few at a time: drawing takes ten times
    the room that is left of them."""
    rows, done = max(1, _ELEMENTS // n_patients), 0
    waiting: list[NDArray[Any]] = []
    for counts in patient_counts(n_patients, replicates, seed):
        while len(counts):
            some, counts = counts[: rows - done], counts[rows - done :]
            waiting.append(some.astype(np.min_scalar_type(some.max())))
            done += len(some)
            if done == rows:
                yield np.concatenate(waiting)
                waiting, done = [], 0
    if waiting:
        yield np.concatenate(waiting)


class Studentiser:
    """Studentised means of resamples, from how often each patient is drawn: a few matrix products for all of them.

    Args:
        sums: ``[E,m]`` of E means on the same patients: each patient's sum of values.
        sizes: ``[m]`` numbers of cases, at least 1.

    Raises:
        ValueError: shapes that do not go together, or fewer than two patients.
    """

    def __init__(self, sums: ArrayLike, sizes: ArrayLike) -> None:
        s, n = np.atleast_2d(np.asarray(sums, dtype=np.float64)), np.asarray(sizes, dtype=np.float64)
        if n.ndim != 1 or s.shape[1] != len(n) or len(n) < 2:
            raise ValueError(f"sums [E,m] and sizes [m], two patients or more, must agree: got {s.shape}, {n.shape}")
        centred = s - np.outer(s.sum(axis=1) / n.sum(), n)
        # A common factor leaves studentised values as they are.
        size = np.abs(centred).max(axis=1, keepdims=True)
        varies = size > 1e-13 * np.abs(s).max(axis=1, keepdims=True)
        self.centred = np.divide(centred, size, out=np.zeros_like(centred), where=varies)
        self.n, self.equal = n, bool((n == n[0]).all())
        columns = [self.centred, self.centred**2] if self.equal else [self.centred**2, self.centred * n, [n**2]]
        self.columns = np.ascontiguousarray(np.concatenate(columns).T)

    def draws(self, counts: NDArray[np.integer[Any]]) -> Array:
        """Return float64 ``[r,E]`` for multiplicities ``[r,m]``."""
        c = counts.astype(np.float64)
        return self._equally_many(c) if self.equal else self._unevenly_many(c)

    def _equally_many(self, c: Array) -> Array:
        """Every resample has as many cases, and every patient the same leverage."""
        e, m = len(self.centred), len(self.n)
        both = c @ self.columns
        sums, squares = both[:, :e], both[:, e:]
        return _ratio(sums, squares - sums**2 / m, squares, m / (m - 1.0))

    def _unevenly_many(self, c: Array) -> Array:
        """The number of cases varies from resample to resample, and with it every patient's leverage."""
        e, total = len(self.centred), (c @ self.n)[:, None]
        weights, few = c * total, max(1, CHUNK_ELEMENTS // len(self.n))
        for begin in range(0, len(c), few):
            some = slice(begin, begin + few)
            # A patient that is not drawn, and has no weight, may have as many cases as all that are.
            np.divide(weights[some], total[some] - self.n, out=weights[some], where=c[some] > 0)
        products, sums = weights @ self.columns, c @ self.centred.T
        mean = sums / total
        squares = products[:, :e] + mean**2 * products[:, -1:]
        return _ratio(sums, squares - 2.0 * mean * products[:, e : 2 * e], squares, 1.0)


def _ratio(sums: Array, variance: Array, scale: Array, factor: float) -> Array:
    """Return sums over the root of ``factor * variance``; what rounding leaves beside the scale is no variance.

    Scores that were worked out in single precision are equal to seven digits: what they leave is 1e-9 of their squares
    at the most, and a mean thirty thousand standard errors away is as good as infinitely many.
    """
    still = variance <= 1e-9 * scale
    if not still.any():
        variance *= factor
        return np.asarray(np.divide(sums, np.sqrt(variance, out=variance), out=variance))
    error = np.sqrt(factor * np.where(still, 1.0, variance))
    settled = np.abs(sums) <= 1e-6 * np.sqrt(scale)
    return np.where(still, np.where(settled, 0.0, np.copysign(np.inf, sums)), sums / error)
