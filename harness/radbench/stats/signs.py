"""The sign-flip test of patients' mean differences, beside the interval and never in its place."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.clusters import clustered
from radbench.stats.resampling import CHUNK_ELEMENTS

EXACT_UP_TO = 12
"""Patients up to which every pattern of signs is enumerated."""

FLIPS = 9999
"""Patterns of signs drawn beyond."""

_KEPT = 1 << 24
"""Signs up to which patterns are kept, 2 MiB."""

_ELEMENTS = 1 << 20
"""Signs of one product: large enough for it to be worth its while, 8 MiB."""


def sign_flip(
    differences: ArrayLike, patients: Sequence[Hashable] | None = None, flips: int = FLIPS, seed: int = 0
) -> float:
    """Return the two-sided p-value of the sign-flip test (Fisher 1935, The Design of Experiments, section 21).

    Each patient enters once, with the mean of its differences; the statistic is their sum. It is exact where the
    differences are symmetric about zero, and only there: skewed differences of mean zero come out significant two
    times too often with 24 patients, three times with 12. Up to 12 patients all patterns of signs are enumerated;
    beyond, patterns are drawn from a fixed seed and the data's own pattern counts as one of them.

    Args:
        differences: ``[N]``, NaN where there is no answer.
        patients: ``[N]`` identities; None takes each case by itself.
        flips: patterns drawn beyond 12 patients.
        seed: of the patterns.

    Returns:
        p in (0, 1]; NaN where no case has an answer or a difference is infinite.

    Raises:
        ValueError: no differences, or patients of another number.
    """
    return sign_flips(np.atleast_2d(np.asarray(differences, dtype=np.float64)), patients, flips, seed)[0]


def sign_flips(
    table: ArrayLike, patients: Sequence[Hashable] | None = None, flips: int = FLIPS, seed: int = 0
) -> list[float]:
    """Return the p-values of several rows of differences as :func:`sign_flip` does, the patterns being drawn once.

    Args:
        table: ``[K,N]``.
        patients: ``[N]`` identities, or None.
        flips: patterns drawn beyond 12 patients.
        seed: of the patterns, which depend on it and the number of patients alone.

    Raises:
        ValueError: as :func:`sign_flip`.
    """
    found: list[float] = []
    alike: dict[int, list[tuple[int, NDArray[np.float64]]]] = {}
    for k, row in enumerate(np.asarray(table, dtype=np.float64)):
        clusters = clustered(row, patients)
        means = clusters.sums / clusters.sizes
        judged = len(means) > 0 and bool(np.isfinite(means).all())
        size = float(np.abs(means).max()) if judged else math.nan
        found.append(math.nan if not judged else 1.0)
        if judged and size > 0:
            alike.setdefault(len(means), []).append((k, means / size))
    for n, rows in alike.items():
        for (k, _), p in zip(rows, _p_values(np.stack([means for _, means in rows]), n, flips, seed), strict=True):
            found[k] = float(p)
    return found


def _p_values(means: NDArray[np.float64], n: int, flips: int, seed: int) -> NDArray[np.float64]:
    """Return the p-values of rows ``[K,n]`` of patients' means."""
    least = np.abs(means.sum(axis=1)) - 1e-9  # patterns that tie with the data's count, whatever the rounding
    if n <= EXACT_UP_TO:
        return np.asarray((np.abs(_patterns(n) @ means.T) >= least).mean(axis=0))
    extreme = np.zeros(len(means), dtype=np.intp)
    for packed in _flipped(n, flips, seed):
        signs = np.unpackbits(packed, axis=1, count=n).view(np.int8)
        signs <<= 1
        signs -= 1
        extreme += (np.abs(signs.astype(np.float64) @ means.T) >= least).sum(axis=0)
    return np.asarray((1 + extreme) / (1 + flips))


def _flipped(n: int, flips: int, seed: int) -> Iterable[NDArray[np.uint8]]:
    """Return the patterns drawn, a bit for each sign; those of one table serve all its metrics."""
    return _kept(n, flips, seed) if n * flips <= _KEPT else _drawn(n, flips, seed)


@lru_cache(maxsize=2)
def _kept(n: int, flips: int, seed: int) -> tuple[NDArray[np.uint8], ...]:
    return tuple(_drawn(n, flips, seed))


def _drawn(n: int, flips: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    random = np.random.Generator(np.random.PCG64(seed))
    step, few = max(1, _ELEMENTS // n), max(1, CHUNK_ELEMENTS // n)
    for start in range(0, flips, step):
        rows = min(step, flips - start)
        # A few at a time: drawing takes sixty-four times the room of what is drawn.
        sizes = (min(few, rows - begin) for begin in range(0, rows, few))
        drawn = (random.integers(0, 2, (k, n)).astype(np.uint8) for k in sizes)
        yield np.concatenate([np.packbits(heads, axis=1) for heads in drawn])


def _patterns(n: int) -> NDArray[np.float64]:
    """Return all patterns of n signs, ``[2^n,n]``."""
    bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    return 1.0 - 2.0 * bits.astype(np.float64)
