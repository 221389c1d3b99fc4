"""The tutorials are done, command after command as they stand: what they name is there, and every command ends well.

Trainings come as far as the plan, and runs have a few cases. No other document has a command that no test runs,
but those that are named here with the reason.
"""

import csv
import json
import os
import re
import shlex
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
import torch

from radbench.cli import main
from radbench.imaging import write_image

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
TUTORIALS = ["index.md", *(f"tutorials/{path.name}" for path in sorted((DOCS / "tutorials").glob("*.md")))]
BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)

RUN_ELSEWHERE = {
    "README.md": "test_docs.py",
    "docs/plugins.md": "test_docs.py",
    "docs/reference.md": "test_docs.py",
}
"""Documents with console blocks that another module runs."""
NOT_RUN = {
    "pip install .": "it is how the tests' own environment came about",
    "pip install tox": "tox is what runs the tests",
    "tox": "it is what runs the tests",
}
"""Commands of those blocks that no test runs, and why; `bench` has none."""


def console(document):
    """Return the commands of a document's console blocks, in order."""
    lines = [line for m in BLOCK.finditer(document.read_text()) if m[1] == "console" for line in m[3].splitlines()]
    assert all(line.startswith("$ ") for line in lines), lines
    return [part.strip() for line in lines for part in line[2:].split("&&")]


def installed(folder):
    """Make a package count as installed, as ``pip install -e`` would, from here on."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    info = folder / "src" / f"{project['name'].replace('-', '_')}-0.1.0.dist-info"
    info.mkdir()
    points = "\n".join(f"{k} = {v}" for k, v in project["entry-points"]["radbench"].items())
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    (info / "entry_points.txt").write_text(f"[radbench]\n{points}\n")
    return folder / "src"


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys):
    """A reader's folder, with radiographs and a vendor's images of them; returns what runs a command."""
    for name in ("cache", "config", "runs"):
        monkeypatch.setenv(f"RADBENCH_{name.upper()}", str(tmp_path / name))
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for i in range(3):
        rough = np.cumsum(np.cumsum(rng.normal(size=(96, 80)), 0), 1).astype(np.float32)
        image = torch.from_numpy((rough - rough.min()) / (rough.max() - rough.min()))[None]
        write_image(tmp_path / "my-radiographs" / f"{i}.png", image)
        write_image(tmp_path / "enhanced-by-vendor" / f"{i}.png", image.sqrt())

    def run(command):
        words = shlex.split(command)
        if words[:3] == ["pip", "install", "-e"]:
            source = str(installed(tmp_path / words[3].removesuffix("[test]")))
            monkeypatch.syspath_prepend(source)
            monkeypatch.setenv("PYTHONPATH", os.pathsep.join([source, os.environ.get("PYTHONPATH", "")]))
            return ""
        assert words[0] == "bench", f"nothing runs {command!r}"
        monkeypatch.setattr(sys, "argv", shorter(words))
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        assert not left.value.code, f"{command}\n{said.out}\n{said.err}"
        return said.out

    return run


def shorter(words):
    """Return a command's words as they are run here: few cases, no training, one check of the conformance suite."""
    verb = words[1]
    if verb == "run" and any("my-method" in word for word in words):
        return ["bench", "plan", *words[2:]]
    if verb == "run":
        # What the command line names wins over a study's file.
        fewer = ["--enhancer", "original,clahe"] if "--config" in words else []
        return [*words, *fewer, "--limit", "6" if fewer or "--out" in words else "2", "--debug"]
    if verb == "plugin" and words[2] == "check":
        return [*words, "--check", "configuration"]
    return [*words, "--debug"] if verb == "verify" else words


@pytest.mark.parametrize("tutorial", TUTORIALS)
def test_a_tutorial_goes_as_it_says(desk, tutorial, tmp_path):
    for found in BLOCK.finditer((DOCS / tutorial).read_text()):
        if found[2]:
            (tmp_path / found[2]).write_text(found[3])
    if tutorial.endswith("review.md"):
        # What came with the manuscript.
        desk("bench run --enhancer original,clahe --task grabcut --out theirs")
        desk("bench publish theirs --into leaderboards")
    commands = console(DOCS / tutorial)
    assert len(commands) >= (1 if tutorial == "index.md" else 6)
    for command in commands:
        desk(command)
    if tutorial.endswith("paper.md"):
        files_are_those_of_the_page(tmp_path / "runs" / "paper", tmp_path / "card" / "card.json")


def files_are_those_of_the_page(run, card):
    """Hold a run's folder, its journal and a card against docs/files.md."""
    sections = re.split(r"^##+ (.*)$", (DOCS / "files.md").read_text(), flags=re.MULTILINE)
    named = {
        title: [
            name
            for line in text.splitlines()
            if line.startswith("| `")
            for name in re.findall(r"`([^`]+)`", line.split("|")[1])
        ]
        for title, text in zip(sections[1::2], sections[2::2], strict=True)
    }
    patterns = [re.sub("PAIR|N(?=[.])", "*", name) for name in named["A run's folder"]]
    files = [path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()]
    assert {"leaderboard.csv", "journal.jsonl"} <= {*files}
    assert [file for file in files if not any(fnmatch(file, pattern) for pattern in patterns)] == []
    events = {json.loads(line)["event"] for line in (run / "journal.jsonl").read_text().splitlines()}
    assert {"run", "planned", "pair"} <= events <= {*named["The journal"]}
    columns = next(csv.reader(next((run / "cases").glob("*.csv")).open(newline="")))
    told = {*named["Scores of each case"], "group:lesion-type", "dice", "precision", "recall"}
    assert {*columns} <= told
    assert {*json.loads(card.read_text())} == {*named["A card"]}


def test_every_console_block_is_run_or_there_is_a_reason():
    with_blocks = [path for path in [*ROOT.glob("*.md"), *DOCS.rglob("*.md")] if console(path)]
    known = {*RUN_ELSEWHERE, *(f"docs/{name}" for name in TUTORIALS)}
    assert {path.relative_to(ROOT).as_posix() for path in with_blocks} == known
    others = {c for name in RUN_ELSEWHERE for c in console(ROOT / name) if not c.startswith("bench ")}
    assert others == set(NOT_RUN)
