"""Dataset: a manifest of cases in patient-disjoint splits, and a loader; its fingerprint is over the manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

from radbench.contracts.case import Case
from radbench.contracts.errors import DatasetError

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class CaseEntry:
    """A line of the manifest.

    Attributes:
        case_id: unique within the data set.
        patient_id: cases of one patient share it; unique within the collection that the data set names.
        split: "train", "validation" or "test".
        digest: SHA-256 of everything that determines the loaded case.
        groups: the strata it is reported in, by name.
        twin: another case of the set that is scored together with this one, "" for none. A case that is somebody's
            twin has none itself; whatever draws, draws alike for both.
    """

    case_id: str
    patient_id: str
    split: str
    digest: str
    groups: Mapping[str, str] = field(default_factory=dict, hash=False)
    twin: str = ""


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
    """What the class behind a DatasetSpec offers.

    It is built from its configuration, ``Class(config)``, or ``Class(config, parts)`` where that names other parts. It
    keeps nothing on disk: one whose cases are slow to make says so in its spec, and the harness makes them side by side
    and keeps them.

    Attributes:
        modality: "ct", "cxr", "natural" or "any".
        targets: the names of the targets that its cases carry.

    Optional: ``collection``, the name within which patient ids are unique (by default the data set's name and what its
    local folders hold): an enhancer that learnt from a patient of a collection is not scored on that patient;
    ``label_map(case_id)``, every voxel's structure; ``noticed()``, sentences on the collection as a whole (what lies
    there and is no case, what is missing beside the cases) that ``bench data check`` prints.
    """

    modality: str
    targets: frozenset[str]

    def manifest(self) -> Sequence[CaseEntry]:
        """List the cases without loading them, in a fixed order; an enhancer that is a part cannot be called here."""
        ...

    def load(self, case_id: str) -> Case:
        """Load one case. It gives the same bits in any process, in any order.

        Raises:
            CaseError: it cannot be used, and why.
        """
        ...


def fingerprint(entries: Iterable[CaseEntry]) -> str:
    """Return the SHA-256 over a manifest, independent of its order."""
    # As asdict gives them, which takes five times as long.
    names = [f.name for f in fields(CaseEntry)]
    plain = ({name: getattr(e, name) for name in names} | {"groups": dict(e.groups)} for e in entries)
    lines = sorted(json.dumps(line, sort_keys=True) for line in plain)
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
    _check_twins(name, entries)


def _check_twins(name: str, entries: Sequence[CaseEntry]) -> None:
    by_id = {e.case_id: e for e in entries}
    for e in (e for e in entries if e.twin):
        twin = by_id.get(e.twin)
        fault = (
            "there is no such case"
            if twin is None
            else "it is in another split"
            if twin.split != e.split
            else "it names a twin itself"
            if twin.twin
            else ""
        )
        if fault:
            raise DatasetError(f"data set '{name}': case '{e.case_id}' names '{e.twin}' as its twin, but {fault}")
