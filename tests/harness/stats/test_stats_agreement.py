"""Cohen's kappa: scikit-learn's implementation, worked examples, and the coverage of its interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from radbench.stats.agreement import cohen_kappa


def judged(table):
    """Return two judgements with these counts, rows the first's categories."""
    cells = [(i, j) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    return np.array(cells, dtype=float).T


def test_a_worked_example_by_hand():
    """Observed agreement .7, by chance .5."""
    found = cohen_kappa(*judged([[20, 5], [10, 15]]), (0, 1))
    assert found.kappa == pytest.approx(0.4)
    assert found.observed == pytest.approx(0.7)


def test_cohens_example_of_psychiatric_diagnoses():
    """Cohen (1960), table 1: 200 patients, kappa .49 of an observed agreement of .70 and .41 by chance."""
    found = cohen_kappa(*judged([[88, 14, 18], [10, 40, 10], [2, 6, 12]]), (0, 1, 2))
    assert found.kappa == pytest.approx((0.70 - 0.41) / (1 - 0.41))


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_scikit_learns(weights, seed):
    draws = np.random.default_rng(seed)
    first = draws.integers(1, 6, size=60)
    second = np.clip(first + draws.integers(-1, 2, size=60), 1, 5)
    expected = cohen_kappa_score(first, second, labels=range(1, 6), weights=None if weights == "none" else weights)
    assert cohen_kappa(first, second, range(1, 6), weights).kappa == pytest.approx(expected, rel=1e-12)


def test_quadratic_weights_are_an_intraclass_correlation():
    """Fleiss & Cohen (1973): 1 - E(a - b)^2 / (var a + var b + (mean a - mean b)^2), variances over n."""
    draws = np.random.default_rng(7)
    a = draws.integers(1, 6, size=200).astype(float)
    b = np.clip(a + draws.integers(-2, 3, size=200), 1, 5)
    expected = 1 - ((a - b) ** 2).mean() / (a.var() + b.var() + (a.mean() - b.mean()) ** 2)
    assert cohen_kappa(a, b, range(1, 6), "quadratic").kappa == pytest.approx(expected)


def test_categories_that_nobody_uses_change_nothing():
    a, b = np.random.default_rng(2).integers(2, 4, size=(2, 40))
    assert cohen_kappa(a, b, (1, 2, 3, 4, 5), "quadratic").kappa == cohen_kappa(a, b, (2, 3), "quadratic").kappa


@pytest.mark.parametrize(
    ("patients", "images", "weights"), [(40, 3, "none"), (40, 3, "quadratic"), (12, 1, "quadratic")]
)
def test_the_interval_covers_what_it_says(patients, images, weights):
    """Of two judges whose kappa is known; nominal .95, 300 drawn studies."""
    draws = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        n = patients * images
        truth = np.repeat(draws.integers(0, 3, size=patients), images)
        said = [np.where(draws.random(n) < 0.7, truth, draws.integers(0, 3, size=n)) for _ in range(2)]
        # Both say the truth with .49; else what one says tells nothing of the other, whatever the weights.
        found = cohen_kappa(*said, (0, 1, 2), weights, [str(i // images) for i in range(n)])
        covered += found.low <= 0.49 <= found.high
    assert 0.92 <= covered / 300 <= 0.985


def test_the_ends_of_an_interval_are_kappas():
    draws = np.random.default_rng(5)
    for _ in range(50):
        first = draws.integers(1, 4, size=12)
        found = cohen_kappa(first, np.where(draws.random(12) < 0.85, first, 1), (1, 2, 3), "quadratic")
        if not math.isnan(found.low):
            assert -1 < found.low < found.kappa < found.high < 1


def test_what_was_not_judged_twice_is_left_out():
    a, b = np.array([1.0, 2, np.nan, 2, 1, 1, 2, 2]), np.array([1.0, np.nan, 1, 2, 1, 2, 2, 2])
    known = ~(np.isnan(a) | np.isnan(b))
    assert cohen_kappa(a, b, (1, 2)) == cohen_kappa(a[known], b[known], (1, 2))
    assert cohen_kappa(a, b, (1, 2)).n == 6


def test_one_category_alone_says_nothing():
    found = cohen_kappa([1] * 10, [1] * 10, (1, 2))
    assert math.isnan(found.kappa)
    assert found.observed == 1.0
    assert found.no_interval == "both judge everything alike"


def test_nothing_judged_twice_says_so():
    assert cohen_kappa([], [], (1, 2)).no_interval == "nothing was judged twice"


def test_few_patients_have_no_interval():
    found = cohen_kappa([1, 2, 1, 2, 1, 2], [1, 2, 2, 2, 1, 1], (1, 2), patients=list("aabbcc"))
    assert found.patients == 3
    assert math.isnan(found.low)
    assert found.no_interval == "fewer than 6 patients: 3"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1, 2], [1], (1, 2)), "same things"),
        (([1, 3], [1, 2], (1, 2)), "3 is none of the categories"),
        (([1], [1], (1,)), "two or more different"),
        (([1], [1], (1, 2), "cubic"), "weights must be one of"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(arguments, words):
    with pytest.raises(ValueError, match=words):
        cohen_kappa(*arguments)
