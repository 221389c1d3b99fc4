"""All pairs of enhancers: which mean scores differ, by step-down max-T over E(E-1)/2 pairs, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radbench.stats.both import ROUNDING
from radbench.stats.clusters import FEWEST_PATIENTS, bell_mccaffrey, cr2_errors
from radbench.stats.studentised import TIE, Studentiser, order

Array = NDArray[np.float64]

_TOGETHER = 1 << 22
"""Studentised values up to which all pairs are drawn at once: those of 41 enhancers, 32 MiB."""

_AT_ONCE = 1 << 19
"""Studentised values of one block of more pairs: 4 MiB, which stay near the processor."""


def all_pairs_apart(
    sums: Array, sizes: Array, counts: Iterable[NDArray[np.integer[Any]]], level: float = 0.95
) -> NDArray[np.bool_]:
    """Return which of E means over the same patients differ, all pairs tested together by step-down max-T.

    Gains and losses are judged by the largest absolute studentised difference of all in each resample, which does not
    ask what stands before the minus sign (Romano & Wolf 2005, Econometrica 73:1237-1282); a pair's p-value is never
    smaller than by itself (:func:`radbench.stats.families.judged_together`).

    Time grows with the square of E, and so does the answer; what is held beside it are a few numbers for each pair, and
    one block of pairs. Whoever is not apart by the t alone only adds to the largest.

    Args:
        sums: ``[E,m]`` of each patient's values.
        sizes: ``[m]`` numbers of cases.
        counts: multiplicities of the patients, ``[R,m]`` in all.
        level: one minus the probability of telling any two apart that do not differ.

    Returns:
        bool ``[E,E]``, symmetric; False with fewer than six patients, and where the resamples bound no difference.
    """
    from scipy.special import stdtr

    apart = np.zeros((len(sums), len(sums)), dtype=bool)
    if len(sums) < 2 or len(sizes) < FEWEST_PATIENTS:
        return apart
    first, second = (index.astype(np.int32) for index in np.triu_indices(len(sums), 1))

    def pairs(which: NDArray[np.intp]) -> Array:
        return _differences(sums[first[which]], sums[second[which]])

    t = np.concatenate(
        [_studentised(pairs(some), sizes) for some in _blocks(len(first), max(1, _AT_ONCE // len(sizes)))]
    )
    rising = np.argsort(np.abs(t), kind="stable")[: np.count_nonzero(~np.isnan(t))]
    size, sign = np.abs(t[rising]), np.where(t[rising] < 0, -1.0, 1.0)
    by_t, at_most = 2.0 * stdtr(bell_mccaffrey(sizes), -size), 1.0 - level + 1e-12
    start = len(rising) - int(np.count_nonzero(by_t <= at_most))
    if start == len(rising):
        return apart
    above, beyond, up, down = (np.zeros(len(rising) - start, dtype=np.intp) for _ in range(4))
    n = 0
    for chunk in counts:
        n += len(chunk)
        largest = np.zeros(len(chunk))
        step = len(rising) if len(rising) * len(chunk) <= _TOGETHER else max(1, _AT_ONCE // len(chunk))
        for some in _blocks(len(rising), step):
            drawn = Studentiser(pairs(rising[some]), sizes).draws(chunk)
            judged = some[max(0, start - int(some[0])) :]
            at, mine = judged - start, drawn[:, len(some) - len(judged) :]
            if len(judged):
                above[at] += (mine * sign[judged] >= size[judged] - TIE).sum(axis=0)
                if np.isinf(mine).any():
                    up[at] += (mine == np.inf).sum(axis=0)
                    down[at] += (mine == -np.inf).sum(axis=0)
            np.abs(drawn, out=drawn)
            drawn[:, 0] = np.maximum(drawn[:, 0], largest)
            if len(judged):
                np.maximum.accumulate(drawn, axis=1, out=drawn)
                beyond[at] += (mine >= size[judged] - TIE).sum(axis=0)
                largest = drawn[:, -1].copy()
            else:
                largest = drawn.max(axis=1)
    alone = np.maximum(by_t[start:], 2.0 * (1 + above) / (1 + n))
    together = np.maximum((1 + beyond) / (1 + n), alone)
    adjusted = np.maximum.accumulate(together[::-1])[::-1]
    bounded = np.maximum(up, down) < order(n, level)
    shown = rising[start:][(adjusted <= at_most) & bounded]
    apart[first[shown], second[shown]] = apart[second[shown], first[shown]] = True
    return apart


def _blocks(n: int, step: int) -> Iterator[NDArray[np.intp]]:
    for begin in range(0, n, step):
        yield np.arange(begin, min(begin + step, n))


def _differences(ours: Array, theirs: Array) -> Array:
    """Return the patients' differences, 0 where rounding alone makes them."""
    with np.errstate(invalid="ignore"):
        found = ours - theirs
        larger = np.maximum(np.abs(ours), np.abs(theirs))
        found[np.isfinite(found) & (np.abs(found) <= ROUNDING * larger)] = 0.0
    return found


def _studentised(sums: Array, sizes: Array) -> Array:
    """Return ``[K]`` means in standard errors; NaN where there is none, or too few patients differ for a test."""
    errors = cr2_errors(sums, sizes)
    tested = (errors > 0) & ((sums != 0).sum(axis=1) >= FEWEST_PATIENTS)
    found = np.full(len(sums), np.nan)
    found[tested] = sums[tested].sum(axis=1) / sizes.sum() / errors[tested]
    return found
