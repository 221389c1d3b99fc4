"""DICOM files written by pydicom, read back against the pixels and the standard's formulas."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import apply_voi_lut
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

from radbench.contracts import ImageReadError
from radbench.imaging import read_image

CT = "1.2.840.10008.5.1.4.1.1.2"
CR = "1.2.840.10008.5.1.4.1.1.1"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"


def dicom(
    path: Path, pixels: np.ndarray, *, bits: int = 12, syntax: str = ExplicitVRLittleEndian, **elements: Any
) -> Path:
    """Write a DICOM file; ``elements`` add to or replace the usual ones, None removes one."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = CR, generate_uid()
    ds.PatientID, ds.Modality = "p1", "CR"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = pixels.shape[-2:]
    ds.BitsAllocated = pixels.dtype.itemsize * 8
    ds.BitsStored, ds.HighBit = bits, bits - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    ds.PixelData = pixels.tobytes()
    for name, value in elements.items():
        if value is None:
            delattr(ds, name)
        else:
            setattr(ds, name, value)
    ds["PixelData"].VR = "OB" if ds.BitsAllocated <= 8 or syntax.startswith("1.2.840.10008.1.2.4") else "OW"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    ds.save_as(path, enforce_file_format=True)
    return path


def unsigned(bits: int = 12, dtype: Any = np.uint16) -> np.ndarray:
    return np.random.default_rng(bits).integers(0, 2**bits, (11, 14)).astype(dtype)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_unsigned_pixels_without_window_fill_their_bits(tmp_path: Path, bits: int) -> None:
    stored = unsigned(bits, np.uint8 if bits == 8 else np.uint16)
    read = read_image(dicom(tmp_path / "a.dcm", stored, bits=bits))
    assert np.array_equal(read.image[0].numpy(), (stored / (2**bits - 1)).astype(np.float32))
    assert read.provenance["bits"] == bits
    assert read.hu is None


@pytest.mark.parametrize("bits", [9, 12, 16])
def test_signed_pixels_without_window_fill_their_bits(tmp_path: Path, bits: int) -> None:
    stored = (unsigned(bits, np.int32) - 2 ** (bits - 1)).astype(np.int16)
    read = read_image(dicom(tmp_path / "a.dcm", stored, bits=bits))
    assert np.allclose(read.image[0].numpy(), (stored + 2.0 ** (bits - 1)) / (2**bits - 1), atol=1e-7)
    assert read.provenance["stored_range"] == [float(stored.min()), float(stored.max())]


def test_signed_twelve_bits_are_extended_from_their_own_sign_bit(tmp_path: Path) -> None:
    # PS3.5 8.1.1: only BitsStored bits count; here the four above them hold an overlay.
    truth = np.array([[-2048, -1, 0, 2047]], dtype=np.int16)
    stored = ((truth & 0x0FFF) | 0x5000).astype(np.uint16).view(np.int16)
    read = read_image(dicom(tmp_path / "a.dcm", stored, bits=12))
    assert read.provenance["stored_range"] == [-2048, 2047]


def test_bits_below_high_bit_are_taken(tmp_path: Path) -> None:
    truth = unsigned(10)
    stored = ((truth << 4) | 0x000B).astype(np.uint16)
    read = read_image(dicom(tmp_path / "a.dcm", stored, bits=10, HighBit=13))
    assert np.array_equal(read.image[0].numpy(), (truth / 1023).astype(np.float32))


def test_monochrome1_is_turned_to_bright_is_dense(tmp_path: Path) -> None:
    stored = unsigned()
    read = read_image(dicom(tmp_path / "a.dcm", stored, PhotometricInterpretation="MONOCHROME1"))
    assert np.allclose(read.image[0].numpy(), 1 - stored / 4095, atol=1e-7)
    assert read.provenance["polarity"] == "reversed: MONOCHROME1"
    assert read.provenance["photometric"] == "MONOCHROME1"


def test_reversed_polarity_undoes_monochrome1(tmp_path: Path) -> None:
    stored = unsigned()
    path = dicom(tmp_path / "a.dcm", stored, PhotometricInterpretation="MONOCHROME1")
    assert np.allclose(read_image(path, polarity="reversed").image[0].numpy(), stored / 4095, atol=1e-7)


