"""Agreement of two judgements of the same things: Cohen's kappa, plain and weighted, with patients as clusters."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.clusters import FEWEST_PATIENTS
from radbench.stats.intervals import check_level
from radbench.stats.readers import jackknife_covariance
from radbench.stats.resampling import patient_index

WEIGHTS = ("none", "linear", "quadratic")

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """How far two judgements agree.

    Attributes:
        kappa: weighted as asked for; NaN where both judge everything alike, so that chance alone would agree.
        low: lower end of its interval, NaN where none is given.
        high: upper end.
        level: nominal coverage.
        observed: share of the things that are judged exactly alike.
        n: how many things were judged twice.
        patients: of how many patients.
        weights: 'none', 'linear' or 'quadratic'.
        no_interval: why there is no interval, "" where there is one.
    """

    kappa: float
    low: float
    high: float
    level: float
    observed: float
    n: int
    patients: int
    weights: str
    no_interval: str = ""


def cohen_kappa(
    first: ArrayLike,
    second: ArrayLike,
    categories: Sequence[float],
    weights: str = "none",
    patients: Sequence[Hashable] | None = None,
    level: float = 0.95,
) -> Agreement:
    """Return Cohen's kappa, the agreement beyond what the two judges' own habits would give by chance.

    Cohen (1960, Educ. Psychol. Meas. 20:37-46); weighted (Cohen 1968, Psychol. Bull. 70:213-220) a disagreement counts
    by how many categories it spans, linearly (Cicchetti & Allison 1971) or by the square (Fleiss & Cohen 1973, whose
    kappa is an intraclass correlation). The interval is a jackknife over patients, for the images of one patient are
    not judged independently, with Student's t on Fisher's scale ``atanh(kappa)``: on kappa's own scale it would cover
    as little as .84 with two dozen images (benchmarks/kappa_coverage.py).

    Args:
        first, second: ``[N]`` of the categories; a thing where either is NaN is left out.
        categories: all there are, in order.
        weights: one of :data:`WEIGHTS`.
        patients: ``[N]`` identities; None makes each thing its own patient.
        level: nominal coverage.

    Returns:
        The agreement; its interval is withheld below six patients.

    Raises:
        ValueError: lengths that differ, a value that is no category, fewer than two categories, unknown weights.
    """
    check_level(level)
    if weights not in WEIGHTS:
        raise ValueError(f"weights must be one of {', '.join(WEIGHTS)}, got '{weights}'")
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"both judgements must be of the same things: got {list(a.shape)} and {list(b.shape)}")
    if len(set(categories)) < 2 or len(set(categories)) != len(categories):
        raise ValueError(f"categories must be two or more different ones, got {list(categories)}")
    owners, _ = patient_index(patients, len(a)) if len(a) else (np.zeros(0, dtype=np.intp), 0)
    known = ~(np.isnan(a) | np.isnan(b))
    a, b, owners = a[known], b[known], owners[known]
    places = {float(c): i for i, c in enumerate(categories)}
    if strange := {*a.tolist(), *b.tolist()} - places.keys():
        raise ValueError(f"{sorted(strange)[0]:g} is none of the categories {list(categories)}")
    _, owners = np.unique(owners, return_inverse=True)
    n_patients = int(owners.max()) + 1 if len(owners) else 0
    k = len(categories)
    tables = np.zeros((n_patients, k, k))
    for owner, row, column in zip(owners.reshape(-1).tolist(), a.tolist(), b.tolist(), strict=True):
        tables[owner, places[row], places[column]] += 1.0
    penalty = _penalties(k, weights)
    total = tables.sum(axis=0)
    kappa = _kappa(total, penalty)
    observed = float(np.trace(total) / total.sum()) if len(a) else math.nan
    low, high, reason = _interval(kappa, tables, total, lambda table: _kappa(table, penalty), level)
    return Agreement(kappa, low, high, level, observed, len(a), n_patients, weights, reason)


def _penalties(k: int, weights: str) -> Array:
    apart = np.abs(np.subtract.outer(np.arange(k), np.arange(k))).astype(np.float64)
    return {"none": np.minimum(apart, 1.0), "linear": apart, "quadratic": apart**2}[weights]


def _kappa(table: Array, penalty: Array) -> float:
    n = float(table.sum())
    if not n:
        return math.nan
    by_chance = float((penalty * np.outer(table.sum(axis=1), table.sum(axis=0))).sum()) / n
    return 1.0 - float((penalty * table).sum()) / by_chance if by_chance > 0 else math.nan


def _interval(
    kappa: float, tables: Array, total: Array, statistic: Callable[[Array], float], level: float
) -> tuple[float, float, str]:
    patients = len(tables)
    if math.isnan(kappa):
        return math.nan, math.nan, "both judge everything alike" if patients else "nothing was judged twice"
    if patients < FEWEST_PATIENTS:
        return math.nan, math.nan, f"fewer than {FEWEST_PATIENTS} patients: {patients}"
    without = np.array([[statistic(total - table)] for table in tables])
    if np.isnan(without).any():
        return math.nan, math.nan, "without one of the patients both judge everything alike"
    error = math.sqrt(float(jackknife_covariance(without)[0, 0]))
    if not error > 1e-12:
        return math.nan, math.nan, "no patient makes a difference"
    from scipy.special import stdtrit

    if 1.0 - abs(kappa) < 1e-12:
        return math.nan, math.nan, "both judge everything alike"
    reach = -float(stdtrit(patients - 1, (1.0 - level) / 2.0)) * error / (1.0 - kappa**2)
    middle = math.atanh(kappa)
    return math.tanh(middle - reach), math.tanh(middle + reach), ""
