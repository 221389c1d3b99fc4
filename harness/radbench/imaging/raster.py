"""PNG, JPEG, TIFF, BMP and GIF files, read into grey stored values."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from radbench.contracts.errors import ImageReadError
from radbench.imaging.answers import answered, short
from radbench.imaging.limits import check_limit, limit
from radbench.imaging.pages import count_pages
from radbench.imaging.stored import ReadOptions, Stored

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF")

REC601 = (0.299, 0.587, 0.114)
"""Luma of red, green and blue, ITU-R BT.601."""

_AT_ONCE = 2**22
"""Pixels whose colours are held as doubles at a time."""

_EXIF_ORIENTATION = 0x0112
_TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_SAMPLES, _TIFF_SAMPLE_FORMAT = 258, 262, 277, 339
_TIFF_PLANAR, _TIFF_EXTRA = 284, 338
_UNASSOCIATED = 2
"""What an extra sample of a TIFF must be to be an alpha; associated alpha is in the colours already."""


def read_raster(path: Path, data: bytes, options: ReadOptions) -> Stored:
    """Read a raster image into grey.

    Colour becomes luma (Rec. 601) unless its channels are equal, in which case it is grey already; a palette
    is looked up first. Transparency is treated as ``options.alpha`` says. An EXIF orientation is applied.
    Gamma, colour profiles and print resolution are not interpreted. Sixteen-bit colour keeps its sixteen
    bits.

    Args:
        path: for the sentences.
        data: the whole file.
        options: ``frame`` and ``alpha`` apply here.

    Raises:
        ImageReadError: not one of these formats, cut short, damaged, too large, or of several frames
            where none was chosen.
    """
    strict, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    # The limit is the project's own; Pillow's would stand in its way.
    most, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with answered(path):
            return _read(path, data, options)
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = strict, most


def _read(path: Path, data: bytes, options: ReadOptions) -> Stored:
    try:
        picture: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.UnidentifiedImageError:
        raise ImageReadError(
            f"'{path.name}' {_what_else(data)}; "
            "PNG, JPEG, TIFF, BMP, GIF, DICOM, NIfTI and JSRT's raw files can be read"
        ) from None
    check_limit(path.name, "pixels", picture.width * picture.height)
    notes: dict[str, Any] = {"conversions": []}
    picture = _frame(picture, data, path, options, notes)
    check_limit(path.name, "pixels", picture.width * picture.height)
    _load(path, picture)
    turn = int(picture.getexif().get(_EXIF_ORIENTATION, 1))
    done: list[str] = notes["conversions"]
    channels, bits, reverse = _channels(picture, path, data, done)
    grey = _to_grey(channels, bits, options, done)
    if turn in _TURNS:
        grey = _turned(grey, turn)
        done.append(f"EXIF orientation {turn} applied")
    notes["mode"] = picture.mode
    bounds: tuple[float, float] | None
    needs = ""
    if bits is not None:
        bounds = (0.0, 2.0**bits - 1)
    elif grey.dtype.kind == "f" and grey.size and _within_unit(grey):
        bounds = (0.0, 1.0)
    else:
        kind = "floating-point" if grey.dtype.kind == "f" else "32-bit or signed"
        bounds, needs = None, f"holds {kind} values, whose black and white nothing states"
    return Stored(
        name=path.name,
        values=grey,
        bounds=bounds,
        format=str(picture.format),
        bits=bits,
        reversed=reverse,
        needs_window=needs,
        lossy=_is_lossy(picture),
        notes=notes,
    )


def _load(path: Path, picture: Image.Image) -> None:
    try:
        picture.load()
    except ValueError as error:
        if "raw mode" not in str(error):
            raise
        raise ImageReadError(
            f"'{path.name}' has pixels of a kind that is not read ({short(error)}); save it as a plain TIFF or PNG"
        ) from error


_OTHERS = {
    b"\x1f\x8b": "is compressed with gzip: decompress it",
    b"PK\x03\x04": "is a zip archive: unpack it",
    b"%PDF": "is a PDF: export the image from it",
    b"\x00\x00\x00\x0cjP": "is JPEG 2000 outside DICOM: save it as PNG",
    b"\xff\x4f\xff\x51": "is JPEG 2000 outside DICOM: save it as PNG",
    b"8BPS": "is a Photoshop file: save it as PNG",
    b"NRRD": "is NRRD: save it as NIfTI",
    b"ObjectType": "is a MetaImage header: save it as NIfTI",
    b"NDims": "is a MetaImage header: save it as NIfTI",
    b"\x93NUMPY": "is a NumPy array: save it as PNG or NIfTI",
    b"\x89HDF": "is HDF5: save its images as PNG or NIfTI",
    b"II\x2b\x00": "is a BigTIFF that is damaged, or of a kind that is not read: save it as TIFF",
    b"MM\x00\x2b": "is a BigTIFF that is damaged, or of a kind that is not read: save it as TIFF",
}
"""Other formats that are met, by their first bytes, and what to do."""


def _what_else(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "is WebP: save it as PNG"
    if data[4:8] == b"ftyp":
        return "is HEIC, AVIF or a video: save the image as PNG"
    known = (what for mark, what in _OTHERS.items() if data.startswith(mark))
    return next(known, "is not an image that can be read, or its header is damaged")


def _within_unit(grey: NDArray[Any]) -> bool:
    finite = grey[np.isfinite(grey)]
    return bool(finite.size) and bool(finite.min() >= 0.0) and bool(finite.max() <= 1.0)


def _is_lossy(picture: Image.Image) -> bool:
    return picture.format == "JPEG" or "jpeg" in str(picture.info.get("compression", "")).lower()


def _frame(picture: Image.Image, data: bytes, path: Path, options: ReadOptions, notes: dict[str, Any]) -> Image.Image:
    claimed = (
        count_pages(data, limit("frames")) if picture.format in ("TIFF", "GIF") else getattr(picture, "n_frames", 1)
    )
    count = int(claimed)
    check_limit(path.name, "frames", count)
    if count == 1:
        if options.frame not in (None, 1):
            raise ImageReadError(f"'{path.name}' has one frame, so there is no frame={options.frame}")
        return picture
    if options.frame is None:
        raise ImageReadError(f"'{path.name}' has {count} frames: choose one with frame=1..{count}")
    if options.frame > count:
        raise ImageReadError(f"'{path.name}' has {count} frames, so there is no frame={options.frame}")
    image_format = picture.format
    picture.seek(options.frame - 1)
    picture.format = image_format
    notes["frame"] = f"{options.frame} of {count}"
    return picture


def _channels(picture: Image.Image, path: Path, data: bytes, done: list[str]) -> tuple[NDArray[Any], int | None, str]:
    """Return the pixels ``[H,W]`` or ``[H,W,1..4]`` (grey, grey+alpha, RGB, RGBA), their depth, why reversed."""
    bits, samples, reverse = _declared(picture, data)
    if bits == 16 and samples > 1:
        return _sixteen_bit_colour(path, data, picture, done), 16, ""
    mode = picture.mode
    if bits < 8 and mode in ("1", "L") and isinstance(picture.info.get("transparency"), int):
        return _without_a_grey(picture, bits, done), 8, ""
    if mode in ("P", "PA"):
        return _look_up_palette(picture, done), 8, ""
    if mode == "1":
        return np.asarray(picture).astype(np.uint8), 1, ""
    if mode in ("L", "RGB") and "transparency" in picture.info:
        done.append("a colour stands for transparent")
        return np.asarray(picture.convert("LA" if mode == "L" else "RGBA")), 8, ""
    if mode == "L" and reverse == "signed":
        return np.asarray(picture).view(np.int8), None, ""
    if mode in ("L", "LA", "RGB", "RGBA"):
        # Pillow stretches 2 and 4 bits to 8, exactly.
        return np.asarray(picture), 8, ""
    if mode.startswith("I;16") or (mode == "I" and bits == 16 and not reverse.startswith("signed")):
        values = np.asarray(picture).astype(np.uint16)
        if "transparency" in picture.info:
            key = int(picture.info["transparency"])
            done.append("a value stands for transparent")
            return np.stack([values, np.where(values == key, 0, 65535).astype(np.uint16)], axis=-1), 16, ""
        # Twelve bits and the like come in words of sixteen.
        return values, min(bits, 16) if bits > 8 else 16, reverse
    if mode == "I":
        signed = np.asarray(picture)
        return (signed if reverse == "signed" else signed.view(np.uint32)), None, ""
    if mode == "F":
        return np.asarray(picture), None, ""
    if mode in ("La", "RGBa"):
        done.append("associated alpha: as stored")
        return np.asarray(picture)[..., :-1], 8, ""
    if mode in ("RGBX", "CMYK", "YCbCr", "HSV"):
        done.append(f"{mode} to RGB")
        return np.asarray(picture.convert("RGB")), 8, ""
    raise ImageReadError(f"'{path.name}' has pixels of kind '{mode}', which is not read; save it as PNG or TIFF")


def _without_a_grey(picture: Image.Image, bits: int, done: list[str]) -> NDArray[Any]:
    """Return grey and alpha of a PNG of a few bits in which one grey stands for transparent.

    Pillow stretches the pixels to eight bits, and leaves that grey as it was stored (of one bit, it stretches both).
    """
    grey, key, top = np.asarray(picture.convert("L")), int(picture.info["transparency"]), 2**bits - 1
    key = key if key > top else key * 255 // top
    done.append("a value stands for transparent")
    return np.stack([grey, np.where(grey == key, 0, 255).astype(np.uint8)], axis=-1)


def _declared(picture: Image.Image, data: bytes) -> tuple[int, int, str]:
    """Return bits per sample, samples per pixel and a word on the value order, as the header says."""
    if picture.format == "PNG" and data[12:16] == b"IHDR":
        return data[24], {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(data[25], 1), ""
    if picture.format == "TIFF":
        tags: Any = picture.tag_v2  # type: ignore[attr-defined]
        bits = tags.get(_TIFF_BITS, (1,))
        depth = int(bits[0] if isinstance(bits, tuple) else bits)
        sample_format = tags.get(_TIFF_SAMPLE_FORMAT, (1,))
        kind = int(sample_format[0] if isinstance(sample_format, tuple) else sample_format)
        if kind == 2:
            return depth, int(tags.get(_TIFF_SAMPLES, 1)), "signed"
        # Pillow turns 1- and 8-bit MINISWHITE round itself, 16-bit not.
        white_is_zero = int(tags.get(_TIFF_PHOTOMETRIC, 1)) == 0 and depth == 16
        return depth, int(tags.get(_TIFF_SAMPLES, 1)), "TIFF photometric MINISWHITE" if white_is_zero else ""
    return 8, len(picture.getbands()), ""


def _sixteen_bit_colour(path: Path, data: bytes, picture: Image.Image, done: list[str]) -> NDArray[Any]:
    """Decode 16-bit colour, of which Pillow keeps only eight bits, with OpenCV, or tifffile where planes lie apart."""
    import cv2

    if picture.format == "TIFF" and count_pages(data, 1) > 1:
        raise ImageReadError(f"'{path.name}' has several 16-bit colour pages; save the one you mean by itself")
    tags: Any = picture.tag_v2 if picture.format == "TIFF" else {}  # type: ignore[attr-defined]
    extra = tags.get(_TIFF_EXTRA, ())
    extra = extra if isinstance(extra, tuple) else (extra,)
    apart = int(tags.get(_TIFF_PLANAR, 1)) == 2
    pixels: NDArray[Any] | None
    if apart:
        pixels = np.moveaxis(_planes(path, data), 0, -1)
    else:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise ImageReadError(f"'{path.name}' holds 16-bit colour that cannot be decoded; save it as a 16-bit PNG")
    if pixels.ndim == 2:
        return pixels
    if not apart and pixels.shape[2] in (3, 4):
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    if extra and extra[0] != _UNASSOCIATED:
        done.append("extra samples dropped: none is an alpha that is still to be applied")
        pixels = pixels[..., : pixels.shape[2] - len(extra)]
    return pixels


def _planes(path: Path, data: bytes) -> NDArray[Any]:
    """Decode a TIFF whose channels lie one after another, ``[C,H,W]``."""
    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page: Any = file.pages[0]
            check_limit(path.name, "pixels", page.imagewidth * page.imagelength * -(-page.samplesperpixel // 4))
            return np.asarray(page.asarray())
    except ImageReadError:
        raise
    except Exception as error:  # damaged bytes, or a compression that it lacks, make a decoder raise anything
        raise ImageReadError(
            f"'{path.name}' holds its colours in separate planes and cannot be decoded ({short(error)}); "
            "save it interleaved"
        ) from error


def _look_up_palette(picture: Image.Image, done: list[str]) -> NDArray[Any]:
    used = np.unique(np.asarray(picture)[..., 0] if picture.mode == "PA" else np.asarray(picture))
    palette = np.asarray(picture.getpalette("RGB"), dtype=np.int64).reshape(-1, 3)
    colours = palette[used[used < len(palette)]]
    if len(colours) and (colours == colours[:, :1]).all():
        steps = np.diff(colours[:, 0])
        falls = len(steps) > 0 and bool((steps <= 0).all()) and bool((steps < 0).any())
        done.append("palette is grey, reversed" if falls else "palette is grey")
    else:
        done.append("palette looked up")
    return np.asarray(picture.convert("RGBA"))


def luma(colour: NDArray[Any]) -> NDArray[np.float64]:
    """Return the luma (Rec. 601) of colours ``[H,W,3]``, ``[H,W]``; some rows at a time, to spare memory."""
    grey = np.empty(colour.shape[:2])
    step = max(1, _AT_ONCE // max(1, colour.shape[1]))
    for row in range(0, len(colour), step):
        grey[row : row + step] = colour[row : row + step].astype(np.float64) @ np.array(REC601)
    return grey


def _to_grey(channels: NDArray[Any], bits: int | None, options: ReadOptions, done: list[str]) -> NDArray[Any]:
    if channels.ndim == 2:
        return channels
    count = channels.shape[2]
    alpha = channels[..., -1] if count in (2, 4) else None
    colour = channels[..., : count - (alpha is not None)]
    if colour.shape[2] == 1 or (colour == colour[..., :1]).all():
        grey: NDArray[Any] = colour[..., 0]
        if colour.shape[2] > 1:
            done.append("RGB channels are equal: grey")
    else:
        done.append("RGB to luma, Rec. 601")
        grey = luma(colour)
    if alpha is None:
        return grey
    if options.alpha == "shape" and (colour == colour[:1, :1]).all() and (alpha != alpha[0, 0]).any():
        done.append("one colour everywhere: the alpha itself")
        return alpha
    top = 2 ** (bits or 8) - 1
    if (alpha == top).all():
        done.append("alpha is opaque: dropped")
    elif options.alpha == "ignore":
        done.append("alpha ignored as asked for")
    else:
        done.append("alpha over black")
        grey = grey.astype(np.float64) * (alpha.astype(np.float64) / top)
    return grey


_TURNS = {2, 3, 4, 5, 6, 7, 8}


def _turned(grey: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return the pixels upright (EXIF 2.3, tag Orientation: where row 0 and column 0 are)."""
    turned = {
        2: grey[:, ::-1],
        3: grey[::-1, ::-1],
        4: grey[::-1],
        5: grey.T,
        6: grey.T[:, ::-1],
        7: grey.T[::-1, ::-1],
        8: grey.T[::-1],
    }[orientation]
    return np.ascontiguousarray(turned)
