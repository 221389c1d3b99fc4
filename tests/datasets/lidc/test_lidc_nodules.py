"""Outlines as voxels, readers grouped into nodules, and the papers' choice, on squares that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radbench.contracts import CaseError
from radbench_lidc.nodules import Nodule, SliceGrid, consensus, counts, group, outlined, rasterise
from radbench_lidc.readings import Contour, Mark

SPACING = (2.5, 0.7, 0.7)
GRID = SliceGrid(tuple(-100.0 + 2.5 * i for i in range(20)), tuple(f"1.{i}" for i in range(20)), (64, 64), SPACING)


def square(left, top, right, bottom, slice_=0, inclusion=True, uid=True):
    """An outline through these corners; what it encloses is one pixel smaller on each side."""
    points = [(x, top) for x in range(left, right)]
    points += [(right, y) for y in range(top, bottom)]
    points += [(x, bottom) for x in range(right, left, -1)]
    points += [(left, y) for y in range(bottom, top, -1)]
    return Contour(GRID.z_mm[slice_], GRID.slice_uids[slice_] if uid else "", inclusion, tuple(points or [(left, top)]))


def mark(reader, *contours, texture=5, subtlety=5):
    return outlined(Mark(reader, f"r{reader}", "nodule", {"texture": texture, "subtlety": subtlety}, contours), GRID)


def cube(reader, left, top, size=8, slices=range(3, 7), **ratings):
    return mark(reader, *(square(left, top, left + size, top + size, z) for z in slices), **ratings)


def test_an_outline_runs_outside_the_nodule():
    inside, touched = rasterise([square(10, 20, 15, 26)], (64, 64))
    expected = np.zeros((64, 64), bool)
    expected[21:26, 11:15] = True
    assert (inside == expected).all()
    assert touched.sum() == 6 * 7


def test_an_exclusion_takes_its_outline_with_it():
    inside, _ = rasterise([square(10, 10, 21, 21), square(13, 13, 17, 17, inclusion=False)], (64, 64))
    assert inside.sum() == 10 * 10 - 5 * 5
    assert not inside[13:18, 13:18].any()


def test_the_order_of_inclusion_and_exclusion_does_not_matter():
    contours = [square(10, 10, 21, 21), square(13, 13, 17, 17, inclusion=False)]
    assert (rasterise(contours, (64, 64))[0] == rasterise(contours[::-1], (64, 64))[0]).all()


def test_two_inclusions_of_a_slice_add_up():
    inside, _ = rasterise([square(2, 2, 6, 6), square(20, 2, 24, 6)], (64, 64))
    assert inside.sum() == 2 * 9


def test_corners_alone_are_joined_up():
    corners = Contour(0.0, "", True, ((10, 10), (20, 10), (20, 20), (10, 20)))
    assert (rasterise([corners], (64, 64))[0] == rasterise([square(10, 10, 20, 20)], (64, 64))[0]).all()


@pytest.mark.parametrize("points", [((5, 5),), ((5, 5), (6, 5)), ((5, 5), (6, 5), (6, 6), (5, 6))])
def test_an_outline_round_nothing_encloses_nothing(points):
    inside, touched = rasterise([Contour(0.0, "", True, points)], (64, 64))
    assert not inside.any()
    assert touched.sum() == len(points)


@given(st.integers(3, 30), st.integers(3, 30), st.integers(0, 30), st.integers(0, 30))
def test_a_square_encloses_the_product_of_its_inner_sides(width, height, left, top):
    inside, touched = rasterise([square(left, top, left + width, top + height)], (64, 64))
    assert inside.sum() == (width - 1) * (height - 1)
    assert touched.sum() == (width + 1) * (height + 1)


def test_a_point_outside_the_slice_is_refused():
    with pytest.raises(CaseError, match="column 70"):
        rasterise([Contour(-5.0, "", True, ((60, 3), (70, 3), (60, 9)))], (64, 64))


def test_a_contour_finds_its_slice_by_uid_and_else_by_position():
    assert GRID.index_of(square(1, 1, 5, 5, 4)) == 4
    assert GRID.index_of(square(1, 1, 5, 5, 4, uid=False)) == 4


def test_a_contour_on_a_missing_slice_is_refused_with_its_place():
    with pytest.raises(CaseError, match=r"slice at -98\.7 mm .* missing"):
        GRID.index_of(Contour(-98.7, "9.9", True, ((1, 1),)))


def test_a_mark_becomes_voxels_in_its_slices():
    o = cube(0, 30, 10)
    assert o.start == (3, 10, 30)
    assert o.inside.shape == (4, 9, 9)
    assert o.inside.sum() == 4 * 7 * 7


def test_overlapping_readers_are_one_nodule():
    (nodule,) = group([cube(r, 30 + r, 30) for r in range(4)], SPACING)
    assert nodule.readers == 4


def test_nodules_apart_stay_apart():
    nodules = group([cube(0, 5, 5), cube(1, 6, 5), cube(0, 40, 40), cube(2, 41, 40)], SPACING)
    assert [(n.readers, sorted(m.mark.reader for m in n.members)) for n in nodules] == [(2, [0, 1]), (2, [0, 2])]


def test_small_nodules_in_neighbouring_slices_are_one():
    nodules = group([cube(0, 20, 20, 6, [5]), cube(1, 20, 20, 6, [6])], SPACING)
    assert len(nodules) == 1
    assert len(group([cube(0, 20, 20, 6, [5]), cube(1, 20, 20, 6, [8])], SPACING)) == 2


def test_a_nodule_that_one_reader_marked_in_parts_is_one():
    (nodule,) = group([cube(0, 10, 10, 20), cube(1, 10, 10, 8), cube(1, 22, 22, 8)], SPACING)
    assert nodule.readers == 2
    assert len(nodule.members) == 3


def test_one_readers_marks_are_not_grouped_with_each_other():
    assert len(group([cube(0, 10, 10), cube(0, 12, 10)], SPACING)) == 2


def test_grouping_does_not_depend_on_the_order():
    marks = [cube(0, 5, 5), cube(1, 9, 5), cube(2, 13, 5), cube(3, 40, 40)]
    as_sets = [
        {frozenset(m.mark.reader for m in n.members) for n in group(order, SPACING)} for order in (marks, marks[::-1])
    ]
    assert as_sets == [{frozenset({0, 1, 2}), frozenset({3})}] * 2


def test_ratings_are_the_readers_median():
    (nodule,) = group([cube(r, 30, 30, subtlety=s) for r, s in enumerate((3, 5, 5, 4))], SPACING)
    assert nodule.ratings["subtlety"] == 4.5


def test_a_reader_with_several_marks_counts_once_in_the_median():
    whole = [cube(0, 10, 10, 20, subtlety=5), cube(2, 10, 10, 20, subtlety=5)]
    parts = [cube(1, 10, 10, 8, subtlety=1), cube(1, 22, 22, 8, subtlety=1)]
    (nodule,) = group(whole + parts, SPACING)
    assert nodule.ratings["subtlety"] == 5


def test_readers_without_ratings_count_as_readers_only():
    unrated = outlined(Mark(1, "u", "nodule", {}, (square(30, 30, 38, 38, 4),)), GRID)
    (nodule,) = group([cube(0, 30, 30, subtlety=3), unrated], SPACING)
    assert (nodule.readers, nodule.ratings["subtlety"]) == (2, 3)


@pytest.mark.parametrize(
    ("texture", "subtlety", "readers", "expected"),
    [(3.5, 4.5, 2, True), (3.0, 5.0, 4, False), (5.0, 4.0, 4, False), (5.0, 5.0, 1, False)],
)
def test_the_papers_choice_is_strict(texture, subtlety, readers, expected):
    nodule = Nodule((), readers, {"texture": texture, "subtlety": subtlety})
    assert counts(nodule, texture_above=3, subtlety_above=4, min_readers=2) is expected


def test_a_nodule_without_ratings_does_not_count():
    assert not counts(Nodule((), 4, {}), texture_above=3, subtlety_above=4, min_readers=2)


@pytest.mark.parametrize(("agreement", "columns"), [(0.0, 7 + 6), (0.5, 7 + 2), (1.0, 1)])
def test_consensus_asks_for_a_part_of_the_readers(agreement, columns):
    # Four readers, each two columns further to the left side of the patient: 7 columns inside each.
    (nodule,) = group([cube(r, 20 + 2 * r, 20) for r in range(4)], SPACING)
    voxels, (z, _, x) = consensus(nodule, (20, 64, 64), agreement)
    assert voxels.any(axis=(0, 1)).sum() == columns
    assert (z.start, z.stop) == (3, 7)
    assert (x.start, x.stop) == (20, 20 + 6 + 9)
