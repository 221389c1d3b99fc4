"""The data set tbx11k: classes, boxes from both kinds of annotations, official lists, faults by name."""

from __future__ import annotations

import json
import shutil

import pytest

from radbench.contracts import CaseError
from radbench.contracts.case import validate_case
from radbench.contracts.dataset import check_manifest
from radbench.contracts.errors import DatasetError
from radbench_tbx11k.config import Tbx11kConfig
from radbench_tbx11k.dataset import Tbx11k

from . import made_collections as made


@pytest.fixture
def root(tmp_path):
    return made.tbx11k(tmp_path / "TBX11K")


def opened(root, **fields):
    return Tbx11k(Tbx11kConfig(root=root, **fields))


def entries_of(root, **fields):
    entries = opened(root, **fields).manifest()
    check_manifest("tbx11k", entries)
    return entries


def test_the_official_validation_list_is_the_test_split(root):
    splits = {e.case_id: e.split for e in entries_of(root, validation=0.5)}
    assert {c for c, s in splits.items() if s == "test"} == {"h0100", "s0100", "tb0100"}
    assert {s for c, s in splits.items() if s != "test"} == {"train", "validation"}
    assert set(splits) == {"h0001", "h0002", "s0001", "tb0001", "tb0002", "h0100", "s0100", "tb0100"}


def test_classes_are_findings_and_groups(root):
    data = opened(root)
    of = {e.case_id: (e.groups["class"], data.load(e.case_id).targets["findings"]) for e in data.manifest()}
    assert of["h0001"] == ("healthy", {"tb": 0.0, "sick": 0.0})
    assert of["s0001"] == ("sick-non-tb", {"tb": 0.0, "sick": 1.0})
    assert of["tb0001"] == ("tb", {"tb": 1.0, "sick": 0.0})


def test_boxes_are_by_kind_in_the_images_pixels(root):
    data = opened(root)
    boxes = validate_case(data.load("tb0100")).targets["boxes"]
    assert boxes["active-tb"].tolist() == [[1.5, 2.5, 11.5, 22.5]]
    assert boxes["latent-tb"].tolist() == [[30, 30, 50, 40]]
    assert boxes["uncertain-tb"].shape == (0, 4)
    healthy = data.load("h0001").targets["boxes"]
    assert {name: tuple(b.shape) for name, b in healthy.items()} == dict.fromkeys(boxes, (0, 4))


def test_tuberculosis_without_a_box_states_none(root):
    data = opened(root)
    assert data.load("tb0002").targets["boxes"] == {}
    assert any("1 image of tuberculosis without a box: 'tb/tb0002.png'" in text for text in data.noticed())


def test_boxes_go_with_a_reduced_image(root):
    boxes = opened(root, size=32).load("tb0001").targets["boxes"]["active-tb"]
    assert boxes.tolist() == [pytest.approx([(v + 0.5) / 2 - 0.5 for v in (8, 16, 32, 28)])]


def test_voc_files_count_from_one_in_the_pixels_that_they_state(root):
    made.tbx_xml(root, "tb0001", [("ActiveTuberculosis", (1, 1, 1024, 512))], 2048)
    boxes = opened(root, annotations="xml").load("tb0001").targets["boxes"]["active-tb"]
    # 2048 to 64 pixels: the corners 0, 0, 1023, 511.
    assert boxes.tolist() == [pytest.approx([(v + 0.5) / 32 - 0.5 for v in (0, 0, 1023, 511)])]


def test_the_json_of_both_lists_together_does_as_well(root):
    before = [e.digest for e in entries_of(root)]
    folder = root / "annotations" / "json"
    made.tbx_json(folder / "TBX11K_trainval.json", (*made.TBX_TRAIN, *made.TBX_VAL), 64)
    (folder / "TBX11K_train.json").unlink()
    assert [e.digest for e in entries_of(root)] == before


@pytest.mark.parametrize("prefix", ["", "imgs/"])
def test_lists_with_or_without_the_folder_of_images(tmp_path, root, prefix):
    assert entries_of(made.tbx11k(tmp_path / "other", prefix=prefix)) == entries_of(root)


def test_without_annotations_there_are_no_boxes_and_it_is_said(root):
    shutil.rmtree(root / "annotations")
    data = opened(root)
    assert data.targets == {"findings"}
    validate_case(data.load("tb0001"))
    assert any("there are no boxes" in text for text in data.noticed())


def test_rgb_files_become_grey(root):
    case = validate_case(opened(root).load("tb0001"))
    assert case.image.shape == (1, 64, 64)
    assert "RGB channels are equal: grey" in case.provenance["conversions"]


def test_a_missing_image_is_its_own_cases_fault_and_an_extra_one_is_noticed(root):
    (root / "imgs" / "tb" / "tb0001.png").unlink()
    made.save(root / "imgs" / "sick" / "s0999.png", made.pixels("x", 64))
    data = opened(root)
    with pytest.raises(CaseError, match=r"'tb/tb0001\.png' is listed and not there"):
        data.load("tb0001")
    told = data.noticed()
    assert any("1 image in no line of the tables: 'sick/s0999.png'" in text for text in told)
    assert not any("test0001" in text or "MCUCXR" in text for text in told)
    assert len(entries_of(root, absent="leave-out")) == 7


