"""Entries: what a table compares, an enhancer with one seed or with several, and what is said of them together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from radbench.stats.aggregations.clustered import AT_ONCE, paired_mean
from radbench.stats.aggregations.protocol import Aggregation, Array, Paired
from radbench.stats.both import differences
from radbench.stats.families import adjusted_p_values, told_apart
from radbench.stats.pooled import pooled_ends
from radbench.stats.ranks import RankIntervals, ranks_where
from radbench.stats.resampling import Resampling
from radbench.stats.seeds import Pooled, pooled_mean
from radbench.stats.significance import holm
from radbench.stats.signs import sign_flip

POOLED = "patients and seeds"
"""The test of a difference over several seeds."""


_UNBOUNDED = (-math.inf, math.inf)


@dataclass(frozen=True)
class Entry:
    """One enhancer under one metric.

    Attributes:
        parts: evidence by seed; of one that is not pooled, its only one.
        draws: ``[S,R]`` beside the parts; empty where the score is a mean of numbers.
        seeds: which they are; None for an enhancer that no seed changes.
    """

    parts: tuple[Any, ...]
    draws: Array
    seeds: tuple[int | None, ...]

    @property
    def pooled(self) -> bool:
        """Whether it stands for several seeds."""
        return len(self.parts) > 1

    def at(self, seeds: Sequence[int | None]) -> Entry:
        """Return the entry with some of its seeds alone."""
        places = [self.seeds.index(seed) for seed in seeds]
        return Entry(tuple(self.parts[k] for k in places), self.draws[places], tuple(seeds))


def numbers_of(how: Aggregation, evidence: Any, resampling: Resampling) -> tuple[Array, tuple[str, ...]] | None:
    """Return the numbers whose mean a score is, ``[M]``, and the patient of each; None where it is no mean."""
    give = getattr(how, "numbers", None)
    return None if give is None else give(evidence, resampling)


def pooled_score(how: Aggregation, entry: Entry, resampling: Resampling) -> Pooled:
    """Return the mean of an entry's seeds, with an interval for new patients and new seeds."""
    table = _table(how, entry, resampling)
    if table is not None:
        return pooled_mean(*table)
    own = getattr(how, "pooled", None)
    found = None if own is None else own(entry.parts, entry.draws, resampling)
    if found is not None:
        return found
    values = [how.value(part) for part in entry.parts]
    drawn = zip(entry.parts, values, entry.draws, strict=True)
    ends = [how.interval(part, value, draws, resampling) for part, value, draws in drawn]
    return pooled_ends(values, ends, bounds=getattr(how, "bounds", _UNBOUNDED))


def variances_of(pooled: Pooled) -> tuple[float, float, float]:
    """Return what patients, seeds and their interaction account for of a pooled score's variance."""
    return pooled.patients_part, pooled.seeds_part, pooled.interaction_part


def compared(
    how: Aggregation, entries: Sequence[Entry], pairs: Sequence[tuple[int, int]], resampling: Resampling
) -> list[Paired]:
    """Return the paired difference of each pair of entries.

    Several seeds are compared with the same seeds of the other, where it has several, else with its only answer.
    """
    found: dict[tuple[int, int], Paired] = {}
    single = [(i, j) for i, j in pairs if not (entries[i].pooled or entries[j].pooled)]
    if single:
        own = sorted({k for pair in single for k in pair})
        place = {k: at for at, k in enumerate(own)}
        parts, draws = [entries[k].parts[0] for k in own], np.stack([entries[k].draws[0] for k in own])
        given = how.differences(parts, [(place[i], place[j]) for i, j in single], draws, resampling)
        found = dict(zip(single, given, strict=True))
    for i, j in pairs:
        if (i, j) not in found:
            found[i, j] = _pooled_difference(how, entries[i], entries[j], resampling)
    return [found[pair] for pair in pairs]


def _pooled_difference(how: Aggregation, ours: Entry, theirs: Entry, resampling: Resampling) -> Paired:
    if ours.pooled and theirs.pooled:
        common = [seed for seed in ours.seeds if seed in theirs.seeds]
        if len(common) < 2:
            return Paired()
        ours, theirs = ours.at(common), theirs.at(common)
    a, b = _table(how, ours, resampling), _table(how, theirs, resampling)
    if a is not None and b is not None:
        return _pooled_means(differences(*np.broadcast_arrays(a[0], b[0])), a[1])
    if not _answered_alike((*ours.parts, *theirs.parts)):
        return Paired()
    own = getattr(how, "pooled_difference", None)
    found = None if own is None else own(ours.parts, theirs.parts, ours.draws, theirs.draws, resampling)
    if found is None:
        found = _by_ends(how, ours, theirs, resampling)
    return Paired.of(found.estimate, POOLED, variances_of(found))


def _by_ends(how: Aggregation, ours: Entry, theirs: Entry, resampling: Resampling) -> Pooled:
    """Return what the seeds' own differences come to."""
    n = max(len(ours.parts), len(theirs.parts))
    seeds = [(min(k, len(ours.parts) - 1), min(k, len(theirs.parts) - 1)) for k in range(n)]
    found = [
        how.differences(
            [ours.parts[a], theirs.parts[b]], [(0, 1)], np.stack([ours.draws[a], theirs.draws[b]]), resampling
        )[0]
        for a, b in seeds
    ]
    least, most = getattr(how, "bounds", _UNBOUNDED)
    ends = [(one.low, one.high) for one in found]
    return pooled_ends([one.delta for one in found], ends, bounds=(least - most, most - least))


