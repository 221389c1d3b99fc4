"""Session: what is computed and what is not, and that nothing but the request decides a score."""

import sys

import pytest

from radbench.engine.keep.sealed import read_sealed

from .session_runs import ALL, go_fixture  # noqa: F401

# what is done and what is not --------------------------------------------------------------------------------


def test_a_second_identical_run_recomputes_nothing_and_says_so(go):
    first, second = go(*ALL), go(*ALL)
    assert first.outcome.reused == 0
    assert first.outcome.computed == sum(s.size for s in first.steps)
    assert (second.outcome.computed, second.outcome.reused, second.steps) == (0, first.outcome.computed, [])
    assert second.rows == first.rows


def test_another_folder_recomputes_nothing_either(go):
    first, second = go(*ALL), go(*ALL, out="elsewhere")
    assert second.outcome.computed == 0
    assert second.rows == first.rows


def test_what_an_enhancer_remarks_on_images_is_told_counted_and_kept_and_is_no_failure(go):
    run = go("toy-wary", "toy-mean")
    label = "enhance with toy-wary"
    first, last = [note for note in run.notes.notes if "remark" in note]
    assert first in [f"{label}: case 'test{i}': a remark on 1 image" for i in range(6)]
    assert last == f"{label}: remarks on 6 images in all; they stand in the journal"
    events = [*run.folder.events("warning")]
    assert {event["message"] for event in events} == {"a remark on 1 image"}
    assert sorted(event["case"] for event in events) == [f"test{i}" for i in range(6)]
    assert not run.incomplete
    assert len(run.scores["toy-wary toy-mean"]) == 6


def test_progress_ends_exactly_at_its_total(go):
    for run in (go(*ALL), go(*ALL), go("toy-raises,toy-picky,toy-learner[fail=true]", ALL[1], out="bad")):
        assert run.notes.done == run.notes.total


def test_changing_one_field_recomputes_only_that_enhancer(go):
    tasks = "toy-mean,toy-auroc"
    first = go("toy-brighten,toy-noisy", tasks)
    second = go("toy-brighten[amount=0.3],toy-noisy", tasks)
    assert {s.label for s in second.steps} == {
        f"{what} toy-brighten[amount=0.3]" for what in ("enhance with", "toy-mean of", "toy-auroc of")
    }
    assert second.outcome.computed == 6 + 6 + 6
    assert second.outcome.computed + second.outcome.reused == first.outcome.computed


def test_changing_a_task_field_reuses_the_enhancements(go):
    go("toy-brighten", "toy-mean")
    second = go("toy-brighten", "toy-mean[scale=2]")
    assert {s.kind for s in second.steps} == {"score"}


def test_adding_an_enhancer_recomputes_no_other(go):
    go("toy-brighten", "toy-mean")
    second = go("toy-brighten,toy-noisy", "toy-mean")
    assert all("toy-noisy" in s.label for s in second.steps)


def test_a_limit_is_grown_without_doing_the_first_cases_again(go):
    go("toy-brighten", "toy-mean", limit=4)
    whole = go("toy-brighten", "toy-mean")
    assert {e.case_id for s in whole.steps for e in s.entries} == {"test4", "test5"}
    assert len(whole.scores["toy-brighten toy-mean"]) == 6


def layers_kept(run):
    """Return by image file the names of the layers in it."""
    return [set(read_sealed(f)[0]) - {"image"} for f in run.store.root.rglob("*.image")]


def test_only_the_layers_that_a_task_looks_at_are_kept_and_more_are_made_when_they_are_wanted(go):
    first = go("toy-layered", "toy-mean")
    assert layers_kept(first) == [set()] * 12
    second = go("toy-layered", "toy-denoised", out="second")
    assert {s.label for s in second.steps if s.kind == "enhance"} == {"enhance with toy-layered"}
    assert sorted(map(len, layers_kept(second))) == [0] * 6 + [1] * 6  # the baseline has no layer
    third = go("toy-layered", "toy-mean,toy-denoised", out="third")
    assert third.outcome.computed == 0
    assert third.scores["toy-layered toy-denoised"] == second.scores["toy-layered toy-denoised"]


def test_both_tasks_of_a_run_share_one_enhancement_with_the_layers_of_both(go):
    run = go("toy-layered", "toy-mean,toy-denoised")
    assert sum(len(s.entries) for s in run.steps if s.label == "enhance with toy-layered") == 6
    assert len(list(run.store.root.rglob("*.image"))) == 12


def test_weights_are_fitted_once_and_reused(go):
    first = go("toy-learner", "toy-mean")
    second = go("toy-learner", "toy-mean", limit=3, out="elsewhere")
    third = go("toy-learner", "toy-mean[scale=2]", dataset="toy[size=9]", out="third")
    assert [s.kind for s in first.steps].count("fit") == 1
    assert second.outcome.computed == 0
    assert "fit" not in {s.kind for s in third.steps}


# nothing but the request decides a score ---------------------------------------------------------------------


