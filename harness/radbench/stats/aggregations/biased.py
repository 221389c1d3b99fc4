"""Biased: what scores share that chance alone makes larger, in the data and once more in every resample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radbench.stats.aggregations.protocol import Array


def recentred(values: Sequence[float], draws: Array) -> Array:
    """Return draws moved so that their mean is the value of the data.

    Args:
        values: ``[E]``.
        draws: ``[E,R]``, NaN where undefined.
    """
    moved = draws.copy()
    for value, row in zip(values, moved, strict=True):
        defined = np.isfinite(row)
        if defined.any():
            row += value - row[defined].mean()
    return moved
