"""A study of even greys, run once."""

from __future__ import annotations

from pathlib import Path

import pytest

from radbench.studies.running import StudyRun

from .made_greys import PLUGIN, STUDY, ran


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, StudyRun]:
    """A study's file with its films and plugin, and the study as it was run."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "films").mkdir()
    for k in range(9):
        (folder / "films" / f"c{k}.txt").write_text(str((k * k % 13) / 20))
    (folder / "films" / "t0.txt").write_text("0.3")
    # Under another name: one process may load that file for other tests, and a module has one place.
    (folder / "studied_plugin.py").write_text(PLUGIN.read_text().replace("board_plugin:", "studied_plugin:"))
    (folder / "study.toml").write_text(STUDY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RADBENCH_CACHE", str(folder / "cache"))
        patch.setenv("RADBENCH_CONFIG", str(folder / "config"))
        patch.chdir(folder)
        return folder, ran(folder)


@pytest.fixture
def there(made: tuple[Path, StudyRun], monkeypatch: pytest.MonkeyPatch) -> tuple[Path, StudyRun]:
    monkeypatch.setenv("RADBENCH_CACHE", str(made[0] / "cache"))
    monkeypatch.setenv("RADBENCH_CONFIG", str(made[0] / "config"))
    monkeypatch.chdir(made[0])
    return made
