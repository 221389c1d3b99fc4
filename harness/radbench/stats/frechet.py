"""Fréchet distance of normal distributions fitted to two sets of vectors."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

EXCHANGES = 20
"""Random exchanges that the mean of :func:`distance_by_chance` is over."""


def frechet_distance(values: ArrayLike, references: ArrayLike) -> float:
    """Return the squared Fréchet distance of the normal distributions fitted to two sets of vectors.

    ``|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))`` (Dowson & Landau 1982, J. Multivar. Anal. 12:450-455; Heusel et al.
    2017), with covariances over n - 1. With centred vectors ``A^T A = S1`` and ``B^T B = S2`` the last trace is the sum
    of the singular values of ``A B^T``, so that no complex square root is taken and the rank may be any: it is defined
    for fewer vectors than dimensions, too, and then all the more biased.

    Args:
        values: ``[n,D]``.
        references: ``[m,D]``.

    Returns:
        At least 0; NaN with fewer than two vectors on a side.

    Raises:
        ValueError: they are no matrices of the same dimension.
    """
    x, y = np.asarray(values, dtype=np.float64), np.asarray(references, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"vectors must be [n,D] and [m,D], got {list(x.shape)} and {list(y.shape)}")
    if len(x) < 2 or len(y) < 2:
        return math.nan
    shift = x.mean(axis=0) - y.mean(axis=0)
    a, b = _root(x), _root(y)
    squares = math.fsum(((a**2).sum(), (b**2).sum(), (shift**2).sum()))
    return max(0.0, squares - 2.0 * float(np.linalg.svd(a @ b.T, compute_uv=False).sum()))


def distance_by_chance(
    values: ArrayLike, references: ArrayLike, value_owner: ArrayLike, reference_owner: ArrayLike, seed: int = 0
) -> float:
    """Return about what distance chance alone gives to sets of these sizes: how biased their distance is.

    Both sets are centred, and each patient's vectors of one kind are exchanged for those of the other, or not, at
    random; the mean over :data:`EXCHANGES` such distances is returned. Where values and references have one
    distribution it is as large as their distance.

    Args:
        values: ``[n,D]``, n at least 2.
        references: ``[m,D]``, m at least 2.
        value_owner: ``[n]`` numbers of their patients, from 0 on.
        reference_owner: ``[m]`` likewise.
        seed: of the exchanges.

    Returns:
        At least 0; 0 where no exchange leaves two vectors on each side.
    """
    x, y = np.asarray(values, dtype=np.float64), np.asarray(references, dtype=np.float64)
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    mine, theirs = np.asarray(value_owner, dtype=np.intp), np.asarray(reference_owner, dtype=np.intp)
    patients = 1 + int(max(mine.max(), theirs.max()))
    flips = np.random.PCG64(seed).random_raw(EXCHANGES * patients).reshape(EXCHANGES, patients) >> np.uint64(63) == 1
    found = []
    for flip in flips:
        first = np.concatenate([x[~flip[mine]], y[flip[theirs]]])
        second = np.concatenate([x[flip[mine]], y[~flip[theirs]]])
        found.append(frechet_distance(first, second))
    defined = [one for one in found if math.isfinite(one)]
    return math.fsum(defined) / len(defined) if defined else 0.0


def _root(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``[at most D,D]`` whose product with itself is the covariance."""
    centred = (vectors - vectors.mean(axis=0)) / math.sqrt(len(vectors) - 1)
    if len(centred) <= centred.shape[1]:
        return centred
    return np.asarray(np.linalg.qr(centred, mode="r"))
