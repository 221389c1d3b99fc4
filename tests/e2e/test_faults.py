"""Faults from outside and from plugins: what a run makes of them, with real processes, kills and full disks."""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
from PIL import Image

import radbench
from radbench.cli import main

# What depends on the clock, and on who commits while the tests run.
VOLATILE = ["fit_seconds", "task_fit_seconds", "enhance_ms_per_case", "peak_memory_mb", "created_utc", "git_commit"]
COMMAND = [sys.executable, "-P", "-c", "from radbench.cli import main; main()"]


class Desk:
    """A folder with a cache of its own, from which ``bench`` is called."""

    def __init__(self, folder, plugin, cache=None):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.plugin, self.cache = folder, str(plugin), cache or folder / "cache"
        self.environment = {**os.environ, "RADBENCH_CACHE": str(self.cache), "RADBENCH_RUNS": str(folder / "runs")}

    def start(self, *words):
        words = [*COMMAND, "run", "--plugin", self.plugin, "--device", "cpu", *map(str, words)]
        return subprocess.Popen(
            words, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *words, status=0):
        process = self.start(*words)
        out, err = process.communicate()
        assert process.returncode == status, f"{out}\n{err}"
        assert "Traceback" not in err
        return out, err

    def workers(self):
        """Return the worker processes that use this cache."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                ours = process.environ().get("RADBENCH_CACHE") == str(self.cache)
                if ours and "radbench.engine.work.worker" in process.cmdline():
                    found.append(process)
        return found


def table(folder):
    """Return a run's leaderboard without what depends on the clock."""
    return radbench.read_leaderboard(folder).drop(columns=VOLATILE).reset_index(drop=True)


# plugins that misbehave --------------------------------------------------------------------------------------

FATES = {
    "toy-raises": ("error", "ValueError: I never work (toy_plugin.py:"),
    "toy-leaves": ("error", "SystemExit: done here"),
    "toy-nan": ("invalid-output", "NaN or infinite pixels"),
    "toy-wrong-shape": ("invalid-output", "must have the shape"),
    "toy-wrong-dtype": ("invalid-output", "must be float32"),
    "toy-exits": ("crashed", "ended with exit status 7"),
    "toy-sleeps": ("timeout", "no sign of life for 3 s (--timeout)"),
    "toy-eats": ("out-of-memory", "took more than 1500 MiB of memory (--memory-mb)"),
    "toy-learner[fail=true]": ("error", "RuntimeError: no convergence"),
}
SOUND = ["original", "toy-mutates", "toy-brighten", "toy-flaky[marker=marker]", "toy-learner"]


@pytest.fixture(scope="module")
def misbehaving(tmp_path_factory, toy_plugin):
    """One run of every enhancer that misbehaves, beside those that do not."""
    desk = Desk(tmp_path_factory.mktemp("misbehaving"), toy_plugin)
    words = ["-e", ",".join([*FATES, *SOUND]), "-t", "toy-mean", "-d", "toy[cases=1]", "--out", "out"]
    printed = desk.run(*words, "--timeout", 3, "--memory-mb", 1500, "--jobs", 2, status=1)
    frame = radbench.read_leaderboard(desk.folder / "out")
    return desk, frame[frame["group"] == "all"].set_index("enhancer"), printed


@pytest.mark.parametrize("enhancer", FATES)
def test_a_misbehaving_enhancer_has_its_typed_status_and_a_sentence(misbehaving, enhancer):
    _, rows, (_, err) = misbehaving
    status, words = FATES[enhancer]
    assert rows.loc[enhancer, "status"] == status
    assert words in rows.loc[enhancer, "error"]
    assert f"failed: toy-mean--toy[cases=1]--{enhancer}" in err


@pytest.mark.parametrize(("enhancer", "value"), [("original", 0.05), ("toy-mutates", 0.025), ("toy-brighten", 0.15)])
def test_the_others_in_its_company_are_scored_right(misbehaving, enhancer, value):
    _, rows, _ = misbehaving
    assert rows.loc[enhancer, "status"] == "ok"
    assert rows.loc[enhancer, "value"] == pytest.approx(value, abs=1e-6)


