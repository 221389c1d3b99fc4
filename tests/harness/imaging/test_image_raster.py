"""Raster files written by Pillow, OpenCV or tifffile, or byte by byte, read back against what went in."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageFile

from radbench.contracts import ImageReadError
from radbench.imaging import read_image

GREY8 = np.random.default_rng(0).integers(0, 256, (13, 17), dtype=np.uint8)
GREY16 = np.random.default_rng(1).integers(0, 65536, (13, 17), dtype=np.uint16)
RGB8 = np.random.default_rng(2).integers(0, 256, (13, 17, 3), dtype=np.uint8)
RGB16 = np.random.default_rng(3).integers(0, 65536, (13, 17, 3), dtype=np.uint16)
LUMA = np.array([0.299, 0.587, 0.114])


def pixels(path: Path, **options: Any) -> np.ndarray:
    return read_image(path, **options).image[0].numpy()


def png(path: Path, rows: np.ndarray, depth: int, colour: int, extra: bytes = b"") -> Path:
    """Write a PNG by hand: ``rows`` are packed bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = rows.shape[0], int(rows.shape[1] * 8 // depth // {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour])
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    )
    return path


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "gif"])
def test_eight_bit_grey_is_its_value_over_255(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(GREY8).save(tmp_path / f"a.{suffix}")
    assert np.array_equal(pixels(tmp_path / f"a.{suffix}"), (GREY8 / 255).astype(np.float32))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_grey_is_its_value_over_65535(tmp_path: Path, suffix: str) -> None:
    cv2.imwrite(str(tmp_path / f"a.{suffix}"), GREY16)
    read = read_image(tmp_path / f"a.{suffix}")
    assert np.array_equal(read.image[0].numpy(), (GREY16 / 65535).astype(np.float32))
    assert read.provenance["bits"] == 16
    assert read.provenance["stored_range"] == [float(GREY16.min()), float(GREY16.max())]


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
def test_colour_becomes_luma(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(RGB8).save(tmp_path / f"a.{suffix}")
    read = read_image(tmp_path / f"a.{suffix}")
    assert np.allclose(read.image[0].numpy(), RGB8 @ LUMA / 255, atol=1e-7)
    assert "RGB to luma, Rec. 601" in read.provenance["conversions"]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_colour_keeps_its_sixteen_bits(tmp_path: Path, suffix: str) -> None:
    cv2.imwrite(str(tmp_path / f"a.{suffix}"), RGB16[..., ::-1])
    assert np.allclose(pixels(tmp_path / f"a.{suffix}"), RGB16 @ LUMA / 65535, atol=1e-7)


def test_colour_with_equal_channels_is_exactly_grey(tmp_path: Path) -> None:
    Image.fromarray(np.repeat(GREY8[..., None], 3, axis=2)).save(tmp_path / "a.png")
    assert np.array_equal(pixels(tmp_path / "a.png"), (GREY8 / 255).astype(np.float32))


def test_jpeg_is_near_what_was_written(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(pixels(tmp_path / "a.jpg") - smooth / 255).max() < 4 / 255


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_few_bits_fill_the_whole_range(tmp_path: Path, depth: int) -> None:
    byte = np.array([[0b00011011, 0b11100100]], dtype=np.uint8)
    truth = np.array([(b >> s) & (2**depth - 1) for b in byte[0] for s in range(8 - depth, -1, -depth)])
    read = pixels(png(tmp_path / "a.png", byte, depth, 0))
    assert np.allclose(read[0], truth / (2**depth - 1), atol=1e-7)


@pytest.mark.parametrize("suffix", ["png", "gif", "bmp", "tif"])
def test_reversed_grey_palette_comes_out_as_the_palette_says(tmp_path: Path, suffix: str) -> None:
    picture = Image.frombytes("P", GREY8.shape[::-1], GREY8.tobytes())
    picture.putpalette([255 - i // 3 for i in range(768)])
    picture.save(tmp_path / f"a.{suffix}")
    read = read_image(tmp_path / f"a.{suffix}")
    assert np.array_equal(read.image[0].numpy(), ((255 - GREY8) / 255).astype(np.float32))
    assert any("palette is grey" in c for c in read.provenance["conversions"])


def test_reversed_grey_palette_is_recorded_as_such(tmp_path: Path) -> None:
    picture = Image.frombytes("P", GREY8.shape[::-1], GREY8.tobytes())
    picture.putpalette([255 - i // 3 for i in range(768)])
    picture.save(tmp_path / "a.png")
    assert "palette is grey, reversed" in read_image(tmp_path / "a.png").provenance["conversions"]


def test_colour_palette_becomes_luma(tmp_path: Path) -> None:
    palette = np.random.default_rng(4).integers(0, 256, (256, 3), dtype=np.uint8)
    picture = Image.frombytes("P", GREY8.shape[::-1], GREY8.tobytes())
    picture.putpalette(palette.ravel().tolist())
    picture.save(tmp_path / "a.png")
    assert np.allclose(pixels(tmp_path / "a.png"), palette[GREY8] @ LUMA / 255, atol=1e-7)


@pytest.mark.parametrize("bits", [8, 16])
def test_tiff_that_stores_white_as_zero_comes_out_bright(tmp_path: Path, bits: int) -> None:
    stored = GREY8 if bits == 8 else GREY16
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite")
    assert np.allclose(pixels(tmp_path / "a.tif"), 1 - stored / (2**bits - 1), atol=1e-7)


@pytest.mark.parametrize("bits", [8, 16])
def test_opaque_alpha_is_dropped(tmp_path: Path, bits: int) -> None:
    rgb = RGB8 if bits == 8 else RGB16
    alpha = np.full(rgb.shape[:2], 2**bits - 1, rgb.dtype)
    cv2.imwrite(str(tmp_path / "a.png"), np.dstack([rgb[..., ::-1], alpha]))
    assert np.allclose(pixels(tmp_path / "a.png"), rgb @ LUMA / (2**bits - 1), atol=1e-7)


@pytest.mark.parametrize("bits", [8, 16])
def test_partly_transparent_pixels_are_laid_over_black(tmp_path: Path, bits: int) -> None:
    rgb, top = (RGB8, 255) if bits == 8 else (RGB16, 65535)
    alpha = np.roll(rgb[..., 0], 3)
    cv2.imwrite(str(tmp_path / "a.png"), np.dstack([rgb[..., ::-1], alpha]))
    assert np.allclose(pixels(tmp_path / "a.png"), rgb @ LUMA / top * (alpha / top), atol=1e-7)
    assert np.allclose(pixels(tmp_path / "a.png", alpha="ignore"), rgb @ LUMA / top, atol=1e-7)


def test_sixteen_bit_grey_with_alpha_is_laid_over_black(tmp_path: Path) -> None:
    alpha = np.roll(GREY16, 5)
    rows = np.stack([GREY16, alpha], axis=-1).astype(">u2").reshape(13, -1).view(np.uint8)
    path = png(tmp_path / "a.png", rows, 16, 4)
    assert np.allclose(pixels(path), (GREY16 / 65535) * (alpha / 65535), atol=1e-7)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_value_that_stands_for_transparent_becomes_black(tmp_path: Path, bits: int) -> None:
    stored = np.full((4, 4), 100, np.dtype(f">u{bits // 8}"))
    stored[1, 2] = 200
    data = struct.pack(">H", 200)
    extra = struct.pack(">I", 2) + b"tRNS" + data + struct.pack(">I", zlib.crc32(b"tRNS" + data))
    path = png(tmp_path / "a.png", stored.view(np.uint8), bits, 0, extra)
    truth = np.where(stored == 200, 0, stored) / (2**bits - 1)
    assert np.allclose(pixels(path), truth, atol=1e-7)


def test_twelve_bits_in_sixteen_are_not_guessed(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), GREY16 >> 4)
    assert np.array_equal(pixels(tmp_path / "a.png"), ((GREY16 >> 4) / 65535).astype(np.float32))
    asked = read_image(tmp_path / "a.png", bits=12)
    assert np.array_equal(asked.image[0].numpy(), ((GREY16 >> 4) / 4095).astype(np.float32))
    assert asked.provenance["window"]["from"] == "bits=12 asked for"


def test_values_beyond_the_depth_asked_for_are_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), GREY16)
    with pytest.raises(ImageReadError, match=rf"holds {GREY16.max()}, outside the 0..4095 of bits=12"):
        read_image(tmp_path / "a.png", bits=12)


def test_window_asked_for_is_in_stored_values(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), GREY16)
    truth = np.clip((GREY16.astype(float) - 1000) / 29000, 0, 1)
    assert np.allclose(pixels(tmp_path / "a.png", window=(1000, 30000)), truth, atol=1e-7)


def test_rescale_and_modality_give_hounsfield_units(tmp_path: Path) -> None:
    # DeepLesion's convention: HU + 32768 in a 16-bit PNG.
    hu = np.random.default_rng(5).integers(-1024, 2000, (6, 6))
    cv2.imwrite(str(tmp_path / "a.png"), (hu + 32768).astype(np.uint16))
    read = read_image(tmp_path / "a.png", rescale=(1, -32768), window=(-175, 275), modality="ct")
    assert read.hu is not None
    assert np.array_equal(read.hu[0].numpy(), hu)
    assert np.allclose(read.image[0].numpy(), np.clip((hu + 175) / 450, 0, 1), atol=1e-7)


def test_ct_without_a_rescale_has_no_hounsfield_units(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), GREY8)
    assert read_image(tmp_path / "a.png", modality="ct").hu is None


def test_reversed_polarity_asked_for_is_one_minus(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), GREY8)
    read = read_image(tmp_path / "a.png", polarity="reversed")
    assert np.allclose(read.image[0].numpy(), 1 - GREY8 / 255, atol=1e-7)
    assert read.provenance["polarity"] == "reversed as asked for"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(GREY8).save(tmp_path / "a.png", exif=exif)
    truth = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.png")))
    assert np.array_equal(pixels(tmp_path / "a.png"), (truth / 255).astype(np.float32))


def test_floats_within_zero_and_one_are_taken_as_they_are(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", (GREY8 / 255).astype(np.float32))
    assert np.array_equal(pixels(tmp_path / "a.tif"), (GREY8 / 255).astype(np.float32))


def test_floats_beyond_one_need_a_window(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY8.astype(np.float32))
    with pytest.raises(ImageReadError, match=r"nothing states; use window=\[low,high\]"):
        read_image(tmp_path / "a.tif")
    assert np.allclose(pixels(tmp_path / "a.tif", window=(0, 255)), GREY8 / 255, atol=1e-7)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.uint32])
