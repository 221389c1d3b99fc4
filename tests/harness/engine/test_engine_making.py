"""Making: cases that are slow to make are made side by side, once, kept by the harness, and sealed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from radbench import api
from radbench.contracts.folders import cache_folder
from radbench.engine.keep.journal import RunFolder
from radbench.engine.keep.store import Store
from radbench.engine.plan.pairs import make_plan, open_dataset
from radbench.engine.plan.request import Request
from radbench.engine.run.making import Cases, make_cases
from radbench.engine.run.reporting import Silent
from radbench.engine.work.kept_cases import KeptCases
from radbench.registry.registry import load_registry

PLUGIN = Path(__file__).with_name("slow_plugin.py")


class Heard(Silent):
    def __init__(self):
        self.begun, self.done, self.notes = [], 0, []

    def begin(self, total, unit):
        self.begun.append((total, unit))

    def advance(self, cases, text):
        self.done += cases

    def note(self, text):
        self.notes.append(text)


@pytest.fixture(autouse=True)
def cache(own_folders):
    cache_folder().mkdir(parents=True, exist_ok=True)


def made():
    log = cache_folder() / "made.log"
    return [line.split() for line in log.read_text().splitlines()] if log.is_file() else []


def kept():
    return list(cache_folder().rglob("*.case"))


def prepared(label="slow", jobs=2, reporter=None):
    part = open_dataset(load_registry([PLUGIN]), label, "quick")
    request = Request((), (), plugin_files=(str(PLUGIN),))
    return make_cases(part, part.opened.split("test"), request, jobs, reporter or Heard())


def loaded(case_id, label="slow"):
    registry = load_registry([PLUGIN])
    part = open_dataset(registry, label, "quick")
    return Cases(registry, part).load(part.opened.by_id[case_id])


def test_missing_cases_are_made_once_on_one_thread_by_several_processes():
    loaded("c3")
    heard = Heard()
    assert prepared("slow[delay=0.3]", reporter=heard) == {}
    assert sorted(case for case, _, _ in made()) == [f"c{i}" for i in range(6)]
    here = str(os.getpid())
    assert [case for case, process, _ in made() if process == here] == ["c3"]
    assert len({process for _, process, _ in made()} - {here}) == 2
    assert {threads for _, process, threads in made() if process != here} == {"1"}
    assert heard.begun == [(5, "case-steps")]
    assert heard.done == 5
    assert prepared() == {}
    assert len(made()) == 6


def test_a_kept_case_is_the_case_and_what_is_looked_up_on_demand_is_looked_up():
    first, again = loaded("c2"), loaded("c2")
    assert len(made()) == 1
    assert again.image.equal(first.image)
    assert dict(again.targets["findings"]) == {"odd": 0.0}
    assert float(again.targets["volume_hu"].max()) == 2.0
    assert len(made()) == 2  # the volume was worked out anew


def test_a_data_set_that_is_a_part_gives_what_was_made_already():
    part = open_dataset(load_registry([PLUGIN]), "slow", "quick")
    store = Store(cache_folder())
    kept_cases = KeptCases(part.opened.dataset, part, store)
    whole = loaded("c2")
    assert kept_cases.load("c2").image.equal(whole.image)
    assert dict(kept_cases.load("c2").targets["findings"]) == dict(whole.targets["findings"])
    assert len(made()) == 1
    assert float(kept_cases.load("c3").image.max()) == pytest.approx(0.2)
    assert [case for case, _, _ in made()] == ["c2", "c3"]
    assert kept_cases.targets == part.opened.dataset.targets


def test_a_part_makes_again_what_was_kept_and_is_damaged():
    whole = loaded("c1").image
    (file,) = kept()
    file.write_bytes(file.read_bytes()[:-7])
    part = open_dataset(load_registry([PLUGIN]), "slow", "quick")
    assert KeptCases(part.opened.dataset, part, Store(cache_folder())).load("c1").image.equal(whole)


@pytest.mark.parametrize("damage", [lambda b: b[:-7], lambda b: b[:40] + bytes([b[40] ^ 1]) + b[41:], lambda b: b""])
def test_a_damaged_case_is_made_again(damage):
    whole = loaded("c1").image
    (file,) = kept()
    file.write_bytes(damage(file.read_bytes()))
    assert loaded("c1").image.equal(whole)
    assert len(made()) == 2


def test_a_changed_line_of_the_data_set_makes_every_case_anew(tmp_path):
    copy = tmp_path / "slow_copy.py"
    copy.write_text(PLUGIN.read_text().replace("slow_plugin:", "slow_copy:"))

    def value():
        registry = load_registry([copy])
        from radbench.engine.plan.keys import forget

        forget()
        part = open_dataset(registry, "slow", "quick")
        return float(Cases(registry, part).load(part.opened.by_id["c1"]).image.max())

    assert value() == pytest.approx(0.1)
    copy.write_text(copy.read_text().replace("/ 20)", "/ 40)"))
    assert value() == pytest.approx(0.05)
    copy.write_text("# nothing but a comment\n" + copy.read_text())
    before = len(made())
    assert value() == pytest.approx(0.05)
    assert len(made()) == before
    del sys.modules["slow_copy"]


def test_a_case_that_cannot_be_made_is_named_and_stops_no_other():
    heard = Heard()
    faults = prepared("slow[bad=c1,kills=c4]", reporter=heard)
    assert faults == {
        "c1": "case 'c1': its file is cut short",
        "c4": "the worker process ended with exit status 4",
    }
    assert len(kept()) == 4
    assert [note for note in heard.notes if "at case 'c4'; trying once more" in note]
    assert heard.done == 6


@pytest.mark.slow
def test_a_making_that_is_killed_loses_nothing_that_was_kept():
    words = ["data", "check", "slow[delay=0.4,cases=8]", "--plugin", str(PLUGIN), "--jobs", "1"]
    command = [sys.executable, "-c", "from radbench.cli import main; main()", *words]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 60
    while len(kept()) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    time.sleep(1.5)  # the worker, in a group of its own, ends itself when its parent is gone
    before = len(kept())
    assert 3 <= before < 8
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "loaded: 8" in again.stdout
    assert len(made()) <= 8 + 1  # the one that was being made may be made twice


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


def test_what_cannot_be_made_is_told_once_and_left_out_of_every_pair(run):
    finished, scores, heard = run("slow[bad=c1]", "bad")
    assert scores["original"] == pytest.approx({f"c{i}": (i + 1) / 20 for i in (0, 2, 3, 4, 5)})
    assert set(scores["toy-brighten"]) == set(scores["original"])
    assert set(finished.outcome.statuses.values()) == {"ok"}
    assert len([note for note in heard.notes if "c1" in note]) == 1
    (failure,) = RunFolder(finished.folder.root).events("failure")
    assert (failure["case_id"], failure["stage"]) == ("c1", "load")
    assert len({case for case, _, _ in made()}) == len(made())
