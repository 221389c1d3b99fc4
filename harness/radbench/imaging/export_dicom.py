"""Made-up images as DICOM: CT Image Storage where there are Hounsfield units, Secondary Capture otherwise."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts.case import Case

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pydicom.dataset import FileDataset
    from torch import Tensor

_CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_SOFT_TISSUE = (-175.0, 275.0)


def write_slice(path: Path, case: Case) -> None:
    """Write a case's image, in Hounsfield units where it has them, as one DICOM file.

    Raises:
        OSError: it cannot be written.
    """
    if "hu" in case.targets:
        _ct_slice(path, case, case.targets["hu"][0], (0.0, 0.0, 0.0), (1.0, *(case.spacing_mm or (1.0, 1.0))), 1)
        return
    import numpy as np

    image = case.image[0].numpy()
    ds = _dataset(path, case, _SECONDARY_CAPTURE, 1)
    ds.Modality, ds.ConversionType, ds.ImageType = "OT", "SYN", ["DERIVED", "SECONDARY"]
    _put_pixels(ds, np.rint(image * 65535).astype("<u2"))
    ds.save_as(path, enforce_file_format=True)


def write_series(folder: Path, case: Case, volume: Tensor, spacing_mm: tuple[float, float, float]) -> None:
    """Write a volume as a CT series, one file a slice from inferior to superior, first voxel at the patient's origin.

    Args:
        folder: where to; it is made.
        case: whose volume it is.
        volume: float32 ``[D,H,W]`` HU: D from inferior, H from anterior, W from the patient's right.
        spacing_mm: of D, H, W.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True)
    for k, cut in enumerate(volume):
        # DICOM's axes run to the left, posterior and superior: the volume's own.
        _ct_slice(folder / f"{k + 1:04d}.dcm", case, cut, (0.0, 0.0, k * spacing_mm[0]), spacing_mm, k + 1)


def _ct_slice(
    path: Path,
    case: Case,
    hu: Tensor,
    position: tuple[float, float, float],
    spacing_mm: tuple[float, float, float],
    number: int,
) -> None:
    from pydicom.valuerep import DSfloat

    ds = _dataset(path, case, _CT_STORAGE, number)
    low, high = case.provenance.get("window_hu", _SOFT_TISSUE)
    ds.Modality, ds.ImageType = "CT", ["DERIVED", "PRIMARY", "AXIAL"]
    ds.KVP = ds.AcquisitionNumber = None
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = _uid(case, "frame"), ""
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.ImagePositionPatient = [f"{p:.6g}" for p in position]
    ds.SliceThickness, *in_plane = (f"{s:.6g}" for s in spacing_mm)
    ds.PixelSpacing = in_plane
    stored, slope, intercept = _stored(hu.numpy())
    ds.RescaleIntercept, ds.RescaleSlope = DSfloat(intercept, auto_format=True), DSfloat(slope, auto_format=True)
    ds.RescaleType = "HU"
    # DICOM's LINEAR function reaches its ends half a unit inside (PS3.3 C.11.2.1.2.1).
    ds.WindowCenter, ds.WindowWidth = f"{(low + high + 1) / 2:.6g}", f"{high - low + 1:.6g}"
    _put_pixels(ds, stored)
    ds.save_as(path, enforce_file_format=True)


def _stored(hu: NDArray[np.float32]) -> tuple[NDArray[Any], float, float]:
    """Return 16-bit words, slope and intercept; whole numbers in a scanner's range as a scanner writes them."""
    import numpy as np

    words = hu.astype(np.float64) + 1024
    if (words == np.rint(words)).all() and words.min() >= -32768 and words.max() <= 32767:
        return words.astype("<i2"), 1.0, -1024.0
    low, high = float(hu.min()), float(hu.max())
    # The slope has the sixteen characters of a DS: so do the values that are read back.
    slope = float(f"{(high - low) / 65535 or 1.0:.9g}")
    return np.rint((hu.astype(np.float64) - low) / slope).clip(0, 65535).astype("<u2"), slope, low


def patient_id_of(patient: str) -> str:
    """Return a valid PatientID: 64 characters at the most, one value, no control characters (PS3.5 6.2: LO)."""
    plain = "".join("_" if c == "\\" or not c.isprintable() else c for c in patient).strip()
    if plain == patient and len(plain) <= 64:
        return plain
    return f"{plain[:55]}-{hashlib.sha256(patient.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def _uid(case: Case, *parts: str) -> Any:
    from pydicom.uid import generate_uid

    # The same case gives the same identifiers, so that an export can be repeated.
    return generate_uid(entropy_srcs=["radbench", case.patient_id, case.case_id, *parts])


def _dataset(path: Path, case: Case, storage: str, number: int) -> FileDataset:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(storage)
    meta.MediaStorageSOPInstanceUID = _uid(case, "instance", str(number))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.StudyInstanceUID = generate_uid(entropy_srcs=["radbench", case.patient_id, "study"])
    ds.SeriesInstanceUID = _uid(case, "series")
    ds.PatientID = ds.PatientName = patient_id_of(case.patient_id)
    for name in ("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "ReferringPhysicianName"):
        setattr(ds, name, "")
    ds.StudyID = ds.AccessionNumber = ""
    ds.Manufacturer, ds.SeriesDescription = "radbench", patient_id_of(case.case_id)
    ds.SeriesNumber, ds.InstanceNumber = 1, number
    return ds


def _put_pixels(ds: FileDataset, pixels: Any) -> None:
    ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    ds.PixelData = pixels.tobytes()
