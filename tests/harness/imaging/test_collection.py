"""Collections: files by name, tables in every form, who is held out."""

from __future__ import annotations

import math
import os

import pytest

from radbench.contracts.errors import DatasetError
from radbench.imaging.collection import (
    Columns,
    Line,
    check_disjoint,
    collection_root,
    find_files,
    held_out,
    read_list,
    read_table,
    repeated,
    shown,
)


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")


def test_files_are_found_by_name_path_or_stem(tmp_path):
    touch(tmp_path / "a" / "1.png", tmp_path / "b" / "c" / "2.PNG", tmp_path / "b" / "3.txt", tmp_path / ".d" / "4.png")
    assert list(find_files([tmp_path], (".png",)).paths) == ["1.png", "2.PNG"]
    assert list(find_files([tmp_path], (".png",), by="path").paths) == ["a/1.png", "b/c/2.PNG"]
    assert list(find_files([tmp_path], (".png",), by="stem").paths) == ["1", "2"]
    assert list(find_files([tmp_path], (".png",), without=("c",)).paths) == ["1.png"]


def test_a_name_in_several_folders_keeps_the_first_and_tells_the_others(tmp_path):
    touch(tmp_path / "a" / "1.png", tmp_path / "b" / "1.png", tmp_path / "c" / "1.png")
    found = find_files([tmp_path], (".png",))
    assert found.paths == {"1.png": tmp_path / "a" / "1.png"}
    assert found.copies == {"1.png": (tmp_path / "b" / "1.png", tmp_path / "c" / "1.png")}
    # A folder that is looked through twice holds no copies.
    assert not find_files([tmp_path / "a", tmp_path / "a"], (".png",)).copies


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may list every folder")
def test_a_folder_that_may_not_be_listed_stops(tmp_path):
    touch(tmp_path / "a" / "1.png", tmp_path / "b" / "2.png")
    (tmp_path / "b").chmod(0)
    try:
        with pytest.raises(DatasetError, match="cannot be listed"):
            find_files([tmp_path], (".png",))
    finally:
        (tmp_path / "b").chmod(0o700)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_tables_are_read_with_any_line_end_and_a_byte_order_mark(tmp_path, ends, bom):
    path = tmp_path / "t.csv"
    path.write_bytes((bom + ends.join(["a,b [x,y]", " 1 ,2,3", "", '"4","5,6"']) + ends).encode())
    assert read_table(path, "") == [
        Line(1, ("a", "b [x", "y]")),
        Line(2, ("1", "2", "3")),
        Line(4, ("4", "5", "6")),
    ]


def test_what_is_no_table_says_so(tmp_path, monkeypatch):
    path = tmp_path / "t.csv"
    with pytest.raises(DatasetError, match=r"t\.csv' does not exist; get it"):
        read_table(path, "get it")
    path.write_text("\n\n")
    with pytest.raises(DatasetError, match="is empty"):
        read_table(path, "")
    path.write_bytes(b"a,\xe9\n")
    with pytest.raises(DatasetError, match="no UTF-8 text"):
        read_table(path, "")
    path.write_text('a,b\n1,2\n3,"4" 5\n')
    with pytest.raises(DatasetError, match="line 3: it cannot be read"):
        read_table(path, "")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_table(tmp_path, "")
    path.write_text("a\n1\n2\n")
    monkeypatch.setenv("RADBENCH_MAX_LINES", "2")
    with pytest.raises(DatasetError, match="more than the 2 lines"):
        read_table(path, "")


def test_columns_are_found_by_any_of_their_names(tmp_path):
    columns = Columns(tmp_path / "t.csv", Line(1, ("name", "sex", "", "Unnamed: 3")))
    assert columns.names == ["name", "sex"]
    assert columns.place("gender", "sex") == 1
    assert columns.maybe("age") is None
    with pytest.raises(DatasetError, match="has no column 'nam': did you mean 'name'"):
        columns.place("nam")
    with pytest.raises(DatasetError, match="names the column 'a' twice"):
        Columns(tmp_path, Line(1, ("a", "a"))).place("a")


def test_a_line_has_the_fields_of_the_header_and_empty_ones_at_its_end(tmp_path):
    columns = Columns(tmp_path, Line(1, ("a", "b", "")))
    assert [columns.fault(Line(2, cells)) for cells in (("1", "2"), ("1", "2", ""), ("1", "2", "", ""))] == ["", "", ""]
    assert columns.fault(Line(2, ("1",))) == "it has 1 fields, and the first line names 2"
    assert "3 fields" in columns.fault(Line(2, ("1", "2", "3")))


def test_lists_have_a_name_a_line_and_slashes(tmp_path):
    (tmp_path / "l.txt").write_bytes(b"\xef\xbb\xbfa b.png\r\n\r\ntb\\c.png\r\n")
    assert read_list(tmp_path / "l.txt", "") == [Line(1, ("a b.png",)), Line(3, ("tb/c.png",))]


def test_patients_are_held_out_by_share_and_seed_whoever_else_there_is():
    ids = [f"{n:08d}" for n in range(5000)]
    held = {i for i in ids if held_out(i, 0.2, 0)}
    assert abs(len(held) - 1000) < 4 * math.sqrt(5000 * 0.2 * 0.8)
    # A larger share holds out the same ones and more.
    assert held < {i for i in ids if held_out(i, 0.3, 0)}
    other = {i for i in ids if held_out(i, 0.2, 1)}
    assert abs(len(held & other) - 200) < 4 * math.sqrt(5000 * 0.04 * 0.96)
    assert not any(held_out(i, 0.0, 0) for i in ids)
    assert all(held_out(i, 1.0, 0) for i in ids)


def test_lists_that_share_a_patient_are_refused():
    check_disjoint({"train": {"1", "2"}, "test": {"3"}})
    with pytest.raises(DatasetError, match=r"patient '2' is in both 'train' and 'test' \(2 patients are\)"):
        check_disjoint({"train": {"1", "2", "3"}, "test": {"3", "2"}})


def test_what_is_named_again_comes_with_its_first_line():
    a, b, c = Line(1, ()), Line(2, ()), Line(3, ())
    assert list(repeated([("x", a), ("y", b), ("x", c)])) == [("x", a, c)]


def test_long_lists_are_cut():
    assert shown(list("abcdefg")) == "'a', 'b', 'c', 'd', 'e' and 2 more"


def test_a_root_that_is_none(tmp_path):
    touch(tmp_path / "f")
    assert collection_root(tmp_path, "x") == tmp_path
    for path, what in ((tmp_path / "f", "is a file"), (tmp_path / "g", "does not exist")):
        with pytest.raises(DatasetError, match=f"{what}; give the folder with images"):
            collection_root(path, "images")