def _answered_alike(parts: Sequence[Any]) -> bool:
    """Tell whether all answered the same: seeds are compared on the same cases alone."""
    return all(np.array_equal(part.answered, parts[0].answered) for part in parts)


def _pooled_means(table: Array, patients: Sequence[str]) -> Paired:
    if not np.isfinite(table).all(axis=0).any():
        return Paired()
    found = pooled_mean(table, patients)
    with np.errstate(invalid="ignore"):
        average = table.mean(axis=0)
    paired = paired_mean(average, found.estimate, patients, sign_flip(average, patients), found.estimate.value, POOLED)
    return replace(paired, variances=variances_of(found))


def adjusted(
    how: Aggregation,
    entries: Sequence[Entry],
    pairs: Sequence[tuple[int, int]],
    found: Sequence[Paired],
    resampling: Resampling,
) -> Array:
    """Return the p-values of one metric, adjusted for all comparisons that have one, ``[K]``; NaN where there is none.

    Of means by step-down max-T of the bootstrap-t (:func:`radbench.stats.families.adjusted_p_values`); where several
    seeds are compared, the larger of that and Holm's, which knows of the seeds; of other scores Holm's.
    """
    p = np.array([one.p_value for one in found])
    result = holm(p) if len(p) else p
    tested = np.flatnonzero(~np.isnan(p)).tolist()
    rows = [_difference_row(how, entries[i], entries[j], resampling) for i, j in (pairs[k] for k in tested)]
    if not rows or any(row is None for row in rows):
        return result
    by_largest = adjusted_p_values(np.stack([row[0] for row in rows if row]), rows[0][1]).adjusted  # type: ignore[index]
    known = ~np.isnan(by_largest)
    several = any(entries[k].pooled for pair in (pairs[k] for k in tested) for k in pair)
    at = [k for k, has in zip(tested, known, strict=True) if has]
    result[at] = np.maximum(by_largest[known], result[at]) if several else by_largest[known]
    # Of a comparison by itself the two are one number, but for the last digits.
    return np.where(np.isclose(result, p, rtol=1e-9, atol=0.0), p, np.fmax(result, p))


def ranks(
    how: Aggregation,
    entries: Sequence[Entry],
    values: Sequence[float],
    resampling: Resampling,
    direction: Literal["higher", "lower"],
    level: float = 0.95,
) -> RankIntervals:
    """Rank entries, each with a value, by intervals that cover all true ranks together.

    Means are told apart by max-T over all pairs, others by Holm over the pairs' own tests; where any of them stands for
    several seeds, by both, for max-T knows of patients alone.
    """
    n = len(entries)
    tables = [_table(how, entry, resampling) for entry in entries]
    apart = np.zeros((n, n), dtype=bool)
    if tables and all(table is not None for table in tables):
        rows = np.stack([_average(table[0]) for table in tables if table])
        apart = told_apart(rows, tables[0][1], level=level)  # type: ignore[index]
        if any(entry.pooled for entry in entries):
            apart &= _apart_by_holm(how, entries, resampling, level)
    elif n > 1:
        apart = _apart_by_holm(how, entries, resampling, level)
    return ranks_where(values, apart, direction, level)


def _apart_by_holm(
    how: Aggregation, entries: Sequence[Entry], resampling: Resampling, level: float
) -> NDArray[np.bool_]:
    """Return which entries' own tests of their difference tell them apart, all pairs corrected by Holm."""
    pairs = [(i, j) for i in range(len(entries)) for j in range(i + 1, len(entries))]
    # In blocks: what a difference is read off is five thousand draws.
    blocks = (pairs[begin : begin + AT_ONCE] for begin in range(0, len(pairs), AT_ONCE))
    p = np.array([one.p_value for some in blocks for one in compared(how, entries, some, resampling)])
    found = np.zeros((len(entries), len(entries)), dtype=bool)
    for (i, j), here in zip(pairs, holm(p) <= 1.0 - level, strict=True):
        found[i, j] = found[j, i] = here
    return found


def _table(how: Aggregation, entry: Entry, resampling: Resampling) -> tuple[Array, tuple[str, ...]] | None:
    """Return the numbers by seed, ``[S,M]``, and the patients ``[M]``; None where the score is no mean."""
    rows = [numbers_of(how, part, resampling) for part in entry.parts]
    if any(row is None for row in rows):
        return None
    return np.stack([row[0] for row in rows if row]), rows[0][1]  # type: ignore[index]


def _difference_row(
    how: Aggregation, ours: Entry, theirs: Entry, resampling: Resampling
) -> tuple[Array, tuple[str, ...]] | None:
    if ours.pooled and theirs.pooled:
        common = [seed for seed in ours.seeds if seed in theirs.seeds]
        ours, theirs = ours.at(common), theirs.at(common)
    a, b = _table(how, ours, resampling), _table(how, theirs, resampling)
    return None if a is None or b is None else (differences(_average(a[0]), _average(b[0])), a[1])


def _average(table: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return table[0] if len(table) == 1 else np.asarray(table.mean(axis=0))
