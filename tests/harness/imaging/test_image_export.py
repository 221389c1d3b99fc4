"""Exported cases are read back as they were, by this package and by what every DICOM reader expects."""

import csv
import json

import nibabel
import numpy as np
import pydicom
import pytest
import torch

from radbench.contracts import Case, LabelMap, UsageError
from radbench.contracts.printable import from_cell
from radbench.imaging import read_ct_series, read_image, read_mask, read_volume
from radbench.imaging.export import export_cases


def slice_case(number=0):
    rng = np.random.default_rng(number)
    hu = torch.from_numpy(rng.integers(-1000, 1500, (1, 6, 9)).astype(np.float32))
    mask = torch.zeros(1, 6, 9, dtype=torch.bool)
    mask[0, 2:4, 3:6] = True
    return Case(
        f"c{number}",
        "p",
        ((hu + 175) / 450).clamp(0, 1),
        spacing_mm=(0.7, 0.8),
        groups={"lesion-type": "liver", "size": "small"},
        provenance={"window_hu": [-175.0, 275.0]},
        targets={
            "hu": hu,
            "lesion_mask": mask,
            "recist": torch.arange(8.0).reshape(4, 2),
            "findings": {"mass": 1.0, "nodule": float("nan")},
        },
    )


def volume_case():
    rng = np.random.default_rng(1)
    volume = torch.from_numpy(rng.integers(-1000, 1500, (4, 5, 7)).astype(np.float32))
    image = torch.rand(1, 5, 7, generator=torch.Generator().manual_seed(0))
    return Case("v0", "p", image, targets={"volume_hu": volume, "volume_spacing_mm": torch.tensor([2.5, 0.8, 0.7])})


def labels(case_id):
    return LabelMap(np.arange(4 * 5 * 7, dtype=np.uint8).reshape(4, 5, 7), {0: "none", 1: "lung"})


@pytest.mark.parametrize("format_", ["png", "dicom", "nifti"])
def test_a_slice_reads_back(tmp_path, format_):
    case = slice_case()
    assert export_cases([case], tmp_path / "out", format_) == 1
    (file,) = (tmp_path / "out" / "images").iterdir()
    options = {"window": (-175.0, 275.0)} if format_ == "nifti" else {}
    read = read_image(file, **options)
    assert torch.allclose(read.image, case.image, atol=1 / 65535)
    if format_ == "dicom":
        assert torch.equal(read.hu, case.targets["hu"])
        assert read.spacing_mm == (0.7, 0.8)
    (mask,) = (tmp_path / "out" / "lesion_mask").iterdir()
    assert torch.equal(read_mask(mask)[0], case.targets["lesion_mask"])


def test_the_table_has_what_files_cannot_hold(tmp_path):
    export_cases([slice_case(0), slice_case(1)], tmp_path / "out", "png")
    rows = list(csv.DictReader((tmp_path / "out" / "cases.csv").open()))
    assert [r["case_id"] for r in rows] == ["c0", "c1"]
    assert json.loads(rows[0]["groups"]) == {"lesion-type": "liver", "size": "small"}
    assert json.loads(rows[0]["provenance"]) == {"window_hu": [-175.0, 275.0]}
    assert json.loads(rows[0]["findings"]) == {"mass": 1.0, "nodule": None}
    assert json.loads(rows[0]["recist"]) == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_a_volume_is_one_series_in_the_same_place(tmp_path):
    case = volume_case()
    export_cases([case], tmp_path / "out", "dicom", labels)
    read = read_ct_series(tmp_path / "out" / "images" / "v0")
    assert torch.equal(read.hu, case.targets["volume_hu"])
    assert read.spacing_mm == pytest.approx((2.5, 0.8, 0.7))
    assert len({pydicom.dcmread(f).SOPInstanceUID for f in (tmp_path / "out" / "images" / "v0").iterdir()}) == 4


