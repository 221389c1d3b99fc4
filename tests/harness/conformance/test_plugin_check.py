"""``bench plugin check``: sentences as they are found out, and a plugin that crashes or hangs is a finding, too."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from radbench.cli import main

PLUGIN = """
from radbench import EnhancerSpec, hookimpl


@hookimpl
def radbench_enhancers():
    return [EnhancerSpec(name, f"{__name__}:{name}", name) for name in ("good", "grows", "dies", "hangs", "closes")]


def good(images):
    return images


def grows(images):
    return images * 3


def dies(images):
    import os, signal

    if images.shape[-1] == 1:
        os.kill(os.getpid(), signal.SIGSEGV)
    return images


def hangs(images):
    import time

    time.sleep(1000)


def closes(images):
    import os, time

    os.closerange(3, 256)
    time.sleep(1000)
"""


TELL = """

def tell(path):
    import os

    with open(path + ".part", "w") as file:
        file.write(str(os.getpid()))
    os.rename(path + ".part", path)
"""


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    path = tmp_path / "checked_plugin.py"
    path.write_text(PLUGIN)

    def call(*words, what=str(path)):
        monkeypatch.setattr(sys, "argv", ["bench", "plugin", "check", what, *words])
        status = 0
        try:
            main()
        except SystemExit as left:
            status = left.code or 0
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def test_all_that_is_found_out_is_told_and_faults_are_the_exit_status(check):
    status, out, _ = check("good", "grows", "--check", "sizes", "--check", "input")
    assert status == 1
    assert "enhancer good\n  holds          sizes" in out
    assert "does not hold  sizes" in out
    assert "image must lie in [0,1]" in " ".join(out.split())
    assert out.splitlines()[-1] == "2 checks hold, 1 does not, 1 not tried"
    assert check("good", "--check", "sizes")[0] == 0


def test_one_that_kills_its_process_is_named_and_the_others_are_tried(check):
    status, out, _ = check("dies", "good", "--check", "sizes", "--check", "constant", "--json")
    found = [(one["subject"], one["check"], one["outcome"]) for one in json.loads(out)]
    assert status == 1
    assert found == [
        ("enhancer dies", "sizes", "does not hold"),
        ("enhancer dies", "constant", "holds"),
        ("enhancer good", "sizes", "holds"),
        ("enhancer good", "constant", "holds"),
    ]
    assert "it ends the process (signal SIGSEGV)" in out


def test_one_that_hangs_is_ended_and_named(check):
    status, out, _ = check("hangs", "--check", "sizes", "--timeout", "10")
    assert (status, "it hangs: no end within 10 s" in out) == (1, True)


def test_nothing_is_left_of_a_check_whose_command_is_killed(tmp_path, until, alive):
    """Each process that tries a plugin ends with its command, which had no time to end it."""
    path, told = tmp_path / "checked_plugin.py", tmp_path / "pid"
    path.write_text(PLUGIN.replace("    time.sleep(1000)", f"    tell({str(told)!r})\n    time.sleep(1000)", 1) + TELL)
    words = ["plugin", "check", str(path), "hangs", "--check", "sizes", "--timeout", "300"]
    command = subprocess.Popen(
        [sys.executable, "-c", "from radbench.cli import main; main()", *words], stdout=subprocess.DEVNULL
    )
    try:
        pid = int(until(lambda: told.exists() and told.read_text()))
        assert alive(pid)
    finally:
        command.kill()
        command.wait()
    until(lambda: not alive(pid))


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that nobody waits for is dead all the same.
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text() if sys.platform == "linux" else True


def test_one_that_closes_what_it_tells_through_and_lives_on_is_ended_and_named(check, monkeypatch):
    monkeypatch.setattr("radbench.conformance.aside._TO_END", 1.0)
    status, out, _ = check("closes", "--check", "sizes", "--timeout", "300")
    assert (status, "its process has not ended 1 s later" in out) == (1, True)


def test_what_is_not_there_is_wrong_usage(check):
    assert (check(what="nowhere.py")[0], check("god")[0], check(what="clasical")[0]) == (2, 2, 2)
    status, _, err = check("--check", "sizs")
    assert (status, "did you mean 'sizes'" in err) == (2, True)
