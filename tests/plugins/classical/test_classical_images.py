"""images[root=...]: which file belongs to a case, and what a folder that does not fit says."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from radbench.contracts.case import CaseInfo
from radbench.contracts.config import local_paths
from radbench.contracts.errors import CaseError, DatasetError, InvalidOutputError
from radbench_classical.folder import Images

BLANK = torch.zeros(1, 1, 4, 5)


def write(path: Path, value: int, size: tuple[int, int] = (4, 5)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, value, dtype=np.uint8)).save(path)


def load(root: Path) -> Images:
    return Images(Images.Config(root=root))


def case(case_id: str) -> CaseInfo:
    return CaseInfo(case_id, "patient")


def test_each_case_gets_the_file_of_its_name(tmp_path: Path) -> None:
    write(tmp_path / "b.tif", 51)
    write(tmp_path / "a.png", 255)
    out = load(tmp_path).enhance(torch.zeros(2, 1, 4, 5), [case("b"), case("a")])
    assert (out.dtype, tuple(out.shape)) == (torch.float32, (2, 1, 4, 5))
    assert out.amax(dim=(1, 2, 3)).tolist() == pytest.approx([0.2, 1.0])


def test_a_nested_case_id_lies_in_subfolders(tmp_path: Path) -> None:
    write(tmp_path / "p1" / "scan" / "7.png", 102)
    write(tmp_path / "p2" / "scan" / "7.png", 204)
    out = load(tmp_path).enhance(BLANK, [case("p2/scan/7")])
    assert float(out.mean()) == pytest.approx(0.8)


def test_a_dot_in_the_case_id_is_not_a_suffix(tmp_path: Path) -> None:
    write(tmp_path / "lesion.12.png", 102)
    assert float(load(tmp_path).enhance(BLANK, [case("lesion.12")]).mean()) == pytest.approx(0.4)


def test_reversed_polarity_turns_the_images(tmp_path: Path) -> None:
    write(tmp_path / "a.png", 51)
    images = Images(Images.Config(root=tmp_path, polarity="reversed"))
    assert float(images.enhance(BLANK, [case("a")]).mean()) == pytest.approx(0.8)


def test_a_missing_file_names_the_case_and_the_folder(tmp_path: Path) -> None:
    write(tmp_path / "a.png", 1)
    with pytest.raises(CaseError, match=r"case 'zz' has no image in '.*") as error:
        load(tmp_path).enhance(BLANK, [case("zz")])
    assert str(tmp_path) in str(error.value)


def test_another_size_is_refused_with_both_sizes(tmp_path: Path) -> None:
    write(tmp_path / "a.png", 1, size=(8, 9))
    with pytest.raises(InvalidOutputError, match=r"8 x 9 .* 4 x 5"):
        load(tmp_path).enhance(BLANK, [case("a")])


def test_two_files_for_one_case_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.png", 1)
    write(tmp_path / "a.tif", 2)
    with pytest.raises(DatasetError, match="case id 'a'"):
        load(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not exist"):
        load(tmp_path / "nowhere")


def test_an_unreadable_file_is_an_error_of_its_case(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    with pytest.raises(CaseError, match=r"a\.png"):
        load(tmp_path).enhance(BLANK, [case("a")])


def test_an_empty_folder_says_so_for_the_case(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="there are 0 images"):
        load(tmp_path).enhance(BLANK, [case("a")])


def test_the_root_is_a_path_of_this_machine(tmp_path: Path) -> None:
    assert local_paths(Images.Config(root=tmp_path)) == [tmp_path]


def test_the_root_must_be_given() -> None:
    with pytest.raises(ValidationError, match="root"):
        Images.Config()


def test_the_fingerprint_follows_contents_and_names_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path / "one" / "a.png", 1)
    write(tmp_path / "two" / "a.png", 1)
    first = load(tmp_path / "one").fingerprint()
    assert load(tmp_path / "two").fingerprint() == first
    write(tmp_path / "two" / "a.png", 2)
    assert load(tmp_path / "two").fingerprint() != first
    (tmp_path / "one" / "a.png").rename(tmp_path / "one" / "b.png")
    assert load(tmp_path / "one").fingerprint() != first
    (tmp_path / "one" / "notes.txt").write_text("not an image")
    (tmp_path / "one" / "b.png").rename(tmp_path / "one" / "a.png")
    assert load(tmp_path / "one").fingerprint() == first


def test_the_fingerprint_follows_the_header_beside_an_img_alone(tmp_path: Path) -> None:
    (tmp_path / "a.img").write_bytes(bytes(512))
    bare = load(tmp_path).fingerprint()
    # As it was before headers counted.
    contents = hashlib.sha256(bytes(512)).digest()
    assert bare == hashlib.sha256(b"a\0.img\0" + contents).hexdigest()
    found = {bare}
    for header in (b"1" * 348, b"2" * 348):
        (tmp_path / "a.hdr").write_bytes(header)
        found.add(load(tmp_path).fingerprint())
    assert len(found) == 3
    (tmp_path / "b.hdr").write_bytes(b"of nothing")
    assert load(tmp_path).fingerprint() in found


def test_twelve_bits_in_sixteen_are_warned_of_until_the_depth_is_said(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 5), 4095, dtype=np.uint16)).save(tmp_path / "a.png")
    with pytest.warns(UserWarning, match="case 'a': 'a.png': values end at 4095 of 65535.*bits=12"):
        load(tmp_path).enhance(BLANK, [case("a")])
    deep = Images(Images.Config(root=tmp_path, bits=12)).enhance(BLANK, [case("a")])
    assert deep.unique().tolist() == [1.0]
