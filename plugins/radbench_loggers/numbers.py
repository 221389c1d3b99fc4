"""Numbers: what of a pair's rows a logger shows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

COLUMNS = ("value", "ci_low", "ci_high", "delta", "delta_ci_low", "delta_ci_high")
"""The columns of the leaderboard that are shown, where a row has them."""


def numbers(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = COLUMNS) -> Iterator[tuple[str, str, float]]:
    """Yield (metric, column, number) of the rows over all cases and facets; what has no value is left out."""
    for row in rows:
        if row.get("group") != "all" or not _nothing(row.get("facet")):
            continue
        for column in columns:
            value = row.get(column)
            if isinstance(value, int | float) and math.isfinite(value):
                yield str(row["metric"]), column, float(value)


def _nothing(value: Any) -> bool:
    return value is None or value == "" or value != value
