"""The data set chexpert: uncertain and blank labels as asked for, official lists kept, faults named by line."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest

from radbench.contracts import CaseError
from radbench.contracts.case import validate_case
from radbench.contracts.dataset import check_manifest
from radbench.contracts.errors import DatasetError
from radbench_chexpert.config import CheXpertConfig
from radbench_chexpert.dataset import CheXpert
from radbench_chexpert.findings import FINDINGS

from . import made_collections as made

FIRST = "patient00001/study1/view1_frontal"


@pytest.fixture
def root(tmp_path):
    return made.chexpert(tmp_path / "chexpert")


def opened(root, **fields):
    return CheXpert(CheXpertConfig(root=root, **fields))


def entries_of(root, **fields):
    entries = opened(root, **fields).manifest()
    check_manifest("chexpert", entries)
    return entries


def rewritten(root, number, change, table="train.csv"):
    """Change the cells of a line, counted from 1."""
    with (root / table).open(newline="") as file:
        lines = list(csv.reader(file))
    lines[number - 1] = change(lines[number - 1])
    with (root / table).open("w", newline="") as file:
        csv.writer(file).writerows(lines)


def test_the_official_validation_list_is_the_test_split(root):
    entries = entries_of(root)
    assert [e.patient_id for e in entries if e.split == "test"] == ["patient64541", "patient64542"]
    assert {e.patient_id for e in entries if e.split != "test"} == {f"patient{n:05d}" for n in range(1, 7)}
    assert all("frontal" in e.case_id for e in entries)


def test_with_the_official_test_labels_the_lists_are_the_splits(root):
    entries = entries_of(root, test="test")
    assert {e.patient_id: e.split for e in entries} == {
        **{f"patient{n:05d}": "train" for n in range(1, 7)},
        "patient64541": "validation",
        "patient64542": "validation",
        "patient64741": "test",
    }
    findings = opened(root, test="test").load("patient64741/study1/view1_frontal").targets["findings"]
    assert math.isnan(findings["no-finding"])  # which its table lacks
    assert {label for name, label in findings.items() if name != "no-finding"} == {1.0}


def test_a_missing_test_table_is_named(root):
    (root / "test_labels.csv").unlink()
    with pytest.raises(DatasetError, match=r"test_labels\.csv' does not exist"):
        opened(root, test="test").manifest()


def test_no_patient_is_in_two_splits(root):
    splits = {}
    for e in entries_of(root, view="both", validation=0.5):
        splits.setdefault(e.patient_id, set()).add(e.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {s for found in splits.values() for s in found} == {"train", "validation", "test"}


@pytest.mark.parametrize(("view", "count"), [("frontal", 8), ("lateral", 6), ("both", 14)])
def test_views(root, view, count):
    assert len(entries_of(root, view=view)) == count


def test_projections_are_strata(root):
    groups = {e.case_id: e.groups.get("view") for e in entries_of(root, view="both")}
    assert groups[FIRST] == "AP"
    assert groups["patient00001/study1/view2_lateral"] == "lateral"
    assert groups["patient64541/study1/view1_frontal"] == "PA"


@pytest.mark.parametrize(("uncertain", "label"), [("ignore", math.nan), ("zeros", 0.0), ("ones", 1.0)])
def test_an_uncertain_label_is_what_is_asked_for(root, uncertain, label):
    findings = opened(root, uncertain=uncertain).load(FIRST).targets["findings"]
    assert findings["edema"] == pytest.approx(label, nan_ok=True)
    assert (findings["effusion"], findings["fracture"]) == (1.0, 0.0)


@pytest.mark.parametrize(("blank", "label"), [("negative", 0.0), ("not-stated", math.nan)])
def test_a_blank_label_is_what_is_asked_for(root, blank, label):
    findings = opened(root, blank=blank).load(FIRST).targets["findings"]
    assert findings["pneumonia"] == pytest.approx(label, nan_ok=True)
    assert len(findings) == 14


def test_nan_is_blank_and_whole_numbers_are_labels(root):
    before = opened(root).load(FIRST).targets["findings"]
    rewritten(root, 2, lambda cells: [c.replace(".0", "") if c else "nan" for c in cells])
    after = opened(root).load(FIRST).targets["findings"]
    assert {n: v for n, v in after.items() if v == v} == {n: v for n, v in before.items() if v == v}
    assert math.isnan(after["edema"])


def test_policies_change_the_digests_of_those_they_change(root):
    before = {e.case_id: e.digest for e in entries_of(root)}
    changed = {e.case_id for e in entries_of(root, uncertain="ones") if before[e.case_id] != e.digest}
    assert changed == {FIRST}


def test_names_are_shared_with_the_other_sets():
    from radbench_nih.findings import FINDINGS as NIH

    same = {"Edema", "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Cardiomegaly"}
    assert all(FINDINGS[name] == NIH[name] for name in same)
    assert FINDINGS["Pleural Effusion"] == NIH["Effusion"]


@pytest.mark.parametrize(("small", "below"), [(True, False), (False, False), (True, True)])
def test_the_whole_collection_the_small_one_and_the_folder_above_give_the_same(tmp_path, root, small, below):
    made.chexpert(tmp_path / "other", small=small, below=below)
    assert [e.digest for e in entries_of(tmp_path / "other")] == [e.digest for e in entries_of(root)]


def test_the_batches_of_the_whole_collection_are_found(tmp_path, root):
    other = made.chexpert(tmp_path / "other", small=False)
    first = other / "CheXpert-v1.0 batch 1 (validate & csv)"
    second = other / "CheXpert-v1.0 batch 2 (train 1)"
    third = other / "CheXpert-v1.0 batch 3 (train 2)"
    first.mkdir()
    for name in ("train.csv", "valid.csv", "valid"):
        (other / name).rename(first / name)
    for n in range(1, 7):
        batch = second if n < 4 else third
        batch.mkdir(exist_ok=True)
        (other / "train" / f"patient{n:05d}").rename(batch / f"patient{n:05d}")
    (other / "train").rmdir()
    assert [e.digest for e in entries_of(other)] == [e.digest for e in entries_of(root)]
    assert not [t for t in opened(other, view="both").noticed() if "in no line" in t]


def test_two_versions_in_one_folder_are_refused(tmp_path):
    made.chexpert(tmp_path / "both", below=True)
    made.chexpert(tmp_path / "both" / "CheXpert-v1.0")
    with pytest.raises(DatasetError, match="two tables of one split: give the folder of one version"):
        opened(tmp_path / "both").manifest()


def test_a_case_is_the_file(root):
    from PIL import Image

    case = validate_case(opened(root).load(FIRST))
    with Image.open(root / "train" / f"{FIRST}.jpg") as picture:
        assert np.allclose(case.image[0].numpy(), np.asarray(picture) / 255.0, atol=1e-6)
    assert case.image.shape == (1, 40, 32)
    assert (case.provenance["sex"], case.provenance["age"]) == ("Male", "60")


@pytest.mark.parametrize(("side", "shape"), [("longer", (20, 16)), ("shorter", (25, 20))])
def test_size_is_of_the_longer_or_the_shorter_side(root, side, shape):
    assert tuple(opened(root, size=20, side=side).load(FIRST).image.shape[1:]) == shape


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path, root):
    assert entries_of(made.chexpert(tmp_path / "bom", bom="\ufeff")) == entries_of(root)


def test_missing_and_extra_images_are_named(root):
    (root / "train" / f"{FIRST}.jpg").unlink()
    made.save(root / "train" / "patient00099" / "study1" / "view1_frontal.jpg", made.pixels("extra"))
    data = opened(root)
    with pytest.raises(CaseError, match=r"train/patient00001/study1/view1_frontal\.jpg' is listed and not there"):
        data.load(FIRST)
    told = data.noticed()
    assert any("1 of 8 listed images not there" in text for text in told)
    assert any("1 image in no line" in text and "patient00099" in text for text in told)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda cells: [*cells[:-1], "2"], "label '2' of support-devices"),
        (lambda cells: [*cells[:-1], "yes"], "label 'yes' of support-devices"),
        (lambda cells: cells[:-1], "has 18 fields"),
        (lambda cells: [*cells, "more"], "has 20 fields"),
    ],
)
def test_a_line_that_cannot_be_read_is_its_cases_fault_with_its_number(root, change, what):
    rewritten(root, 2, change)
    data = opened(root)
    with pytest.raises(CaseError, match=r"train\.csv', line 2: .*" + what):
        data.load(FIRST)
    validate_case(data.load("patient00002/study1/view1_frontal"))


@pytest.mark.parametrize("path", ["", "patient00001.jpg", "train/../valid/patient00001/study1/view1_frontal.jpg"])
def test_a_line_whose_image_cannot_be_told_stops_with_its_number(root, path):
    rewritten(root, 3, lambda cells: [path, *cells[1:]])
    with pytest.raises(DatasetError, match=r"train\.csv', line 3: Path"):
        opened(root).manifest()


def test_a_patient_in_two_tables_is_refused_by_name(root):
    line = made.chexpert_line("valid/patient00001/study9/view1_frontal.jpg")
    with (root / "valid.csv").open("a", newline="") as file:
        csv.writer(file).writerow(line)
    with pytest.raises(DatasetError, match="patient 'patient00001' is in both 'train' and 'valid'"):
        opened(root).manifest()


def test_lines_twice(root):
    with (root / "train.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    with (root / "train.csv").open("a", newline="") as file:
        csv.writer(file).writerows([lines[1], [*lines[3][:-1], "1.0"]])
    data = opened(root)
    check_manifest("chexpert", data.manifest())
    validate_case(data.load(FIRST))
    with pytest.raises(CaseError, match="two lines of the table say different things"):
        data.load("patient00002/study1/view1_frontal")


def test_a_jpeg_that_is_cut_short_is_named(root):
    path = root / "train" / f"{FIRST}.jpg"
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(CaseError, match="cut short or damaged"):
        opened(root).load(FIRST)


def test_an_empty_folder_and_one_that_is_not_there_say_what_is_expected(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"train\.csv' does not exist"):
        opened(tmp_path / "empty").manifest()
    with pytest.raises(DatasetError, match=r"does not exist; give the folder with train\.csv"):
        opened(tmp_path / "nowhere").manifest()
