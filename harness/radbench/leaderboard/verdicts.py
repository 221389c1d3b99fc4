"""Verdicts: what a row shows against its reference, in a word, and how that word is to be read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame

LEVEL = 0.05
"""Two-sided error of what is called better or worse, after the adjustment for its family."""

WITHIN = "worse, within the margin"

UNTESTED = "too few patients, positives or seeds, missing cases, or too few differences that are not zero"

ONE_SIDED = 0.025
"""One-sided error of what is called not inferior: its interval's worse end lies within the margin."""


def verdict(row: Any) -> str:
    """Return "better", "worse", "not inferior", "undecided" or "not tested"; "" where there is no comparison.

    That two do not differ is never shown: what is not decided is undecided, however small the difference.

    Args:
        row: of a leaderboard, by column.
    """
    delta, p = float(row["delta"]), float(row["p_adjusted"])
    if math.isnan(delta) or row["schema_version"] < 2:
        return ""
    if math.isnan(float(row["p_value"])):
        return "not tested"
    if math.isnan(p):
        return ""
    within = float(row["p_margin"]) <= ONE_SIDED
    if p <= LEVEL:
        gain = (delta > 0) == (row["direction"] == "higher")
        return "better" if gain else WITHIN if within else "worse"
    return "not inferior" if within else "undecided"


def reading(rows: DataFrame) -> list[str]:
    """Return what is to be said of ranks and verdicts below a table.

    Args:
        rows: of the metric that ranks.
    """
    notes = []
    rows = rows[rows["schema_version"] >= 2]
    if rows["rank_low"].notna().any():
        notes.append("Ranks with their 95 % intervals, which hold for all together.")
    words = {verdict(row) for row in rows.to_dict("records")}
    if words & {"better", "worse", WITHIN}:
        notes.append("better, worse: than the reference, adjusted p ≤ 0.05.")
    margins = rows["margin"].dropna()
    if len(margins):
        notes.append(
            f"not inferior: not worse than the reference by more than {margins.iloc[0]:g}, the margin (one-sided "
            "p ≤ 0.025: the worse end of Δ's 95 % interval lies within it)."
        )
    if WITHIN in words:
        notes.append(f"{WITHIN}: both of it.")
    if "undecided" in words:
        notes.append("undecided: these data show neither; that there is no difference they do not show.")
    if "not tested" in words:
        notes.append(f"not tested: {UNTESTED}.")
    return notes
