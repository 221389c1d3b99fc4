"""CT series written slice by slice with pydicom, in any order of names, and with every fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from radbench.contracts import ImageReadError
from radbench.imaging import read_ct_series

SERIES = generate_uid()


def ct_slice(path: Path, z: float, value: int = 0, *, position: Any = None, **elements: Any) -> Path:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", generate_uid()
    ds.SeriesInstanceUID, ds.Modality = SERIES, "CT"
    ds.ImagePositionPatient = [-10, -20, z] if position is None else [f"{v:.8g}" for v in position]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing = [0.5, 0.75]
    ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns, ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 3, 4, 16, 12, 11, 0
    for name, content in elements.items():
        if content is None:
            delattr(ds, name)
        else:
            setattr(ds, name, content)
    ds.PixelData = np.full((ds.Rows, ds.Columns), 1024 + value, np.uint16).tobytes()
    ds["PixelData"].VR = "OW"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.save_as(path, enforce_file_format=True)
    return path


def test_slices_are_ordered_by_position_not_by_name_or_number(tmp_path: Path) -> None:
    for name, number, z in (("a", 9, 30), ("b", 1, 10), ("c", 5, 40), ("d", 7, 20)):
        ct_slice(tmp_path / f"{name}.dcm", z, int(z), InstanceNumber=number, SliceLocation=-z)
    volume = read_ct_series(tmp_path)
    assert volume.files == ("b.dcm", "d.dcm", "a.dcm", "c.dcm")
    assert volume.hu[:, 0, 0].tolist() == [10, 20, 30, 40]
    assert volume.spacing_mm == (10.0, 0.5, 0.75)
    assert volume.positions[:, 2].tolist() == [10, 20, 30, 40]
    assert volume.origin.tolist() == [-10, -20, 10]
    assert volume.direction.tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]


def test_coronal_series_is_ordered_along_its_normal(tmp_path: Path) -> None:
    # Rows to inferior, columns to left: the normal points to posterior.
    for i, y in enumerate((5, 1, 3)):
        ct_slice(tmp_path / f"{i}.dcm", 0, y, position=[0, y, 0], ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    volume = read_ct_series(tmp_path)
    assert volume.hu[:, 0, 0].tolist() == [1, 3, 5]
    assert volume.direction[0].tolist() == [0, 1, 0]


def test_oblique_series_is_ordered_along_its_normal(tmp_path: Path) -> None:
    c, s = np.cos(0.3), np.sin(0.3)
    along_row, along_column = np.array([c, s, 0]), np.array([0, 0, -1])
    normal = np.cross(along_row, along_column)
    for i, k in enumerate((2, 0, 1)):
        ct_slice(
            tmp_path / f"{i}.dcm",
            0,
            k,
            position=np.array([7, 8, 9]) + 2.5 * k * normal,
            ImageOrientationPatient=[f"{v:.8g}" for v in (*along_row, *along_column)],
        )
    volume = read_ct_series(tmp_path)
    assert volume.hu[:, 0, 0].tolist() == [0, 1, 2]
    assert volume.spacing_mm[0] == pytest.approx(2.5, abs=1e-5)


def test_every_slice_has_its_own_rescale_and_padding_is_air(tmp_path: Path) -> None:
    ct_slice(tmp_path / "a.dcm", 0, 10)
    ct_slice(tmp_path / "b.dcm", 1, 10, RescaleSlope=2, RescaleIntercept=-2048)
    ct_slice(tmp_path / "c.dcm", 2, 10, PixelPaddingValue=1034)
    assert read_ct_series(tmp_path).hu[:, 0, 0].tolist() == [10, 20, -1000]


def test_files_may_be_given_and_other_files_are_passed_over(tmp_path: Path) -> None:
    paths = [ct_slice(tmp_path / f"{z}.dcm", z) for z in (3, 1, 2)]
    (tmp_path / "README.txt").write_text("notes")
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    assert read_ct_series(paths).files == ("1.dcm", "2.dcm", "3.dcm")
    volume = read_ct_series(tmp_path)
    assert volume.files == ("1.dcm", "2.dcm", "3.dcm")
    assert volume.provenance["passed_over"] == ["DICOMDIR", "README.txt"]


def test_slices_at_one_position_are_refused(tmp_path: Path) -> None:
    for name, z in (("a", 0), ("b", 1), ("c", 1), ("d", 2)):
        ct_slice(tmp_path / f"{name}.dcm", z)
    with pytest.raises(ImageReadError, match=r"'b\.dcm' and 'c\.dcm' lie at the same position"):
        read_ct_series(tmp_path)


def test_missing_slice_is_named_by_its_neighbours(tmp_path: Path) -> None:
    for z in (0, 2, 4, 10, 12):
        ct_slice(tmp_path / f"z{z}.dcm", z)
    with pytest.raises(ImageReadError, match=r"2 slice\(s\) are missing between 'z4\.dcm' .* and 'z10\.dcm'"):
        read_ct_series(tmp_path)


def test_irregular_gap_is_named(tmp_path: Path) -> None:
    for z in (0, 2, 4, 6.7, 8.7):
        ct_slice(tmp_path / f"z{z}.dcm", z)
    with pytest.raises(ImageReadError, match=r"between 'z4\.dcm' .* and 'z6\.7\.dcm' .* is 2\.7 mm.*irregular"):
        read_ct_series(tmp_path)


def test_rounded_positions_are_regular(tmp_path: Path) -> None:
    for i in range(5):
        ct_slice(tmp_path / f"{i}.dcm", round(i * 0.666667, 2))
    assert read_ct_series(tmp_path).spacing_mm[0] == pytest.approx(0.6675, abs=1e-6)


def test_two_series_are_refused_until_one_is_chosen(tmp_path: Path) -> None:
    other = generate_uid()
    for z in range(3):
        ct_slice(tmp_path / f"a{z}.dcm", z)
    for z in range(2):
        ct_slice(tmp_path / f"b{z}.dcm", z, SeriesInstanceUID=other)
    with pytest.raises(ImageReadError, match=r"'b0\.dcm' belongs to another series.*series=UID"):
        read_ct_series(tmp_path)
    assert read_ct_series(tmp_path, series=other).files == ("b0.dcm", "b1.dcm")
    with pytest.raises(ImageReadError, match=r"there is no series '1\.2'"):
        read_ct_series(tmp_path, series="1.2")


@pytest.mark.parametrize(
    ("elements", "words"),
    [
        ({"Rows": 5}, "has size"),
        ({"PixelSpacing": [0.6, 0.75]}, "has pixel spacing"),
        ({"ImageOrientationPatient": [0, 1, 0, 1, 0, 0]}, "has orientation"),
        ({"Modality": "MR"}, "is 'MR', not CT"),
        ({"ImagePositionPatient": None}, "states no position"),
        ({"PixelSpacing": None}, "states no pixel spacing"),
        ({"RescaleType": "US"}, "is not in Hounsfield units"),
    ],
)
def test_slice_that_differs_is_named(tmp_path: Path, elements: dict[str, Any], words: str) -> None:
    for z in range(4):
        ct_slice(tmp_path / f"s{z}.dcm", z)
    ct_slice(tmp_path / "odd.dcm", 4, **elements)
    with pytest.raises(ImageReadError, match=rf"'odd\.dcm' {words}"):
        read_ct_series(tmp_path)


def test_tilted_gantry_is_refused(tmp_path: Path) -> None:
    for i in range(4):
        ct_slice(tmp_path / f"{i}.dcm", 0, position=[0, i * 0.8, i * 2])
    with pytest.raises(ImageReadError, match=r"'1\.dcm' is shifted 0\.8 mm sideways.*tilted gantry"):
        read_ct_series(tmp_path)


def test_truncated_slice_is_named(tmp_path: Path) -> None:
    for z in range(3):
        ct_slice(tmp_path / f"{z}.dcm", z)
    path = tmp_path / "1.dcm"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ImageReadError, match=r"'1\.dcm'"):
        read_ct_series(tmp_path)


def test_single_slice_empty_folder_and_missing_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageReadError, match="holds no DICOM files"):
        read_ct_series(tmp_path)
    with pytest.raises(ImageReadError, match="does not exist"):
        read_ct_series(tmp_path / "none")
    ct_slice(tmp_path / "a.dcm", 0)
    with pytest.raises(ImageReadError, match="two slices or more"):
        read_ct_series(tmp_path)
    with pytest.raises(ImageReadError, match="is a file"):
        read_ct_series(tmp_path / "a.dcm")


@pytest.mark.parametrize("kernel", ["B40f", "B70f"])
def test_real_series_runs_from_inferior_to_superior_against_its_names(real_data: Path, kernel: str) -> None:
    folder = real_data / "ct-dicom" / f"Lung_Dx-A0002_{kernel}"
    volume = read_ct_series(folder)
    places = [float(pydicom.dcmread(folder / f).ImagePositionPatient[2]) for f in volume.files]
    assert places == sorted(places)
    assert volume.files[0] == "1-22.dcm"
    assert volume.spacing_mm == (8.0, 0.646484375, 0.646484375)
    first = pydicom.dcmread(folder / "1-22.dcm")
    assert np.array_equal(volume.hu[0].numpy(), first.pixel_array.astype(np.float32) - 1024)