def test_an_enhancer_that_died_once_is_tried_again_and_scored(misbehaving):
    desk, rows, (_, err) = misbehaving
    assert (desk.folder / "marker").exists()
    assert "exit status 9, at case 'test0'; trying once more" in err
    assert rows.loc["toy-flaky[marker=marker]", "value"] == rows.loc["original", "value"]


def test_a_traceback_of_every_plugin_error_is_kept_in_the_journal(misbehaving):
    desk, _, _ = misbehaving
    journal = (desk.folder / "out" / "journal.jsonl").read_text()
    for words in ("I never work", "no convergence", "done here"):
        assert "Traceback (most recent call last):\\n" in journal
        assert words in journal


def test_no_worker_outlives_its_run(misbehaving):
    desk, _, _ = misbehaving
    assert desk.workers() == []


def test_failures_are_remembered_and_the_same_command_computes_nothing(misbehaving):
    desk, _, _ = misbehaving
    words = ["-e", ",".join([*FATES, *SOUND]), "-t", "toy-mean", "-d", "toy[cases=1]", "--out", "out"]
    before = table(desk.folder / "out")
    out, _ = desk.run(*words, status=1)
    assert "nothing recomputed" in out
    assert table(desk.folder / "out").equals(before)


def test_no_file_of_the_current_folder_is_imported(tmp_path, toy_plugin):
    desk = Desk(tmp_path, toy_plugin)
    for name in ("statistics.py", "scipy.py", "toy_plugin.py", "torch.py"):
        (tmp_path / name).write_text("raise SystemExit('mine')\n")
    desk.run("-e", "toy-brighten", "-t", "toy-mean", "--jobs", 1, "--out", "out")
    assert set(table(tmp_path / "out")["status"]) == {"ok"}


@pytest.mark.slow
def test_one_case_that_kills_its_worker_fails_alone_and_is_named(tmp_path, toy_plugin):
    desk = Desk(tmp_path, toy_plugin)
    _, err = desk.run("-e", "toy-picky[how=exit]", "-t", "toy-mean", "--jobs", 1, "--out", "out", status=1)
    assert "case 'test2' (enhance, crashed): the worker process ended with exit status 3" in err
    rows = table(tmp_path / "out").query("group == 'all'").set_index("enhancer")
    assert rows["n_cases"].to_dict() == {"original": 6, "toy-picky[how=exit]": 5}
    assert rows["rank"].notna().to_dict() == {"original": True, "toy-picky[how=exit]": False}


# kills -------------------------------------------------------------------------------------------------------

STUDY = ["-e", "toy-brighten,toy-noisy,toy-learner", "-t", "toy-mean,toy-odd,toy-whole", "--jobs", "2"]
STUDY += ["-d", "toy[cases=8,delay=0.1]", "--out", "out"]


@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_like_an_undisturbed_one(tmp_path, toy_plugin):
    Desk(tmp_path / "calm", toy_plugin).run(*STUDY)
    struck, moments = Desk(tmp_path / "struck", toy_plugin), random.Random(20)
    for _ in range(2):
        process = struck.start(*STUDY)
        kept = len(finished(struck))
        wanted = kept + moments.randint(1, 12)
        while process.poll() is None and len(finished(struck)) < wanted:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.05))
        assert process.poll() is None, "it ended before it could be killed"
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert len(finished(struck)) > kept
        # One that was still starting notices only once it has.
        deadline = time.monotonic() + 60
        while struck.workers() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert struck.workers() == []
    out, _ = struck.run(*STUDY)
    assert " 0 reused" not in out
    assert table(tmp_path / "struck" / "out").equals(table(tmp_path / "calm" / "out"))


