"""What a run writes is its user's alone, stays in its folder, and is not begun anew where the folder is taken away."""

import os
import shutil
import subprocess
import sys
from contextlib import closing

import pytest

from radbench.contracts import UsageError
from radbench.engine.keep.journal import RunFolder
from radbench.engine.keep.locations import add_location, locations_file
from radbench.engine.keep.private import privately, refuse_links
from radbench.engine.keep.sealed import StoreError
from radbench.engine.plan.pairs import make_plan
from radbench.engine.plan.request import Request
from radbench.engine.run.executors.import_path import leave_current_folder, names_current_folder, without_current_folder
from radbench.engine.run.reporting import Silent
from radbench.engine.run.running import Options
from radbench.leaderboard.running import run_plan
from radbench.registry.registry import load_registry

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs POSIX permissions and links")


@pytest.fixture
def run(tmp_path, toy_plugin):
    """Return a function that runs two pairs in a folder of this name, in workers where there are jobs."""
    registry = load_registry([toy_plugin])

    def run(out, jobs=0, enhancer="toy-brighten", dataset=""):
        plan = make_plan(registry, Request((enhancer,), ("toy-mean",), dataset, plugin_files=(str(toy_plugin),)))
        options = Options("cpu", max(1, jobs), out=tmp_path / out, debug=not jobs)
        return run_plan(registry, plan, options, Silent()).frame

    return run


@pytest.mark.parametrize("jobs", [0, 1])
def test_folders_and_files_of_a_run_and_of_the_cache_are_closed_to_others(run, tmp_path, monkeypatch, jobs):
    monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path / "kept"))
    before = os.umask(0o002)
    try:
        run("runs/one", jobs, "toy-brighten,toy-learner")
        add_location("folder", tmp_path)
    finally:
        os.umask(before)
    made = [*(tmp_path / "runs").rglob("*"), *(tmp_path / "kept").rglob("*"), *locations_file().parent.rglob("*")]
    made += [tmp_path / "runs", tmp_path / "kept", locations_file().parent]
    modes = {path: path.stat().st_mode & 0o777 for path in made}
    assert {path: oct(mode) for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)} == {}
    assert sum(path.is_file() for path in made) > 10


def test_the_umask_is_as_it_was():
    before = os.umask(0o022)
    try:
        with pytest.raises(KeyError), privately():
            raise KeyError
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


PLACES = ["journal.jsonl", "leaderboard.csv", ".lock", "logs", "cases", "logs/worker-0.log", "cases/x.csv"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("dangling", [False, True])
def test_nothing_is_written_through_a_link_that_leads_out_of_the_run_s_folder(run, tmp_path, place, dangling):
    precious = tmp_path / "precious"
    inside = tmp_path / "out" / place
    inside.parent.mkdir(parents=True)
    if not dangling:
        if place in ("logs", "cases"):
            precious.mkdir()
            (precious / "worker-0.log").write_text("mine")
        else:
            precious.write_text("mine")
    inside.symlink_to(precious)
    with pytest.raises(UsageError, match=r"is a link to '.*precious', and nothing is written through it"):
        run("out", jobs=1)
    assert precious.exists() is not dangling
    if not dangling:
        kept = [precious] if precious.is_file() else [*precious.iterdir()]
        assert [file.read_text() for file in kept] == ["mine"]


def test_a_run_s_folder_that_is_itself_a_link_is_the_user_s_choice(run, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    assert set(run("out")["status"]) == {"ok"}
    assert (tmp_path / "disk" / "leaderboard.csv").is_file()


@pytest.mark.parametrize(("place", "what"), [("cases", "folder"), ("logs", "folder"), ("journal.jsonl", "file")])
def test_something_else_in_a_place_of_the_run_s_is_wrong_usage(run, tmp_path, place, what):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / place).mkdir() if what == "file" else (tmp_path / "out" / place).write_text("")
    with pytest.raises(UsageError, match=f"{place}' is there and is no {what}; take it away"):
        run("out")


def test_links_are_refused_by_what_they_are_and_plain_ones_pass(tmp_path):
    (tmp_path / "file").write_text("")
    refuse_links([tmp_path / "file", tmp_path / "none", tmp_path / "file" / "x"], [tmp_path], "no")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="pipe' is there and is no file; no"):
        refuse_links([tmp_path / "pipe"], [], "no")


@pytest.mark.parametrize("anew", [False, True])
def test_a_run_s_folder_that_is_taken_away_is_not_made_anew_in_silence(tmp_path, anew):
    folder = RunFolder(tmp_path / "run")
    folder.open()
    with closing(folder):
        folder.record("run", plan="p")
        shutil.rmtree(folder.root)
        if anew:
            (folder.root / "logs").mkdir(parents=True)
        for write in (lambda: folder.record("pair"), lambda: folder.write_cases("p", list)):
            with pytest.raises(StoreError, match=r"folder '.*run' was taken away while the run was writing to it"):
                write()
    again = RunFolder(tmp_path / "run")
    again.open()
    again.close()


def test_case_tables_keep_any_name_and_are_no_formula(tmp_path):
    rows = [{"case_id": name, "group:a=b": name, "dice": -0.5} for name in ("=1+1", "a\x1b[2J", "x\ny", "-3", "'@")]
    folder = RunFolder(tmp_path / "run")
    folder.write_cases("p", lambda: rows)
    assert folder.read_cases("p") == [{**row, "dice": "-0.5"} for row in rows]
    text = folder.cases_file("p").read_text()
    assert "\x1b" not in text
    assert not any(cell.startswith("=") for line in text.splitlines() for cell in line.split(","))


# what lies in the current folder ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "here"),
    [("", True), (".", True), ("./", True), ("a/..", True), ("a", False), ("..", False), ("/", False)],
)
def test_entries_that_stand_for_the_current_folder(entry, here):
    assert names_current_folder(entry) is here


@pytest.mark.parametrize("entries", ["", ".", ":/a", "/a:", "./:/a", "/a::."])
def test_a_process_imports_nothing_from_its_current_folder(tmp_path, entries):
    for name in ("numpy", "sitecustomize", "usercustomize", "code"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('mine')\n")
    environment = without_current_folder({**os.environ, "PYTHONPATH": entries})
    program = "import sys, code; print(sys.path)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) not in done.stdout
    assert environment.get("PYTHONPATH", "") == ("/a" if "/a" in entries else "")


def test_what_else_is_relative_stands_for_the_same_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = without_current_folder({"PYTHONPATH": os.pathsep.join(["code", "/b", ""])})
    assert found["PYTHONPATH"] == os.pathsep.join([str(tmp_path / "code"), "/b"])


@pytest.mark.parametrize(
    ("given", "stays"), [("", True), ("/a", True), (":/a", False), (".", False), ("{here}", True), ("{here}:.", True)]
)
def test_this_process_leaves_the_current_folder_unless_it_is_named(tmp_path, monkeypatch, given, stays):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", given.format(here=tmp_path))
    monkeypatch.setattr(sys, "path", ["/first", str(tmp_path), "/last"])
    leave_current_folder()
    assert (str(tmp_path) in sys.path) is stays
    assert {"/first", "/last"} <= {*sys.path}


def test_where_a_script_lies_is_not_taken_from_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", ":/a")
    monkeypatch.setattr(sys, "path", ["", "", "/a"])
    leave_current_folder()
    assert sys.path == ["", "/a"]
