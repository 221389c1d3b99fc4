"""Detection: the area under each reader's ROC curve by enhancer, and all readers together (Obuchowski and Rockette)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from radbench.reader_study.agreeing import Agreed, between_readers, within_readers
from radbench.reader_study.judged import Judged
from radbench.stats.areas import FEWEST_FOR_P, FEWEST_OF_A_CLASS, area_covariance, auroc, auroc_difference
from radbench.stats.both import Estimate
from radbench.stats.readers import Contrast, ReaderAnalysis, obuchowski_rockette
from radbench.stats.significance import holm

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Area:
    """The area under the ROC curve of one reader with one enhancer."""

    reader: str
    enhancer: str
    estimate: Estimate


@dataclass(frozen=True)
class Compared:
    """Two enhancers compared by area.

    Attributes:
        who: one reader, or the model: "random readers" or "fixed readers".
        first, second: labels.
        value, low, high: first minus second, and its interval.
        p_value: NaN where it is withheld.
        p_holm: adjusted for all pairs of the same line of analysis.
    """

    who: str
    first: str
    second: str
    value: float
    low: float
    high: float
    p_value: float
    p_holm: float


@dataclass(frozen=True)
class Detection:
    """The analysis of a detection study.

    Attributes:
        positives, negatives: cases with and without the finding that a reader judged.
        areas: by reader and enhancer.
        compared: pairs of enhancers, by reader and, with two readers or more, by both models.
        random, fixed: the analyses of all readers, without what few patients cannot tell; None with one reader.
        left_out: cases that a reader has not judged by every enhancer, so that the joint analysis goes without them.
        joint_cases: (positives, negatives) of the joint analysis.
        joint_rarer: patients of the class that fewer patients have in the joint analysis.
        no_joint: why there is no joint analysis, "" where there is one.
        inter, intra: agreement on the grades.
    """

    positives: int
    negatives: int
    areas: tuple[Area, ...]
    compared: tuple[Compared, ...]
    random: ReaderAnalysis | None
    fixed: ReaderAnalysis | None
    left_out: int
    joint_cases: tuple[int, int]
    joint_rarer: int
    no_joint: str
    inter: tuple[Agreed, ...]
    intra: tuple[Agreed, ...]


def analyse_detection(judged: Judged) -> Detection:
    """Analyse a detection study: areas are trapezoidal, patients are clusters, cases are shared by all readers.

    The joint analysis takes the cases that every reader judged by every enhancer; with random readers its results hold
    for readers like these, with fixed ones for these alone. As areas by themselves it has no interval below three
    patients of the rarer class, and no p-value below ten.
    """
    values, patients = judged.values, np.array(judged.patients)
    labels = np.array([float(bool(judged.key.cases[c].positive)) for c in judged.cases])
    names = [f"Reader {reader}" for reader in judged.readers]
    areas, compared = [], []
    for r, name in enumerate(names):
        told = [(e, values[r, :, e]) for e in range(len(judged.enhancers)) if not np.isnan(values[r, :, e]).all()]
        areas += [Area(name, judged.enhancers[e], auroc(labels, column, judged.patients)) for e, column in told]
        pairs = list(combinations(told, 2))
        found = [auroc_difference(labels, a, b, judged.patients) for (_, a), (_, b) in pairs]
        adjusted = holm([one.p_value for one in found]) if found else np.zeros(0)
        for ((a, _), (b, _)), one, p in zip(pairs, found, adjusted, strict=True):
            ends = one.value, one.low, one.high, one.p_value, float(p)
            compared.append(Compared(name, judged.enhancers[a], judged.enhancers[b], *ends))
    whole = ~np.isnan(values).any(axis=(0, 2))
    kept, of_kept = labels[whole], patients[whole]
    sides = [len(set(of_kept[kept == side])) for side in (1.0, 0.0)]
    reason = _why_not(judged, sides)
    random = fixed = None
    if not reason:
        random, fixed, reason = _joint(values[:, whole], kept, of_kept.tolist(), min(sides))
    for analysis in (random, fixed):
        if analysis is not None:
            compared += _contrasts(analysis, judged)
    told_of = labels[np.array(judged.answered)]
    return Detection(
        positives=int(told_of.sum()),
        negatives=int((1 - told_of).sum()),
        areas=tuple(areas),
        compared=tuple(compared),
        random=random,
        fixed=fixed,
        left_out=int((~whole).sum()),
        joint_cases=(int(kept.sum()), int((1 - kept).sum())),
        joint_rarer=min(sides),
        no_joint=reason,
        inter=between_readers(judged),
        intra=within_readers(judged),
    )


def _why_not(judged: Judged, sides: list[int]) -> str:
    if len(judged.readers) < 2:
        return "there is one reader"
    if len(judged.enhancers) < 2:
        return "there is one enhancer"
    if min(sides) < 2:
        return "fewer than two patients of a class were judged by every reader with every enhancer"
    return ""


def _joint(
    values: Array, labels: Array, patients: list[str], rarer: int
) -> tuple[ReaderAnalysis | None, ReaderAnalysis | None, str]:
    n_readers, _, n_enhancers = values.shape
    # Modality before reader, as the analysis takes them.
    scores = values.transpose(2, 0, 1).reshape(n_enhancers * n_readers, -1)
    areas, covariance = area_covariance(labels, scores, patients)
    theta = areas.reshape(n_enhancers, n_readers)
    try:
        return (
            _withheld(obuchowski_rockette(theta, covariance, "random"), rarer),
            _withheld(obuchowski_rockette(theta, covariance, "fixed"), rarer),
            "",
        )
    except ValueError as e:
        return None, None, str(e)


def _withheld(analysis: ReaderAnalysis, rarer: int) -> ReaderAnalysis:
    """Return an analysis without the p-values and intervals that so few patients cannot bear, ends cut to what is."""
    few = rarer < FEWEST_FOR_P

    def told(one: Contrast, lowest: float) -> Contrast:
        low, high = max(lowest, one.low), min(1.0, one.high)
        if rarer < FEWEST_OF_A_CLASS or not one.standard_error > 0:
            low = high = math.nan
        return replace(one, low=low, high=high, p_value=math.nan if few else one.p_value)

    return replace(
        analysis,
        p_value=math.nan if few else analysis.p_value,
        differences=tuple(told(one, -1.0) for one in analysis.differences),
        means=tuple(told(one, 0.0) for one in analysis.means),
    )


def _contrasts(analysis: ReaderAnalysis, judged: Judged) -> list[Compared]:
    found = []
    adjusted = holm([one.p_value for one in analysis.differences])
    for one, p in zip(analysis.differences, adjusted, strict=True):
        assert one.second is not None
        names = judged.enhancers[one.first], judged.enhancers[one.second]
        who = f"{analysis.readers} readers"
        found.append(Compared(who, *names, one.value, one.low, one.high, one.p_value, float(p)))
    return found
