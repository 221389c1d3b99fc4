"""Dataset: a manifest of cases in patient-disjoint splits, and a loader; its fingerprint is over the manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from radbench.contracts.case import Case
from radbench.contracts.errors import DatasetError

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class CaseEntry:
    """A line of the manifest.

    Attributes:
        case_id: unique within the data set.
        patient_id: cases of one patient share it.
        split: "train", "validation" or "test".
        group: the stratum it is reported in, or "".
        digest: SHA-256 of everything that determines the loaded case.
    """

    case_id: str
    patient_id: str
    split: str
    group: str
    digest: str


@dataclass(frozen=True)
class LabelMap:
    """Every voxel's structure, which data sets of volumes may give by ``label_map(case_id)``.

    Attributes:
        labels: uint8 or uint16 ``[D,H,W]``, in the axes of ``volume_hu``.
        names: what each label is; 0 is none.
    """

    labels: Any
    names: Mapping[int, str]


class Dataset(Protocol):
    """What the class behind a DatasetSpec offers. It is built from its configuration alone: ``Class(config)``.

    Attributes:
        modality: "ct", "cxr" or "any".
        targets: the names of the targets that its cases carry.

    One whose cases carry ``findings`` also has an attribute ``findings``, their K names in order; one whose cases take
    long to make has the method of :class:`KeepsCases`.
    """

    modality: str
    targets: frozenset[str]

    def manifest(self) -> Sequence[CaseEntry]:
        """List the cases without loading them, in a fixed order."""
        ...

    def load(self, case_id: str) -> Case:
        """Load one case.

        Raises:
            CaseError: it cannot be used, and why.
        """
        ...


class KeepsCases(Protocol):
    """What a data set whose cases take long to make, and which keeps what it made, offers besides.

    The harness then makes all cases that a command needs before it begins: side by side in processes of their own,
    with progress, by calling ``load`` and dropping the case. ``load`` therefore keeps a case whole or not at all (see
    :func:`radbench.contracts.atomic.replace_file`), gives the same bits whether it was kept or not, and stands
    being called in several processes at once. A case that cannot be made is a fault of that case alone.
    """

    def unprepared(self, case_ids: Iterable[str]) -> Sequence[str]:
        """Return which of some cases ``load`` would have to make, in the order given; quick, without loading any.

        Cases that cannot be kept, because the configuration says so, are left out.
        """
        ...


def fingerprint(entries: Iterable[CaseEntry]) -> str:
    """Return the SHA-256 over a manifest, independent of its order."""
    lines = sorted(json.dumps(asdict(e), sort_keys=True) for e in entries)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def check_manifest(name: str, entries: Sequence[CaseEntry]) -> None:
    """Refuse a manifest that is empty, repeats a case, or puts a patient into two splits.

    Raises:
        DatasetError: which rule is broken, and by what.
    """
    if not entries:
        raise DatasetError(f"data set '{name}' has no cases")
    seen: set[str] = set()
    split_of: dict[str, str] = {}
    for e in entries:
        if not isinstance(e, CaseEntry):
            raise DatasetError(f"data set '{name}': its manifest must list CaseEntry, got {type(e).__name__}")
        if e.case_id in seen:
            raise DatasetError(f"data set '{name}': case id '{e.case_id}' occurs twice")
        seen.add(e.case_id)
        if e.split not in SPLITS:
            raise DatasetError(f"data set '{name}': case '{e.case_id}' is in split '{e.split}', not one of {SPLITS}")
        if split_of.setdefault(e.patient_id, e.split) != e.split:
            raise DatasetError(
                f"data set '{name}': patient '{e.patient_id}' is in both "
                f"'{split_of[e.patient_id]}' and '{e.split}'; splits must be patient-disjoint"
            )
