"""command: a program makes an image of an image, without a shell, within its time, and counts by its content."""

import signal
import subprocess
import sys
import time

import pytest
import torch

from radbench.conformance.findings import Outcome
from radbench.conformance.subject import Subject
from radbench.conformance.suite import checks_of, finding
from radbench.conformance.workshop import Workshop
from radbench.contracts import CaseError, InvalidOutputError, UsageError
from radbench.registry.registry import load_registry
from radbench_command.command import Command

INVERT = """
import sys
from PIL import Image, ImageChops
import numpy as np

picture = np.asarray(Image.open(sys.argv[1]))
Image.fromarray(np.iinfo(picture.dtype).max - picture).save(sys.argv[2])
"""


@pytest.fixture
def script(tmp_path):
    def written(text, name="program.py"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return written


def command(path, more="{in} {out}", **fields):
    return Command(Command.Config(run=f"'{sys.executable}' '{path}' {more}", **fields))


def images(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("bits", "format_"), [(16, "png"), (8, "png"), (16, "tiff")])
def test_what_the_program_makes_comes_back_to_the_depth_of_the_file(script, bits, format_):
    given = images(2, 1, 13, 17)
    found = command(script(INVERT), bits=bits, format=format_).enhance(given)
    assert (found.shape, found.dtype) == (given.shape, torch.float32)
    assert float((found - (1 - given)).abs().max()) <= 0.5001 / (2**bits - 1)


def test_it_holds_to_the_contracts(script, tmp_path):
    shop = Workshop((), tmp_path / "shop")
    subject = Subject("enhancer", f"command[run=\"'{sys.executable}' '{script(INVERT)}' {{in}} {{out}}\"]", shop)
    names = ("configuration", "worker", "constant", "input", "bits", "seed", "run")
    checks = [c for c in checks_of(shop.registry, "enhancer", subject.variant) if c.name in names]
    assert {one.outcome for one in (finding(subject, check) for check in checks)} == {Outcome.HOLDS}


def test_there_is_no_shell(script, tmp_path):
    target = tmp_path / "made-by-a-shell"
    program = script(INVERT)
    found = command(program, f"{{in}} {{out}} ; touch {target} && $(touch {target})").enhance(images(1, 1, 4, 4))
    assert (found.shape, target.exists()) == ((1, 1, 4, 4), False)


def test_a_program_that_fails_fails_its_case_with_its_last_line(script):
    path = script("import sys\nprint('first')\nprint('no licence', file=sys.stderr)\nsys.exit(3)")
    with pytest.raises(CaseError, match="ended with status 3: no licence"):
        command(path).enhance(images(1, 1, 4, 4))


def test_a_program_has_ended_though_what_it_started_holds_its_output(script):
    path = script(
        INVERT + "\nimport subprocess\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])"
    )
    given = images(1, 1, 4, 4)
    began = time.monotonic()
    assert torch.allclose(command(path, timeout=200).enhance(given), 1 - given, atol=1e-4)
    assert time.monotonic() - began < 100


def test_what_is_no_image_is_the_programs_fault(script):
    path = script("import sys, pathlib\npathlib.Path(sys.argv[2]).write_bytes(b'nothing')")
    with pytest.raises(InvalidOutputError, match="wrote what is no image that can be read"):
        command(path).enhance(images(1, 1, 4, 4))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_program_ends_with_whoever_called_it(script, tmp_path, until, alive):
    told = tmp_path / "pid"
    path = script(f"import os, time\nopen({str(told)!r}, 'w').write(str(os.getpid()))\ntime.sleep(1000)")
    caller = f"""
import torch
from radbench_command.command import Command
run = {f"'{sys.executable}' '{path}' {{in}} {{out}}"!r}
Command(Command.Config(run=run)).enhance(torch.zeros(1, 1, 4, 4))
"""
    process = subprocess.Popen([sys.executable, "-c", caller])
    try:
        pid = int(until(lambda: told.exists() and told.read_text()))
    finally:
        process.kill()
        process.wait()
    until(lambda: not alive(pid))


def test_a_program_that_takes_too_long_is_ended_with_what_it_started(script, tmp_path):
    mark = tmp_path / "still-there"
    child = f"import time; time.sleep(3); open({str(mark)!r}, 'w')"
    path = script(f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', {child!r}])\ntime.sleep(60)")
    with pytest.raises(CaseError, match="took longer than 1 s"):
        command(path, timeout=1).enhance(images(1, 1, 4, 4))
    time.sleep(3.5)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "ended well and wrote no 'out.png'"),
        (INVERT.replace("max - picture)", "max - picture[:2])"), "made 2 x 4 .rows x columns. of 4 x 4"),
    ],
)
def test_what_is_no_enhanced_image_is_refused(script, text, words):
    with pytest.raises(InvalidOutputError, match=words):
        command(script(text)).enhance(images(1, 1, 4, 4))


@pytest.mark.parametrize("run", ["program {in}", "program {out}", "", "program '{in} {out}"])
def test_a_command_without_both_files_is_refused(run):
    with pytest.raises(ValueError, match=r"must name the files|cannot be split"):
        Command.Config(run=run)


def test_a_program_that_is_not_there_is_named():
    with pytest.raises(UsageError, match="there is no program 'no-such-program' that can be run"):
        Command(Command.Config(run="no-such-program {in} {out}"))


def test_a_script_counts_by_its_content_and_no_path_gets_into_a_label(script, tmp_path):
    shop = Workshop((), tmp_path / "shop")

    def part(path):
        with shop.at_work():
            return shop.part("enhancer", f"command[run=\"'{sys.executable}' '{path}' {{in}} {{out}}\"]")

    one, same = part(script(INVERT)), part(script(INVERT, "elsewhere.py"))
    other = part(script(INVERT + "\n# more", "other.py"))
    assert one.identity == same.identity != other.identity
    assert one.label.startswith("command[run=@")
    assert str(tmp_path) not in one.label


def test_it_is_listed_without_being_called():
    assert load_registry().entry("enhancer", "command").spec.factory == "radbench_command.command:Command"
