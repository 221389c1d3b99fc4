"""Steps: what pairs need is done once, in order, and nothing that is known is done again."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radbench.engine.plan import entry_key, make_plan
from radbench.engine.request import Request
from radbench.engine.steps import Known, break_into_steps
from radbench.registry.registry import load_registry


@pytest.fixture(scope="module")
def pairs(toy_plugin):
    request = Request(("toy-brighten,toy-learner",), ("toy-mean,toy-mean[scale=2],toy-auroc,toy-whole",))
    return list(make_plan(load_registry([toy_plugin]), request).pairs)


def work(steps):
    """Return every (kind, key, case) that the steps do, with how often."""
    done = Counter()
    for s in steps:
        key = {"fit": s.fit_key, "enhance": s.enhance_key}.get(s.kind, s.score_key)
        done.update((s.kind, key, e.case_id) for entries in s.entries.values() for e in entries)
    return done


def test_one_enhancement_serves_all_tasks(pairs):
    done = work(break_into_steps(pairs, Known(), 2))
    assert set(done.values()) == {1}
    enhanced = Counter(key for kind, key, _ in done if kind == "enhance")
    assert sorted(enhanced.values()) == [12, 12, 12]  # train and test of three enhancers, for four tasks


def test_training_comes_once_and_first(pairs):
    steps = break_into_steps(pairs, Known(), 2)
    (fit,) = [s for s in steps if s.kind == "fit"]
    learners = [s for s in steps if s.kind == "enhance" and s.fit_key]
    assert learners
    assert all(fit.number in s.waits_for for s in learners)


def test_a_step_waits_only_for_earlier_ones_that_make_what_it_needs(pairs):
    steps = break_into_steps(pairs, Known(), 2)
    assert [s.number for s in steps] == list(range(len(steps)))
    for s in steps:
        assert all(before < s.number for before in s.waits_for)
        if s.kind.startswith("score"):
            ready = {e for n in s.waits_for for es in steps[n].entries.values() for e in es}
            assert ready >= {e for es in s.entries.values() for e in es}
            assert all(steps[n].enhance_key == s.enhance_key for n in s.waits_for)


@given(chunk=st.integers(1, 9))
def test_the_chunk_size_changes_no_work(pairs, chunk):
    assert work(break_into_steps(pairs, Known(), chunk)) == work(break_into_steps(pairs, Known(), 3))


def test_what_is_scored_is_not_done_again(pairs):
    per_case = {(p.score_key, entry_key(e)) for p in pairs if p.task.per_case for e in p.entries}
    whole = {(p.score_key, "") for p in pairs if not p.task.per_case}
    assert break_into_steps(pairs, Known(scored=per_case | whole), 2) == []


def test_what_is_enhanced_is_only_scored(pairs):
    known = Known(
        enhanced={(p.enhance_key, entry_key(e)) for p in pairs for es in p.dataset.entries.values() for e in es}
    )
    assert {s.kind for s in break_into_steps(pairs, known, 2)} == {"score", "score-all"}


def test_a_known_failure_is_taken_out_wherever_it_counts(pairs):
    pair = pairs[0]
    entry = pair.entries[2]
    for key in ("", pair.enhance_key):
        steps = break_into_steps(pairs, Known(failed={(key, entry_key(entry))}), 2)
        mine = [s for s in steps if s.enhance_key == pair.enhance_key]
        assert mine
        assert all(entry not in es for s in mine for es in s.entries.values())
