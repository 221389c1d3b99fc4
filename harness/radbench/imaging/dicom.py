"""DICOM images, read into stored values with what the file says of rescale, windows, polarity and spacing."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.errors import ImageReadError, RadbenchError
from radbench.imaging.answers import short
from radbench.imaging.dicom_file import parse_dicom
from radbench.imaging.intensity import LookUpTable, VoiFunction, Window
from radbench.imaging.limits import check_limit
from radbench.imaging.raster import luma
from radbench.imaging.stored import ReadOptions, Stored

if TYPE_CHECKING:
    from pydicom import Dataset

_FUNCTIONS: dict[str, VoiFunction] = {
    "LINEAR": "LINEAR",
    "LINEAR_EXACT": "LINEAR_EXACT",
    "SIGMOID": "SIGMOID",
}
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT")
"""Photometric interpretations of three samples that pydicom gives as RGB."""

_INVERSE = {"MONOCHROME1": "INVERSE", "MONOCHROME2": "IDENTITY"}
"""The presentation that belongs to each polarity (PS3.3 C.8.11.3.1.2)."""


def read_dicom(path: Path, data: bytes, options: ReadOptions) -> Stored:
    """Read one DICOM image.

    Stored values are the BitsStored bits below HighBit, sign-extended where PixelRepresentation says so;
    overlay bits beside them are dropped. Colour becomes luma (Rec. 601).

    Args:
        path: for the sentences.
        data: the whole file.
        options: ``frame`` applies here.

    Raises:
        ImageReadError: not DICOM, cut short, without pixels, compressed in a way that no installed decoder
        reads,
            of several frames where none was chosen, or of a kind that is not read.
    """
    return stored_from(path.name, parse_dicom(path.name, data), options)


def stored_from(name: str, dataset: Dataset, options: ReadOptions) -> Stored:
    """Return the stored image of a parsed DICOM file; see :func:`read_dicom`.

    Raises:
        ImageReadError: as :func:`read_dicom`.
    """
    try:
        return _stored_from(name, dataset, options)
    except (RadbenchError, MemoryError):
        raise
    except Exception as error:  # damaged elements raise anything when they are decoded
        raise ImageReadError(
            f"'{name}' has a damaged or contradictory DICOM header ({short(error)}); export it again"
        ) from error


def _stored_from(name: str, dataset: Dataset, options: ReadOptions) -> Stored:
    photometric = str(dataset.get("PhotometricInterpretation", ""))
    samples = int(dataset.get("SamplesPerPixel", 1))
    rows, columns = int(dataset.get("Rows", 0) or 0), int(dataset.get("Columns", 0) or 0)
    if rows == 0 or columns == 0:
        raise ImageReadError(f"'{name}' has no pixels (its size is [{rows}, {columns}])")
    check_limit(name, "pixels", rows * columns)
    frame = _frame_number(name, dataset, options)
    pixels = _decode(name, dataset, None if frame is None else frame - 1)
    dataset = with_functional_groups(dataset, 0 if frame is None else frame - 1)
    done: list[str] = []
    bits = int(dataset.BitsStored) if "BitsStored" in dataset and pixels.dtype.kind in "iu" else None
    signed = int(dataset.get("PixelRepresentation", 0)) == 1
    bounds: tuple[float, float] | None = None
    if photometric == "PALETTE COLOR" or (samples == 3 and photometric in _COLOURS):
        values, bounds, bits = _luma(dataset, pixels, photometric, done)
    elif samples != 1 or photometric not in _INVERSE:
        raise ImageReadError(
            f"'{name}' has photometric interpretation '{photometric}' with {samples} samples per pixel, "
            "which is not read"
        )
    elif bits is None:
        values = pixels
    else:
        values = _stored_bits(name, dataset, pixels, bits, signed)
        bounds = (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if signed else (0.0, 2.0**bits - 1)
    rescale = _rescale(name, dataset)
    modality = str(dataset.get("Modality", ""))
    spacing, spacing_from = _spacing(dataset)
    notes: dict[str, Any] = {
        "modality": modality,
        "photometric": photometric,
        "bits_allocated": int(dataset.get("BitsAllocated", 0)),
        "signed": signed,
        "conversions": done,
        "spacing_from": spacing_from,
        "transfer_syntax": str(_transfer_syntax(dataset)),
        "presentation_intent": str(dataset.get("PresentationIntentType", "")),
    }
    if frame is not None:
        notes["frame"] = f"{frame} of {int(dataset.NumberOfFrames)}"
    shape = str(dataset.get("PresentationLUTShape", "") or "")
    if photometric in _INVERSE and shape in _INVERSE.values() and shape != _INVERSE[photometric]:
        notes["noticed"] = f"{photometric} with PresentationLUTShape {shape}: if bone is dark, say polarity=reversed"
    halves = [dataset.get(keyword) in (None, "") for keyword in ("RescaleSlope", "RescaleIntercept")]
    if halves[0] != halves[1]:
        half = "half a rescale, so that windows are taken of the stored values and CT has no Hounsfield units"
        notes["noticed"] = "; ".join(filter(None, (notes.get("noticed"), half)))
    needs = ""
    if modality == "CT":
        needs = "is a CT slice that states no window"
    elif bounds is None:
        needs = "holds floating-point values, whose black and white nothing states"
    return Stored(
        name=name,
        values=values,
        bounds=bounds,
        format="DICOM",
        bits=bits,
        rescale=rescale,
        reversed="MONOCHROME1" if photometric == "MONOCHROME1" else "",
        # What is not asked for may be damaged.
        windows=_windows(name, dataset) if options.window == "first" or isinstance(options.window, int) else (),
        tables=_tables(dataset, _can_be_negative(bounds, rescale)) if options.window in ("first", "lut") else (),
        padding=_padding(dataset, values, bits, signed) if samples == 1 else None,
        hounsfield=modality == "CT" and rescale is not None and _in_hounsfield_units(dataset),
        needs_window=needs,
        lossy=str(dataset.get("LossyImageCompression", "")) == "01",
        spacing_mm=spacing,
        notes=notes,
    )


def _transfer_syntax(dataset: Dataset) -> Any:
    meta = getattr(dataset, "file_meta", None)
    return meta.get("TransferSyntaxUID", "") if meta is not None else ""


def _frame_number(name: str, dataset: Dataset, options: ReadOptions) -> int | None:
    count = int(dataset.get("NumberOfFrames", 1) or 1)
    check_limit(name, "frames", count)
    if count > 1 and options.frame is None:
        raise ImageReadError(f"'{name}' has {count} frames: choose one with frame=1..{count}")
    if options.frame is not None and options.frame > count:
        raise ImageReadError(f"'{name}' has {count} frames, so there is no frame={options.frame}")
    return options.frame if count > 1 else None


_GROUPS = {
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept", "RescaleType"),
    "FrameVOILUTSequence": ("WindowCenter", "WindowWidth", "WindowCenterWidthExplanation", "VOILUTFunction"),
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness"),
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
}
"""What of an enhanced object stands in its functional groups (PS3.3 C.7.6.16.2), by the macro's sequence."""


