"""The nearest monotone grey map: scikit-learn's isotonic regression, closed forms, and what no map can better."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.isotonic import IsotonicRegression

from radbench.metrics.tone import monotone_map

grids = arrays(np.float64, (4, 5), elements=st.integers(0, 6).map(lambda n: n / 6))


@settings(max_examples=60, deadline=None)
@given(grids, arrays(np.float64, (4, 5), elements=st.floats(0, 1, width=32)))
def test_it_is_the_nearer_of_scikit_learns_rising_and_falling_fits(original, wanted):
    fits = [
        IsotonicRegression(increasing=rising).fit(original.ravel(), wanted.ravel()).predict(original.ravel())
        for rising in (True, False)
    ]
    errors = [((fit - wanted.ravel()) ** 2).sum() for fit in fits]
    found = monotone_map(original, wanted).ravel()
    assert ((found - wanted.ravel()) ** 2).sum() == pytest.approx(min(errors), abs=1e-9)
    if abs(errors[0] - errors[1]) > 1e-9:
        np.testing.assert_allclose(found, fits[int(np.argmin(errors))], atol=1e-7)


@settings(max_examples=40, deadline=None)
@given(grids, grids)
def test_no_monotone_map_comes_nearer_and_a_second_fit_changes_nothing(original, wanted):
    found = monotone_map(original, wanted)
    for other in (original, original**2, np.full_like(original, wanted.mean()), 1 - original):
        assert ((found - wanted) ** 2).sum() <= ((other - wanted) ** 2).sum() + 1e-9
    np.testing.assert_allclose(monotone_map(original, found), found, atol=1e-12)


def test_a_pool_of_violators_is_their_weighted_mean():
    # Levels 0, 1, 2 with 2, 1 and 1 pixels: means 0.2, 0.8, 0.5; the last two change places and are pooled.
    original = np.array([[0.0, 0.0, 1.0, 2.0]])
    assert monotone_map(original, np.array([[0.1, 0.3, 0.8, 0.5]]))[0].tolist() == pytest.approx([0.2, 0.2, 0.65, 0.65])
    # Unequal numbers weigh: 0.9 twice and 0.3 once.
    original = np.array([[1.0, 1.0, 2.0, 0.0]])
    assert monotone_map(original, np.array([[0.9, 0.9, 0.3, 0.0]]))[0].tolist() == pytest.approx([0.7, 0.7, 0.7, 0.0])


def test_nothing_is_nothing_and_other_shapes_are_refused():
    assert monotone_map(np.zeros((0, 3)), np.zeros((0, 3))).shape == (0, 3)
    with pytest.raises(ValueError, match="shapes differ"):
        monotone_map(np.zeros((2, 3)), np.zeros((3, 2)))