def test_ct_gives_hounsfield_units_and_its_window(tmp_path: Path) -> None:
    stored = unsigned()
    path = dicom(
        tmp_path / "a.dcm",
        stored,
        Modality="CT",
        RescaleSlope=1,
        RescaleIntercept=-1024,
        WindowCenter=[40, -600],
        WindowWidth=[400, 1500],
        PixelSpacing=[0.7, 0.8],
    )
    read = read_image(path)
    hu = stored.astype(np.float64) - 1024
    assert read.hu is not None
    assert np.array_equal(read.hu[0].numpy(), hu)
    assert np.allclose(read.image[0].numpy(), np.clip((hu - 39.5) / 399 + 0.5, 0, 1), atol=1e-7)
    assert read.spacing_mm == (0.7, 0.8)
    assert read.provenance["rescale"] == [1.0, -1024.0]
    assert (read.provenance["window"]["centre"], read.provenance["window"]["width"]) == (40.0, 400.0)


def test_another_window_of_the_file_can_be_chosen(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a.dcm", unsigned(), WindowCenter=[40, 2000], WindowWidth=[400, 1500])
    assert read_image(path, window=2).provenance["window"]["centre"] == 2000
    with pytest.raises(ImageReadError, match="has 2 windows, so there is no window=3"):
        read_image(path, window=3)


def test_window_none_takes_the_whole_range_after_the_rescale(tmp_path: Path) -> None:
    stored = unsigned()
    path = dicom(
        tmp_path / "a.dcm", stored, Modality="CT", RescaleSlope=2, RescaleIntercept=-1024, WindowCenter=0, WindowWidth=9
    )
    read = read_image(path, window="none")
    assert np.allclose(read.image[0].numpy(), stored / 4095, atol=1e-7)
    assert (read.provenance["window"]["low"], read.provenance["window"]["high"]) == (-1024.0, 2 * 4095 - 1024.0)


def test_negative_slope_turns_the_values_round(tmp_path: Path) -> None:
    stored = unsigned()
    read = read_image(dicom(tmp_path / "a.dcm", stored, RescaleSlope=-1, RescaleIntercept=4095))
    assert np.allclose(read.image[0].numpy(), 1 - stored / 4095, atol=1e-7)


def test_ct_without_window_is_refused_until_one_is_given(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a.dcm", unsigned(), Modality="CT", RescaleSlope=1, RescaleIntercept=-1024)
    with pytest.raises(ImageReadError, match=r"CT slice that states no window; use window=\[low,high\]"):
        read_image(path)
    assert read_image(path, window=(-1024, 3071)).image.max() <= 1


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_voi_functions_are_those_of_pydicom(tmp_path: Path, function: str) -> None:
    stored = unsigned()
    path = dicom(tmp_path / "a.dcm", stored, WindowCenter=1800, WindowWidth=900, VOILUTFunction=function)
    truth = apply_voi_lut(stored, pydicom.dcmread(path)) / 4095
    assert np.allclose(read_image(path).image[0].numpy(), truth, atol=1e-7)


def table(count: int, first: int, bits: int, vr: str) -> Dataset:
    entries = (np.linspace(0, 1, count) ** 2 * (2**bits - 1)).astype("<u2")
    item = Dataset()
    item.LUTDescriptor = [count, first, bits]
    item["LUTDescriptor"].VR = "US" if first >= 0 else "SS"
    item.LUTData = entries.tolist() if vr == "US" else entries.tobytes()
    item["LUTData"].VR = vr
    return item


@pytest.mark.parametrize("vr", ["US", "OW"])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize(("first", "bits"), [(0, 12), (300, 16), (1000, 10)])
def test_voi_table_is_that_of_pydicom(tmp_path: Path, vr: str, syntax: str, first: int, bits: int) -> None:
    stored = unsigned()
    path = dicom(tmp_path / "a.dcm", stored, syntax=syntax, VOILUTSequence=[table(2000, first, bits, vr)])
    truth = apply_voi_lut(stored, pydicom.dcmread(path)) / (2**bits - 1)
    read = read_image(path)
    assert np.allclose(read.image[0].numpy(), truth, atol=1e-7)
    assert read.provenance["window"]["from"] == "file LUT 1"


def test_voi_table_of_signed_pixels_starts_below_zero(tmp_path: Path) -> None:
    stored = (unsigned(12, np.int32) - 2048).astype(np.int16)
    path = dicom(tmp_path / "a.dcm", stored, VOILUTSequence=[table(4096, -2048, 12, "US")])
    truth = (np.linspace(0, 1, 4096) ** 2 * 4095).astype("<u2")[stored.astype(int) + 2048] / 4095
    assert np.allclose(read_image(path).image[0].numpy(), truth, atol=1e-7)


def test_window_goes_before_table_unless_the_table_is_asked_for(tmp_path: Path) -> None:
    path = dicom(
        tmp_path / "a.dcm", unsigned(), WindowCenter=2000, WindowWidth=900, VOILUTSequence=[table(4096, 0, 12, "US")]
    )
    assert read_image(path).provenance["window"]["function"] == "LINEAR"
    assert read_image(path, window="lut").provenance["window"]["function"] == "LUT"


def test_padding_becomes_black_and_air(tmp_path: Path) -> None:
    stored = np.full((4, 5), 1064, np.int16)
    stored[0, :3] = -2000
    path = dicom(
        tmp_path / "a.dcm",
        stored,
        bits=16,
        Modality="CT",
        RescaleSlope=1,
        RescaleIntercept=-1024,
        WindowCenter=40,
        WindowWidth=400,
        PixelPaddingValue=-2000,
    )
    read = read_image(path)
    assert read.hu is not None
    assert read.hu[0, 0, :4].tolist() == [-1000, -1000, -1000, 40]
    assert read.image[0, 0, :3].tolist() == [0, 0, 0]
    assert "3 pixels outside the picture" in read.provenance["padding"]


def test_padding_of_monochrome1_is_black_too(tmp_path: Path) -> None:
    stored = unsigned()
    stored[0, :] = 0
    path = dicom(tmp_path / "a.dcm", stored, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=0)
    assert read_image(path).image[0, 0].tolist() == [0.0] * 14


def test_padding_may_be_a_range(tmp_path: Path) -> None:
    stored = np.array([[0, 5, 10, 11]], np.uint16)
    path = dicom(tmp_path / "a.dcm", stored, PixelPaddingValue=0, PixelPaddingRangeLimit=10)
    assert "3 pixels" in read_image(path).provenance["padding"]


@pytest.mark.parametrize("keyword", ["PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"])
def test_spacing_is_recorded_with_where_it_is_from(tmp_path: Path, keyword: str) -> None:
    read = read_image(dicom(tmp_path / "a.dcm", unsigned(), **{keyword: [0.14, 0.15]}))
    assert read.spacing_mm == (0.14, 0.15)
    assert read.provenance["spacing_from"] == keyword


def test_implicit_syntax_and_a_file_without_preamble_are_read(tmp_path: Path) -> None:
    stored = unsigned()
    dicom(tmp_path / "a.dcm", stored, syntax=ImplicitVRLittleEndian)
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    bare = io.BytesIO()
    del ds.file_meta
    ds.save_as(bare, implicit_vr=True, little_endian=True, enforce_file_format=False)
    (tmp_path / "bare.dcm").write_bytes(bare.getvalue())
    for name in ("a.dcm", "bare.dcm"):
        assert np.array_equal(read_image(tmp_path / name).image[0].numpy(), (stored / 4095).astype(np.float32))


def test_rle_is_read(tmp_path: Path) -> None:
    stored = unsigned(16)
    dicom(tmp_path / "a.dcm", stored, bits=16)
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    ds.compress(pydicom.uid.RLELossless)
    ds.save_as(tmp_path / "rle.dcm")
    assert np.array_equal(read_image(tmp_path / "rle.dcm").image[0].numpy(), (stored / 65535).astype(np.float32))


def test_compression_without_a_decoder_is_named(tmp_path: Path) -> None:
    path = dicom(tmp_path / "a.dcm", unsigned(), syntax=JPEG_LOSSLESS, PixelData=encapsulate([b"\xff\xd8\xff\xd9"]))
    with pytest.raises(ImageReadError, match=r"compressed as JPEG Lossless.*no installed decoder.*pylibjpeg"):
        read_image(path)


def test_colour_jpeg_becomes_luma(tmp_path: Path) -> None:
    smooth = np.stack([np.add.outer(np.arange(32), np.arange(32)) * k for k in (1, 2, 3)], -1).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(smooth).save(buffer, "JPEG", quality=98, subsampling=0)
    path = dicom(
        tmp_path / "a.dcm",
        np.zeros((32, 32), np.uint8),
        bits=8,
        syntax=JPEG_BASELINE,
        SamplesPerPixel=3,
        PhotometricInterpretation="YBR_FULL",
        PlanarConfiguration=0,
        PixelData=encapsulate([buffer.getvalue()]),
    )
    truth = smooth @ np.array([0.299, 0.587, 0.114]) / 255
    assert np.abs(read_image(path).image[0].numpy() - truth).max() < 3 / 255


def test_rgb_becomes_luma(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    path = dicom(
        tmp_path / "a.dcm",
        np.zeros((6, 7), np.uint8),
        bits=8,
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=0,
        PixelData=rgb.tobytes(),
    )
    assert np.allclose(read_image(path).image[0].numpy(), rgb @ np.array([0.299, 0.587, 0.114]) / 255, atol=1e-6)


def test_several_frames_are_refused_until_one_is_chosen(tmp_path: Path) -> None:
    stored = np.stack([unsigned(), unsigned()[::-1]])
    path = dicom(tmp_path / "a.dcm", stored, NumberOfFrames=2)
    with pytest.raises(ImageReadError, match=r"has 2 frames: choose one with frame=1\.\.2"):
        read_image(path)
    assert np.array_equal(read_image(path, frame=2).image[0].numpy(), (stored[1] / 4095).astype(np.float32))


def test_dicom_without_pixels_is_refused(tmp_path: Path) -> None:
    dicom(tmp_path / "a.dcm", unsigned())
    ds = pydicom.dcmread(tmp_path / "a.dcm")
    del ds.PixelData
    ds.save_as(tmp_path / "b.dcm")
    with pytest.raises(ImageReadError, match=r"'b\.dcm' has no pixels \(it is a Computed Radiography Image Storage\)"):
        read_image(tmp_path / "b.dcm")


@pytest.mark.parametrize("part", [0.02, 0.2, 0.35, 0.5, 0.7, 0.95, 0.999])
def test_truncated_dicom_is_refused(tmp_path: Path, part: float) -> None:
    path = dicom(tmp_path / "a.dcm", unsigned())
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(ImageReadError, match=r"'a\.dcm'"):
        read_image(path)


def test_file_that_only_ends_in_dcm_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_text("not an image, " * 40)
    with pytest.raises(ImageReadError, match=r"'a\.dcm'"):
        read_image(tmp_path / "a.dcm")


def test_zero_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageReadError, match=r"no pixels \(its size is \[0, 14\]\)"):
        read_image(dicom(tmp_path / "a.dcm", unsigned(), Rows=0))


def test_one_pixel_is_an_image(tmp_path: Path) -> None:
    assert read_image(dicom(tmp_path / "a.dcm", np.array([[4095]], np.uint16))).image.tolist() == [[[1.0]]]


@pytest.mark.parametrize(
    ("elements", "words"),
    [
        ({"RescaleSlope": 0, "RescaleIntercept": 0}, "maps to nothing"),
        ({"WindowCenter": [1, 2], "WindowWidth": 5}, "2 window centres but 1 widths"),
        ({"WindowCenter": 10, "WindowWidth": 0}, "too small"),
        ({"WindowCenter": 10, "WindowWidth": 5, "VOILUTFunction": "CUBIC"}, "'CUBIC'"),
        ({"HighBit": 5}, "HighBit 5"),
        ({"BitsStored": 20}, "Bits Stored"),
        ({"PhotometricInterpretation": "ARGB"}, "'ARGB'"),
        ({"Rows": 40000, "Columns": 40000}, "more than the 67,108,864 that are read: .* RADBENCH_MAX_PIXELS"),
        ({"ModalityLUTSequence": [table(10, 0, 12, "US")]}, "modality look-up table"),
    ],
)
def test_contradictory_header_is_refused(tmp_path: Path, elements: dict[str, Any], words: str) -> None:
    with pytest.raises(ImageReadError, match=words):
        read_image(dicom(tmp_path / "a.dcm", unsigned(), **elements))


def test_dicom_is_told_without_its_suffix(tmp_path: Path) -> None:
    stored = unsigned()
    dicom(tmp_path / "IM000001", stored)
    assert np.array_equal(read_image(tmp_path / "IM000001").image[0].numpy(), (stored / 4095).astype(np.float32))


def test_real_ct_slices_give_pydicoms_hounsfield_units_and_window(real_data: Path) -> None:
    for path in sorted((real_data / "ct-dicom").glob("*/*.dcm"))[::6]:
        ds = pydicom.dcmread(path)
        read = read_image(path)
        hu = ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)
        assert read.hu is not None
        assert np.array_equal(read.hu[0].numpy(), hu.astype(np.float32))
        low, high = -1024.0, 3071.0  # what pydicom calls the full range here
        truth = (pydicom.pixels.apply_windowing(hu, ds) - low) / (high - low)
        assert np.allclose(read.image[0].numpy(), truth, atol=1e-6)