def test_a_nifti_volume_and_its_labels_lie_where_the_patient_does(tmp_path):
    case = volume_case()
    export_cases([case], tmp_path / "out", "nifti", labels)
    image = nibabel.load(tmp_path / "out" / "images" / "v0.nii.gz")
    assert nibabel.aff2axcodes(image.affine) == ("L", "P", "S")
    # [D,H,W] from inferior, anterior, right is [x,y,z] towards left, posterior, superior.
    assert np.array_equal(image.get_fdata().transpose(2, 1, 0), case.targets["volume_hu"].numpy())
    written = nibabel.load(tmp_path / "out" / "labels" / "v0.nii.gz")
    assert np.array_equal(np.asarray(written.dataobj).transpose(2, 1, 0), labels("v0").labels)
    assert (tmp_path / "out" / "labels.csv").read_text() == "label,name\n0,none\n1,lung\n"
    assert torch.equal(read_volume(tmp_path / "out" / "images" / "v0.nii.gz").hu, case.targets["volume_hu"])


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("")
    with pytest.raises(UsageError, match="holds something already"):
        export_cases([slice_case()], tmp_path / "out", "png")
    with pytest.raises(UsageError, match="must be one of png, dicom, nifti"):
        export_cases([slice_case()], tmp_path / "new", "bmp")


@pytest.mark.parametrize("format_", ["dicom", "nifti"])
def test_values_beyond_sixteen_bits_and_fractions_are_kept(tmp_path, format_):
    hu = torch.tensor([[[-1024.0, 64511.0], [0.25, 3071.5]]])
    export_cases([Case("c", "p", torch.zeros(1, 2, 2), targets={"hu": hu})], tmp_path / "out", format_)
    (file,) = (tmp_path / "out" / "images").iterdir()
    read = read_image(file, window=(-1024, 64511), modality="ct")
    # Of DICOM's sixteen bits a step is 1.0 here; NIfTI keeps all.
    assert torch.allclose(read.hu, hu, atol=0.51 if format_ == "dicom" else 0.0)


def test_volumes_of_fractions_are_kept(tmp_path):
    case = volume_case()
    volume = case.targets["volume_hu"] * 20 + 0.5
    targets = {"volume_hu": volume, "volume_spacing_mm": case.targets["volume_spacing_mm"]}
    export_cases([Case("v0", "p", case.image, targets=targets)], tmp_path / "out", "nifti")
    assert torch.equal(read_volume(tmp_path / "out" / "images" / "v0.nii.gz").hu, volume)


ODD = [
    "x" * 90,
    "a\\b",
    "../../x",
    "/etc/x",
    "a\nb",
    "..",
    "nested/ok",
    "CON",
    "con.b",
    "a:b",
    "x.",
    " ",
    "患" * 100,
    "=1",
]


@pytest.mark.parametrize("name", ODD)
def test_a_name_leads_nowhere_else_and_is_a_valid_identifier(tmp_path, name):
    given = slice_case()
    case = Case(
        name, name, given.image, targets={"hu": given.targets["hu"], "lesion_mask": given.targets["lesion_mask"]}
    )
    export_cases([case], tmp_path / "deep" / "out", "dicom")
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert all((tmp_path / "deep" / "out") in p.parents for p in files)
    (row,) = csv.DictReader((tmp_path / "deep" / "out" / "cases.csv").open(newline="", encoding="utf-8"))
    row = {column: from_cell(cell) for column, cell in row.items()}
    assert (row["case_id"], row["patient_id"]) == (name, name)
    written = pydicom.dcmread(tmp_path / "deep" / "out" / "images" / f"{row['file']}.dcm")
    assert written.PatientID == row["dicom_patient_id"]
    assert isinstance(written.PatientID, str)
    assert len(written.PatientID) <= 64
    parts = row["file"].split("/")
    assert all(len(part.encode()) <= 140 and not set(part) & set('\\<>:"|?*') for part in parts)
    assert not any(part.split(".")[0].lower() == "con" or part.endswith((".", " ")) for part in parts)
    if name == "nested/ok":
        assert (row["file"], row["dicom_patient_id"]) == (name, name)