def test_signed_and_wide_integers_need_a_window(tmp_path: Path, dtype: Any) -> None:
    values = np.arange(-60, 60).reshape(10, 12).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", values)
    with pytest.raises(ImageReadError, match="use window="):
        read_image(tmp_path / "a.tif")
    read = pixels(tmp_path / "a.tif", window=(-20, 40))
    assert np.allclose(read, np.clip((values.astype(np.float64) + 20) / 60, 0, 1), atol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_finite_are_refused_with_their_number(tmp_path: Path, bad: float) -> None:
    values = np.full((5, 6), 0.5, np.float32)
    values[1, 2:4] = bad
    tifffile.imwrite(tmp_path / "a.tif", values)
    with pytest.raises(ImageReadError, match=r"'a\.tif' has 2 NaN or infinite pixels of 30"):
        read_image(tmp_path / "a.tif")


def test_several_pages_are_refused_until_one_is_chosen(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([GREY8, 255 - GREY8]), photometric="minisblack")
    with pytest.raises(ImageReadError, match=r"has 2 frames: choose one with frame=1\.\.2"):
        read_image(tmp_path / "a.tif")
    assert np.array_equal(pixels(tmp_path / "a.tif", frame=2), ((255 - GREY8) / 255).astype(np.float32))
    with pytest.raises(ImageReadError, match="no frame=3"):
        read_image(tmp_path / "a.tif", frame=3)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp", "gif"])
@pytest.mark.parametrize("part", [0.25, 0.6, 0.9])
def test_truncated_file_is_refused(tmp_path: Path, suffix: str, part: float) -> None:
    noise = np.random.default_rng(6).integers(0, 256, (64, 64), dtype=np.uint8)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(ImageReadError, match=rf"'a\.{suffix}'"):
        read_image(path)


def test_truncated_sixteen_bit_colour_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), RGB16)
    path = tmp_path / "a.png"
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(ImageReadError, match="cut short or damaged"):
        read_image(path)


