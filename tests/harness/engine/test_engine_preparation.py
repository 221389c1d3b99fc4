"""Preparation: cases that have to be made are made side by side, once and before they are needed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from radbench import api
from radbench.contracts import PluginError
from radbench.contracts.folders import cache_folder
from radbench.engine.journal import RunFolder
from radbench.engine.plan import make_plan, open_dataset
from radbench.engine.preparation import prepare_cases, unprepared
from radbench.engine.reporting import Silent
from radbench.engine.request import Request
from radbench.registry.registry import load_registry

PLUGIN = Path(__file__).with_name("keeping_plugin.py")


class Heard(Silent):
    def __init__(self):
        self.begun, self.done, self.notes = [], 0, []

    def begin(self, total, unit):
        self.begun.append((total, unit))

    def advance(self, cases, text):
        self.done += cases

    def note(self, text):
        self.notes.append(text)


def made():
    log = cache_folder() / "made.log"
    return [line.split() for line in log.read_text().splitlines()] if log.is_file() else []


def kept():
    folder = cache_folder() / "keeper"
    return {f.name for f in folder.iterdir()} if folder.is_dir() else set()


def prepared(label="keeper", jobs=2, reporter=None):
    planned = open_dataset(load_registry([PLUGIN]), label, "quick")
    return prepare_cases(planned, planned.entries["test"], (str(PLUGIN),), jobs, reporter or Heard())


def test_missing_cases_are_made_once_on_one_thread_by_several_processes(monkeypatch):
    open_dataset(load_registry([PLUGIN]), "keeper", "quick").dataset.load("c3")
    heard = Heard()
    assert prepared("keeper[delay=0.3]", reporter=heard) == {}
    assert sorted(case for case, _, _ in made()) == [f"c{i}" for i in range(6)]
    here = str(os.getpid())
    assert [case for case, process, _ in made() if process == here] == ["c3"]
    assert len({process for _, process, _ in made()} - {here}) == 2
    assert {threads for _, process, threads in made() if process != here} == {"1"}
    assert heard.begun == [(5, "cases prepared")]
    assert heard.done == 5
    monkeypatch.setattr("radbench.engine.preparation.preparers", lambda *_: pytest.fail("started workers for none"))
    assert prepared() == {}


def test_a_case_that_cannot_be_made_is_named_and_stops_no_other():
    heard = Heard()
    faults = prepared("keeper[bad=c1,kills=c4]", reporter=heard)
    assert faults == {
        "c1": "case 'c1': its file is cut short",
        "c4": "the worker process ended with exit status 4",
    }
    assert kept() == {"c0", "c2", "c3", "c5"}
    assert [note for note in heard.notes if "at case 'c4'; trying once more" in note] == heard.notes
    assert heard.done == 6


@pytest.mark.parametrize(("tells", "words"), [("raises", "my arithmetic"), ("strange", "'c99', which nobody asked")])
def test_a_data_set_that_cannot_tell_what_is_missing_is_refused_by_name(tells, words):
    with pytest.raises(PluginError, match=f"data set 'keeper.tells={tells}.*{words}"):
        prepared(f"keeper[tells={tells}]")


def test_data_sets_that_keep_nothing_are_left_alone(toy_plugin):
    planned = open_dataset(load_registry([toy_plugin]), "toy", "quick")
    assert unprepared((planned, entry) for entry in planned.entries["test"]) == []


@pytest.mark.slow
def test_a_preparation_that_is_killed_loses_nothing_that_was_kept():
    words = ["data", "check", "keeper[delay=0.4,cases=8]", "--plugin", str(PLUGIN), "--jobs", "1"]
    command = [sys.executable, "-c", "from radbench.cli import main; main()", *words]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 60
    while len(kept()) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    time.sleep(1.5)  # the worker, in a group of its own, ends itself when its parent is gone
    before = {case for case, _, _ in made()}
    assert 3 <= len(before) < 8
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "loaded: 8" in again.stdout
    assert sorted(case for case, _, _ in made()) == [f"c{i}" for i in range(8)]


# in a run ------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path, toy_plugin):
    def run(dataset, out):
        files = (str(toy_plugin), str(PLUGIN))
        registry = load_registry(files)
        plan = make_plan(registry, Request(("toy-brighten",), ("toy-mean",), dataset=dataset, plugin_files=files))
        heard = Heard()
        finished = api.run_plan(registry, plan, api.Options("cpu", 2, out=tmp_path / out), heard)
        rows = {p.name.split("--")[2]: finished.folder.read_cases(p.name) for p in plan.pairs}
        scores = {
            name: {r["case_id"]: float(r["mean"]) for r in of if r["status"] == "ok"} for name, of in rows.items()
        }
        return finished, scores, heard

    return run


def test_a_run_prepares_first_and_what_cannot_be_made_is_told_once_and_left_out_of_every_pair(run):
    finished, scores, heard = run("keeper[bad=c1]", "bad")
    assert heard.begun == [(6, "cases prepared"), (24, "case-steps")]
    assert heard.done == 30
    assert scores["original"] == pytest.approx({f"c{i}": (i + 1) / 20 for i in (0, 2, 3, 4, 5)})
    assert set(scores["toy-brighten"]) == set(scores["original"])
    assert set(finished.outcome.statuses.values()) == {"ok"}
    assert len([note for note in heard.notes if "c1" in note]) == 1
    (failure,) = RunFolder(finished.folder.root).events("failure")
    assert (failure["case_id"], failure["stage"]) == ("c1", "load")
    assert len({case for case, _, _ in made()}) == len(made())
