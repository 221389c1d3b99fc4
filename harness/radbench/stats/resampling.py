"""Resampling of patients: who is drawn in each replicate, the same for every enhancer, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

CHUNK_ELEMENTS = 1 << 17
"""Draws held at once; it bounds memory (a few times 1 MiB, which stays in cache) and changes no result."""


_LONG = 2048
"""Patients from which a replicate is counted by itself: its counts stay in the fastest memory."""


@dataclass(frozen=True)
class Resampling:
    """The resamples that everything in one table shares, so that differences, ranks and facets are coherent.

    Attributes:
        patients: ``[N]`` identities, one per case.
        replicates: how many resamples.
        seed: of the resamples, which depend on it and the patients alone.
    """

    patients: tuple[str, ...]
    replicates: int = 5000
    seed: int = 0
    _remembered: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def _index(self) -> tuple[NDArray[np.intp], int]:
        return patient_index(self.patients, len(self.patients))

    def count(self, cases: ArrayLike) -> int:
        """Return how many patients cases come from: their numbers, or a mask over all."""
        return len(np.unique(self._index[0][np.asarray(cases)]))

    def sizes(self, cases: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return how many of some cases each of their patients has, ``[m]``; a case that is named twice counts once."""
        return np.unique(self._index[0][np.unique(cases)], return_counts=True)[1].astype(np.float64)

    def of(self, case: NDArray[np.intp]) -> tuple[str, ...]:
        """Return the patients of places, given each place's case."""
        return tuple(self.patients[i] for i in case.tolist())

    def at(self, cases: NDArray[np.intp]) -> Resampling:
        """Return the resampling of these cases alone; the same one for the same cases."""
        make = lambda: Resampling(self.of(cases), self.replicates, self.seed)  # noqa: E731
        return self.remember(("at", cases.tobytes()), make)

    def drawn(self, replicates: int | None = None) -> Iterator[NDArray[np.intp]]:
        """Yield the cases of each resample, repeated as their patients are drawn.

        Args:
            replicates: how many of the resamples, the first of them; None for all.

        Yields:
            intp ``[at least 1]`` numbers of cases, ``replicates`` times.
        """
        index, n_patients = self._index
        order = np.argsort(index, kind="stable")
        starts = np.searchsorted(index[order], np.arange(n_patients))
        sizes = np.bincount(index, minlength=n_patients)
        for chunk in draw_patients(n_patients, replicates or self.replicates, self.seed):
            for patients in chunk:
                yield order[ranges(starts[patients], sizes[patients])]

    def remembers(self, key: Hashable) -> bool:
        """Tell whether something was made under a key."""
        return key in self._remembered

    def remember(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what was made under a key, or make it: what several scores need is worked out once."""
        if key not in self._remembered:
            self._remembered[key] = make()
        return self._remembered[key]


def ranges(starts: NDArray[np.intp], sizes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return ``start, start + 1, ...`` of each of several runs, one after the other."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(starts - (ends - sizes), sizes)


def patient_index(patients: Sequence[Hashable] | None, n_cases: int) -> tuple[NDArray[np.intp], int]:
    """Number the patients canonically.

    Args:
        patients: one identity per case, compared as text; None makes every case its own patient, known by its
            position.
        n_cases: how many cases there are.

    Returns:
        Each case's patient number (patients in the order of their sorted identities, so that the order of
        the cases changes nothing) and how many patients there are.

    Raises:
        ValueError: another number of patients than of cases, or a patient that is None.
    """
    if patients is None:
        return np.arange(n_cases), n_cases
    if len(patients) != n_cases:
        raise ValueError(f"patients and scores must go together: got {len(patients)} patients for {n_cases} cases")
    if any(p is None for p in patients):
        raise ValueError("every case needs a patient: some patients are None")
    names, index = np.unique(np.asarray([str(p) for p in patients]), return_inverse=True)
    return index.reshape(-1), len(names)


def draw_patients(n_patients: int, replicates: int, seed: int, chunk: int | None = None) -> Iterator[NDArray[np.int64]]:
    """Draw patients with replacement, as many as there are (Efron 1979, Ann. Statist. 7:1-26).

    What replicate r draws depends on the seed, the number of patients and r alone: every enhancer and metric
    scored on the same patients meets the same resamples, so that differences and ranks are coherent.

    The indices come straight from the bits of PCG64, which NumPy keeps the same for ever (NEP 19), by a
    multiplication and a shift of 32 of them (Lemire 2019, ACM TOMACS 29:3, without rejection: no patient is
    favoured by more than ``n_patients / 2**32`` of its chance).

    Args:
        n_patients: at least 1.
        replicates: at least 1.
        seed: of PCG64, not negative.
        chunk: replicates per array; None fits :data:`CHUNK_ELEMENTS`.

    Yields:
        int64 ``[at most chunk, n_patients]`` patient numbers, together ``replicates`` rows.

    Raises:
        ValueError: no patient, no replicate, or a negative seed.
    """
    if n_patients < 1:
        raise ValueError("there are no cases to resample")
    if replicates < 1:
        raise ValueError(f"replicates must be at least 1, got {replicates}")
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    bits = np.random.PCG64(seed)
    words = (n_patients + 1) // 2  # a replicate starts on a new 64-bit word, whatever the chunk
    step = chunk or max(1, CHUNK_ELEMENTS // n_patients)
    for start in range(0, replicates, step):
        rows = min(step, replicates - start)
        raw = np.asarray(bits.random_raw(rows * words), dtype="<u8").view("<u4").reshape(rows, 2 * words)
        drawn = np.multiply(raw[:, :n_patients], np.uint64(n_patients), dtype=np.uint64)
        drawn >>= np.uint64(32)
        yield drawn.view(np.int64)


def patient_counts(
    n_patients: int, replicates: int, seed: int, chunk: int | None = None, kind: type[np.number[Any]] = np.intp
) -> Iterator[NDArray[Any]]:
    """Count how often each patient is drawn: the resamples of :func:`draw_patients` as multiplicities.

    Args:
        n_patients: at least 1.
        replicates: at least 1.
        seed: of the resamples.
        chunk: replicates per array.
        kind: of the numbers, which must hold ``n_patients``.

    Yields:
        ``[at most chunk, n_patients]``; each row sums to ``n_patients``.
    """
    for drawn in draw_patients(n_patients, replicates, seed, chunk):
        rows = len(drawn)
        if n_patients < _LONG:
            drawn += (np.arange(rows) * n_patients)[:, None]
            counts = np.bincount(drawn.ravel(), minlength=rows * n_patients).reshape(rows, n_patients)
            yield counts.astype(kind, copy=False)
        else:
            each = np.empty((rows, n_patients), dtype=kind)
            for k, row in enumerate(drawn):
                each[k] = np.bincount(row, minlength=n_patients)
            yield each


def resampled_counts(
    n_cases: int,
    patients: Sequence[Hashable] | None = None,
    replicates: int = 5000,
    seed: int = 0,
    chunk: int | None = None,
) -> Iterator[NDArray[np.intp]]:
    """Say how often each case stands in each resample: what every function of this package resamples with.

    A drawn patient brings all its cases (the cluster bootstrap: Field & Welsh 2007, J. R. Statist. Soc. B
    69:369-390), so a resample may hold more or fewer cases than the data.

    Args:
        n_cases: how many cases there are.
        patients: one identity per case, or None where each case is its own patient.
        replicates: how many resamples.
        seed: of the resamples.
        chunk: replicates per array.

    Yields:
        intp ``[at most chunk, n_cases]``, in the order of the cases given.

    Raises:
        ValueError: no case, no replicate, a negative seed, or patients of another number.
    """
    index, n_patients = patient_index(patients, n_cases)
    for counts in patient_counts(n_patients, replicates, seed, chunk):
        yield counts[:, index]
