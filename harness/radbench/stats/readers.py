"""Multi-reader, multi-case studies: the analysis of variance of Obuchowski and Rockette."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.intervals import check_level

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ReaderComponents:
    """Mean squares and error covariances of reader x modality estimates.

    Attributes:
        ms_modality: mean square of modalities, MS(T).
        ms_reader: of readers, MS(R).
        ms_interaction: of modality x reader, MS(T*R).
        variance: error variance, averaged over readers and modalities.
        cov1: error covariance of one reader with two modalities.
        cov2: of two readers with one modality.
        cov3: of two readers with two modalities.
        reader_variance: Var(R), which may be estimated below zero.
        interaction_variance: Var(T*R), likewise.
    """

    ms_modality: float
    ms_reader: float
    ms_interaction: float
    variance: float
    cov1: float
    cov2: float
    cov3: float
    reader_variance: float
    interaction_variance: float


@dataclass(frozen=True)
class Contrast:
    """A difference of two modalities, or one modality's mean, over readers.

    Attributes:
        first: number of the modality.
        second: number of the modality that is subtracted; None for a mean.
        value: the difference, or the mean.
        standard_error: of it.
        freedom: degrees of freedom; infinite where the normal is used.
        low: lower end of its interval.
        high: upper end.
        p_value: two-sided, of the difference being zero; NaN for a mean.
    """

    first: int
    second: int | None
    value: float
    standard_error: float
    freedom: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class ReaderAnalysis:
    """One analysis of a reader study.

    Attributes:
        readers: 'random' (results hold for readers like these) or 'fixed' (for these readers).
        statistic: F with random readers, chi-squared with fixed ones, of all modalities being equal.
        numerator_freedom: T - 1.
        freedom: Hillis's denominator degrees of freedom; infinite with fixed readers.
        p_value: of all modalities being equal.
        differences: every pair of modalities.
        means: every modality by itself, with its own readers' variances.
        components: what it rests on.
    """

    readers: str
    statistic: float
    numerator_freedom: int
    freedom: float
    p_value: float
    differences: tuple[Contrast, ...]
    means: tuple[Contrast, ...]
    components: ReaderComponents


def obuchowski_rockette(
    estimates: ArrayLike, covariance: ArrayLike, readers: str = "random", level: float = 0.95
) -> ReaderAnalysis:
    """Compare modalities that the same readers read on the same cases.

    The model of Obuchowski & Rockette (1995, Commun. Stat. Simul. Comput. 24:285-308) for estimates of any kind:
    modality + reader + interaction + error, errors being correlated because the cases are shared. With random readers
    F is ``MS(T) / [MS(T*R) + R max(Cov2 - Cov3, 0)]`` with the degrees of freedom of Hillis (2007, Statist. Med.
    26:596-619); with fixed readers chi-squared is ``(T - 1) MS(T) / [Var - Cov1 + (R - 1) max(Cov2 - Cov3, 0)]``.
    Intervals are Hillis's (2014, Statist. Med. 33:330-360). Cases are random in both.

    Args:
        estimates: ``[T,R]`` of T modalities by R readers, such as areas under the ROC curve.
        covariance: ``[T,R,T,R]`` or ``[T*R,T*R]``, of the estimates' errors over cases
            (:func:`radbench.stats.areas.area_covariance`, or a jackknife over patients).
        readers: 'random' or 'fixed'.
        level: nominal coverage of each interval.

    Raises:
        ValueError: fewer than two modalities or readers, values that are not finite, a covariance of another shape or
            not symmetric, other readers, a level outside (0, 1), or estimates that leave no error.
    """
    check_level(level)
    if readers not in ("random", "fixed"):
        raise ValueError(f"readers must be 'random' or 'fixed', got '{readers}'")
    theta, covariances = _checked(estimates, covariance)
    parts = components(theta, covariances)
    n_modalities, n_readers = theta.shape
    shared = max(0.0, parts.cov2 - parts.cov3)
    if readers == "random":
        spread = parts.ms_interaction + n_readers * shared
        freedom = _hillis(parts.ms_interaction, spread, (n_modalities - 1) * (n_readers - 1))
    else:
        spread, freedom = parts.variance - parts.cov1 + (n_readers - 1) * shared, math.inf
    if not spread > 0:
        raise ValueError("the estimates leave no error: every reader must not give every modality the same")
    statistic, p = _test(parts.ms_modality, spread, n_modalities - 1, freedom)
    error, means = math.sqrt(2.0 * spread / n_readers), theta.mean(axis=1)
    pairs = zip(*np.triu_indices(n_modalities, 1), strict=True)
    return ReaderAnalysis(
        readers=readers,
        statistic=statistic,
        numerator_freedom=n_modalities - 1,
        freedom=freedom,
        p_value=p,
        differences=tuple(_contrast((int(i), int(j)), means[i] - means[j], error, freedom, level) for i, j in pairs),
        means=tuple(_alone(i, row, covariances[i, :, i], readers, level) for i, row in enumerate(theta)),
        components=parts,
    )


def components(estimates: Array, covariance: Array) -> ReaderComponents:
    """Return mean squares, averaged error covariances and variance components.

    Args:
        estimates: ``[T,R]``.
        covariance: ``[T,R,T,R]``.
    """
    t, r = estimates.shape
    by_modality, by_reader, mean = estimates.mean(axis=1), estimates.mean(axis=0), estimates.mean()
    rest = estimates - by_modality[:, None] - by_reader + mean
    ms_t = r * float(((by_modality - mean) ** 2).sum()) / (t - 1)
    ms_r = t * float(((by_reader - mean) ** 2).sum()) / (r - 1)
    ms_tr = float((rest**2).sum()) / ((t - 1) * (r - 1))
    same_t, same_r = np.eye(t, dtype=bool)[:, None, :, None], np.eye(r, dtype=bool)[None, :, None, :]

    def average(where: NDArray[np.bool_]) -> float:
        return float(covariance[np.broadcast_to(where, covariance.shape)].mean())

    variance, cov1 = average(same_t & same_r), average(~same_t & same_r)
    cov2, cov3 = average(same_t & ~same_r), average(~same_t & ~same_r)
    interaction = ms_tr - variance + cov1 + max(cov2 - cov3, 0.0)
    return ReaderComponents(
        ms_t, ms_r, ms_tr, variance, cov1, cov2, cov3, (ms_r - ms_tr) / t - cov1 + cov3, interaction
    )


def _alone(modality: int, estimates: Array, covariance: Array, readers: str, level: float) -> Contrast:
    """Return one modality's mean over its readers, from that modality's estimates and covariances alone."""
    r = len(estimates)
    cov2 = max(0.0, float(covariance[~np.eye(r, dtype=bool)].mean()))
    if readers == "random":
        ms_r = float(np.var(estimates, ddof=1))
        spread = ms_r + r * cov2
        freedom = _hillis(ms_r, spread, r - 1)
    else:
        spread, freedom = float(np.trace(covariance)) / r + (r - 1) * cov2, math.inf
    return _contrast((modality, None), float(estimates.mean()), math.sqrt(spread / r), freedom, level)


def _hillis(mean_square: float, spread: float, freedom: int) -> float:
    """Return the degrees of freedom of a mean square plus a covariance (Hillis 2007, ddf_H)."""
    return spread**2 / (mean_square**2 / freedom) if mean_square > 0 else math.inf


def _test(mean_square: float, spread: float, numerator: int, freedom: float) -> tuple[float, float]:
    from scipy.special import chdtrc, fdtrc

    if math.isfinite(freedom):
        return mean_square / spread, float(fdtrc(numerator, freedom, mean_square / spread))
    chi = numerator * mean_square / spread
    return chi, float(chdtrc(numerator, chi))


def _contrast(which: tuple[int, int | None], value: float, error: float, freedom: float, level: float) -> Contrast:
    from scipy.special import ndtr, ndtri, stdtr, stdtrit

    normal, tail = math.isinf(freedom), (1.0 - level) / 2.0
    reach = -float(ndtri(tail) if normal else stdtrit(freedom, tail)) * error
    p = math.nan
    if which[1] is not None:
        t = -abs(value) / error
        p = 2.0 * float(ndtr(t) if normal else stdtr(freedom, t))
    return Contrast(*which, float(value), error, freedom, float(value - reach), float(value + reach), p)


def _checked(estimates: ArrayLike, covariance: ArrayLike) -> tuple[Array, Array]:
    theta, matrix = np.asarray(estimates, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    if theta.ndim != 2 or min(theta.shape) < 2:
        raise ValueError(f"estimates must be [T,R] of two modalities and two readers or more, got {theta.shape}")
    if matrix.shape not in ((theta.size, theta.size), theta.shape * 2):
        raise ValueError(f"covariance must be [T*R,T*R] for estimates {theta.shape}, got {matrix.shape}")
    flat = matrix.reshape(theta.size, theta.size)
    if not (np.isfinite(theta).all() and np.isfinite(flat).all()):
        raise ValueError(
            "estimates and covariance must be finite: a reader or modality without an estimate is left out"
        )
    if not np.allclose(flat, flat.T, rtol=1e-9, atol=1e-12 * np.abs(flat).max()):
        raise ValueError("covariance must be symmetric")
    return theta, flat.reshape(theta.shape * 2)


def jackknife_covariance(leave_one_out: Sequence[ArrayLike] | ArrayLike) -> Array:
    """Return the jackknife covariance of K estimates (Efron & Stein 1981, Ann. Statist. 9:586-596).

    Args:
        leave_one_out: ``[n,K]``, all estimates without one patient each.

    Returns:
        float64 ``[K,K]``.

    Raises:
        ValueError: fewer than two patients.
    """
    x = np.asarray(leave_one_out, dtype=np.float64)
    if x.ndim != 2 or len(x) < 2:
        raise ValueError(f"leave_one_out must be [n,K] of two patients or more, got {x.shape}")
    centred = x - x.mean(axis=0)
    return np.asarray((len(x) - 1.0) / len(x) * centred.T @ centred)