def with_functional_groups(dataset: Dataset, index: int) -> Dataset:
    """Return a dataset that says of one frame what its functional groups say, as an unenhanced object would.

    A frame's own group counts before the one that all share; a macro that is in either counts whole, whatever stands
    at the top of the dataset.

    Args:
        dataset: any image; one without functional groups is returned as it is.
        index: of the frame, from 0.
    """
    groups = []
    for keyword, place in (("PerFrameFunctionalGroupsSequence", index), ("SharedFunctionalGroupsSequence", 0)):
        items = dataset.get(keyword) or ()
        groups += [items[place]] if place < len(items) else []
    if not groups:
        return dataset
    flat = copy.copy(dataset)
    for sequence, keywords in _GROUPS.items():
        found = next((group[sequence].value for group in groups if group.get(sequence)), None)
        if not found:
            continue
        for keyword in keywords:
            if keyword in found[0]:
                flat[keyword] = found[0][keyword]
            elif keyword in flat:
                del flat[keyword]
    return flat


def _decode(name: str, dataset: Dataset, index: int | None) -> NDArray[Any]:
    from pydicom.pixels import get_decoder, pixel_array

    syntax = _transfer_syntax(dataset)
    if not syntax:
        # A file without its meta header: what dcmread found out while parsing.
        from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

        implicit, little = dataset.original_encoding
        syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.ensure_file_meta()
        dataset.file_meta.TransferSyntaxUID = syntax
    if syntax.is_compressed and not _readable(get_decoder, syntax):
        raise ImageReadError(
            f"'{name}' is compressed as {syntax.name} and no installed decoder reads it; install pylibjpeg with "
            "pylibjpeg-libjpeg and pylibjpeg-openjpeg, or python-gdcm, or decompress it"
        )
    try:
        return pixel_array(dataset, index=index)
    except MemoryError:
        raise
    except Exception as error:  # damaged pixels make a decoder raise anything
        raise ImageReadError(f"'{name}' has pixels that are cut short or damaged ({short(error)})") from error


