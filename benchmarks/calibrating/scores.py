"""Cells of the scores that are no mean, AP or AUROC, each with the interval and the difference that tables print."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache, partial

import numpy as np
from scipy.special import expit, ndtr, ndtri

from calibrating.curves import Reading
from calibrating.rows import Mode, Row, row
from radbench.stats import Resampling, clustered_mean
from radbench.stats.aggregations import FeatureSets, aggregation
from radbench.stats.calibration import calibration_difference, calibration_error
from radbench.stats.rates import rate
from radbench.stats.thresholds import sensitivity, sensitivity_difference

RATES = {
    "Poisson": lambda r, m: np.ones(m),
    "gamma": lambda r, m: r.gamma(0.5, 2.0, m),
    "one in five": lambda r, m: (r.random(m) < 0.2) / 0.2,
}
"""How patients' own rates vary around their mean: not; with a standard deviation of 1.4 means; four of five are 0."""


def rates(events: float, kind: str, m: int, clusters: str, mode: Mode, random) -> Iterator[Row]:
    covered = []
    for _ in range(mode.simulations // 2):
        sizes = np.ones(m, dtype=int) if clusters == "equal" else random.integers(1, 9, m)
        who = np.repeat(np.arange(m), sizes)
        counts = random.poisson(events * RATES[kind](random, m)[who]).astype(float)
        one = rate(counts, who.tolist())
        covered.append(one.low <= events <= one.high)
    # Where hardly a patient has an event, a handful of them cannot say how many the others would have.
    bound = None if kind == "one in five" and m < 24 else 0.92
    name = f"{events} a case, {kind}, {m} patients, {clusters}"
    yield row("rates", "Garwood and means", name, covered, bound, mode, at_least=True)


PREDICTORS = {
    "calibrated": lambda eta, truth: truth,
    "slightly confident": lambda eta, truth: expit(1.25 * eta),
    "overconfident": lambda eta, truth: expit(2.0 * eta),
    "shifted": lambda eta, truth: expit(eta + 1.0),
}


def predictions(m: int, clusters: str, random):
    """Return patient, label, linear predictor and true probability of cases; half of both variances is the patient's.

    Patients have one case each, or one to four.
    """
    sizes = np.ones(m, dtype=int) if clusters == "single" else 1 + np.arange(m) % 4
    who = np.repeat(np.arange(m), sizes)
    common = 0.0 if clusters == "single" else 0.5

    def normal():
        own, case = random.standard_normal(m)[who], random.standard_normal(len(who))
        return math.sqrt(common) * own + math.sqrt(1.0 - common) * case

    eta = 1.5 * normal() - 0.5
    truth = expit(eta)
    return who, (ndtr(normal()) < truth).astype(float), eta, truth


@cache
def many():
    """Linear predictors and probabilities of a population, by its quantiles."""
    eta = 1.5 * ndtri((np.arange(200_000) + 0.5) / 200_000) - 0.5
    return eta, expit(eta)


@cache
def true_error(kind: str) -> float:
    eta, truth = many()
    s = PREDICTORS[kind](eta, truth)
    which = np.searchsorted(np.arange(1, 15) / 15, s, side="left")
    return float(np.abs(np.bincount(which, weights=truth - s)).sum() / len(s))


def brier(kind: str, m: int, clusters: str, mode: Mode, random) -> Iterator[Row]:
    eta, p = many()
    truth = float(np.mean((PREDICTORS[kind](eta, p) - p) ** 2 + p * (1.0 - p)))
    covered, withheld = [], []
    for _ in range(mode.simulations // 2):
        who, y, eta, p = predictions(m, clusters, random)
        one = clustered_mean((PREDICTORS[kind](eta, p) - y) ** 2, who.tolist(), replicates=mode.replicates)
        withheld.append(bool(one.no_interval))
        if not one.no_interval:
            covered.append(one.low <= truth <= one.high)
    name = f"{kind}, {m} patients, {clusters}"
    yield row("brier", "both", name, covered, 0.91 if m < 12 else 0.93, mode, at_least=True, withheld=withheld)


def ece(kind: str, m: int, clusters: str, mode: Mode, random) -> Iterator[Row]:
    covered, withheld = [], []
    for _ in range(mode.curve_simulations):
        who, y, eta, p = predictions(m, clusters, random)
        one = calibration_error(y, PREDICTORS[kind](eta, p), who.tolist(), replicates=mode.curve_replicates)
        withheld.append(bool(one.no_interval))
        if not one.no_interval:
            covered.append(one.low <= true_error(kind) <= one.high)
    name = f"{kind}, {m} patients, {clusters}"
    yield row("ece", "calibration error", name, covered, 0.93, mode, at_least=True, withheld=withheld)


def equally_calibrated(what: str, eta, truth, random):
    """Return two predictors of one calibration error, to which chance adds alike or very differently."""
    prevalence = float(many()[1].mean())
    if what == "equal noise":
        return [expit(eta + 0.5 * random.standard_normal(len(eta))) for _ in range(2)]
    if what == "knowing and constant":
        return truth, np.full(len(eta), prevalence)
    return expit(2.0 * eta), np.full(len(eta), prevalence + true_error("overconfident"))


def ece_difference(what: str, m: int, clusters: str, mode: Mode, random) -> Iterator[Row]:
    wrong = []
    for _ in range(mode.curve_simulations):
        who, y, eta, p = predictions(m, clusters, random)
        pair = equally_calibrated(what, eta, p, random)
        one = calibration_difference(y, *pair, who.tolist(), replicates=mode.curve_replicates)
        wrong.append(one.p_value <= 0.05)
    yield row("ece", "calibration error difference", f"{what}, {m} patients, {clusters}", wrong, 0.06, mode)


def sensitivities(reading: Reading, specificity: float, paired: bool, mode: Mode, random) -> Iterator[Row]:
    who, labels = reading.layout()
    names, at = who.tolist(), float(ndtri(specificity))
    truth = float(reading.over_positives(*(ndtr(shift - at) for shift in reading.shifts)))
    happened = []
    for _ in range(mode.curve_simulations):
        s = reading.scores(random, who, labels, random.random(reading.positives) < reading.hard)
        more = {"specificity": specificity, "replicates": mode.curve_replicates}
        if paired:
            a, b = s + 0.7 * random.standard_normal((2, len(s)))
            happened.append(sensitivity_difference(labels, a, b, names, **more).p_value <= 0.05)
        else:
            one = sensitivity(labels, s, names, **more)
            happened.append(one.low <= truth <= one.high)
    method, bound = ("sensitivity difference", 0.08) if paired else ("sensitivity", 0.93)
    cell = f"at {specificity}, {reading.name}"
    yield row("sensitivity", method, cell, happened, bound, mode, at_least=not paired)


def frechet(dimensions: int, m: int, vectors: int, shift: float, scale: float, mode: Mode, random) -> Iterator[Row]:
    """Coverage, and false positives of two whose distances are equal: of one shape, and shifted against scaled.

    Half of the variance of vectors is the patient's and shared by both sides.
    """
    truth = dimensions * (shift**2 + (scale - 1.0) ** 2)
    how, covered, alike, unlike = aggregation("frechet"), [], [], []
    resampling = partial(Resampling, tuple(map(str, range(m))), 200)
    none = np.empty(0)
    for _ in range(max(30, mode.curve_simulations // 5)):
        own = math.sqrt(0.5) * random.standard_normal((m, 1, dimensions))
        sets = [own + math.sqrt(0.5) * random.standard_normal((m, vectors, dimensions)) for _ in range(4)]
        other = (1.0 + math.sqrt(truth / dimensions)) * sets[3]
        three = [FeatureSets(tuple(one), tuple(sets[0])) for one in (*(shift + scale * s for s in sets[1:3]), other)]
        at = resampling()
        low, high = how.interval(three[0], how.value(three[0]), none, at)
        covered.append(low <= truth <= high)
        first, second = how.differences(three, [(0, 1), (0, 2)], none, at)
        alike.append(first.p_value <= 0.05)
        unlike.append(second.p_value <= 0.05)
    name = f"{dimensions} dimensions, {m} patients of {vectors}, shift {shift}, scale {scale}"
    yield row("frechet", "distance", name, covered, 0.93, mode, at_least=True)
    if m >= 12:
        yield row("frechet", "distance difference, one shape", name, alike, 0.08, mode)
        yield row("frechet", "distance difference, two shapes", name, unlike, 0.08, mode)


def score_cells(quick: bool) -> list[Callable[..., Iterator[Row]]]:
    """All cells."""
    patients = (6, 24) if quick else (6, 12, 24, 100)
    events, kinds = ((0.1, 2.0), ("Poisson", "gamma")) if quick else ((0.02, 0.1, 0.5, 2.0), tuple(RATES))
    made = [partial(rates, e, k, m, c) for e in events for k in kinds for m in patients for c in ("equal", "uneven")]
    layouts, few = ("single", "clustered"), ("calibrated", "overconfident")
    made += [partial(brier, k, m, c) for k in few for m in patients for c in layouts]
    counts = (12, 50) if quick else (6, 12, 25, 50, 200, 1000)
    made += [partial(ece, k, m, c) for k in (few if quick else PREDICTORS) for m in counts for c in layouts]
    whats = ("equal noise", "knowing and constant", "spread and shifted")
    made += [partial(ece_difference, w, m, c) for w in whats for m in counts if 12 <= m <= 200 for c in layouts]
    sizes = ((6, 60), (20, 60)) if quick else ((6, 60), (10, 60), (20, 20), (20, 60), (60, 60), (60, 300))
    readings = [
        Reading(p, n, area, kind, clusters)
        for p, n in sizes
        for area in ((0.8,) if quick else (0.7, 0.9))
        for kind in (("heterogeneous",) if quick else ("alike", "heterogeneous"))
        for clusters in ("single", "both classes")
    ]
    made += [partial(sensitivities, one, s, False) for one in readings for s in ((0.9,) if quick else (0.8, 0.9))]
    made += [partial(sensitivities, one, 0.9, True) for one in readings if one.positives >= 10]
    shapes = ((0.5, 1.5),) if quick else ((0.0, 1.0), (1.0, 1.0), (0.5, 1.5))
    sides = ((4, 12, 4),) if quick else ((4, 6, 4), (4, 24, 1), (16, 12, 4), (16, 50, 4), (64, 12, 4), (64, 24, 1))
    made += [partial(frechet, *side, *shape) for side in sides for shape in shapes]
    return made
