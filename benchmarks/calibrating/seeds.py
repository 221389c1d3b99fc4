"""Several seeds as one row: means, AUROC and average precision."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from calibrating.curves import area_of_precision
from calibrating.rows import Mode, Row, row
from radbench.stats import (
    auroc,
    average_precision,
    clustered_means,
    pooled_auroc,
    pooled_auroc_difference,
    pooled_average_precision,
    pooled_average_precision_difference,
    pooled_mean,
)


def seeds(n_seeds: int, m: int, strength: str, mode: Mode, random) -> Iterator[Row]:
    """Crossed seeds and patients; one seed alone is printed to show what it cannot say, and has no bound."""
    by_seed = {"none": 0.0, "equal": 1.0, "dominating": 5.0}[strength] / math.sqrt(m)
    covered = []
    for _ in range(mode.simulations):
        x = by_seed * math.sqrt(n_seeds) * random.standard_normal((n_seeds, 1))
        x = x + random.standard_normal(m) + 0.5 * random.standard_normal((n_seeds, m))
        one = (
            pooled_mean(x, replicates=mode.replicates).estimate
            if n_seeds > 1
            else clustered_means(x, replicates=mode.replicates)[0]
        )
        covered.append(one.low <= 0.0 <= one.high)
    bound = None if n_seeds == 1 else 0.92 if m < 12 else 0.93
    name = f"{n_seeds} seeds, {m} patients, seeds {strength}"
    yield row("seeds", "pooled" if n_seeds > 1 else "one seed", name, covered, bound, mode, at_least=True)


@dataclass(frozen=True)
class Trainings:
    """Scores of several seeds, whose separation of the classes varies by seed.

    With ``strength`` 1 seeds and patients contribute about as much to the variance of the mean.
    """

    n_seeds: int
    positives: int
    negatives: int
    area: float
    seeds: str
    clusters: str

    @property
    def by_seed(self) -> float:
        """The standard deviation of the separation between seeds."""
        strength = {"none": 0.0, "equal": 1.0, "dominating": 3.0}[self.seeds]
        return strength * math.sqrt(self.n_seeds * (1 / self.positives + 1 / self.negatives))

    @property
    def separation(self) -> float:
        """The mean separation, so that the expected area over seeds is as stated."""
        return math.sqrt(2 + self.by_seed**2) * float(ndtri(self.area))

    def layout(self):
        """Patient and label of each case."""
        n = self.positives + self.negatives
        size = np.ones(n, dtype=int) if self.clusters == "single" else 1 + np.arange(n) % 4
        who = np.repeat(np.arange(n), size)
        return who, (who < self.positives).astype(int)

    def scores(self, random, who, labels, shared):
        """Scores ``[S,N]``: a fifth of the variance is the seed's own, the rest is shared between seeds."""
        separation = self.separation + self.by_seed * random.standard_normal((self.n_seeds, 1))
        own = random.standard_normal((self.n_seeds, len(who)))
        return labels * separation + math.sqrt(0.8) * shared + math.sqrt(0.2) * own

    def shared(self, random, who):
        """What all seeds see in a case, of unit variance; half of it is the patient's."""
        return math.sqrt(0.5) * (random.standard_normal(who.max() + 1)[who] + random.standard_normal(len(who)))

    def true_precision(self, labels) -> float:
        """The expectation over seeds of the average precision of infinitely many cases."""
        t = np.linspace(12.0, -12.0, 4001)
        at, weights = np.polynomial.hermite_e.hermegauss(41)
        each = [area_of_precision(ndtr(self.separation + self.by_seed * x - t), t, labels.mean()) for x in at.tolist()]
        return float(np.dot(weights, each) / weights.sum())

    @property
    def name(self) -> str:
        return (
            f"{self.n_seeds} seeds, {self.positives} + {self.negatives} patients, area {self.area}, "
            f"seeds {self.seeds}, {self.clusters}"
        )


def pooled_curves(trainings: Trainings, what: str, mode: Mode, random) -> Iterator[Row]:
    """Coverage of AUROC or AP of several seeds, or false positives of their paired differences."""
    who, labels = trainings.layout()
    names = who.tolist()
    precise, paired = what.startswith("AP"), what.endswith("difference")
    truth = trainings.true_precision(labels) if precise else trainings.area
    more = {"replicates": mode.curve_replicates} if precise else {}
    one_seed, pooled = (average_precision, pooled_average_precision) if precise else (auroc, pooled_auroc)
    difference = pooled_average_precision_difference if precise else pooled_auroc_difference
    happened, withheld = [], []
    for _ in range(mode.curve_simulations if precise else mode.simulations):
        shared = trainings.shared(random, who)
        if paired:
            pair = math.sqrt(0.7) * shared + math.sqrt(0.3) * np.stack([trainings.shared(random, who) for _ in "ab"])
            a, b = (trainings.scores(random, who, labels, one) for one in pair)
            p = difference(labels, a, b, names, **more).estimate.p_value
            happened.append(p <= 0.05)
            withheld.append(math.isnan(p))
            continue
        s = trainings.scores(random, who, labels, shared)
        if trainings.n_seeds == 1:
            one = one_seed(labels, s[0], names, **more)
        else:
            one = pooled(labels, s, names, **more).estimate
        happened.append(one.low <= truth <= one.high)
    bound = None if trainings.n_seeds == 1 else 0.08 if paired else 0.93
    method = f"{what}, one seed" if trainings.n_seeds == 1 else f"{what}, pooled"
    yield row(
        "pooled curves", method, trainings.name, happened, bound, mode, at_least=not paired, withheld=withheld or None
    )
