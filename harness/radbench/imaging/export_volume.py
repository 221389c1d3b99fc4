"""Volumes as a DICOM series or NIfTI, with their label maps."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.contracts.case import Case
from radbench.contracts.dataset import LabelMap
from radbench.imaging.export_dicom import write_series

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def write_volume(case: Case, out: Path, format_: str, label_map: Callable[[str], LabelMap] | None) -> Mapping[int, str]:
    """Write ``volume_hu`` into ``images/`` and the label map into ``labels/``.

    Args:
        case: with the targets ``volume_hu`` and ``volume_spacing_mm``.
        out: the export's folder.
        format_: "dicom" or "nifti".
        label_map: gives the case's label map; None where there are none.

    Returns:
        The names of the labels.

    Raises:
        OSError: something cannot be written.
    """
    import numpy as np

    depth, row, column = case.targets["volume_spacing_mm"].tolist()
    volume = case.targets["volume_hu"]
    if format_ == "dicom":
        write_series(out / "images" / file_name(case.case_id), case, volume, (depth, row, column))
    else:
        _write_nifti(
            out / "images" / f"{file_name(case.case_id)}.nii.gz", as_stored(volume.numpy()), (depth, row, column)
        )
    if label_map is None:
        return {}
    found = label_map(case.case_id)
    _write_nifti(out / "labels" / f"{file_name(case.case_id)}.nii.gz", np.asarray(found.labels), (depth, row, column))
    return found.names


def as_stored(hu: NDArray[np.float32]) -> NDArray[Any]:
    """Return Hounsfield units as int16 where that keeps them, else as float32."""
    import numpy as np

    short = np.rint(hu).clip(-32768, 32767).astype(np.int16)
    return short if (short == hu).all() else hu.astype(np.float32)


_FORBIDDEN = frozenset('\\<>:"|?*')
"""What Windows has no place for in a name."""

_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))})

_LONGEST = 120
"""Bytes of each part of a name: systems have 255, and a suffix follows."""


def file_name(case_id: str) -> str:
    """Return the path below a folder that a case goes to: its id, unless no system, or not every one, could have it.

    A name that leads elsewhere, is too long, or has characters or words that Windows keeps for itself is made plain,
    and gets a digest of the id, so that no two cases share a file.
    """
    plain = "/".join(_plain(part) for part in case_id.split("/") if part not in ("", ".", ".."))
    if plain == case_id and plain:
        return plain
    return f"{plain or 'case'}-{hashlib.sha256(case_id.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def _plain(part: str) -> str:
    shown = "".join(c if c.isprintable() and c not in _FORBIDDEN else "_" for c in part)
    shown = shown.encode()[:_LONGEST].decode(errors="ignore").strip(" ").rstrip(".")
    return f"_{shown}" if shown.split(".")[0].lower() in _DEVICES else shown or "_"


def _write_nifti(path: Path, voxels: Any, spacing_mm: tuple[float, float, float]) -> None:
    import nibabel
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    depth, row, column = spacing_mm
    # NIfTI's axes run to the right, anterior and superior: against W and H, along D.
    affine = np.diag([-column, -row, depth, 1.0])
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(voxels.transpose(2, 1, 0)), affine), path)
