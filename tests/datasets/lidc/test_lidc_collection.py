"""LidcIdri: how a collection is found, and what is said of what is wrong with it."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from radbench.contracts import CaseError, DatasetError
from radbench.contracts.case import validate_case
from radbench.contracts.dataset import check_manifest, fingerprint

from .collection import (  # noqa: F401
    DEPTH,
    HU,
    NODULE,
    copy_fixture,
    dataset,
    fault,
    folder_of,
    one_fixture,
    only,
    outline,
    reading,
    write,
    write_series,
)


@pytest.mark.parametrize("name", ["{:06d}.dcm", "IM{:04d}", "1.3.6.{}"])
def test_layout_and_names_do_not_matter(one, tmp_path, name):
    write_series(tmp_path / "a" / "b", name=name)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "158.xml").write_text(reading())
    assert fingerprint(dataset(tmp_path).manifest()) == fingerprint(dataset(one).manifest())


def test_readings_may_lie_apart(copy, tmp_path):
    (tmp_path / "tcia-lidc-xml").mkdir()
    (folder_of(copy) / "069.xml").rename(tmp_path / "tcia-lidc-xml" / "1.xml")
    assert "no reading (XML)" in fault(copy)
    assert bool(only(copy, readings=tmp_path / "tcia-lidc-xml").targets["nodule_mask"].any())


def test_the_series_that_was_read_is_taken(copy):
    write_series(folder_of(copy).parent / "other", series="1.1.2", hu=np.concatenate([HU, HU[-1:]]))
    case = only(copy)
    assert case.provenance["series"] == "1.1.1"


def test_the_series_may_share_a_folder(copy):
    write_series(folder_of(copy), series="1.1.2", name="2-{:03d}.dcm")
    assert only(copy).provenance["series"] == "1.1.1"


def test_radiographs_and_their_readings_are_passed_over(copy, one):
    folder = copy / "LIDC-IDRI-0001" / "01-01-2000-NA-NA-35511"
    for i, modality in enumerate(("DX", "CR")):
        write(
            folder / f"1-{i}.dcm",
            HU[0],
            patient="LIDC-IDRI-0001",
            study="1.2",
            series=f"1.2.{i}",
            image=f"1.2.{i}.1",
            position=(0, 0, 0),
            modality=modality,
        )
    (folder / "068.xml").write_text(
        '<IdriReadMessage xmlns="http://www.nih.gov/idri"><SeriesInstanceUID>1.2.0</SeriesInstanceUID></IdriReadMessage>'
    )
    assert dataset(copy).manifest() == dataset(one).manifest()


def test_a_scout_view_is_passed_over(copy, one):
    write(
        folder_of(copy) / "0-000.dcm",
        HU[0],
        patient="LIDC-IDRI-0001",
        study="1.1",
        series="1.1.1",
        image="1.1.1.99",
        position=(0, 0, 0),
        image_type=["ORIGINAL", "PRIMARY", "LOCALIZER"],
    )
    assert dataset(copy).manifest() == dataset(one).manifest()


def test_files_that_lie_there_twice_count_once(copy, one):
    shutil.copytree(folder_of(copy), copy / "again")
    assert dataset(copy).manifest() == dataset(one).manifest()
    assert torch.equal(only(copy).image, only(one).image)


def test_two_scans_of_a_patient_are_two_cases_in_one_split(copy):
    write_series(copy / "later", study="1.7", series="1.1.1234567890")
    (copy / "later" / "1.xml").write_text(reading(series="1.1.1234567890"))
    entries = dataset(copy).manifest()
    check_manifest("lidc", entries)
    assert [e.case_id for e in entries] == ["LIDC-IDRI-0001-1", "LIDC-IDRI-0001-34567890"]


def test_thick_slices_are_left_out(copy):
    write_series(copy / "thick", patient="LIDC-IDRI-0002", series="1.3.1", thickness=3.0)
    (copy / "thick" / "1.xml").write_text(reading(series="1.3.1"))
    assert [e.case_id for e in dataset(copy).manifest()] == ["LIDC-IDRI-0001"]
    assert len(dataset(copy, slice_thickness_max_mm=5.0).manifest()) == 2
    with pytest.raises(DatasetError, match=r"thinnest 2\.5 mm"):
        dataset(copy, slice_thickness_max_mm=1.0).manifest()


def test_unread_scans_can_be_kept_without_nodules(copy):
    (folder_of(copy) / "069.xml").unlink()
    data = dataset(copy, unread="keep")
    assert "nodule_mask" not in data.targets
    case = validate_case(data.load("LIDC-IDRI-0001"))
    assert set(case.targets) == data.targets


# What is wrong with it.


def test_a_missing_slice_is_named_with_its_place(copy):
    (folder_of(copy) / "1-011.dcm").unlink()
    words = fault(copy)
    assert "1 slice(s) are missing between '1-010.dcm' (-192 mm) and '1-012.dcm' (-168 mm)" in words
    assert "LIDC-IDRI-0001" in words


def test_a_slice_that_was_read_but_is_missing_at_the_end_is_named(copy):
    for z in range(NODULE[0], DEPTH):
        (folder_of(copy) / f"1-{z + 1:03d}.dcm").unlink()
    assert "slice at -156 mm that a reader marked is missing" in fault(copy)


def test_a_truncated_slice_is_named(copy):
    path = folder_of(copy) / "1-005.dcm"
    path.write_bytes(path.read_bytes()[:3000])
    assert "'1-005.dcm'" in fault(copy)


def test_a_file_that_is_no_dicom_is_named(copy):
    (folder_of(copy) / "1-005.dcm").write_bytes(b"not a slice")
    assert "'1-005.dcm'" in fault(copy)


def test_a_folder_of_damaged_files_alone_is_a_case_that_says_so(copy):
    (copy / "LIDC-IDRI-0009" / "ct").mkdir(parents=True)
    (copy / "LIDC-IDRI-0009" / "ct" / "1-001.dcm").write_bytes(b"")
    data = dataset(copy)
    assert [e.case_id for e in data.manifest()] == ["LIDC-IDRI-0001", "LIDC-IDRI-0009/ct"]
    with pytest.raises(CaseError, match=r"'1-001\.dcm'"):
        data.load("LIDC-IDRI-0009/ct")


def test_unreadable_xml_is_named(copy):
    (folder_of(copy) / "069.xml").write_text(reading()[:-30])
    assert "'069.xml' cannot be read as XML" in fault(copy)


def test_two_readings_that_differ_are_refused(copy):
    (copy / "other.xml").write_text(reading(comment="another"))
    assert "differ" in fault(copy)


def test_a_patient_without_ct_is_refused(tmp_path):
    write(
        tmp_path / "1.dcm",
        HU[0],
        patient="LIDC-IDRI-0003",
        study="1.2",
        series="1.2.3",
        image="1.2.3.1",
        position=(0, 0, 0),
        modality="DX",
    )
    assert "patient 'LIDC-IDRI-0003' has no CT series, only DX" in fault(tmp_path)


def test_one_bad_case_leaves_the_others(copy):
    write_series(copy / "second", patient="LIDC-IDRI-0002", series="1.3.1")
    data = dataset(copy)
    with pytest.raises(CaseError, match="LIDC-IDRI-0002"):
        data.load("LIDC-IDRI-0002")
    assert bool(data.load("LIDC-IDRI-0001").targets["nodule_mask"].any())


def test_an_outline_beyond_the_slice_is_refused(copy):
    (folder_of(copy) / "069.xml").write_text(reading(rois=outline(12, half=60)))
    assert "LIDC-IDRI-0001" in fault(copy)


@pytest.mark.parametrize("make", [lambda p: None, lambda p: p.write_text("x"), lambda p: p.mkdir()])
def test_a_root_that_is_none_is_refused(tmp_path, make):
    make(tmp_path / "root")
    with pytest.raises(DatasetError, match="LIDC-IDRI was downloaded to"):
        dataset(tmp_path / "root").manifest()


def test_an_unknown_case_is_refused_with_its_neighbours(one):
    with pytest.raises(CaseError, match="did you mean 'LIDC-IDRI-0001'"):
        dataset(one).load("LIDC-IDRI-0010")


@pytest.mark.parametrize("options", [{"split": (0.5, 0.5, 0.5)}, {"bone_hu_max": 200}, {"physics": "rays"}])
def test_options_that_make_no_sense_are_refused(one, options):
    with pytest.raises(ValueError, match="|".join(options)):
        dataset(one, **options)
