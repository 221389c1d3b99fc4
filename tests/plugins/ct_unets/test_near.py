"""Lung images are held to the lungs that were found."""

import numpy as np
import pytest
import torch

from radbench_ct_unets.near import _reached, near, near_lungs


def test_near_falls_linearly_from_a_twentieth_to_a_tenth_of_the_side_and_lies_a_tenth_lower_below():
    lungs = torch.zeros(2, 1, 100, 100, dtype=torch.bool)
    lungs[0, 0, 40:60, 30:50] = True
    found = near(lungs)
    assert (found[0, 0, 35:75, 45] == 1).all()
    line = found[0, 0, 50, 49:62]
    expected = [1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2, 0, 0, 0]
    assert line.tolist() == pytest.approx(expected, abs=1e-6)
    assert found[0, 0, 69:82, 40].tolist() == pytest.approx(expected, abs=1e-6)
    assert found[0, 0, 28:41, 40].tolist() == pytest.approx(expected[::-1], abs=1e-6)
    assert float(found[0, 0, 0].max()) == 0
    assert float(found[1].max()) == 0


def test_what_lies_far_from_the_lungs_is_left_out_and_told():
    lungs = torch.zeros(1, 1, 20, 20, dtype=torch.bool)
    lungs[..., 5:15, :10] = True
    picture = torch.full((1, 1, 200, 300), 0.5)
    with pytest.warns(UserWarning, match=r"\d\d% of the lung image was left out, far from the lungs that were found"):
        left = near_lungs(picture, lungs)
    assert (left[..., 60:140, :140] == 0.5).all()
    assert (left[..., 195:] == 0).all()


@pytest.mark.parametrize(("side", "further"), [(1, 0), (2, 0), (5, 0), (10, 1), (40, 4)])
def test_lungs_reach_down_a_tenth_of_the_side_and_not_beyond_it(side, further):
    for row in (0, side // 3, side - 1):
        lungs = np.zeros((side, side), dtype=bool)
        lungs[row] = True
        assert np.flatnonzero(_reached(lungs).any(1)).tolist() == list(range(row, min(side, row + further + 1)))
        assert lungs.sum() == side  # the given ones are left as they are
