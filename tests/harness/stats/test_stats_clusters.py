"""CR2 errors and Bell-McCaffrey degrees of freedom of a mean, against matrices written out."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.stats import bell_mccaffrey, clustered, cr2_error, effective_patients

SIZES = st.lists(st.integers(1, 8), min_size=2, max_size=9)


def by_matrices(values, owners):
    """CR2 and its degrees of freedom as Bell and McCaffrey write them, for a design of one column of ones."""
    n = len(values)
    X = np.ones((n, 1))
    bread = np.linalg.inv(X.T @ X)
    H = X @ bread @ X.T
    residuals = values - values.mean()
    meat, columns = 0.0, []
    for one in np.unique(owners):
        here = np.flatnonzero(owners == one)
        eigenvalues, vectors = np.linalg.eigh(np.eye(len(here)) - H[np.ix_(here, here)])
        A = vectors @ np.diag(eigenvalues**-0.5) @ vectors.T
        meat += (X[here].T @ A @ residuals[here]).item() ** 2
        columns.append((np.eye(n) - H)[here].T @ A @ X[here] @ bread)
    G = np.concatenate(columns, axis=1)
    eigen = np.linalg.eigvalsh(G.T @ G)
    return math.sqrt(meat) * bread.item(), eigen.sum() ** 2 / (eigen**2).sum()


@settings(max_examples=50, deadline=None)
@given(SIZES, st.integers(0, 2**31))
def test_error_and_freedom_equal_the_matrix_formulae(sizes, seed):
    values = np.random.default_rng(seed).normal(size=sum(sizes))
    owners = np.repeat(np.arange(len(sizes)), sizes)
    error, freedom = by_matrices(values, owners)
    assert cr2_error(clustered(values, owners.tolist())) == pytest.approx(error, rel=1e-10)
    assert bell_mccaffrey(sizes) == pytest.approx(freedom, rel=1e-8)


@pytest.mark.parametrize("n", [2, 7, 50])
def test_one_case_each_is_the_usual_standard_error_with_n_minus_1(n):
    x = np.random.default_rng(n).normal(size=n)
    assert cr2_error(clustered(x)) == pytest.approx(x.std(ddof=1) / math.sqrt(n), rel=1e-12)
    assert bell_mccaffrey([1] * n) == pytest.approx(n - 1)


@given(st.integers(2, 30), st.integers(1, 9))
def test_equal_patients_have_m_minus_1_degrees_of_freedom(m, each):
    assert bell_mccaffrey([each] * m) == pytest.approx(m - 1)
    assert effective_patients([each] * m) == pytest.approx(m)


@given(SIZES)
def test_uneven_patients_count_as_fewer(sizes):
    assert effective_patients(sizes) <= len(sizes) + 1e-9
    assert bell_mccaffrey(sizes) <= len(sizes) - 1 + 1e-9


def test_repeating_every_case_changes_no_error():
    x = np.random.default_rng(0).normal(size=9)
    twice = clustered(np.tile(x, 4), list(range(9)) * 4)
    assert cr2_error(twice) == pytest.approx(cr2_error(clustered(x)), rel=1e-12)


def test_the_expected_square_of_the_error_is_the_variance_of_the_mean():
    # Independent cases of variance 1: unbiased whatever the sizes, which is what CR2 is made for.
    sizes = [1, 1, 2, 3, 8]
    owners = np.repeat(range(5), sizes).tolist()
    random = np.random.default_rng(3)
    squares = [cr2_error(clustered(random.normal(size=15), owners)) ** 2 for _ in range(4000)]
    assert np.mean(squares) == pytest.approx(1 / 15, rel=0.05)


def test_missing_values_and_patients_without_others_are_left_out():
    one = clustered([1.0, np.nan, 3.0, np.nan], ["b", "a", "b", "c"])
    assert (one.patients, one.cases, one.missing, one.mean) == (1, 2, 2, 2.0)
    assert math.isnan(cr2_error(one))


def test_equal_values_have_no_error_whatever_the_rounding():
    assert cr2_error(clustered([0.1] * 30, [i % 7 for i in range(30)])) == 0.0


def test_an_infinite_value_has_no_error():
    assert math.isnan(cr2_error(clustered([1.0, np.inf, 2.0])))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: clustered([]), "at least one case"),
        (lambda: clustered([1.0, 2.0], ["a"]), "1 patients for 2 cases"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