@pytest.mark.parametrize("change", [{"jobs": 1}, {"jobs": 7}, {"shuffled": 1}, {"shuffled": 2, "jobs": 3}])
def test_neither_order_nor_jobs_change_a_bit_of_a_score(go, change):
    assert go(*ALL, out="other", cache="other", **change).scores == go(*ALL).scores


def test_neither_company_nor_a_limit_changes_a_bit_of_a_score(go):
    alone = go("toy-noisy", "toy-odd", limit=2, cache="other", out="other").scores["toy-noisy toy-odd"]
    assert alone.items() <= go(*ALL).scores["toy-noisy toy-odd"].items()


def test_a_lost_worker_changes_no_bit_of_a_score(go):
    struck = set()

    def once(step, case):
        key = step.key
        if case != "test3" or key in struck:
            return False
        return not struck.add(key)

    run = go(*ALL, out="other", cache="other", dies=once)
    assert run.losses == len(struck) > 8
    assert run.scores == go(*ALL).scores


def test_a_batch_changes_no_bit_of_a_score(go):
    run = go("toy-batched[fails_at=9],toy-picky[fails_at=9]", "toy-mean,toy-odd")
    assert run.scores["toy-batched[fails_at=9] toy-mean"] == run.scores["toy-picky[fails_at=9] toy-mean"]


def test_seeds_are_independent_draws(go):
    run = go("toy-noisy", "toy-mean", seeds=(0, 1))
    zero = go("toy-noisy", "toy-mean", out="zero", cache="zero").scores["toy-noisy toy-mean"]
    one = go("toy-noisy", "toy-mean", seeds=(1,), out="one", cache="one").scores["toy-noisy toy-mean"]
    assert not set(zero.values()) & set(one.values())
    assert run.scores["toy-noisy toy-mean"] == one  # the last of the two; both have a file of their own
    assert len(list((run.folder.root / "cases").iterdir())) == 3  # the original has no seed: it is scored once


def test_the_seed_of_a_training_does_not_move_what_a_measurement_draws(go):
    zero, one = go("original", "toy-odd"), go("original", "toy-odd", seeds=(7,), out="seven")
    assert one.outcome.computed == 0
    assert one.scores == zero.scores


def test_a_task_that_trains_as_the_method_does_moves_with_the_seed_and_one_that_measures_does_not(go):
    zero, one = (go("original", "toy-whole", seeds=(s,), out=f"{s}").scores["original toy-whole"] for s in (0, 1))
    assert zero != one
    zero, one = (go("original", "toy-steady", seeds=(s,), out=f"{s}s").scores["original toy-steady"] for s in (0, 1))
    assert zero == one


def test_a_task_learns_once_for_each_enhancer_and_its_lessons_serve_all_seeds(go):
    first = go("toy-brighten", "toy-whole", seeds=(0, 1))
    kinds = [s.kind for s in first.steps]
    assert kinds.count("fit") == 4  # two enhancers, two seeds
    lessons = {s.key for s in first.steps if s.kind == "lesson"}
    assert len(lessons) == kinds.count("lesson") == 4  # of train and validation, for two enhancers
    assert go("toy-brighten", "toy-whole[scale=2]", seeds=(0, 1)).outcome.computed == 4 * 6  # scores alone


def test_a_third_run_of_a_task_that_learns_computes_nothing(go):
    first = go(*ALL)
    assert go(*ALL).outcome.computed == go(*ALL, out="third").outcome.computed == 0
    assert first.outcome.computed > 0


def test_a_task_that_writes_into_its_case_spoils_no_other(go):
    mutating = "toy-odd[how=mutate]"
    both = go("toy-brighten,toy-noisy", f"{mutating},toy-mean")
    assert both.scores["original toy-odd[how=mutate]"] == both.scores["toy-noisy toy-odd[how=mutate]"]
    apart = go("toy-brighten,toy-noisy", "toy-mean", out="apart", cache="apart")
    assert both.scores["toy-brighten toy-mean"] == apart.scores["toy-brighten toy-mean"]


GRAINY = """
import torch
from radbench import EnhancerSpec, PartName, hookimpl, part

@hookimpl
def radbench_enhancers():
    return [
        EnhancerSpec(name="grainy", factory="grainy_plugin:grainy", summary="", draws=True, batch_size=4),
        EnhancerSpec(name="over", factory="grainy_plugin:over", summary="", batch_size=4),
    ]

def grainy(images):
    return (images + torch.rand_like(images) * 0.1).clamp(0, 1)

def over(images, of: PartName = part("enhancer", "grainy")):
    return of(images).image
"""


@pytest.mark.parametrize("enhancer", ["grainy", "over"])
def test_what_draws_draws_for_each_case_alone_however_work_is_shared_out(go, tmp_path, enhancer):
    plugin = tmp_path / "grainy_plugin.py"
    plugin.write_text(GRAINY)
    few, many = (
        go(enhancer, "toy-mean", plugins=[plugin], jobs=jobs, out=f"{jobs}", cache=f"{jobs}") for jobs in (1, 6)
    )
    assert len(few.steps) < len(many.steps)
    assert few.scores[f"{enhancer} toy-mean"] == many.scores[f"{enhancer} toy-mean"]
    sys.modules.pop("grainy_plugin")
