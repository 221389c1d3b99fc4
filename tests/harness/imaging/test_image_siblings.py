"""Kinds of image that are met now and then: the right value, or a sentence that helps; and what is odd is noticed."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.processing import convert_color_space

from radbench.contracts.errors import ImageReadError, UsageError
from radbench.imaging import read_image, read_volume

from .test_image_dicom import dicom

REC601 = np.array((0.299, 0.587, 0.114))
COLOURS = np.random.default_rng(0).integers(0, 256, (12, 14, 3), dtype=np.uint8)


def luma(colours: np.ndarray) -> np.ndarray:
    return (colours.astype(np.float64) @ REC601 / 255).astype(np.float32)


def coloured(path: Path, pixels: np.ndarray, photometric: str, planar: int = 0) -> Path:
    return dicom(
        path,
        pixels[..., 0],
        bits=8,
        SamplesPerPixel=pixels.shape[2],
        PhotometricInterpretation=photometric,
        PlanarConfiguration=planar,
        PixelData=(np.moveaxis(pixels, -1, 0) if planar else pixels).tobytes(),
    )


# DICOM ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("planar", [0, 1])
def test_full_range_ybr_is_turned_to_rgb_and_to_luma(tmp_path: Path, planar: int) -> None:
    ybr = convert_color_space(COLOURS, "RGB", "YBR_FULL")
    read = read_image(coloured(tmp_path / "a.dcm", ybr, "YBR_FULL", planar)).image[0].numpy()
    # Luma is the Y of YBR: what is lost is the rounding of three bytes.
    assert np.abs(read - ybr[..., 0] / 255).max() < 2 / 255
    assert np.abs(read - luma(COLOURS)).max() < 2 / 255


@pytest.mark.parametrize(("photometric", "samples"), [("HSV", 3), ("CMYK", 4), ("ARGB", 4), ("MONOCHROME2", 3)])
def test_colours_that_are_not_understood_are_refused(tmp_path: Path, photometric: str, samples: int) -> None:
    pixels = np.repeat(COLOURS[..., :1], samples, axis=-1)
    with pytest.raises(ImageReadError, match=f"'{photometric}' with {samples} samples per pixel|damaged"):
        read_image(coloured(tmp_path / "a.dcm", pixels, photometric))


def test_a_single_sample_that_claims_to_be_colour_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageReadError, match=r"'RGB' with 1 samples per pixel|damaged"):
        read_image(dicom(tmp_path / "a.dcm", COLOURS[..., 0], bits=8, PhotometricInterpretation="RGB"))


@pytest.mark.parametrize("bits", [8, 16])
def test_a_palette_is_looked_up(tmp_path: Path, bits: int) -> None:
    entries = [np.arange(256)[::-1] * (257 if bits == 16 else 1), np.zeros(256), np.zeros(256)]
    tables = {}
    for name, table in zip(("Red", "Green", "Blue"), entries, strict=True):
        tables[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, bits]
        tables[f"{name}PaletteColorLookupTableData"] = table.astype(f"<u{bits // 8}").tobytes()
    stored = COLOURS[..., 0]
    read = read_image(
        dicom(tmp_path / "a.dcm", stored, bits=8, PhotometricInterpretation="PALETTE COLOR", **tables)
    ).image[0]
    assert np.allclose(read.numpy(), 0.299 * (255 - stored.astype(np.float64)) / 255, atol=1e-6)


@pytest.mark.parametrize(
    ("photometric", "shape", "odd"),
    [("MONOCHROME2", "INVERSE", True), ("MONOCHROME1", "IDENTITY", True), ("MONOCHROME2", "IDENTITY", False)],
)
def test_a_presentation_that_contradicts_the_polarity_is_noticed(
    tmp_path: Path, photometric: str, shape: str, odd: bool
) -> None:
    stored = COLOURS[..., 0]
    read = read_image(
        dicom(tmp_path / "a.dcm", stored, bits=8, PhotometricInterpretation=photometric, PresentationLUTShape=shape)
    )
    expected = stored if photometric == "MONOCHROME2" else 255 - stored
    assert np.allclose(read.image[0].numpy() * 255, expected, atol=1e-4)
    assert ("say polarity=reversed" in read.provenance.get("noticed", "")) == odd


def test_an_overlay_plane_is_not_drawn(tmp_path: Path) -> None:
    stored = COLOURS[..., 0]
    path = dicom(tmp_path / "a.dcm", stored, bits=8)
    ds = pydicom.dcmread(path)
    for tag, vr, value in (
        (0x0010, "US", 12),
        (0x0011, "US", 14),
        (0x0040, "CS", "G"),
        (0x0050, "SS", [1, 1]),
        (0x0100, "US", 1),
        (0x0102, "US", 0),
        (0x3000, "OW", b"\xff" * 22),
    ):
        ds.add_new((0x6000, tag), vr, value)
    ds.save_as(path)
    assert np.array_equal(read_image(path).image[0].numpy(), (stored / 255).astype(np.float32))


def test_frames_have_their_own_rescale_and_window(tmp_path: Path) -> None:
    from pydicom.sequence import Sequence

    def group(intercept: int) -> Dataset:
        value, window, group = Dataset(), Dataset(), Dataset()
        value.RescaleSlope, value.RescaleIntercept, value.RescaleType = 1, intercept, "HU"
        window.WindowCenter, window.WindowWidth = intercept + 128, 257
        group.PixelValueTransformationSequence = Sequence([value])
        group.FrameVOILUTSequence = Sequence([window])
        return group

    stored = np.stack([COLOURS[..., 0]] * 2)
    path = dicom(
        tmp_path / "a.dcm",
        stored,
        bits=8,
        Modality="CT",
        NumberOfFrames=2,
        PerFrameFunctionalGroupsSequence=Sequence([group(-1000), group(50)]),
    )
    for frame, intercept in ((1, -1000), (2, 50)):
        read = read_image(path, frame=frame)
        assert np.array_equal(read.hu[0].numpy(), stored[0].astype(np.float32) + intercept)
        assert np.allclose(read.image[0].numpy(), stored[0] / 256, atol=2e-3)


# raster --------------------------------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("extra", [chunk(b"gAMA", struct.pack(">I", 100000)), chunk(b"sRGB", b"\0"), b""])
def test_gamma_changes_no_value(tmp_path: Path, extra: bytes) -> None:
    Image.fromarray(COLOURS[..., 0]).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[:33] + extra + data[33:])
    assert np.array_equal(read_image(tmp_path / "a.png").image[0].numpy(), (COLOURS[..., 0] / 255).astype(np.float32))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_fill_the_range_whichever_program_wrote_them(tmp_path: Path, bits: int) -> None:
    stored = COLOURS[:, :8, 0] >> (8 - bits)
    packed = np.packbits(np.unpackbits(stored[..., None], axis=-1)[..., -bits:].reshape(len(stored), -1), axis=-1)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in packed))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, len(stored), bits, 0, 0, 0, 0))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", body) + chunk(b"IEND", b""))
    read = read_image(tmp_path / "a.png").image[0].numpy()
    assert np.allclose(read, stored / (2**bits - 1), atol=1e-6)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_grey_that_stands_for_transparent_is_black_at_any_depth(tmp_path: Path, bits: int) -> None:
    stored = (np.arange(64) % 2**bits).astype(np.uint8).reshape(8, 8)
    packed = np.packbits(np.unpackbits(stored[..., None], axis=-1)[..., -bits:].reshape(8, -1), axis=-1)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in packed))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, bits, 0, 0, 0, 0))
    transparent = int(stored.max())
    key = chunk(b"tRNS", struct.pack(">H", transparent))
    data = b"\x89PNG\r\n\x1a\n" + head + key + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(data)
    read = read_image(tmp_path / "a.png")
    expected = np.where(stored == transparent, 0, stored) / (2**bits - 1)
    assert np.allclose(read.image[0].numpy(), expected, atol=1e-6)
    assert "alpha over black" in read.provenance["conversions"]


def test_cmyk_of_a_press_is_grey_as_it_is_seen(tmp_path: Path) -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(np.dstack([grey] * 3)).convert("CMYK").save(tmp_path / "a.tif")
    assert np.allclose(read_image(tmp_path / "a.tif").image[0].numpy() * 255, grey, atol=1.0)


def test_lab_is_refused_by_its_name(tmp_path: Path) -> None:
    Image.fromarray(COLOURS, "RGB").convert("L").convert("RGB").save(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "a.tif", COLOURS, photometric="cielab")
    with pytest.raises(ImageReadError, match="pixels of kind 'LAB', which is not read"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (gzip.compress(b"x", mtime=0), "is compressed with gzip: decompress it"),
        (b"PK\x03\x04" + bytes(30), "is a zip archive: unpack it"),
        (b"%PDF-1.7", "is a PDF"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "is WebP"),
        (b"\0\0\0\x18ftypheic", "is HEIC"),
        (b"NRRD0004\n", "is NRRD"),
        (b"\x93NUMPY\x01\0", "is a NumPy array"),
        (b"\x89HDF\r\n", "is HDF5"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "is JPEG 2000 outside DICOM"),
        (b"plain text", "is not an image that can be read"),
    ],
)
def test_another_format_is_called_by_its_name(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(ImageReadError, match=f"'a.png' {words}.*PNG, JPEG, TIFF"):
        read_image(tmp_path / "a.png")


# NIfTI ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("unit", "millimetres"), [("mm", 0.5), ("meter", 500.0), ("micron", 0.0005), (None, 0.5)])
def test_spacing_is_in_millimetres_whatever_the_unit(tmp_path: Path, unit: str | None, millimetres: float) -> None:
    image = nibabel.Nifti1Image(np.zeros((4, 5, 3), np.int16), np.diag([0.5, 0.5, 0.5, 1.0]))
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "a.nii")
    read = read_image(tmp_path / "a.nii", slice_number=1, window=(0, 1))
    assert read.spacing_mm == pytest.approx((millimetres, millimetres))
    volume = read_volume(tmp_path / "a.nii")
    assert volume.spacing_mm == pytest.approx([millimetres] * 3)
    assert np.abs(volume.positions[1] - volume.positions[0]).max() == pytest.approx(millimetres)


def test_several_gzip_members_are_one_file(tmp_path: Path) -> None:
    grey = COLOURS[..., :1].copy()
    data = nibabel.Nifti1Image(grey, np.eye(4)).to_bytes()
    (tmp_path / "one.nii.gz").write_bytes(gzip.compress(data))
    (tmp_path / "two.nii.gz").write_bytes(gzip.compress(data[:400]) + gzip.compress(data[400:]))
    one, two = (read_image(tmp_path / f"{name}.nii.gz").image for name in ("one", "two"))
    assert np.array_equal(one, two)


@pytest.mark.parametrize("kind", ["complex64", "rgb"])
def test_a_volume_of_anything_but_grey_is_refused(tmp_path: Path, kind: str) -> None:
    rgb = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    array = np.zeros((4, 4, 4), rgb if kind == "rgb" else np.complex64)
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(ImageReadError, match=r"'a\.nii'"):
        read_volume(tmp_path / "a.nii")
    with pytest.raises(ImageReadError, match=r"'a\.nii'"):
        read_image(tmp_path / "a.nii", slice_number=1, window=(0, 1))


# numbers that do not apply -------------------------------------------------------------------------------------


def test_a_frame_of_nifti_and_a_slice_of_anything_else_are_refused(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 3), np.int16), np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(ImageReadError, match="has slices and no frames: use slice_number="):
        read_image(tmp_path / "a.nii", frame=2)
    Image.fromarray(COLOURS).save(tmp_path / "a.png")
    with pytest.raises(ImageReadError, match="has no slices: use frame="):
        read_image(tmp_path / "a.png", slice_number=1)
    np.zeros((2048, 2048), ">u2").tofile(tmp_path / "a.img")
    with pytest.raises(ImageReadError, match="has one frame, so there is no frame=2"):
        read_image(tmp_path / "a.img", frame=2)


# what is noticed -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("top", "bits"), [(4095, 12), (3000, 12), (255, 8), (4096, None), (65535, None), (0, None)])
@pytest.mark.parametrize("kind", ["png", "tif", "dcm"])
def test_values_that_end_within_fewer_bits_are_noticed(tmp_path: Path, kind: str, top: int, bits: int | None) -> None:
    stored = np.linspace(0, top, 64).astype(np.uint16).reshape(8, 8)
    path = tmp_path / f"a.{kind}"
    if kind == "dcm":
        dicom(path, stored, bits=16)
    else:
        Image.fromarray(stored).save(path)
    read = read_image(path)
    assert np.allclose(read.image[0].numpy(), stored / 65535, atol=1e-7), "noticed, never acted upon"
    expected = "" if bits is None else f"values end at {top} of 65535, as {bits} bits in words of 16 do: .* bits={bits}"
    if bits is None:
        assert "noticed" not in read.provenance
    else:
        assert read.provenance["noticed"].startswith(expected.split(",")[0])
        assert read.provenance["noticed"].endswith(f"bits={bits}")
        assert "noticed" not in read_image(path, bits=bits).provenance


def test_a_window_of_the_file_or_of_the_caller_leaves_nothing_to_notice(tmp_path: Path) -> None:
    stored = np.linspace(0, 4095, 64).astype(np.uint16).reshape(8, 8)
    read = read_image(dicom(tmp_path / "a.dcm", stored, bits=16, WindowCenter=2000, WindowWidth=4000))
    assert "noticed" not in read.provenance
    assert "noticed" not in read_image(dicom(tmp_path / "b.dcm", stored, bits=16), window=(0, 4095)).provenance


@pytest.mark.parametrize("kind", ["png", "dcm", "nii"])
def test_a_limit_that_is_no_number_is_no_fault_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = tmp_path / f"a.{kind}"
    if kind == "dcm":
        dicom(path, COLOURS[..., 0], bits=8)
    elif kind == "nii":
        nibabel.save(nibabel.Nifti1Image(COLOURS[..., :1].copy(), np.eye(4)), path)
    else:
        Image.fromarray(COLOURS).save(path)
    monkeypatch.setenv("RADBENCH_MAX_PIXELS", "lots")
    with pytest.raises(UsageError, match=r"^RADBENCH_MAX_PIXELS=lots must be a whole number from 1$"):
        read_image(path)
