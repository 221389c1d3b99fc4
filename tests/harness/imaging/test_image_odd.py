"""Files as some programs write them, whose meaning is easily missed: each with the value that it must have."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ImplicitVRLittleEndian

from radbench.contracts.errors import ImageReadError
from radbench.imaging import read_ct_series, read_image, read_mask, write_derived_dicom

from .test_image_dicom import CT, dicom

RAMP = (np.arange(256, dtype=np.uint16) * 16).reshape(16, 16)
STATED = {"SOPClassUID": CT, "Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": -1024, "RescaleType": "HU"}
WINDOW = {"WindowCenter": 40, "WindowWidth": 400}


def items(**elements) -> Sequence:
    item = Dataset()
    for name, value in elements.items():
        setattr(item, name, value)
    return Sequence([item])


# rescale -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("half", [{"RescaleIntercept": None}, {"RescaleIntercept": ""}, {"RescaleSlope": None}])
def test_half_a_rescale_is_none(tmp_path: Path, half: dict) -> None:
    read = read_image(_ct(tmp_path, **half))
    assert read.hu is None
    assert read.provenance["rescale"] is None
    assert "half a rescale" in read.provenance["noticed"]
    assert read_image(_ct(tmp_path)).hu is not None


def _ct(folder: Path, name: str = "a.dcm", **elements) -> Path:
    given = {**STATED, **WINDOW, **elements}
    return dicom(folder / name, RAMP, **{k: v for k, v in given.items() if v is not None})


def test_in_a_series_the_slice_without_its_intercept_is_named(tmp_path: Path) -> None:
    shared = {"PixelSpacing": [1, 1], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "SeriesInstanceUID": "1.2"}
    _ct(tmp_path, "good.dcm", ImagePositionPatient=[0, 0, 0], **shared)
    _ct(tmp_path, "bad.dcm", ImagePositionPatient=[0, 0, 1], RescaleIntercept="", **shared)
    with pytest.raises(ImageReadError, match=r"'bad.dcm' is not in Hounsfield units"):
        read_ct_series(tmp_path)


# functional groups ---------------------------------------------------------------------------------------------


def enhanced(folder: Path, frames: int, where: str) -> Path:
    """Write an enhanced CT whose top level lies; frame k has intercept -1024 - k and the window [k, k + 400]."""
    top = {"RescaleSlope": 7, "RescaleIntercept": 7, "WindowCenter": 7, "WindowWidth": 7, "PixelSpacing": [7, 7]}
    pixels = np.stack([RAMP] * frames) if frames > 1 else RAMP

    def group(frame: int) -> Dataset:
        (found,) = items(
            PixelValueTransformationSequence=items(RescaleSlope=1, RescaleIntercept=-1024 - frame, RescaleType="HU"),
            FrameVOILUTSequence=items(WindowCenter=200 + frame, WindowWidth=400),
            PixelMeasuresSequence=items(PixelSpacing=[0.5, 0.25]),
        )
        return found

    if where == "shared":
        groups = {"SharedFunctionalGroupsSequence": Sequence([group(0)])}
    else:
        wrong = items(PixelValueTransformationSequence=items(RescaleSlope=9, RescaleIntercept=9, RescaleType="HU"))
        per_frame = Sequence([group(k) for k in range(frames)])
        groups = {"SharedFunctionalGroupsSequence": wrong, "PerFrameFunctionalGroupsSequence": per_frame}
    count = {"NumberOfFrames": frames}
    return dicom(folder / "a.dcm", pixels, SOPClassUID=CT, Modality="CT", **top, **count, **groups)


@pytest.mark.parametrize(("frames", "where"), [(1, "shared"), (1, "frame"), (3, "frame")])
def test_functional_groups_count_whatever_stands_at_the_top(tmp_path: Path, frames: int, where: str) -> None:
    frame = None if frames == 1 else 2
    offset = 0 if frames == 1 else 1
    read = read_image(enhanced(tmp_path, frames, where), frame=frame)
    assert read.hu is not None
    assert np.array_equal(read.hu[0].numpy(), RAMP - 1024.0 - offset)
    assert read.spacing_mm == (0.5, 0.25)
    assert (read.provenance["window"]["centre"], read.provenance["window"]["width"]) == (200.0 + offset, 400.0)


# look-up tables and padding ------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [-1024, 64512])
@pytest.mark.parametrize("implicit", [False, True])
def test_the_first_input_of_a_table_has_the_sign_of_the_values_that_enter_it(
    tmp_path: Path, first: int, implicit: bool
) -> None:
    table = Dataset()
    table.add_new("LUTDescriptor", "SS" if first < 0 else "US", [4096, first, 8])
    table.add_new("LUTData", "OW", (np.arange(4096) // 16).astype("<u2").tobytes())
    syntax = {"syntax": ImplicitVRLittleEndian} if implicit else {}
    if implicit and first < 0:
        pytest.skip("implicit files hold no type")
    file = dicom(tmp_path / "a.dcm", RAMP, **STATED, VOILUTSequence=Sequence([table]), **syntax)
    assert np.allclose(read_image(file).image[0].numpy(), (RAMP // 16) / 255, atol=1e-7)


@pytest.mark.parametrize(
    ("bits", "signed", "word", "written", "vr"),
    [
        (16, True, -2000, 63536, "US"),
        (16, False, 63536, -2000, "SS"),
        (12, True, 1072, -3024, "SS"),  # bits above BitsStored
        (12, False, 4000, 4000 + 4096, "US"),
    ],
)
def test_padding_is_the_word_that_the_pixels_hold(
    tmp_path: Path, bits: int, signed: bool, word: int, written: int, vr: str
) -> None:
    pixels = np.full((8, 8), 100, np.int16 if signed else np.uint16)
    pixels[:4] = word
    file = dicom(tmp_path / "a.dcm", pixels, bits=bits, **STATED, **WINDOW)
    ds = pydicom.dcmread(file)
    ds.add_new("PixelPaddingValue", vr, written)
    ds.save_as(file)
    read = read_image(file)
    assert read.hu is not None
    assert (read.hu[0, :4] == -1000).all()
    assert (read.hu[0, 4:] == 100 - 1024).all()
    assert (read.image[0, :4] == 0).all()


def test_big_endian_without_preamble_and_header(tmp_path: Path) -> None:
    def element(group: int, number: int, vr: bytes, value: bytes) -> bytes:
        size = struct.pack(">HI", 0, len(value)) if vr in (b"OW", b"SQ") else struct.pack(">H", len(value))
        return struct.pack(">HH", group, number) + vr + size + value

    words = (
        (0x0008, 0x0016, b"UI", CT.encode() + b"\0" * (len(CT) % 2)),
        (0x0008, 0x0060, b"CS", b"CT"),
        (0x0028, 0x0002, b"US", struct.pack(">H", 1)),
        (0x0028, 0x0004, b"CS", b"MONOCHROME2 "),
        (0x0028, 0x0010, b"US", struct.pack(">H", 16)),
        (0x0028, 0x0011, b"US", struct.pack(">H", 16)),
        (0x0028, 0x0100, b"US", struct.pack(">H", 16)),
        (0x0028, 0x0101, b"US", struct.pack(">H", 16)),
        (0x0028, 0x0102, b"US", struct.pack(">H", 15)),
        (0x0028, 0x0103, b"US", struct.pack(">H", 0)),
        (0x0028, 0x1050, b"DS", b"40"),
        (0x0028, 0x1051, b"DS", b"400 "),
        (0x0028, 0x1052, b"DS", b"-1024 "),
        (0x0028, 0x1053, b"DS", b"1 "),
        (0x7FE0, 0x0010, b"OW", RAMP.astype(">u2").tobytes()),
    )
    file = tmp_path / "be.dcm"
    file.write_bytes(b"".join(element(*word) for word in words))
    hu = read_image(file).hu
    assert hu is not None
    assert np.array_equal(hu[0].numpy(), RAMP - 1024.0)


# windows -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("windows", "words"),
    [
        ({"WindowCenter": [40, 50], "WindowWidth": 400}, "2 window centres but 1 widths"),
        ({"WindowCenter": 40, "WindowWidth": 400, "VOILUTFunction": "GAMMA"}, "VOI LUT function 'GAMMA'"),
        ({"comma": True}, "a window that is no number"),
    ],
)
def test_the_advice_on_a_window_that_cannot_be_used_works(tmp_path: Path, windows: dict, words: str) -> None:
    file = dicom(tmp_path / "a.dcm", RAMP, **STATED, **(WINDOW if "comma" in windows else windows))
    if "comma" in windows:
        file.write_bytes(file.read_bytes().replace(b"DS\x06\x00400.0 ", b"DS\x06\x00400,5 "))
    with pytest.raises(ImageReadError, match=words + r".*use window=\[low,high\]"):
        read_image(file)
    assert float(read_image(file, window=(-1024, 3056)).image.max()) == 1.0
    assert read_image(file, window="none").provenance["window"]["from"] == "whole stored range"


# TIFF ----------------------------------------------------------------------------------------------------------

GREYS = (np.arange(256, dtype=np.uint16) * 256).reshape(16, 16)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_sixteen_bit_colours_in_planes_or_interleaved(tmp_path: Path, planar: str) -> None:
    colours = np.stack([GREYS, GREYS // 2, GREYS // 4], axis=0 if planar == "separate" else -1)
    tifffile.imwrite(tmp_path / "a.tif", colours, photometric="rgb", planarconfig=planar)
    luma = (0.299 * GREYS + 0.587 * (GREYS // 2) + 0.114 * (GREYS // 4)) / 65535
    assert np.allclose(read_image(tmp_path / "a.tif").image[0].numpy(), luma, atol=1e-6)


@pytest.mark.parametrize(
    ("extra", "share"), [("unspecified", 1.0), ("assocalpha", 1.0), ("unassalpha", 0.5)], ids=lambda value: str(value)
)
def test_only_an_unassociated_alpha_is_still_to_be_applied(tmp_path: Path, extra: str, share: float) -> None:
    half = np.full_like(GREYS, 32768)
    colours = np.stack([GREYS] * 3 + [half], axis=-1)
    tifffile.imwrite(tmp_path / "a.tif", colours, photometric="rgb", planarconfig="contig", extrasamples=[extra])
    assert np.allclose(read_image(tmp_path / "a.tif").image[0].numpy(), share * GREYS / 65535, atol=1e-4)


def test_twelve_bits_are_twelve(tmp_path: Path) -> None:
    values = (np.arange(256) * 16 + 15).reshape(16, 16)
    pairs = values.reshape(-1, 2)
    packed = np.stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], axis=1)
    data = packed.astype(np.uint8).tobytes()
    tags = [(256, 16), (257, 16), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 16), (279, len(data))]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", t, 4, 1, v) for t, v in tags) + b"\0" * 4
    (tmp_path / "a.tif").write_bytes(b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory)
    read = read_image(tmp_path / "a.tif")
    assert read.provenance["bits"] == 12
    assert np.allclose(read.image[0].numpy(), values / 4095, atol=1e-6)


# masks ---------------------------------------------------------------------------------------------------------


def test_a_mask_may_be_drawn_in_transparency(tmp_path: Path) -> None:
    alpha = np.zeros((8, 8), np.uint8)
    alpha[2:4, 2:6] = 255
    drawn = np.zeros((8, 8, 4), np.uint8)
    drawn[..., 3] = alpha
    Image.fromarray(drawn).save(tmp_path / "drawn.png")
    assert np.array_equal(read_mask(tmp_path / "drawn.png")[0][0].numpy(), alpha > 0)
    # One that is black and opaque marks nothing, one in white marks what is opaque.
    drawn[..., 3] = 255
    Image.fromarray(drawn).save(tmp_path / "empty.png")
    assert not read_mask(tmp_path / "empty.png")[0].any()


def test_a_lossy_mask_of_noughts_and_ones_is_not_empty_in_silence(tmp_path: Path) -> None:
    ones = np.zeros((16, 16), np.uint8)
    ones[4:8, 4:8] = 1
    Image.fromarray(ones).save(tmp_path / "a.jpg", quality=100)
    with pytest.raises(ImageReadError, match=r"values end at 1 of 255: say which count with a threshold"):
        read_mask(tmp_path / "a.jpg")
    assert int(read_mask(tmp_path / "a.jpg", threshold=0)[0].sum()) == 16
    Image.fromarray(ones * 0).save(tmp_path / "black.jpg")
    assert not read_mask(tmp_path / "black.jpg")[0].any()


# what is written of them ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("frames", "where"), [(1, "shared"), (3, "frame")])
def test_a_derived_object_says_of_its_frame_what_is_true_of_it(tmp_path: Path, frames: int, where: str) -> None:
    source = enhanced(tmp_path, frames, where)
    chosen = {} if frames == 1 else {"frame": 2}
    read = read_image(source, **chosen)
    again = read_image(write_derived_dicom(tmp_path / "b.dcm", read.image, source, "none", **chosen))
    assert again.spacing_mm == (0.5, 0.25)
    assert np.allclose(again.image.numpy(), read.image.numpy(), atol=1e-4)
    assert read.hu is not None
    assert again.hu is not None
    inside = (read.image > 0) & (read.image < 1)
    assert np.allclose(again.hu[inside].numpy(), read.hu[inside].numpy(), atol=0.6)
    ds = pydicom.dcmread(tmp_path / "b.dcm")
    assert len(ds.get("PerFrameFunctionalGroupsSequence", [])) <= 1
    assert ds.NumberOfFrames == 1


def test_what_described_stored_values_is_gone(tmp_path: Path) -> None:
    stale = {
        "RealWorldValueMappingSequence": items(RealWorldValueSlope=2.0, RealWorldValueIntercept=0.0),
        "HistogramSequence": items(HistogramNumberOfBins=1),
        "LargestValidPixelValue": 4095,
        "PixelIntensityRelationshipSign": 1,
    }
    for photometric, sign in (("MONOCHROME1", None), ("MONOCHROME2", 1)):
        source = dicom(tmp_path / "a.dcm", RAMP, PhotometricInterpretation=photometric, **stale)
        write_derived_dicom(tmp_path / "b.dcm", read_image(source).image, source, "none")
        ds = pydicom.dcmread(tmp_path / "b.dcm")
        assert not [name for name in list(stale)[:3] if name in ds]
        assert ds.get("PixelIntensityRelationshipSign") == sign
