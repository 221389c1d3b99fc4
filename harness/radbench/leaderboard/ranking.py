"""Ranking: which rows of one metric may stand in one order, and who is best and second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame, Series


def rankable(rows: DataFrame) -> Series:
    """Return which rows of one metric and group can be ranked, as a mask.

    A run ranks complete rows alone, so a row without a rank stays out; and rows of several runs are ranked
    together only where they count as many cases as the fullest of them.
    """
    complete = rows["rank"].notna() & rows["value"].notna()
    return complete & (rows["n_cases"] == rows.loc[complete, "n_cases"].max())


def places(printed: Sequence[str | None], lower: bool) -> list[int]:
    """Return 1 for the best, 2 for the second best and 0 for all others, by what is printed.

    What reads the same is a tie, and all of a tie are marked. A single number is neither.

    Args:
        printed: the numbers as printed, None where there is none to rank.
        lower: whether lower is better.
    """
    values = [None if text is None else float(text.replace("∞", "inf")) for text in printed]
    known = [v for v in values if v is not None]
    if len(known) < 2:
        return [0] * len(values)
    best = sorted(set(known), reverse=not lower)[:2]
    return [best.index(v) + 1 if v in best else 0 for v in values]
