"""Kills at random moments: whoever is killed, and whenever, nothing is lost and no bit of a score changes.

``RADBENCH_KILLS=100`` kills as often; a few by default. Each kill has a cache of its own, and a seed by which it can be
done again: ``-k kill-17``.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest

import radbench

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("RADBENCH_KILLS", "2"))
STUDY = ["-e", "toy-brighten,toy-noisy,toy-learner", "-t", "toy-mean,toy-whole", "--jobs", "2", "--device", "cpu"]
STUDY += ["-d", "toy[cases=8,delay=0.05]", "--out", "out"]
COMMAND = [sys.executable, "-P", "-c", "from radbench.cli import main; main()"]
# What depends on the clock, and on who commits while the tests run.
VOLATILE = ["fit_seconds", "task_fit_seconds", "enhance_ms_per_case", "peak_memory_mb", "created_utc", "git_commit"]


def start(folder, plugin):
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "RADBENCH_CACHE": str(folder / "cache")}
    words = [*COMMAND, "run", "--plugin", str(plugin), *STUDY]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(words, cwd=folder, env=environment, **pipes)


def workers(folder):
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            ours = process.environ().get("RADBENCH_CACHE") == str(folder / "cache")
            if ours and "radbench.engine.work.worker" in process.cmdline():
                found.append(process)
    return found


def kept(folder):
    """Return how much is kept so far: images, lines of scores, pieces of lessons, weights."""
    cache = folder / "cache"
    lines = sum(path.read_bytes().count(b"\n") for path in cache.glob("scores/*.jsonl"))
    return lines + sum(len([*cache.rglob(what)]) for what in ("*.image", "*.lessons", "weights.safetensors"))


def table(folder):
    return radbench.read_leaderboard(folder / "out").drop(columns=VOLATILE).to_csv(index=False)


@pytest.fixture(scope="module")
def calm(tmp_path_factory, toy_plugin):
    """A run that nobody disturbs: its table, and how much it keeps."""
    folder = tmp_path_factory.mktemp("calm")
    process = start(folder, toy_plugin)
    _, err = process.communicate()
    assert process.returncode == 0, err
    return table(folder), kept(folder)


@pytest.mark.parametrize("seed", [pytest.param(seed, id=f"kill-{seed}") for seed in range(KILLS)])
def test_whoever_is_killed_nothing_is_lost_and_nothing_changes(calm, tmp_path, toy_plugin, seed):
    expected, most = calm
    draws, folder = random.Random(seed), tmp_path / "struck"
    # Each in turn, so that a few kills try both.
    victim, moment = ("parent", "worker")[seed % 2], draws.randrange(most)
    process = start(folder, toy_plugin)
    while process.poll() is None and kept(folder) < moment:
        time.sleep(0.02)
    time.sleep(draws.uniform(0.0, 0.1))
    if victim == "parent":
        process.kill()
    else:
        for one in draws.sample(found := workers(folder), min(1, len(found))):
            one.kill()
    _, err = process.communicate()
    if process.returncode != 0:
        assert (victim, process.returncode) == ("parent", -signal.SIGKILL), err
        deadline = time.monotonic() + 60
        while workers(folder) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert workers(folder) == []
        process = start(folder, toy_plugin)
        _, err = process.communicate()
    assert process.returncode == 0, err
    assert table(folder) == expected
