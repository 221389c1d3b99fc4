"""Data sets: the manifest, its fingerprint in another process, splits by patient, and the same case every time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from radbench.conformance.elsewhere import NOT_BY
from radbench.conformance.findings import BrokenError, NotTriedError, RemarkError
from radbench.conformance.subject import Check, Subject
from radbench.contracts.case import ON_DEMAND, Case
from radbench.contracts.dataset import SPLITS, CaseEntry
from radbench.contracts.errors import RadbenchError
from radbench.engine.keep.texts import counted
from radbench.registry.whereabouts import definition_of

_DIGEST = re.compile(r"[0-9a-f]{64}")


def manifest(subject: Subject) -> str:
    """The manifest names each case once, each patient in one split, and everything that determines a case by digest."""
    opened = _opened(subject)
    for e in opened.manifest:
        if not _DIGEST.fullmatch(e.digest):
            raise BrokenError(
                f"case '{e.case_id}' has the digest '{e.digest}', which is no SHA-256 in 64 hexadecimal digits"
            )
        if not e.patient_id:
            raise BrokenError(f"case '{e.case_id}' is of no patient: patient_id is empty")
    by_digest: dict[str, CaseEntry] = {}
    for e in opened.manifest:
        other = by_digest.setdefault(e.digest, e)
        if other.split != e.split:
            raise RemarkError(
                f"cases '{other.case_id}' ({other.split}) and '{e.case_id}' ({e.split}) have one digest "
                f"({_where(subject, 'manifest')}): is it one image, which is learnt from and scored on?"
            )
    counts = ", ".join(f"{split} {len(opened.split(split))}" for split in SPLITS if opened.split(split))
    patients = len({e.patient_id for e in opened.manifest})
    if not opened.split("test"):
        raise RemarkError(f"there is nothing to score: no case is in split 'test' ({counts})")
    return f"{counted(len(opened.manifest), 'case')} of {counted(patients, 'patient')}, none in two splits: {counts}"


def fingerprint(subject: Subject) -> str:
    """The manifest is the same in another process, which hashes otherwise, and in the same order."""
    opened, workshop = _opened(subject), subject.workshop
    told, order = workshop.elsewhere.ask(_listed, subject)
    if told != opened.fingerprint:
        raise BrokenError(
            f"another process gets another fingerprint ({_where(subject, 'manifest')}): digests and splits must follow "
            "from the data and the configuration alone, not from the time, hash() or the order of a folder"
        )
    listed = [e.case_id for e in opened.manifest]
    again = [e.case_id for e in workshop.part(subject.kind, subject.variant).opened.manifest]
    for what, other in (("the second time", again), ("in another process", order)):
        if other != listed:
            raise BrokenError(
                f"it lists its cases in another order {what} ({_where(subject, 'manifest')}): --limit would choose "
                "others; a set has no order of its own, sorted() gives it one"
            )
    return f"fingerprint {opened.fingerprint[:16]}, in another process, too"


def _listed(subject: Subject) -> tuple[str, list[str]]:
    """Return the fingerprint, and the cases in their order."""
    opened = _opened(subject)
    return opened.fingerprint, [e.case_id for e in opened.manifest]


def cases(subject: Subject) -> str:
    """Cases keep the contract: image and truth in their shapes, types and ranges; what they carry is declared."""
    found = _loaded(subject)
    declared = frozenset(_opened(subject).dataset.targets)
    for case in found:
        undeclared = sorted({*case.targets} - declared)
        if undeclared:
            raise BrokenError(
                f"case '{case.case_id}' has the target '{undeclared[0]}', which the data set does not declare "
                f"({_where(subject, 'load')})"
            )
        _plausible(subject, case)
    absent = sorted(t for t in declared if not any(t in case.targets for case in found))
    if absent:
        raise RemarkError(f"target '{absent[0]}' is declared, and none of {len(found)} cases has it")
    unspecified = sorted(declared - {*subject.part.spec.targets})
    if unspecified:
        raise RemarkError(f"target '{unspecified[0]}' is not in the spec, DatasetSpec(targets=…), which lists show")
    _told_apart(subject, found)
    sizes = sorted({f"{c.image.shape[1]} x {c.image.shape[2]}" for c in found})
    shown = ", ".join(sizes[:3]) + (", …" if len(sizes) > 3 else "")
    return f"{counted(len(found), 'case')} loaded ({shown}), with {', '.join(sorted(declared)) or 'no truth'}"


def _plausible(subject: Subject, case: Case) -> None:
    """Refuse a spacing that is no length, and groups that are not those of the manifest."""
    spacing = case.spacing_mm
    if spacing is not None and not (len(spacing) == 2 and all(0 < s < float("inf") for s in spacing)):
        raise BrokenError(
            f"case '{case.case_id}' has spacing_mm={tuple(spacing)} ({_where(subject, 'load')}): (row, column) in "
            "millimetres, both above 0, or None where it is not known"
        )
    listed = dict(_opened(subject).by_id[case.case_id].groups)
    if dict(case.groups) not in ({}, listed):
        raise BrokenError(
            f"case '{case.case_id}' is loaded with the groups {dict(case.groups)}, and listed with {listed} "
            f"({_where(subject, 'load')}): results are reported in those that manifest() lists"
        )


def _told_apart(subject: Subject, found: list[Case]) -> None:
    """Remark on cases that are different images under one digest."""
    by_digest: dict[str, Case] = {}
    for case in found:
        digest = _opened(subject).by_id[case.case_id].digest
        other = by_digest.setdefault(digest, case)
        if not _equal(case.image, other.image):
            raise RemarkError(
                f"cases '{other.case_id}' and '{case.case_id}' have one digest and are different images "
                f"({_where(subject, 'manifest')}): does it cover all that they are made of? A case that changes "
                "under the same digest keeps the scores of what it was"
            )


def reloaded(subject: Subject) -> str:
    """A case is the same bits when it is loaded again, in another order, by a new object."""
    first = _loaded(subject)
    bench = subject.workshop.bench()
    # What is slow to make was kept: asked for anew, it is made anew.
    live = bench.living.dataset(_live(subject))
    again = []
    for case in reversed(first):
        try:
            again.append(live.load(case.case_id))
        except Exception as e:
            raise subject.broken(f"case '{case.case_id}', loaded again", e) from e
    for one, other in zip(first, reversed(again), strict=True):
        if name := _difference(one, other):
            raise BrokenError(
                f"case '{one.case_id}' loaded again, in another order, has another {name} ({_where(subject, 'load')}): "
                "random numbers in load() must be seeded by the case's id"
            )
    elsewhere = subject.workshop.elsewhere.ask(_digests_backwards, subject)
    for one in first:
        mine, other = _digests(one), elsewhere[one.case_id]
        if name := next((n for n in mine if mine[n] != other.get(n)), ""):
            raise BrokenError(
                f"case '{one.case_id}' has another {name} in another process ({_where(subject, 'load')}): {NOT_BY}"
            )
    return "a case is the same bits when it is loaded again, in another order, by a new object and in another process"


def _digests_backwards(subject: Subject) -> dict[str, dict[str, str]]:
    """Return digests of each case that is tried, made anew, the last one first."""
    live = subject.workshop.bench().living.dataset(_live(subject))
    return {entry.case_id: _digests(live.load(entry.case_id)) for entry in reversed(_tried(subject))}


def _digests(case: Case) -> dict[str, str]:
    """Return a digest of the image and of each target that is at hand, by name."""
    ready = {f"target '{n}'": case.targets[n] for n in sorted(case.targets) if n not in ON_DEMAND}
    return {name: hashlib.sha256(repr(_bits(value)).encode()).hexdigest() for name, value in ready.items()} | {
        "image": hashlib.sha256(repr(_bits(case.image)).encode()).hexdigest()
    }


def _bits(value: Any) -> Any:
    if hasattr(value, "numpy"):
        array = value.detach().cpu().contiguous().numpy()
        return str(array.dtype), array.shape, array.tobytes()
    return sorted((k, _bits(v)) for k, v in value.items()) if isinstance(value, Mapping) else repr(value)


def rights(subject: Subject) -> str:
    """Licence and citation travel into the leaderboard's rows."""
    spec = subject.part.spec
    missing = [name for name in ("licence", "citation") if not getattr(spec, name)]
    if missing:
        raise RemarkError(
            f"the spec gives no {' and no '.join(missing)}, which rows would carry: DatasetSpec(licence=…)"
        )
    return f"licence and citation are given ({spec.licence})"


