"""Average precision and AUROC over whole data sets: exact on every bootstrap replicate, vectorised."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from radbench.stats.resampling import CHUNK_ELEMENTS, patient_counts, patient_index


def ap_auroc(labels: ArrayLike, scores: ArrayLike) -> tuple[float, float]:
    """Return AP and AUROC, equal to scikit-learn's; NaN and NaN where only one class is there.

    AP is the step-wise sum of precision over recall (Boyd, Eng & Page 2013, ECML PKDD; scikit-learn's
    ``average_precision_score``), AUROC the Mann-Whitney statistic with ties counting one half (Hanley & McNeil 1982,
    Radiology 143:29-36; Bamber 1975, J. Math. Psychol. 12:387-415).

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[N]``, higher speaks for 1; NaN (no answer) is left out.

    Raises:
        ValueError: no cases, other labels than 0 and 1, infinite scores, or lengths that differ.
    """
    y, table = _checked(labels, scores)
    ap, auroc = _Ordered(y, table[0], np.arange(len(y))).evaluate(np.ones((1, len(y))), _Room())
    return float(ap[0]), float(auroc[0])


def ap_auroc_replicates(
    labels: ArrayLike,
    scores: ArrayLike,
    patients: Sequence[Hashable] | None = None,
    replicates: int = 5000,
    seed: int = 0,
    chunk: int | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return AP and AUROC of every enhancer in every resample, all on the same resamples.

    Patients are resampled with all their cases (Field & Welsh 2007; for AUROC Rutter 2000, Acad. Radiol. 7:413-419), as
    :func:`radbench.stats.resampling.resampled_counts` has them.

    Scores are sorted once. Only the thresholds at positives matter: AP is evaluated there, and AUROC needs the
    negatives above each. So a chunk of resamples is the patients' multiplicities in the order of the scores, summed
    between thresholds, then cumulative sums over those. All counts are exact whole numbers.

    Args:
        labels: ``[N]`` in {0,1}.
        scores: ``[N]`` or ``[E,N]``, NaN where there is no answer.
        patients: ``[N]`` identities, or None.
        replicates: how many resamples, R.
        seed: of the resamples.
        chunk: replicates at once; it bounds memory and changes no bit. None fits a fixed budget.

    Returns:
        Two float64 ``[E,R]``; NaN where the resample holds one class only.

    Raises:
        ValueError: as :func:`ap_auroc`, or patients of another number.
    """
    y, table = _checked(labels, scores)
    index, n_patients = patient_index(patients, len(y))
    rows = [_Ordered(y, row, index) for row in table]
    ap, auroc = np.empty((len(table), replicates)), np.empty((len(table), replicates))
    widest = max(n_patients, *(row.cases for row in rows))
    done, room = 0, _Room()
    # Half as much to move where the most cases that can be drawn are still exact.
    kind = np.float32 if n_patients * int(np.bincount(index).max()) < 1 << 24 else np.float64
    for weights in patient_counts(n_patients, replicates, seed, chunk or max(1, CHUNK_ELEMENTS // widest), kind):
        here = slice(done, done + len(weights))
        for k, row in enumerate(rows):
            ap[k, here], auroc[k, here] = row.evaluate(weights, room)
        done += len(weights)
    return ap, auroc


_SHORT = 4
"""Cases in a run, on average, up to which it costs more to sum them run by run than to keep them."""


class _Ordered:
    """The cases of one score vector in falling order, and AP and AUROC from how often their patients are drawn.

    Threshold g (descending) is a distinct score that some positive has: G of them. Positives lie in runs by threshold;
    negatives in runs below one threshold and above the next, or tied with one. Counts are whole numbers in floating
    point, of which sums and products are exact.
    """

    def __init__(self, y: NDArray[np.bool_], scores: NDArray[np.float64], index: NDArray[np.intp]) -> None:
        known = np.isfinite(scores)
        y, scores, index = y[known], scores[known], index[known]
        thresholds = np.unique(scores[y])
        self.cases, n = len(y), len(thresholds)
        # A case belongs to the first threshold, from above, that does not exceed its score.
        threshold = n - np.searchsorted(thresholds, scores, side="right")
        self.positives = _Runs(threshold[y], index[y], 1)
        self.negatives = _Runs((2 * threshold + np.isin(scores, thresholds))[~y], index[~y], _SHORT)
        # How many runs of negatives lie at or above each threshold, and where those that are tied with it begin.
        tied = 2 * np.arange(n) + 1
        self.above = np.searchsorted(self.negatives.which, tied, side="right")
        above_only = np.searchsorted(self.negatives.which, tied, side="left")
        self.ties = np.flatnonzero(self.above > above_only)
        self.from_, self.to = above_only[self.ties], self.above[self.ties]

    def evaluate(self, weights: NDArray[Any], room: _Room) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return AP and AUROC ``[R]`` for the multiplicities of the patients, ``[R,patients]``."""
        r = len(weights)
        if not (len(self.positives.which) and len(self.negatives.which)):
            return np.full(r, np.nan), np.full(r, np.nan)
        # One replicate per contiguous row: sums then round alike whatever the number of rows.
        drawn = self.positives.counts(weights, room, "positive")
        positive = room.of("positive", drawn.shape)
        positive[:] = drawn
        negative = self.negatives.counts(weights, room, "negative")
        true = np.cumsum(positive, axis=1, out=room.of("true", positive.shape))
        running = room.of("running", (r, negative.shape[1] + 1))
        running[:, 0] = 0.0
        np.cumsum(negative, axis=1, out=running[:, 1:])
        false = np.take(running, self.above, axis=1, mode="clip", out=room.of("false", positive.shape))
        n_true, n_false = true[:, -1], running[:, -1]
        # Twice the pairs in which a positive beats a negative, one for a tie: whole numbers.
        wins = 2.0 * (n_true * n_false - (positive[:, None] @ false[:, :, None])[:, 0, 0])
        if len(self.ties):
            wins += np.einsum("rt,rt->r", positive[:, self.ties], running[:, self.to] - running[:, self.from_])
        false += true
        np.maximum(false, 1.0, out=false)
        precision = np.divide(true, false, out=false)
        precision *= positive
        one_class = (n_true == 0) | (n_false == 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            ap = np.where(one_class, np.nan, precision.sum(axis=1) / n_true)
            auroc = np.where(one_class, np.nan, wins / (2.0 * n_true * n_false))
        return ap, auroc


class _Runs:
    """Cases in runs, empty ones left out.

    Attributes:
        patients: ``[cases]`` the patient of each case, run by run.
        which: the number of each run, in rising order, or of each case's where ``short`` leaves cases by themselves.
    """

    def __init__(self, run: NDArray[np.intp], index: NDArray[np.intp], short: int) -> None:
        order = np.argsort(run, kind="stable")
        self.patients, self.which = index[order], run[order]
        which, starts = np.unique(self.which, return_index=True)
        self.starts: NDArray[np.intp] | None = None
        if short * len(which) < len(run):
            self.which, self.starts = which, starts

    def counts(self, weights: NDArray[Any], room: _Room, name: str) -> NDArray[Any]:
        """Return how often the cases of each run, or each case, is drawn, ``[R,which]``."""
        r, cases = len(weights), len(self.patients)
        each = np.take(
            weights, self.patients, axis=1, mode="clip", out=room.of(f"each {name}", (r, cases), weights.dtype)
        )
        if self.starts is None:
            return each
        return np.asarray(
            np.add.reduceat(each, self.starts, axis=1, out=room.of(f"run {name}", (r, len(self.starts)), weights.dtype))
        )


class _Room:
    """Arrays that every chunk of resamples uses again: asking the system for memory costs as much as the sums."""

    def __init__(self) -> None:
        self._kept: dict[str, NDArray[Any]] = {}

    def of(self, name: str, shape: tuple[int, int], kind: Any = np.float64) -> NDArray[Any]:
        """Return the array of a name and a kind of numbers, of any content."""
        size = shape[0] * shape[1]
        if name not in self._kept or self._kept[name].size < size or self._kept[name].dtype != kind:
            self._kept[name] = np.empty(size, dtype=kind)
        return self._kept[name][:size].reshape(shape)


def _checked(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    y = np.asarray(labels)
    table = np.atleast_2d(np.asarray(scores, dtype=np.float64)).copy()
    if y.ndim != 1 or y.size == 0 or table.size == 0:
        raise ValueError(f"labels must be a list of at least one case, got shape {list(y.shape)}")
    if table.ndim != 2 or table.shape[1] != len(y):
        raise ValueError(f"labels and scores must go together: got {len(y)} labels and scores {list(np.shape(scores))}")
    if not np.isin(y, (0, 1)).all():
        raise ValueError(f"labels must be 0 or 1, got {np.unique(y[~np.isin(y, (0, 1))])[:3].tolist()}")
    infinite = int(np.isinf(table).sum())
    if infinite:
        raise ValueError(f"scores must be finite or NaN (no answer), got {infinite} infinite ones")
    return y.astype(bool), table
