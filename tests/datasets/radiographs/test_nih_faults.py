"""What may be wrong with ChestX-ray14 on a disk: it is the fault of its own case, or stops with the file and line."""

from __future__ import annotations

import pytest

from radbench.contracts import CaseError
from radbench.contracts.case import validate_case
from radbench.contracts.dataset import check_manifest
from radbench.contracts.errors import DatasetError
from radbench_nih.config import NihConfig
from radbench_nih.dataset import NihChestXray14

from . import made_collections as made
from .small_nih import opened, rewritten


@pytest.fixture
def root(tmp_path):
    return made.nih(tmp_path / "nih")


def test_a_missing_image_is_the_fault_of_its_own_case(root):
    made.nih_path(root, "00000004_000.png").unlink()
    data = opened(root)
    assert len(data.manifest()) == 6
    with pytest.raises(CaseError, match=r"00000004_000.*listed and not there.*absent=leave-out"):
        data.load("00000004_000")
    validate_case(data.load("00000004_001"))
    assert any("1 of 6 listed images not there" in t and "00000004_000.png" in t for t in data.noticed())


def test_leaving_missing_images_out_is_asked_for_and_told(root):
    made.nih_path(root, "00000004_000.png").unlink()
    data = opened(root, absent="leave-out")
    assert len(data.manifest()) == 5
    assert any("1 of 6 listed images not there, left out" in text for text in data.noticed())


def test_an_extra_image_is_noticed(root):
    made.save(root / "images_001" / "images" / "00000009_000.png", made.pixels("x"))
    assert [t for t in opened(root).noticed() if "in no line" in t] == [
        "1 image in no line of the tables: '00000009_000.png'"
    ]


def test_a_file_that_is_cut_short_is_named(root):
    path = made.nih_path(root, "00000002_000.png")
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(CaseError, match=r"00000002_000.*cut short or damaged"):
        opened(root).load("00000002_000")


def test_a_file_of_another_size_is_named(root):
    made.save(made.nih_path(root, "00000002_000.png"), made.pixels("y", 24, 32))
    data = opened(root, pixels=32)
    data.load("00000001_000")
    with pytest.raises(CaseError, match=r"32 x 24 \(columns x rows\).*32 x 32"):
        data.load("00000002_000")
    with pytest.raises(CaseError, match="1024 x 1024"):
        NihChestXray14(NihConfig(root=root)).load("00000001_000")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("00000002_000.png,Toothache,0,2,80,M,PA,2500,2048,0.171,0.171", "names 'Toothache'"),
        ("00000002_000.png,nan,0,2,80,M,PA,2500,2048,0.171,0.171", "names 'nan'"),
        ("00000002_000.png,,0,2,80,M,PA,2500,2048,0.171,0.171", "names ''"),
        ("00000002_000.png,No Finding|Mass,0,2,80,M,PA,2500,2048,0.171,0.171", "names 'No Finding'"),
        ("00000002_000.png,No Finding,0,7,80,M,PA,2500,2048,0.171,0.171", "Patient ID '7'"),
        ("00000002_000.png,No Finding,0,2,80,M,LL,2500,2048,0.171,0.171", "View Position 'LL'"),
        ("00000002_000.png,No Finding,0,2,80,M,PA,2500,2048,0.171", "has 10 fields"),
        ("00000002_000.png,No Finding,0,2,80,M,PA,2500,2048,0.171,0.171,surplus", "has 12 fields"),
        ("00000002_000.png,No Finding,0,2,80,M,PA,2500,nan,0.171,0.171", "must be positive"),
        ("00000002_000.png,No Finding,0,2,80,M,PA,2500,2048,0,0.171", "must be positive"),
    ],
)
def test_a_line_that_cannot_be_read_is_its_cases_fault_with_its_number(root, line, what):
    rewritten(root, 4, line)
    data = opened(root)
    with pytest.raises(CaseError, match=r"Data_Entry_2017\.csv', line 4: .*" + what.replace("|", r"\|")):
        data.load("00000002_000")
    validate_case(data.load("00000003_000"))


def test_a_line_without_an_image_stops_with_its_number(root):
    rewritten(root, 4, "patient 2,No Finding,0,2,80,M,PA,2500,2048,0.171,0.171")
    with pytest.raises(DatasetError, match="line 4: Image Index 'patient 2'"):
        opened(root).manifest()


def test_a_damaged_quote_is_named_with_its_line(root):
    rewritten(root, 4, '00000002_000.png,"No" Finding,0,2,80,M,PA,2500,2048,0.171,0.171')
    with pytest.raises(DatasetError, match="line 4: it cannot be read"):
        opened(root).manifest()


