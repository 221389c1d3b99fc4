"""Steps: what pairs need is done once, in order, and nothing that is known is done again."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radbench.engine.plan.keys import entry_key
from radbench.engine.plan.pairs import make_plan
from radbench.engine.plan.request import Request
from radbench.engine.plan.steps import Known, break_into_steps
from radbench.registry.registry import load_registry


@pytest.fixture(scope="module")
def pairs(toy_plugin):
    request = Request(("toy-brighten,toy-learner",), ("toy-mean,toy-mean[scale=2],toy-auroc,toy-whole",))
    return list(make_plan(load_registry([toy_plugin]), request).pairs)


def work(steps):
    """Return every (kind, key, case) that the steps do, with how often."""
    done = Counter()
    for s in steps:
        done.update((s.kind, s.key, e.case_id) for e in s.entries)
    return done


def test_one_enhancement_serves_all_tasks(pairs):
    done = work(break_into_steps(pairs, Known(), 2))
    assert set(done.values()) == {1}
    enhanced = Counter(key for kind, key, _ in done if kind == "enhance")
    assert sorted(enhanced.values()) == [18, 18, 18]  # all splits of three enhancers, for four tasks


def test_training_comes_once_for_each_learner_and_before_whoever_needs_it(pairs):
    steps = break_into_steps(pairs, Known(), 2)
    fits = {s.key: s.number for s in steps if s.kind == "fit"}
    assert len(fits) == 1 + 3  # the enhancer, and the task for each enhancer
    for s in steps:
        if s.kind in ("enhance", "score"):
            wanted = {fits[key] for live in (s.enhancer, s.learner) if live for key in live.weights.values()}
            assert wanted <= _all_before(steps, s.number)


def _all_before(steps, number):
    found, todo = set(), [number]
    while todo:
        for before in steps[todo.pop()].waits_for - found:
            found.add(before)
            todo.append(before)
    return found


def test_a_step_waits_only_for_earlier_ones_and_a_score_for_all_of_its_images(pairs):
    steps = break_into_steps(pairs, Known(), 2)
    assert [s.number for s in steps] == list(range(len(steps)))
    for s in steps:
        assert all(before < s.number for before in s.waits_for)
        if s.kind == "score":
            ready = {e for n in s.waits_for if steps[n].key == s.images for e in steps[n].entries}
            assert ready >= set(s.entries)


def test_a_lesson_waits_for_the_images_that_it_shows(pairs):
    steps = break_into_steps(pairs, Known(), 2)
    through = [s for s in steps if s.kind == "lesson" and s.enhancer]
    assert through
    for s in through:
        assert {e for n in s.waits_for if steps[n].key == s.images for e in steps[n].entries} == set(s.entries)


@given(chunk=st.integers(1, 9))
def test_the_chunk_size_changes_no_work(pairs, chunk):
    assert work(break_into_steps(pairs, Known(), chunk)) == work(break_into_steps(pairs, Known(), 3))


def test_what_is_scored_is_not_done_again(pairs):
    assert break_into_steps(pairs, Known(scored=lambda key, entry: True), 2) == []


def test_what_is_enhanced_and_learnt_is_only_scored(pairs):
    known = Known(enhanced=lambda key, entry, layers: True, fitted=lambda key: True)
    assert {s.kind for s in break_into_steps(pairs, known, 2)} == {"score"}


def test_what_has_its_weights_needs_no_lessons(pairs):
    assert not {"lesson", "fit"} & {s.kind for s in break_into_steps(pairs, Known(fitted=lambda key: True), 2)}


def test_a_known_failure_is_taken_out_wherever_it_counts(pairs):
    pair = pairs[0]
    entry = pair.entries[2]
    for key in ("", pair.enhance_key):
        at = (key, entry_key(entry))
        known = Known(failed=lambda k, e, at=at: ("error", "why") if (k, e) == at else None)
        mine = [s for s in break_into_steps(pairs, known, 2) if pair.enhance_key in (s.key, s.images)]
        assert mine
        assert all(entry not in s.entries for s in mine)


def test_a_case_that_is_known_to_fail_is_told_to_the_lessons_and_stays_part_of_their_key(pairs):
    source = pairs[0].dataset.opened.split("train")
    at = ("", entry_key(source[1]))
    known = Known(failed=lambda k, e: ("error", "cut short") if (k, e) == at else None)
    before = {s.key for s in break_into_steps(pairs, Known(), 2) if s.kind == "lesson"}
    lessons = [s for s in break_into_steps(pairs, known, 2) if s.kind == "lesson"]
    assert {s.key for s in lessons} == before
    assert {why for s in lessons for why in s.skipped.values()} == {("error", "cut short")}