SHORT_LIVED = """
import os
import signal
import sys
from pathlib import Path

from radbench import hookimpl

deaths = Path(os.environ["RADBENCH_CACHE"]).parent / "deaths"
if "radbench.engine.work.worker" in sys.orig_argv and deaths.is_file() and (left := deaths.read_text()):
    deaths.write_text(left[1:])
    os.kill(os.getpid(), signal.SIGKILL)


@hookimpl
def radbench_enhancers():
    return []
"""


@pytest.mark.slow
def test_a_worker_that_is_killed_while_it_starts_has_a_successor_and_nothing_changes(tmp_path, toy_plugin):
    (tmp_path / "short_lived.py").write_text(SHORT_LIVED)
    words = ["--plugin", tmp_path / "short_lived.py", "-e", "toy-brighten", "-t", "toy-mean,toy-whole", "--jobs", "1"]
    calm, struck, doomed = (Desk(tmp_path / name, toy_plugin) for name in ("calm", "struck", "doomed"))
    calm.run(*words, "--out", "out")
    (struck.folder / "deaths").write_text("+")
    struck.run(*words, "--out", "out")
    assert (struck.folder / "deaths").read_text() == ""
    assert table(struck.folder / "out").to_csv() == table(calm.folder / "out").to_csv()
    killed = "while starting: the worker process was killed by SIGKILL, as the system does when memory runs out"
    assert f"this worker died {killed}" in (struck.folder / "out" / "logs" / "worker-0.log").read_text()
    (doomed.folder / "deaths").write_text("+" * 10)
    _, err = doomed.run(*words, "--out", "out", status=1)
    assert f"a worker died {killed.replace(':', ', 3 times in a row:')}; see " in err
    assert (doomed.folder / "deaths").read_text() == "+" * 7
    assert doomed.workers() == []


def finished(desk):
    return list(desk.cache.rglob("*.image"))


# two at once -------------------------------------------------------------------------------------------------


def test_two_runs_at_once_share_a_cache_and_are_both_right(tmp_path, toy_plugin):
    desk = Desk(tmp_path, toy_plugin)
    words = ["-e", "toy-noisy,toy-learner", "-t", "toy-mean,toy-whole", "--jobs", 1]
    both = [desk.start(*words, "--out", out) for out in ("one", "two")]
    for process in both:
        _, err = process.communicate()
        assert process.returncode == 0, err
    calm = Desk(tmp_path / "calm", toy_plugin)
    calm.run(*words, "--out", "out")
    expected = table(calm.folder / "out")
    for out in ("one", "two"):
        assert table(tmp_path / out).equals(expected)


# disks -------------------------------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path):
    """Return a function that mounts a small disk, read-only where that is wanted, or skip where it may not."""
    mounted = []

    def mount(size, *options):
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", ",".join([f"size={size}", *options]), "tmpfs", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError:
            pytest.skip("needs the command mount: not present")
        if done.returncode:
            pytest.skip(f"needs the right to mount a small disk: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def enlarge(folder):
    subprocess.run(["mount", "-o", "remount,size=16m", str(folder)], check=True)


SMALL = ["-e", "toy-brighten,toy-noisy", "-t", "toy-mean", "-d", "toy[size=96]", "--jobs", 1]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, toy_plugin):
    """A run with enough room."""
    desk = Desk(tmp_path_factory.mktemp("undisturbed"), toy_plugin)
    desk.run(*SMALL, "--out", "out")
    return desk


def test_a_full_cache_stops_the_run_and_with_more_room_the_same_command_ends_it(
    tmp_path, toy_plugin, disk, undisturbed
):
    small = disk("180k")
    desk = Desk(tmp_path / "desk", toy_plugin, cache=small)
    _, err = desk.run(*SMALL, "--out", "out", status=1)
    assert f"bench: cannot write '{small}" in err
    assert "No space left on device. What is done is kept: mend it and give the same command again." in err
    assert len(finished(desk)) > 0
    enlarge(small)
    out, _ = desk.run(*SMALL, "--out", "out")
    assert " 0 reused" not in out
    assert table(desk.folder / "out").equals(table(undisturbed.folder / "out"))