def _opened(subject: Subject) -> Any:
    part = subject.part
    try:
        return part.opened
    except RadbenchError as e:
        if "root" in type(part.config).model_fields:
            raise NotTriedError(f"it cannot be opened: {e}") from e
        raise BrokenError(f"{e}") from e


def _live(subject: Subject) -> Any:
    from radbench.engine.plan.steps import loading_of

    return loading_of(subject.part, "float32").dataset


def _tried(subject: Subject) -> list[CaseEntry]:
    """Return the first cases of each split."""
    opened = _opened(subject)
    return [e for split in SPLITS for e in opened.split(split)[: subject.workshop.cases]]


def _loaded(subject: Subject) -> list[Case]:
    found = []
    for entry in _tried(subject):
        try:
            found.append(subject.workshop.case(subject.part, entry))
        except Exception as e:
            raise subject.broken(f"case '{entry.case_id}'", e) from e
    return found


def _difference(one: Case, other: Case) -> str:
    """Return the first thing in which two cases differ, "" where every bit is the same."""
    if not _equal(one.image, other.image):
        return "image"
    for what in ("patient_id", "spacing_mm", "groups"):
        if getattr(one, what) != getattr(other, what):
            return what
    if {*one.targets} != {*other.targets}:
        return "set of targets"
    return next((n for n in one.targets if n not in ON_DEMAND and not _equal(one.targets[n], other.targets[n])), "")


def _equal(one: Any, other: Any) -> bool:
    import torch

    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.shape == other.shape and torch.equal(one, other)
    if isinstance(one, Mapping):
        return {*one} == {*other} and all(_equal(one[k], other[k]) for k in one)
    return bool(one == other or (one != one and other != other))


def _where(subject: Subject, method: str) -> str:
    return definition_of(getattr(subject.part.factory, method))


CHECKS = (
    Check("manifest", lambda kind, spec: kind == "dataset", manifest),
    Check("fingerprint", lambda kind, spec: kind == "dataset", fingerprint),
    Check("cases", lambda kind, spec: kind == "dataset", cases),
    Check("reload", lambda kind, spec: kind == "dataset", reloaded),
    Check("rights", lambda kind, spec: kind == "dataset", rights),
)
