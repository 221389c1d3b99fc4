"""What SECURITY.md promises, from the outside: what is imported, who may read what, what leaves, how a run ends."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import radbench

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-P", "-c", "from radbench.cli import main; main()"]


@pytest.fixture
def bench(tmp_path, toy_plugin):
    """Return a function that calls ``bench`` in a folder of its own and returns what came of it."""
    (tmp_path / "desk").mkdir()

    def call(*words, status=0, **environment):
        environment = {**os.environ, "RADBENCH_CACHE": str(tmp_path / "cache"), **environment}
        given = ["--plugin", str(toy_plugin)] if words[0] in ("run", "train", "plan") else []
        words = [*COMMAND, *words, *given]
        done = subprocess.run(words, cwd=tmp_path / "desk", env=environment, capture_output=True, text=True)
        assert done.returncode == status, f"{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    call.folder = tmp_path / "desk"
    return call


@pytest.mark.parametrize("entries", ["{path}", ":{path}:."])
def test_no_process_imports_what_merely_lies_in_the_current_folder(bench, entries):
    for name in ("numpy", "torch", "pandas", "scipy", "statistics", "filelock", "psutil", "cv2", "typer", "rich"):
        (bench.folder / f"{name}.py").write_text("import os; os._exit(77)\n")
    path = os.environ.get("PYTHONPATH") or str(Path(radbench.__file__).parents[1])
    words = ("run", "-e", "toy-brighten,toy-learner", "-t", "toy-mean", "--jobs", "1", "--out", "out")
    bench(*words, PYTHONPATH=entries.format(path=path))
    bench("data", "make", "phantom-lesions", "made", "--cases", "1", PYTHONPATH=entries.format(path=path))
    assert set(radbench.read_leaderboard(bench.folder / "out")["status"]) == {"ok"}


def test_nothing_that_is_kept_is_read_as_a_pickle():
    """``torch.load`` is called with ``weights_only`` alone, and nothing else that unpickles is called at all."""
    for folder in ("harness", "plugins", "datasets"):
        for file in (ROOT / folder).rglob("*.py"):
            tree = ast.parse(file.read_text())
            imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
            imported |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
            if file.name != "frames.py":  # between a run and its own workers
                assert not imported & {"pickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"}, file
            for call in (n for n in ast.walk(tree) if isinstance(n, ast.Call)):
                if ast.unparse(call.func) == "torch.load":
                    assert any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in call.keywords), file
                if ast.unparse(call.func) in ("np.load", "numpy.load"):
                    assert not any(k.arg == "allow_pickle" and ast.unparse(k.value) != "False" for k in call.keywords)


def test_a_run_that_scored_a_part_of_its_cases_says_so_everywhere_and_ends_with_status_1(bench):
    words = ("run", "-e", "toy-picky", "-t", "toy-mean", "-d", "toy[bad=test1]", "--jobs", "1", "--out", "out")
    done = bench(*words, status=1)
    assert "incomplete: toy-mean--toy[bad=test1]--original: 5 of 6 cases scored" in done.stderr
    assert "incomplete: toy-mean--toy[bad=test1]--toy-picky: 4 of 6 cases scored" in done.stderr
    assert "bench: 2 of 2 pairs not scored on all cases" in done.stderr
    rows = radbench.read_leaderboard(bench.folder / "out").query("group == 'all'").set_index("enhancer")
    assert rows["n_cases"].to_dict() == {"original": 5, "toy-picky": 4}
    assert rows.loc["toy-picky", "error"].startswith("2 of 6 cases failed ('test1', 'test2'): ")
    for printed in (done.stdout, bench("leaderboard", "out").stdout):
        assert "toy-picky: 2 of 6 cases failed ('test1', 'test2')" in " ".join(printed.split())
    # Again, with nothing to do, it ends the same.
    assert "nothing recomputed" in bench(*words, status=1).stdout
    for format_ in ("csv", "markdown", "latex", "json"):
        text = bench("leaderboard", "out", "-f", format_).stdout
        assert "2 of 6 cases failed (" in text
        assert "test1" not in text.replace("bad=test1", "").replace("bad-test1", "")
        assert "test2" not in text
    bench("publish", "out", "--into", "boards")
    published = (bench.folder / "boards" / "toy-mean.csv").read_text().replace("bad=test1", "")
    assert "2 of 6 cases failed (" in published
    assert not any(name in published for name in ("test1", "test2", str(bench.folder)))
    assert "toy-picky" in bench("leaderboard", "boards").stdout


def test_nothing_that_applies_is_no_success(bench):
    done = bench("run", "-e", "toy-brighten", "-t", "toy-lung", "-d", "toy", "--out", "out", status=1)
    assert "bench: nothing was scored: no pair applies" in done.stderr


def test_what_is_published_follows_the_umask_and_what_is_kept_does_not(bench):
    before = os.umask(0o022)
    try:
        bench("run", "-e", "toy-brighten", "-t", "toy-mean", "--jobs", "1", "--out", "out")
        bench("publish", "out", "--into", "boards")
        bench("data", "make", "phantom-lesions", "made", "--cases", "1")
    finally:
        os.umask(before)
    modes = {p: p.stat().st_mode & 0o777 for p in (bench.folder / "out").rglob("*")}
    assert {m for p, m in modes.items() if p.is_file()} == {0o600}
    assert {m for p, m in modes.items() if p.is_dir()} == {0o700}
    assert (bench.folder / "boards" / "toy-mean.csv").stat().st_mode & 0o777 == 0o644
    assert (bench.folder / "made" / "cases.csv").stat().st_mode & 0o777 == 0o644


@pytest.fixture(scope="module")
def scored(tmp_path_factory, toy_plugin):
    """A folder with a run that is only read."""
    folder = tmp_path_factory.mktemp("scored")
    places = {f"RADBENCH_{name.upper()}": str(folder / name) for name in ("cache", "config", "runs")}
    words = ["run", "-e", "toy-brighten", "-t", "toy-mean", "--jobs", "1", "--out", "out", "--plugin", str(toy_plugin)]
    subprocess.run([*COMMAND, *words], cwd=folder, env={**os.environ, **places}, capture_output=True, check=True)
    return folder


@pytest.mark.parametrize("words", [["list"], ["leaderboard", "out"], ["leaderboard", "out", "-f", "csv"], ["--help"]])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full: not present")
def test_output_that_meets_a_full_disk_is_one_sentence(scored, words):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *words], cwd=scored, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "bench: what it prints cannot be written: No space left on device\n"


def test_security_md_is_linked_and_names_no_address_that_is_not_there():
    text = (ROOT / "SECURITY.md").read_text()
    assert "@" not in text
    assert "SECURITY.md" in (ROOT / "README.md").read_text()
