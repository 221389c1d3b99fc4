"""Comparing: which pairs and rows stand in one table, and how a table tells the seeds of an enhancer apart."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from radbench.contracts import Status
from radbench.leaderboard.columns import COMPARABLE_KEY

if TYPE_CHECKING:
    from pandas import DataFrame

_DIGEST = COMPARABLE_KEY.index("cases_digest")

Key = tuple[str, ...]

_WITH_UNIT = re.compile(r"(?P<number>\S+) (?P<unit>[^\W\d]+|[%°])")


def joined(keys: Sequence[Key], scored: Sequence[bool]) -> list[Key]:
    """Return the keys, where whoever was never scored and knows no cases joins those it would have stood beside.

    Args:
        keys: values of :data:`~radbench.leaderboard.columns.COMPARABLE_KEY`, as texts.
        scored: whether each has a score.
    """
    tables: dict[Key, str] = {}
    for key, has in zip(keys, scored, strict=True):
        if has:
            rest = key[:_DIGEST] + key[_DIGEST + 1 :]
            tables[rest] = min(tables.get(rest, key[_DIGEST]), key[_DIGEST])
    found = []
    for key, has in zip(keys, scored, strict=True):
        digest = key[_DIGEST]
        if not has and not digest:
            digest = tables.get(key[:_DIGEST] + key[_DIGEST + 1 :], digest)
        found.append((*key[:_DIGEST], digest, *key[_DIGEST + 1 :]))
    return found


def tables_of(rows: DataFrame) -> list[DataFrame]:
    """Return the rows of each comparable table, in the order in which tables and rows come.

    Runs of version 1 compared each seed apart, so their rows stay apart by seed.
    """
    keys = list(zip(*(rows[name].map(str) for name in COMPARABLE_KEY), strict=True))
    scored = (rows["status"] == Status.OK).tolist()
    apart = [
        str(seed) if version == 1 else "" for seed, version in zip(rows["seed"], rows["schema_version"], strict=True)
    ]
    places: dict[Key, list[int]] = {}
    for place, (key, seed) in enumerate(zip(joined(keys, scored), apart, strict=True)):
        places.setdefault((*key, seed), []).append(place)
    return [rows.iloc[at] for at in places.values()]


def entry_names(rows: DataFrame) -> list[str]:
    """Return how a table names each row's enhancer: with its seed only where it stands there with several."""
    texts = ["" if missing else str(seed) for seed, missing in zip(rows["seed"], rows["seed"].isna(), strict=True)]
    seeds: dict[str, set[str]] = {}
    for enhancer, seed in zip(rows["enhancer"], texts, strict=True):
        seeds.setdefault(enhancer, set()).add(seed)

    def named(enhancer: str, seed: str, n_seeds: int) -> str:
        if n_seeds > 1:
            return f"{enhancer} ({n_seeds} seeds)"
        return f"{enhancer} (seed {seed})" if len(seeds[enhancer]) > 1 and seed else enhancer

    return [named(*facts) for facts in zip(map(str, rows["enhancer"]), texts, rows["n_seeds"], strict=True)]


def facet_order(facet: str) -> tuple[float, str]:
    """Return what facets are ordered by: angles by size, names by the alphabet and after them."""
    measured = facet_number(facet)
    return (math.inf if measured is None else measured[0]), facet


def facet_number(facet: str) -> tuple[float, str] | None:
    """Return the number that a facet is, and its unit: (-9.0, "deg") of "-9 deg", (5.0, "") of "5"; None of a name."""
    match = _WITH_UNIT.fullmatch(facet)
    try:
        value = float(match["number"] if match else facet)
    except ValueError:
        return None
    return (value, match["unit"] if match else "") if math.isfinite(value) else None