def test_truncation_is_refused_even_where_pillow_was_told_to_allow_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    Image.fromarray(GREY8).save(tmp_path / "a.png")
    path = tmp_path / "a.png"
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(ImageReadError, match="cut short"):
        read_image(path)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_damaged_bytes_are_refused(tmp_path: Path) -> None:
    Image.fromarray(GREY8).save(tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[60] ^= 0xFF
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(ImageReadError, match="damaged"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("side", [12000, 60000])
def test_header_that_claims_too_many_pixels_is_refused(tmp_path: Path, side: int) -> None:
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    data = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(ImageReadError, match="pixels, more than the 67,108,864 that are read"):
        read_image(tmp_path / "a.png")


def test_zero_size_png_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageReadError, match=r"'a\.png'"):
        read_image(png(tmp_path / "a.png", np.zeros((0, 1), np.uint8), 8, 0))


def test_one_pixel_is_an_image(tmp_path: Path) -> None:
    Image.fromarray(np.full((1, 1), 51, np.uint8)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").image.tolist() == [[[np.float32(0.2).item()]]]


def test_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(ImageReadError, match="empty"):
        read_image(tmp_path / "a.png")


def test_file_that_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("case_id,patient_id\n")
    with pytest.raises(ImageReadError, match=r"'a\.png' is not an image that can be read"):
        read_image(tmp_path / "a.png")


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageReadError, match="does not exist"):
        read_image(tmp_path / "a.png")


def test_folder_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageReadError, match="is a folder, not an image file"):
        read_image(tmp_path)


