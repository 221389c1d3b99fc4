"""Writing an enhanced image as a DICOM object derived from the one it was made of."""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radbench.contracts.errors import ImageReadError, RadbenchError
from radbench.imaging.answers import answered, short
from radbench.imaging.dicom import stored_from
from radbench.imaging.dicom_file import parse_dicom
from radbench.imaging.intensity import Window
from radbench.imaging.read import read_bytes
from radbench.imaging.stored import ReadOptions, choose_mapping
from radbench.imaging.write import ImageWriteError, quantise, write_bytes

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.uid import UID
    from torch import Tensor

BITS = 16

# What describes the old pixels or their coding, and would be wrong of the new ones.
_STALE = (
    "PixelData",
    "FloatPixelData",
    "DoubleFloatPixelData",
    "PixelDataProviderURL",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "FloatPixelPaddingValue",
    "FloatPixelPaddingRangeLimit",
    "DoubleFloatPixelPaddingValue",
    "DoubleFloatPixelPaddingRangeLimit",
    "SmallestImagePixelValue",
    "LargestImagePixelValue",
    "SmallestPixelValueInSeries",
    "LargestPixelValueInSeries",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "VOILUTFunction",
    "WindowCenter",
    "WindowWidth",
    "WindowCenterWidthExplanation",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "PlanarConfiguration",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
    "PaletteColorLookupTableUID",
    "NumberOfFrames",
    "FrameIncrementPointer",
    "FrameTime",
    "FrameTimeVector",
    "IconImageSequence",
    "ICCProfile",
    "DigitalSignaturesSequence",
    "MACParametersSequence",
    "SourceImageSequence",
    "DerivationDescription",
    "DerivationCodeSequence",
    "PixelValueTransformationSequence",
    "FrameVOILUTSequence",
    "RealWorldValueMappingSequence",
    "HistogramSequence",
    "SmallestValidPixelValue",
    "LargestValidPixelValue",
    "SmallestImagePixelValueInPlane",
    "LargestImagePixelValueInPlane",
    "SegmentedRedPaletteColorLookupTableData",
    "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData",
    "SegmentedAlphaPaletteColorLookupTableData",
    "AlphaPaletteColorLookupTableData",
)

_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")

_ACTIVITY = ("PT", "NM")


def write_derived_dicom(
    path: str | os.PathLike[str],
    image: Tensor,
    source_path: str | os.PathLike[str],
    description: str,
    *,
    deidentify: Callable[[Dataset], Dataset] | None = None,
    **options: Any,
) -> Path:
    """Write an enhanced image as a derived object of its source.

    Patient, study, equipment and geometry are the source's. New are the SOP and series instance UIDs
    (functions of source, description and pixels: the slices of one series stay one series, and the same work
    gives the same file identity), ``ImageType`` (DERIVED, SECONDARY, then the source's),
    ``DerivationDescription``, the reference to the source image, the processing equipment. Pixels are
    unsigned 16-bit MONOCHROME2, uncompressed. Of a CT slice that was read through a linear window, the
    rescale leads the pixels back to that window's Hounsfield units, so that a viewer's HU are right inside
    it; of anything else they are presentation values (RescaleType US) over the whole range. Either way the
    window that is written shows [0,1] as it is, and :func:`radbench.imaging.read_image` gives it back to
    within half a quantisation step. Pixel padding, look-up tables, icon, signatures, overlays inside the
    pixel words and private elements of the source are dropped, since they describe its pixels; a record of
    lossy compression stays.

    Args:
        path: where to.
        image: float ``[1,H,W]`` or ``[H,W]`` in [0,1], dense is bright, of the source's size.
        source_path: the DICOM file that was enhanced.
        description: what was done, for DerivationDescription (1024 characters or fewer) and the series.
        deidentify: takes out of the new object what says who it is (:class:`radbench.imaging.deidentify.Deidentifier`).
        options: the :class:`radbench.imaging.ReadOptions` fields with which the source was read.

    Returns:
        The path.

    Raises:
        ImageReadError: the source cannot be read.
        ImageWriteError: another size, pixels outside [0,1], a source whose pixels mean activity (PT, NM), or
            an output that cannot be written.
    """
    chosen = ReadOptions(**options)
    origin = Path(source_path)
    with answered(origin):
        dataset = parse_dicom(origin.name, read_bytes(origin))
        stored = stored_from(origin.name, dataset, chosen)
    if str(dataset.get("Modality", "")) in _ACTIVITY:
        raise ImageWriteError(
            f"'{origin.name}' is {dataset.Modality}: its pixels mean activity, which enhanced ones do not; write a PNG"
        )
    pixels = quantise(image, BITS, str(path))
    if pixels.shape != stored.values.shape:
        raise ImageWriteError(
            f"'{path}': the image is {list(pixels.shape)}, its source '{origin.name}' {list(stored.values.shape)}"
        )
    mapping = choose_mapping(stored, chosen)
    window = mapping if isinstance(mapping, Window) else None
    in_hu = stored.hounsfield and not stored.reversed and chosen.polarity == "declared"
    bounds = window.bounds if window is not None and in_hu else None
    buffer = io.BytesIO()
    try:
        derived = _derived(dataset, chosen, pixels, description)
        _describe_pixels(derived, pixels, bounds)
        if deidentify is not None:
            derived = deidentify(derived)
        derived.save_as(buffer, enforce_file_format=True)
    except (RadbenchError, MemoryError):
        raise
    except Exception as error:  # a damaged element raises anything when it is copied or encoded
        raise ImageReadError(
            f"'{origin.name}' has an element that cannot be written again ({short(error)}); repair its header"
        ) from error
    target = Path(path)
    write_bytes(target, buffer.getvalue())
    return target


