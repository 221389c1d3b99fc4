"""Friedman's test of several treatments ranked in blocks, and Kendall's coefficient of concordance W."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.clusters import FEWEST_PATIENTS

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Friedman:
    """Friedman's test.

    Attributes:
        statistic: chi-squared, corrected for ties; NaN where every block ranks all treatments alike.
        freedom: treatments - 1.
        p_value: NaN below six blocks, or where there is no statistic.
        concordance: Kendall's W of the blocks, ``statistic / (blocks (treatments - 1))``: 0 none, 1 all rank alike.
        mean_ranks: ``[K]``, each treatment's rank, averaged over blocks.
        blocks: that have an answer for every treatment.
        no_p: why there is no p-value, "" where there is one.
    """

    statistic: float
    freedom: int
    p_value: float
    concordance: float
    mean_ranks: tuple[float, ...]
    blocks: int
    no_p: str = ""


def friedman(values: ArrayLike) -> Friedman:
    """Test whether treatments differ, each block ranking them within itself.

    Friedman (1937, J. Am. Stat. Assoc. 32:675-701) with mean ranks for ties and the statistic corrected for them
    (Hollander, Wolfe & Chicken 2014, Nonparametric Statistical Methods, section 7.1), against chi-squared. Its scaled
    form is Kendall's W (Kendall & Babington Smith 1939, Ann. Math. Stat. 10:275-287).

    Args:
        values: ``[N,K]``, N blocks by K treatments; a block with a NaN is left out.

    Raises:
        ValueError: fewer than two treatments, or no block.
    """
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 2 or not len(table):
        raise ValueError(f"values must be [N,K] of one block and two treatments or more, got {list(table.shape)}")
    table = table[~np.isnan(table).any(axis=1)]
    n, k = table.shape
    if not n:
        return Friedman(math.nan, k - 1, math.nan, math.nan, (math.nan,) * k, 0, "no block ranks every treatment")
    ranks = ranks_within(table)
    sums = ranks.sum(axis=0)
    # The sum over blocks of t^3 - t for each group of t tied values.
    ties = sum(float((counts.astype(np.float64) ** 3 - counts).sum()) for counts in map(_counts, table))
    scale = n * k * (k + 1) - ties / (k - 1)
    means = tuple(float(m) for m in sums / n)
    if scale <= 1e-12 * n:
        return Friedman(math.nan, k - 1, math.nan, math.nan, means, n, "every block ranks all alike")
    statistic = 12.0 * float(((sums - n * (k + 1) / 2.0) ** 2).sum()) / scale
    few = f"fewer than {FEWEST_PATIENTS} patients: {n}" if n < FEWEST_PATIENTS else ""
    return Friedman(
        statistic=statistic,
        freedom=k - 1,
        p_value=math.nan if few else _upper_tail(k - 1, statistic),
        concordance=statistic / (n * (k - 1)),
        mean_ranks=means,
        blocks=n,
        no_p=few,
    )


def concordance(values: ArrayLike) -> float:
    """Return Kendall's W, corrected for ties, of judges that rank the same things.

    Args:
        values: ``[M,K]``, M judges by K things; a judge with a NaN is left out.

    Returns:
        0 (no agreement) to 1 (all rank alike); NaN with fewer than two judges, or where one calls all things alike and
        so do the others.

    Raises:
        ValueError: fewer than two things.
    """
    found = friedman(values)
    return found.concordance if found.blocks >= 2 else math.nan


def ranks_within(values: Array) -> Array:
    """Return the ranks of each row's values, 1 for the least, ties sharing their mean rank.

    Args:
        values: ``[N,K]``, finite.
    """
    below = (values[:, :, None] > values[:, None, :]).sum(axis=2)
    equal = (values[:, :, None] == values[:, None, :]).sum(axis=2)
    return np.asarray(below + (equal + 1) / 2.0, dtype=np.float64)


def _counts(row: Array) -> NDArray[np.intp]:
    return np.unique(row, return_counts=True)[1]


def _upper_tail(freedom: int, statistic: float) -> float:
    from scipy.special import chdtrc

    return float(chdtrc(freedom, statistic))