def test_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(GREY8).save(tmp_path / "a.png")

    def deny(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    # The superuser may read everything, so the refusal is made here.
    monkeypatch.setattr(Path, "read_bytes", deny)
    with pytest.raises(ImageReadError, match="permission denied"):
        read_image(tmp_path / "a.png")


def test_format_is_told_by_content_and_recorded(tmp_path: Path) -> None:
    Image.fromarray(GREY8).save(tmp_path / "a.jpg", format="PNG")
    read = read_image(tmp_path / "a.jpg")
    assert read.provenance["format"] == "PNG"
    assert np.array_equal(read.image[0].numpy(), (GREY8 / 255).astype(np.float32))


def test_option_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        read_image(tmp_path / "a.png", windw=3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window", "soft"),
        ("window", (5, 5)),
        ("window", 0),
        ("bits", 0),
        ("rescale", (0, 1)),
        ("polarity", "x"),
        ("frame", 0),
    ],
)
def test_option_with_an_impossible_value_is_refused(tmp_path: Path, name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        read_image(tmp_path / "a.png", **{name: value})


def test_windows_are_not_invented_for_formats_without(tmp_path: Path) -> None:
    Image.fromarray(GREY8).save(tmp_path / "a.png")
    with pytest.raises(ImageReadError, match="has 0 windows"):
        read_image(tmp_path / "a.png", window=1)
    with pytest.raises(ImageReadError, match="no VOI look-up table"):
        read_image(tmp_path / "a.png", window="lut")


def test_source_record_is_plain_json(tmp_path: Path) -> None:
    import json

    Image.fromarray(RGB8).save(tmp_path / "a.png")
    source = read_image(tmp_path / "a.png").provenance
    assert json.loads(json.dumps(source)) == source


@pytest.mark.parametrize("folder", ["hannover-cxr", "nih-cxr", "covid-cxr-lungs/images"])
def test_real_radiographs_read_like_pillow_reads_them(real_data: Path, folder: str) -> None:
    files = sorted(p for p in (real_data / folder).iterdir() if p.suffix in (".png", ".jpg"))
    for path in files if folder != "covid-cxr-lungs/images" else files[:5]:
        truth = np.asarray(Image.open(path).convert("L"))
        assert np.abs(pixels(path) - truth / 255).max() < 0.6 / 255
