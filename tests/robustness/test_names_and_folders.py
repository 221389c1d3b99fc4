"""Folders with hostile names and with entries that cannot be read: everything else is done, in every verb."""

from __future__ import annotations

import csv
import json
import os

import pytest
from typer.testing import CliRunner

from radbench.cli.app import make_app
from radbench.contracts.printable import from_cell, name_of
from radbench.imaging.folder import find_images

from .sound_files import put, saved

RAW = [
    b"good",
    b"M\xfcller",
    b"=1+1",
    b"+cmd|' calc'!A0",
    b"-rf",
    b"@SUM",
    b"a|b",
    b"a\nb",
    b"tab\tbed",
    b"\x1b[31mred",
    "\u202egnp".encode(),
    "\u00fcn\u00ef \u60a3\u8005 \U0001f642".encode(),
    b"a;b,c\"d'",
    b"<script>alert(1)</script>"[:8],
    b"%s{}$HOME`id`",
    b"\\input{x}",
    b"CON",
    b" blank ",
    b"x.",
    b"l" * 200,
    b"[abc]*?",
]
"""Names as files may have them, without their suffix."""

SIDE = 48


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of images with such names, and beside them entries that cannot be read."""
    import numpy as np

    dice, root = np.random.default_rng(0), tmp_path / "in"
    for raw in RAW:
        put(root, os.fsdecode(raw) + ".png", saved(dice.integers(0, 256, (SIDE, SIDE), dtype=np.uint8), "PNG"))
    (root / "dangling.png").symlink_to("nowhere")
    (root / "notes.dcm").write_text("no DICOM")
    (root / "empty.png").touch()
    (root / "loop").symlink_to(".")
    (root / "itself.png").symlink_to("itself.png")
    os.mkfifo(root / "pipe.png")
    os.mkfifo(root / "pipe without a suffix")
    (root / "closed").mkdir()
    scan = os.scandir

    def shut(path="."):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    # The superuser, as whom many tests run, may list any folder.
    monkeypatch.setattr(os, "scandir", shut)
    monkeypatch.chdir(tmp_path)
    return tmp_path


BAD = {"dangling", "notes", "empty", "closed/", "pipe", "itself"}
GOOD = {name_of(os.fsdecode(raw)) for raw in RAW}


def bench(*words):
    """Call a verb in this process, as the user would."""
    done = CliRunner().invoke(make_app(None), [*words])
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    assert all(line.isprintable() or "\t" in line for line in done.output.replace("\r", "\n").split("\n")), done.output
    return done


def test_every_name_gives_a_case_and_every_fault_too(folder):
    assert {*find_images(folder / "in")} == GOOD | BAD


def test_check_names_what_is_wrong_and_loads_the_rest(folder):
    done = bench("data", "check", "folder[root=in]", "--json", "--jobs", "1")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert found["loaded"] == len(GOOD)
    assert {fault["case"] for fault in found["faults"]} == BAD


def test_make_writes_the_rest(folder):
    done = bench("data", "make", "folder[root=in]", "made", "--cases", "99", "--jobs", "1")
    assert done.exit_code == 1
    assert f"{len(GOOD)} of {len(GOOD) + len(BAD)} cases written as png: made" in done.stdout
    with (folder / "made" / "cases.csv").open(newline="", encoding="utf-8") as file:
        assert {from_cell(row["case_id"]) for row in csv.DictReader(file)} == GOOD
    assert len([*(folder / "made" / "images").rglob("*.png")]) == len(GOOD)
    assert {p.name for p in folder.iterdir()} <= {"in", "made", "cache", "config", "runs"}


def test_enhance_writes_the_rest(folder):
    done = bench("enhance", "original", "in", "out", "--device", "cpu")
    assert done.exit_code == 1
    assert f"{len(GOOD)} of {len(GOOD) + len(BAD)} images enhanced" in done.stdout
    assert {os.fsencode(p.name) for p in (folder / "out").iterdir()} == {raw + b".png" for raw in RAW}


def test_a_run_scores_the_rest_and_reads_every_name_back(folder):
    words = ("-e", "original", "-t", "image-quality", "-d", "folder[root=in]", "--device", "cpu", "--debug")
    done = bench("run", *words, "--out", "run")
    assert done.exit_code == 1
    assert f"{len(GOOD)} of {len(GOOD) + len(BAD)} cases scored" in done.output
    (cases,) = (folder / "run" / "cases").glob("*.csv")
    with cases.open(newline="", encoding="utf-8") as file:
        rows = [{name: from_cell(cell) for name, cell in row.items()} for row in csv.DictReader(file)]
    assert {row["case_id"] for row in rows if row["status"] == "ok"} == GOOD
    assert {row["case_id"] for row in rows if row["status"] != "ok"} == BAD
