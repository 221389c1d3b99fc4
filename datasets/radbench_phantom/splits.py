"""Splits and prevalences as all phantoms have them: no patient depends on how many others there are."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from radbench.contracts.dataset import SPLITS, CaseEntry
from radbench.contracts.errors import CaseError
from radbench_phantom.thorax.labels import FINDINGS

BLOCK = 20
"""Patients are dealt to the splits in blocks of this many; split fractions are multiples of its inverse."""

THORAX_STREAM = 51
"""The stream of phantom-ct and phantom-cxr, so that a patient is in the same split of both."""

Fractions = tuple[float, float, float]


def thorax_collection(seed: int) -> str:
    """Return the collection of phantom-ct and phantom-cxr: a patient of one seed is the same person in both."""
    return f"phantom-thorax-{seed}"


def checked_split(value: Fractions) -> Fractions:
    """Return split fractions.

    Raises:
        ValueError: they are negative, do not sum to 1, or are no multiples of 0.05.
    """
    counts = [f * BLOCK for f in value]
    if min(value) < 0 or abs(sum(value) - 1) > 1e-9 or any(abs(c - round(c)) > 1e-6 for c in counts):
        raise ValueError(f"split must be three multiples of {1 / BLOCK:g} that sum to 1; got {value}")
    return value


def checked_prevalence(value: dict[str, float] | None) -> dict[str, float] | None:
    """Return shares of the patients by finding.

    Raises:
        ValueError: a finding is unknown, or a share lies outside [0,1].
    """
    for name, share in (value or {}).items():
        if name not in FINDINGS:
            raise ValueError(f"unknown finding '{name}'; findings are {', '.join(FINDINGS)}")
        if not 0 <= share <= 1:
            raise ValueError(f"prevalence of '{name}' must lie in [0,1]; got {share}")
    return value


def counts_of(fractions: Fractions) -> tuple[int, ...]:
    """Return how many patients of a block each split gets."""
    return tuple(round(f * BLOCK) for f in fractions)


@lru_cache(maxsize=4096)
def deal(stream: int, seed: int, counts: tuple[int, ...], block: int) -> tuple[int, ...]:
    """Return the split of each patient of a block, as indices of ``SPLITS``."""
    deck = np.repeat(np.arange(len(counts)), counts)
    return tuple(int(i) for i in np.random.default_rng((stream, seed, block)).permutation(deck))


def split_of(stream: int, seed: int, fractions: Fractions, patient: int) -> str:
    """Return the split of a patient."""
    block, position = divmod(patient, BLOCK)
    return SPLITS[deal(stream, seed, counts_of(fractions), block)[position]]


def thorax_manifest(patients: int, seed: int, fractions: Fractions, digest: Callable[[int], str]) -> list[CaseEntry]:
    """List the cases of a thorax phantom, one a patient; ``digest`` gives each one's by its number."""
    ids = [f"p{i:04d}" for i in range(patients)]
    return [CaseEntry(name, name, split_of(THORAX_STREAM, seed, fractions, i), digest(i)) for i, name in enumerate(ids)]


def patient_of(dataset: str, case_id: str, patients: int) -> int:
    """Return the number of a thorax phantom's patient.

    Raises:
        CaseError: there is no such case.
    """
    index = int(case_id[1:]) if case_id[:1] == "p" and case_id[1:].isdecimal() else -1
    if not 0 <= index < patients or case_id != f"p{index:04d}":
        raise CaseError(f"{dataset} has no case '{case_id}'; its ids run from 'p0000' to 'p{patients - 1:04d}'")
    return index
