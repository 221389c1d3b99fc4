"""The trimap: regions counted by hand, halves and shares as stated, borders and degenerate marks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.contracts import CaseError
from radbench_lesions.trimap import (
    BACKGROUND,
    FOREGROUND,
    PROBABLE_BACKGROUND,
    PROBABLE_FOREGROUND,
    recist_trimap,
)

CROSS = np.array([[6, 8], [10, 8], [8, 7], [8, 9]], dtype=np.float32)


def counts(regions):
    return np.bincount(regions.ravel(), minlength=4).tolist()


def test_regions_of_a_small_cross_are_those_counted_by_hand():
    # Box 4, ROI 8 wide about (8, 8): 9x9 pixels; inner square of half side 2.83: 5x5; cross of 5 and 3 pixels.
    regions = recist_trimap(CROSS, (17, 17)).regions
    assert counts(regions) == [289 - 81, 7, 81 - 25, 25 - 7]
    assert np.argwhere(regions == FOREGROUND).tolist() == [[7, 8], *([8, x] for x in range(6, 11)), [9, 8]]
    assert (regions[4:13, 4:13] != BACKGROUND).all()
    assert (regions[6:11, 6:11] != PROBABLE_BACKGROUND).all()


def test_window_keeps_a_margin_of_definite_background():
    trimap = recist_trimap(CROSS, (17, 17))
    top, bottom, left, right = trimap.window
    assert trimap.window == (3, 14, 3, 14)
    seen = trimap.regions[top:bottom, left:right]
    assert (np.concatenate([seen[0], seen[-1], seen[:, 0], seen[:, -1]]) == BACKGROUND).all()


def test_inner_square_is_half_of_the_region_of_interest():
    marks = np.array([[150, 250], [350, 250], [250, 180], [250, 320]])
    c = counts(recist_trimap(marks, (500, 500)).regions)
    assert (c[FOREGROUND] + c[PROBABLE_FOREGROUND]) / sum(c[1:]) == pytest.approx(0.5, abs=0.01)


def test_foreground_covers_its_share_of_the_lesions_box():
    marks = np.array([[150, 150], [250, 150], [200, 115], [200, 185]])
    c = counts(recist_trimap(marks, (400, 400), foreground_share=0.1).regions)
    # Whole rings of equal distance are taken: at least the share, and less than one pixel around the cross more.
    assert 0.1 <= c[FOREGROUND] / 100**2 < 0.1 + 2 * (100 + 70) / 100**2


def test_roi_scale_sets_the_side_of_the_region_of_interest():
    marks = np.array([[150, 150], [250, 150], [200, 115], [200, 185]])
    c = counts(recist_trimap(marks, (800, 800), roi_scale=3.0).regions)
    assert math.sqrt(sum(c[1:])) == pytest.approx(300, abs=1.5)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.floats(20, 44), st.floats(20, 44)), min_size=4, max_size=4),
    st.floats(1.5, 3.0),
    st.floats(0.02, 0.3),
)
def test_turning_the_image_turns_the_trimap(points, roi_scale, share):
    marks = np.array(points)
    straight = recist_trimap(marks, (64, 70), roi_scale, share)
    turned = recist_trimap(marks[:, ::-1], (70, 64), roi_scale, share)
    assert np.array_equal(straight.regions, turned.regions.T)
    assert straight.window == (*turned.window[2:], *turned.window[:2])


@settings(max_examples=40, deadline=None)
@given(st.integers(-5, 9), st.integers(-5, 9))
def test_moving_the_marks_moves_the_trimap(dx, dy):
    moved = recist_trimap(CROSS + 12 + np.array([dx, dy]), (64, 64)).regions
    assert np.array_equal(moved, np.roll(recist_trimap(CROSS + 12, (64, 64)).regions, (dy, dx), (0, 1)))


def test_region_of_interest_is_cut_off_at_the_border():
    trimap = recist_trimap(CROSS - [7, 7], (17, 17))
    assert np.array_equal(trimap.regions[:10, :10], recist_trimap(CROSS, (17, 17)).regions[7:, 7:])
    assert trimap.window == (0, 7, 0, 7)


def test_marks_without_length_get_the_least_box():
    regions = recist_trimap(np.full((4, 2), 8.0), (17, 17)).regions
    assert counts(regions) == [289 - 81, 5, 81 - 25, 20]


def test_marks_between_pixels_still_mark_foreground():
    assert counts(recist_trimap(np.full((4, 2), 8.5), (17, 17)).regions)[FOREGROUND] == 4


@pytest.mark.parametrize("marks", [np.zeros((2, 2)), np.full((4, 2), np.nan), np.full((4, 2), np.inf)])
def test_marks_that_are_not_four_finite_points_are_refused(marks):
    with pytest.raises(CaseError, match="four finite"):
        recist_trimap(marks, (17, 17))


def test_marks_outside_the_image_are_refused():
    with pytest.raises(CaseError, match="outside the 17x17 image"):
        recist_trimap(CROSS + 40, (17, 17))