def spoilt(root, **changes):
    path = root / "annotations" / "json" / "TBX11K_train.json"
    found = json.loads(path.read_text())
    found["annotations"][0].update(changes)
    path.write_text(json.dumps(found))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"bbox": [8, 16, 24]}, "not of four numbers"),
        ({"bbox": [8, 16, 0, 5]}, "empty or turned round"),
        ({"bbox": [8, 16, 100, 5]}, "leaves the 64 x 64"),
        ({"bbox": None}, "not of four numbers"),
        ({"bbox": [8, float("nan"), 5, 5]}, "no number"),
        ({"category_id": 9}, "names a box ''"),
    ],
)
def test_a_box_that_cannot_be_is_its_cases_fault(root, changes, what):
    spoilt(root, **changes)
    data = opened(root)
    with pytest.raises(CaseError, match=r"TBX11K_train\.json'.*" + what):
        data.load("tb0001")
    validate_case(data.load("tb0100"))


@pytest.mark.parametrize(("height", "what"), [(0, "states a size of 64 x 0"), (-3, "states a size of 64 x -3")])
def test_a_size_that_cannot_be_is_its_cases_fault(root, height, what):
    path = root / "annotations" / "json" / "TBX11K_train.json"
    found = json.loads(path.read_text())
    found["images"][0]["height"] = height
    path.write_text(json.dumps(found))
    with pytest.raises(CaseError, match=what):
        opened(root).load("h0001")


@pytest.mark.parametrize(
    "changes", [{"image_id": [1]}, {"category_id": {}}, {"image_id": None}, {"image_id": "0"}, {"category_id": [1]}]
)
def test_a_coco_file_of_another_make_stops(root, changes):
    spoilt(root, **changes)
    with pytest.raises(DatasetError, match=r"TBX11K_train\.json'"):
        opened(root).manifest()


def test_a_coco_file_with_an_endless_size_stops(root):
    path = root / "annotations" / "json" / "TBX11K_train.json"
    path.write_text(path.read_text().replace('"width": 64', '"width": Infinity'))
    with pytest.raises(DatasetError, match="is no COCO file"):
        opened(root).manifest()


def test_a_box_on_an_image_without_tuberculosis_is_a_fault(root):
    spoilt(root, image_id=0)
    with pytest.raises(CaseError, match=r"boxes of tuberculosis on 'health/h0001\.png'"):
        opened(root).load("h0001")


def test_boxes_of_an_image_that_is_not_listed(root):
    spoilt(root, image_id=77)
    with pytest.raises(DatasetError, match="has boxes of image 77, which it does not list"):
        opened(root).manifest()
    made.tbx_json(root / "annotations" / "json" / "TBX11K_train.json", (*made.TBX_TRAIN, "tb/tb0777.png"), 64)
    assert any("1 image in neither list: 'tb0777'" in text for text in opened(root).noticed())


def test_a_damaged_voc_file_is_its_cases_fault(root):
    made.tbx_xml(root, "tb0001", [], 64)
    path = root / "annotations" / "xml" / "tb0001.xml"
    path.write_text(path.read_text()[:30])
    with pytest.raises(CaseError, match=r"'tb0001\.xml' cannot be read"):
        opened(root, annotations="xml").load("tb0001")


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda root: (root / "lists" / "TBX11K_val.txt").unlink(), r"TBX11K_val\.txt' does not exist"),
        (
            lambda root: (root / "lists" / "TBX11K_val.txt").write_text("test/test_1.png\n"),
            r"TBX11K_val\.txt', line 1: 'test/test_1\.png' is not of the form",
        ),
        (lambda root: (root / "lists" / "TBX11K_val.txt").write_text("tb/tb0001.png\n"), "is in both"),
        (lambda root: (root / "annotations" / "json" / "TBX11K_val.json").write_text("[1]"), "is no COCO file"),
        (lambda root: (root / "annotations" / "json" / "TBX11K_val.json").write_text("{"), "is no COCO file"),
        (lambda root: shutil.rmtree(root / "imgs"), "holds none of health, sick, tb"),
    ],
)
def test_a_collection_that_lacks_a_part_says_which(root, spoil, what):
    spoil(root)
    with pytest.raises(DatasetError, match=what):
        opened(root).manifest()


def test_a_name_listed_twice_counts_once_and_is_noticed(root):
    path = root / "lists" / "TBX11K_train.txt"
    path.write_text(path.read_text() + "tb/tb0001.png\n")
    data = opened(root)
    assert len(data.manifest()) == 8
    assert "'tb/tb0001.png' is listed twice" in data.noticed()


def test_an_empty_folder_and_one_that_is_not_there(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"does not exist"):
        opened(tmp_path / "empty").manifest()
    with pytest.raises(DatasetError, match="does not exist; give the folder with imgs"):
        opened(tmp_path / "nowhere").manifest()
