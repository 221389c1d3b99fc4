"""Training: what is not trained yet is trained first, once, under everybody's key, and exactly after a kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import filelock
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from radbench import read_leaderboard
from radbench.contracts import UsageError
from radbench.engine.keep.journal import RunFolder
from radbench.engine.keep.store import Store
from radbench.engine.plan.pairs import make_plan, plan_trainings
from radbench.engine.plan.request import Request
from radbench.engine.plan.steps import Step
from radbench.engine.run.executors.local import LocalExecutor
from radbench.engine.run.ready_queue import ReadyQueue
from radbench.engine.run.reporting import Nobody
from radbench.engine.run.session import Session
from radbench.engine.run.trained import read_curve
from radbench.engine.work.worker import WorkerSetup
from radbench.leaderboard.view import journal_run, write_leaderboard
from radbench.registry.registry import load_registry

from .session_runs import Inline, Notes, WorkerDied

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
            session = Session((), plan, folder, store, told, Nobody(), retry_failed=True)
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
            journal_run(folder, plan, lambda pair: "")
            session = Session(plan.pairs, (), folder, store, told, Nobody())
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
    (pair,) = [p for p in scored.plan.pairs if p.enhancer.learns]
    assert [t.key for t in pair.trainings] == [trained.trained[0].training.key]


def test_setting_what_to_learn_from_is_the_variant_that_names_it():
    (one,) = planned("pupil", overrides={"enhancer": {"trained_on": "ramps[train=3]"}})
    (two,) = planned("pupil[trained_on=ramps[train=3]]")
    (other,) = planned("pupil")
    assert one.key == two.key != other.key
    assert one.described == "ramps[train=3] (3 + 2 cases)"


def test_variants_that_differ_in_what_learning_does_not_depend_on_share_one_training(train, score):
    trainings = planned("pupil,pupil[weight=0.5],pupil[epochs=3]")
    assert [t.name for t in trainings] == ["pupil", "pupil[epochs=3]"]
    pieces = [[key for s in t.sources for split in s.entries for key in s.pieces(split)] for t in trainings]
    assert pieces[0] == pieces[1]  # what only changes the weights shares the lessons
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
    assert second.facts["cases"] == {"": {"train": 4, "validation": 2}}
    assert second.facts["threads"] == 1
    assert second.facts["parameters"] == sum(
        v.numel() for v in load_file(first.folder / "weights.safetensors").values()
    )


def test_the_curve_stays_beside_the_weights_and_the_checkpoints_go(train):
    one = train("pupil[epochs=3]").trained[0]
    assert {f.name for f in one.folder.iterdir()} == {"weights.safetensors", "facts.json", "beside", ".lock"}
    assert {f.name for f in (one.folder / "beside").iterdir()} == {"pupil.curve.csv"}
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
    notes = train("pupil", seeds=(0, 3)).told.notes
    assert [n.partition(" is not")[0] for n in notes[:2]] == [f"pupil{s}" for s in ("", " (seed 3)")]


def test_progress_is_told_by_the_training_s_own_count(train):
    steps = train("pupil").told.steps
    assert steps[-1][:2] == (4, 4)  # two epochs of two batches
    assert "pupil: epoch 2/2" in steps[-1][2]


def test_a_worker_that_is_lost_in_a_training_costs_one_more_attempt_and_no_bit(train):
    one = train("pupil", cache="a")
    two = train("pupil", cache="b", executor=lambda *a: DiesOnce("estimate", *a))
    assert same(weights_of(one), weights_of(two))
    assert len([n for n in two.told.notes if "trying once more" in n]) == 1


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
        ("dunce", "'dunce' does not learn: it works as it is; those that learn: .*pupil"),
        ("pupil,dunce", "'dunce' does not learn"),
        ("pupil[trained_on=ramps[train=0]]", r"learns from 'ramps\[train=0\]', which has no split 'train'"),
        ("pupill", "did you mean 'pupil'"),
    ],
)
def test_what_cannot_be_trained_is_wrong_usage(enhancers, words):
    with pytest.raises(UsageError, match=words):
        planned(enhancers)


def test_all_stands_for_those_that_learn():
    names = {t.learner.name for t in planned("all")}
    assert "pupil" in names
    assert not names & {"dunce", "original", "clahe"}


def test_a_pair_whose_enhancer_has_nothing_to_learn_from_does_not_apply(score):
    plan = score("pupil[trained_on=ramps[train=0]]").plan
    assert [p.reason for p in plan.pairs if p.enhancer.learns] == [
        "enhancer 'pupil[trained_on=ramps[train=0]]' learns from 'ramps[train=0]', which has no split 'train'"
    ]


# who works when ------------------------------------------------------------------------------------------------


def step(kind, number=0):
    return Step(number, kind, number, "", "")


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
    ready = ReadyQueue()
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


TRAIN = ("train", "pupil[epochs=20]", "--jobs", "1")


def bench(cache, words=TRAIN, *, wait_for=None):
    """Run a command; return what it says, or its process as soon as a curve has more lines than told, which it takes
    its time to."""
    environment = {**os.environ, "RADBENCH_CACHE": str(cache)}
    environment |= {} if wait_for is None else {"LEARNING_PLUGIN_DELAY": "0.15"}
    own = ["--plugin", str(PLUGIN), "--timeout", "60"]
    command = [sys.executable, "-c", "from radbench.cli import main; main()", *words, *own]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
        # Who tests in the background ignores interruptions, and so would the command.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
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


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_task_that_learns_goes_on_after_a_kill_and_computes_nothing_the_third_time(tmp_path):
    def words(out):
        run = ["run", "-e", "original,pupil", "-t", "exam[epochs=8]", "--jobs", "1"]
        return [*run, "--out", str(tmp_path / out)]

    def rows(out):
        volatile = ["fit_seconds", "enhance_ms_per_case", "peak_memory_mb", "created_utc", "task_fit_seconds"]
        return read_leaderboard(tmp_path / out / "leaderboard.csv").drop(columns=volatile)

    killed, whole = tmp_path / "killed", tmp_path / "whole"
    # Two curves: of the pupil, with three lines, and of the task.
    first = bench(killed, words("one"), wait_for=4)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    _, told = bench(killed, words("one"))
    assert "goes on where it was stopped" in told
    out, _ = bench(killed, words("one"))
    assert "nothing recomputed" in out
    bench(whole, words("two"))
    pd.testing.assert_frame_equal(rows("one"), rows("two"))
    assert set(rows("one")["status"]) == {"ok"}
    found = [{f.parent.name: load_file(f) for f in c.rglob("weights.safetensors")} for c in (killed, whole)]
    assert len(found[0]) == 3
    assert found[0].keys() == found[1].keys()
    assert all(same(found[0][key], found[1][key]) for key in found[0])
