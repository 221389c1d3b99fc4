"""Remembered digests: right, taken once, and forgotten when a file may have changed."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from radbench.contracts import ImageReadError
from radbench.contracts.errors import ChangedInputError
from radbench.contracts.folders import cache_folder
from radbench.imaging import digests, read_image, read_mask
from radbench.imaging.digests import UNREADABLE, file_digests


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


@pytest.mark.parametrize("instead", ["nothing", "folder", "dangling link"])
def test_file_that_cannot_be_read_stops_no_other(files: list[Path], tmp_path: Path, instead: str) -> None:
    truth = file_digests(tmp_path / "root", files)
    files[0].unlink()
    if instead == "folder":
        files[0].mkdir()
    elif instead == "dangling link":
        files[0].symlink_to(tmp_path / "nowhere")
    assert file_digests(tmp_path / "root", files) == {**truth, files[0]: UNREADABLE}


@pytest.mark.parametrize("bit", [3, 700, 1300])
def test_a_flipped_bit_in_the_memory_changes_no_digest(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bit: int
) -> None:
    later(monkeypatch, 10)
    truth = file_digests(tmp_path / "root", files)
    (memory,) = (cache_folder() / "digests").iterdir()
    data = bytearray(memory.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    memory.write_bytes(data)
    assert file_digests(tmp_path / "root", files) == truth


def png(path: Path) -> None:
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(path)


def nifti(path: Path) -> None:
    nibabel.Nifti1Image(np.arange(64, dtype=np.uint8).reshape(8, 8), np.eye(4)).to_filename(path)


def pair(path: Path) -> None:
    nibabel.Nifti1Pair(np.arange(64, dtype=np.uint8).reshape(8, 8), np.eye(4)).to_filename(path)


@pytest.mark.parametrize(
    ("name", "write"),
    [("a.png", png), ("a.nii", nifti), ("a.nii.gz", nifti), ("a.img", pair)],
)
def test_what_is_decoded_is_what_was_listed(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    path = tmp_path / name
    write(path)
    listed = {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in tmp_path.iterdir()}
    assert read_image(path, digests=listed).image.equal(read_image(path).image)
    for file in listed:
        wrong = {**listed, file: "0" * 64}
        with pytest.raises(ImageReadError, match=f"'{file.name}' was changed during the run"):
            read_image(path, digests=wrong)
        with pytest.raises(ImageReadError, match=f"'{file.name}' was changed during the run"):
            read_mask(path, digests=wrong, threshold=0.5)


def test_a_file_that_was_not_listed_is_refused(tmp_path: Path) -> None:
    """An .img is read as it is until somebody puts a .hdr beside it."""
    pair(tmp_path / "a.img")
    listed = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in [tmp_path / "a.img"]}
    with pytest.raises(ChangedInputError, match=r"'a.hdr' came during the run"):
        read_image(tmp_path / "a.img", digests=listed)
    with pytest.raises(ChangedInputError, match=r"'a.img' came during the run"):
        read_image(tmp_path / "a.img", digests={})


def test_who_asks_for_more_below_a_root_leaves_others_what_they_know(
    files: list[Path], tmp_path: Path, hashed: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch, 10)
    for asked in (files, files[:1], files):
        file_digests(tmp_path / "root", asked)
    assert hashed == files
