"""``bench plugin new``: a package of each kind that passes its own tests as it stands, under the given name."""

import os
import shutil
import subprocess
import sys
import tomllib

import pytest

from radbench.contracts.errors import UsageError
from radbench.registry.registry import load_registry
from radbench.scaffold.package import KINDS, write_package


@pytest.fixture(scope="module")
def registry():
    return load_registry()


def installed(folder, module):
    """Make a package that was written count as installed, as ``pip install -e`` would."""
    info = folder / "src" / f"{module}-0.1.0.dist-info"
    info.mkdir()
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    points = "\n".join(f"{k} = {v}" for k, v in project["entry-points"]["radbench"].items())
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    (info / "entry_points.txt").write_text(f"[radbench]\n{points}\n")
    (info / "RECORD").write_text("".join(f"{module}/{p.name},,\n" for p in (folder / "src" / module).glob("*.py")))
    return {**os.environ, "PYTHONPATH": str(folder / "src"), "OMP_WAIT_POLICY": "passive"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_package_passes_its_own_tests(tmp_path, registry, kind):
    folder = write_package(f"my-{kind}", kind, tmp_path / "package", registry)
    environment = installed(folder, f"my_{kind}")
    words = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider"]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_a_new_package_is_scored_beside_others_by_workers(tmp_path, registry):
    folder = write_package("my-enhancer", "enhancer", tmp_path / "package", registry)
    environment = installed(folder, "my_enhancer")
    environment |= {f"RADBENCH_{name.upper()}": str(tmp_path / name) for name in ("cache", "config", "runs")}
    words = ["run", "-e", "original,my-enhancer", "-t", "grabcut", "--limit", "1", "--jobs", "1"]
    called = [sys.executable, "-c", "from radbench.cli import main; main()", *words]
    done = subprocess.run(called, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "my-enhancer" in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_a_template_is_left_and_no_line_is_too_long(tmp_path, registry, kind):
    folder = write_package("a-longer-name", kind, tmp_path / "package", registry)
    files = [p for p in folder.rglob("*") if p.is_file()]
    assert {"pyproject.toml", "README.md", ".gitignore", "tests.yml", "plugin.py", "test_a_longer_name.py"} <= {
        p.name for p in files
    }
    for path in files:
        text = path.read_text()
        assert not any(f"__{word}__" in text for word in ("name", "module", "class", "title", "version")), path
        if path.suffix == ".py":
            assert max(map(len, text.splitlines()), default=0) <= 120, path
            compile(text, str(path), "exec")
    assert tomllib.loads((folder / "pyproject.toml").read_text())["project"]["name"] == "a-longer-name"


@pytest.mark.skipif(shutil.which("ruff") is None, reason="needs ruff: pip install ruff")
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_package_is_formatted_and_its_imports_are_sorted_as_its_author_would(tmp_path, registry, kind):
    folder = write_package(f"zz-{kind}", kind, tmp_path / "package", registry)
    for words in (["check", "--select", "I,E,F,W"], ["format", "--check"]):
        called = ["ruff", words[0], "--isolated", "--no-cache", "--line-length", "120", *words[1:], "."]
        done = subprocess.run(called, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("My Method", "enhancer", "must be lower-case words with hyphens between"),
        ("my_method", "enhancer", "must be lower-case words with hyphens between"),
        ("clahe", "learner", "there is an enhancer 'clahe' already, of radbench"),
        ("grabcut", "task", "there is a task 'grabcut' already"),
        ("json", "task", "'json' is the name of another package"),
        ("radbench-classical", "task", "'radbench_classical' is the name of another package"),
        ("lambda", "enhancer", "'lambda' is a word of the Python language"),
        ("none", "dataset", "'none' is a word of the Python language"),
        ("case", "dataset", "its class would be 'Case', which a dataset's code uses already"),
        ("fit-context", "learner", "its class would be 'FitContext', which a learner's code uses already"),
        ("mine", "enhancr", "did you mean 'enhancer'"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_written(tmp_path, registry, name, kind, words):
    with pytest.raises(UsageError, match=words):
        write_package(name, kind, tmp_path / "package", registry)
    assert not (tmp_path / "package").exists()


def test_what_is_there_already_is_left_alone(tmp_path, registry):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        write_package("mine", "task", tmp_path, registry)
    assert [p.name for p in tmp_path.iterdir()] == ["note.txt"]
