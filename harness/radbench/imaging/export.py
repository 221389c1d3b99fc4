"""Export: cases written as files that any other program opens, with their masks and a table beside them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts.case import MASK_TARGETS, Case
from radbench.contracts.dataset import LabelMap
from radbench.contracts.errors import UsageError
from radbench.contracts.printable import to_cell
from radbench.imaging.export_dicom import patient_id_of, write_slice
from radbench.imaging.export_volume import as_stored, file_name, write_volume

if TYPE_CHECKING:
    from torch import Tensor

FORMATS = ("png", "dicom", "nifti")

_SUFFIX = {"png": ".png", "dicom": ".dcm", "nifti": ".nii.gz"}
_COLUMNS = (
    "case_id",
    "patient_id",
    "file",
    "dicom_patient_id",
    "groups",
    "spacing_row_mm",
    "spacing_column_mm",
    "recist",
    "findings",
    "provenance",
)


def export_cases(
    cases: Iterable[Case], out: Path, format_: str, label_map: Callable[[str], LabelMap] | None = None
) -> int:
    """Write cases into ``images/``, masks into a folder per target (``lesion_mask/``), the rest into ``cases.csv``.

    PNG holds the image on 16 bits. DICOM and NIfTI hold the whole volume where the case has one (a DICOM series in
    a folder of its own), else the slice's Hounsfield units, else the image. Masks of single images are PNG (0 and
    255) beside PNG and DICOM, NIfTI beside NIfTI. Label maps of volumes are NIfTI in ``labels/``, with the names in
    ``labels.csv``.

    Args:
        cases: what to write, one at a time.
        out: a folder that does not exist yet or is empty.
        format_: "png", "dicom" or "nifti".
        label_map: gives a case's label map, where the data set has them.

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
        names: dict[int, str] = {}
        with (out / "cases.csv").open("w", newline="", encoding="utf-8") as table:
            writer = csv.DictWriter(table, _COLUMNS, lineterminator="\n", quoting=csv.QUOTE_ALL)
            writer.writeheader()
            count = 0
            for case in cases:
                if format_ != "png" and "volume_hu" in case.targets:
                    names |= write_volume(case, out, format_, label_map)
                else:
                    _write_case(case, out, format_)
                writer.writerow({name: to_cell(str(value)) for name, value in _row(case).items()})
                count += 1
        if names:
            lines = [f"{label},{name}\n" for label, name in sorted(names.items())]
            (out / "labels.csv").write_text("".join(["label,name\n", *lines]), encoding="utf-8")
    except OSError as e:
        part = "; what is there is incomplete: remove it before you try again" if out.is_dir() else ""
        raise UsageError(f"cannot write to '{out}': {e.strerror or e}{part}") from e
    return count


def _write_case(case: Case, out: Path, format_: str) -> None:
    from radbench.imaging import write_image

    image = out / "images" / f"{file_name(case.case_id)}{_SUFFIX[format_]}"
    image.parent.mkdir(parents=True, exist_ok=True)
    if format_ == "png":
        write_image(image, case.image, bits=16)
    elif format_ == "dicom":
        write_slice(image, case)
    else:
        _write_nifti(image, _values(case)[0], case)
    for name in sorted(MASK_TARGETS & case.targets.keys()):
        file = out / name / f"{file_name(case.case_id)}{'.nii.gz' if format_ == 'nifti' else '.png'}"
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
    plain: dict[str, Any] = {"recist": case.targets["recist"].tolist()} if "recist" in case.targets else {}
    if "findings" in case.targets:
        # Not stated is null: JSON has no NaN.
        stated = case.targets["findings"].items()
        plain["findings"] = {name: None if label != label else label for name, label in stated}
    return {
        "case_id": case.case_id,
        "patient_id": case.patient_id,
        "file": file_name(case.case_id),
        "dicom_patient_id": patient_id_of(case.patient_id),
        "groups": json.dumps(dict(case.groups), sort_keys=True),
        "spacing_row_mm": spacing[0],
        "spacing_column_mm": spacing[1],
        **{name: json.dumps(values) for name, values in plain.items()},
        "provenance": json.dumps(dict(case.provenance), default=str, sort_keys=True),
    }


def _write_nifti(path: Path, values: Tensor, case: Case) -> None:
    import nibabel
    import numpy as np

    row, column = case.spacing_mm or (1.0, 1.0)
    array = values[0].numpy()
    if array.dtype != np.uint8:
        array = as_stored(array) if "hu" in case.targets else array.astype(np.float32)
    # NIfTI's axes run to the right, anterior and superior; an axial picture's columns run left, its rows posterior.
    affine = np.diag([-column, -row, 1.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(array.T[:, :, None], affine), path)
