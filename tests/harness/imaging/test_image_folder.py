"""The walk over a folder: what counts, in which order, under which case id."""

from __future__ import annotations

from pathlib import Path

import pytest

from radbench.contracts import DatasetError
from radbench.imaging import IMAGE_SUFFIXES, find_images
from radbench.imaging.limits import LIMITS
from radbench_folder.config import FolderConfig


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def test_case_ids_are_paths_without_suffix_in_order(tmp_path: Path) -> None:
    make(tmp_path, "b.png", "a/z.JPG", "a/b/c.nii.gz", "B.tif", "a10.bmp", "a2.gif", "d.IMG", "e.dcm")
    assert list(find_images(tmp_path)) == ["B", "a/b/c", "a/z", "a10", "a2", "b", "d", "e"]
    assert find_images(tmp_path)["a/z"] == tmp_path / "a" / "z.JPG"


def test_other_files_hidden_ones_and_dicomdir_are_passed_over(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "data.csv", "LICENSE", ".b.png", ".git/c.png", "__MACOSX/d.png", "DICOMDIR", "e.npy")
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    assert list(find_images(tmp_path)) == ["a"]


def test_dicom_is_found_by_its_mark_whatever_its_name(tmp_path: Path) -> None:
    for name in ("IM0001", "1.2.840.113619.2", "scan.001"):
        (tmp_path / name).write_bytes(b"\0" * 128 + b"DICM")
    assert list(find_images(tmp_path)) == ["1.2.840.113619.2", "IM0001", "scan.001"]


def test_two_files_of_one_case_id_are_refused_by_name(tmp_path: Path) -> None:
    make(tmp_path, "s/a.png", "s/a.jpg")
    with pytest.raises(DatasetError, match=r"'a\.jpg' and 'a\.png' .* both give the case id 's/a'"):
        find_images(tmp_path)


def test_excluded_folder_is_left_out(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "masks/a.png", "masks/deep/b.png")
    assert list(find_images(tmp_path, exclude=[tmp_path / "masks"])) == ["a"]


def test_linked_folder_is_followed_once(tmp_path: Path) -> None:
    make(tmp_path, "real/a.png")
    (tmp_path / "real" / "loop").symlink_to(tmp_path / "real")
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "link").symlink_to(tmp_path / "real")
    assert list(find_images(tmp_path / "far")) == ["link/a"]


def test_missing_folder_and_file_in_its_place_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "a.png")
    with pytest.raises(DatasetError, match="does not exist"):
        find_images(tmp_path / "none")
    with pytest.raises(DatasetError, match="is a file, not a folder"):
        find_images(tmp_path / "a.png")


def test_folder_without_images_gives_none(tmp_path: Path) -> None:
    assert find_images(tmp_path) == {}


def test_folder_that_may_not_be_listed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    def deny(path: object) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    # The superuser may list everything, so the refusal is made here.
    monkeypatch.setattr(os, "scandir", deny)
    with pytest.raises(DatasetError, match="cannot be listed"):
        find_images(tmp_path)


def test_real_folder_gives_its_forty_images(real_data: Path) -> None:
    found = find_images(real_data / "hannover-cxr")
    assert len(found) == 40
    assert list(found) == sorted(found)


def test_the_document_names_every_suffix_and_the_largest_size() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "inputs.md").read_text()
    assert [suffix for suffix in IMAGE_SUFFIXES if f"`{suffix}`" not in text] == []
    assert [what for what, (most, _) in LIMITS.items() if f"{most:,} {what}" not in text] == []


def test_the_document_names_every_field_of_a_table() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs" / "inputs.md").read_text()
    fields = [name for name in FolderConfig.model_fields if name.endswith(("_column", "_columns")) or "csv" in name]
    assert len(fields) == 7
    assert [name for name in fields if f"`{name}" not in text] == []
