"""Which pairs of enhancers differ: against the definition written out, in blocks of any size, in bounded memory."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
from scipy.special import stdtr

from radbench.stats import all_pairs
from radbench.stats.clusters import bell_mccaffrey
from radbench.stats.resampling import patient_counts

R, LEVEL = 399, 0.9
SIZES = np.array([1.0, 2, 1, 3, 1, 2, 1, 1, 2, 1, 4, 1])


def scores(gaps: list[float]) -> np.ndarray:
    """Return patients' sums of enhancers that are apart by some gaps, with noise that they share and noise of their
    own."""
    random = np.random.default_rng(7)
    shared = random.normal(size=len(SIZES))
    return np.array([(gap + shared + 0.3 * random.normal(size=len(SIZES))) * SIZES for gap in gaps])


def apart(sums: np.ndarray, counts: list[np.ndarray]) -> np.ndarray:
    return all_pairs.all_pairs_apart(sums, SIZES, counts, LEVEL)


def counts() -> list[np.ndarray]:
    return [*patient_counts(len(SIZES), R, 3, 150)]


def studentised(sums: np.ndarray, sizes: np.ndarray, centre: float) -> float:
    """Return a mean's distance from a centre in CR2 standard errors, patient by patient."""
    total = sizes.sum()
    mean = sums.sum() / total
    variance = sum((s - mean * n) ** 2 / (1 - n / total) for s, n in zip(sums, sizes, strict=True)) / total**2
    return (mean - centre) / math.sqrt(variance)


def by_definition(sums: np.ndarray) -> np.ndarray:
    """Step down from the largest difference, each judged by the largest of those that are left in each resample."""
    drawn = np.concatenate(counts())
    pairs = {}
    for i in range(len(sums)):
        for j in range(i + 1, len(sums)):
            difference = sums[i] - sums[j]
            mean = difference.sum() / SIZES.sum()
            own = [studentised(np.repeat(difference, c), np.repeat(SIZES, c), mean) for c in drawn]
            pairs[i, j] = studentised(difference, SIZES, 0.0), np.array(own)
    found, worst = np.zeros((len(sums), len(sums)), dtype=bool), 0.0
    left = sorted(pairs, key=lambda pair: -abs(pairs[pair][0]))
    while left:
        t, own = pairs[left[0]]
        largest = np.max([np.abs(pairs[pair][1]) for pair in left], axis=0)
        one_sided = (1 + np.sum(own * np.sign(t) >= abs(t))) / (1 + R)
        alone = 2 * max(one_sided, stdtr(bell_mccaffrey(SIZES), -abs(t)))
        worst = max(worst, alone, (1 + np.sum(largest >= abs(t))) / (1 + R))
        found[left[0]] = found[left[0][::-1]] = worst <= 1 - LEVEL
        left.pop(0)
    return found


def test_it_is_the_step_down_that_its_definition_says() -> None:
    sums = scores([0.0, 0.1, 0.2, 0.9, 1.0])
    found = apart(sums, counts())
    assert 0 < found.sum() < 20
    assert found.tolist() == by_definition(sums).tolist()


@pytest.mark.parametrize("at_once", [1, 1000, 20_000])
def test_blocks_of_pairs_change_nothing(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    sums = scores(np.linspace(0.0, 1.0, 20).tolist())
    whole = apart(sums, counts())
    monkeypatch.setattr(all_pairs, "_TOGETHER", 0)
    monkeypatch.setattr(all_pairs, "_AT_ONCE", at_once)
    assert 0 < whole.sum() < 380
    assert apart(sums, counts()).tolist() == whole.tolist()


def test_many_pairs_are_not_held_at_once() -> None:
    random = np.random.default_rng(1)
    sums = random.normal(size=(150, 12)) + np.linspace(0, 3, 150)[:, None]
    chunks = [*patient_counts(12, 999, 0)]
    tracemalloc.start()
    try:
        all_pairs.all_pairs_apart(sums, np.ones(12), chunks)
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # All at once they would be 150 * 149 / 2 * 999 numbers of 8 bytes, 85 MiB, and some of these.
    assert held < 40 * 2**20


def test_below_six_patients_nothing_is_apart_whatever_the_scores() -> None:
    sums = np.arange(4.0)[:, None] * np.ones(5) + np.linspace(0, 1e-3, 20).reshape(4, 5)
    assert not all_pairs.all_pairs_apart(sums, np.ones(5), [*patient_counts(5, 99, 0)]).any()
