"""The sign-flip test, against enumeration and its large-sample limit."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from radbench.stats import sign_flip, sign_flips


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=8))
def test_few_patients_are_enumerated_ties_and_all(d):
    sums = [
        abs(sum(x * s for x, s in zip(d, signs, strict=True))) for signs in itertools.product((1, -1), repeat=len(d))
    ]
    assert sign_flip(d) == pytest.approx(np.mean(np.array(sums) >= abs(sum(d))), abs=1e-15)


def test_twelve_patients_equal_scipys_exact_test():
    d = np.random.default_rng(0).normal(0.4, 1, 12)
    expected = permutation_test((d,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    assert sign_flip(d) == pytest.approx(expected, abs=1e-12)


def test_more_patients_approach_the_normal():
    d = np.random.default_rng(1).normal(0.1, 1, 400)
    normal = math.erfc(abs(d.sum()) / math.sqrt((d**2).sum()) / math.sqrt(2))
    assert sign_flip(d, flips=40_000) == pytest.approx(normal, abs=0.01)


def test_five_patients_can_never_reach_five_percent():
    assert sign_flip([1.0, 2.0, 3.0, 4.0, 5.0]) == 2 / 32


def test_a_patient_enters_once_with_its_mean():
    assert sign_flip([1.0, 3.0, -1.0, 5.0], ["a", "a", "b", "c"]) == sign_flip([2.0, -1.0, 5.0])


def test_the_same_seed_gives_the_same_p_and_another_seed_another():
    d = np.random.default_rng(2).normal(0.2, 1, 30)
    assert sign_flip(d) == sign_flip(d) != sign_flip(d, seed=1)


def test_a_fixed_count_of_flips_is_at_least_one_of_them():
    assert sign_flip(np.arange(1.0, 40.0), flips=99) == 1 / 100


def test_nothing_to_flip():
    assert sign_flip([0.0, 0.0]) == 1.0
    assert math.isnan(sign_flip([np.nan]))
    assert math.isnan(sign_flip([1.0, np.inf]))


def test_several_rows_are_judged_as_each_by_itself():
    random = np.random.default_rng(5)
    table = random.normal(0.1, 1, (5, 40))
    table[1, 3], table[2, :34], table[3] = math.nan, math.nan, 0.0
    patients = [f"p{k % 20}" for k in range(40)]
    assert sign_flips(table, patients, 499) == [sign_flip(row, patients, 499) for row in table]
