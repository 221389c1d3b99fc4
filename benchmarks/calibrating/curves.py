"""AUROC and average precision of one reading, and their paired differences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from calibrating.rows import Mode, Row, row
from radbench.stats import auroc, auroc_difference, average_precision, average_precision_difference


def area_of_precision(true, thresholds, prevalence) -> float:
    """Return average precision from the share of positives above each threshold, negatives being standard normal."""
    hits = prevalence * true
    precision = hits / (hits + (1 - prevalence) * ndtr(-thresholds))
    return float(np.sum((precision[1:] + precision[:-1]) / 2 * np.diff(true)))


@dataclass(frozen=True)
class Reading:
    """Scores of positives and negatives of unit variance: where they lie, and how cases share a patient."""

    positives: int
    negatives: int
    area: float
    kind: str
    clusters: str

    @property
    def hard(self) -> float:
        """The share of positive patients that are hard."""
        return {"alike": 0.0, "heterogeneous": 0.5, "hidden": 1.0 - self.area}[self.kind]

    @property
    def shifts(self) -> tuple[float, float]:
        """The means of easy and hard positives, so that the area between patients is as stated.

        Hard ones of heterogeneous positives are guessed, or nearly; hidden ones look more negative than the negatives.
        """
        below = -2.0 if self.kind == "hidden" else math.sqrt(2) * float(ndtri(max(0.5, 2 * self.area - 0.995)))
        easy = (self.area - self.hard * float(ndtr(below / math.sqrt(2)))) / (1.0 - self.hard)
        return math.sqrt(2) * float(ndtri(easy)), below

    def layout(self):
        """Patient and label of each case."""
        each = (lambda n: np.ones(n, dtype=int)) if self.clusters == "single" else (lambda n: 1 + np.arange(n) % 4)
        p, n = each(self.positives), each(self.negatives)
        who = [np.repeat(np.arange(self.positives), p), np.repeat(self.positives + np.arange(self.negatives), n)]
        labels = [np.ones(p.sum(), dtype=int), np.zeros(n.sum(), dtype=int)]
        if self.clusters == "both classes":
            who.append(np.repeat(np.arange(self.positives), 2))
            labels.append(np.zeros(2 * self.positives, dtype=int))
        return np.concatenate(who), np.concatenate(labels)

    def scores(self, random, who, labels, hard):
        """One reading: half of the variance is the patient's where patients have several cases."""
        common = 0.0 if self.clusters == "single" else 0.5
        patient = random.standard_normal(who.max() + 1)[who]
        noise = random.standard_normal(len(who))
        shift = np.where(hard[who % len(hard)], self.shifts[1], self.shifts[0])
        return labels * shift + math.sqrt(common) * patient + math.sqrt(1 - common) * noise

    def over_positives(self, easy, hard):
        """The mean over positives of what easy and hard ones have."""
        return (1.0 - self.hard) * easy + self.hard * hard

    def true_area(self, who, labels) -> float:
        """The expected area over all pairs, those within a patient among them."""
        p = np.bincount(who[labels == 1], minlength=who.max() + 1)
        n = np.bincount(who[labels == 0], minlength=who.max() + 1)
        within = float((p * n).sum()) / (p.sum() * n.sum())
        inside = float(self.over_positives(*ndtr(self.shifts)))  # half the variance is shared: 2 (1 - 1/2) = 1
        return (1 - within) * self.area + within * inside

    def true_precision(self, labels) -> float:
        """Average precision of infinitely many cases of this prevalence."""
        t = np.linspace(12.0, -12.0, 20_001)
        return area_of_precision(self.over_positives(*(ndtr(s - t) for s in self.shifts)), t, labels.mean())

    @property
    def name(self) -> str:
        return f"{self.positives} + {self.negatives} patients, area {self.area}, {self.kind}, {self.clusters}"


def curves(reading: Reading, what: str, mode: Mode, random) -> Iterator[Row]:
    """Coverage of AUROC or AP, or false positives of their paired differences."""
    who, labels = reading.layout()
    names = who.tolist()
    precise, paired = what.startswith("AP"), what.endswith("difference")
    n = mode.curve_simulations if precise else mode.simulations
    truth = reading.true_precision(labels) if precise else reading.true_area(who, labels)
    happened, withheld = [], []
    for _ in range(n):
        s = reading.scores(random, who, labels, random.random(reading.positives) < reading.hard)
        more = {"replicates": mode.curve_replicates} if precise else {}
        if paired:
            a, b = s + 0.7 * random.standard_normal((2, len(s)))
            one = (average_precision_difference if precise else auroc_difference)(labels, a, b, names, **more)
            happened.append(one.p_value <= 0.05)
            withheld.append(math.isnan(one.p_value))
        else:
            one = (average_precision if precise else auroc)(labels, s, names, **more)
            happened.append(one.low <= truth <= one.high)
    bound = 0.08 if paired else 0.93
    yield row("curves", what, reading.name, happened, bound, mode, at_least=not paired, withheld=withheld or None)


def cluster_sizes(positives: int, what: str, mode: Mode, random) -> Iterator[Row]:
    """AUROC of patients with 1 to 8 cases whose scores go with their number; the truth counts pairs of cases."""
    sizes = np.arange(1, 9)
    informative = {"informative": 0.2, "uneven": 0.0}[what]
    tilt, centre = informative * (sizes - 17.0 / 3.0), math.sqrt(2) * float(ndtri(0.8))
    pairs = np.outer(sizes, sizes)
    truth = float((pairs * ndtr((centre + tilt[:, None] + tilt) / math.sqrt(2))).sum() / pairs.sum())
    covered, wrong, withheld = [], [], []
    for _ in range(mode.simulations):
        size = random.integers(1, 9, positives + 60)
        who = np.repeat(np.arange(len(size)), size)
        labels = (who < positives).astype(int)
        # The more cases, the farther from the other class; half of the variance is the patient's.
        s = labels * centre + np.where(labels, 1, -1) * informative * (size - 17.0 / 3.0)[who]
        s = s + math.sqrt(0.5) * (random.standard_normal(len(size))[who] + random.standard_normal(len(who)))
        one = auroc(labels, s, who.tolist())
        covered.append(one.low <= truth <= one.high)
        a, b = s + 0.7 * random.standard_normal((2, len(size)))[:, who]
        p = auroc_difference(labels, a, b, who.tolist()).p_value
        wrong.append(p <= 0.05)
        withheld.append(math.isnan(p))
    name = f"{positives} + 60 patients of 1 to 8 cases, {what}"
    yield row("cluster sizes", "AUROC", name, covered, 0.93, mode, at_least=True)
    if positives >= 10:
        yield row("cluster sizes", "AUROC difference", name, wrong, 0.08, mode, withheld=withheld)
