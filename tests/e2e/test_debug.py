"""``bench run --debug``: the same scores without workers, with a debugger that works."""

import os
import subprocess
import sys

import pytest

import radbench

PLUGIN = """
import os
from radbench import EnhancerSpec, hookimpl

@hookimpl
def radbench_enhancers():
    return [EnhancerSpec(name=n, factory=f"stop_plugin:{n}", summary=n) for n in ("stops", "raises")]

def stops(images):
    breakpoint()
    return images * 0.5

def raises(images):
    raise RuntimeError("not today")
"""
VOLATILE = ["fit_seconds", "task_fit_seconds", "enhance_ms_per_case", "peak_memory_mb", "created_utc", "git_commit"]


@pytest.fixture
def bench(tmp_path):
    (tmp_path / "stop_plugin.py").write_text(PLUGIN)

    def call(*words, typed="", status=0):
        command = [sys.executable, "-c", "from radbench.cli import main; main()", "run", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, input=typed)
        assert done.returncode == status, f"{done.stdout}\n{done.stderr}"
        return done

    return call


def test_without_workers_every_number_is_the_same(bench, tmp_path, toy_plugin):
    words = ["--plugin", str(toy_plugin), "-e", "toy-brighten,toy-noisy,toy-learner", "-t", "toy-mean,toy-auroc"]
    tables = []
    for name, more in (("workers", ()), ("here", ("--debug",))):
        environment = {**os.environ, "RADBENCH_CACHE": str(tmp_path / name)}
        command = [sys.executable, "-c", "from radbench.cli import main; main()", "run", *words, "--out", name, *more]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
        tables.append(radbench.read_leaderboard(tmp_path / name).drop(columns=VOLATILE).reset_index(drop=True))
    assert tables[0].equals(tables[1])
    assert not list((tmp_path / "here" / "logs").iterdir())


def test_a_breakpoint_in_a_plugin_opens_the_debugger_and_the_run_goes_on(bench):
    words = ["--plugin", "stop_plugin.py", "-e", "stops", "-t", "grabcut", "--limit", "1", "--debug"]
    done = bench(*words, typed="p tuple(images.shape)\nc\n")
    assert "(1, 1, " in done.stdout
    assert "case-steps computed" in done.stdout


def test_quitting_the_debugger_ends_the_run_and_remembers_no_failure(bench):
    words = ["--plugin", "stop_plugin.py", "-e", "stops", "-t", "grabcut", "--limit", "1", "--debug", "--out", "out"]
    assert "interrupted" in bench(*words, typed="q\n", status=130).stderr
    bench(*words, typed="c\n")


def test_a_traceback_is_printed_where_it_happens(bench):
    done = bench(
        *("--plugin", "stop_plugin.py", "-e", "raises", "-t", "grabcut", "--limit", "1", "--debug"), typed="", status=1
    )
    assert 'raise RuntimeError("not today")' in done.stderr
    assert "failed: grabcut--phantom-lesions--raises" in done.stderr
