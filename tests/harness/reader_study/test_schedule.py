"""What is drawn for readers: cases, orders, places, repeats."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.contracts.errors import UsageError
from radbench.reader_study.schedule import LEAST_APART, choose_cases, trials_of, usual_repeats

CASES = {f"c{k}": [f"i{k}{e}" for e in "abc"] for k in range(24)}


@pytest.mark.parametrize("design", ["ranking", "rating", "preference", "detection"])
def test_the_same_seed_gives_the_same_and_another_seed_or_reader_another(design):
    def order(seed, reader):
        return [(t.token, t.images) for t in trials_of(design, CASES, 3, seed, reader)]

    assert order("s", 1) == order("s", 1)
    assert order("s", 1) != order("t", 1)
    assert [images for _, images in order("s", 1)] != [images for _, images in order("s", 2)]


@pytest.mark.parametrize(("design", "trials", "each"), [("ranking", 24, 3), ("rating", 72, 1), ("preference", 72, 2)])
def test_every_image_comes_as_often_as_the_design_says(design, trials, each):
    found = trials_of(design, CASES, 0, "s", 1)
    assert len(found) == trials
    assert {len(t.images) for t in found} == {each}
    often = Counter(image for t in found for image in t.images)
    assert set(often.values()) == {2 if design == "preference" else 1}
    assert set(often) == {image for images in CASES.values() for image in images}


def test_places_are_drawn_evenly():
    """Each of three images at each of three places, 600 times in all: chi-squared below its 99.9 % point."""
    at = Counter(
        (t.images.index(image), image[-1])
        for seed in range(25)
        for t in trials_of("ranking", CASES, 0, str(seed), 1)
        for image in t.images
    )
    assert sum((n - 200) ** 2 / 200 for n in at.values()) < 18.5
    assert len(at) == 9


def test_a_case_is_seen_once_in_each_part_and_every_part_has_each_enhancer_equally_often():
    found = trials_of("rating", CASES, 0, "s", 1)
    for part in range(3):
        mine = [t for t in found if t.part == part]
        assert sorted(t.case for t in mine) == sorted(CASES)
        assert set(Counter(t.images[0][-1] for t in mine).values()) == {8}
    assert [t.part for t in found] == sorted(t.part for t in found)


@given(repeats=st.integers(0, 24), seed=st.text(max_size=5))
@settings(max_examples=60, deadline=None)
def test_repeats_show_what_was_shown_well_apart(repeats, seed):
    found = trials_of("ranking", CASES, repeats, seed, 1)
    place = {t.token: k for k, t in enumerate(found)}
    again = [t for t in found if t.repeats]
    assert len(again) == repeats == len({t.repeats for t in again})
    for t in again:
        first = found[place[t.repeats]]
        assert not first.repeats
        assert (t.case, sorted(t.images)) == (first.case, sorted(first.images))
        assert place[t.token] > place[first.token]
    early = [t for t in again if place[t.repeats] + LEAST_APART < len(CASES) // 2]
    assert all(place[t.token] - place[t.repeats] > LEAST_APART for t in early)


def test_a_repeat_is_in_the_part_that_it_comes_in():
    found = trials_of("detection", CASES, 8, "s", 2)
    assert [t.part for t in found] == sorted(t.part for t in found)


def test_pairs_of_one_case_do_not_follow_on_one_another():
    found = trials_of("preference", CASES, 0, "s", 1)
    # The last few may have nothing else between them.
    assert all(a.case != b.case for a, b in pairwise(found[:-6]))


def test_more_repeats_than_trials_are_refused():
    with pytest.raises(UsageError, match="--repeats 25: there are 24 trials"):
        trials_of("ranking", CASES, 25, "s", 1)


def test_cases_are_of_different_patients_as_far_as_there_are():
    patients = {f"{p}-{k}": p for p in "abcdef" for k in range(4)}
    chosen = choose_cases(patients, 8, "s")
    assert len(set(chosen)) == 8
    assert {patients[c] for c in chosen[:6]} == set("abcdef")


def test_of_a_detection_half_the_cases_have_the_finding():
    patients = {str(k): str(k) for k in range(40)}
    positive = {c: int(c) % 4 == 0 for c in patients}
    chosen = choose_cases(patients, 11, "s", positive)
    assert sum(positive[c] for c in chosen) == 6
    # Mixed: the finding does not come first.
    assert {positive[c] for c in chosen[:6]} == {True, False}


@pytest.mark.parametrize(("count", "words"), [(41, "has images of 40"), (0, "must be 1 or more")])
def test_cases_that_are_not_there_are_refused(count, words):
    with pytest.raises(UsageError, match=words):
        choose_cases({str(k): str(k) for k in range(40)}, count, "s")


def test_too_few_cases_with_the_finding_are_refused():
    with pytest.raises(UsageError, match="takes 6 cases with the finding, and the run has 2: ask for at most 4"):
        choose_cases({str(k): str(k) for k in range(40)}, 12, "s", {str(k): k < 2 for k in range(40)})


@pytest.mark.parametrize(("trials", "repeats"), [(1, 1), (12, 2), (71, 7), (284, 28)])
def test_a_tenth_is_shown_again_and_two_at_least(trials, repeats):
    assert usual_repeats(trials) == repeats
