"""Training: what is not trained yet is trained first, once, under everybody's key, and exactly after a kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import filelock
import pytest
import torch
from safetensors.torch import load_file

from radbench.contracts import UsageError
from radbench.engine.executors.local import LocalExecutor
from radbench.engine.journal import RunFolder
from radbench.engine.plan import make_plan
from radbench.engine.ready import Ready
from radbench.engine.request import Request
from radbench.engine.session import Session
from radbench.engine.steps import Step
from radbench.engine.store import Store
from radbench.engine.training import plan_trainings, read_curve
from radbench.engine.worker import WorkerSetup
from radbench.leaderboard.view import journal_run, write_leaderboard
from radbench.registry.registry import load_registry

from .session_runs import Deaf, Inline, Notes, WorkerDied

PLUGIN = Path(__file__).with_name("learning_plugin.py")


class DiesOnce(Inline):
    """Loses its worker at the first event of a name."""

    def __init__(self, at, *args):
        super().__init__(*args)
        self.at = at

    def tell(self, event, **facts):
        if event == self.at and not self.losses:
            raise WorkerDied({})
        super().tell(event, **facts)


class Told(Notes):
    def __init__(self):
        super().__init__()
        self.steps = []

    def within(self, done, total, text):
        self.steps.append((done, total, text))


def planned(*enhancers, **more):
    return plan_trainings(load_registry([PLUGIN]), Request(enhancers, (), plugin_files=(str(PLUGIN),), **more))


@pytest.fixture
def train(tmp_path):
    """Return a function that trains in this process."""

    def run(enhancers, cache="cache", executor=Inline, seeds=(0,)):
        plan, folder = planned(enhancers, seeds=seeds), RunFolder(tmp_path / "t")
        store, told = Store(tmp_path / cache), Told()
        folder.open()
        try:
            session = Session(plan, folder, store, told, Deaf(), retry_failed=True)
            session.prepare(1)
            session.announce()
            session.run(executor([PLUGIN], store))
        finally:
            folder.close()
        return SimpleNamespace(trained=session.trained(), told=told, folder=folder, store=store, session=session)

    return run


@pytest.fixture
def score(tmp_path, toy_plugin):
    """Return a function that scores an enhancer in this process."""

    def run(enhancers, cache="cache"):
        files = [PLUGIN, toy_plugin]
        request = Request((enhancers,), ("toy-mean",), "ramps", plugin_files=tuple(map(str, files)))
        plan = make_plan(load_registry(files), request)
        folder, store, told = RunFolder(tmp_path / "run"), Store(tmp_path / cache), Told()
        folder.open()
        try:
            journal_run(folder, plan, "")
            session = Session(plan, folder, store, told, Deaf())
            steps = session.prepare(1)
            session.announce()
            session.run(Inline(files, store))
            frame = write_leaderboard(folder)
        finally:
            folder.close()
        return SimpleNamespace(steps=steps, told=told, frame=frame, plan=plan)

    return run


def weights_of(result):
    return load_file(result.trained[0].folder / "weights.safetensors")


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)


# where weights lie ---------------------------------------------------------------------------------------------


def test_a_run_uses_the_weights_that_were_trained_for_it(train, score):
    trained = train("pupil")
    scored = score("pupil")
    assert "fit" not in {s.kind for s in scored.steps}
    assert not [n for n in scored.told.notes if "not trained" in n]
    (pair,) = [p for p in scored.plan.pairs if p.enhancer.trained_on]
    assert pair.enhancer.fit_key(0, "float32") == trained.trained[0].training.key


def test_setting_what_to_learn_from_is_the_variant_that_names_it():
    (one,) = planned("pupil", overrides={"enhancer": {"trained_on": "ramps[train=3]"}}).trainings
    (two,) = planned("pupil[trained_on=ramps[train=3]]").trainings
    (other,) = planned("pupil").trainings
    assert one.key == two.key != other.key
    assert one.lesson == "ramps[train=3] (3 + 2 cases)"


def test_variants_that_differ_in_what_learning_does_not_depend_on_share_one_training(train, score):
    plan = planned("pupil,pupil[weight=0.5],pupil[epochs=3]")
    assert [t.name for t in plan.trainings] == ["pupil", "pupil[epochs=3]"]
    train("pupil[weight=0.25]")
    scored = score("pupil,pupil[weight=0.5]")
    assert "fit" not in {s.kind for s in scored.steps}
    values = dict(zip(scored.frame.enhancer, scored.frame.value, strict=True))
    assert values["pupil[weight=0.5]"] == pytest.approx(values["pupil"] / 2, rel=1e-5)


def test_what_is_trained_already_is_left_as_it_is_and_told_with_its_figures(train):
    first, second = train("pupil").trained[0], train("pupil").trained[0]
    assert (first.fresh, second.fresh) == (True, False)
    assert first.facts == second.facts
    assert second.facts["fit_seconds"] > 0
    assert second.facts["cases"] == {"train": 4, "validation": 2}
    assert second.facts["threads"] == 1
    assert second.facts["parameters"] == sum(
        v.numel() for v in load_file(first.folder / "weights.safetensors").values()
    )


def test_the_curve_stays_beside_the_weights_and_the_checkpoints_go(train):
    one = train("pupil[epochs=3]").trained[0]
    assert {f.name for f in one.folder.iterdir()} == {"weights.safetensors", "facts.json", "pupil.curve.csv", ".lock"}
    (curve,) = one.curves
    rows = [line.split(",") for line in curve.file.read_text().splitlines()[1:]]
    scores = [float(row[3]) for row in rows]
    assert (curve.epochs, curve.best, curve.best_epoch) == (3, min(scores), scores.index(min(scores)) + 1)


def test_a_table_that_is_no_curve_is_not_taken_for_one(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    assert read_curve(tmp_path / "a.csv") is None


def test_a_curve_without_validation_is_judged_by_its_training_loss(tmp_path):
    (tmp_path / "a.csv").write_text("epoch,train_loss,validation_score\n1,0.5,nan\n2,0.25,nan\n3,0.75,nan\n")
    curve = read_curve(tmp_path / "a.csv")
    assert (curve.best, curve.best_epoch, curve.epochs) == (0.25, 2, 3)


def test_the_leaderboard_has_what_the_training_took_and_what_was_pretrained(score):
    frame = score("pupil").frame.set_index("enhancer")
    assert frame.loc["pupil", "fit_seconds"] > 0
    assert frame.loc["pupil", "parameters"] > 0
    assert frame.loc["pupil", "pretrained"] == "a good school"
    assert not frame["pretrained"].fillna("")["original"]


# what is said --------------------------------------------------------------------------------------------------


def test_a_run_says_first_what_it_has_to_train_and_then_how_long_it_takes(score):
    notes = score("pupil,dunce").told.notes
    assert notes[0] == "pupil is not trained yet: learning from ramps (4 + 2 cases) comes first"
    assert notes[1].startswith("pupil: training takes about 1 min 30 s on this machine (cpu: ")
    assert len(notes) == 2


def test_seeds_are_told_apart(train):
    notes = train("pupil[estimating=raises]", seeds=(0, 3)).told.notes
    assert [n.partition(" is not")[0] for n in notes[:2]] == [f"pupil[estimating=raises]{s}" for s in ("", " (seed 3)")]


def test_progress_is_told_by_the_training_s_own_count(train):
    steps = train("pupil").told.steps
    assert steps[-1][:2] == (4, 4)  # two epochs of two batches
    assert "pupil: epoch 2/2" in steps[-1][2]


def test_an_estimate_changes_no_bit_of_the_weights(train):
    one = train("pupil", cache="a")
    # A training whose worker was lost in the estimate does without.
    two = train("pupil", cache="b", executor=lambda *a: DiesOnce("estimate", *a))
    assert same(weights_of(one), weights_of(two))
    assert len([n for n in two.told.notes if "trying once more" in n]) == 1
    assert not [n for n in two.told.notes if "training takes about" in n]


def test_an_estimate_that_fails_is_told_and_the_training_goes_on(train):
    result = train("pupil[estimating=raises]")
    assert result.trained[0].status == "ok"
    (note,) = [n for n in result.told.notes if "cannot be told" in n]
    assert "no clock" in note


def test_a_warning_of_the_training_is_said_aloud_once(train):
    notes = train("pupil[fails=warns]").told.notes
    assert [n for n in notes if "random" in n] == ["train pupil[fails=warns] on ramps: these features are random"]


# failures ------------------------------------------------------------------------------------------------------


def test_a_training_that_fails_is_typed_with_its_traceback_and_stops_no_other(train):
    result = train("pupil[fails=raises],pupil")
    bad, good = result.trained
    assert (bad.status, good.status) == ("error", "ok")
    assert "no convergence" in bad.error
    (event,) = result.folder.events("broken")
    assert "Traceback" in event["traceback"]
    assert "in fit" in event["traceback"]


def test_a_training_that_failed_is_tried_again_when_asked_for_again(train):
    train("pupil[fails=raises]")
    assert train("pupil[fails=raises]").trained[0].fresh


def test_facts_that_are_none_are_refused(train):
    (one,) = train("pupil[fails=facts]").trained
    assert "its facts() must give values by name" in one.error


@pytest.mark.parametrize(
    ("enhancers", "words"),
    [
        ("dunce", "'dunce' does not train: it works as it is; those that train: .*pupil"),
        ("pupil,dunce", "'dunce' does not train"),
        ("pupil[trained_on=ramps[train=0]]", r"learns from 'ramps\[train=0\]', which has no split 'train'"),
        ("pupill", "did you mean 'pupil'"),
    ],
)
def test_what_cannot_be_trained_is_wrong_usage(enhancers, words):
    with pytest.raises(UsageError, match=words):
        planned(enhancers)


def test_all_stands_for_those_that_learn():
    names = {t.enhancer.resolved.spec.name for t in planned("all").trainings}
    assert "pupil" in names
    assert not names & {"dunce", "original", "clahe"}


def test_a_pair_whose_enhancer_has_nothing_to_learn_from_does_not_apply(score):
    plan = score("pupil[trained_on=ramps[train=0]]").plan
    assert [p.reason for p in plan.pairs if p.enhancer.trained_on] == [
        "enhancer 'pupil[trained_on=ramps[train=0]]' learns from 'ramps[train=0]', which has no split 'train'"
    ]


# who works when ------------------------------------------------------------------------------------------------


def step(kind, number=0):
    return Step(number, kind, number, None, None, 0, "float32", {}, "")


@pytest.mark.parametrize(("devices", "beside"), [(["cpu"], []), (["cuda:0", "cuda:1"], [1])])
def test_a_training_on_the_processor_has_it_to_itself(tmp_path, devices, beside):
    executor = LocalExecutor(WorkerSetup((), "", devices[0], 2), devices, 0, 1.0, 1, tmp_path)
    executor.workers = {i: SimpleNamespace(name=i, ready=True, step=None, chunk=None) for i in range(2)}
    assert [name for name, _ in executor.idle()] == [0, 1]
    executor.workers[0].step = step("enhance")
    assert [name for name, _ in executor.idle()] == [1]
    executor.workers[0].step = step("fit")
    assert [name for name, _ in executor.idle()] == beside


def test_trainings_come_before_everything_else():
    ready = Ready()
    for one in (step("enhance", 1), step("fit", 2), step("score", 3), step("fit", 4)):
        ready.add(one)
    assert [ready.take(1).number for _ in range(4)][:2] == [2, 4]


def test_a_second_process_waits_for_the_first_that_trains_the_same(tmp_path):
    store = Store(tmp_path)
    store.weights_folder("k").mkdir(parents=True)
    other = filelock.FileLock(store.weights_folder("k") / ".lock")
    other.acquire()
    waited = []
    with store.training_alone("k", lambda: (waited.append(1), other.release())):
        assert waited == [1]


# a kill --------------------------------------------------------------------------------------------------------


def bench(cache, *, wait_for=None):
    """Train; return the process, ended or as far as its second checkpoint."""
    environment = {**os.environ, "RADBENCH_CACHE": str(cache)}
    words = ["train", "pupil[epochs=8,delay=0.15]", "--plugin", str(PLUGIN), "--jobs", "1", "--timeout", "60"]
    command = [sys.executable, "-c", "from radbench.cli import main; main()", *words]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    if wait_for is None:
        return process.communicate(timeout=120)
    deadline = time.monotonic() + 60
    while not any(len(f.read_text().splitlines()) > wait_for for f in cache.rglob("*.curve.csv")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_training_that_is_killed_and_then_interrupted_ends_with_the_weights_of_one_that_was_not(tmp_path):
    first = bench(tmp_path / "killed", wait_for=2)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    second = bench(tmp_path / "killed", wait_for=5)
    second.send_signal(signal.SIGINT)
    _, told = second.communicate(timeout=60)
    assert second.returncode == 130
    assert "give the same command again to go on" in told
    assert not list((tmp_path / "killed").rglob("weights.safetensors"))
    out, told = bench(tmp_path / "killed")
    assert "goes on where it was stopped" in told
    assert "trained on ramps (4 + 2 cases)" in out
    bench(tmp_path / "whole")
    (one,), (two,) = (list((tmp_path / c).rglob("weights.safetensors")) for c in ("killed", "whole"))
    assert same(load_file(one), load_file(two))
    curves = [next((tmp_path / c).rglob("*.curve.csv")).read_text().splitlines() for c in ("killed", "whole")]
    assert [line.rsplit(",", 1)[0] for line in curves[0]] == [line.rsplit(",", 1)[0] for line in curves[1]]