def test_two_lines_that_differ_are_a_fault_and_the_same_line_twice_is_noticed(root):
    path = root / "Data_Entry_2017.csv"
    path.write_text(
        path.read_text() + made.NIH_LINES[0] + "\n" + made.NIH_LINES[2].replace("No Finding", "Mass") + "\n"
    )
    data = opened(root)
    check_manifest("nih-cxr14", data.manifest())
    validate_case(data.load("00000001_000"))
    with pytest.raises(CaseError, match=r"two lines.*'00000002_000\.png'"):
        data.load("00000002_000")
    assert "'00000001_000.png' is in lines 2 and 9 of the table" in data.noticed()


def test_an_image_in_two_folders_is_noticed_and_a_fault_where_the_two_differ(root):
    name = "00000002_000.png"
    first = made.nih_path(root, name)
    other = root / "images_012" / "images" / name
    other.parent.mkdir(parents=True)
    other.write_bytes(first.read_bytes())
    data = opened(root)
    validate_case(data.load("00000002_000"))
    assert any("in several folders" in text and name in text for text in data.noticed())
    made.save(other, made.pixels("other"))
    with pytest.raises(CaseError, match="the two differ"):
        opened(root).load("00000002_000")


def test_a_patient_in_both_lists_is_refused_by_name(root):
    made.nih_lists(root, ["00000001_000.png", "00000004_000.png"], ["00000004_001.png"])
    with pytest.raises(DatasetError, match=r"patient '00000004' is in both 'train_val_list\.txt' and 'test_list\.txt'"):
        opened(root).manifest()


def test_a_listed_image_without_a_line_is_a_fault_and_one_that_is_in_no_list_is_noticed(root):
    made.nih_lists(root, ["00000001_000.png", "00000008_000.png"], made.NIH_TEST)
    data = opened(root)
    with pytest.raises(CaseError, match=r"train_val_list\.txt', line 2 names '00000008_000\.png'"):
        data.load("00000008_000")
    assert any("4 images of the table in neither list" in text for text in data.noticed())


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("00000004_000.png,Nodule,512,256,nan,64", "no number"),
        ("00000004_000.png,Nodule,512,256,0,64", "empty or turned round"),
        ("00000004_000.png,Nodule,512,256,600,64", "leaves the 1024 x 1024"),
        ("00000004_000.png,Nodule,512,256,x,64", "must be four numbers"),
        ("00000004_000.png,Lump,512,256,10,64", "Finding Label 'Lump'"),
        ("00000004_000.png,Nodule,512,256", "has 4 fields"),
    ],
)
def test_a_box_that_cannot_be_is_its_cases_fault_with_its_line(root, line, what):
    rewritten(root, 2, line, "BBox_List_2017.csv")
    data = opened(root)
    with pytest.raises(CaseError, match=r"BBox_List_2017\.csv', line 2: .*" + what):
        data.load("00000004_000")
    validate_case(data.load("00000004_001"))


def test_a_box_of_an_image_that_is_not_listed_is_noticed(root):
    path = root / "BBox_List_2017.csv"
    path.write_text(path.read_text() + "00000077_000.png,Mass,1,1,5,5\n")
    assert any("1 image in neither list: '00000077_000.png'" in text for text in opened(root).noticed())


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda root: (root / "Data_Entry_2017.csv").unlink(), r"Data_Entry_2017\.csv' does not exist"),
        (lambda root: (root / "test_list.txt").unlink(), r"test_list\.txt' does not exist"),
        (lambda root: (root / "test_list.txt").write_text(""), "is empty"),
        (lambda root: (root / "test_list.txt").write_text("a.png\n"), r"test_list\.txt', line 1: 'a\.png'"),
        (lambda root: (root / "Data_Entry_2017.csv").write_text("a,b\n1,2\n"), "has no column 'Image Index'"),
        (lambda root: (root / "Data_Entry_2017.csv").write_bytes(b"\xff\xfe\x00"), "no UTF-8 text"),
        (
            lambda root: (root / "Data_Entry_2017_v2020.csv").write_bytes((root / "Data_Entry_2017.csv").read_bytes()),
            "holds both",
        ),
        (lambda root: [p.unlink() for p in root.glob("*/images/*.png")], "none of the 6 images"),
    ],
)
def test_a_collection_that_lacks_a_part_says_which(root, spoil, what):
    spoil(root)
    with pytest.raises(DatasetError, match=what):
        opened(root).manifest()


def test_an_empty_folder_and_one_that_is_not_there_say_what_is_expected(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"Data_Entry_2017\.csv' does not exist"):
        opened(tmp_path / "empty").manifest()
    with pytest.raises(DatasetError, match=r"does not exist; give the folder with Data_Entry_2017\.csv"):
        opened(tmp_path / "nowhere").manifest()
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="is a file"):
        opened(tmp_path / "file").manifest()


def test_bytes_that_change_during_a_run_are_refused(root):
    data = opened(root)
    data.manifest()
    made.save(made.nih_path(root, "00000002_000.png"), made.pixels("changed"))
    with pytest.raises(CaseError, match="was changed during the run"):
        data.load("00000002_000")