def _readable(get_decoder: Any, syntax: Any) -> bool:
    try:
        return bool(get_decoder(syntax).is_available)
    except NotImplementedError:
        return False


def _stored_bits(name: str, dataset: Dataset, pixels: NDArray[Any], bits: int, signed: bool) -> NDArray[np.int64]:
    """Return the values themselves: the bits that count, sign-extended from their own sign bit."""
    wide = pixels.astype(np.int64)
    shift = int(dataset.get("HighBit", bits - 1)) + 1 - bits
    # A JPEG codec yields the samples themselves, wherever they would lie in a word.
    if shift and (not _transfer_syntax(dataset).is_encapsulated or "RLE" in _transfer_syntax(dataset).name):
        wide = _words(name, dataset, pixels.shape) >> shift
    wide &= 2**bits - 1
    return np.where(wide >= 2 ** (bits - 1), wide - 2**bits, wide) if signed else wide


def _words(name: str, dataset: Dataset, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Return the words as they lie in the file, since pydicom takes the lowest bits to be the ones that count."""
    allocated, high = int(dataset.BitsAllocated), int(dataset.HighBit)
    if allocated not in (8, 16, 32) or not int(dataset.BitsStored) - 1 <= high < allocated:
        raise ImageReadError(
            f"'{name}' has HighBit {high} with BitsStored {dataset.BitsStored} of BitsAllocated {allocated}, "
            "which contradict one another"
        )
    syntax = _transfer_syntax(dataset)
    plain = syntax.is_little_endian and not syntax.is_encapsulated and int(dataset.get("NumberOfFrames", 1) or 1) == 1
    if not plain:
        raise ImageReadError(f"'{name}' has HighBit {high} in a big-endian, RLE or multi-frame file, which is not read")
    count = int(np.prod(shape))
    words = np.frombuffer(dataset.PixelData, dtype=f"<u{allocated // 8}", count=count)
    return words.astype(np.int64).reshape(shape)


def _luma(
    dataset: Dataset, pixels: NDArray[Any], photometric: str, done: list[str]
) -> tuple[NDArray[Any], tuple[float, float], int]:
    bits = int(dataset.BitsStored)
    if photometric == "PALETTE COLOR":
        from pydicom.pixels import apply_color_lut

        pixels = apply_color_lut(pixels, dataset)[..., :3]
        bits = 8 * pixels.dtype.itemsize
        done.append("palette looked up")
    top = (0.0, 2.0**bits - 1)
    if (pixels == pixels[..., :1]).all():
        done.append("RGB channels are equal: grey")
        return pixels[..., 0], top, bits
    # pydicom has already turned YBR into RGB.
    done.append("RGB to luma, Rec. 601")
    return luma(pixels), top, bits


def _rescale(name: str, dataset: Dataset) -> tuple[float, float] | None:
    if "ModalityLUTSequence" in dataset:
        raise ImageReadError(f"'{name}' has a modality look-up table instead of a rescale slope, which is not read")
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    # Half of it says nothing: the stored 0 may be anything (both are type 1, PS3.3 C.11.1).
    if slope in (None, "") or intercept in (None, ""):
        return None
    return float(slope), float(intercept)


def _in_hounsfield_units(dataset: Dataset) -> bool:
    """Whether a CT image's rescale gives HU: RescaleType may be left out when it does (PS3.3 C.8.2.1)."""
    return str(dataset.get("RescaleType", "") or "HU") in ("HU", "HU_MOD")


def _several(value: Any) -> list[Any]:
    from pydicom.multival import MultiValue

    if value is None or value == "":
        return []
    return list(value) if isinstance(value, MultiValue | list | tuple) else [value]


def _windows(name: str, dataset: Dataset) -> list[Window]:
    try:
        centres = [float(v) for v in _several(dataset.get("WindowCenter"))]
        widths = [float(v) for v in _several(dataset.get("WindowWidth"))]
    except (ValueError, TypeError) as error:
        raise ImageReadError(f"'{name}' has a window that is no number ({error}); use window=[low,high]") from error
    if not centres and not widths:
        return []
    if len(centres) != len(widths):
        raise ImageReadError(
            f"'{name}' has {len(centres)} window centres but {len(widths)} widths; use window=[low,high]"
        )
    word = str(dataset.get("VOILUTFunction", "") or "LINEAR")
    if word not in _FUNCTIONS:
        raise ImageReadError(f"'{name}' has VOI LUT function '{word}', which is not known; use window=[low,high]")
    names = _several(dataset.get("WindowCenterWidthExplanation"))
    labels = [f"file {i + 1}" + (f" ({names[i]})" if i < len(names) else "") for i in range(len(centres))]
    return [
        Window(centre, width, _FUNCTIONS[word], label)
        for centre, width, label in zip(centres, widths, labels, strict=True)
    ]


def _can_be_negative(bounds: tuple[float, float] | None, rescale: tuple[float, float] | None) -> bool:
    """Whether values that enter a VOI look-up table, after the rescale, can lie below 0."""
    slope, intercept = rescale or (1.0, 0.0)
    return bounds is not None and min(end * slope + intercept for end in bounds) < 0


def _tables(dataset: Dataset, negative: bool) -> list[LookUpTable]:
    tables = []
    for number, item in enumerate(dataset.get("VOILUTSequence") or (), start=1):
        count, first, bits = (int(v) for v in item.LUTDescriptor)
        count = count or 2**16  # PS3.3 C.11.2.1.1: 0 stands for 65536
        # A word of 16 bits, whichever type it was written in: its sign is that of the values that enter the table.
        first %= 2**16
        if negative and first >= 2**15:
            first -= 2**16
        raw = item["LUTData"].value
        if isinstance(raw, bytes):
            width = "u1" if len(raw) in (count, count + count % 2) and bits <= 8 else "u2"
            order = "<" if dataset.original_encoding[1] is not False else ">"
            entries = np.frombuffer(raw, dtype=order + width)[:count]
        else:
            entries = np.atleast_1d(np.asarray(raw))
        if len(entries) != count:
            raise ValueError(f"the VOI look-up table announces {count} entries and holds {len(entries)}")
        label = str(item.get("LUTExplanation", "") or "")
        tables.append(
            LookUpTable(first, entries.astype(np.int64), bits, f"file LUT {number}" + (f" ({label})" if label else ""))
        )
    return tables


def _padding(dataset: Dataset, values: NDArray[Any], bits: int | None, signed: bool) -> NDArray[np.bool_] | None:
    value = dataset.get("PixelPaddingValue")
    if value in (None, ""):
        return None
    last = dataset.get("PixelPaddingRangeLimit")

    def stored(word: Any) -> int:
        # Written as the other signedness, or with bits above those that count, it is the same word as the pixels'.
        if bits is None:
            return int(word)
        low = int(word) % 2**bits
        return low - 2**bits if signed and low >= 2 ** (bits - 1) else low

    ends = sorted((stored(value), stored(value if last in (None, "") else last)))
    padding: NDArray[np.bool_] = (values >= ends[0]) & (values <= ends[1])
    return padding


def _spacing(dataset: Dataset) -> tuple[tuple[float, float] | None, str]:
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        value = _several(dataset.get(keyword))
        if len(value) == 2 and float(value[0]) > 0 and float(value[1]) > 0:
            return (float(value[0]), float(value[1])), keyword
    return None, ""