# wrong usage -------------------------------------------------------------------------------------------------


@pytest.fixture
def bench(monkeypatch, capsys, tmp_path, toy_plugin):
    """Return a function that calls ``bench run`` in this process and gives its exit status and what it said."""
    monkeypatch.chdir(tmp_path)

    def call(*words, enhancer="toy-brighten", task="toy-mean"):
        words = ["run", "--plugin", str(toy_plugin), "-e", enhancer, "-t", task, *map(str, words)]
        monkeypatch.setattr(sys, "argv", ["bench", *words])
        with pytest.raises(SystemExit) as left:
            main()
        return left.value.code, capsys.readouterr().err

    return call


@pytest.mark.parametrize(("out", "told"), [("", "an argument is empty"), (".", "--out names the current folder")])
def test_an_output_that_names_nothing_is_wrong_usage(bench, out, told):
    status, err = bench("--out", out)
    assert status == 2
    assert told in err


def test_an_output_folder_below_a_file_is_wrong_usage(bench, tmp_path):
    (tmp_path / "file").write_text("")
    code, err = bench("--out", "file/out")
    assert code == 2
    assert err.startswith("bench: cannot write to 'file/out': Not a directory; choose another --out")


def test_a_read_only_output_disk_is_wrong_usage(bench, disk):
    code, err = bench("--out", disk("64k", "ro") / "out")
    assert code == 2
    assert "Read-only file system; choose another --out" in err


def test_a_read_only_cache_stops_the_run_before_any_work(bench, disk, monkeypatch):
    monkeypatch.setenv("RADBENCH_CACHE", str(disk("64k", "ro")))
    code, err = bench("--out", "out")
    assert code == 1
    assert "Read-only file system. What is done is kept" in err


@pytest.mark.parametrize("size", ["4k", "8k", "12k", "16k", "24k"])
def test_a_full_output_disk_stops_the_run_and_with_more_room_the_same_command_ends_it(
    bench, disk, undisturbed, monkeypatch, size
):
    small = disk(size)
    monkeypatch.setenv("RADBENCH_CACHE", str(undisturbed.cache))
    words = [*SMALL[4:], "--out", small]
    code, err = bench(*words, enhancer=SMALL[1])
    assert code == 1
    assert "bench: cannot write" in err
    assert str(small) in err
    assert "No space left on device" in err
    assert err.endswith("What is done is kept: mend it and give the same command again.\n")
    enlarge(small)
    code, err = bench(*words, enhancer=SMALL[1])
    assert (code, err) == (0, "")
    assert table(small).equals(table(undisturbed.folder / "out"))


WRITERS = {
    "data make": ["data", "make", "phantom-lesions", "DISK/made", "--cases", "4", "--format", "dicom", "--jobs", "1"],
    "data add": ["data", "add", "folder", "."],
    "train": ["train", "toy-learner", "--plugin", "PLUGIN", "--out", "DISK/run", "--jobs", "1", "--device", "cpu"],
    "publish": ["publish", "RUN", "--into", "DISK/boards"],
    "enhance": ["enhance", "original", "film.png", "DISK/", "--device", "cpu"],
}


@pytest.mark.parametrize("place", ["notes.txt", "notes.txt/below"])
def test_a_cache_that_is_a_file_is_wrong_usage_and_leaves_no_folder(bench, tmp_path, monkeypatch, place):
    (tmp_path / "notes.txt").write_text("mine")
    monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path / place))
    code, err = bench("--out", tmp_path / "out")
    assert code == 2
    assert f"'{tmp_path / 'notes.txt'}' is a file: set RADBENCH_CACHE to a folder, or take that file away" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("full", [True, False], ids=["full", "read-only"])
