"""Reliability: bins that hold their upper ends, and nothing that is no probability."""

import math

import pytest

from radbench.leaderboard.predictions import reliability


def test_bins_hold_their_upper_ends():
    found = reliability([(1.0, 0.0), (0.0, 0.5), (1.0, 0.5000001), (1.0, 1.0)], 2)
    assert [(low, high, n) for low, high, n, _, _ in found] == [(0.0, 0.5, 2), (0.5, 1.0, 2)]
    assert [share for *_, share in found] == [0.5, 1.0]
    assert found[0][3] == pytest.approx(0.25)


@pytest.mark.parametrize("given", [(math.nan, 0.5), (1.0, math.nan), (1.0, math.inf), (0.0, 1.5), (0.0, -0.1)])
def test_what_is_not_stated_or_no_probability_is_left_out(given):
    assert reliability([given], 15) == []
    assert reliability([given, (1.0, 0.7)], 10)[0][2:] == (1, 0.7, 1.0)


@pytest.mark.parametrize("bins", [7, 10, 15])
def test_every_edge_is_in_the_bin_of_the_calibration_error(bins):
    edges = [k / bins for k in range(1, bins + 1)]
    found = reliability([(1.0, edge) for edge in edges], bins)
    assert [(low, n) for low, _, n, _, _ in found] == [(k / bins, 1) for k in range(bins)]
