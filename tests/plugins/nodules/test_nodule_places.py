"""Nodules and nodule-free places: found, kept apart, matched in size and position, and the same for everyone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radbench_nodules.places import (
    LungBox,
    Nodule,
    Place,
    case_rng,
    habitat_of,
    lung_box,
    nodule_free_places,
    nodules_of,
)

SIDE = 96
Y, X = np.mgrid[:SIDE, :SIDE]
BOX = LungBox(8, 12, 80, 72)
LUNGS = (Y >= 8) & (Y < 88) & (X >= 12) & (X < 84) & (np.abs(X - 47.5) > 6)


def disk(y, x, radius):
    return np.hypot(Y - y, X - x) <= radius


def mask_of(*nodules):
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    for nodule in nodules:
        mask |= disk(*nodule)
    return mask


def habitat(uniform=0.0, positions=((30.0, 30.0), (60.0, 66.0)), diameter=6.0):
    return habitat_of([(BOX, [Place(p, diameter) for p in positions])], 0.05, uniform)


def test_each_component_is_a_nodule_with_its_centroid_and_the_diameter_of_its_area():
    found = nodules_of(mask_of((30, 25, 5), (60, 70, 8)), 2.0)
    assert [n.centre for n in found] == [pytest.approx((30, 25)), pytest.approx((60, 70))]
    assert [n.diameter for n in found] == [pytest.approx(10, abs=0.5), pytest.approx(16, abs=0.5)]
    assert np.array_equal(found[0].mask, disk(30, 25, 5))


def test_nodules_under_the_least_diameter_do_not_count():
    assert [n.diameter > 8 for n in nodules_of(mask_of((30, 25, 1), (60, 70, 8)), 5.0)] == [True]
    assert nodules_of(mask_of(), 2.0) == []


def test_the_box_goes_round_the_lungs():
    assert lung_box(LUNGS) == BOX
    assert lung_box(np.zeros((4, 4))) is None


def test_places_lie_in_the_lungs_and_away_from_any_nodule():
    mask = mask_of((30, 30, 5), (70, 65, 1))
    rng = np.random.default_rng(0)
    places = nodule_free_places(LUNGS, mask, habitat(0.5), [8.0] * 300, 1.5, rng)
    nodules, outside = np.argwhere(disk(30, 30, 5) | disk(70, 65, 1)), np.argwhere(~LUNGS)
    for place in places:
        centre = np.array(place.centre)
        assert np.hypot(*(nodules - centre).T).min() >= 12.0
        assert np.hypot(*(outside - centre).T).min() >= 4.0
        assert place.diameter == 8.0


def test_places_go_where_nodules_are():
    places = nodule_free_places(LUNGS, mask_of(), habitat(), [6.0] * 400, 1.5, np.random.default_rng(0))
    centres = np.array([p.centre for p in places])
    near = np.minimum(np.hypot(*(centres - (30, 30)).T), np.hypot(*(centres - (60, 66)).T))
    assert np.median(near) < 6.0
    left = (centres[:, 1] < 48).mean()
    assert left == pytest.approx(0.5, abs=0.1)


def test_a_uniform_habitat_covers_the_lungs_evenly():
    places = nodule_free_places(LUNGS, mask_of(), habitat(1.0), [2.0] * 2000, 1.5, np.random.default_rng(0))
    rows = np.array([p.centre[0] for p in places])
    assert np.histogram(rows, 4, (8, 88))[0] / 2000 == pytest.approx(np.full(4, 0.25), abs=0.04)


def test_positions_and_sizes_are_told_relative_to_the_lungs():
    double = LungBox(16, 24, 160, 144)
    other = habitat_of([(double, [Place((60.5, 60.5), 12.0), Place((120.5, 132.5), 12.0)])], 0.05, 0.0)
    assert other.density == pytest.approx(habitat().density)
    assert other.sizes == pytest.approx(habitat().sizes)


def test_lungs_without_room_have_no_place():
    tight = mask_of((48, 48, 30))
    assert nodule_free_places(LUNGS, tight, habitat(0.5), [60.0], 1.5, np.random.default_rng(0)) == [None]
    empty = np.zeros_like(LUNGS)
    rng = np.random.default_rng(0)
    assert nodule_free_places(empty, mask_of(), habitat(0.5), [3.0, 3.0], 1.5, rng) == [None, None]


def test_draws_depend_on_the_seed_and_the_case_alone():
    assert case_rng(0, "a").random() == case_rng(0, "a").random()
    assert len({case_rng(seed, name).random() for seed in (0, 1) for name in ("a", "b")}) == 4


def test_a_nodule_is_a_place():
    nodule = Nodule((1.0, 2.0), 2 * math.sqrt(3 / math.pi), np.zeros((4, 4), dtype=bool))
    assert isinstance(nodule, Place)
