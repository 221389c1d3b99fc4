"""Resamples: how often patients are drawn, held as small as it is, and what means are judged by on them.

It gives what :mod:`radbench.stats.studentised` and :mod:`radbench.stats.both` give, to the last bit, in a third of the
room; whatever makes tables draws here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.both import Estimate, judged, no_interval
from radbench.stats.clusters import Clusters, bell_mccaffrey, clustered, cr2_error
from radbench.stats.resampling import patient_counts
from radbench.stats.studentised import REPLICATES, Studentised, studentised_draws

_ELEMENTS = 1 << 20
"""Multiplicities of one product, as :mod:`radbench.stats.studentised` has them: others differ in the last bit."""

_KEPT = 1 << 23
"""Multiplicities up to which resamples are kept, 8 MiB."""


def multiplicities(n_patients: int, replicates: int = REPLICATES, seed: int = 0) -> Iterable[NDArray[np.integer[Any]]]:
    """Return the resamples of :func:`radbench.stats.resampling.patient_counts`, as many at once as a product likes.

    Those of one table serve all its rows and metrics, so that the last ones are kept where they are few.
    """
    if n_patients * replicates <= _KEPT:
        return _kept(n_patients, replicates, seed)
    return _drawn(n_patients, replicates, seed)


@lru_cache(maxsize=2)
def _kept(n_patients: int, replicates: int, seed: int) -> tuple[NDArray[np.integer[Any]], ...]:
    return tuple(_drawn(n_patients, replicates, seed))


def _drawn(n_patients: int, replicates: int, seed: int) -> Iterator[NDArray[np.integer[Any]]]:
    rows, done = max(1, _ELEMENTS // n_patients), 0
    waiting: list[NDArray[Any]] = []
    # A few at a time: drawing takes thirty times the room of what is drawn.
    for counts in patient_counts(n_patients, replicates, seed):
        while len(counts):
            some, counts = counts[: rows - done], counts[rows - done :]
            waiting.append(some.astype(np.min_scalar_type(some.max())))
            done += len(some)
            if done == rows:
                yield np.concatenate(waiting)
                waiting, done = [], 0
    if waiting:
        yield np.concatenate(waiting)


def clustered_means(table: ArrayLike, patients: Sequence[Any] | None = None, level: float = 0.95) -> list[Estimate]:
    """Return the means of many rows as :func:`radbench.stats.both.clustered_means` does.

    Args:
        table: float64 ``[E,N]`` of values or differences of the same cases, one at least; NaN where there is no answer.
        patients: ``[N]`` identities, or None.
        level: nominal coverage.
    """
    rows = [clustered(row, patients) for row in np.asarray(table, dtype=np.float64)]
    return [judged(row, rule, why, level) for row, (rule, why) in zip(rows, mean_rules(rows), strict=True)]


def mean_rules(
    rows: Sequence[Clusters], replicates: int = REPLICATES, seed: int = 0
) -> list[tuple[Studentised | None, str]]:
    """Return what interval and p-value of each mean are read off as :func:`radbench.stats.both.mean_rules` does."""
    errors = [cr2_error(row) for row in rows]
    reasons = [no_interval(row, error) for row, error in zip(rows, errors, strict=True)]
    rules: list[Studentised | None] = [None] * len(rows)
    alike: dict[bytes, list[int]] = {}
    for k, reason in enumerate(reasons):
        if not reason:
            alike.setdefault(rows[k].sizes.tobytes(), []).append(k)
    for which in alike.values():
        sizes = rows[which[0]].sizes
        counts = multiplicities(len(sizes), replicates, seed)
        drawn = studentised_draws(np.stack([rows[k].sums for k in which]), sizes, counts=counts)
        for k, draws in zip(which, drawn, strict=True):
            rules[k] = Studentised(rows[k].mean, errors[k], bell_mccaffrey(sizes), draws)
    return [*zip(rules, reasons, strict=True)]
