"""Paired comparisons: who is preferred to whom, by the sign test over patients and Bradley and Terry's abilities."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.clusters import FEWEST_PATIENTS
from radbench.stats.resampling import patient_index

Array = NDArray[np.float64]

_STEPS = 100_000
_ENOUGH = 1e-12


@dataclass(frozen=True)
class SignTest:
    """The sign test over patients.

    Attributes:
        for_first: patients that speak for the first.
        for_second: patients that speak for the second.
        undecided: patients that speak for neither.
        p_value: two-sided; NaN below six patients that speak for either.
        no_p: why there is no p-value, "" where there is one.
    """

    for_first: int
    for_second: int
    undecided: int
    p_value: float
    no_p: str = ""


def sign_test(preferences: ArrayLike, patients: Sequence[Hashable] | None = None) -> SignTest:
    """Test whether the first of two is preferred as often as the second (Dixon & Mood 1946, J. Am. Stat. Assoc.
    41:557-566).

    A patient speaks once, by the sign of the mean of its preferences; ties are left out, as Dixon and Mood did. The
    distribution is the exact binomial.

    Args:
        preferences: ``[N]``, above zero for the first, below for the second, zero for neither; NaN is left out.
        patients: ``[N]`` identities; None makes each its own patient.

    Raises:
        ValueError: no preferences, or patients of another number.
    """
    x = np.atleast_1d(np.asarray(preferences, dtype=np.float64))
    if x.ndim != 1 or not x.size:
        raise ValueError(f"preferences must be a list of at least one value, got shape {list(x.shape)}")
    owners, count = patient_index(patients, len(x))
    known = ~np.isnan(x)
    sums = np.bincount(owners[known], weights=x[known], minlength=count)
    seen = np.bincount(owners[known], minlength=count) > 0
    # What readers say in halves and thirds cancels out but for rounding.
    sums = np.where(np.abs(sums) < 1e-9, 0.0, sums)[seen]
    first, second = int((sums > 0).sum()), int((sums < 0).sum())
    undecided, told = int((sums == 0).sum()), first + second
    if told < FEWEST_PATIENTS:
        reason = f"fewer than {FEWEST_PATIENTS} patients speak for either: {told}"
        return SignTest(first, second, undecided, math.nan, reason)
    from scipy.special import bdtr

    return SignTest(first, second, undecided, min(1.0, 2.0 * float(bdtr(min(first, second), told, 0.5))))


def bradley_terry(wins: ArrayLike) -> Array:
    """Return the abilities of the model of Bradley and Terry (1952, Biometrika 39:324-345): i is preferred to j with
    the probability ``a_i / (a_i + a_j)``.

    The maximum of the likelihood by Hunter's MM iteration (2004, Ann. Stat. 32:384-406, eq. 3).

    Args:
        wins: ``[K,K]``, how often i was preferred to j; a tie is half a win for each.

    Returns:
        float64 ``[K]``, positive, their sum 1. NaN where there is no maximum: where the things fall into two groups of
        which none of the one was ever preferred to any of the other (Ford 1957, Am. Math. Mon. 64:28-33); and where
        so few comparisons join two groups that the iteration does not come to it in 100,000 steps.

    Raises:
        ValueError: not square, or counts below zero.
    """
    w = np.asarray(wins, dtype=np.float64)
    if w.ndim != 2 or w.shape[0] != w.shape[1] or len(w) < 2:
        raise ValueError(f"wins must be [K,K] of two things or more, got {list(w.shape)}")
    if not np.isfinite(w).all() or (w < 0).any():
        raise ValueError("wins must be counts from zero on")
    w = w * (1.0 - np.eye(len(w)))
    if not _connected(w > 0):
        return np.full(len(w), np.nan)
    met, won = w + w.T, w.sum(axis=1)
    a = np.full(len(w), 1.0 / len(w))
    for _ in range(_STEPS):
        new = won / (met / np.add.outer(a, a)).sum(axis=1)
        new /= new.sum()
        if np.abs(np.log(new) - np.log(a)).max() < _ENOUGH:
            return np.asarray(new)
        a = new
    return np.full(len(w), np.nan)


def _connected(beats: NDArray[np.bool_]) -> bool:
    """Tell whether everything beats everything else by way of others."""
    reach = beats | np.eye(len(beats), dtype=bool)
    for _ in range(len(beats)):
        reach = reach @ reach
    return bool(reach.all())