def _derived(source: Dataset, options: ReadOptions, pixels: NDArray[Any], description: str) -> Dataset:
    """Return a copy of the source's context that describes a new object, pixels not yet set."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    lossy = _lossily_compressed(source)
    kept = copy.deepcopy(_without_pixels(source))
    if any(keyword in kept for keyword in _GROUPS):
        _keep_one_frame(kept, 0 if options.frame is None else options.frame - 1)
    if (source.get("PhotometricInterpretation") == "MONOCHROME1") != (options.polarity == "reversed"):
        # Large values came to mean the opposite.
        kept.pop("PixelIntensityRelationshipSign", None)
    if lossy and "LossyImageCompression" not in kept:
        kept.LossyImageCompression = "01"
    sop_class, sop = str(source.get("SOPClassUID", "")), str(source.get("SOPInstanceUID", ""))
    if not sop_class or not sop:
        raise ImageReadError("the source lacks its SOP class or instance UID, so nothing can refer to it")
    series = str(source.get("SeriesInstanceUID", "")) or sop
    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
    kept.SOPInstanceUID = _uid("instance", sop, str(options.frame or ""), description, digest)
    kept.SeriesInstanceUID = _uid("series", series, description)
    kept.ImageType = ["DERIVED", "SECONDARY", *_image_type(source)[2:]]
    kept.DerivationDescription = description[:1024]
    kept.SeriesDescription = _within(f"{source.get('SeriesDescription', '') or ''} {description}".strip(), 64)
    kept.SeriesNumber = int(source.get("SeriesNumber") or 0) + 1000
    kept.SourceImageSequence = [_reference(sop_class, sop, options.frame if _frames(source) > 1 else None)]
    now = dt.datetime.now()
    kept.InstanceCreationDate, kept.InstanceCreationTime = f"{now:%Y%m%d}", f"{now:%H%M%S}"
    kept.ContributingEquipmentSequence = [*(source.get("ContributingEquipmentSequence") or ()), _equipment()]
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(sop_class)
    meta.MediaStorageSOPInstanceUID = kept.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    kept.file_meta = meta
    return kept


def _without_pixels(source: Dataset) -> Dataset:
    """Return the source without private elements and what describes its pixels."""
    from pydicom import Dataset

    kept = Dataset()
    stale = {_tag(keyword) for keyword in _STALE}
    embedded = {
        element.tag.group
        for element in source
        # Overlays in the unused bits of the pixels go with those bits.
        if 0x6000 <= element.tag.group <= 0x60FF and element.tag.element == 0x0102 and int(element.value or 0) != 0
    }
    for element in source:
        group = element.tag.group
        curve = 0x5000 <= group <= 0x50FF
        if element.tag in stale or element.tag.is_private or group in embedded or curve:
            continue
        kept.add(element)
    kept.remove_private_tags()
    return kept


def _keep_one_frame(enhanced: Dataset, index: int) -> None:
    """Leave the functional groups of one frame, without what they say of its stored values."""
    from pydicom.sequence import Sequence

    per_frame = enhanced.get(_GROUPS[1])
    if per_frame:
        enhanced.PerFrameFunctionalGroupsSequence = Sequence([per_frame[index]] if index < len(per_frame) else [])
    for group in (group for keyword in _GROUPS for group in enhanced.get(keyword) or ()):
        for keyword in _STALE:
            if keyword in group:
                del group[keyword]
    enhanced.NumberOfFrames = 1


def _tag(keyword: str) -> int:
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return tag


def _describe_pixels(derived: Dataset, pixels: NDArray[Any], bounds: tuple[float, float] | None) -> None:
    """Set the pixels and every element that says what they mean."""
    from pydicom.valuerep import DSfloat

    derived.SamplesPerPixel = 1
    derived.PhotometricInterpretation = "MONOCHROME2"
    derived.Rows, derived.Columns = (int(n) for n in pixels.shape)
    derived.BitsAllocated = derived.BitsStored = BITS
    derived.HighBit = BITS - 1
    derived.PixelRepresentation = 0
    derived.PixelData = np.ascontiguousarray(pixels, dtype="<u2").tobytes()
    derived["PixelData"].VR = "OW"
    top = 2**BITS - 1
    low, high = bounds if bounds is not None else (0.0, float(top))
    derived.RescaleSlope = DSfloat((high - low) / top if bounds is not None else 1.0, auto_format=True)
    derived.RescaleIntercept = DSfloat(low, auto_format=True)
    derived.RescaleType = "HU" if bounds is not None else "US"
    # PS3.3 C.11.2.1.2: LINEAR takes [c - 0.5 - (w-1)/2, c - 0.5 + (w-1)/2] to the full range.
    derived.WindowCenter = DSfloat((low + high) / 2 + 0.5, auto_format=True)
    derived.WindowWidth = DSfloat(high - low + 1, auto_format=True)
    if "PresentationLUTShape" in derived:
        derived.PresentationLUTShape = "IDENTITY"


def _image_type(source: Dataset) -> list[str]:
    value = source.get("ImageType")
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str) else [str(v) for v in value]


def _frames(source: Dataset) -> int:
    return int(source.get("NumberOfFrames", 1) or 1)


def _lossily_compressed(source: Dataset) -> bool:
    from pydicom.uid import JPEG2000, JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless

    syntax = source.file_meta.get("TransferSyntaxUID", "") if hasattr(source, "file_meta") else ""
    return syntax in (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless, JPEG2000)


def _uid(*parts: str) -> UID:
    """Return a UID that is a function of its parts, under 2.25 (PS3.5 B.2)."""
    from pydicom.uid import UID

    digest = hashlib.sha256("\0".join(("radbench", *parts)).encode()).digest()[:16]
    # The bits that mark a name-based UUID (RFC 9562, version 8).
    number = int.from_bytes(digest, "big")
    number = number & ~(0xF << 76) | (0x8 << 76)
    number = number & ~(0x3 << 62) | (0x2 << 62)
    return UID(f"2.25.{number}")


def _within(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length]


def _code(value: str, meaning: str) -> Dataset:
    from pydicom import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _reference(sop_class: str, sop: str, frame: int | None) -> Dataset:
    from pydicom import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop
    if frame is not None:
        item.ReferencedFrameNumber = frame
    item.SpatialLocationsPreserved = "YES"
    item.PurposeOfReferenceCodeSequence = [_code("121322", "Source image for image processing operation")]
    return item


def _equipment() -> Dataset:
    from pydicom import Dataset

    from radbench import __version__

    item = Dataset()
    item.Manufacturer = "radbench"
    item.ManufacturerModelName = "radbench"
    item.SoftwareVersions = __version__
    item.PurposeOfReferenceCodeSequence = [_code("109102", "Processing Equipment")]
    return item
