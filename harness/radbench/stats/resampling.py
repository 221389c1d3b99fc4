"""Resampling of patients: who is drawn in each replicate, the same for every enhancer, in bounded memory."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

CHUNK_ELEMENTS = 1 << 17
"""Draws held at once; it bounds memory (a few times 1 MiB, which stays in cache) and changes no result."""


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


def patient_counts(n_patients: int, replicates: int, seed: int, chunk: int | None = None) -> Iterator[NDArray[np.intp]]:
    """Count how often each patient is drawn: the resamples of :func:`draw_patients` as multiplicities.

    Yields:
        intp ``[at most chunk, n_patients]``; each row sums to ``n_patients``.
    """
    for drawn in draw_patients(n_patients, replicates, seed, chunk):
        rows = len(drawn)
        drawn += (np.arange(rows) * n_patients)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * n_patients).reshape(rows, n_patients)


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
