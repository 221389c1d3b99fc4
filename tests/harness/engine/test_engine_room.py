"""Room: a budget for what is kept, the oldest first, nobody's needs; and scores that do not depend on it."""

import os
import subprocess
import sys

import pytest

import radbench
from radbench.contracts import UsageError
from radbench.engine.keep.room import Room, budget

VOLATILE = ["fit_seconds", "task_fit_seconds", "enhance_ms_per_case", "peak_memory_mb", "created_utc", "git_commit"]


def kept(root, kind, folder, name, size=100, age=0):
    path = root / kind / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (1e9 - age, 1e9 - age))
    return path


@pytest.mark.parametrize(
    ("text", "size"), [("", 100 * 2**30), ("0", 0), ("500MB", 500 * 2**20), ("1.5 gb", 3 * 2**29), ("2048B", 2048)]
)
def test_a_budget_is_a_size(monkeypatch, text, size):
    monkeypatch.setenv("RADBENCH_CACHE_BUDGET", text)
    assert budget() == size


@pytest.mark.parametrize("text", ["much", "-1", "5 apples", "GB", "20"])
def test_what_is_no_size_is_refused(monkeypatch, text):
    monkeypatch.setenv("RADBENCH_CACHE_BUDGET", text)
    with pytest.raises(UsageError, match="RADBENCH_CACHE_BUDGET"):
        budget()


def test_the_least_recently_used_goes_first_and_scores_and_weights_stay(tmp_path):
    old, new = kept(tmp_path, "enhancements", "a", "1.image", age=9), kept(tmp_path, "cases", "b", "2.case", age=1)
    scores, weights = kept(tmp_path, "scores", "", "s.jsonl", age=99), kept(tmp_path, "weights", "w", "f", age=99)
    room = Room(tmp_path, 150)
    assert room.grew(0, set) == 100
    assert [p.exists() for p in (old, new, scores, weights)] == [False, True, True, True]


def test_within_the_budget_nothing_goes(tmp_path):
    path = kept(tmp_path, "lessons", "ab", "abc.lessons")
    room = Room(tmp_path, 300)
    assert room.grew(0, set) == room.grew(100, set) == 0
    assert path.exists()


def test_what_this_process_needs_stays_even_beyond_the_budget(tmp_path):
    mine, other = kept(tmp_path, "enhancements", "a", "1.image"), kept(tmp_path, "enhancements", "a", "2.image")
    Room(tmp_path, 0).grew(0, lambda: {("a", "1")})
    assert (mine.exists(), other.exists()) == (True, False)


def test_a_file_that_is_being_written_stays(tmp_path):
    half = kept(tmp_path, "enhancements", "a", ".1.image.77-0a1b.tmp")
    Room(tmp_path, 0).trim(set())
    assert half.exists()


def test_what_another_running_process_needs_stays_until_it_ends(tmp_path):
    path = kept(tmp_path, "enhancements", "a", "1.image")
    program = (
        "import sys; from pathlib import Path; from radbench.engine.keep.room import Room\n"
        f"room = Room(Path({str(tmp_path)!r}), 0); room.need(['a']); print('ready', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "ready\n"
    Room(tmp_path, 0).trim(set())
    assert path.exists()
    other.kill()
    other.communicate()
    Room(tmp_path, 0).trim(set())
    assert not path.exists()
    assert list((tmp_path / "in-use").iterdir()) == []


def table(toy_plugin, **more):
    frame = radbench.run(
        "toy-brighten,toy-noisy,toy-layered",
        "toy-mean,toy-auroc,toy-whole",
        plugins=[toy_plugin],
        device="cpu",
        debug=True,
        **more,
    )
    return frame.drop(columns=VOLATILE).reset_index(drop=True)


def test_scores_do_not_depend_on_what_was_kept(tmp_path, monkeypatch, toy_plugin):
    expected = table(toy_plugin)
    for name, size, keep in (("nothing", "0", "images"), ("little", "3KB", "images"), ("scores", "1GB", "scores")):
        monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path / name))
        monkeypatch.setenv("RADBENCH_CACHE_BUDGET", size)
        assert table(toy_plugin, keep=keep, out=tmp_path / f"run-{name}").equals(expected), name
        if name != "little":
            assert list((tmp_path / name).rglob("*.image")) == []
        # And again, with another task: what is gone is made anew.
        assert "ok" in set(table(toy_plugin, keep=keep, out=tmp_path / f"run-{name}")["status"])
