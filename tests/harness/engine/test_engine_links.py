"""Parts that learn, wherever they stand: their weights, seeds and patients follow them; nothing stale is scored."""

from pathlib import Path

import pytest

import radbench
from radbench.engine.plan.learning import training_of
from radbench.engine.plan.pairs import make_plan
from radbench.engine.plan.request import Request
from radbench.engine.plan.resolver import Resolver
from radbench.registry.registry import load_registry

PLUGIN = str(Path(__file__).parent / "linked_plugin.py")
TRAIN = 0.175
"""The mean grey of the train split, which is that of others, too."""


@pytest.fixture
def run():
    def go(enhancers, task="grey", dataset="", **more):
        frame = radbench.run(enhancers, task, dataset, plugins=[PLUGIN], device="cpu", debug=True, **more)
        assert (frame["status"] == "ok").all()
        frame = frame[frame["n_seeds"] < 2]
        seeds = frame["seed"].astype("Int64").fillna(-1).astype(int)
        return dict(zip(zip(frame["enhancer"], seeds, strict=True), frame["value"].round(6), strict=True)), frame

    return go


@pytest.fixture(scope="module")
def resolver():
    return Resolver(load_registry([PLUGIN]), "quick")


# trainings wherever they stand -------------------------------------------------------------------------------


def test_a_learnt_part_of_a_task_is_trained_and_used(run):
    assert run("original", "part-grey")[0] == {("original", -1): TRAIN}


def test_a_learnt_part_of_a_data_set_that_is_learnt_from_is_trained_first(run):
    values, _ = run("mean-of-made")
    assert values["mean-of-made", 0] == TRAIN


def test_scores_follow_the_precision_of_the_tasks_parts(run):
    run("original", "part-grey")
    assert run("original", "part-grey", precision="mixed")[0] == {("original", -1): TRAIN + 0.1}


def test_a_part_has_its_owners_seed_in_learning_and_in_scoring(run):
    values, _ = run("original,plus", "part-moves", seeds=(0, 1))
    assert values == {(e, s): 0.0 for e in ("original", "plus") for s in (0, 1)}


def test_lessons_that_a_learnt_part_makes_follow_its_seed_and_precision(run):
    together, _ = run("mean-of-parts", seeds=(0, 1))
    # Its own hundredth, and its part's.
    assert together["mean-of-parts", 1] == pytest.approx(TRAIN + 0.02)
    mixed, _ = run("mean-of-parts", precision="mixed")
    assert mixed["mean-of-parts", 0] == pytest.approx(TRAIN + 0.2)


def test_one_learner_beside_and_below_a_data_set_has_two_seeds(run):
    values, _ = run("banked", "grey", "others", seeds=(0, 1), allow_leakage=True)
    assert values["banked", 0] == 0.0
    assert values["banked", 1] == pytest.approx(0.01)


def test_lessons_may_have_passed_an_enhancer_that_no_field_names(run):
    assert run("mean-through")[0]["mean-through", 0] == pytest.approx(TRAIN + 0.1)


def test_what_affects_use_alone_shares_the_weights(resolver):
    ways = [resolver.part("enhancer", f"mean-then[then={p}]") for p in ("plus", "'plus[amount=0.3]'")]
    assert len({p.identity for p in ways}) == 2
    assert len({training_of(p, 0, "float32").key for p in ways}) == 1


# patients ----------------------------------------------------------------------------------------------------


def reasons(enhancer, task, dataset):
    plan = make_plan(load_registry([PLUGIN]), Request((enhancer,), (task,), dataset, plugin_files=(PLUGIN,)))
    return [p.reason for p in plan.pairs if p.enhancer.name != "original" or task.startswith("part")]


@pytest.mark.parametrize(
    ("enhancer", "task", "dataset"),
    [
        ("mean", "grey", "greys[fold=1]"),
        ("mean[trained_on=greys[fold=2]]", "grey", "greys"),
        ("mean[trained_on=pairs-of]", "grey", "greys[fold=1]"),
        ("mean-of-made[trained_on=made[of=others]]", "grey", "greys[fold=1]"),
        ("original", "part-grey[net=mean]", "greys[fold=1]"),
        ("mean[trained_on=files[root=ROOT,fold=1]]", "grey", "files[root=ROOT]"),
        ("mean[trained_on=files[root=COPY,fold=1]]", "grey", "files[root=ROOT]"),
    ],
)
def test_whoever_learnt_from_the_patients_that_are_scored_is_refused(tmp_path, enhancer, task, dataset):
    for name in ("root", "copy"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "case.bin").write_bytes(b"grey")
    enhancer, dataset = (
        text.replace("ROOT", f"'{tmp_path}/root'").replace("COPY", f"'{tmp_path}/copy'") for text in (enhancer, dataset)
    )
    assert all("learnt from" in reason for reason in reasons(enhancer, task, dataset))


