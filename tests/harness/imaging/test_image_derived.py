"""Derived DICOM objects: what must stay, what must be new, and that they read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import torch
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_voi_lut
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from radbench.imaging import ImageWriteError, read_image, write_derived_dicom

CT = "1.2.840.10008.5.1.4.1.1.2"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
CR = "1.2.840.10008.5.1.4.1.1.1"

# Type 1 and 2 attributes of the CT Image IOD (PS3.3 A.3: patient, general study, general series, frame of reference,
# general equipment, general image, image plane, image pixel, CT image, SOP common).
CT_REQUIRED = [
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
    "Modality",
    "SeriesInstanceUID",
    "SeriesNumber",
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
    "Manufacturer",
    "InstanceNumber",
    "PixelSpacing",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "SliceThickness",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelData",
    "ImageType",
    "RescaleIntercept",
    "RescaleSlope",
    "KVP",
    "AcquisitionNumber",
    "SOPClassUID",
    "SOPInstanceUID",
]


def source(path: Path, *, modality: str = "CR", bits: int = 12, **elements: Any) -> np.ndarray:
    stored = np.random.default_rng(bits).integers(0, 2**bits, (24, 20)).astype(np.uint16)
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = {"CT": CT, "DX": DX}.get(modality, CR), generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SeriesNumber = generate_uid(), generate_uid(), 4
    ds.PatientName, ds.PatientID, ds.Modality = "Doe^Jané", "p1", modality
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = stored.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, bits, bits - 1, 0
    ds.PixelData = stored.tobytes()
    ds["PixelData"].VR = "OW"
    for name, value in elements.items():
        setattr(ds, name, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.save_as(path, enforce_file_format=True)
    return stored


CT_ELEMENTS: dict[str, Any] = {
    "modality": "CT",
    "RescaleSlope": 1,
    "RescaleIntercept": -1024,
    "WindowCenter": [40, -600],
    "WindowWidth": [400, 1500],
    "WindowCenterWidthExplanation": ["SOFT", "LUNG"],
}
ENHANCED = torch.rand(1, 24, 20, generator=torch.Generator().manual_seed(3))


def derive(tmp_path: Path, image: torch.Tensor = ENHANCED, **options: Any) -> Dataset:
    path = write_derived_dicom(tmp_path / "out.dcm", image, tmp_path / "in.dcm", "CLAHE 40x40", **options)
    return pydicom.dcmread(path)


@pytest.mark.parametrize(
    ("elements", "options"),
    [
        ({}, {}),
        ({"WindowCenter": 2000, "WindowWidth": 3000}, {}),
        ({"WindowCenter": 2000, "WindowWidth": 3000, "VOILUTFunction": "SIGMOID"}, {}),
        ({"PhotometricInterpretation": "MONOCHROME1"}, {}),
        (CT_ELEMENTS, {}),
        (CT_ELEMENTS, {"window": 2}),
        (CT_ELEMENTS, {"window": (-1000, 123.456)}),
        (CT_ELEMENTS, {"window": "none"}),
        ({**CT_ELEMENTS, "VOILUTFunction": "SIGMOID"}, {}),
        ({**CT_ELEMENTS, "PixelPaddingValue": 0}, {}),
    ],
)
def test_image_reads_back_within_quantisation(
    tmp_path: Path, elements: dict[str, Any], options: dict[str, Any]
) -> None:
    source(tmp_path / "in.dcm", **elements)
    derive(tmp_path, **options)
    read = read_image(tmp_path / "out.dcm")
    assert (read.image - ENHANCED).abs().max().item() <= 0.51 / 65535
    assert read.provenance["polarity"] == "as stored: large is bright"


@pytest.mark.parametrize("elements", [{}, CT_ELEMENTS, {"PhotometricInterpretation": "MONOCHROME1"}])
def test_viewer_shows_the_enhanced_image(tmp_path: Path, elements: dict[str, Any]) -> None:
    source(tmp_path / "in.dcm", **elements)
    ds = derive(tmp_path)
    values = ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)
    shown = apply_voi_lut(values, ds)
    shown = (shown - shown.min()) / (shown.max() - shown.min())
    truth = ENHANCED[0].numpy()
    assert np.abs(shown - (truth - truth.min()) / (truth.max() - truth.min())).max() < 1e-4


def test_ct_values_are_the_windows_hounsfield_units(tmp_path: Path) -> None:
    stored = source(tmp_path / "in.dcm", **CT_ELEMENTS)
    original = read_image(tmp_path / "in.dcm")
    ds = derive(tmp_path, original.image)
    hu = ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)
    # An enhancer that changes nothing gives the HU back inside the window [-160, 239].
    assert np.abs(hu - np.clip(stored.astype(float) - 1024, -160, 239)).max() < 399 / 65535
    assert (ds.RescaleType, float(ds.WindowCenter), float(ds.WindowWidth)) == ("HU", 40.0, 400.0)
    again = read_image(tmp_path / "out.dcm")
    assert again.hu is not None


def test_ct_through_a_sigmoid_claims_no_hounsfield_units(tmp_path: Path) -> None:
    source(tmp_path / "in.dcm", **{**CT_ELEMENTS, "VOILUTFunction": "SIGMOID"})
    assert derive(tmp_path).RescaleType == "US"
    assert read_image(tmp_path / "out.dcm").hu is None


def test_identity_is_new_and_refers_to_the_source(tmp_path: Path) -> None:
    source(tmp_path / "in.dcm", **CT_ELEMENTS)
    old, new = pydicom.dcmread(tmp_path / "in.dcm"), derive(tmp_path)
    assert new.SOPInstanceUID != old.SOPInstanceUID
    assert new.SeriesInstanceUID != old.SeriesInstanceUID
    assert UID(new.SOPInstanceUID).is_valid
    assert UID(new.SeriesInstanceUID).is_valid
    assert new.file_meta.MediaStorageSOPInstanceUID == new.SOPInstanceUID
    assert (new.StudyInstanceUID, new.SOPClassUID) == (old.StudyInstanceUID, old.SOPClassUID)
    assert list(new.ImageType) == ["DERIVED", "SECONDARY", "AXIAL"]
    assert new.DerivationDescription == "CLAHE 40x40"
    reference = new.SourceImageSequence[0]
    assert reference.ReferencedSOPInstanceUID == old.SOPInstanceUID
    assert reference.ReferencedSOPClassUID == old.SOPClassUID
    assert reference.PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
    assert new.ContributingEquipmentSequence[-1].Manufacturer == "radbench"
    assert str(new.PatientName) == "Doe^Jané"


def test_identity_is_a_function_of_source_pixels_and_description(tmp_path: Path) -> None:
    source(tmp_path / "in.dcm")
    first, again, other = derive(tmp_path), derive(tmp_path), derive(tmp_path, 1 - ENHANCED)
    assert first.SOPInstanceUID == again.SOPInstanceUID
    assert first.SOPInstanceUID != other.SOPInstanceUID
    assert first.SeriesInstanceUID == other.SeriesInstanceUID
    path = write_derived_dicom(tmp_path / "o.dcm", ENHANCED, tmp_path / "in.dcm", "gamma")
    assert pydicom.dcmread(path).SeriesInstanceUID != first.SeriesInstanceUID


def test_pixels_are_described_consistently(tmp_path: Path) -> None:
    source(tmp_path / "in.dcm", modality="DX", PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE")
    ds = derive(tmp_path)
    assert (ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation) == (16, 16, 15, 0)
    assert (ds.PhotometricInterpretation, ds.SamplesPerPixel) == ("MONOCHROME2", 1)
    # DX for presentation wants these three (PS3.3 C.8.11.3).
    assert (float(ds.RescaleIntercept), float(ds.RescaleSlope), ds.RescaleType) == (0.0, 1.0, "US")
    assert ds.PresentationLUTShape == "IDENTITY"
    assert ds.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


def test_what_described_the_old_pixels_is_gone(tmp_path: Path) -> None:
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [2, 0, 16], bytes(4)
    source(
        tmp_path / "in.dcm",
        PixelPaddingValue=0,
        SmallestImagePixelValue=0,
        LargestImagePixelValue=4095,
        VOILUTSequence=[item],
        WindowCenter=[1, 2],
        WindowWidth=[3, 4],
        WindowCenterWidthExplanation=["A", "B"],
        IconImageSequence=[Dataset()],
    )
    ds = pydicom.dcmread(tmp_path / "in.dcm")
    ds.private_block(0x0029, "VENDOR", create=True).add_new(1, "OB", b"\1\2")
    ds.save_as(tmp_path / "in.dcm")
    new = derive(tmp_path)
    for name in [
        "PixelPaddingValue",
        "SmallestImagePixelValue",
        "LargestImagePixelValue",
        "VOILUTSequence",
        "WindowCenterWidthExplanation",
        "IconImageSequence",
    ]:
        assert name not in new
    assert not any(element.tag.is_private for element in new)


def test_overlay_inside_the_pixels_goes_and_one_beside_them_stays(tmp_path: Path) -> None:
    source(tmp_path / "in.dcm")
    ds = pydicom.dcmread(tmp_path / "in.dcm")
    for group, position in ((0x6000, 12), (0x6002, 0)):
        ds.add_new((group, 0x0010), "US", 24)
        ds.add_new((group, 0x0102), "US", position)
    ds.save_as(tmp_path / "in.dcm")
    new = derive(tmp_path)
    assert (0x6000, 0x0010) not in new
    assert (0x6002, 0x0010) in new


def test_record_of_lossy_compression_stays(tmp_path: Path) -> None:
    source(tmp_path / "in.dcm", LossyImageCompression="01", LossyImageCompressionRatio="12")
    new = derive(tmp_path)
    assert (new.LossyImageCompression, float(new.LossyImageCompressionRatio)) == ("01", 12.0)


def test_lossy_source_without_a_record_gets_one(tmp_path: Path) -> None:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.full((24, 20), 90, np.uint8)).save(buffer, "JPEG")
    source(tmp_path / "in.dcm", bits=8, BitsAllocated=8)
    ds = pydicom.dcmread(tmp_path / "in.dcm")
    ds.PixelData = encapsulate([buffer.getvalue()])
    ds["PixelData"].VR = "OB"
    ds.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.50")
    ds.save_as(tmp_path / "in.dcm")
    assert derive(tmp_path).LossyImageCompression == "01"


def test_chosen_frame_is_referred_to(tmp_path: Path) -> None:
    stored = source(tmp_path / "in.dcm")
    ds = pydicom.dcmread(tmp_path / "in.dcm")
    ds.NumberOfFrames, ds.PixelData = 2, np.stack([stored, stored]).tobytes()
    ds.save_as(tmp_path / "in.dcm")
    new = derive(tmp_path, frame=2)
    assert new.SourceImageSequence[0].ReferencedFrameNumber == 2
    assert "NumberOfFrames" not in new


def test_long_descriptions_stay_within_their_elements(tmp_path: Path) -> None:
    source(tmp_path / "in.dcm")
    path = write_derived_dicom(tmp_path / "out.dcm", ENHANCED, tmp_path / "in.dcm", "x" * 3000)
    ds = pydicom.dcmread(path)
    assert len(ds.DerivationDescription) == 1024
    assert len(ds.SeriesDescription) == 64


def test_another_size_is_refused(tmp_path: Path) -> None:
    source(tmp_path / "in.dcm")
    with pytest.raises(ImageWriteError, match=r"\[24, 19\], its source 'in\.dcm' \[24, 20\]"):
        derive(tmp_path, ENHANCED[..., :19])


def test_activity_is_refused(tmp_path: Path) -> None:
    source(tmp_path / "in.dcm", modality="PT")
    with pytest.raises(ImageWriteError, match="its pixels mean activity"):
        derive(tmp_path)


def test_failed_write_leaves_nothing(tmp_path: Path) -> None:
    source(tmp_path / "in.dcm")
    (tmp_path / "a").touch()
    with pytest.raises(ImageWriteError, match="cannot be written"):
        write_derived_dicom(tmp_path / "a" / "out.dcm", ENHANCED, tmp_path / "in.dcm", "x")


@pytest.mark.parametrize("kernel", ["B40f", "B70f"])
def test_real_ct_slice_keeps_what_its_iod_requires(real_data: Path, tmp_path: Path, kernel: str) -> None:
    origin = real_data / "ct-dicom" / f"Lung_Dx-A0002_{kernel}" / "1-15.dcm"
    old, read = pydicom.dcmread(origin), read_image(origin)
    new = pydicom.dcmread(write_derived_dicom(tmp_path / "out.dcm", read.image, origin, "nothing"))
    missing = [name for name in CT_REQUIRED if name in old and name not in new]
    assert missing == []
    assert [name for name in CT_REQUIRED if name not in new] == []
    changed = {
        e.keyword for e in old if not e.tag.is_private and e.keyword and (e.keyword not in new or new[e.tag] != e)
    }
    assert changed == {
        *("ImageType", "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription"),
        *("SourceImageSequence", "BitsStored", "HighBit", "PixelData", "RescaleSlope", "RescaleIntercept"),
        *("WindowCenter", "WindowWidth", "WindowCenterWidthExplanation"),
        *("SmallestImagePixelValue", "LargestImagePixelValue"),
    }
    assert (read_image(tmp_path / "out.dcm").image - read.image).abs().max().item() <= 0.51 / 65535
