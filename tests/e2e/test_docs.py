"""What README and docs show is run: their plugin files, their Python, their commands."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from radbench.cli import main
from radbench.imaging import write_image

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)

LESSON = "phantom-cxr[patients=10,grid=[32,32,32],size=64]"
QUICK_LESSON = [
    *("--set", f"enhancer.trained_on={LESSON}"),
    *("--set", "enhancer.segmentation_epochs=1"),
    *("--set", "enhancer.extraction_epochs=1"),
    *("--set", "enhancer.chest_epochs=1"),
    *("--set", "enhancer.size=64", "--set", "enhancer.first_filters=2", "--set", "enhancer.coarse_filters=4"),
]
"""What the README trains in minutes is trained on a few small patients here, in small networks."""
SMALLER = {"phantom-cxr[patients=20]": "phantom-cxr[patients=20,grid=[32,32,32],size=64]"}
"""Nor are as many large patients made as the documents name."""


def blocks(document, language):
    return [(m[2], m[3]) for m in BLOCK.finditer((ROOT / document).read_text()) if m[1] == language]


def commands(document):
    lines = [line[2:] for _, text in blocks(document, "console") for line in text.splitlines() if line.startswith("$ ")]
    return [part.strip() for line in lines for part in line.split("&&") if part.strip().startswith("bench ")]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A reader's folder: some radiographs, the plugins that the documents print, a cache."""
    folder = tmp_path_factory.mktemp("desk")
    rng = np.random.default_rng(0)
    for i in range(3):
        rough = np.cumsum(np.cumsum(rng.normal(size=(128, 96)), 0), 1).astype(np.float32)
        image = torch.from_numpy((rough - rough.min()) / (rough.max() - rough.min()))
        write_image(folder / "my-radiographs" / f"{i}.png", image[None])
    for document in ("docs/plugins.md", "docs/reference.md"):
        for name, text in blocks(document, "python"):
            if name:
                (folder / name).write_text(text)
    return folder


def shell(folder, words):
    environment = {**os.environ, "RADBENCH_CACHE": str(folder / "cache"), "RADBENCH_CONFIG": str(folder / "config")}
    environment.pop("RADBENCH_RUNS", None)
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def run_here(command):
    """Return a command's words as they are run here."""
    words = [SMALLER.get(word, word) for word in shlex.split(command)[1:]]
    # What the README runs in full is run on a few cases here.
    words += ["--limit", "2"] if words[0] == "run" and "--limit" not in words else []
    words += QUICK_LESSON if any("lung-unet" in word for word in words) else []
    return words


def bench(folder, command):
    return shell(folder, [sys.executable, "-c", "from radbench.cli import main; main()", *run_here(command)])


@pytest.fixture
def bench_here(desk, monkeypatch, capsys):
    """Give a function that calls ``bench`` in this process: what is loaded is loaded once for many small commands."""
    monkeypatch.setenv("RADBENCH_CACHE", str(desk / "cache"))
    monkeypatch.setenv("RADBENCH_CONFIG", str(desk / "config"))
    monkeypatch.delenv("RADBENCH_RUNS")
    monkeypatch.chdir(desk)

    def call(command):
        words = run_here(command)
        words += ["--debug"] if words[0] == "run" else []
        monkeypatch.setattr(sys, "argv", ["bench", *words])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        assert not left.value.code, f"{command}\n{said.out}\n{said.err}"
        return said.out

    before = {*sys.modules}
    yield call
    # Another test may have a plugin file of the same name.
    for file in desk.glob("*.py"):
        if file.stem not in before:
            sys.modules.pop(file.stem, None)


def test_commands_of_the_readme_run(desk):
    """In processes of their own, and in workers."""
    assert commands("README.md")
    for command in commands("README.md"):
        bench(desk, command)


@pytest.mark.parametrize("document", ["docs/plugins.md", "docs/reference.md"])
def test_commands_that_are_shown_run(bench_here, document):
    assert commands(document)
    for command in commands(document):
        bench_here(command)


def test_the_learner_and_the_task_of_the_docs_run(desk):
    few = "mean-shift[trained_on=phantom-lesions[patients=16]]"
    said = bench(desk, f"bench run --plugin learner_plugin.py --plugin task_plugin.py -e {few} -t brightness")
    assert "mean-shift" in said


def test_the_readme_plugin_is_scored(desk):
    (text,) = [t for _, t in blocks("README.md", "python") if "hookimpl" in t]
    own = desk / "readme"
    own.mkdir()
    (own / "my_plugin.py").write_text(text)
    said = bench(own, "bench run --plugin my_plugin.py --enhancer original,sharpen --task grabcut")
    assert "sharpen" in said


def test_the_readme_python_runs(desk):
    bench(desk, "bench run --enhancer original,clahe --task grabcut --out runs/published")
    bench(desk, "bench publish runs/published")
    (text,) = [t for _, t in blocks("README.md", "python") if "radbench.run" in t]
    (desk / "readme_block.py").write_text(
        "import torch\nimages = torch.rand(1, 1, 32, 32)\n" + text + "print(len(frame))"
    )
    assert int(shell(desk, [sys.executable, "readme_block.py"])) > 0


def test_python_in_the_docs_without_a_file_name_runs():
    for name, text in blocks("docs/plugins.md", "python"):
        if not name:
            exec(compile(text, "docs/plugins.md", "exec"), {})
