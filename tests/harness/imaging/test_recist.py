"""RECIST axes against brute force over all pixel pairs and against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

from radbench.contracts import CaseError
from radbench.imaging.recist import axis_lengths, convex_hull, recist_from_mask

masks = hnp.arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14))).filter(lambda m: m.any())


@given(masks)
def test_long_axis_is_the_largest_distance_between_two_set_pixels(mask: np.ndarray) -> None:
    points = np.argwhere(mask)
    truth = pdist(points).max() if len(points) > 1 else 0.0
    assert axis_lengths(recist_from_mask(mask))[0] == pytest.approx(truth, abs=1e-5)


@given(masks)
def test_long_axis_ends_are_set_pixels(mask: np.ndarray) -> None:
    for x, y in recist_from_mask(mask)[:2].long().tolist():
        assert mask[y, x]


@given(masks, st.floats(0.3, 3), st.floats(0.3, 3))
def test_axes_are_perpendicular_in_millimetres(mask: np.ndarray, row: float, column: float) -> None:
    axes = recist_from_mask(mask, (row, column)).double().numpy() * [column, row]
    assert abs(np.dot(axes[1] - axes[0], axes[3] - axes[2])) < 1e-3


def widths(points: np.ndarray, axes: np.ndarray, steps: int) -> np.ndarray:
    """Chord lengths across the long axis at evenly spaced positions, by clipping every hull edge."""
    along = (axes[1] - axes[0]) / np.linalg.norm(axes[1] - axes[0])
    across = np.array([-along[1], along[0]])
    t, s = (points - axes[0]) @ along, (points - axes[0]) @ across
    result = []
    for position in np.linspace(0, np.linalg.norm(axes[1] - axes[0]), steps):
        crossed = []
        for i in range(len(points)):
            j = (i + 1) % len(points)
            if (t[i] - position) * (t[j] - position) <= 0 and t[i] != t[j]:
                crossed.append(s[i] + (position - t[i]) / (t[j] - t[i]) * (s[j] - s[i]))
        result.append(max(crossed) - min(crossed) if crossed else 0.0)
    return np.array(result)


@settings(max_examples=40)
@given(masks)
def test_short_axis_is_the_longest_perpendicular_chord_of_the_hull(mask: np.ndarray) -> None:
    points = np.argwhere(mask)[:, ::-1].astype(float)
    try:
        corners = points[ConvexHull(points).vertices]
    except (QhullError, ValueError):
        return  # a line has no area; its own test follows
    axes = recist_from_mask(mask).double().numpy()
    sampled = widths(corners, axes, 400).max()
    short = np.linalg.norm(axes[3] - axes[2])
    assert short >= sampled - 1e-4
    assert short <= sampled + 0.2  # sampling misses the peak by at most one step's slope


@given(masks)
def test_hull_corners_are_qhulls(mask: np.ndarray) -> None:
    points = np.argwhere(mask)[:, ::-1]
    try:
        truth = {tuple(points[i]) for i in ConvexHull(points).vertices}
    except (QhullError, ValueError):
        return
    assert {tuple(p) for p in convex_hull(mask)} == truth


@given(masks)
def test_short_axis_crosses_the_long_axis(mask: np.ndarray) -> None:
    a, b, c, d = recist_from_mask(mask).double().numpy()
    side = [float(np.cross(np.append(b - a, 0), np.append(p - a, 0))[2]) for p in (c, d)]
    assert min(side) <= 1e-3
    assert max(side) >= -1e-3


def test_one_pixel_gives_four_equal_points() -> None:
    mask = torch.zeros(1, 5, 6, dtype=torch.bool)
    mask[0, 3, 2] = True
    assert recist_from_mask(mask).tolist() == [[2.0, 3.0]] * 4


def test_a_line_of_pixels_has_a_short_axis_of_length_zero_at_its_middle() -> None:
    mask = np.zeros((5, 9), bool)
    mask[2, 1:8] = True
    assert recist_from_mask(mask).tolist() == [[1, 2], [7, 2], [4, 2], [4, 2]]


def test_ellipse_has_its_own_axes() -> None:
    y, x = np.mgrid[:81, :121]
    mask = ((x - 60) / 50) ** 2 + ((y - 40) / 20) ** 2 <= 1
    axes = recist_from_mask(mask)
    assert axes.tolist() == [[10, 40], [110, 40], [60, 20], [60, 60]]
    assert axis_lengths(axes, (0.5, 2.0)) == (200.0, 20.0)


def test_spacing_turns_the_long_axis() -> None:
    mask = np.zeros((20, 20), bool)
    mask[5:15, 4:16] = True
    mask[10, 2:18] = True
    tall = recist_from_mask(mask, (3.0, 1.0))
    assert abs(float(tall[1, 1] - tall[0, 1])) == 9  # measured in millimetres the rows win


def test_empty_mask_is_refused() -> None:
    with pytest.raises(CaseError, match="mask is empty"):
        recist_from_mask(np.zeros((4, 4)))


def test_volume_is_refused() -> None:
    with pytest.raises(CaseError, match=r"\[2, 4, 4\]"):
        recist_from_mask(np.ones((2, 4, 4)))
