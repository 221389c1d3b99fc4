"""Several seeds as one row: patients and seeds both vary, and the pooled interval says so."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.both import Estimate, differences, judged, mean_rules
from radbench.stats.clusters import Clusters, bell_mccaffrey, clustered, cr2_error
from radbench.stats.intervals import check_level
from radbench.stats.studentised import REPLICATES, Studentised

FEWEST_SEEDS_FOR_P = 3
"""Seeds below which a pooled difference has no p-value."""

ADVISED_SEEDS = 5
"""Seeds from which the spread between trainings is known well enough to speak of a method."""


@dataclass(frozen=True)
class Pooled:
    """A mean over seeds and cases, and where its uncertainty comes from.

    Attributes:
        estimate: value, interval and p-value; its standard error has every part.
        n_seeds: how many seeds, S.
        patients_part: variance of the mean that patients account for (with their share of the interaction).
        seeds_part: variance of the mean that seeds add, 0 where their spread is what the interaction explains.
        interaction_part: variance of the mean that seeds acting differently on different patients account for; it is
            contained in ``patients_part``.
        seed_means: float64 ``[S]``, the mean of each seed.
    """

    estimate: Estimate
    n_seeds: int
    patients_part: float
    seeds_part: float
    interaction_part: float
    seed_means: NDArray[np.float64]

    @property
    def seed_deviation(self) -> float:
        """The standard deviation between seeds, beyond what the interaction explains, in the score's unit."""
        return math.sqrt(self.n_seeds * self.seeds_part)


@dataclass(frozen=True)
class Parts:
    """The parts of the variance of a mean over seeds.

    Attributes:
        n_seeds: S; 1 where patients are all that varies.
        patients: by patients, with their share of the interaction.
        interaction: by seeds acting differently on different patients.
        spread: of the seeds' values, ``var / S``: what seeds add and the interaction together.
    """

    n_seeds: int
    patients: float
    interaction: float
    spread: float

    @classmethod
    def of(cls, values: ArrayLike, covariance: ArrayLike) -> Parts:
        """Return the parts of a score that each seed has of the same patients.

        Args:
            values: ``[S]``, each seed's.
            covariance: ``[S,S]`` of their errors over patients. The variance of their mean is the mean of all, and
                were seeds alike, the values would spread by the mean variance less the mean covariance.
        """
        theta, errors = np.asarray(values, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
        n = len(theta)
        patients = float(errors.mean())
        interaction = max(0.0, (float(np.trace(errors)) / n - patients) / (n - 1.0))
        with np.errstate(invalid="ignore"):
            return cls(n, patients, interaction, float(np.var(theta, ddof=1)) / n)

    @property
    def seeds(self) -> float:
        """What seeds add beyond the interaction."""
        more = self.spread - self.interaction
        return 0.0 if more < 0 else more

    @property
    def variance(self) -> float:
        """The variance of the mean, for new patients and new seeds."""
        return self.patients + self.seeds

    def freedom(self, by_patients: float) -> float:
        """Return Satterthwaite's degrees of freedom of the variance; S - 1 where the seeds' part is the larger.

        Args:
            by_patients: degrees of freedom of the patients' part.
        """
        if self.seeds == 0:
            return by_patients
        if self.seeds > self.patients:
            return self.n_seeds - 1.0
        parts = self.patients**2 / by_patients
        parts += (self.spread**2 + self.interaction**2 / by_patients) / (self.n_seeds - 1.0)
        return self.variance**2 / parts

    def pooled(self, estimate: Estimate, seed_means: NDArray[np.float64]) -> Pooled:
        """Return an estimate of this variance with where it comes from."""
        estimate = replace(estimate, seeds_variance=self.seeds, n_seeds=self.n_seeds)
        return Pooled(estimate, self.n_seeds, self.patients, self.seeds, self.interaction, seed_means)


def pooled_mean(
    scores: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    level: float = 0.95,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Pooled:
    """Return the mean over seeds and cases with an interval for new patients and new seeds.

    Patients and seeds are crossed random effects. The variance is the CR2 variance of the patients, scores averaged
    over seeds, plus what the seeds' means vary beyond the interaction (Brennan 2001, Generalizability Theory, ch. 3);
    the degrees of freedom are Satterthwaite's (1946, Biometrics Bulletin 2:110-114), or S - 1 where the seeds' part is
    the larger. Per side the farther end of that t and of the patient bootstrap-t of the seed-averaged scores; the
    p-value is the larger of the two and needs three seeds.

    Args:
        scores: ``[S,N]`` of two seeds or more; a case that lacks an answer from any seed is left out.
        patients: ``[N]`` identities, or None.
        level: nominal coverage.
        replicates: resamples of the bootstrap-t.
        seed: of the resamples.

    Raises:
        ValueError: fewer than two seeds, no cases, patients of another number, or a level outside (0, 1).
    """
    check_level(level)
    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or len(table) < 2 or table.size == 0:
        raise ValueError(f"scores must be of two seeds or more on the same cases, got shape {list(table.shape)}")
    table = np.where(np.isnan(table).any(axis=0), np.nan, table)
    with np.errstate(invalid="ignore"):
        average = table.mean(axis=0)
        clusters, each = clustered(average, patients), [clustered(row - average, patients) for row in table]
    n_seeds = len(table)
    means = np.array([clustered(row, patients).mean for row in table])
    rule, reason = mean_rules([clusters], replicates, seed)[0]
    parts = _parts(clusters, each, n_seeds)
    if rule:
        error, freedom = math.sqrt(parts.variance), parts.freedom(bell_mccaffrey(clusters.sizes))
        rule = Studentised(rule.estimate, error, freedom, rule.draws, rule.error)
    return parts.pooled(judged(clusters, rule, reason, level, few_seeds(n_seeds)), means)


def pooled_difference(
    scores: ArrayLike,
    baseline: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    level: float = 0.95,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Pooled:
    """Return the mean of paired differences over seeds and cases, as :func:`pooled_mean`.

    Args:
        scores: ``[S,N]``.
        baseline: ``[S,N]``, of the same seeds and cases; ``[N]`` for one that has no seed.
        patients: ``[N]`` identities, or None.
        level: nominal coverage.
        replicates: resamples of the bootstrap-t.
        seed: of the resamples.

    Raises:
        ValueError: as :func:`pooled_mean`, or shapes that do not go together.
    """
    ours, theirs = np.asarray(scores, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    if theirs.ndim == 1 and ours.ndim == 2 and ours.shape[1:] == theirs.shape:
        theirs = np.broadcast_to(theirs, ours.shape)
    return pooled_mean(differences(ours, theirs), patients, level, replicates, seed)


def few_seeds(n_seeds: int) -> str:
    """Return why a pooled difference has no p-value for want of seeds; empty where it can have one."""
    return "" if n_seeds >= FEWEST_SEEDS_FOR_P else f"fewer than {FEWEST_SEEDS_FOR_P} seeds: {n_seeds}"


def _parts(clusters: Clusters, each: Sequence[Clusters], n_seeds: int) -> Parts:
    """Return the parts of the variance of a mean over cases."""
    interaction = math.fsum(cr2_error(one) ** 2 for one in each) / (n_seeds - 1.0) / n_seeds
    means = np.array([one.mean for one in each])
    with np.errstate(invalid="ignore"):
        spread = float(np.var(means, ddof=1)) / n_seeds
    return Parts(n_seeds, cr2_error(clusters) ** 2, interaction, spread)
