"""What the Ray executor does without Ray: what a node lacks, what is asked for, and who is to blame."""

import sys

import pytest

from radbench.contracts.errors import UsageError
from radbench.engine.run.executors import ray_host
from radbench.engine.run.executors.executor import Event
from radbench.engine.run.executors.ray_cluster import connected
from radbench.engine.run.executors.ray_host import Host, HostSetup, engine_codes, shown
from radbench.engine.run.running import Options
from radbench.engine.work.worker import WorkerSetup

from .session_runs import Inline, go_fixture  # noqa: F401


@pytest.fixture
def setup(tmp_path):
    """Return a function that gives what a host is started with, some of it changed."""

    def made(**changes):
        (tmp_path / "cache").mkdir(exist_ok=True)
        sign = tmp_path / "cache" / ".seen"
        sign.touch()
        worker = WorkerSetup((), str(tmp_path / "cache"), "cpu", 1)
        facts = {
            "sign": str(sign),
            "paths": (),
            "engine": engine_codes(),
            "environment": {},
            "folder": "",
            "logs": "logs",
        }
        return HostSetup(worker, 60.0, 0, 1, **{**facts, **changes})

    return made


def test_a_node_that_sees_everything_and_has_the_same_code_lacks_nothing(setup, tmp_path):
    (tmp_path / "plugin.py").touch()
    assert Host(setup(paths=(str(tmp_path / "plugin.py"),)))._wrong() == ""


def test_a_node_that_does_not_see_the_cache_folder_is_told_of_a_shared_one(setup, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_host, "_SEE_SECONDS", 0.0)
    wrong = Host(setup(sign=str(tmp_path / "cache" / ".other")))._wrong()
    assert wrong.startswith(f"does not see the cache folder '{tmp_path / 'cache'}' of this machine: set RADBENCH_CACHE")


def test_a_node_that_does_not_see_a_plugin_or_data_names_it(setup, tmp_path):
    wrong = Host(setup(paths=(str(tmp_path), str(tmp_path / "lidc"))))._wrong()
    assert wrong.startswith(f"does not see '{tmp_path / 'lidc'}': what plugins and data sets read must lie on")


def test_a_node_with_other_code_names_the_steps_that_it_would_do_otherwise(setup):
    wrong = Host(setup(engine={**engine_codes(), "fit": "0", "score": "0"}))._wrong()
    assert wrong.startswith("does the steps fit, score with other code than this machine plans for")


def test_only_what_is_there_is_asked_of_a_node(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").touch()
    assert shown(["here", tmp_path / "here", "gone"]) == (str(tmp_path / "here"),)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"executor": "moon"}, "executor 'moon' must be local or ray"),
        ({"address": "auto"}, "it goes with executor 'ray'"),
        ({"executor": "ray", "debug": True}, "leave the executor local"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(options, said):
    with pytest.raises(UsageError, match=said):
        Options(**options)


def test_without_ray_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"which is not installed .*: pip install 'radbench\[ray\]'"), connected("", 0):
        pass


class Sinking(Inline):
    """Loses its machine ``times`` times in the middle of each step: at its second case."""

    def __init__(self, files, store, times):
        super().__init__(files, store)
        self.times, self.sunk = times, {}

    def submit(self, _, step):
        if self.sunk.setdefault(step.number, 0) < self.times:
            self.sunk[step.number] += 1
            self.step = step
            case = {"case": step.entries[0].case_id, "entry": "e", "stage": step.kind} if step.entries else {}
            facts = {"status": "crashed", "message": "node 'n' of the Ray cluster was lost", **case}
            self.pending.append(Event(step.number, "lost", {**facts, "blameless": True}))
        else:
            super().submit(_, step)


def test_steps_whose_machines_were_lost_are_done_elsewhere_and_no_case_is_to_blame(go):
    calm = go("toy-brighten,toy-learner", "toy-mean,toy-whole", out="calm", cache="other")
    found = go("toy-brighten,toy-learner", "toy-mean,toy-whole", executor=lambda files, store: Sinking(files, store, 5))
    assert found.scores == calm.scores
    assert found.statuses == calm.statuses
    assert not any(step.singly for step in found.steps)
    assert any("was lost; another does its step" in note for note in found.notes.notes)


def test_a_step_that_takes_every_machine_with_it_is_given_up_in_the_end(go):
    found = go("toy-brighten", "toy-mean", executor=lambda files, store: Sinking(files, store, 1000))
    assert set(found.statuses.values()) == {"crashed"}
