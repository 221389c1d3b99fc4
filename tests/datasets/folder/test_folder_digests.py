"""Remembered digests: right, taken once, and forgotten when a file may have changed."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from radbench.contracts import DatasetError
from radbench.contracts.folders import cache_folder
from radbench_folder import digests
from radbench_folder.digests import file_digests


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = []
    for name in ("a", "b"):
        path = tmp_path / "root" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode() * 100)
        paths.append(path)
    return paths


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Record what is hashed anew."""
    seen: list[Path] = []
    real = digests._sha256

    def record(path: Path) -> str:
        seen.append(path)
        return real(path)

    monkeypatch.setattr(digests, "_sha256", record)
    return seen


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + int(seconds * 1e9))


def test_digests_are_sha256(files: list[Path], tmp_path: Path) -> None:
    assert file_digests(tmp_path / "root", files) == {f: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_files_are_hashed_once(
    files: list[Path], tmp_path: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch, 10)
    first = file_digests(tmp_path / "root", files)
    assert file_digests(tmp_path / "root", files) == first
    assert hashed == files


def test_changed_file_is_hashed_again(
    files: list[Path], tmp_path: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch, 10)
    file_digests(tmp_path / "root", files)
    stat = files[1].stat()
    # Same size, same modification time: the change time still tells.
    files[1].write_bytes(b"c" * 100)
    os.utime(files[1], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    again = file_digests(tmp_path / "root", files)
    assert hashed == [*files, files[1]]
    assert again[files[1]] == hashlib.sha256(b"c" * 100).hexdigest()


def test_file_changed_a_moment_ago_is_not_remembered(files: list[Path], tmp_path: Path, hashed: list[Path]) -> None:
    file_digests(tmp_path / "root", files)
    file_digests(tmp_path / "root", files)
    assert hashed == files * 2


def test_damaged_memory_is_forgotten(files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch, 10)
    truth = file_digests(tmp_path / "root", files)
    (memory,) = (cache_folder() / "digests").iterdir()
    for text in ("{", "[]", '{"x": 3}', ""):
        memory.write_text(text)
        assert file_digests(tmp_path / "root", files) == truth


def test_unwritable_cache_changes_no_digest(files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch, 10)
    truth = file_digests(tmp_path / "root", files)
    (tmp_path / "file").touch()
    monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path / "file" / "below"))
    assert file_digests(tmp_path / "root", files) == truth


def test_file_that_vanished_is_refused(files: list[Path], tmp_path: Path) -> None:
    files[0].unlink()
    with pytest.raises(DatasetError, match="cannot be read"):
        file_digests(tmp_path / "root", files)
