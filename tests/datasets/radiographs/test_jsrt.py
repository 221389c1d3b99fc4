"""The data set jsrt: raw and converted files, nodules where the table has them, SCR's outlines and folds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from radbench.cli.app import make_app
from radbench.contracts import CaseError
from radbench.contracts.case import validate_case
from radbench.contracts.dataset import check_manifest
from radbench.contracts.errors import DatasetError
from radbench_jsrt.config import JsrtConfig
from radbench_jsrt.dataset import Jsrt
from radbench_jsrt.table import CASES, find_tables, read_records

from . import made_collections as made

CONVERTED = ("JPCLN001", "JPCLN002", "JPCNN001", "JPCNN002")


def opened(root, **fields):
    return Jsrt(JsrtConfig(root=root, **fields))


def entries_of(root, **fields):
    entries = opened(root, **fields).manifest()
    check_manifest("jsrt", entries)
    return entries


@pytest.fixture
def root(tmp_path):
    """Four converted radiographs of 64 x 64."""
    return made.jsrt(tmp_path / "jsrt", raw=(), converted=CONVERTED)


def converted(root, **fields):
    return opened(root, files="converted", **fields)


def test_there_are_154_with_a_nodule_and_93_without():
    assert (sum(c.startswith("JPCL") for c in CASES), sum(c.startswith("JPCN") for c in CASES)) == (154, 93)
    assert (CASES[0], CASES[153], CASES[154], CASES[-1]) == ("JPCLN001", "JPCLN154", "JPCNN001", "JPCNN093")


def test_a_raw_file_is_turned_round_to_dense_is_bright(tmp_path):
    root = made.jsrt(tmp_path / "jsrt")
    case = validate_case(opened(root, size=512).load("JPCLN001"))
    density = made.jsrt_values("JPCLN001") / 4095.0
    expected = 1 - density.reshape(512, 4, 512, 4).mean(axis=(1, 3))
    assert np.allclose(case.image[0].numpy(), expected, atol=1e-5)
    assert case.spacing_mm == pytest.approx((0.7, 0.7))
    whole = opened(root).load("JPCLN001")
    assert whole.image.shape == (1, 2048, 2048)
    assert whole.spacing_mm == pytest.approx((0.175, 0.175))
    assert whole.targets["aerated_lung_mask"].shape == (1, 2048, 2048)


def test_the_nodule_is_the_disc_of_the_tables_position_and_size(tmp_path):
    case = opened(made.jsrt(tmp_path / "jsrt"), size=1024).load("JPCLN001")
    mask = case.targets["nodule_mask"][0].numpy()
    rows, columns = np.nonzero(mask)
    # 2048 to 1024: whole numbers are pixel centres.
    assert (columns.mean(), rows.mean()) == (
        pytest.approx(1634 / 2 - 0.25, abs=0.2),
        pytest.approx(692 / 2 - 0.25, abs=0.2),
    )
    area_mm2 = mask.sum() * 0.35**2
    assert area_mm2 == pytest.approx(np.pi * (15 / 2) ** 2, rel=0.02)
    left, top, right, bottom = case.targets["boxes"]["nodule"][0].tolist()
    assert right - left == pytest.approx(15 / 0.35, abs=1e-3)
    assert ((left + right) / 2, (top + bottom) / 2) == (pytest.approx(1634 / 2 - 0.25), pytest.approx(692 / 2 - 0.25))
    assert left - 0.5 <= columns.min()
    assert columns.max() <= right + 0.5


def test_without_a_nodule_mask_and_boxes_are_empty(root):
    case = validate_case(converted(root).load("JPCNN001"))
    assert case.targets["findings"] == {"nodule": 0.0}
    assert not case.targets["nodule_mask"].any()
    assert case.targets["boxes"]["nodule"].shape == (0, 4)
    assert case.provenance["age"] == "63"
    assert converted(root).load("JPCLN002").targets["findings"] == {"nodule": 1.0}


def test_groups_are_subtlety_and_diagnosis(root):
    groups = {e.case_id: dict(e.groups) for e in entries_of(root, files="converted")}
    assert groups["JPCLN001"] == {"subtlety": "5", "diagnosis": "malignant"}
    assert groups["JPCLN002"] == {"subtlety": "1", "diagnosis": "benign"}
    assert groups["JPCNN001"] == {}


def test_outlines_are_the_union_of_two_lungs_and_the_heart(root):
    case = converted(root).load("JPCNN001")
    lungs = made.outline("left lung", 64) | made.outline("right lung", 64)
    # 1024 to 64 divides the outline's edges unevenly: half covered counts.
    whole = (made.outline("left lung") | made.outline("right lung")).reshape(64, 16, 64, 16).mean(axis=(1, 3)) / 255
    assert torch.equal(case.targets["aerated_lung_mask"][0], torch.from_numpy(whole >= 0.5))
    assert abs(int(case.targets["aerated_lung_mask"].sum()) - int((lungs > 0).sum())) < 100
    heart = made.outline("heart").reshape(64, 16, 64, 16).mean(axis=(1, 3)) / 255
    assert torch.equal(case.targets["heart_mask"][0], torch.from_numpy(heart >= 0.5))


def test_an_outline_is_enlarged_to_a_raw_image_pixel_by_pixel(tmp_path):
    case = opened(made.jsrt(tmp_path / "jsrt")).load("JPCLN001")
    expected = np.kron(made.outline("heart") > 0, np.ones((2, 2), bool))
    assert torch.equal(case.targets["heart_mask"][0], torch.from_numpy(expected))


def test_sixteen_bit_files_of_twelve_bits_and_reversed_ones(root):
    values = made.pixels("deep", 64, top=4095, kind=np.uint16)
    made.save(root / "images" / "JPCLN001.png", values)
    case = converted(root, bits=12, polarity="reversed").load("JPCLN001")
    assert np.allclose(case.image[0].numpy(), 1 - values / 4095.0, atol=1e-6)


def test_scr_splits_by_its_folds_and_the_two_are_odd_and_even(root, tmp_path):
    whole = {e.case_id: e.split for e in entries_of(root, files="converted")}
    assert len(whole) == 247
    # van Ginneken et al. 2006: 124 odd numbers and 123 even ones.
    assert sum(split == "test" for split in whole.values()) == 123
    other = {e.case_id: e.split for e in entries_of(root, files="converted", test_fold=1)}
    assert {c for c, s in whole.items() if s == "test"}.isdisjoint(c for c, s in other.items() if s == "test")
    assert set(whole.values()) == {"train", "validation", "test"}


def test_the_folder_of_the_masks_decides_over_the_number(root):
    for structure in ("left lung", "right lung", "heart", "left clavicle", "right clavicle"):
        folder = root / "scratch" / "fold2" / "masks" / structure
        (root / "scratch" / "fold1" / "masks" / structure / "JPCNN001.gif").rename(folder / "JPCNN001.gif")
    splits = {e.case_id: e.split for e in entries_of(root, files="converted")}
    assert splits["JPCNN001"] == "test"
    assert splits["JPCNN003"] != "test"


def test_patients_may_be_drawn_instead(root):
    splits = [e.split for e in entries_of(root, files="converted", split="patients", test_share=0.5)]
    assert abs(splits.count("test") - 123.5) < 4 * np.sqrt(247 / 4)
    assert len(entries_of(root, files="converted", split="patients", absent="leave-out")) == 4


def test_a_missing_radiograph_is_its_own_cases_fault(root):
    data = converted(root)
    with pytest.raises(CaseError, match=r"'JPCLN003' is listed and not there"):
        data.load("JPCLN003")
    assert any("243 of 247 listed images not there" in text for text in data.noticed())
    assert len(entries_of(root, files="converted", absent="leave-out")) == 4


def test_without_tables_or_scr_there_are_fewer_targets_and_it_is_said(tmp_path):
    root = made.jsrt(tmp_path / "jsrt", raw=(), converted=CONVERTED, scr=False)
    data = converted(root)
    assert data.targets == {"findings", "nodule_mask", "boxes"}
    assert any("no outlines of SCR" in text for text in data.noticed())
    for path in sorted((root / "Clinical_Information").iterdir()):
        path.unlink()
    bare = converted(root)
    assert bare.targets == {"findings"}
    assert bare.load("JPCLN002").targets == {"findings": {"nodule": 1.0}}
    assert any("no CLNDAT_EN.txt" in text for text in bare.noticed())


def test_a_missing_mask_is_a_fault_where_others_have_one(root):
    (root / "scratch" / "fold1" / "masks" / "left lung" / "JPCNN001.gif").unlink()
    with pytest.raises(CaseError, match="it has no aerated_lung_mask"):
        converted(root).load("JPCNN001")
    validate_case(converted(root).load("JPCNN002"))


def test_an_empty_mask_is_a_fault(root):
    made.save(root / "scratch" / "fold1" / "masks" / "heart" / "JPCNN001.gif", np.zeros((1024, 1024), np.uint8))
    with pytest.raises(CaseError, match=r"mask 'JPCNN001\.gif' in 'heart' is empty"):
        converted(root).load("JPCNN001")


def test_outlines_and_tables_may_lie_elsewhere(tmp_path, root):
    bare = made.jsrt(tmp_path / "bare", raw=(), converted=CONVERTED, scr=False)
    (bare / "Clinical_Information").rename(tmp_path / "clinical")
    data = converted(bare, tables=tmp_path / "clinical", scr=root / "scratch")
    assert data.targets == converted(root).targets
    assert torch.equal(
        data.load("JPCNN001").targets["heart_mask"], converted(root).load("JPCNN001").targets["heart_mask"]
    )
    with pytest.raises(DatasetError, match=r"neither CLNDAT_EN\.txt nor"):
        converted(bare, tables=root / "images").manifest()


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r", ""])
def test_the_table_is_read_with_any_line_end_and_with_those_it_lost(tmp_path, ends):
    root = made.jsrt(tmp_path / "jsrt", ends=ends, scr=False)
    records = read_records(find_tables([root / "Clinical_Information"]))
    assert set(records) == set(CONVERTED)
    nodule = records["JPCLN001"].nodule
    assert (nodule.x, nodule.y, nodule.size_mm, nodule.subtlety, nodule.state) == (1634, 692, 15, "5", "malignant")
    assert records["JPCLN001"].facts["diagnosis"] == "lung cancer"
    assert records["JPCLN002"].facts["diagnosis"] == "hamartoma"
    assert records["JPCNN002"].facts == {"age": "45", "sex": "Male"}


def test_the_table_of_converted_copies_says_the_same(tmp_path, root):
    tables = tmp_path / "tables"
    tables.mkdir()
    lines = ["study_id,subtlety,size,age,gender,x,y,state,position,diagnosis"]
    lines += [f"{name}.png,{rest}".replace("\t", ",") for name, rest in made.JSRT_NODULES.items()]
    lines += [f"JPCNN00{n}.png,,,50,Male,,,non-nodule,," for n in (1, 2)]
    (tables / "jsrt_metadata.csv").write_text("\n".join(lines) + "\n")
    own, other = converted(root).load("JPCLN001"), converted(root, tables=tables).load("JPCLN001")
    assert torch.equal(own.targets["nodule_mask"], other.targets["nodule_mask"])
    assert (own.groups, own.provenance["sex"]) == (other.groups, other.provenance["sex"])


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("1634", "2048", r"lies outside the 2048 x 2048"),
        ("1634", "abc", "x 'abc' is no number"),
        ("1634", "nan", "lies outside"),
        ("\t15\t", "\t?\t", r"size_mm '\?' is no number"),
        ("\t15\t", "\t0\t", "is no diameter"),
        ("5\t15", "6\t15", "is not 1 to 5"),
        ("malignant", "unclear", "'unclear' is not malignant or benign"),
        ("\t692\tmalignant\tl.upper lobe\tlung cancer", "", "it has no y"),
    ],
)
def test_a_line_that_cannot_be_read_is_its_cases_fault_with_its_number(root, old, new, what):
    path = root / "Clinical_Information" / "CLNDAT_EN.txt"
    path.write_text(path.read_text().replace(old, new))
    data = converted(root)
    with pytest.raises(CaseError, match=r"CLNDAT_EN\.txt', line 1: .*" + what):
        data.load("JPCLN001")
    validate_case(data.load("JPCLN002"))


def test_a_nodule_without_a_line_is_a_fault(root):
    made.save(root / "images" / "JPCLN003.png", made.pixels("JPCLN003", 64))
    with pytest.raises(CaseError, match=r"CLNDAT_EN\.txt' has no line for 'JPCLN003'"):
        converted(root).load("JPCLN003")


def test_a_raw_file_that_is_cut_short_is_named(tmp_path):
    root = made.jsrt(tmp_path / "jsrt")
    path = root / "All247images" / "JPCLN001.IMG"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(CaseError, match="has 8388606 bytes"):
        opened(root).load("JPCLN001")


def test_which_files_are_read_is_asked_for(root, tmp_path):
    with pytest.raises(DatasetError, match=r"holds no raw images of the database, but converted ones.*files=converted"):
        opened(root).manifest()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="holds no images"):
        opened(tmp_path / "empty").manifest()
    with pytest.raises(DatasetError, match="does not exist"):
        opened(tmp_path / "nowhere").manifest()


def test_an_extra_file_is_noticed(root):
    made.save(root / "images" / "JPCLN200.png", made.pixels("x", 64))
    assert any("1 image in no line of the tables: 'JPCLN200'" in text for text in converted(root).noticed())


def test_two_films_whose_names_differ_in_letters_alone_are_a_fault_where_they_differ(tmp_path):
    root = made.jsrt(tmp_path / "jsrt", raw=(), converted=("JPCLN001",))
    made.save(root / "more" / "jpcln001.png", made.pixels("another", 64))
    asked = f"jsrt[root={root},files=converted,absent=leave-out]"
    told = CliRunner().invoke(make_app(None), ["data", "check", asked]).output
    assert "JPCLN001: " in told
    assert "and the two differ: remove one" in told
