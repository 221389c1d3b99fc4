"""The column ``git_commit``: which working trees a row's code lay in, and whether they were changed."""

import re
import subprocess
from types import SimpleNamespace

import pytest

from radbench.leaderboard import commits
from radbench.leaderboard.commits import commit_of


@pytest.fixture(autouse=True)
def forgetful():
    """Commits are remembered within a process, which these tests change them under."""
    commits._commit_at.cache_clear()


def git(folder, *words):
    names = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *names, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def tree(tmp_path):
    """Return a folder under version control with one plugin in it, and its commit."""
    folder = tmp_path / "secret-project"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "my_plugin.py").write_text("x = 1\n")
    (folder / ".gitignore").write_text("venv/\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    return SimpleNamespace(folder=folder, plugin=folder / "my_plugin.py", commit=git(folder, "rev-parse", "HEAD")[:12])


@pytest.fixture
def radbench_at(monkeypatch):
    """Return a function that says where radbench lies."""
    return lambda file: monkeypatch.setattr(commits.radbench, "__file__", str(file))


def part(path=None, name="third-party", noted=None, below=None):
    installed = None if path else SimpleNamespace(read_text=lambda _: noted)
    plugin = SimpleNamespace(path=path, installed=installed, distribution=path.name if path else name)
    spec = SimpleNamespace(factory="no_such_module_at_all:f")
    return SimpleNamespace(plugin=plugin, spec=spec, named=lambda sources: [("of", below)] if below else [])


def pair(enhancer, task=None, dataset=None):
    plain = part()
    return SimpleNamespace(enhancer=enhancer, task=task or plain, dataset=dataset or plain)


def test_one_tree_has_one_commit(tree, radbench_at):
    radbench_at(tree.plugin)
    assert commit_of(pair(part(tree.plugin), part(tree.plugin))) == tree.commit


def test_a_plugin_of_another_tree_is_named_beside_radbench(tree, radbench_at, tmp_path):
    radbench_at(tmp_path / "site-packages" / "radbench" / "__init__.py")
    assert commit_of(pair(part(tree.plugin))) == f"my_plugin.py {tree.commit}"


def test_the_parts_of_a_part_count(tree, radbench_at, tmp_path):
    radbench_at(tmp_path / "nowhere.py")
    assert commit_of(pair(part(below=part(tree.plugin)))) == f"my_plugin.py {tree.commit}"


def test_what_was_changed_since_is_marked(tree, radbench_at, tmp_path):
    radbench_at(tmp_path / "nowhere.py")
    tree.plugin.write_text("x = 2\n")
    assert commit_of(pair(part(tree.plugin))) == f"my_plugin.py {tree.commit}+"


def test_a_file_that_was_never_committed_is_no_part_of_the_commit(tree, radbench_at, tmp_path):
    radbench_at(tmp_path / "nowhere.py")
    new = tree.folder / "new_plugin.py"
    new.write_text("y = 1\n")
    assert commit_of(pair(part(new))) == f"new_plugin.py {tree.commit}+"


def test_what_is_installed_below_a_tree_that_ignores_it_does_not_belong_to_it(tree, radbench_at):
    package = tree.folder / "venv" / "lib" / "radbench" / "__init__.py"
    package.parent.mkdir(parents=True)
    package.write_text("")
    radbench_at(package)
    assert commit_of(pair(part(package))) == ""


def test_what_was_installed_from_a_repository_has_the_commit_that_was_noted(radbench_at, tmp_path):
    radbench_at(tmp_path / "nowhere.py")
    noted = '{"url": "https://example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": "0123456789abcdef0123"}}'
    assert commit_of(pair(part(noted=noted))) == "third-party 0123456789ab"
    assert commit_of(pair(part(noted='{"url": "file:///home/me/x", "dir_info": {}}'))) == ""
    assert commit_of(pair(part(noted="no JSON"))) == ""


def test_nothing_of_the_path_is_told_and_the_variables_of_a_hook_lead_nowhere(tree, radbench_at, tmp_path, monkeypatch):
    radbench_at(tmp_path / "nowhere.py")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert re.fullmatch(r"my_plugin\.py [0-9a-f]{12}", commit_of(pair(part(tree.plugin))))


def test_a_tree_without_a_commit_has_none(tmp_path, radbench_at):
    radbench_at(tmp_path / "nowhere.py")
    git(tmp_path, "init", "-q")
    (tmp_path / "my_plugin.py").write_text("")
    assert commit_of(pair(part(tmp_path / "my_plugin.py"))) == ""
