"""The scans of the collection: files put together to series, and one series chosen per reading or patient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

from radbench_lidc.index import FileRecord

_SAME_MM = 1e-6


@dataclass(frozen=True)
class Scan:
    """One CT series with its reading, or what stands in the way of one.

    Attributes:
        case_id: the patient's id; with the series' last digits behind it where a patient has several scans.
        patient_id: DICOM's PatientID.
        series_uid: the series, or "".
        files: its slices by path, in no order.
        reading: the readers' XML, or None.
        faults: why it cannot be used; the first is told when it is loaded.
        digests: SHA-256 of the files and the reading.
        listed: the same by file; what is read must have them.
    """

    case_id: str
    patient_id: str
    series_uid: str = ""
    files: tuple[Path, ...] = ()
    reading: Path | None = None
    faults: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    listed: Mapping[Path, str] = field(default_factory=dict, hash=False)


def find_scans(
    records: Mapping[Path, FileRecord], *, thickest_mm: float, unread: bool = False
) -> tuple[list[Scan], dict[str, float]]:
    """Choose the scans.

    Per patient every CT series that a reading names counts; where there is none, the series with the most slices.
    Scout views, radiographs (DX, CR) and their readings, and other series of a study are passed over. A file that
    cannot be read is a fault of the series in its folder.

    Args:
        records: the files, by path.
        thickest_mm: series of thicker slices are left out.
        unread: whether a scan without reading can be used.

    Returns:
        The scans, by case id, and the thickness of the series that were left out for it.
    """
    series = _by_series(records)
    readings = _readings(records)
    unreadable = {path.parent: record.fault for path, record in records.items() if record.kind == "fault"}
    patients: dict[str, list[str]] = {}
    for uid, files in series.items():
        patients.setdefault(files[0][1].patient, []).append(uid)
    scans, thick = [], {}
    for patient, uids in sorted(patients.items()):
        scans_of = [uid for uid in uids if _is_ct(series[uid])]
        if not scans_of:
            kinds = sorted({record.modality or "unknown" for uid in uids for _, record in series[uid]})
            fault = f"patient '{patient}' has no CT series, only {', '.join(kinds)}; download the CT, too"
            scans.append(_faulty(patient, fault, [r for uid in uids for _, r in series[uid]]))
            continue
        thin = []
        for uid in scans_of:
            thickness = _thickness(series[uid])
            if thickness > thickest_mm + _SAME_MM:
                thick[uid] = thickness
            else:
                thin.append(uid)
        chosen = [uid for uid in thin if uid in readings]
        if not chosen and thin:
            # A read series that is too thick leaves its patient out; another one was not read.
            if any(uid in readings for uid in scans_of):
                continue
            chosen = [max(thin, key=lambda uid: (len(series[uid]), uid))]
        for uid in sorted(chosen):
            case_id = patient if len(chosen) == 1 else f"{patient}-{uid.rpartition('.')[2][-8:]}"
            scans.append(_scan(case_id, patient, uid, series[uid], readings.get(uid, []), unreadable, unread))
    with_series = {path.parent for files in series.values() for path, _ in files}
    for folder in sorted(set(unreadable) - with_series):
        damaged = [r for path, r in records.items() if path.parent == folder and r.kind == "fault"]
        if any(record.modality != "XML" for record in damaged):
            scans.append(_faulty(f"{folder.parent.name}/{folder.name}", unreadable[folder], damaged))
    return sorted(scans, key=lambda s: s.case_id), thick


def _by_series(records: Mapping[Path, FileRecord]) -> dict[str, list[tuple[Path, FileRecord]]]:
    """Return the images per series; the same image in two places counts once."""
    series: dict[str, list[tuple[Path, FileRecord]]] = {}
    seen: set[tuple[str, str]] = set()
    for path, record in records.items():
        if record.kind != "dicom" or record.localizer or (record.image, record.digest) in seen:
            continue
        seen.add((record.image, record.digest))
        series.setdefault(record.series, []).append((path, record))
    return series


def _readings(records: Mapping[Path, FileRecord]) -> dict[str, list[tuple[Path, FileRecord]]]:
    readings: dict[str, list[tuple[Path, FileRecord]]] = {}
    for path, record in records.items():
        if record.kind == "reading":
            same = readings.setdefault(record.series, [])
            if record.digest not in (r.digest for _, r in same):
                same.append((path, record))
    return readings


def _is_ct(files: Iterable[tuple[Path, FileRecord]]) -> bool:
    return all(record.modality == "CT" for _, record in files)


def _thickness(files: list[tuple[Path, FileRecord]]) -> float:
    stated = [record.thickness_mm for _, record in files if record.thickness_mm]
    if stated:
        return float(median(stated))
    places = sorted(record.position[2] for _, record in files if record.position is not None)
    gaps = [b - a for a, b in pairwise(places)]
    return float(median(gaps)) if gaps else 0.0


def _scan(
    case_id: str,
    patient: str,
    uid: str,
    files: list[tuple[Path, FileRecord]],
    readings: list[tuple[Path, FileRecord]],
    unreadable: Mapping[Path, str],
    unread: bool,
) -> Scan:
    faults = [unreadable[folder] for folder in sorted({path.parent for path, _ in files}) if folder in unreadable]
    if len(readings) > 1:
        names = " and ".join(f"'{path}'" for path, _ in readings[:2])
        faults.append(f"{names} both are readings of series {uid} and differ; take one of them out")
    if not readings and not unread:
        faults.append(
            f"no reading (XML) names a CT series of patient '{patient}'; download it beside the images, give its "
            "folder as readings=PATH, or take scans without nodules by unread=keep"
        )
    return Scan(
        case_id,
        patient,
        uid,
        tuple(path for path, _ in files),
        readings[0][0] if readings else None,
        tuple(faults),
        (*sorted(r.digest for _, r in files), *(r.digest for _, r in readings), *faults),
        {path: record.digest for path, record in (*files, *readings)},
    )


def _faulty(case_id: str, fault: str, records: Iterable[FileRecord]) -> Scan:
    return Scan(case_id, case_id, faults=(fault,), digests=tuple(sorted(r.digest for r in records)))
