"""The collection's files: what each is, its SHA-256 and its DICOM header, remembered between runs."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import stat
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from radbench.contracts.errors import CaseError, DatasetError, UsageError
from radbench.contracts.folders import cache_folder
from radbench.contracts.printable import escaped
from radbench.contracts.remembered import recall, remember
from radbench.imaging.answers import short
from radbench.imaging.dicom_file import check_inflated
from radbench.imaging.limits import check_limit
from radbench_lidc.readings import parse_reading

_LOG = logging.getLogger(__name__)
_RACY_NS = 2_000_000_000
_KEPT_EVERY_SECONDS = 60.0
_FORMAT = "1"
_CLOSED = "*"
"""Stands for the files of a folder that may not be listed."""

_DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
_TAGS = (
    "PatientID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "Modality",
    "ImageType",
    "SliceThickness",
    "ImagePositionPatient",
)


@dataclass(frozen=True)
class FileRecord:
    """What a file is.

    Attributes:
        kind: "dicom", "reading" (of CT), "fault" (should be one of these and cannot be read), or "other".
        digest: SHA-256 of its bytes; "" for others.
        fault: why it cannot be read, or "".
        patient, study, series, image: DICOM's ids; a reading has its series.
        modality: DICOM's.
        localizer: whether it is a scout view.
        thickness_mm: nominal, or None.
        position: of its first pixel in the patient, or None.
    """

    kind: Literal["dicom", "reading", "fault", "other"]
    digest: str = ""
    fault: str = ""
    patient: str = ""
    study: str = ""
    series: str = ""
    image: str = ""
    modality: str = ""
    localizer: bool = False
    thickness_mm: float | None = None
    position: tuple[float, float, float] | None = None


def index_files(roots: Iterable[Path]) -> dict[Path, FileRecord]:
    """Return what the files below some folders are, ordered by path; others are left out.

    A file is read again only when its size, modification or change time differs from when it was read; one that
    changed in the last two seconds is not remembered. The memory is kept every minute while reading, so that a run
    which is stopped goes on where it was. It only saves time: without a writable cache folder all is read anew.

    Raises:
        DatasetError: a folder is missing, is a file, or may not be listed. What below it cannot be read is a fault.
    """
    folders = [_folder(root) for root in roots]
    name = hashlib.sha256("\n".join(str(f.resolve()) for f in folders).encode()).hexdigest()[:32]
    memory = cache_folder() / "lidc" / "index" / f"{name}.json"
    known = recall(memory, _FORMAT) or {}
    paths = sorted({p for folder in folders for p in _walk(folder)})
    states, records = {}, {}
    unknown = []
    for path in paths:
        state = _state(path)
        states[path] = state
        entry = known.get(str(path.absolute()))
        if entry is not None and entry[0] == state:
            records[path] = _from_json(entry[1])
        else:
            unknown.append(path)
    if unknown:
        _LOG.info("reading %d of %d files", len(unknown), len(paths))
    began, kept = time.time_ns(), time.monotonic()
    pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1)
    try:
        for path, record in zip(unknown, pool.map(_read, unknown), strict=True):
            records[path] = record
            if time.monotonic() > kept + _KEPT_EVERY_SECONDS:
                _remember(memory, states, records, began)
                kept = time.monotonic()
    finally:
        # Interrupted, too, it keeps what it has read and reads no more.
        pool.shutdown(cancel_futures=True)
        if unknown or len(known) != len(paths):
            _remember(memory, states, records, began)
    return {path: records[path] for path in paths if records[path].kind != "other"}


def _folder(root: Path) -> Path:
    folder = root.expanduser()
    if not folder.exists():
        raise DatasetError(f"folder '{folder}' does not exist; give the folder that LIDC-IDRI was downloaded to")
    if not folder.is_dir():
        raise DatasetError(f"'{folder}' is a file; give the folder that LIDC-IDRI was downloaded to")
    return folder


def _walk(folder: Path) -> Iterator[Path]:
    closed: list[Path] = []

    def note(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise DatasetError(f"folder '{folder}' cannot be listed ({error.strerror})") from error
        closed.append(Path(error.filename) / _CLOSED)

    seen: set[str] = set()
    for here, folders, files in os.walk(folder, onerror=note, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__MACOSX")
        for name in files:
            suffix = Path(name).suffix.lower()
            # Older downloads have names without a suffix, or with digits after a dot.
            plain = suffix == "" or suffix[1:].isdigit()
            if not name.startswith(".") and (suffix in (".xml", *_DICOM_SUFFIXES) or plain):
                yield Path(here) / name
    yield from closed


def _state(path: Path) -> list[int]:
    try:
        state = path.stat()
    except OSError:
        # Why shows when it is read.
        return [0, 0, 0]
    return [state.st_size, state.st_mtime_ns, state.st_ctime_ns]


def _read(path: Path) -> FileRecord:
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            return FileRecord("fault", fault=f"'{path.name}' is no file but a pipe or a device")
        check_limit(path.name, "bytes", state.st_size)
        data = path.read_bytes()
    except CaseError as error:
        return FileRecord("fault", fault=str(error))
    except OSError as error:
        if path.name == _CLOSED:
            return FileRecord("fault", fault=f"folder '{path.parent.name}' cannot be listed; change its permissions")
        return FileRecord("fault", fault=f"'{path.name}' cannot be read ({error.strerror or error})")
    suffix = path.suffix.lower()
    if suffix == ".xml":
        return _reading(path, data)
    if suffix not in _DICOM_SUFFIXES and data[128:132] != b"DICM":
        return FileRecord("other")
    return FileRecord("other") if path.name.upper() == "DICOMDIR" else _header(path, data)


def _reading(path: Path, data: bytes) -> FileRecord:
    digest = hashlib.sha256(data).hexdigest()
    try:
        reading = parse_reading(path.name, data)
    except CaseError as error:
        return FileRecord("fault", digest, fault=str(error), modality="XML")
    if reading is None or reading.modality != "ct":
        return FileRecord("other")
    if not reading.series_uid:
        return FileRecord("fault", digest, fault=f"'{path.name}' does not say which series was read", modality="XML")
    return FileRecord("reading", digest, series=reading.series_uid)


def _header(path: Path, data: bytes) -> FileRecord:
    import pydicom

    digest = hashlib.sha256(data).hexdigest()
    try:
        check_inflated(path.name, data)
        header = pydicom.dcmread(
            io.BytesIO(data), stop_before_pixels=True, specific_tags=list(_TAGS), force=data[128:132] != b"DICM"
        )
        position = header.get("ImagePositionPatient")
        thickness = header.get("SliceThickness")
        record = FileRecord(
            "dicom",
            digest,
            patient=escaped(str(header.get("PatientID", "") or "").strip()),
            study=str(header.get("StudyInstanceUID", "")),
            series=str(header.get("SeriesInstanceUID", "")),
            image=str(header.get("SOPInstanceUID", "")),
            modality=str(header.get("Modality", "")),
            localizer="LOCALIZER" in [str(word) for word in header.get("ImageType", None) or ()],
            thickness_mm=None if thickness in (None, "") else float(thickness),
            position=None if not position else (float(position[0]), float(position[1]), float(position[2])),
        )
    except CaseError as error:
        return FileRecord("fault", fault=str(error))
    except UsageError:
        raise
    except Exception as error:  # damaged bytes make a parser raise anything
        return FileRecord(
            "fault", digest, fault=f"'{path.name}' is cut short or damaged ({short(error)}); get it again"
        )
    if not record.patient or not record.series:
        return FileRecord("fault", digest, fault=f"'{path.name}' names no patient and series, or is cut short")
    return record


def _from_json(values: dict[str, Any]) -> FileRecord:
    record = FileRecord(**values)
    if record.position is None:
        return record
    return FileRecord(**{**values, "position": tuple(values["position"])})


def _remember(memory: Path, states: dict[Path, list[int]], records: dict[Path, FileRecord], began: int) -> None:
    default = vars(FileRecord("other"))
    files = {
        str(path.absolute()): [
            states[path],
            {k: v for k, v in vars(record).items() if k == "kind" or v != default[k]},
        ]
        for path, record in records.items()
        # It could have changed again unseen within the clock's grain; what could not be read at all may be readable.
        if max(states[path][1:]) < began - _RACY_NS and not (record.kind == "fault" and not record.digest)
    }
    remember(memory, files, _FORMAT)