@pytest.mark.parametrize(
    ("enhancer", "dataset"), [("mean", "greys"), ("mean", "others[fold=1]"), ("mean-of-made", "others")]
)
def test_who_did_not_is_not(enhancer, dataset):
    assert reasons(enhancer, "grey", dataset) == [""]


# failures ----------------------------------------------------------------------------------------------------


def test_a_case_that_one_data_set_cannot_load_is_no_failure_of_another(run):
    frame = radbench.run("plus", "grey", "fragile,greys", plugins=[PLUGIN], device="cpu", debug=True)
    assert frame.groupby("dataset")["n_cases"].unique().map(list).to_dict() == {"fragile": [1], "greys": [2]}


@pytest.mark.parametrize("forgiving", ["flaky-mean", "mean-of-flaky"])
def test_what_was_built_on_weights_that_lacked_something_is_made_anew_in_every_run(tmp_path, forgiving):
    """Two runs in two folders share an enhancer; the one that is not told to forgive must not keep what it was."""
    obstacle = tmp_path / "obstacle"
    obstacle.touch()

    def go(name, **more):
        label, out = f"{name}[obstacle='{obstacle}']", tmp_path / name
        frame = radbench.run(label, "grey", plugins=[PLUGIN], device="cpu", debug=True, out=out, **more)
        (row,) = frame[frame["enhancer"] != "original"].to_dict("records")
        return round(row["value"], 6), "an obstacle" in str(row["error"])

    # Without c1 only c4 is learnt from.
    assert [go("flaky-mean"), go("mean-of-flaky")] == [(0.25, True), (0.25, True)]
    obstacle.unlink()
    assert go(forgiving, retry_failed=True) == (TRAIN, False)
    assert [go("flaky-mean"), go("mean-of-flaky")] == [(TRAIN, False), (TRAIN, False)]


def test_a_lesson_that_failed_in_another_folders_run_is_tried_again(tmp_path):
    obstacle = tmp_path / "obstacle"
    obstacle.touch()
    label = f"flaky-mean[obstacle='{obstacle}']"

    def go(out):
        options = {"plugins": [PLUGIN], "device": "cpu", "debug": True, "out": tmp_path / out}
        return radbench.run(label, "grey", overrides={"enhancer": {"every": True}}, **options).set_index("enhancer")

    assert go("first")["status"].iloc[1] == "error"
    obstacle.unlink()
    assert go("first")["status"].iloc[1] == "error"  # remembered here
    again = go("second")
    assert again["status"].iloc[1] == "ok"
    assert again["value"].iloc[1] == pytest.approx(TRAIN)


# labels and identity -----------------------------------------------------------------------------------------


def test_two_folders_of_one_content_are_two_configurations(resolver, tmp_path):
    one, other = (resolver.part("enhancer", f"two-folders[{name}='{tmp_path}']") for name in "ab")
    assert one.identity != other.identity


def test_a_default_that_is_written_out_changes_no_label(resolver):
    plain = resolver.part("enhancer", "follows")
    for typed in ("follows[of=plus]", "follows[of='plus[amount=0.1]',amount=0.1]"):
        again = resolver.part("enhancer", typed)
        assert (again.label, again.identity) == (plain.label, plain.identity)
    assert resolver.part("enhancer", "follows[of='plus[amount=0.3]']").label == "follows[of=plus[amount=0.3]]"


@pytest.mark.parametrize(
    "typed", ["phantom-cxr[look=bedside,grid=[128,128,128]]", "phantom-cxr[look=bedside]", "phantom-cxr[look=mixed]"]
)
def test_a_label_gives_its_configuration_back(resolver, typed):
    part = resolver.part("dataset", typed)
    again = resolver.part("dataset", part.label)
    assert (again.config, again.identity, again.label) == (part.config, part.identity, part.label)


def test_whole_numbers_stand_in_labels_without_a_point(resolver):
    assert resolver.part("dataset", "phantom-cxr[split=[0.0,0,1]]").label == "phantom-cxr[split=[0,0,1]]"
