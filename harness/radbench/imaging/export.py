"""Export: cases written as files that any other program opens, with their masks and a table beside them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts.case import MASK_TARGETS, Case
from radbench.contracts.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

FORMATS = ("png", "dicom", "nifti")

_CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_SUFFIX = {"png": ".png", "dicom": ".dcm", "nifti": ".nii.gz"}
_COLUMNS = ("case_id", "patient_id", "group", "spacing_row_mm", "spacing_column_mm", "recist", "findings", "source")


def export_cases(cases: Iterable[Case], out: Path, format_: str) -> int:
    """Write cases into ``images/``, masks into a folder per target (``lesion_mask/``), the rest into ``cases.csv``.

    PNG holds the image on 16 bits. DICOM and NIfTI hold Hounsfield units where the case has them, the image
    otherwise. Masks are PNG (0 and 255) beside PNG and DICOM, NIfTI label maps beside NIfTI.

    Args:
        cases: what to write, one at a time.
        out: a folder that does not exist yet or is empty.
        format_: "png", "dicom" or "nifti".

    Returns:
        How many cases were written.

    Raises:
        UsageError: the format is unknown, or the folder cannot be written or holds something.
    """
    if format_ not in FORMATS:
        raise UsageError(f"format '{format_}' must be one of {', '.join(FORMATS)}")
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"'{out}' holds something already: name a folder that does not exist yet or is empty")
        (out / "images").mkdir(parents=True, exist_ok=True)
        with (out / "cases.csv").open("w", newline="") as table:
            writer = csv.DictWriter(table, _COLUMNS, lineterminator="\n")
            writer.writeheader()
            count = 0
            for case in cases:
                _write_case(case, out, format_)
                writer.writerow(_row(case))
                count += 1
    except OSError as e:
        raise UsageError(f"cannot write to '{out}': {e.strerror or e}") from e
    return count


def _write_case(case: Case, out: Path, format_: str) -> None:
    from radbench.imaging import write_image

    image = out / "images" / f"{case.case_id}{_SUFFIX[format_]}"
    image.parent.mkdir(parents=True, exist_ok=True)
    if format_ == "png":
        write_image(image, case.image, bits=16)
    elif format_ == "dicom":
        _write_dicom(image, case)
    else:
        _write_nifti(image, _values(case)[0], case)
    for name in sorted(MASK_TARGETS & case.targets.keys()):
        file = out / name / f"{case.case_id}{'.nii.gz' if format_ == 'nifti' else '.png'}"
        file.parent.mkdir(parents=True, exist_ok=True)
        if format_ == "nifti":
            _write_nifti(file, case.targets[name].byte(), case)
        else:
            write_image(file, case.targets[name].float(), bits=8)


def _values(case: Case) -> tuple[Tensor, bool]:
    """Return what the file should hold, and whether it is in Hounsfield units."""
    hu = case.targets.get("hu")
    return (case.image, False) if hu is None else (hu, True)


def _row(case: Case) -> dict[str, Any]:
    spacing = case.spacing_mm or ("", "")
    plain = {name: case.targets[name].tolist() for name in ("recist", "findings") if name in case.targets}
    return {
        "case_id": case.case_id,
        "patient_id": case.patient_id,
        "group": case.group,
        "spacing_row_mm": spacing[0],
        "spacing_column_mm": spacing[1],
        **{name: json.dumps(values) for name, values in plain.items()},
        "source": json.dumps(dict(case.source), default=str, sort_keys=True),
    }


def _write_nifti(path: Path, values: Tensor, case: Case) -> None:
    import nibabel
    import numpy as np

    row, column = case.spacing_mm or (1.0, 1.0)
    array = values[0].numpy()
    if array.dtype != np.uint8:
        array = np.rint(array).astype(np.int16) if "hu" in case.targets else array.astype(np.float32)
    # NIfTI's axes run to the right, anterior and superior; an axial picture's columns run left, its rows posterior.
    affine = np.diag([-column, -row, 1.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(array.T[:, :, None], affine), path)


def _write_dicom(path: Path, case: Case) -> None:
    import numpy as np
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

    values, is_hu = _values(case)
    array = values[0].numpy()
    storage = UID(_CT_STORAGE if is_hu else _SECONDARY_CAPTURE)

    def uid(*parts: str) -> UID:
        # The same case gives the same identifiers, so that an export can be repeated.
        return generate_uid(entropy_srcs=["radbench", case.patient_id, *parts])

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = storage
    meta.MediaStorageSOPInstanceUID = uid("instance", case.case_id)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID = storage, meta.MediaStorageSOPInstanceUID
    ds.StudyInstanceUID, ds.SeriesInstanceUID = uid("study"), uid("series", case.case_id)
    ds.PatientID = ds.PatientName = case.patient_id
    for name in ("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "ReferringPhysicianName"):
        setattr(ds, name, "")
    ds.StudyID = ds.AccessionNumber = ""
    ds.Manufacturer, ds.SeriesDescription = "radbench", case.case_id[:64]
    ds.SeriesNumber, ds.InstanceNumber = 1, 1
    ds.Rows, ds.Columns = array.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    if is_hu:
        low, high = case.source.get("window_hu", (-175.0, 275.0))
        ds.Modality, ds.ImageType = "CT", ["DERIVED", "PRIMARY", "AXIAL"]
        ds.KVP = ds.AcquisitionNumber = ds.SliceThickness = None
        ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = uid("frame"), ""
        ds.ImageOrientationPatient, ds.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, 0]
        ds.PixelSpacing = [f"{s:.6g}" for s in case.spacing_mm or (1.0, 1.0)]
        ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "-1024", "1", "HU"
        ds.WindowCenter, ds.WindowWidth = f"{(low + high) / 2:.6g}", f"{high - low:.6g}"
        ds.PixelRepresentation = 1
        ds.PixelData = np.rint(array + 1024).clip(-32768, 32767).astype("<i2").tobytes()
    else:
        ds.Modality, ds.ConversionType, ds.ImageType = "OT", "SYN", ["DERIVED", "SECONDARY"]
        ds.PixelRepresentation = 0
        ds.PixelData = np.rint(array * 65535).astype("<u2").tobytes()
    ds.save_as(path, enforce_file_format=True)
