"""Means of AUROC and average precision over facets, such as findings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from calibrating.curves import area_of_precision
from calibrating.rows import Mode, Row, row
from radbench.stats import (
    FacetClasses,
    ap_auroc,
    ap_auroc_replicates,
    mean_over_facets,
    mean_over_facets_difference,
    pooled_mean_over_facets,
)


@dataclass(frozen=True)
class Findings:
    """Findings of patients with one case each.

    Attributes:
        positives: of each finding.
        negatives: patients without any finding.
        area: of each finding.
        who: 'disjoint' (nobody has two findings), or 'same' (the findings of few are had by those of many).
        labelled: the share of labels that are known.
    """

    positives: tuple[int, ...]
    negatives: int
    area: float
    who: str
    labelled: float = 1.0

    @property
    def labels(self):
        """Labels ``[F,N]``."""
        starts = np.zeros(len(self.positives), dtype=int)
        if self.who == "disjoint":
            starts = np.cumsum((0, *self.positives[:-1]))
        n = int((starts + self.positives).max()) + self.negatives
        place = np.arange(n)
        return np.array(
            [(place >= a) & (place < a + p) for a, p in zip(starts, self.positives, strict=True)], dtype=float
        )

    @property
    def with_any(self) -> int:
        """How many patients have a finding."""
        return sum(self.positives) if self.who == "disjoint" else max(self.positives)

    @property
    def separation(self) -> float:
        """The distance of the means of positives and negatives of unit variance."""
        return math.sqrt(2) * float(ndtri(self.area))

    def scores(self, random, labels, sets: int = 1, own: float = 0.0):
        """Score vectors ``[K,F,N]`` of the same cases; half of what they share is the patient's."""
        shared = random.standard_normal(labels.shape[1]) + random.standard_normal(labels.shape)
        apart = random.standard_normal((sets, *labels.shape)) if own else np.zeros((sets, 1, 1))
        return labels * self.separation + math.sqrt((1 - own) / 2) * shared + math.sqrt(own) * apart

    @property
    def true_precision(self) -> float:
        """The mean average precision of infinitely many cases of these prevalences."""
        t = np.linspace(12.0, -12.0, 20_001)
        shares = self.labels.mean(axis=1)
        return float(np.mean([area_of_precision(ndtr(self.separation - t), t, share) for share in shares]))

    @property
    def name(self) -> str:
        many = " + ".join(map(str, self.positives)) if len(set(self.positives)) > 1 else f"{self.positives[0]} each"
        labelled = "" if self.labelled == 1 else f", {self.labelled:.0%} of labels known"
        return (
            f"{len(self.positives)} findings, {many}, {self.negatives} without, area {self.area}, {self.who}{labelled}"
        )


def facets(findings: Findings, what: str, mode: Mode, random) -> Iterator[Row]:
    """Coverage of the mean over findings (one seed or three), or false positives of its paired differences."""
    labels = findings.labels
    truth = {"AP": findings.true_precision, "AUROC": findings.area}
    happened: dict[str, list[bool]] = {"AP": [], "AUROC": []}
    withheld: list[bool] = []
    for _ in range(mode.curve_simulations):
        known = np.where(random.random(labels.shape) < findings.labelled, labels, np.nan)
        sets, own = {"value": (1, 0.0), "difference": (2, 0.4), "three seeds": (3, 0.2)}[what]
        table = findings.scores(random, labels, sets, own)
        values, draws = scored(known, table, mode.curve_replicates)
        everyone = [list(range(labels.shape[1]))] * len(labels)
        classes = FacetClasses.of(known, everyone)
        for name, v, d in zip(happened, values, draws, strict=True):
            if what == "difference":
                p = mean_over_facets_difference(v[0] - v[1], d[0] - d[1], classes).p_value
                happened[name].append(p <= 0.05)
                withheld.append(math.isnan(p))
                continue
            one = (
                mean_over_facets(v[0], d[0], classes) if sets == 1 else pooled_mean_over_facets(v, d, classes).estimate
            )
            happened[name].append(one.low <= truth[name] <= one.high)
    for name, found in happened.items():
        paired = what == "difference"
        method = f"{name} over facets" + ("" if what == "value" else f", {what}")
        bound, share = (0.08 if paired else 0.93), withheld or None
        yield row("facets", method, findings.name, found, bound, mode, at_least=not paired, withheld=share)


def scored(labels, table, replicates: int):
    """Return of AP and AUROC the values ``[2,K,F]`` and draws ``[2,K,F,R]`` of scores ``[K,F,N]``."""
    values = np.empty((2, *table.shape[:2]))
    draws = np.empty((2, *table.shape[:2], replicates))
    for f, own in enumerate(labels):
        known = ~np.isnan(own)
        y = np.where(known, own, 0)
        for k, scores in enumerate(table[:, f]):
            values[:, k, f] = ap_auroc(y[known], scores[known])
        draws[:, :, f] = ap_auroc_replicates(y, np.where(known, table[:, f], np.nan), None, replicates)
    return values, draws
