"""Upgrades: rows of older layouts in the columns of today's, with nothing said that they did not say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from radbench.leaderboard.columns import ALL, BASELINE, COLUMNS

if TYPE_CHECKING:
    from pandas import DataFrame

LAYOUTS = {version: tuple(c.name for c in COLUMNS.values() if c.since <= version) for version in (1, 2)}
"""By version: its columns in file order."""


_LATER = frozenset(
    {
        "observation",
        "seeds",
        "n_positive_patients",
        "effective_patients",
        "effect_size_ci_low",
        "effect_size_ci_high",
        "p_sign_flip",
        "margin",
        "p_margin",
        "scores_digest",
    }
    | {f"{of}variance_{what}" for of in ("", "delta_") for what in ("patients", "seeds", "interaction")}
)
"""Columns that version 2 got before it was released."""


def completed(rows: DataFrame) -> DataFrame:
    """Return raw texts of version 2 with the columns that it got later, empty where they are missing."""
    given = list(rows.columns)
    if given != [name for name in COLUMNS if name in given or name not in _LATER]:
        return rows
    return rows.reindex(columns=list(COLUMNS), fill_value="").astype(object)


def _from_1(old: DataFrame) -> DataFrame:
    """Bring raw texts of version 1 into the layout of version 2; ``schema_version`` stays 1."""
    new = old.reindex(columns=list(LAYOUTS[2]), fill_value="").astype(object)
    has_group = old["group"] != ALL
    # A group that was itself called "all" had been marked so.
    new.loc[has_group, "group"] = "group=" + old.loc[has_group, "group"].replace(f"{ALL} (group)", ALL)
    first = old[old["metric"] != ""].groupby("task", sort=False)["metric"].first()
    named = old["metric"] != ""
    decides = (old["metric"] == old["task"].map(first)).map({True: "true", False: "false"})
    new["primary"] = decides.where(named, "")
    new["n_seeds"] = "1"
    new["reference"] = (old["delta"] != "").map({True: BASELINE, False: ""})
    adjusted = old["p_adjusted"] != ""
    new["family"] = adjusted.map({True: "enhancers and metrics of the group", False: ""})
    return new


UPGRADES: dict[int, Callable[[DataFrame], DataFrame]] = {1: _from_1}
"""By version: takes a frame of raw texts in that version's layout and returns one in the next version's."""
