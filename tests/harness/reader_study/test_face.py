"""Reader studies from Python: the same study and the same results as from the command line, as the docs show it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import radbench.reader_study as face
from radbench.contracts.errors import UsageError
from radbench.reader_study.making import Asked, make_study
from radbench.reader_study.results import analyse_study

from .made_study import made_folder, made_key, write_answers

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reader-study.md"


def test_a_study_from_python_is_that_of_the_command(run, tmp_path):
    made = face.make(run, "original,unsharp,gamma", tmp_path / "a", cases=2, readers=1, seed="s", bits=8)
    same = make_study(run, Asked(("original", "unsharp", "gamma"), 2, 1, seed="s", bits=8), tmp_path / "b")
    assert made.key == same.key
    assert made.pages[0].read_bytes() == same.pages[0].read_bytes()
    with pytest.raises(TypeError, match="disign"):
        face.make(run, ["original"], tmp_path / "c", disign="rating")
    with pytest.raises(UsageError, match="holds something already"):
        face.make(run, ["original", "gamma"], tmp_path / "a")


def test_answers_elsewhere_are_analysed(tmp_path):
    key = made_key()
    folder = made_folder(tmp_path, key)
    files = [write_answers(folder, key, reader, lambda k, name, repeats: len(name) % 3 + 1) for reader in (1, 2)]
    expected = analyse_study(folder).summary
    elsewhere = [file.rename(tmp_path / f"elsewhere-{file.name}") for file in files]
    with pytest.raises(UsageError):
        face.analyse(folder)
    assert face.analyse(str(folder), elsewhere).summary == expected
    assert face.analyse(folder, str(elsewhere[0])).summary != expected


def test_the_python_of_the_docs_runs(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("RUN").symlink_to(run)
    (text,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    first, _, second = text.partition("results = ")
    names: dict[str, object] = {}
    exec(compile(first, "docs/reader-study.md", "exec"), names)
    key = names["made"].key
    for reader in (1, 2):
        write_answers(Path("my-study"), key, reader, lambda k, name, repeats: 1 if name == "gamma" else 2)
    exec(compile(f"results = {second}", "docs/reader-study.md", "exec"), names)
    assert "by 2 readers, 4 cases" in capsys.readouterr().out
    assert names["everything"].startswith("reader,trial,")


def test_what_is_not_asked_for_is_not_imported():
    code = (
        "import sys, radbench.reader_study as f; print([m for m in ('numpy', 'torch') if m in sys.modules], f.__all__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[] ['AnswersError', 'Asked', 'Made', 'Results', 'analyse'")
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = face.nothing
