"""Ordinal: what ranks and grades say: shares, means, Friedman's test, pairs of enhancers, agreement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from radbench.reader_study.agreeing import Agreed, between_readers, within_readers
from radbench.reader_study.judged import Judged
from radbench.stats.both import Estimate, clustered_mean, paired_difference
from radbench.stats.clusters import FEWEST_PATIENTS
from radbench.stats.friedman import Friedman, concordance, friedman
from radbench.stats.significance import holm, wilcoxon

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pairwise:
    """Two enhancers compared over patients.

    Attributes:
        first, second: their labels.
        difference: first minus second, with an interval.
        signed_ranks: sum of the signed ranks of the patients' differences, above zero where the first's are the larger:
            what the test goes by, which may point another way than the mean.
        p_value: of Wilcoxon's signed-rank test over patients; NaN where it is withheld.
        p_holm: adjusted for all pairs.
    """

    first: str
    second: str
    difference: Estimate
    signed_ranks: float
    p_value: float
    p_holm: float


@dataclass(frozen=True)
class Shares:
    """How often each answer was given: a block of the paper's table.

    Attributes:
        who: the reader, or all.
        cases: how many were judged, by every enhancer.
        counts: ``[A][E]``, of each answer, in order, and enhancer.
        means: of each enhancer.
        friedman: over these cases.
    """

    who: str
    cases: tuple[int, ...]
    counts: tuple[tuple[int, ...], ...]
    means: tuple[Estimate | None, ...]
    friedman: Friedman


@dataclass(frozen=True)
class Ordinal:
    """The analysis of ranks or grades.

    Attributes:
        blocks: of each reader; and of all, with two readers or more.
        overall: Friedman's test of each case's mean over readers, by patient.
        pairs: likewise, Wilcoxon's with Holm.
        among_readers: Kendall's W of the readers' rankings of one case, averaged over cases; NaN with one reader.
        inter, intra: agreement.
    """

    blocks: tuple[Shares, ...]
    overall: Friedman
    pairs: tuple[Pairwise, ...]
    among_readers: float
    inter: tuple[Agreed, ...]
    intra: tuple[Agreed, ...]


def analyse_ordinal(judged: Judged) -> Ordinal:
    """Analyse a ranking or rating.

    Cases that a reader has not judged by every enhancer are left out of that reader's tests. What is tested over all
    readers goes by each case's mean over the readers that judged it, and by patient: the readers are taken as they are
    (fixed), the patients as a sample.
    """
    values, patients = judged.values, judged.patients
    blocks = [_block(f"Reader {reader}", values[r][None], judged) for r, reader in enumerate(judged.readers)]
    if len(judged.readers) > 1:
        blocks.append(_block("All", values, judged))
    means = _over_readers(values)
    return Ordinal(
        blocks=tuple(blocks),
        overall=friedman(by_patient(means, patients)),
        pairs=tuple(_pairs(means, judged)),
        among_readers=_among(values),
        inter=between_readers(judged),
        intra=within_readers(judged),
    )


def by_patient(values: Array, patients: tuple[str, ...]) -> Array:
    """Return each patient's mean over its cases, ``[P,E]`` of ``[C,E]``: cases of one patient are no blocks apart."""
    _, owners = np.unique(np.array(patients, dtype=str), return_inverse=True)
    known = ~np.isnan(values).any(axis=1)
    n = int(owners.max()) + 1
    counts = np.bincount(owners[known], minlength=n).astype(np.float64)
    sums = np.stack([np.bincount(owners[known], column[known], n) for column in values.T], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Means of a few whole numbers: what rounding leaves must not make ties different.
        return np.round(sums / counts[:, None], 9)


def _over_readers(values: Array) -> Array:
    """Return ``[C,E]`` means over the readers that judged a case by every enhancer; NaN where none did."""
    whole = np.asarray(~np.isnan(values).any(axis=2))
    counts = whole.sum(axis=0)[:, None].astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole[:, :, None], values, 0.0).sum(axis=0) / counts


def _block(who: str, values: Array, judged: Judged) -> Shares:
    answers = judged.key.design.answers
    counts = tuple(tuple(int((values[:, :, e] == a).sum()) for e in range(values.shape[2])) for a in answers)
    means = _over_readers(values)
    return Shares(
        who=who,
        cases=tuple(int((~np.isnan(values[:, :, e])).sum()) for e in range(values.shape[2])),
        counts=counts,
        means=tuple(_mean(values[:, :, e], judged.patients) for e in range(values.shape[2])),
        friedman=friedman(by_patient(means, judged.patients)),
    )


def _mean(values: Array, patients: tuple[str, ...]) -> Estimate | None:
    if np.isnan(values).all():
        return None
    with np.errstate(invalid="ignore"):
        known = ~np.isnan(values)
        over = np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0)
    return clustered_mean(over, patients)


def _pairs(means: Array, judged: Judged) -> list[Pairwise]:
    found: list[tuple[int, int, Estimate, float, float]] = []
    for a, b in combinations(range(len(judged.enhancers)), 2):
        difference = paired_difference(means[:, a], means[:, b], judged.patients)
        of_patients = by_patient((means[:, a] - means[:, b])[:, None], judged.patients)[:, 0]
        p = math.nan if difference.n_patients < FEWEST_PATIENTS else wilcoxon(of_patients)
        found.append((a, b, difference, signed_ranks(of_patients), p))
    adjusted = holm([p for *_, p in found]) if found else np.zeros(0)
    names = judged.enhancers
    return [
        Pairwise(names[a], names[b], difference, ranks, p, float(both))
        for (a, b, difference, ranks, p), both in zip(found, adjusted, strict=True)
    ]


def signed_ranks(differences: Array) -> float:
    """Return the sum of the signed ranks of differences by their size, zeros and NaN left out: 0 where none is left.

    Its sign is the side to which Wilcoxon's test speaks (Hollander, Wolfe & Chicken 2014, section 3.1).
    """
    from scipy.stats import rankdata

    told = differences[~np.isnan(differences) & (differences != 0)]
    return float((np.sign(told) * rankdata(np.abs(told))).sum()) if len(told) else 0.0


def _among(values: Array) -> float:
    if len(values) < 2:
        return math.nan
    found = [concordance(values[:, c]) for c in range(values.shape[1])]
    told = [w for w in found if not math.isnan(w)]
    return float(np.mean(told)) if told else math.nan
