"""What a study file may say, and what is said of what it may not."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from radbench.cli.run import run
from radbench.cli.study_file import OPTIONS, with_file
from radbench.contracts.errors import UsageError


def read(folder: Path, text: str, typed: tuple[str, ...] = (), **given: Any) -> dict[str, Any]:
    """Return the options of a command after a file; ``typed`` came from the command line."""
    file = folder / "study.toml"
    file.write_text(text)

    def source(name: str) -> SimpleNamespace:
        return SimpleNamespace(name="COMMANDLINE" if name in typed else "DEFAULT")

    context: Any = SimpleNamespace(get_parameter_source=source)
    options = {"enhancer": ["original"], "task": ["grabcut"], "set": [], "seed": "0", "limit": 0, "plugin": [], **given}
    return with_file(options, file, context)


def test_a_file_may_say_every_option_of_a_run() -> None:
    of_run = {name.rstrip("_") for name in inspect.signature(run).parameters} - {"context", "config"}
    assert set(OPTIONS) == of_run


def test_a_file_fills_what_was_not_typed(tmp_path: Path) -> None:
    found = read(tmp_path, 'limit = 3\nseed = [0, 2]\nset = "task.a=1"\n', typed=("limit",), limit=5)
    assert (found["limit"], found["seed"], found["set"]) == (5, "0,2", ["task.a=1"])


def test_paths_of_plugins_are_seen_from_the_file(tmp_path: Path) -> None:
    assert read(tmp_path, 'plugin = "own.py"')["plugin"] == [tmp_path / "own.py"]


def test_what_a_command_does_not_take_is_left_out_but_checked(tmp_path: Path) -> None:
    assert "jobs" not in read(tmp_path, "jobs = 2")
    with pytest.raises(UsageError, match="'jobs' must be a whole number of at least 0, not 'two'"):
        read(tmp_path, "jobs = 'two'")


def test_without_an_enhancer_there_is_nothing_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name at least one --enhancer"):
        read(tmp_path, "limit = 3", enhancer=[])
