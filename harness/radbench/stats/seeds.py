"""Several seeds as one row: patients and seeds both vary, and the pooled interval says so."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.both import Estimate, differences, judged, mean_rules
from radbench.stats.clusters import Clusters, bell_mccaffrey, clustered, cr2_error
from radbench.stats.intervals import check_level
from radbench.stats.studentised import REPLICATES, Studentised

FEWEST_SEEDS_FOR_P = 3
"""Seeds below which a pooled difference has no p-value."""

ADVISED_SEEDS = 5
"""Seeds from which the spread between them is known well enough to choose a model by."""


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
        error, freedom = math.sqrt(parts[0] + parts[1]), satterthwaite(*parts[:3], parts[3], clusters.sizes, n_seeds)
        rule = Studentised(rule.estimate, error, freedom, rule.draws, rule.error)
    few = "" if n_seeds >= FEWEST_SEEDS_FOR_P else f"fewer than {FEWEST_SEEDS_FOR_P} seeds: {n_seeds}"
    return Pooled(judged(clusters, rule, reason, level, few), n_seeds, parts[0], parts[1], parts[2], means)


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


def satterthwaite(
    patients: float, seeds: float, interaction: float, spread: float, sizes: ArrayLike, n_seeds: int
) -> float:
    """Return the degrees of freedom of the pooled variance.

    Args:
        patients: variance of the mean by patients.
        seeds: what seeds add, ``max(0, spread - interaction)``.
        interaction: variance of the mean by seeds acting differently on patients.
        spread: variance of the mean by the seeds' means.
        sizes: ``[m]`` cases of each patient.
        n_seeds: S, 2 or more.
    """
    by_patients = bell_mccaffrey(sizes)
    if seeds == 0:
        return by_patients
    if seeds > patients:
        return n_seeds - 1.0
    parts = patients**2 / by_patients + (spread**2 + interaction**2 / by_patients) / (n_seeds - 1.0)
    return (patients + seeds) ** 2 / parts


def _parts(clusters: Clusters, each: Sequence[Clusters], n_seeds: int) -> tuple[float, float, float, float]:
    """Return the variances of the mean by patients, by seeds, by interaction, and by the seeds' means."""
    by_patients = cr2_error(clusters) ** 2
    interaction = math.fsum(cr2_error(one) ** 2 for one in each) / (n_seeds - 1.0) / n_seeds
    means = np.array([one.mean for one in each])
    with np.errstate(invalid="ignore"):
        spread = float(np.var(means, ddof=1)) / n_seeds
    return by_patients, max(0.0, spread - interaction), interaction, spread