@pytest.mark.parametrize("verb", [*WRITERS])
def test_a_disk_that_takes_nothing_is_one_sentence_in_every_verb(
    undisturbed, disk, toy_plugin, tmp_path, monkeypatch, verb, full
):
    place = disk("4k" if full else "64k", *([] if full else ["ro"]))
    if full:
        (place / "filling").write_bytes(b"x" * 4096)
    Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64) * 16).save(tmp_path / "film.png")
    if verb == "data add":
        monkeypatch.setenv("RADBENCH_CONFIG", str(place / "config"))
    known = {"DISK": str(place), "PLUGIN": str(toy_plugin), "RUN": str(undisturbed.folder / "out")}
    words = [re.sub("DISK|PLUGIN|RUN", lambda found: known[found[0]], word) for word in WRITERS[verb]]
    done = subprocess.run([*COMMAND, *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode in (1, 2), done.stdout
    assert "Traceback" not in done.stderr
    assert ("No space left on device" if full else "Read-only file system") in done.stderr
    assert {p.name for p in place.rglob("*") if p.is_file() and p.stat().st_size} <= {"filling"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--plugin", "nowhere.py"], "plugin file '*nowhere.py' does not exist"),
        (["--set", "enhancer.amont=1"], "has a field 'amont': did you mean 'amount'"),
        (["--set", "amount=1"], "--set 'amount=1' must read enhancer.field=value"),
        (["--set", "enhancer.amount=much"], "field 'amount': Input should be a valid number"),
        (["--dataset", "toy[cases=few]"], "field 'cases'"),
        (["--dataset", "tay"], "unknown dataset 'tay': did you mean 'toy'"),
        (["--device", "tpu"], "device 'tpu' must be auto, cpu, cuda or cuda:N"),
        (["--profile", "fast"], "profile 'fast' must be quick or paper"),
        (["--seed", "one"], "--seed 'one' must be a whole number"),
        (["--executor", "moon"], "executor 'moon'"),
        (["--jobs", "-1"], "--jobs"),
        (["--jobs", "many"], "--jobs"),
        (["--timeout", "0"], "--timeout"),
        (["--timeout", "nan"], "timeout"),
        (["--limit", "-1"], "--limit"),
        (["--memory-mb", "1.5"], "--memory-mb"),
        (["--config", "nowhere.toml"], "--config 'nowhere.toml': No such file"),
    ],
)
def test_a_wrong_option_is_one_sentence_and_exit_status_2(bench, tmp_path, words, said):
    code, err = bench(*words, "--out", "out")
    assert code == 2
    for part in said.split("*"):
        assert part in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("jobs = ", "is no TOML"),
        ("jbos = 2", "unknown option 'jbos': did you mean 'jobs'"),
        ("jobs = 'two'", "'jobs' must be a whole number of at least 0, not 'two'"),
        ("timeout = -1", "'timeout' must be a number of at least 0.1, not -1"),
        ("limit = 1.5", "'limit' must be a whole number of at least 0, not 1.5"),
        ("seed = 'x'", "--seed 'x' must be a whole number"),
        ("device = 3", "'device' must be a text, not 3"),
        ("set = 3", "'set' must be a text or a list of texts, not 3"),
        ("enhancer = [1]", "'enhancer' must be a text or a list of texts, not [1]"),
        ("plugin = 3", "'plugin' must be a text or a list of texts, not 3"),
        ("out = 3", "'out' must be a text, not 3"),
        ("retry_failed = 'yes'", "'retry_failed' must be true or false, not 'yes'"),
        ("limit = true", "'limit' must be a whole number of at least 0, not True"),
        ("jobs = -1", "'jobs' must be a whole number of at least 0, not -1"),
        ("timeout = nan", "'timeout' must be a number of at least 0.1, not nan"),
        ("seed = [0, 1.5]", "'seed' must be a whole number, a text as in '0-4', or a list of these, not [0, 1.5]"),
        ("profile = '\udcff'", "is no TOML"),
    ],
)
def test_a_study_file_with_a_fault_is_one_sentence_and_exit_status_2(bench, tmp_path, text, said):
    (tmp_path / "study.toml").write_text(text, errors="surrogateescape")
    code, err = bench("--config", "study.toml", "--out", "out")
    assert (code, said in err) == (2, True), err
