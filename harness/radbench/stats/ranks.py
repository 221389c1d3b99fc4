"""Ranks of enhancers with intervals that cover: ties share a rank, and what the data cannot order stays open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.intervals import check_level

_AT_ONCE = 1 << 22
"""Pairs looked at together, 4 MiB."""


@dataclass(frozen=True)
class RankIntervals:
    """Ranks of E enhancers, 1 is best.

    Attributes:
        rank: float64 ``[E]``; equal values share the better rank (1, 2, 2, 4); NaN where there is no value.
        low: float64 ``[E]``, the best rank that the data leave open.
        high: float64 ``[E]``, the worst.
        level: nominal coverage, of all intervals at once.
    """

    rank: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    level: float


def ranks_where(
    values: ArrayLike,
    apart: ArrayLike,
    direction: Literal["higher", "lower"] = "higher",
    level: float = 0.95,
) -> RankIntervals:
    """Rank enhancers by value, with intervals that follow from which of them are told apart.

    An enhancer's interval runs from 1 + the number of enhancers shown to be better to E - the number shown to be
    worse (Mogstad, Romano, Shaikh & Wilhelm 2024, Rev. Econ. Stud. 91:476-518; Al Mohamad, Goeman & van Zwet 2022,
    Biometrics 78:238-247). Where all pairs were tested at once, all true ranks are covered together, ties included.
    The percentiles of bootstrapped ranks do not do this: the bootstrap of a rank is inconsistent where enhancers are
    nearly tied (Hall & Miller 2009, Ann. Statist. 37:3929-3959; Xie, Singh & Zhang 2009, J. Amer. Statist. Assoc.
    104:775-788).

    Args:
        values: ``[E]``, infinite ones too; NaN where there is none: such an enhancer gets no rank and does not count.
        apart: bool ``[E,E]``, whether two were shown to differ.
        direction: which way is better.
        level: at which they were.

    Raises:
        ValueError: shapes that do not go together, an unknown direction, or a level outside (0, 1).
    """
    check_level(level)
    if direction not in ("higher", "lower"):
        raise ValueError(f"direction must be 'higher' or 'lower', got '{direction}'")
    given, differ = np.asarray(values, dtype=np.float64), np.asarray(apart, dtype=bool)
    if given.ndim != 1 or differ.shape != (len(given), len(given)):
        raise ValueError(f"values [E] and pairs [E,E] must go together, got {given.shape} and {differ.shape}")
    ranked = np.flatnonzero(~np.isnan(given))
    good = given[ranked] if direction == "higher" else -given[ranked]
    above, below = np.zeros(len(ranked), dtype=np.intp), np.zeros(len(ranked), dtype=np.intp)
    for begin in range(0, len(ranked), step := max(1, _AT_ONCE // max(1, len(ranked)))):
        some = slice(begin, begin + step)
        better = differ[np.ix_(ranked[some], ranked)] & (good[some, None] > good[None, :])
        above += better.sum(axis=0)
        below[some] = better.sum(axis=1)
    rank, low, high = (np.full(len(given), np.nan) for _ in range(3))
    rank[ranked] = 1 + len(ranked) - np.searchsorted(np.sort(good), good, side="right")
    low[ranked], high[ranked] = 1 + above, len(ranked) - below
    return RankIntervals(rank, low, high, level)
